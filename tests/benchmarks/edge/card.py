"""The chapter on the benchmark's camera: whole MP4 boxes of any size, whose bytes exist once."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from awscrt.checksums import crc64nvme

from infra.local.gopro_file import FTYP_BYTES, GproHeader, head_bytes, tail_bytes

SERIAL = "C3501324500711"
MODEL = "HERO12 Black"
FIRMWARE = "H23.01.02.32.00"
# No multiple of any part size, so that no two parts are equal.
BLOCK_BYTES = 8 * 2**20 + 4093


@dataclass(frozen=True)
class Chapter:
    """A file of `size_bytes` bytes: a GoPro's head, one random block again and again, and a `moov`."""

    size_bytes: int
    directory: str = "100GOPRO"
    filename: str = "GX010042.MP4"

    @property
    def path(self) -> str:
        return f"{self.directory}/{self.filename}"

    @property
    def etag(self) -> str:
        return f'"62c2a1c6.{self.size_bytes}"'

    @cached_property
    def head(self) -> bytes:
        header = GproHeader(SERIAL, FIRMWARE, MODEL)
        return head_bytes(header, self.size_bytes - FTYP_BYTES - len(self.tail))

    @cached_property
    def tail(self) -> bytes:
        return tail_bytes(60.0)

    def pieces(self, first: int, end: int) -> Iterator[bytes | tuple[int, int]]:
        """The bytes from `first` to before `end`: bytes, or (place in the block, count)."""
        tail_at = self.size_bytes - len(self.tail)
        if first < len(self.head):
            yield self.head[first:end]
        at, stop = max(first, len(self.head)), min(end, tail_at)
        while at < stop:
            inside = at % BLOCK_BYTES
            count = min(BLOCK_BYTES - inside, stop - at)
            yield inside, count
            at += count
        if end > tail_at:
            yield self.tail[max(0, first - tail_at) : end - tail_at]

    def views(self) -> Iterator[memoryview]:
        """All of it, piece by piece."""
        plane = memoryview(block())
        for piece in self.pieces(0, self.size_bytes):
            yield memoryview(piece) if isinstance(piece, bytes) else plane[piece[0] : piece[0] + piece[1]]

    def crc(self) -> int:
        """Its CRC64NVME, as the object's must be."""
        crc = 0
        for view in self.views():
            crc = crc64nvme(view, crc)
        return crc

    def write(self, path: Path) -> Path:
        """The chapter as a file, for those who upload files."""
        with path.open("wb") as file:
            for view in self.views():
                file.write(view)
            file.flush()
            os.fsync(file.fileno())
        return path


@lru_cache(maxsize=1)
def block() -> bytes:
    return random.Random(20261121).randbytes(BLOCK_BYTES)
