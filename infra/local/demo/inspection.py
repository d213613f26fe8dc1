"""What the demo's order asks of the lights, and the flight that its film was drawn from.

The processor sees the lights' colours in the film alone. It has no drone's log to read, so the order tells it the
flight; nothing tells it where the lights turn.
"""

from typing import Any

from infra.local.footage import LIGHTS, Film, truth

GLIDE_PATH_DEG = 3.0
TOLERANCE_ARCMIN = 3
_POINT_EVERY_S = 1


def asked() -> dict[str, Any]:
    """What the lights are held against: their set angles, a left wing in ICAO's numbers."""
    boxes = {str(box): light.set_angle_deg for box, light in enumerate(LIGHTS, start=1)}
    return {
        "side": "left",
        "numbering": "icao",
        "nominal_angles": boxes,
        "tolerance_arcmin": TOLERANCE_ARCMIN,
        "glide_path_angle": GLIDE_PATH_DEG,
        "glide_path_tolerance_arcmin": TOLERANCE_ARCMIN,
    }


def flight(film: Film) -> dict[str, Any]:
    """The telemetry of the flight that `film` was drawn from: a point a second, and one at its last frame."""
    step = film.fps * _POINT_EVERY_S
    frames = [*range(0, film.frames - 1, step), film.frames - 1]
    points = [truth(number, film) for number in frames]
    return {"angles": [[round(point.time_s, 6), round(point.elevation_deg, 6)] for point in points]}
