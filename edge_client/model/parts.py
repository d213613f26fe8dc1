"""Pure: the parts of a file: planned, addressed, spooled, stored and sampled, with the wire form of their CRC64NVME."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from awscrt.checksums import combine_crc64nvme

# What a proof compares of a file.
PIECE_BYTES = 256 * 1024
SAMPLE_BYTES = 16 * 1024 * 1024
PIECES = SAMPLE_BYTES // PIECE_BYTES


@dataclass(frozen=True)
class Span:
    """The bytes of one part: its number (1-based), its first byte and its length."""

    number: int
    first: int
    size_bytes: int


@dataclass(frozen=True)
class PartPlan:
    """The coordinator's plan of an upload: all parts are `part_size_bytes` long but the last."""

    size_bytes: int
    part_size_bytes: int
    part_count: int

    def span(self, number: int) -> Span:
        first = (number - 1) * self.part_size_bytes
        return Span(number, first, min(self.part_size_bytes, self.size_bytes - first))

    def spans(self) -> Iterator[Span]:
        return (self.span(number) for number in range(1, self.part_count + 1))

    @property
    def is_sound(self) -> bool:
        """Whether count and sizes agree."""
        return self.part_size_bytes > 0 and self.part_count == -(-self.size_bytes // self.part_size_bytes) > 0


@dataclass(frozen=True)
class PartUrl:
    """A presigned PUT: its headers go as they are. `good_until` is on the monotonic clock."""

    number: int
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    good_until: float


@dataclass(frozen=True)
class PieceUrl:
    """A presigned GET of one range; its headers must be sent unchanged. `good_until` is on the monotonic clock."""

    first: int
    size_bytes: int
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    good_until: float


class PartBody(Protocol):
    """The bytes of a part, in blocks; each block is valid until the next one is asked for."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[memoryview]: ...


@dataclass(frozen=True)
class StoredPart:
    """A part that S3 holds."""

    size_bytes: int
    crc: int


def crc_text(crc: int) -> str:
    """A CRC64NVME as the wire has it: base64 of eight big-endian bytes."""
    return base64.b64encode(crc.to_bytes(8, "big")).decode()


def crc_value(text: str) -> int:
    """The CRC64NVME of its wire form. Raises ValueError."""
    raw = base64.b64decode(text, validate=True)
    if len(raw) != 8:
        raise ValueError(f"a CRC64NVME has 8 bytes, not {len(raw)}")
    return int.from_bytes(raw, "big")


def fold_crcs(parts: Iterable[tuple[int, int]]) -> int:
    """The CRC64NVME of a whole from its parts' CRCs and sizes, in order."""
    whole_crc = 0
    for crc, size_bytes in parts:
        whole_crc = combine_crc64nvme(whole_crc, crc, size_bytes)
    return whole_crc


@dataclass(frozen=True)
class SpooledPart:
    """One finished part on disk and the CRC64NVME of what was written to it."""

    span: Span
    crc: int

    @property
    def filename(self) -> str:
        return f"{self.span.number:05d}-{self.span.first:015d}-{self.crc:016x}.part"


def sample(size_bytes: int, below: Callable[[int], int]) -> tuple[Span, ...]:
    """The pieces to compare, in order: the whole file up to 16 MiB, else 16 MiB of it at unpredictable places.

    The first and the last piece are always among them, and no two overlap. `below(n)` draws from 0 to n - 1. A film
    of which a share s differs passes with a chance of about (1 - s) ** 62.
    """
    if size_bytes <= SAMPLE_BYTES:
        starts = list(range(0, size_bytes, PIECE_BYTES))
    else:
        spare_bytes = size_bytes - SAMPLE_BYTES
        # Sorted draws of the bytes skipped before each piece: every place between the ends is equally likely.
        skipped = sorted(below(spare_bytes + 1) for _ in range(PIECES - 2))
        starts = [place * PIECE_BYTES + left_out for place, left_out in enumerate([0, *skipped, spare_bytes])]
    return tuple(
        Span(number, first, min(PIECE_BYTES, size_bytes - first)) for number, first in enumerate(starts, 1)
    )


@dataclass(frozen=True)
class ChapterParts:
    """The parts in one folder of a session; `size_bytes` counts files of an unknown form too.

    `confirmed_crc` is the CRC64NVME of the whole that a last look found to be of one file, or None.
    """

    artifact_id: str
    identity: str
    parts: tuple[SpooledPart, ...]
    size_bytes: int
    confirmed_crc: int | None
