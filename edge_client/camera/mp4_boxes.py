"""Pure: what a camera's file says by its structure: whether it is all there, and which camera wrote it.

An MP4 is a row of boxes, each with its length and kind in front: 4 bytes of length, 4 of kind, and, where the length
is 1, 8 more for a long one. A length of 0 says "to the end of the file", as a camera writes it while it records.
Bytes after the last box are no part of the film: some cameras leave them when they repair a file.
Sources: ISO/IEC 14496-12, 4.2; three real files (`ftyp`, `mdat`, `moov` last).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

BOX_HEADER_BYTES = 16
SHORT_HEADER_BYTES = 8
LONG, TO_THE_END = 1, 0
MOST_BOXES = 64
NEEDED = ("moov", "mdat")
KIND = re.compile(rb"[ -~]{4}")
# The GPRO header at the beginning of `mdat` lies in the first bytes of a file.
HEAD_BYTES = 256
SERIAL = re.compile(r"[A-Z][A-Z0-9]{13}", re.ASCII)


class NotWhole(Exception):
    """A file that is not finished; the text says what is missing, as "it has …"."""


class NoFurtherBox(NotWhole):
    """What follows the last box is not a box, or it is one that runs beyond the end and that no camera still writes."""


@dataclass(frozen=True)
class Box:
    """One box: its kind, its first byte and the one after its last."""

    kind: str
    first: int
    end: int


def trailing_bytes(size_bytes: int, read: Callable[[int, int], bytes]) -> int:
    """How many bytes follow the last box of a whole film: 0 when its boxes fill it, some after a camera's repair.

    A film is whole when `moov` and `mdat` are complete and lie within it. A further `mdat` or `moov` that is not
    complete, and any box without a length, may still be written: such a film is not finished, and neither is one with
    too many boxes. `read` gives bytes of the file from (first, count). Raises NotWhole with what is missing.
    """
    if size_bytes == 0:
        raise NotWhole("it has no bytes")
    kinds, end = set[str](), 0
    try:
        for box in boxes(size_bytes, read):
            kinds.add(box.kind)
            end = box.end
    except NoFurtherBox:
        if not kinds.issuperset(NEEDED):
            raise
    if missing := [kind for kind in NEEDED if kind not in kinds]:
        raise NotWhole(f"it has no {' and no '.join(missing)} box")
    return size_bytes - end


def boxes(size_bytes: int, read: Callable[[int, int], bytes]) -> Iterator[Box]:
    """The boxes of a file of `size_bytes`, which they fill exactly. Raises NotWhole where they do not."""
    first, count = 0, 0
    while first < size_bytes:
        count += 1
        if count > MOST_BOXES:
            raise NotWhole(f"it has more than {MOST_BOXES} boxes")
        if size_bytes - first < SHORT_HEADER_BYTES:
            raise NoFurtherBox(f"{size_bytes - first} bytes are left after the box that ends at byte {first}")
        box = _box(first, read(first, min(BOX_HEADER_BYTES, size_bytes - first)))
        if box.end > size_bytes:
            raise _broken(box.kind, f"at byte {first} ends at {box.end}, beyond the end at {size_bytes}")
        yield box
        first = box.end


def _box(first: int, header: bytes) -> Box:
    length, kind = struct.unpack(">I4s", header[:SHORT_HEADER_BYTES])
    if not KIND.fullmatch(kind):
        raise NoFurtherBox(f"there is no box at byte {first}")
    name = kind.decode("ascii")
    least = SHORT_HEADER_BYTES
    if length == TO_THE_END:
        raise NotWhole(f"its {name} box at byte {first} has no length yet")
    if length == LONG:
        if len(header) < BOX_HEADER_BYTES:
            raise _broken(name, f"at byte {first} ends within its header")
        (length,) = struct.unpack(">Q", header[SHORT_HEADER_BYTES:])
        least = BOX_HEADER_BYTES
    if length < least:
        raise _broken(name, f"at byte {first} is shorter than its header")
    return Box(name, first, first + length)


def _broken(kind: str, what: str) -> NotWhole:
    """The error for a box that is not complete: the camera may still write those that a film needs."""
    error = NotWhole if kind in NEEDED else NoFurtherBox
    return error(f"its {kind} box {what}")


def serial_of_header(head: bytes) -> str | None:
    """The camera's serial from the first bytes of one of its MP4 files, or None.

    `mdat` begins with GPRO, u32 length, firmware (15), lens serial (48, padded), media id (16), camera serial (14).
    Source: real files of three models, where it equals the CASN of their GPMF in all that have one.
    """
    at = head.find(b"GPRO")
    serial = head[at + 87 : at + 101].decode("ascii", "replace") if at >= 0 else ""
    if not SERIAL.fullmatch(serial):
        return None
    return serial
