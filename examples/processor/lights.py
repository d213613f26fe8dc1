"""Finding the four approach lights in a picture, and measuring them.

What is known beforehand: four lights of one size stand in a level row left of the picture's middle, and are larger than
any other lamp there. They are found on the first frame and followed from then on, as the viewpoint climbs straight up.
Nothing else is seen: angles and distances need telemetry, so they are null here and never invented.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

NAMES = ("papi_a", "papi_b", "papi_c", "papi_d")
"""From the left."""

_BRIGHT = 180
"""Of 255, in the strongest colour: above it a pixel belongs to a lamp."""
_DARK = 30
"""Mean of the three colours below which a light is not visible."""
_CORE = 0.85
"""A pixel belongs to the light whose red is at least this share of the reddest one's."""
_RED_ABOVE, _WHITE_BELOW = 0.5, 0.05
"""Of chromaticity red minus green: pure red has about 0.7, white about 0."""

_UNKNOWN = ("angle", "horizontal_angle", "distance_ground", "distance_direct")


@dataclass(frozen=True)
class Spot:
    """Where a light is, in pixels, and how far from its middle to look for it."""

    x: int
    y: int
    reach: int


@dataclass(frozen=True)
class Light:
    """One light on one frame; `rgb` is None where it cannot be seen."""

    status: str
    rgb: tuple[int, int, int] | None
    intensity: float | None
    area_pixels: int

    def document(self) -> dict[str, Any]:
        colours = dict(zip("rgb", self.rgb, strict=True)) if self.rgb else None
        return {
            "status": self.status,
            "rgb": colours,
            "intensity": self.intensity,
            "area_pixels": self.area_pixels,
            **dict.fromkeys(_UNKNOWN),
        }


UNSEEN = Light("not_visible", None, None, 0)


class Tracker:
    """Follows the lights from frame to frame."""

    def __init__(self) -> None:
        self._spots: tuple[Spot, ...] = ()

    @property
    def spots(self) -> Mapping[str, Spot]:
        """Where the lights were on the last frame; empty as long as four were not found."""
        return dict(zip(NAMES, self._spots, strict=False))

    def measured(self, picture: Picture) -> dict[str, Light]:
        """The four lights on the next frame."""
        self._spots = self._spots or found(picture)
        if not self._spots:
            return dict.fromkeys(NAMES, UNSEEN)
        seen = [_measured(picture, spot) for spot in self._spots]
        self._spots = tuple(spot for spot, _ in seen)
        return {name: light for name, (_, light) in zip(NAMES, seen, strict=True)}


def found(picture: Picture) -> tuple[Spot, ...]:
    """The four lights from the left, or nothing when there are not four."""
    reach = max(3, picture.shape[1] // 96)
    left = picture[:, : picture.shape[1] // 2].max(axis=2) > _BRIGHT
    in_row = np.convolve(left.sum(axis=1), np.ones(reach, dtype=int), mode="same")
    y = int(np.argmax(in_row))
    band = left[max(0, y - reach) : y + reach + 1]
    largest = sorted(_runs(band.sum(axis=0)), key=lambda run: run[1], reverse=True)[: len(NAMES)]
    if len(largest) < len(NAMES):
        return ()
    return tuple(Spot(x, y, reach) for x, _ in sorted(largest))


def _runs(columns: NDArray[np.int64]) -> Sequence[tuple[int, int]]:
    """Middle and pixels of every run of columns that hold any."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], columns > 0, [0])).astype(int)))
    return [
        (int(start + end - 1) // 2, int(columns[start:end].sum()))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
    ]


def _measured(picture: Picture, spot: Spot) -> tuple[Spot, Light]:
    top, left = max(0, spot.y - spot.reach), max(0, spot.x - spot.reach)
    window = picture[top : spot.y + spot.reach + 1, left : spot.x + spot.reach + 1]
    red = window[..., 0].astype(int)
    core = red >= _CORE * red.max()
    colours = window[core].mean(axis=0)
    intensity = round(float(colours.mean()), 2)
    if intensity < _DARK:
        return spot, Light("not_visible", None, intensity, 0)
    rows, columns = np.nonzero(core)
    moved = Spot(left + round(float(columns.mean())), top + round(float(rows.mean())), spot.reach)
    r, g, b = (round(float(colour)) for colour in colours)
    return moved, Light(_status(r, g, b), (r, g, b), intensity, int(core.sum()))


def _status(r: int, g: int, b: int) -> str:
    red_over_green = (r - g) / max(1, r + g + b)
    if red_over_green > _RED_ABOVE:
        return "red"
    return "white" if red_over_green < _WHITE_BELOW else "transition"
