"""Debian's Chromium, driven by Playwright: it takes pictures of the page, and tests use it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_NAMES = ("chromium", "chromium-browser", "google-chrome")


class NoBrowser(Exception):
    """There is no Chromium here; the text says what to install."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """A Chromium without a window, until the block ends. Raises NoBrowser."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        raise NoBrowser("Chromium is not installed (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Its own sandbox needs rights that containers do not give; it opens addresses of this machine alone.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def log_in(page: Page, url: str, token: str, place: str = "#/") -> None:
    """Log in to the page at `url` as a person does, and open `place`."""
    page.goto(f"{url}#/login")
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Log out").wait_for()
    page.goto(f"{url}{place}")


def take_picture(url: str, token: str, place: str, path: Path) -> None:
    """Write a picture of `place` to `path`, as an operator with `token` sees it. Raises NoBrowser."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        log_in(page, url, token, place)
        page.locator("main h1").first.wait_for()
        page.wait_for_load_state("networkidle")
        path.parent.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=path, full_page=True)
