"""The chapters on the benchmark's camera: whole films of any size, which are nowhere on a disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from awscrt.checksums import crc64nvme

from infra.local.camera import Card, CardFile, Directory, FramedContent, virtual_chapter, with_twins
from infra.local.camera.card import FIRMWARE, MODEL, SERIAL
from infra.local.gopro_file import GproHeader

SEED = 20261121
READ_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Chapter:
    """A file of `size_bytes` bytes, with a proxy and a thumbnail where it has `proxy_bytes`."""

    size_bytes: int
    directory: str = "100GOPRO"
    filename: str = "GX010042.MP4"
    seed: int = SEED
    proxy_bytes: int = 0

    @property
    def path(self) -> str:
        return f"{self.directory}/{self.filename}"

    @cached_property
    def content(self) -> FramedContent:
        return virtual_chapter(self.size_bytes, self.seed, GproHeader(SERIAL, FIRMWARE, MODEL))

    def crc(self) -> int:
        """Its CRC64NVME, as the object's must be."""
        crc = 0
        for block in self._blocks():
            crc = crc64nvme(block, crc)
        return crc

    def write(self, path: Path) -> Path:
        """The chapter as a file, for those who upload files."""
        with path.open("wb") as file:
            for block in self._blocks():
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        return path

    def _blocks(self) -> Iterator[bytes]:
        for offset in range(0, self.size_bytes, READ_BYTES):
            yield self.content.read(offset, READ_BYTES)


def recording(count: int, size_bytes: int) -> tuple[Chapter, ...]:
    """So many chapters of one recording, each of so many bytes of its own."""
    return tuple(
        Chapter(size_bytes, filename=f"GX{number:02}0042.MP4", seed=SEED + number)
        for number in range(1, count + 1)
    )


def card_of(chapters: Sequence[Chapter]) -> Card:
    """A card with these chapters of one directory alone, and what the camera keeps beside them."""
    return Card((Directory(chapters[0].directory, tuple(file for one in chapters for file in _files(one))),))


def _files(chapter: Chapter) -> tuple[CardFile, ...]:
    film = CardFile(chapter.filename, chapter.content, low_resolution_bytes=chapter.proxy_bytes)
    return with_twins(film) if chapter.proxy_bytes else (film,)
