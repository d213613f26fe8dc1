"""What one seed makes: the recording, the camera's pace, the client's options, and when it is killed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from tests.e2e.kills import signs
from tests.e2e.kills.calls import PIECE_BYTES
from tests.e2e.kills.signs import Moment, begins, ends
from tests.e2e.rig import PART_SIZE_BYTES

MOST_CHAPTERS = 3
MOST_PARTS = 3
MOST_KILLS = 3
# Longer than most hauls of so few parts take, from the interpreter's start on.
LONGEST_MS = 1600
BUDGETS_PARTS = (None, 2, 3)
PACES_PARTS_S = (None, 25)
RATES = (None, "8Mbit")
# So slow that a part comes and goes in pieces; for hauls of few parts, or they would take too long.
FEW_PARTS = 3
SLOW_PACES_PARTS_S = (None, 5)
SLOW_RATES = (None, "1Mbit")
# Later kills are drawn from all signs, and those of the longest whiles more often.
WEIGHTS = {signs.MILLISECOND: 4, signs.CAMERA_BYTE: 6, signs.PIECE: 6}


class Between(Enum):
    """What happens between a kill and the next start."""

    NOTHING = "started again at once, while calls of the dead client may still run"
    QUIET = "started again when every call is over"
    RECONCILED = "started again after a run of the reconciler"


@dataclass(frozen=True)
class Kill:
    """One kill, and what happens until the next start."""

    moment: Moment
    between: Between

    def __str__(self) -> str:
        return f"killed at {self.moment}, {self.between.value}"


@dataclass(frozen=True)
class Case:
    """One haul with its kills. A pace is in parts a second."""

    sizes_bytes: tuple[int, ...]
    pace_parts_s: int | None
    options: tuple[str, ...]
    kills: tuple[Kill, ...]

    @property
    def pace_bytes_s(self) -> int | None:
        return self.pace_parts_s and self.pace_parts_s * PART_SIZE_BYTES

    def __str__(self) -> str:
        pace = f"{self.pace_parts_s} parts/s" if self.pace_parts_s else "no pace"
        return "; ".join((f"chapters {self.sizes_bytes}, {pace}, {self.options}", *map(str, self.kills)))


def part_count(size_bytes: int) -> int:
    return -(-size_bytes // PART_SIZE_BYTES)


def drawn(seed: int) -> Case:
    """The case of a seed. Seeds in a row have their first kills at each sign in turn."""
    chance = random.Random(seed)
    sizes_bytes = tuple(_size_bytes(chance) for _ in range(chance.randint(1, MOST_CHAPTERS)))
    is_slow = sum(map(part_count, sizes_bytes)) <= FEW_PARTS
    return Case(
        sizes_bytes,
        chance.choice(SLOW_PACES_PARTS_S if is_slow else PACES_PARTS_S),
        _options(chance.choice(BUDGETS_PARTS), chance.choice(SLOW_RATES if is_slow else RATES)),
        tuple(Kill(moment, chance.choice(list(Between))) for moment in _moments(chance, seed, sizes_bytes)),
    )


def _size_bytes(chance: random.Random) -> int:
    """One to three parts, or a byte less or more."""
    return chance.randint(1, MOST_PARTS) * PART_SIZE_BYTES + chance.choice((-1, 0, 1))


def _options(budget_parts: int | None, rate: str | None) -> tuple[str, ...]:
    options = ["--spool-budget", f"{budget_parts * PART_SIZE_BYTES}B"] if budget_parts else []
    return (*options, *(["--limit-rate", rate] if rate else []))


def _moments(chance: random.Random, seed: int, sizes_bytes: tuple[int, ...]) -> Iterator[Moment]:
    most = most_counts(sizes_bytes)
    names = sorted(most)
    first = names[seed % len(names)]
    yield Moment(first, chance.randint(1, most[first]))
    weighted = [name for name in names for _ in range(WEIGHTS.get(name, 1))]
    for earlier in range(1, chance.randint(1, MOST_KILLS)):
        sign = chance.choice(weighted)
        # The more was done before, the less is left to be seen.
        yield Moment(sign, chance.randint(1, max(1, most[sign] >> earlier)))


def most_counts(sizes_bytes: tuple[int, ...]) -> dict[str, int]:
    """How often each sign comes, at the least, in the life of a client that nobody kills."""
    chapters, parts = len(sizes_bytes), sum(map(part_count, sizes_bytes))
    calls = {
        "PUT sessions": 1,
        "POST sessions/uploads": chapters,
        "POST uploads/part-urls": chapters,
        "POST uploads/complete": chapters,
        "CompleteMultipartUpload": chapters,
    }
    return {
        signs.MILLISECOND: LONGEST_MS,
        signs.CAMERA_BYTE: sum(sizes_bytes),
        # Its state, the list and who it is; of each chapter at least its size, its name and its parts.
        signs.CAMERA_ANSWER: 3 + 2 * chapters + parts,
        signs.PLAN: 1,
        signs.WRITING: parts,
        signs.PART: parts,
        signs.PART_GONE: parts,
        signs.RECEIPT: chapters,
        signs.PIECE: sum(-(-size_bytes // PIECE_BYTES) for size_bytes in sizes_bytes),
        ends("UploadPart"): parts,
        **{stage(name): most for name, most in calls.items() for stage in (begins, ends)},
    }
