"""A ranged read that believes nothing it has not compared.

CivetWeb knows no 416, ignores If-Range, and writes its log into the socket at times: before the status line, among
the headers, between the bytes. So status, range, total, ETag and length must be exactly those that are due, every byte
is counted, and what comes behind the last one betrays that something was put in before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from edge_client.base.errors import FileInDoubt, ReadBroken, RequestForbidden, Unsettled
from edge_client.camera.connection import FILES, Answer, Connection
from edge_client.model.parts import Span

# Measured: larger blocks save no processor time, and writes of whole MiB into reserved room cost ext4 several times it.
BLOCK_BYTES = 256 * 1024
ASK_AGAIN = "the camera is asked again; if it continues, switch the camera off and on"
CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-([0-9]{1,19})/([0-9]{1,19})", re.ASCII)


@dataclass(frozen=True)
class Wanted:
    """Bytes of a file of `total_bytes`. `etag` is "" where the camera gives none, None where any will do."""

    path: str
    span: Span
    total_bytes: int
    etag: str | None

    @property
    def last(self) -> int:
        return self.span.first + self.span.size_bytes - 1


def read_range(connection: Connection, wanted: Wanted, write: Callable[[memoryview], None]) -> None:
    """Give `write` exactly the wanted bytes, in order; each block is valid only during its call.

    Raises FileInDoubt when this one answer says another total or ETag, Transient for everything that another try may
    mend.
    """
    if not 0 <= wanted.span.first <= wanted.last < wanted.total_bytes:
        raise RequestForbidden(
            f"bytes {wanted.span.first}-{wanted.last} are not inside a file of {wanted.total_bytes} bytes"
        )
    headers = {"Range": f"bytes={wanted.span.first}-{wanted.last}"}
    with connection.ask("GET", wanted.path, headers) as answer:
        answer.refuse_unless(206)
        _refuse_other_file(answer, wanted)
        _refuse_other_range(answer, wanted)
        _take(answer, wanted.span.size_bytes, write)
        if answer.sends_more():
            raise ReadBroken("the camera sent more than was asked for")


def _refuse_other_file(answer: Answer, wanted: Wanted) -> None:
    _, _, total_bytes = _range_of(answer)
    path = wanted.path.removeprefix(FILES)
    if total_bytes != wanted.total_bytes:
        raise FileInDoubt(
            f"one answer says that {path} has {total_bytes} bytes, {wanted.total_bytes} were planned; {ASK_AGAIN}"
        )
    etag = answer.header("ETag") or ""
    if wanted.etag and not etag:
        raise Unsettled(
            f"the camera no longer says which version of {path} it sends (no ETag); switch it off and on"
        )
    if wanted.etag is not None and etag != wanted.etag:
        raise FileInDoubt(
            f"one answer says that {path} is another file than was planned (its ETag is another); {ASK_AGAIN}"
        )


def _refuse_other_range(answer: Answer, wanted: Wanted) -> None:
    first, last, _ = _range_of(answer)
    if (first, last) != (wanted.span.first, wanted.last):
        raise ReadBroken(f"the camera sends bytes {first}-{last}, not those that were asked for")
    if answer.header("Content-Length") != str(wanted.span.size_bytes):
        raise ReadBroken("the camera's Content-Length is not that of the range")
    if answer.header("Transfer-Encoding") or answer.header("Content-Encoding") not in (None, "identity"):
        raise ReadBroken("the camera encodes what it sends")


def _range_of(answer: Answer) -> tuple[int, int, int]:
    match = CONTENT_RANGE.fullmatch(answer.header("Content-Range") or "")
    if not match:
        raise ReadBroken("the camera does not say which bytes it sends")
    return int(match[1]), int(match[2]), int(match[3])


def _take(answer: Answer, size_bytes: int, write: Callable[[memoryview], None]) -> None:
    """Exactly `size_bytes` of the body, through one buffer, each piece as it comes: a trickle is seen as one."""
    buffer = memoryview(bytearray(min(BLOCK_BYTES, size_bytes)))
    left = size_bytes
    while left:
        taken = answer.take_into(buffer[:left])
        if not taken:
            raise ReadBroken(f"the camera ended {left} bytes early")
        left -= taken
        with buffer[:taken] as block:
            write(block)
