"""How long a visit waits for a camera: for answers that are good to know and never needed, and for unfinished films.

A file about which the camera does not answer keeps no other file waiting, and all extra questions together cost little
time. A camera that has just stopped writes the end of a film within seconds, and its size or ETag change: that film is
waited for. A film whose battery died stays as it is until the camera repairs it, so nobody waits for it in every run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from edge_client.base.errors import (
    CameraBusy,
    CameraUnreachable,
    EdgeError,
    FilmBroken,
    Postponed,
    ReadBroken,
    SpoolFault,
    SpoolFull,
    Unfinished,
    Unsettled,
)
from edge_client.base.retry import Timing
from edge_client.haul.ports import BrokenFilms
from edge_client.model.files import CameraFile, FileIdentity

log = logging.getLogger(__name__)

# Cards keep times in steps of two seconds: in this time an ETag that is made of them shows that the camera writes.
STILL_S = 10.0

# The most seconds that a visit waits in vain for all that it asks here. One answer that does not come takes as long.
MOST_VAIN_S = 10.0
MOST_TRIES = 3
TRIES_APART_S = 0.5
SILENT = (CameraUnreachable, CameraBusy, ReadBroken)
T = TypeVar("T")


@dataclass(frozen=True)
class _Look:
    film: FileIdentity
    at: float


class Stillness:
    """Judges the looks of one run at films that are not ready."""

    def __init__(self, broken: BrokenFilms | None) -> None:
        self._broken = broken
        self._seen: set[str] = set()
        self._first: dict[str, _Look] = {}

    def judge(self, file: CameraFile, error: Unsettled, now: float) -> EdgeError:
        """What the error means: FilmBroken, at first Postponed, else the error itself, which is waited for."""
        if isinstance(error, Unfinished):
            film = FileIdentity(replace(file, size_bytes=error.size_bytes), error.etag)
            first = self._first.get(file.path)
            if first is None or first.film != film:
                self._first[file.path] = first = _Look(film, now)
            if self._broken is not None and self._broken.has(film):
                return FilmBroken(f"{error}; it has not changed since an earlier run")
            if now - first.at >= STILL_S:
                self._remember(film)
                return FilmBroken(f"{error}; it has not changed for {now - first.at:.0f} s")
        if file.path not in self._seen:
            self._seen.add(file.path)
            return Postponed(str(error))
        return error

    def _remember(self, film: FileIdentity) -> None:
        if self._broken is None:
            return
        try:
            self._broken.add(film)
        except (SpoolFault, SpoolFull) as error:
            # The next run waits for the film once more.
            log.debug("a broken film is not remembered", extra={"reason": str(error)})


@dataclass
class Extras:
    """What one visit asks but does not need. `check` raises when it is the camera itself that is away or busy."""

    timing: Timing
    check: Callable[[], object]
    vain_s: float = 0.0
    was_logged: bool = False

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
            if not self.was_logged:
                self.was_logged = True
                log.warning("not answered, and not needed", extra={"file": path, "reason": str(error)})
            return None
