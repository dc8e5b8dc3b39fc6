"""A real browser: Debian's Chromium, with and without JavaScript."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.journeys.fixtures import begin, mailbox, refused, world

from .tab import Tab

__all__ = ["begin", "mailbox", "refused", "world"]

NAMES = ("chromium", "chromium-browser", "google-chrome")
# The machine's own web proxy, if there is one, has no business between a test and its server.
OPTIONS = ["--no-proxy-server"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        message = "there is no Chromium on this machine"
        pytest.fail(message) if os.environ.get("REQUIRE_BROWSER") == "true" else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def open_tab(chromium: Browser) -> Iterator[Callable[..., Tab]]:
    """Return what opens a tab in a browser of its own; a page that the browser complains about fails the test."""
    tabs: list[Tab] = []

    def opened(**options: object) -> Tab:
        page: Page = chromium.new_context(**options).new_page()  # type: ignore[arg-type]
        tabs.append(Tab(page))
        return tabs[-1]

    yield opened
    for tab in tabs:
        tab.page.context.close()
    assert [complaint for tab in tabs for complaint in tab.complaints] == []
