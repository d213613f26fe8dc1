"""frames.jsonl.gz and blocks.json.gz: every frame a line, 300 lines a gzip member, and where each of these blocks lies.

The members one after the other are one gzip file for every reader; each can be read without the others.
"""

import gzip
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from chalicelib.core.measurements.columns import FrameColumns
from chalicelib.core.measurements.inflate import GZIP, GZIP_WINDOW

VERSION = 1
"""The version of blocks.json.gz; it rises when a field changes its meaning."""

MOST_COLUMNS = 200
LONGEST_COLUMN = 200
"""Characters. Of frames with more or longer names no columns are noted."""

_LEVEL = 3
"""Level 6 makes files 13 % smaller and takes three times as long; to pack is the largest part of indexing."""

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True)
class Block:
    """`count` frames, ascending by number, in `length_bytes` of frames.jsonl.gz from `offset` on.

    `first_s` and `last_s` are the least and the greatest timestamp in it.
    """

    first_frame: int
    last_frame: int
    first_s: float
    last_s: float
    offset: int
    length_bytes: int
    count: int

    @property
    def last_byte(self) -> int:
        return self.offset + self.length_bytes - 1


@dataclass(frozen=True)
class Blocks:
    """blocks.json.gz: every block of one revision, in the order of the file.

    `columns` are all members of its frames, sorted; None when they were not noted, as in older indexes.
    """

    version: int
    revision: str
    blocks: tuple[Block, ...]
    columns: tuple[str, ...] | None = None


@dataclass
class BlockWriter:
    """Packs frames into members and notes where each lies; the same frames make the same bytes."""

    blocks: list[Block] = field(default_factory=list)
    size_bytes: int = 0
    _columns: set[str] | None = field(default_factory=set)

    @property
    def columns(self) -> tuple[str, ...] | None:
        """All members of the frames so far, sorted; None when they are too many or too long to note."""
        return None if self._columns is None else tuple(sorted(self._columns))

    def packed(self, frames: Sequence[Any], columns: FrameColumns) -> bytes:
        """The next member of frames.jsonl.gz, which holds `frames`; `columns` are their values."""
        member = _zipped(_encoder.encode_lines(frames))
        numbers, times = columns.frame_numbers, columns.times
        self.blocks.append(
            Block(numbers[0], numbers[-1], min(times), max(times), self.size_bytes, len(member), len(numbers))
        )
        self.size_bytes += len(member)
        return member

    def note_members(self, names: Collection[str]) -> None:
        """Note that frames have members of these names."""
        if self._columns is None:
            return
        self._columns.update(names)
        if len(self._columns) > MOST_COLUMNS or any(len(name) > LONGEST_COLUMN for name in self._columns):
            self._columns = None


def encoded(blocks: Blocks) -> bytes:
    """blocks.json.gz: of three hours of frames it has 60 KB, and six times as much without gzip."""
    return gzip.compress(msgspec.json.encode(blocks), mtime=0)


def decoded(raw: bytes) -> Blocks:
    """What blocks.json.gz says, or the blocks.json of older indexes, which is not zipped."""
    is_zipped = raw.startswith(GZIP)
    return msgspec.json.decode(gzip.decompress(raw) if is_zipped else raw, type=Blocks)


def unpacked(member: bytes) -> list[bytes]:
    """The lines of one member."""
    return zlib.decompress(member, GZIP_WINDOW).splitlines()


def _zipped(text: bytes) -> bytes:
    # zlib writes no time and no name into the header.
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    return deflater.compress(text) + deflater.flush()
