"""HTTP as values: a request as it came, an answer to be sent."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

from infra.local.gopro_file import Content, MemoryContent

NOTHING = MemoryContent(b"")
RANGE = re.compile(r"\s*bytes\s*=\s*([+-]?[0-9]+)(?:-([0-9]+))?")


@dataclass(frozen=True)
class Asked:
    """A Range as CivetWeb understands it: the first pair only; `last` is None when open."""

    first: int
    last: int | None

    def covers(self, offset: int) -> bool:
        return self.first <= offset and (self.last is None or offset <= self.last)


@dataclass(frozen=True)
class Request:
    """One request; header names in lower case, the path decoded."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def asked(self) -> Asked | None:
        """The range asked for, or None where the camera sends the whole file: none, or a suffix range."""
        found = RANGE.match(self.headers.get("range", ""))
        if found is None or int(found[1]) < 0:
            return None
        return Asked(int(found[1]), int(found[2]) if found[2] else None)

    def without_range(self) -> Request:
        return replace(self, headers={name: text for name, text in self.headers.items() if name != "range"})

    def with_range(self, asked: Asked) -> Request:
        last = "" if asked.last is None else asked.last
        return replace(self, headers={**self.headers, "range": f"bytes={asked.first}-{last}"})


class Ending(enum.Enum):
    """How a connection ends: in order, or by a reset, as when a cable is pulled."""

    ORDERLY = "orderly"
    RESET = "reset"


@dataclass(frozen=True)
class Drip:
    """A body that comes in pieces of `size_bytes`, one each `every_s`, after `after_bytes` at full speed."""

    size_bytes: int
    every_s: float
    after_bytes: int = 0


class Words(enum.Enum):
    """How the head goes out: as one piece; not before the camera may continue; never, not even a status line."""

    SPOKEN = "spoken"
    HELD = "held"
    UNSPOKEN = "unspoken"


@dataclass(frozen=True)
class Answer:
    """What is sent: `count` bytes of `content` from `start` on, then `surplus`, in spite of the headers.

    A header without a name is a line as it is. `refuse_s` and `sleep_s` say how long the camera refuses
    connections from this request on, and sleeps from the end of this answer on.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    content: Content = NOTHING
    start: int = 0
    count: int = 0
    surplus: bytes = b""
    preface: bytes = b""
    words: Words = Words.SPOKEN
    head_byte_s: float = 0.0
    drip: Drip | None = None
    stall_at: int | None = None
    ending: Ending = Ending.ORDERLY
    refuse_s: float | None = None
    sleep_s: float | None = None

    @property
    def body_bytes(self) -> int:
        """How many bytes follow the head when nothing cuts them."""
        return self.count + len(self.surplus)

    def head(self) -> bytes:
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {text}" if name else text for name, text in self.headers]
        return self.preface + "\r\n".join([*lines, "", ""]).encode("latin-1")

    def with_header(self, name: str, text: str) -> Answer:
        """The same answer with that header's text changed; where it has none, nothing changes."""
        return replace(self, headers=tuple((n, text if n == name else t) for n, t in self.headers))

    def without_header(self, name: str) -> Answer:
        return replace(self, headers=tuple((n, t) for n, t in self.headers if n != name))

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


def bytes_answer(status: int, content_type: str, body: bytes) -> Answer:
    headers = (("Content-Type", content_type), ("Content-Length", str(len(body))), ("Connection", "close"))
    return Answer(status, headers, MemoryContent(body), count=len(body))


def json_answer(value: object, status: int = 200) -> Answer:
    return bytes_answer(status, "application/json", json.dumps(value, separators=(",", ":")).encode())


def list_answer(value: object) -> Answer:
    """JSON whose names are the card's own bytes, UTF-8 or not."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return bytes_answer(200, "application/json", text.encode("utf-8", "surrogateescape"))


def not_found() -> Answer:
    """The 30 bytes that filled a disk once: no Content-Length."""
    headers = (("Content-Type", "text/plain; charset=utf-8"), ("Connection", "close"))
    body = b"Error 404: Not Found\nNot found"
    return Answer(404, headers, MemoryContent(body), count=len(body))


def busy() -> Answer:
    return json_answer({"message": "Camera is busy"}, 503)


def bad_request() -> Answer:
    return bytes_answer(400, "text/plain; charset=utf-8", b"Error 400: Bad Request\nBad request")


def request_of(method: str, target: str, headers: Iterable[tuple[str, str]]) -> Request:
    """The request of a request line and its headers."""
    parts = urlsplit(target)
    said = {name.lower(): text.strip() for name, text in headers}
    return Request(method, unquote(parts.path, errors="surrogateescape"), dict(parse_qsl(parts.query)), said)
