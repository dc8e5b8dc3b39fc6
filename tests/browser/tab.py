"""A person in a real browser, with the words of ``tests.journeys.surfer.Person``."""

from __future__ import annotations

import re

from playwright.sync_api import ConsoleMessage, Page, Response

from tests.journeys.surfer import plain


class Tab:
    """A tab; it keeps what the browser complains about: scripts that fail, policies broken, files that are missing."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.set_default_timeout(15_000)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("response", self._watch)

    @property
    def url(self) -> str:
        return self.page.url

    def open(self, url: str) -> None:
        self.page.goto(url)

    def fill(self, label: str, value: str) -> None:
        self.page.get_by_label(label, exact=True).fill(value)

    def choose(self, label: str) -> None:
        self.page.get_by_role("radio", name=label).check()

    def press(self, button: str) -> None:
        """Press a button and wait until the page it leads to is there."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=button, exact=True).click()

    def follow(self, link: str) -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("main").get_by_role("link", name=link, exact=True).first.click()

    def read(self) -> str:
        return plain(self.page.get_by_role("main").inner_text())

    def regions(self, name: str) -> list[str]:
        return [plain(text) for text in self.page.get_by_role("region", name=name, exact=True).all_inner_texts()]

    def links(self) -> list[str]:
        return [plain(text) for text in self.page.get_by_role("main").get_by_role("link").all_inner_texts()]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _watch(self, response: Response) -> None:
        if response.status >= 400 and not re.search(r"favicon\.ico$", response.url):
            self.complaints.append(f"{response.status} {response.url}")
