"""A tab whose faults are noted: broken policy, errors that no code caught, complaints in the console."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from infra.local.browser import log_in

__all__ = ["WAIT_S", "Watched", "log_in", "until", "watch"]

WAIT_S = 60.0
"""How long a test waits at most for what the page does. It costs time only where something is wrong."""
LOOK_MS = 50

_NOTE_VIOLATIONS = """
window.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});
"""


@dataclass
class Watched:
    """The tab, and its faults so far. A test that provokes one says so with `expect`."""

    page: Page
    faults: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def expect(self, part: str) -> None:
        """A fault whose text has `part` is what the test wants; the browser reports each refused answer itself."""
        self.expected.append(part)

    def demand_sound(self) -> None:
        unexpected = [each for each in self.faults if not any(part in each for part in self.expected)]
        assert unexpected == [], f"the page complained: {unexpected}"


def watch(context: BrowserContext) -> Watched:
    """A new tab of `context`."""
    context.add_init_script(_NOTE_VIOLATIONS)
    watched = Watched(context.new_page())
    watched.page.on("console", lambda message: _note(watched, message))
    watched.page.on("pageerror", lambda error: watched.faults.append(f"error: {error}"))
    return watched


def until(page: Page, happened: Callable[[], object], what: str, timeout_s: float = WAIT_S) -> None:
    """Wait until `happened` answers something true, while the page and what the test hears of it go on."""
    ends_at = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < ends_at, f"not within {timeout_s:.0f} s: {what}"
        page.wait_for_timeout(LOOK_MS)


def _note(watched: Watched, message: ConsoleMessage) -> None:
    address = message.location.get("url", "")
    if message.type in ("error", "warning") and not _asks_who_is_here(message.text, address):
        watched.faults.append(f"{message.type}: {message.text} {address}")


def _asks_who_is_here(text: str, address: str) -> bool:
    """The page's first question, often answered 401; Chromium notes each refused call in its console."""
    return address.endswith("/v1/login") and " 401 " in text
