"""
A person with a browser that knows no JavaScript: follows links and presses buttons by their words.

``Person`` is what a journey needs of a browser, so that the same steps are walked here
and in a real one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import urljoin

import httpx
from django.test.html import Element, parse_html

from billing.models import User
from tests.factories import PASSWORD


class Person(Protocol):
    """Someone at a page."""

    @property
    def url(self) -> str: ...

    def open(self, url: str) -> None: ...

    def fill(self, label: str, value: str) -> None: ...

    def choose(self, label: str) -> None:
        """Choose a radio button by a part of its label."""

    def press(self, button: str) -> None: ...

    def follow(self, link: str) -> None: ...

    def read(self) -> str:
        """Return what the page says, on one line."""

    def regions(self, name: str) -> list[str]:
        """Return what each part of the page with that name says."""

    def links(self) -> list[str]:
        """Return the words of every link of the page itself."""


def sign_in(person: Person, user: User) -> None:
    """Fill in the sign-in page that the person was sent to."""
    person.fill("Email", user.email)
    person.fill("Password", PASSWORD)
    person.press("Sign in")


class Surfer:
    """A person without JavaScript, over HTTP."""

    def __init__(self, address: str, *, session: str = "") -> None:
        cookies = {"session": session} if session else {}
        self.client = httpx.Client(
            base_url=address, cookies=cookies, follow_redirects=True, trust_env=False, timeout=60
        )
        self.answer = httpx.Response(200)
        self.page = Element("html", ())
        self.filled: dict[str, str] = {}

    @property
    def url(self) -> str:
        return str(self.answer.url)

    def open(self, url: str) -> None:
        self._arrive(self.client.get(url))

    def fill(self, label: str, value: str) -> None:
        self.filled[attribute(self._field(label), "name")] = value

    def choose(self, label: str) -> None:
        field = self._field(label)
        self.filled[attribute(field, "name")] = attribute(field, "value")

    def press(self, button: str) -> None:
        method, url, data = self.form_of(button)
        self._arrive(self.client.request(method, url, **{"data" if method == "POST" else "params": data}))

    def follow(self, link: str) -> None:
        found = next(each for each in every(self.page, "a") if words(each) == link)
        self.open(urljoin(self.url, attribute(found, "href")))

    def read(self) -> str:
        return words(next(every(self.page, "main")))

    def regions(self, name: str) -> list[str]:
        return [words(each) for each in every(self.page, "section") if self._name(each) == name]

    def links(self) -> list[str]:
        return [words(each) for each in every(next(every(self.page, "main")), "a")]

    def form_of(self, button: str) -> tuple[str, str, dict[str, list[str]]]:
        """Return the method, address and data that pressing a button sends."""
        for form in every(self.page, "form"):
            for each in every(form, "button"):
                if words(each) == button:
                    url = urljoin(self.url, attribute(form, "action"))
                    return attribute(form, "method").upper() or "GET", url, self._data(form, each)
        raise LookupError(f"no button {button!r} on {self.url}: {words(self.page)}")

    def stay_away(self, button: str) -> str:
        """Press a button and do not go where it leads: the address is all that is left."""
        method, url, data = self.form_of(button)
        return str(self.client.request(method, url, data=data, follow_redirects=False).headers["Location"])

    def close(self) -> None:
        self.client.close()

    def _arrive(self, answer: httpx.Response) -> None:
        assert answer.status_code < 500, f"{answer.url} answered {answer.status_code}"
        self.answer, self.filled = answer, {}
        self.page = parse_html(answer.text)

    def _data(self, form: Element, button: Element) -> dict[str, list[str]]:
        data: dict[str, list[str]] = defaultdict(list)
        for each in every(form, "input"):
            kind = attribute(each, "type")
            if kind not in ("radio", "checkbox") or has(each, "checked"):
                data[attribute(each, "name")].append(attribute(each, "value"))
        data |= {name: [value] for name, value in self.filled.items() if name in names(form)}
        if attribute(button, "name"):
            data[attribute(button, "name")] = [attribute(button, "value")]
        return data

    def _field(self, label: str) -> Element:
        for each in every(self.page, "label"):
            if label in words(each):
                field = self._by_id(attribute(each, "for"))
                assert field is not None, f"the label {label!r} belongs to nothing"
                return field
        raise LookupError(f"no field {label!r} on {self.url}: {words(self.page)}")

    def _name(self, section: Element) -> str:
        title = self._by_id(attribute(section, "aria-labelledby"))
        return words(title) if title else attribute(section, "aria-label")

    def _by_id(self, id: str) -> Element | None:
        return next((each for each in every(self.page) if id and attribute(each, "id") == id), None)


def every(element: Element, name: str = "") -> Iterator[Element]:
    """Walk the elements inside, in the order of the page."""
    for child in element.children:
        if isinstance(child, Element):
            if not name or child.name == name:
                yield child
            yield from every(child, name)


def attribute(element: Element, name: str) -> str:
    return str(dict(element.attributes).get(name) or "")


def has(element: Element, name: str) -> bool:
    return name in dict(element.attributes)


def names(form: Element) -> set[str]:
    return {attribute(each, "name") for each in every(form, "input")}


def words(element: Element) -> str:
    """Return the text of an element on one line, with plain spaces."""
    return plain(" ".join(_texts(element)))


def _texts(element: Element) -> Iterator[str]:
    for child in element.children:
        if isinstance(child, Element):
            yield from _texts(child)
        else:
            yield str(child)


def plain(text: str) -> str:
    """Write text on one line with plain spaces, and none before a full stop or a comma."""
    line = " ".join(text.replace("\u00a0", " ").replace("\u202f", " ").split())
    for mark in (".", ",", ":"):
        line = line.replace(f" {mark}", mark)
    return line
