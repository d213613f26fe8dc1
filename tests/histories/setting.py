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
    PURGED = "purged"


class Where(Enum):
    """What a fault strikes."""

    __hash__ = object.__hash__  # in C: every call of a port looks up its rate

    FUNCTION = "function"
    NETWORK = "network"
    DISK = "disk"
    CAMERA = "camera"
    PROCESS = "process"
    EVENT = "event"
    AWS = "aws"


@dataclass(frozen=True)
class Setting:
    """`rates` are the chances of a fault at one call, by what it strikes; `switching` is that of a turn being passed.

    `films` are the sizes of what is on the cards, by device; `busy_s` is for how long faults strike. `overlaps` is
    whether rounds of the reconciler run at the same time, and while others write. `spool_bytes` is the budget of each
    spool, None for as much as there is. `has_look_alike` is whether there is a second card that the first one cannot
    be told from but by its bytes, `has_strangers` whether somebody acts in the bucket past the coordinator. Where it
    `lasts_days`, rounds and hauls come days late, and uploads expire meanwhile. `has_old_client` is whether the clients
    are of a release that claims the whole only when it completes.
    """

    mode: Mode
    depth: Depth
    rates: dict[Where, float]
    switching: float
    films: tuple[tuple[int, ...], ...]
    busy_s: float
    rounds: int
    focus: str | None
    operates: bool
    lies: bool
    uploads_outputs: bool
    tells_no_crc: bool
    swaps_cards: bool
    erases_cards: bool
    second_client: bool
    overlaps: bool
    cloud_skew_s: float
    device_skew_s: float
    begins_home: bool
    is_tight: bool
    has_proxies: bool
    spool_bytes: int | None
    has_look_alike: bool
    has_strangers: bool
    lasts_days: bool
    has_old_client: bool


RATES = (0.0, 0.0, 0.0, 0.005, 0.02, 0.1)
KILLS = (0.0, 0.0, 0.0, 0.003, 0.015)
"""A device makes a hundred calls in a run, and each may be its last."""
GRACE_S = 1800
ROUNDS = {
    Depth.HOME: (1, 3),
    Depth.PROCESSED: (2, 4),
    Depth.CLEANED: (3, 7),
    Depth.RESTORED: (4, 8),
    Depth.PURGED: (3, 5),
}
"""How often the reconciler runs while faults strike, at least and at most."""
_OF_HAULS = (
    *(
        "complete",
        "complete",
        "write",
        "create_multipart",
        "parts",
        "picture",
        "PUT part",
        "PUT part",
        "abort",
        "abort",
    ),
    *("POST complete", "POST uploads", "POST part-urls", "session_of", "postpone", "away"),
)
_OF_OUTPUTS = ("send", "put", "source", "copy_part", "write", "postpone", "head")
_OF_CLEANUPS = ("remove", "remove", "spend", "spend", "write", "tag_cleaned", "bucket", "arming", "head")
FOCUS = {
    Depth.HOME: _OF_HAULS,
    Depth.PROCESSED: (*_OF_HAULS, *_OF_OUTPUTS, *_OF_OUTPUTS),
    Depth.CLEANED: (*_OF_OUTPUTS, *_OF_CLEANUPS, *_OF_CLEANUPS),
    Depth.RESTORED: (
        *_OF_CLEANUPS,
        *("copy_part", "copy_part", "copy_part"),
        "complete",
        "create_multipart",
        "untag_cleaned",
    ),
    Depth.PURGED: ("tag_cleaned", "untag_cleaned", "write", "remove"),
}
"""The call at which a history's faults crowd, by how far it goes."""
FOCUS_AT_HOME = (
    *(
        "write",
        "write",
        "write",
        "remove",
        "remove",
        "tag_cleaned",
        "spend",
        "send",
        "picture",
        "arming",
        "head",
    ),
    *("copy_part", "complete", "create_multipart", "untag_cleaned", "postpone"),
)
"""The same in histories that begin with recordings that are home."""
SIZES = (56, 56, 90, 200)
"""Of films, in bytes: one part, one and a half, more than three."""
SIZES_AT_HOME = (56, 200)
LONG = (200,)
"""Of films with pictures in several parts, so that parts of two films differ."""
PART_BYTES = 60


def draw_setting(chance: random.Random, mode: Mode = Mode.SETTLING) -> Setting:
    """A setting; rare ingredients are rare, so that most histories are short."""
    begins_home = chance.random() < 0.4
    depths = (0, 0, 9, 6, 1) if begins_home else (20, 6, 9, 3, 1)
    depth = chance.choices(tuple(Depth), depths)[0]
    rates = {where: chance.choice(KILLS if where is Where.PROCESS else RATES) for where in Where}
    least, most = ROUNDS[depth]
    lies = chance.random() < (0.3 if begins_home else 0.15)
    devices = 2 if chance.random() < (0.3 if begins_home else 0.1) else 1
    has_look_alike = not begins_home and chance.random() < 0.08
    swaps_cards = not has_look_alike and chance.random() < 0.1
    has_strangers = not begins_home and chance.random() < 0.1
    if has_look_alike or has_strangers:
        # What a disk loses is in S3 alone, and a last look reads only one part of what is in S3 alone.
        rates[Where.DISK] = 0.0
    sizes = LONG if has_look_alike else SIZES_AT_HOME if begins_home else SIZES
    return Setting(
        mode,
        depth,
        rates,
        switching=chance.choice((0.05, 0.2, 0.5)),
        films=tuple(
            tuple(chance.choice(sizes) for _ in range(chance.choices((1, 2), (3, 1))[0]))
            for _ in range(devices)
        ),
        busy_s=chance.choice(
            (60.0, 1800.0, 20_000.0) if depth is Depth.HOME else (1800.0, 20_000.0, 60_000.0)
        ),
        rounds=chance.randint(least, most),
        focus=chance.choice(FOCUS_AT_HOME if begins_home else FOCUS[depth])
        if chance.random() < 0.7
        else None,
        operates=chance.random() < 0.35,
        lies=lies,
        uploads_outputs=chance.random() < (0.6 if lies else 0.15),
        tells_no_crc=chance.random() < 0.1,
        swaps_cards=swaps_cards,
        erases_cards=chance.random() < 0.25,
        second_client=chance.random() < 0.1,
        overlaps=chance.random() < 0.2,
        cloud_skew_s=chance.choice((0.0, 0.0, 0.0, -30.0, 30.0, 300.0)),
        device_skew_s=chance.choice((0.0, 0.0, 3600.0, -400_000.0, 4e8)),
        begins_home=begins_home,
        is_tight=begins_home and chance.random() < (0.4 if devices == 2 else 0.1),
        has_proxies=not begins_home and chance.random() < 0.08,
        # What a small spool holds of one card may keep another one out until the first is back.
        spool_bytes=None
        if has_look_alike or swaps_cards
        else chance.choice((None, None, 2 * PART_BYTES, 3 * PART_BYTES)),
        has_look_alike=has_look_alike,
        has_strangers=has_strangers,
        lasts_days=chance.random() < 0.15,
        has_old_client=not begins_home and chance.random() < 0.1,
    )
