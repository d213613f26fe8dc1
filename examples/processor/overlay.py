"""The measured values, drawn into the picture: a ring around each light in its status's colour, its intensity below."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from examples.processor.lights import Light, Picture, Spot

_COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (255, 64, 64),
    "white": (255, 255, 255),
    "transition": (255, 176, 32),
    "not_visible": (128, 128, 128),
}
_DIGITS = (
    *("111101101101111", "010110010010111", "111001111100111", "111001111001111", "101101111001001"),
    *("111100111001111", "111100111101111", "111001010010010", "111101111101111", "111101111001111"),
)
"""Three by five pixels a digit, row by row."""
_SCALE = 2


def draw(picture: Picture, spots: Mapping[str, Spot], lights: Mapping[str, Light]) -> None:
    """Draws into `picture` itself."""
    for name, spot in spots.items():
        light = lights[name]
        colour = _COLOURS[light.status]
        _paint(picture, _ring(spot.reach), spot.x, spot.y, colour)
        if light.intensity is not None:
            below = spot.y + spot.reach * 2 + 5 * _SCALE
            _paint(picture, _number(round(light.intensity)), spot.x, below, colour)


def _paint(picture: Picture, mask: NDArray[np.bool_], x: int, y: int, colour: tuple[int, int, int]) -> None:
    """`mask` in `colour`, its middle at x, y; what lies outside the picture is left out."""
    top, left = y - mask.shape[0] // 2, x - mask.shape[1] // 2
    rows, columns = (
        _visible(top, mask.shape[0], picture.shape[0]),
        _visible(left, mask.shape[1], picture.shape[1]),
    )
    patch = picture[top + rows.start : top + rows.stop, left + columns.start : left + columns.stop]
    patch[mask[rows, columns]] = colour


def _visible(first: int, length: int, limit: int) -> slice:
    """Which of `length` rows or columns, the first of them at `first`, lie within 0 to `limit`; empty for none."""
    start = min(max(0, -first), length)
    return slice(start, max(start, min(length, limit - first)))


@lru_cache(maxsize=8)
def _ring(reach: int) -> NDArray[np.bool_]:
    outer = reach + 4
    rows, columns = np.ogrid[-outer : outer + 1, -outer : outer + 1]
    away = np.hypot(rows, columns)
    ring: NDArray[np.bool_] = (away <= outer) & (away > outer - 2)
    return ring


@lru_cache(maxsize=256)
def _number(value: int) -> NDArray[np.bool_]:
    gap = np.zeros((5, 1), dtype=bool)
    glyphs = [np.array(list(_DIGITS[int(digit)])).reshape(5, 3) == "1" for digit in str(value)]
    row = np.hstack([piece for glyph in glyphs for piece in (glyph, gap)])
    return np.kron(row, np.ones((_SCALE, _SCALE), dtype=bool))
