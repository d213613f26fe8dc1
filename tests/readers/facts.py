"""An hour of small frames whose sums are known without a reader."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.indexes import make_index

FRAMES = 108_000
MEMBERS = FRAMES // 300
_GAP_AFTER = 1000
"""After so many frames one number is missing."""
_NULL_EVERY = 7


@dataclass(frozen=True)
class Facts:
    """What a reader saw. `angle_thousandths` is the sum of all angles in thousandths of a degree, rounded."""

    frames: int
    last_number: int
    numbers_sum: int
    null_angles: int
    angle_thousandths: int


def facts_of(frames: Iterable[dict[str, Any]]) -> Facts:
    """The facts of frames that are here as Python's own objects."""
    count = last = total = nulls = 0
    angles = 0.0
    for frame in frames:
        count += 1
        last, angle = frame["frame_number"], frame["papi_a"]["angle"]
        total += last
        nulls += angle is None
        angles += angle or 0
    return Facts(count, last, total, nulls, round(angles * 1000))


def expected_facts(count: int = FRAMES) -> Facts:
    """The facts of the first `count` frames."""
    angles = [_thousandths(place) for place in range(count)]
    known = [angle for angle in angles if angle is not None]
    numbers = [_number(place) for place in range(count)]
    return Facts(count, numbers[-1], sum(numbers), count - len(known), sum(known))


def write_long_index(folder: Path) -> Path:
    """The index of all frames, in `folder`."""
    deflater = zlib.compressobj(1, zlib.DEFLATED, 31)
    text = b"".join(_lines())
    content = deflater.compress(text) + deflater.flush()
    made = make_index(lambda: [content], folder)
    assert made.record.frames == FRAMES, made.record.quarantine
    return folder


def _lines() -> Iterator[bytes]:
    for place in range(FRAMES):
        thousandths = _thousandths(place)
        angle = "null" if thousandths is None else f"{thousandths / 1000:.3f}"
        text = '{"frame_number":%d,"timestamp":%.3f,"papi_a":{"angle":%s}}\n'
        yield (text % (_number(place), place / 30, angle)).encode()


def _number(place: int) -> int:
    return place + place // _GAP_AFTER


def _thousandths(place: int) -> int | None:
    return 2000 + place * 37 % 2500 if place % _NULL_EVERY else None
