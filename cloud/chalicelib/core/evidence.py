"""How surely a chapter is known: how often its bytes were read, where, and whether the reads agree.

The levels build on each other. `read-once`: the device read the card once, and S3 has what it read. `read-twice`: the
card was read again, whole, and gave the CRC64NVME of the receipt. `read-back`: besides, S3's bytes were read and
compared with the receipt.
"""

import re
from datetime import datetime, timedelta
from enum import Enum
from typing import NewType

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import InvalidRequest, StateConflict
from chalicelib.core.ids import ArtifactId, DeviceId
from chalicelib.core.times import rfc3339
from chalicelib.core.upload import Receipt

Xxh128 = NewType("Xxh128", str)
"""32 lower-case hex digits: the canonical, big-endian form."""

SKEW_S = 300
"""How far a device's clock may differ from the coordinator's before what it says of a read's time is refused."""

MOST_DIFFERENCES = 2
"""Of one chapter, as many are kept: the first one and the last."""

MOST_REASON = 200
"""Characters of an operator's reason; so the evidence of 99 chapters fits into one item."""

_XXH128 = re.compile(r"[0-9a-f]{32}")


class Level(Enum):
    """How surely a chapter is known, the least first."""

    READ_ONCE = "read-once"
    READ_TWICE = "read-twice"
    READ_BACK = "read-back"

    def reaches(self, demanded: "Level") -> bool:
        order = tuple(Level)
        return order.index(self) >= order.index(demanded)


class WholeRead(Struct, frozen=True):
    """What a device tells of a whole read of a chapter from its card; `read_at` is when it ended, by its clock."""

    size_bytes: int
    crc64nvme: Crc64Nvme
    xxh128: Xxh128
    read_at: datetime

    def by(self, device_id: DeviceId) -> "SecondRead":
        return SecondRead(self.read_at, device_id, self.crc64nvme, self.xxh128)


class SecondRead(Struct, frozen=True):
    """One more whole read of a chapter from its card; `read_at` is when it ended, by the clock of the device `by`."""

    read_at: datetime
    by: DeviceId
    crc64nvme: Crc64Nvme
    xxh128: Xxh128

    @property
    def words(self) -> str:
        """Who read what and when, as the audit trail says it."""
        digests = f"CRC64NVME {self.crc64nvme}, xxh128 {self.xxh128}"
        return f"read again by {self.by}, until {rfc3339(self.read_at)}: {digests}"

    def is_of_the_bytes_of(self, other: "SecondRead") -> bool:
        return (self.crc64nvme, self.xxh128) == (other.crc64nvme, other.xxh128)


class Difference(Struct, frozen=True):
    """A second read that is not what was `expected`: the CRC64NVME that the receipt had when both were compared.

    Where the two CRCs are equal, the read's xxh128 is not that of the earlier read. `accepted` is why an operator
    lets cleanup pass nevertheless; the difference itself stays on record.
    """

    read: SecondRead
    expected: Crc64Nvme
    accepted: str | None = None

    @property
    def words(self) -> str:
        """Both values, as a person reads them."""
        read = self.read
        if read.crc64nvme == self.expected:
            return (
                f"two reads gave CRC64NVME {self.expected} and different xxh128, the later one {read.xxh128}"
            )
        return f"the receipt has CRC64NVME {self.expected}, the card gave {read.crc64nvme}"


class ReadBack(Struct, frozen=True):
    """That a version's bytes in S3 were read and compared with its receipt; `by` is how."""

    version_id: str
    at: datetime
    by: str
    agrees: bool = True


class Evidence(Struct, frozen=True):
    """What is known of one chapter beside its receipt.

    `agreed` is the first second read that gave the receipt's CRC64NVME; `differences` are those that did not, for good.
    """

    artifact_id: ArtifactId
    agreed: SecondRead | None = None
    differences: tuple[Difference, ...] = ()
    read_back: ReadBack | None = None

    @property
    def level(self) -> Level:
        """As long as a difference is open, nothing counts but the first read."""
        if self.agreed is None or not self.agrees:
            return Level.READ_ONCE
        return Level.READ_BACK if self.read_back else Level.READ_TWICE

    @property
    def agrees(self) -> bool:
        """Whether all reads agree, but for what an operator accepted."""
        return not self.open_differences and (self.read_back is None or self.read_back.agrees)

    @property
    def facts(self) -> tuple[str, ...]:
        """All that it says, each fact as a sentence of the audit trail."""
        reads = [f"{self.agreed.words}, as the receipt has"] if self.agreed else []
        for each in self.differences:
            reads.append(f"{each.read.words}; {each.words}")
            reads += [f"accepted, although {each.words}: {each.accepted}"] if each.accepted else []
        if self.read_back:
            back = self.read_back
            reads.append(f"version {back.version_id} read back at {rfc3339(back.at)} by {back.by}")
        return tuple(reads)

    @property
    def open_differences(self) -> tuple[Difference, ...]:
        """Those that no operator accepted."""
        return tuple(each for each in self.differences if each.accepted is None)

    def against(self, receipt: Receipt) -> "Evidence":
        """This evidence as it is about `receipt`, which may be newer than it is.

        A read that agreed with an earlier receipt of other bytes is a difference; a version that was read back tells
        nothing of another version.
        """
        known = self
        if self.agreed and self.agreed.crc64nvme != receipt.crc64nvme:
            known = replace(known, agreed=None)._with_difference(self.agreed, receipt.crc64nvme)
        if known.read_back and known.read_back.version_id != receipt.version_id:
            known = replace(known, read_back=None)
        return known

    def with_read(self, read: SecondRead, receipt: Receipt) -> "Evidence":
        """This evidence with one more read of the card; the same bytes again change nothing."""
        known = self.against(receipt)
        is_as_before = known.agreed is None or known.agreed.xxh128 == read.xxh128
        if read.crc64nvme == receipt.crc64nvme and is_as_before:
            return replace(known, agreed=known.agreed or read)
        return known._with_difference(read, receipt.crc64nvme)

    def with_read_back(self, read_back: ReadBack) -> "Evidence":
        """This evidence once a version was compared; an older comparison of the same version changes nothing."""
        known = self.read_back
        if known and known.version_id == read_back.version_id and known.at >= read_back.at:
            return self
        return replace(self, read_back=read_back)

    def accepted(self, reason: str) -> "Evidence":
        """This evidence with an operator's word for every open difference.

        Raises StateConflict when there is none, InvalidRequest for a reason that is too long.
        """
        if len(reason) > MOST_REASON:
            raise InvalidRequest(f"a reason for reads that differ has at most {MOST_REASON} characters")
        if not self.open_differences:
            raise StateConflict(
                f"no read of {self.artifact_id} differs from another that is not accepted yet"
            )
        return replace(
            self,
            differences=tuple(replace(each, accepted=each.accepted or reason) for each in self.differences),
        )

    def _with_difference(self, read: SecondRead, expected: Crc64Nvme) -> "Evidence":
        if any(each.read.is_of_the_bytes_of(read) for each in self.differences):
            return self
        kept = self.differences[: MOST_DIFFERENCES - 1]
        return replace(self, differences=(*kept, Difference(read, expected)))


def xxh128(text: str) -> Xxh128:
    """`text` as an xxh128. Raises InvalidRequest."""
    if not _XXH128.fullmatch(text):
        raise InvalidRequest("xxh128 must be 32 lower-case hex digits")
    return Xxh128(text)


def demand_second_read(read: WholeRead, first: Receipt, now: datetime) -> None:
    """Raises InvalidRequest for what cannot be a second whole read of a chapter that had its `first` receipt then.

    What ended before the receipt may be the very read that the receipt proves.
    """
    read_at = read.read_at
    if read.size_bytes != first.size_bytes:
        raise InvalidRequest(
            f"$.size_bytes: {read.size_bytes} bytes were read, and the chapter has {first.size_bytes}: "
            "only a whole read is evidence"
        )
    skew = timedelta(seconds=SKEW_S)
    if read_at > now + skew:
        raise InvalidRequest(
            f"$.read_at: {rfc3339(read_at)} is yet to come, it is {rfc3339(now)} here; set the device's clock"
        )
    if read_at < first.verified_at - skew:
        raise InvalidRequest(
            f"$.read_at: {rfc3339(read_at)} is before the receipt of {rfc3339(first.verified_at)}: this may be the "
            "first read; read the card again, or set the device's clock"
        )
