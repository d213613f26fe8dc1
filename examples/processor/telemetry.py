"""Where the camera was: the flight's angles over time, from the order's parameters.

A real processor reads them from the drone's log. This one takes them from `telemetry` of the order's parameters:
`{"angles": [[seconds, degrees], …]}`, the elevation angle at which the lights are seen, with ascending times.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from examples.processor.errors import CannotProcess

PARAMETER = "telemetry"

_SHAPE = f'parameters.{PARAMETER} is {{"angles": [[seconds, degrees], …]}}, at least two points with ascending times'


@dataclass(frozen=True)
class Telemetry:
    """Points of a flight, at least two or none; between two of them the angle changes evenly."""

    times_s: Sequence[float] = ()
    angles_deg: Sequence[float] = ()

    def angle(self, time_s: float) -> float | None:
        """The angle at a time; None before the first point and after the last: it is never invented."""
        if not self.times_s or not self.times_s[0] <= time_s <= self.times_s[-1]:
            return None
        end = min(bisect_right(self.times_s, time_s), len(self.times_s) - 1)
        first_s, last_s = self.times_s[end - 1], self.times_s[end]
        first, last = self.angles_deg[end - 1], self.angles_deg[end]
        return round(first + (last - first) * (time_s - first_s) / (last_s - first_s), 6)


def telemetry_of(parameters: Mapping[str, Any]) -> Telemetry:
    """The flight that an order's parameters tell; one without points when they tell none. Raises CannotProcess."""
    given = parameters.get(PARAMETER)
    if given is None:
        return Telemetry()
    points = given.get("angles") if isinstance(given, dict) else None
    if not isinstance(points, list) or not all(_is_point(each) for each in points):
        raise CannotProcess(_SHAPE)
    times, angles = [point[0] for point in points], [point[1] for point in points]
    if len(points) < 2 or any(later <= earlier for earlier, later in pairwise(times)):
        raise CannotProcess(_SHAPE)
    return Telemetry(times, angles)


def _is_point(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(_is_number(each) for each in value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
