"""What the demo footage shows, frame by frame: the climb, the lights' colours and their places in the picture.

Four lights stand left of a runway. Each is white above its set angle and red below it: 2°30', 2°50', 3°10', 3°30'
around a glide path of 3°, the lowest outermost. The viewpoint climbs straight up in front of them, so they turn white
one after the other, from the left. Everything here follows from the frame's number; nothing is measured.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

RED = (255.0, 36.0, 24.0)
WHITE = (255.0, 250.0, 240.0)
# The change takes about three minutes of arc from end to end.
CHANGE_SCALE_DEG = 0.012
DISTANCE_M = 350.0
SPACING_M = 9.0
INNERMOST_M = -30.0
FIELD_OF_VIEW_DEG = 24.0
HORIZON = 0.24  # of the picture's height, from above


class Status(enum.Enum):
    RED = "red"
    TRANSITION = "transition"
    WHITE = "white"


@dataclass(frozen=True)
class Light:
    """One of the four; papi_a is the leftmost."""

    name: str
    set_angle_deg: float
    aside_m: float


LIGHTS = tuple(
    Light(name, angle_deg, INNERMOST_M - SPACING_M * (3 - place))
    for place, (name, angle_deg) in enumerate(
        [("papi_a", 2.5), ("papi_b", 2.8333), ("papi_c", 3.1667), ("papi_d", 3.5)]
    )
)


@dataclass(frozen=True)
class Film:
    """One recording: its picture, its chapters, and the climb that runs through all of them.

    `codec` is libx264, which any browser plays, or libx265: HEVC, as real cameras film in most modes.
    """

    width: int = 960
    height: int = 540
    fps: int = 30
    chapters: int = 3
    frames_per_chapter: int = 360
    bit_rate: int = 8_200_000
    seed: int = 38
    first_angle_deg: float = 2.2
    last_angle_deg: float = 3.8
    codec: str = "libx264"

    @property
    def frames(self) -> int:
        return self.chapters * self.frames_per_chapter

    @property
    def focal_px(self) -> float:
        return self.width / 2 / math.tan(math.radians(FIELD_OF_VIEW_DEG / 2))

    @property
    def light_radius_px(self) -> float:
        """The radius within which a light has its full colour."""
        return self.width / 192


@dataclass(frozen=True)
class LightTruth:
    """One light on one frame: `whiteness` from 0 (red) to 1 (white), its colour, its place in the picture."""

    name: str
    set_angle_deg: float
    whiteness: float
    status: Status
    rgb: tuple[float, float, float]
    x_px: float
    y_px: float


@dataclass(frozen=True)
class FrameTruth:
    """One frame, numbered from 0 through the whole recording."""

    frame: int
    time_s: float
    elevation_deg: float
    height_m: float
    lights: tuple[LightTruth, ...]


def truth(frame: int, film: Film = Film()) -> FrameTruth:
    """What frame `frame` of the recording shows, 0-based and counted through its chapters."""
    share = frame / (film.frames - 1)
    elevation_deg = film.first_angle_deg + (film.last_angle_deg - film.first_angle_deg) * share
    height_m = DISTANCE_M * math.tan(math.radians(elevation_deg))
    lights = tuple(_light(light, elevation_deg, height_m, film) for light in LIGHTS)
    return FrameTruth(frame, frame / film.fps, elevation_deg, height_m, lights)


def place(film: Film, height_m: float, aside_m: float, ahead_m: float) -> tuple[float, float]:
    """The place of a point on the ground in the picture, seen from `height_m`; a level pinhole camera."""
    x = film.width / 2 + film.focal_px * aside_m / ahead_m
    y = film.height * HORIZON + film.focal_px * height_m / ahead_m
    return x, y


def _light(light: Light, elevation_deg: float, height_m: float, film: Film) -> LightTruth:
    whiteness = 1 / (1 + math.exp(-(elevation_deg - light.set_angle_deg) / CHANGE_SCALE_DEG))
    x, y = place(film, height_m, light.aside_m, DISTANCE_M)
    return LightTruth(
        light.name, light.set_angle_deg, whiteness, _status(whiteness), _colour(whiteness), x, y
    )


def _status(whiteness: float) -> Status:
    if whiteness < 0.1:
        return Status.RED
    return Status.WHITE if whiteness > 0.9 else Status.TRANSITION


def _colour(whiteness: float) -> tuple[float, float, float]:
    red, green, blue = (r + (w - r) * whiteness for r, w in zip(RED, WHITE, strict=True))
    return red, green, blue
