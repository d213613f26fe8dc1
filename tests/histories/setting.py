"""What a history has: its actors, its faults and how often they strike. A seed draws it, each history another one."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum


class Mode(Enum):
    """`SETTLING`: faults stop, then everything must come home. `UNLIMITED`: they never stop, nothing may be lost."""

    SETTLING = "settling"
    UNLIMITED = "unlimited"


class Depth(Enum):
    """How far a history goes after the originals are home."""

    HOME = "home"
    PROCESSED = "processed"
    CLEANED = "cleaned"
    RESTORED = "restored"


class Where(Enum):
    """What a fault strikes."""

    FUNCTION = "function"
    NETWORK = "network"
    DISK = "disk"
    CAMERA = "camera"
    PROCESS = "process"
    EVENT = "event"
    CLOCK = "clock"


@dataclass(frozen=True)
class Setting:
    """`rates` are the chances of a fault at one call, by what it strikes; `switching` is that of a turn being passed.

    `films` are the sizes of what is on the cards, by device; `busy_s` is for how long faults strike.
    """

    mode: Mode
    depth: Depth
    rates: dict[Where, float]
    switching: float
    films: tuple[tuple[int, ...], ...]
    part_bytes: int
    busy_s: float
    operates: bool
    lies: bool
    uploads_outputs: bool
    swaps_cards: bool
    second_client: bool
    has_proxies: bool


RATES = (0.0, 0.0, 0.01, 0.03, 0.1)
SIZES = (90, 130, 200)
"""Of films, in bytes: one part and a half, more than two, more than three."""
PART_BYTES = 60


def draw_setting(chance: random.Random, mode: Mode = Mode.SETTLING) -> Setting:
    """A setting; rare ingredients are rare, so that most histories are short."""
    devices = 2 if chance.random() < 0.1 else 1
    return Setting(
        mode,
        chance.choices(tuple(Depth), (5, 2, 3, 1))[0],
        {where: chance.choice(RATES) for where in Where},
        chance.choice((0.05, 0.2, 0.5)),
        tuple(
            tuple(chance.choice(SIZES) for _ in range(chance.choices((1, 2), (3, 1))[0]))
            for _ in range(devices)
        ),
        PART_BYTES,
        chance.choice((60.0, 1800.0, 20_000.0, 200_000.0)),
        chance.random() < 0.3,
        chance.random() < 0.2,
        chance.random() < 0.2,
        chance.random() < 0.1,
        chance.random() < 0.1,
        chance.random() < 0.1,
    )
