"""The picture of a frame: a runway at night, its lights, and the four approach lights next to it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from infra.local.footage.truth import DISTANCE_M, HORIZON, Film, place, truth

Picture = NDArray[np.uint8]
Colour = tuple[float, float, float]

SKY: Colour = (10, 13, 26)
GROUND: Colour = (17, 20, 17)
RUNWAY: Colour = (30, 31, 34)
LAMP: Colour = (255, 214, 150)
THRESHOLD: Colour = (60, 230, 110)
CENTRE: Colour = (190, 190, 190)
NOISE_LEVELS = 11
SPARE_PX = 256
HALF_RUNWAY_M = 15.0
# The threshold lies nearer than the approach lights, as on a real runway.
RUNWAY_FROM_M, RUNWAY_TO_M = 130.0, 2_400.0


@dataclass(frozen=True)
class Lamp:
    """A lamp on the ground."""

    aside_m: float
    ahead_m: float
    colour: Colour


def lamps() -> tuple[Lamp, ...]:
    """The runway's own lights, far ones first."""
    edges = [Lamp(side * HALF_RUNWAY_M, ahead, LAMP) for ahead in range(2_350, 130, -120) for side in (-1, 1)]
    centre = [Lamp(0, ahead, CENTRE) for ahead in range(1_990, 150, -180)]
    threshold = [Lamp(aside, RUNWAY_FROM_M, THRESHOLD) for aside in range(-12, 13, 4)]
    return tuple(edges + centre + threshold)


def draw(frame: int, film: Film) -> Picture:
    """Frame `frame` as height x width x 3 bytes of RGB; equal arguments give equal pictures."""
    now = truth(frame, film)
    picture = _night(film, frame, now.height_m)
    for lamp in lamps():
        x, y = place(film, now.height_m, lamp.aside_m, lamp.ahead_m)
        _shine(picture, x, y, _lamp_radius(film, lamp), lamp.colour)
    for light in now.lights:
        _shine(picture, light.x_px, light.y_px, film.light_radius_px, light.rgb)
    return picture


def _lamp_radius(film: Film, lamp: Lamp) -> float:
    return max(0.5, film.light_radius_px * 0.5 * min(1.0, DISTANCE_M / lamp.ahead_m))


def _night(film: Film, frame: int, height_m: float) -> Picture:
    """Sky, ground and runway with a sensor's noise: windows into noisy planes, elsewhere on every frame."""
    generator = np.random.default_rng((film.seed, frame))
    row, column = (int(spare) for spare in generator.integers(0, SPARE_PX, 2))
    sky, ground, runway = (
        plane[row : row + film.height, column : column + film.width] for plane in _noisy_planes(film)
    )
    horizon = round(film.height * HORIZON)
    picture = np.concatenate((sky[:horizon], ground[horizon:]))
    for y in range(horizon + 1, film.height):
        left, right = _runway_between(film, height_m, y)
        picture[y, left:right] = runway[y, left:right]
    return picture


def _runway_between(film: Film, height_m: float, y: int) -> tuple[int, int]:
    """The columns of row `y`, below the horizon, that show the runway; none where it has not begun or has ended."""
    ahead_m = film.focal_px * height_m / (y - film.height * HORIZON)
    if not RUNWAY_FROM_M < ahead_m < RUNWAY_TO_M:
        return 0, 0
    half_px = film.focal_px * HALF_RUNWAY_M / ahead_m
    return max(0, round(film.width / 2 - half_px)), min(film.width, round(film.width / 2 + half_px))


@lru_cache(maxsize=2)
def _noisy_planes(film: Film) -> tuple[Picture, ...]:
    """Sky, ground and runway as planes larger than a picture, with the same noise on each."""
    generator = np.random.default_rng(film.seed)
    noise = generator.standard_normal((film.height + SPARE_PX, film.width + SPARE_PX, 1), np.float32)
    colours = (np.asarray(colour, np.float32) for colour in (SKY, GROUND, RUNWAY))
    return tuple(np.clip(colour + noise * NOISE_LEVELS, 0, 255).astype(np.uint8) for colour in colours)


def _shine(picture: Picture, x: float, y: float, radius_px: float, colour: Colour) -> None:
    """Lays a disc of full colour over the picture, and a glow around it."""
    reach = radius_px * 3
    top, left = max(0, int(y - reach)), max(0, int(x - reach))
    patch = picture[top : int(y + reach) + 2, left : int(x + reach) + 2]
    rows, columns = np.ogrid[top : top + patch.shape[0], left : left + patch.shape[1]]
    away = np.hypot(rows - y, columns - x) / radius_px
    cover = np.where(away <= 1, 1.0, 0.6 * np.exp(-((away - 1) ** 2) / 0.35))[:, :, np.newaxis]
    patch[...] = patch + (np.asarray(colour) - patch) * cover
