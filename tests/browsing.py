"""A real browser for tests: nothing from outside, no error on any page."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
SILENT = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000

SERIOUS = {"serious", "critical"}
KEY = re.compile(r"\b(WEB|UI|REPORT|USERS|ACCOUNT|PRICES|MODEL|METRICS)_[A-Z_]+\b")


@pytest.fixture(scope="module")  # Playwright keeps an event loop for itself
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip(f"there is no browser at {CHROMIUM}; name one in CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SILENT)
        yield browser
        browser.close()


@pytest.fixture
def open_context(browser: Browser) -> Iterator[Any]:
    """Give a maker of contexts that allow no outside request and no error.

    The browser speaks English, so that Portuguese must come from the application.
    """
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def open_for(site: Any, **options: Any) -> BrowserContext:
        context = browser.new_context(locale="en-US", **options)
        context.set_default_timeout(PATIENCE_MS)
        own = (site.url, "data:", "blob:")
        context.on(
            "request",
            lambda sent: None if sent.url.startswith(own) else faults.append(sent.url),
        )
        context.on("weberror", lambda error: faults.append(str(error.error)))
        context.on("dialog", lambda dialog: faults.append(dialog.message))
        contexts.append(context)
        return context

    yield open_for
    for context in contexts:
        context.close()
    assert faults == []


def faults_of(page: Page) -> list[str]:
    """Return what is seriously wrong with a page for some people, and keys left bare."""
    found = Axe().run(page).response["violations"]
    serious = [
        f"{page.url} {fault['id']}: {node['html'][:200]}"
        for fault in found
        if fault["impact"] in SERIOUS
        for node in fault["nodes"]
    ]
    keys = [match[0] for match in KEY.finditer(page.locator("body").inner_text())]
    return serious + keys
