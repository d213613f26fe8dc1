"""The text of a file as it was before anybody zipped it; its first bytes show whether it is zipped, never a name."""

import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

from chalicelib.core.errors import Poison
from chalicelib.core.measurements.limits import Limits
from chalicelib.core.measurements.work import Work

GZIP = b"\x1f\x8b"
"""The first bytes of gzip data."""
GZIP_WINDOW = 31
"""zlib's word for: a gzip header, a gzip trailer, the largest window."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FED_BYTES = 16 * 1024
"""zlib copies what it was fed and did not use, at every step."""

_STEP_BYTES = 256 * 1024
_TEXT_BYTES_A_STEP = 16
_MEMBER_STEPS = 50
"""The steps of one gzip member: zlib allocates a window for each."""


def text_of(chunks: Iterable[bytes], limits: Limits, work: Work) -> Iterator[bytes]:
    """The bytes of the text, in pieces, unzipped and without a byte order mark.

    Raises Poison when the gzip data are broken or end early, and beyond the caps of `limits`.
    """
    size_bytes = 0
    for piece in _unmarked(_unzipped(_counted(chunks, work), limits, work)):
        size_bytes += len(piece)
        work.spend(1 + len(piece) // _TEXT_BYTES_A_STEP)
        if size_bytes > limits.text_bytes:
            raise Poison(f"the text is longer than {limits.text_bytes} bytes")
        yield piece


def _counted(chunks: Iterable[bytes], work: Work) -> Iterator[bytes]:
    for chunk in chunks:
        work.allow(len(chunk))
        yield chunk


def _unzipped(chunks: Iterable[bytes], limits: Limits, work: Work) -> Iterator[bytes]:
    pieces = _led(chunks, len(GZIP))
    first = next(pieces, b"")
    if first.startswith(GZIP):
        yield from _inflated(chain((first,), pieces), limits, work)
        return
    yield first
    yield from pieces


def _inflated(pieces: Iterable[bytes], limits: Limits, work: Work) -> Iterator[bytes]:
    """What every gzip member holds, one after the other, in pieces of bounded size."""
    member, members = zlib.decompressobj(GZIP_WINDOW), 1
    for fed in _fed(pieces):
        rest = fed
        while rest:
            if member.eof:
                member, members = zlib.decompressobj(GZIP_WINDOW), members + 1
                work.spend(_MEMBER_STEPS)
            if members > limits.zipped_members:
                raise Poison(f"the gzip data have more than {limits.zipped_members} members")
            yield _step(member, rest)
            rest = member.unused_data if member.eof else member.unconsumed_tail
    while not member.eof:
        held_back = _step(member, b"")
        if not held_back:
            raise Poison("the gzip data end too early")
        yield held_back


def _step(member: "zlib._Decompress", fed: bytes) -> bytes:
    try:
        return member.decompress(fed, _STEP_BYTES)
    except zlib.error as error:
        raise Poison("the gzip data are broken, or something else follows them") from error


def _fed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), _FED_BYTES):
            yield piece[start : start + _FED_BYTES]


def _unmarked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    led = _led(pieces, len(_BYTE_ORDER_MARK))
    yield next(led, b"").removeprefix(_BYTE_ORDER_MARK)
    yield from led


def _led(pieces: Iterable[bytes], length: int) -> Iterator[bytes]:
    """The same bytes; the first piece has at least `length` of them if there are as many."""
    first = b""
    rest = iter(pieces)
    for piece in rest:
        first += piece
        if len(first) >= length:
            break
    yield first
    yield from rest
