"""How an object is cut into parts, and how what S3 holds compares with the cut.

Limits of S3: 1 to 10,000 parts of 5 MiB to 5 GiB, the last of any size.
Source: docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
"""

from collections.abc import Iterable

from msgspec import Struct

from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import InvalidRequest, TooLarge

MOST_PARTS = 10_000
LARGEST_PART_BYTES = 5 * 2**30
DEFAULT_PART_SIZE_BYTES = 16 * 2**20


class PartPlan(Struct, frozen=True):
    """The cut of `size_bytes` bytes into parts of `part_size_bytes`; the last may be shorter."""

    size_bytes: int
    part_size_bytes: int

    @property
    def part_count(self) -> int:
        return -(-self.size_bytes // self.part_size_bytes)

    @property
    def numbers(self) -> range:
        return range(1, self.part_count + 1)

    def size_of(self, number: int) -> int:
        """Bytes of part `number`. Raises InvalidRequest outside 1..part_count."""
        if number not in self.numbers:
            raise InvalidRequest(f"part {number} is outside 1..{self.part_count}")
        return min(self.part_size_bytes, self.size_bytes - self.start_of(number))

    def start_of(self, number: int) -> int:
        """The offset of the first byte of part `number`."""
        return (number - 1) * self.part_size_bytes


class StoredPart(Struct, frozen=True):
    """A part as S3 holds it."""

    number: int
    size_bytes: int
    crc64nvme: Crc64Nvme
    etag: str


class LandedPart(Struct, frozen=True):
    """A part of a landing as S3 holds it; its client knew no checksum. `etag` is without quotes."""

    number: int
    size_bytes: int
    etag: str


def plan_parts(size_bytes: int, part_size_bytes: int = DEFAULT_PART_SIZE_BYTES) -> PartPlan:
    """The cut of `size_bytes` bytes: `part_size_bytes` a part, doubled until 10,000 parts suffice.

    Raises InvalidRequest for no bytes at all, TooLarge when no legal cut exists.
    """
    if size_bytes < 1:
        raise InvalidRequest(f"size_bytes must be at least 1, not {size_bytes}")
    while size_bytes > MOST_PARTS * part_size_bytes:
        part_size_bytes *= 2
    if part_size_bytes > LARGEST_PART_BYTES:
        raise TooLarge(f"{size_bytes} bytes do not fit into {MOST_PARTS} parts of at most 5 GiB")
    return PartPlan(size_bytes, part_size_bytes)


def missing(plan: PartPlan, stored: Iterable[StoredPart]) -> tuple[int, ...]:
    """The numbers of the plan that S3 does not hold."""
    held = {part.number for part in stored}
    return tuple(number for number in plan.numbers if number not in held)


def differing(plan: PartPlan, stored: Iterable[StoredPart]) -> tuple[int, ...]:
    """The numbers that S3 holds with another size than the plan's, or beyond it."""
    return tuple(
        part.number
        for part in stored
        if part.number not in plan.numbers or part.size_bytes != plan.size_of(part.number)
    )
