"""Asks a camera for what is good to know of a file and never needed: its length, GoPro's own id, a size not listed.

A file about which the camera does not answer keeps no other file waiting, and all of them together cost little time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from edge_client.base.errors import CameraBusy, CameraUnreachable, ReadBroken
from edge_client.base.retry import Timing

log = logging.getLogger(__name__)

# The most seconds that a visit waits in vain for all that it asks here. One answer that does not come takes as long.
MOST_VAIN_S = 10.0
MOST_TRIES = 3
TRIES_APART_S = 0.5
SILENT = (CameraUnreachable, CameraBusy, ReadBroken)

T = TypeVar("T")


@dataclass
class Extras:
    """What one visit asks but does not need. `check` raises when it is the camera itself that is away or busy."""

    timing: Timing
    check: Callable[[], object]
    vain_s: float = 0.0
    is_told: bool = False

    def ask(self, path: str, call: Callable[[], T]) -> T | None:
        """What `call` returns in one try; None when nothing is answered, or when too much time went by in vain."""
        return self._once(path, call) if self.vain_s < MOST_VAIN_S else None

    def ask_present(self, path: str, call: Callable[[], T]) -> T | None:
        """The same of a camera that is there: one that is away has not left this one thing unanswered."""
        before_s = self.vain_s
        found = self.ask(path, call)
        if found is None and before_s < MOST_VAIN_S:
            after_s, self.vain_s = self.vain_s, before_s
            self.check()
            self.vain_s = after_s
        return found

    def ask_well(self, path: str, call: Callable[[], T]) -> T | None:
        """What `call` returns in a few tries, however much time went by: for what is written down for good."""
        for _ in range(MOST_TRIES):
            began_s = self.timing.monotonic()
            if (found := self._once(path, call)) is not None:
                return found
            waited_s = self.timing.monotonic() - began_s
            self.check()
            if waited_s >= MOST_VAIN_S:
                return None
            self.timing.sleep(TRIES_APART_S)
        return None

    def _once(self, path: str, call: Callable[[], T]) -> T | None:
        began_s = self.timing.monotonic()
        try:
            return call()
        except SILENT as error:
            self.vain_s += self.timing.monotonic() - began_s
            if not self.is_told:
                self.is_told = True
                log.warning("not answered, and not needed", extra={"file": path, "reason": str(error)})
            return None
