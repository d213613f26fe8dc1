"""Heads that say something else than what follows, or hold what is not a header."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from infra.local.camera.faults.bodies import LOG_LINE
from infra.local.camera.faults.effect import Effect
from infra.local.camera.wire import Answer

CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)")


@dataclass(frozen=True)
class WrongContentRange(Effect):
    """A 206 with the right bytes that says it holds others."""

    text: str

    def answer(self, answer: Answer, /) -> Answer:
        return answer.with_header("Content-Range", self.text)


@dataclass(frozen=True)
class OtherStart(Effect):
    """A 206 that says it begins `by_bytes` later, and ends as much later."""

    by_bytes: int

    def answer(self, answer: Answer, /) -> Answer:
        return _with_content_range(answer, moved_bytes=self.by_bytes, longer_bytes=0)


@dataclass(frozen=True)
class OtherTotal(Effect):
    """A 206 of a file that says it is `by_bytes` longer."""

    by_bytes: int

    def answer(self, answer: Answer, /) -> Answer:
        return _with_content_range(answer, moved_bytes=0, longer_bytes=self.by_bytes)


@dataclass(frozen=True)
class LengthSays(Effect):
    """Another Content-Length, with the same body: `0`, `-1`, another size of the file."""

    text: str

    def answer(self, answer: Answer, /) -> Answer:
        return answer.with_header("Content-Length", self.text)


@dataclass(frozen=True)
class WithoutHeader(Effect):
    """One header is not sent."""

    name: str

    def answer(self, answer: Answer, /) -> Answer:
        return answer.without_header(self.name)


@dataclass(frozen=True)
class EtagChanged(Effect):
    """The file says that it is another one."""

    etag: str = '"5eed.1"'

    def answer(self, answer: Answer, /) -> Answer:
        return answer.with_header("Etag", self.etag)


@dataclass(frozen=True)
class LogLine(Effect):
    """The server's own log line, written into the socket before the status line."""

    text: str = LOG_LINE

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, preface=f"{self.text}\r\n".encode())


@dataclass(frozen=True)
class LogAmongHeaders(Effect):
    """The server's own log line after so many headers. One with a colon reads as a header, one without as none."""

    behind: int = 1
    text: str = LOG_LINE

    def answer(self, answer: Answer, /) -> Answer:
        headers = answer.headers
        return replace(answer, headers=(*headers[: self.behind], ("", self.text), *headers[self.behind :]))


@dataclass(frozen=True)
class SlowHead(Effect):
    """Status line and headers come byte by byte, one each `every_s`, until `Camera.release()`."""

    every_s: float

    def answer(self, answer: Answer, /) -> Answer:
        return replace(answer, head_byte_s=self.every_s)


def _with_content_range(answer: Answer, *, moved_bytes: int, longer_bytes: int) -> Answer:
    found = CONTENT_RANGE.fullmatch(answer.header("Content-Range") or "")
    if found is None:
        return answer
    first, last, total = (int(number) for number in found.groups())
    text = f"bytes {first + moved_bytes}-{last + moved_bytes}/{total + longer_bytes}"
    return answer.with_header("Content-Range", text)
