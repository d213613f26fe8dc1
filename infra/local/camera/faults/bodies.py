"""Bodies that are cut, stalled, too long, too slow or not the file's."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace

from infra.local.camera.content import Inserted, Patched
from infra.local.camera.faults.effect import Effect
from infra.local.camera.wire import Answer, Drip, Ending
from infra.local.gopro_file import MemoryContent

LOG_LINE = "gpHttpServer: [04327868][INFO ] conn 0: /videos/DCIM @civetweb.c:17872"
ERROR_PAGE = b"Error 404: Not Found\nNot found"


@dataclass(frozen=True)
class CloseAfter(Effect):
    """The connection is reset after `body_bytes` bytes of the body, as when a cable is pulled."""

    body_bytes: int

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, count=min(answer.count, self.body_bytes), ending=Ending.RESET)


@dataclass(frozen=True)
class EndAfter(Effect):
    """The body ends in good order after `body_bytes`, even if more was promised: the 2 GB of a HERO+."""

    body_bytes: int

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, count=min(answer.count, self.body_bytes))


@dataclass(frozen=True)
class ShortBody(Effect):
    """The headers are right, the body ends `missing_bytes` early and in good order."""

    missing_bytes: int

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, count=max(0, answer.count - self.missing_bytes))


@dataclass
class CableDrops(Effect):
    """The link is reset each time when it has carried `every_bytes` bytes of bodies. For GET only; safe for threads."""

    every_bytes: int
    _left_bytes: int = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._left_bytes = self.every_bytes

    def answer(self, answer: Answer, /) -> Answer:
        with self._lock:
            left, self._left_bytes = self._left_bytes, self._left_bytes - answer.count
            if answer.count < left:
                return answer
            self._left_bytes = self.every_bytes
        return CloseAfter(left).answer(answer)


@dataclass(frozen=True)
class Surplus(Effect):
    """More bytes than the headers promise: `text` follows the body."""

    text: bytes = ERROR_PAGE

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, surplus=answer.surplus + self.text)


@dataclass(frozen=True)
class Overlong(Effect):
    """Body and Content-Length are longer than the range: `text` follows it, and is promised."""

    text: bytes = ERROR_PAGE

    def answer(self, answer: Answer, /) -> Answer:
        length = str(int(answer.header("Content-Length") or 0) + len(self.text))
        return Surplus(self.text).answer(answer.with_header("Content-Length", length))


@dataclass(frozen=True)
class BodyInstead(Effect):
    """The headers of the file, the body of an error page: the 30 bytes that filled a disk once."""

    body: bytes = ERROR_PAGE

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, content=MemoryContent(self.body), start=0, count=len(self.body))


@dataclass(frozen=True)
class LogInBody(Effect):
    """The server's log line is in the body, after `body_bytes` of it: all bytes after it come later."""

    body_bytes: int
    text: str = LOG_LINE

    def answer(self, answer: Answer, /) -> Answer:
        line = f"{self.text}\r\n".encode()
        content = Inserted(answer.content, answer.start + self.body_bytes, line)
        return replace(answer, content=content, count=answer.count + len(line))


@dataclass(frozen=True)
class BitFlipped(Effect):
    """One bit of the file's byte at `offset` is wrong, and nothing says so."""

    offset: int

    def answer(self, answer: Answer, /) -> Answer:
        wrong = bytes(byte ^ 1 for byte in answer.content.read(self.offset, 1))
        return replace(answer, content=Patched(answer.content, self.offset, wrong))


@dataclass(frozen=True)
class Stall(Effect):
    """After `body_bytes` bytes of the body nothing more comes until `Camera.release()`."""

    body_bytes: int = 0

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, stall_at=self.body_bytes)


@dataclass(frozen=True)
class Trickle(Effect):
    """After `after_bytes` bytes of the body only `size_bytes` bytes come each `every_s`, until `Camera.release()`."""

    size_bytes: int
    every_s: float
    after_bytes: int = 0

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, drip=Drip(self.size_bytes, self.every_s, self.after_bytes))
