"""Measurements as processors write them: a drone climbs before the lights of a runway, and each turns at its angle."""

import gzip
import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

ANGLES = {"papi_a": 3.5, "papi_b": 3.17, "papi_c": 2.83, "papi_d": 2.5}
"""At which each light turns from red to white."""

FRAMES_A_SECOND = 30
CLIMB_S = 60


def make_frame(number: int = 0, **changes: Any) -> dict[str, Any]:
    """Frame `number` with every field that there is, all of them as they are meant."""
    time_s = number / FRAMES_A_SECOND
    share = (time_s % CLIMB_S) / CLIMB_S
    elevation = 1.8 + 2.4 * (share if int(time_s / CLIMB_S) % 2 == 0 else 1 - share)
    distance = 350 + 10 * math.sin(time_s / 37)
    frame: dict[str, Any] = {
        "frame_number": number,
        "timestamp": time_s,
        "drone_latitude": 48.17039 + distance * 4.08e-6,
        "drone_longitude": 17.21206 - distance * 1.2e-5,
        "drone_elevation": 126.25 + distance * math.tan(math.radians(elevation)),
        "gimbal_pitch": None,
        "gimbal_roll": None,
        "gimbal_yaw": None,
    }
    for name, angle in ANGLES.items():
        frame[name] = make_light(round(elevation - 0.001 * (ord(name[-1]) - 97), 3), angle, distance)
    return {**frame, **changes}


def make_light(elevation: float, turns_at: float, distance: float = 350.0) -> dict[str, Any]:
    """A light as it is seen from `elevation` degrees; its colour changes within 0.1 degrees."""
    white = 1 / (1 + math.exp(max(-50.0, min(50.0, -(elevation - turns_at) / 0.012))))
    red, green, blue = 240, int(240 * (0.30 + 0.66 * white)), int(240 * (0.28 + 0.60 * white))
    return {
        "status": "red" if white < 0.2 else "white" if white > 0.8 else "transition",
        "rgb": {"r": red, "g": green, "b": blue},
        "intensity": (red + green + blue) / 3,
        "angle": elevation,
        "horizontal_angle": round(elevation * 2 - 5, 3),
        "distance_ground": distance,
        "distance_direct": distance / math.cos(math.radians(elevation)),
        "area_pixels": 180 + int(60 * white),
    }


def make_frames(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [make_frame(number) for number in range(start, start + count)]


def as_list(frames: Iterable[Any]) -> bytes:
    return json.dumps(list(frames)).encode()


def as_document(frames: Iterable[Any], **members: Any) -> bytes:
    return json.dumps({"frames": list(frames), **members}).encode()


def as_lines(frames: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(frame).encode() + b"\n" for frame in frames)


def zipped(text: bytes, members: int = 1) -> bytes:
    """`text` in so many gzip members."""
    size = -(-len(text) // members) or 1
    return b"".join(gzip.compress(text[at : at + size], mtime=0) for at in range(0, len(text), size))


def in_chunks(content: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]
