"""When something goes wrong: on which path, from which request on, for which byte, by which method."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field

from infra.local.camera.faults.effect import Effect
from infra.local.camera.routes import FILES
from infra.local.camera.wire import Answer, Request


@dataclass(frozen=True)
class Fault:
    """An effect on `times` requests for `path` (None: all after it), beginning with the `nth`.

    With `covering`, only requests that ask for that byte of the file count, with `first` only those whose range begins
    there, with `method` only those by it, numbered among themselves. A path is the whole path of a call; `chapter_path`
    makes a file's. None is every path: the camera's n-th call of any kind.
    """

    path: str | None
    effect: Effect
    nth: int = 1
    times: int | None = 1
    covering: int | None = None
    first: int | None = None
    method: str | None = None

    def concerns(self, request: Request) -> bool:
        if self.path not in (None, request.path) or self.method not in (None, request.method):
            return False
        if self.first is not None and (request.asked is None or request.asked.first != self.first):
            return False
        if self.covering is None or request.asked is None:
            return True
        return request.asked.covers(self.covering)

    def is_due(self, number: int) -> bool:
        return number >= self.nth and (self.times is None or number < self.nth + self.times)


@dataclass
class FaultTable:
    """The faults of a camera and how often each was concerned. Safe for threads."""

    faults: list[Fault] = field(default_factory=list)
    _counts: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self.faults.extend(faults)

    def clear(self) -> None:
        with self._lock:
            self.faults.clear()
            self._counts.clear()

    def due(self, request: Request) -> list[Effect]:
        """The effects on this request, which is counted by asking."""
        with self._lock:
            concerned = [number for number, fault in enumerate(self.faults) if fault.concerns(request)]
            return [self.faults[number].effect for number in concerned if self._counts_and_is_due(number)]

    def _counts_and_is_due(self, number: int) -> bool:
        self._counts[number] = self._counts.get(number, 0) + 1
        return self.faults[number].is_due(self._counts[number])


def chapter_path(name: str, directory: str = "100GOPRO") -> str:
    """The path under which a file is read."""
    return f"{FILES}{directory}/{name}"


def spoilt_request(effects: Iterable[Effect], request: Request) -> Request:
    for effect in effects:
        request = effect.request(request)
    return request


def spoilt_answer(effects: Iterable[Effect], answer: Answer) -> Answer:
    for effect in effects:
        answer = effect.answer(answer)
    return answer
