"""Other answers altogether: error pages, documents that are none, other ranges than those asked for."""

from __future__ import annotations

from dataclasses import dataclass

from infra.local.camera.faults.bodies import ERROR_PAGE
from infra.local.camera.faults.effect import Effect
from infra.local.camera.wire import (
    Answer,
    Asked,
    Request,
    bad_request,
    busy,
    bytes_answer,
    json_answer,
    not_found,
)

HTML_PAGE = b"<!DOCTYPE html><html><body>It works!</body></html>"


@dataclass(frozen=True)
class RangeIgnored(Effect):
    """200 and the whole file, for every request."""

    def request(self, request: Request, /) -> Request:
        return request.without_range()


@dataclass(frozen=True)
class OtherRange(Effect):
    """A range `by_bytes` later than the one asked for, and headers that say so."""

    by_bytes: int

    def request(self, request: Request, /) -> Request:
        asked = request.asked
        if asked is None:
            return request
        last = None if asked.last is None else asked.last + self.by_bytes
        return request.with_range(Asked(asked.first + self.by_bytes, last))


@dataclass(frozen=True)
class Instead(Effect):
    """Another answer altogether: an error page, an empty list, HTML."""

    substitute: Answer

    def answer(self, _: Answer, /) -> Answer:
        return self.substitute


def document(value: object, status: int = 200) -> Instead:
    """Another JSON document, or one with another status."""
    return Instead(json_answer(value, status))


def page(body: bytes, status: int = 200, content_type: str = "text/html") -> Instead:
    """A page of any kind in place of what was asked for."""
    return Instead(bytes_answer(status, content_type, body))


MISSING = Instead(not_found())
MISSING_SAYS_200 = page(ERROR_PAGE, 200, "text/plain; charset=utf-8")
BUSY = Instead(busy())
BAD_REQUEST = Instead(bad_request())
SERVER_ERROR = page(b"Error 500: Internal Server Error\n", 500, "text/plain; charset=utf-8")
UNKNOWN_ERROR = document({"error": "Unknown error"}, 500)
HTML = page(HTML_PAGE)
GARBAGE = page(b'{"id":"1","media":[{"d":"100GO\xff\x00', 200, "application/json")
NO_MEDIA = document({"id": "1", "media": []})
NO_FILES = document({"id": "1", "media": [{"d": "100GOPRO", "fs": []}]})
