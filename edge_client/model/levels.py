"""Pure: how surely a chapter is known, and what a second read of the card gave.

| level | what was done |
|---|---|
| read once | the device read the card once, and S3 has what it read |
| read twice | the card was read again, whole and independently, and gave the CRC64NVME of the receipt |
| read back | besides, S3's bytes were read and compared with the receipt |

The coordinator keeps the levels. This device keeps what it has found until the coordinator has it, and a difference
until the coordinator says that it is settled.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from edge_client.model.parts import crc_text


class Level(enum.Enum):
    """How surely a chapter is known, the least first."""

    READ_ONCE = "read-once"
    READ_TWICE = "read-twice"
    READ_BACK = "read-back"

    @property
    def words(self) -> str:
        """The level for a person."""
        return self.value.replace("-", " ")

    def reaches(self, demanded: Level) -> bool:
        """Whether it is this level or a surer one."""
        order = list(Level)
        return order.index(self) >= order.index(demanded)


def least(levels: Iterable[Level]) -> Level | None:
    """The level of all of them together; None when there are none."""
    return min(levels, key=list(Level).index, default=None)


@dataclass(frozen=True)
class ReadAgain:
    """A second read of the card as the coordinator shows it; `at` is in its words, `by` is the device."""

    at: str
    by: str
    crc64nvme: str
    xxh128: str
    agrees: bool


@dataclass(frozen=True)
class Evidence:
    """What the coordinator knows of a chapter with a receipt; `agrees` is false where any read differs."""

    level: Level
    agrees: bool
    read_twice: ReadAgain | None = None


@dataclass(frozen=True)
class WholeRead:
    """One more read of a whole chapter; `read_at` is the device's clock in UTC, as RFC 3339."""

    size_bytes: int
    crc: int
    xxh128: str
    read_at: str
    is_told: bool = False


@dataclass(frozen=True)
class Reread:
    """What this device found when it read a chapter again, each read in its order. A later receipt makes no other.

    `is_spoilt`: there was a record, and the disk does not give it.
    """

    session_id: str
    artifact_id: str
    receipt_crc: int
    reads: tuple[WholeRead, ...] = ()
    is_spoilt: bool = False

    @property
    def differs(self) -> bool:
        """Whether one of the reads was not what the receipt is for."""
        return any(read.crc != self.receipt_crc for read in self.reads)

    @property
    def is_told(self) -> bool:
        """Whether the coordinator has every read."""
        return all(read.is_told for read in self.reads)

    def forbids(self, evidence: Evidence | None) -> bool:
        """Whether the card must be kept: for a difference, until the coordinator has it and says that it is settled."""
        if self.is_spoilt:
            return True
        return self.differs and not (self.is_told and evidence is not None and evidence.agrees)

    def with_read(self, read: WholeRead, receipt_crc: int) -> Reread:
        """The record with one read more, the receipt being this one. A record that was spoilt begins with it."""
        return replace(self, reads=(*self.reads, read), receipt_crc=receipt_crc, is_spoilt=False)

    def with_told(self, told: WholeRead) -> Reread:
        """The record, the coordinator having this read."""
        return replace(
            self, reads=tuple(replace(read, is_told=True) if read == told else read for read in self.reads)
        )

    @property
    def words(self) -> str:
        """Both values, as a person reads them, and what a third read says of them."""
        receipt = crc_text(self.receipt_crc)
        if self.is_spoilt:
            return "it was read again, and the spool's record of that cannot be read"
        second, *more = self.reads
        if second.crc == self.receipt_crc:
            second = next(read for read in self.reads if read.crc != self.receipt_crc)
            more = []
        said = f"its receipt has crc64nvme {receipt}, and the card gave {crc_text(second.crc)} at {second.read_at}"
        if not more:
            return said
        third = more[-1]
        if third.crc == self.receipt_crc:
            return f"{said}; a third read gave the receipt's value again, so the second was wrong, or its way here"
        if third.crc == second.crc:
            return f"{said}; a third read gave the same again, so what is home is not what the card has"
        return f"{said}; a third read gave yet another, {crc_text(third.crc)}: the card or the way here is failing"

    def document(self) -> dict[str, Any]:
        """The record as JSON keeps it."""
        return {**vars(self), "reads": [dict(vars(read)) for read in self.reads]}


def reread_in(document: dict[str, Any]) -> Reread:
    """The record that `document` made. Raises KeyError, TypeError, ValueError."""
    reads = tuple(WholeRead(**read) for read in document.pop("reads"))
    found = Reread(**document, reads=reads)
    if not all(isinstance(number, int) for number in (found.receipt_crc, *(read.crc for read in reads))):
        raise ValueError("a CRC that is no number")
    return found
