"""What may go wrong, and when: scripted faults by path, by the n-th request, and by the byte that it asks for.

A new fault is a small class with one of two methods: `request` changes what the camera hears, `answer` what it says.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from infra.local.camera.desk import FILES
from infra.local.camera.wire import Answer, Ending, Request, busy, not_found


class Effect:
    """Nothing goes wrong."""

    def request(self, request: Request, /) -> Request:
        return request

    def answer(self, answer: Answer, /) -> Answer:
        return answer


@dataclass(frozen=True)
class CloseAfter(Effect):
    """The connection is reset after `body_bytes` bytes of the body, as when a cable is pulled."""

    body_bytes: int

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, count=min(answer.count, self.body_bytes), ending=Ending.RESET)


@dataclass(frozen=True)
class ShortBody(Effect):
    """The headers are right, the body ends `missing_bytes` early and in good order."""

    missing_bytes: int

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, count=max(0, answer.count - self.missing_bytes))


@dataclass(frozen=True)
class WrongContentRange(Effect):
    """A 206 with the right bytes that says it holds others."""

    text: str

    def answer(self, answer: Answer, /) -> Answer:
        return answer.with_header("Content-Range", self.text)


@dataclass(frozen=True)
class RangeIgnored(Effect):
    """200 and the whole file, whatever was asked for."""

    def request(self, request: Request, /) -> Request:
        return request.without_range()


@dataclass(frozen=True)
class EtagChanged(Effect):
    """The file says that it is another one."""

    etag: str = '"5eed.1"'

    def answer(self, answer: Answer, /) -> Answer:
        return answer.with_header("Etag", self.etag)


@dataclass(frozen=True)
class Instead(Effect):
    """Another answer altogether: an error page, an empty list, HTML."""

    substitute: Answer

    def answer(self, _: Answer, /) -> Answer:
        return self.substitute


MISSING = Instead(not_found())
BUSY = Instead(busy())


@dataclass(frozen=True)
class Stall(Effect):
    """After `body_bytes` bytes of the body nothing more comes until `Camera.release()`."""

    body_bytes: int = 0

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, stall_at=self.body_bytes)


@dataclass(frozen=True)
class LogLine(Effect):
    """The server's own log line, written into the socket before the status line."""

    text: str = "gpHttpServer: [04327868][INFO ] conn 0: /videos/DCIM @civetweb.c:17872"

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, preface=f"{self.text}\r\n".encode())


@dataclass(frozen=True)
class Refuse(Effect):
    """This request is cut off without an answer, and new connections are refused for `seconds`."""

    seconds: float

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, refuse_s=self.seconds)


@dataclass(frozen=True)
class Fault:
    """An effect on `times` requests for `path` (None: all after it), beginning with the `nth`.

    With `covering`, only requests that ask for that byte of the file count, numbered among themselves. A path is the
    whole path of a call; `chapter_path` makes a file's.
    """

    path: str
    effect: Effect
    nth: int = 1
    times: int | None = 1
    covering: int | None = None

    def concerns(self, request: Request) -> bool:
        if request.path != self.path:
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
