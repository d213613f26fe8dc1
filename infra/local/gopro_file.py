"""The structure of a GoPro MP4: boxes, the GPRO header in front of the samples, `moov` last.

Source: three real files (HERO5, HERO7, MAX). Their `mdat` payload begins with

    0 `GPRO` | 4 length, u32 little-endian | 8 firmware, 15 | 23 lens serial, 48 | 71 camera id, 16
    87 serial, 15 | 102 model, 24

The field behind the firmware equals the `LENS` box of `moov`, the one behind it the `CAME` box; the camera's own serial
(`C328…` on a HERO7) stands at 87, so in the file at 115, or at 123 with the long box header. The first 256 bytes hold
it in either case, the first 128 do not.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

HEAD_BYTES = 256
GPRO_LAYOUT = struct.Struct("<4sI15s48s16s15s24s")
GPRO_BYTES = 576  # as on a HERO7; the samples begin after it
FTYP_BYTES = 20
LARGEST_SHORT_BOX = 2**32 - 1
CONTAINERS = {"moov", "trak", "mdia", "minf", "stbl"}


class Content(Protocol):
    """Bytes that can be read at any place, without being held in memory."""

    @property
    def size_bytes(self) -> int: ...

    def read(self, offset: int, size_bytes: int) -> bytes: ...


@dataclass(frozen=True)
class DiskContent:
    """A file on disk, with the size that it had when it was looked at."""

    path: Path
    size_bytes: int

    @classmethod
    def at(cls, path: Path) -> DiskContent:
        return cls(path, path.stat().st_size)

    def read(self, offset: int, size_bytes: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(max(0, min(size_bytes, self.size_bytes - offset)))


@dataclass(frozen=True)
class MemoryContent:
    """Bytes in memory."""

    data: bytes

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    def read(self, offset: int, size_bytes: int) -> bytes:
        return self.data[offset : offset + size_bytes]


class BrokenFile(Exception):
    """Not a whole GoPro MP4; the message says what is wrong and where."""


@dataclass(frozen=True)
class Box:
    """One box: where it begins, its length with its header of 8 or 16 bytes."""

    kind: str
    offset: int
    size_bytes: int
    header_bytes: int

    @property
    def payload_offset(self) -> int:
        return self.offset + self.header_bytes

    @property
    def end(self) -> int:
        return self.offset + self.size_bytes


@dataclass(frozen=True)
class GproHeader:
    """Which camera wrote a file, as the file itself says."""

    serial: str
    firmware: str
    model: str = ""
    lens_serial: str = ""

    def encoded(self) -> bytes:
        """The header as it is at the beginning of the `mdat` payload, GPRO_BYTES long."""
        texts = (
            text.encode("ascii") for text in (self.firmware, self.lens_serial, "", self.serial, self.model)
        )
        return GPRO_LAYOUT.pack(b"GPRO", GPRO_BYTES, *texts).ljust(GPRO_BYTES, b"\0")


@dataclass(frozen=True)
class GoproFile:
    """What the structure of a whole file tells."""

    boxes: tuple[Box, ...]
    header: GproHeader
    duration_s: float


def walk(content: Content, start: int = 0, end: int | None = None) -> Iterator[Box]:
    """The boxes from `start` to exactly `end` (as a rule the end of the file). Raises BrokenFile."""
    stop = content.size_bytes if end is None else end
    while start < stop:
        box = _box_at(content, start)
        if box.size_bytes < box.header_bytes or box.end > stop:
            raise BrokenFile(f"box {box.kind!r} at {start} claims {box.size_bytes} bytes of {stop - start}")
        yield box
        start = box.end


def inspected(content: Content) -> GoproFile:
    """The file's structure, when it is whole: `ftyp`, `mdat` with a GPRO header, `moov` last. Raises BrokenFile."""
    boxes = tuple(walk(content))
    kinds = [box.kind for box in boxes]
    if kinds != ["ftyp", "mdat", "moov"]:
        raise BrokenFile(f"boxes are {kinds}, not ftyp, mdat, moov")
    _, mdat, moov = boxes
    return GoproFile(boxes, _gpro_at(content, mdat.payload_offset), _duration_s(content, moov))


def header_of(head: bytes) -> GproHeader:
    """The GPRO header in the first HEAD_BYTES of a file, whether or not the rest is there. Raises BrokenFile."""
    content = MemoryContent(head)
    box = _box_at(content, 0)
    while box.kind != "mdat":
        box = _box_at(content, box.end)
    return _gpro_at(content, box.payload_offset)


def from_plain_mp4(plain: bytes, header: GproHeader) -> bytes:
    """The GoPro form of a plain MP4: the same samples after a GPRO header, then `moov`, its offsets moved.

    For what fits into memory, so below 4 GiB.
    """
    content = MemoryContent(plain)
    boxes = {box.kind: box for box in walk(content)}
    mdat, moov = boxes["mdat"], boxes["moov"]
    samples = plain[mdat.payload_offset : mdat.end]
    head = head_bytes(header, 8 + GPRO_BYTES + len(samples))
    shift = len(head) - mdat.payload_offset
    return b"".join((head, samples, _moved(plain, moov, shift)))


def head_bytes(header: GproHeader, mdat_bytes: int) -> bytes:
    """`ftyp`, the header of an `mdat` of `mdat_bytes` in all (the long form from 4 GiB on), and the GPRO header."""
    ftyp = struct.pack(">I4s4sI4s", FTYP_BYTES, b"ftyp", b"mp41", 0x20131018, b"mp41")
    if mdat_bytes <= LARGEST_SHORT_BOX:
        return ftyp + struct.pack(">I4s", mdat_bytes, b"mdat") + header.encoded()
    return ftyp + struct.pack(">I4sQ", 1, b"mdat", mdat_bytes) + header.encoded()


def tail_bytes(duration_s: float) -> bytes:
    """A `moov` that only says how long the film is: enough for a check of structure, not for a player."""
    timescale = 90_000
    mvhd = struct.pack(">I4sIIIII", 108, b"mvhd", 0, 0, 0, timescale, round(duration_s * timescale)).ljust(
        108, b"\0"
    )
    return struct.pack(">I4s", 8 + len(mvhd), b"moov") + mvhd


def _box_at(content: Content, offset: int) -> Box:
    head = content.read(offset, 16)
    if len(head) < 8:
        raise BrokenFile(f"no box header at {offset}: {len(head)} bytes are left")
    size_bytes, kind = struct.unpack(">I4s", head[:8])
    if size_bytes != 1:
        return Box(kind.decode("latin-1"), offset, size_bytes, 8)
    if len(head) < 16:
        raise BrokenFile(f"no long box header at {offset}: {len(head)} bytes are left")
    return Box(kind.decode("latin-1"), offset, struct.unpack(">Q", head[8:])[0], 16)


def _gpro_at(content: Content, offset: int) -> GproHeader:
    raw = content.read(offset, GPRO_LAYOUT.size)
    if len(raw) < GPRO_LAYOUT.size or not raw.startswith(b"GPRO"):
        raise BrokenFile(f"no GPRO header at {offset}")
    _, _, firmware, lens_serial, _, serial, model = GPRO_LAYOUT.unpack(raw)
    return GproHeader(_text(serial), _text(firmware), _text(model), _text(lens_serial))


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("latin-1")


def _duration_s(content: Content, moov: Box) -> float:
    for box in walk(content, moov.payload_offset, moov.end):
        if box.kind == "mvhd":
            version = content.read(box.payload_offset, 1)
            layout = ">20xIQ" if version == b"\1" else ">12xII"
            raw = content.read(box.payload_offset, struct.calcsize(layout))
            timescale, duration = struct.unpack(layout, raw)
            return float(duration / timescale)
    raise BrokenFile("moov has no mvhd")


def _moved(plain: bytes, moov: Box, shift: int) -> bytes:
    moved = bytearray(plain[moov.offset : moov.end])
    for box in _descend(MemoryContent(bytes(moved)), Box("moov", 0, moov.size_bytes, moov.header_bytes)):
        if box.kind in ("stco", "co64"):
            _shift_chunks(moved, box, "I" if box.kind == "stco" else "Q", shift)
    return bytes(moved)


def _descend(content: Content, box: Box) -> Iterator[Box]:
    yield box
    if box.kind in CONTAINERS:
        for inner in walk(content, box.payload_offset, box.end):
            yield from _descend(content, inner)


def _shift_chunks(moov: bytearray, box: Box, code: str, shift: int) -> None:
    (count,) = struct.unpack_from(">I", moov, box.payload_offset + 4)
    layout = f">{count}{code}"
    offsets = struct.unpack_from(layout, moov, box.payload_offset + 8)
    struct.pack_into(layout, moov, box.payload_offset + 8, *(offset + shift for offset in offsets))
