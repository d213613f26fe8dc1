"""Who looks at a client from outside: at its spool and at its age."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

from tests.e2e.kills import signs

EVERY_S = 0.001
# By a file's folder and name.
SIGNS = {
    re.compile(r"[^/]+/plan\.json"): signs.PLAN,
    re.compile(r"[^/]+/[0-9]+\.writing"): signs.WRITING,
    re.compile(r"[^/]+/[^/]+\.part"): signs.PART,
    re.compile(r"receipts/[^/]+\.json"): signs.RECEIPT,
}


class Lookout:
    """Tells of what is new since it was made, a thousand times a second, for as long as a block runs."""

    def __init__(self, tell: Callable[[str, int], None], spool: Path) -> None:
        self._tell = tell
        self._spool = spool
        self._there = set(_names(spool))
        self._age_ms = 0
        self._born_at = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)

    def __enter__(self) -> Lookout:
        self._born_at = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(EVERY_S):
            self._look_at_spool()
            self._look_at_clock()

    def _look_at_spool(self) -> None:
        there = set(_names(self._spool))
        gone = sum(name.endswith(".part") for name in self._there - there)
        for sign in filter(None, map(_sign_of, there - self._there)):
            self._tell(sign, 1)
        if gone:
            self._tell(signs.PART_GONE, gone)
        self._there = there

    def _look_at_clock(self) -> None:
        before, self._age_ms = self._age_ms, int((time.monotonic() - self._born_at) * 1000)
        self._tell(signs.MILLISECOND, self._age_ms - before)


def _names(spool: Path) -> Iterator[str]:
    """The files below the spool, each as its folder's name and its own. What goes meanwhile is passed over."""
    for folder, _, files in os.walk(spool):
        yield from (f"{os.path.basename(folder)}/{name}" for name in files)


def _sign_of(name: str) -> str | None:
    return next((sign for pattern, sign in SIGNS.items() if pattern.fullmatch(name)), None)
