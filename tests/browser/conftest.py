"""A real browser: Debian's Chromium, with and without JavaScript."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.journeys.fixtures import begin, mailbox, refused, world

from . import chromium
from .tab import Tab

__all__ = ["begin", "mailbox", "refused", "world"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; where it is required and missing, the test fails."""
    path = chromium.find()
    if path is None:
        message = "there is no Chromium on this machine"
        pytest.fail(message) if os.environ.get("REQUIRE_BROWSER") == "true" else pytest.skip(message)
    with chromium.running(path) as running:
        yield running


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[Callable[..., Tab]]:
    """Return what opens a tab in a browser of its own; a page that the browser complains about fails the test."""
    tabs: list[Tab] = []

    def opened(**options: object) -> Tab:
        page: Page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
        tabs.append(Tab(page))
        return tabs[-1]

    yield opened
    for tab in tabs:
        tab.page.context.close()
    assert [complaint for tab in tabs for complaint in tab.complaints] == []
