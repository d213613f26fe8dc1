"""summary.json: counts, extremes and means of all frames, and at which angles each light turns."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.core.measurements.blocks import VERSION
from chalicelib.core.measurements.frame import COLOURS, FRAME_NUMBERS, LIGHT_NUMBERS, LIGHTS, STATUSES

_CHROMATICITIES = ("red_chromaticity", "green_chromaticity", "blue_chromaticity")
_TRANSITION = "transition"
_METHOD = "frames whose status is transition; angle_middle is the mean of angle_min and angle_max"


@dataclass(frozen=True)
class Reject:
    """A frame that is not in the index: the how-many-eth of the file it was, from 1, and why."""

    place: int
    reason: str


@dataclass
class Spread:
    """How many numbers there were, the least, the greatest and their mean."""

    count: int = 0
    least: float = float("inf")
    greatest: float = float("-inf")
    total: float = 0

    def take(self, values: Sequence[float]) -> None:
        if values:
            self.count += len(values)
            self.least = min(self.least, *values)
            self.greatest = max(self.greatest, *values)
            self.total += sum(values)

    def document(self) -> Mapping[str, float]:
        return {
            "count": self.count,
            "min": self.least,
            "max": self.greatest,
            "mean": self.total / self.count,
        }


class Spreads:
    """Spreads by name; a name without a single number has none."""

    def __init__(self, names: Iterable[str]) -> None:
        self._spreads = {name: Spread() for name in names}

    def take(self, holders: Sequence[Mapping[str, Any]]) -> None:
        for name, spread in self._spreads.items():
            spread.take([value for holder in holders if (value := holder.get(name)) is not None])

    def document(self) -> Mapping[str, Mapping[str, float]]:
        return {name: spread.document() for name, spread in self._spreads.items() if spread.count}


class LightCounts:
    """What is known of one light."""

    def __init__(self) -> None:
        self.frames = 0
        self._statuses: Counter[str] = Counter()
        self._numbers = Spreads(LIGHT_NUMBERS)
        self._chromaticities = [Spread() for _ in _CHROMATICITIES]
        self._turning = Spread()

    def take(self, lights: Sequence[Mapping[str, Any]]) -> None:
        self.frames += len(lights)
        self._statuses.update([status for light in lights if (status := light.get("status"))])
        self._numbers.take(lights)
        self._turning.take(
            [
                angle
                for light in lights
                if light.get("status") == _TRANSITION and (angle := light.get("angle")) is not None
            ]
        )
        shares = [found for light in lights if (found := _shares(light.get("rgb")))]
        for spread, column in zip(self._chromaticities, zip(*shares, strict=True), strict=False):
            spread.take(column)

    def document(self) -> Mapping[str, Any]:
        colours = zip(_CHROMATICITIES, self._chromaticities, strict=True)
        return {
            "frames": self.frames,
            "statuses": {status: self._statuses[status] for status in STATUSES},
            "numbers": {
                **self._numbers.document(),
                **{name: spread.document() for name, spread in colours if spread.count},
            },
            "transition": self._transition(),
        }

    def _transition(self) -> Mapping[str, Any]:
        known = self._turning.count > 0
        least, greatest = self._turning.least, self._turning.greatest
        return {
            "frames": self._statuses[_TRANSITION],
            "angle_min": least if known else None,
            "angle_max": greatest if known else None,
            "angle_middle": (least + greatest) / 2 if known else None,
            "method": _METHOD,
        }


@dataclass
class SummaryCounts:
    """What the summary tells, gathered block by block."""

    frames: int = 0
    first_frame: int | None = None
    last_frame: int | None = None
    times: Spread = field(default_factory=Spread)
    numbers: Spreads = field(default_factory=lambda: Spreads(FRAME_NUMBERS))
    lights: Mapping[str, LightCounts] = field(
        default_factory=lambda: {name: LightCounts() for name in LIGHTS}
    )

    def take(self, frames: Sequence[Mapping[str, Any]]) -> None:
        """Count in these frames, which come after all before; there is at least one."""
        self.frames += len(frames)
        if self.first_frame is None:
            self.first_frame = frames[0]["frame_number"]
        self.last_frame = frames[-1]["frame_number"]
        self.times.take([frame["timestamp"] for frame in frames])
        self.numbers.take(frames)
        for name, tally in self.lights.items():
            tally.take([light for frame in frames if (light := frame.get(name)) is not None])

    def document(self, revision: str, kind: str, rejected: int, rejects: Sequence[Reject]) -> bytes:
        """summary.json. There must have been a frame."""
        summary = {
            "version": VERSION,
            "revision": revision,
            "kind": kind,
            "frames": self.frames,
            "rejected": rejected,
            "first_rejects": [{"frame": reject.place, "reason": reject.reason} for reject in rejects],
            "first_frame": self.first_frame,
            "last_frame": self.last_frame,
            "first_s": self.times.least,
            "last_s": self.times.greatest,
            "duration_s": self.times.greatest - self.times.least,
            "numbers": self.numbers.document(),
            "lights": {name: tally.document() for name, tally in self.lights.items() if tally.frames},
        }
        return json.dumps(summary, allow_nan=False, separators=(",", ":")).encode()


def _shares(rgb: Mapping[str, Any] | None) -> tuple[float, ...]:
    """Red, green and blue as shares of their sum, or nothing where there is no such sum."""
    if not rgb:
        return ()
    red, green, blue = map(rgb.get, COLOURS)
    if red is None or green is None or blue is None or min(red, green, blue) < 0:
        return ()
    total = red + green + blue
    return (red / total, green / total, blue / total) if total else ()
