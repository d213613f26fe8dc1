"""Pure: the parts of a file: planned, addressed, spooled and stored, with the wire form of their CRC64NVME."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


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


@dataclass(frozen=True)
class SpooledPart:
    """One finished part on disk and the CRC64NVME of what was written to it."""

    span: Span
    crc: int

    @property
    def filename(self) -> str:
        return f"{self.span.number:05d}-{self.span.first:015d}-{self.crc:016x}.part"
