"""Whether a film that is not finished still changes: one that does is waited for, one that does not is broken.

A camera that has just stopped writes the end of a film within seconds, and its size or ETag change. A film whose
battery died stays as it is until the camera repairs it, so nobody waits for it in every run.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Protocol

from edge_client.base.errors import (
    EdgeError,
    FilmBroken,
    Postponed,
    SpoolFault,
    SpoolFull,
    Unfinished,
    Unsettled,
)
from edge_client.model.identity import FileIdentity
from edge_client.model.recordings import CameraFile

log = logging.getLogger(__name__)

# Cards keep times in steps of two seconds: in this time an ETag that is made of them shows that the camera writes.
STILL_S = 10.0


class BrokenFilms(Protocol):
    """Remembers between runs which films were found broken."""

    def has(self, film: FileIdentity) -> bool: ...

    def add(self, film: FileIdentity) -> None: ...


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
            if self._is_known(film):
                return FilmBroken(f"{error}; it has not changed since an earlier run")
            if now - first.at >= STILL_S:
                self._remember(film)
                return FilmBroken(f"{error}; it has not changed for {now - first.at:.0f} s")
        if file.path not in self._seen:
            self._seen.add(file.path)
            return Postponed(str(error))
        return error

    def _is_known(self, film: FileIdentity) -> bool:
        return self._broken is not None and self._broken.has(film)

    def _remember(self, film: FileIdentity) -> None:
        if self._broken is None:
            return
        try:
            self._broken.add(film)
        except (SpoolFault, SpoolFull) as error:
            # The next run waits for the film once more.
            log.debug("a broken film is not remembered", extra={"reason": str(error)})
