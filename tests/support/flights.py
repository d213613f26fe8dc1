"""Flights with a known truth: a drone passes the angle at which one light turns, and some statuses are wrong."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

ARCMIN = 1 / 60
RED, TRANSITION, WHITE = "red", "transition", "white"
STATUSES = (RED, TRANSITION, WHITE)
FRAMES_A_SECOND = 25


@dataclass(frozen=True)
class Flight:
    """The frames of one light, in order: one value a frame in each sequence, and the angle at which it turns."""

    turns_at: float
    frame_numbers: Sequence[int]
    times: Sequence[float]
    angles: Sequence[float]
    statuses: Sequence[str]
    wrong: frozenset[int]
    """The numbers of the frames whose status is wrong."""

    def frames(self, light: str = "papi_a") -> list[dict[str, Any]]:
        """Frames as a measurements file has them."""
        columns = zip(self.frame_numbers, self.times, self.angles, self.statuses, strict=True)
        return [
            {"frame_number": number, "timestamp": time, light: {"status": status, "angle": angle}}
            for number, time, angle, status in columns
        ]


def make_flight(
    seed: int,
    wrong_share: float = 0.0,
    *,
    turns_at: float = 3.0,
    width_arcmin: float = 3.0,
    noise_arcmin: float = 1.3,
    frames: int = 500,
    stops_deg: Sequence[float] = (2.0, 4.5),
    blur_arcmin: float = 0.0,
    sway_arcmin: float = 0.0,
) -> Flight:
    """One flight past a light that turns at `turns_at` degrees; the same seed gives the same flight.

    The drone flies from stop to stop of `stops_deg`, with as many of the `frames` on each leg, and sways slowly by
    `sway_arcmin`. The status comes from its true angle: red below the zone of `width_arcmin`, white above, transition
    within; `blur_arcmin` is the scale of a logistic error of each frame on that decision. The angle of a frame is the
    true one with Gaussian noise of `noise_arcmin`. `round(wrong_share * frames)` frames, at random, get one of the two
    other statuses: red for white, white for red, a stray transition, or a transition shown as red or white.
    """
    chance = random.Random(f"{seed} {wrong_share}")
    phase = chance.random()
    path = [
        angle + sway_arcmin * ARCMIN * math.sin(2 * math.pi * (number / 90 + phase))
        for number, angle in enumerate(_legs(frames, stops_deg))
    ]
    half = width_arcmin * ARCMIN / 2
    statuses = [_status(angle + _logistic(chance, blur_arcmin) * ARCMIN - turns_at, half) for angle in path]
    wrong = frozenset(chance.sample(range(frames), round(wrong_share * frames)))
    for number in sorted(wrong):
        statuses[number] = chance.choice([other for other in STATUSES if other != statuses[number]])
    return Flight(
        turns_at=turns_at,
        frame_numbers=list(range(frames)),
        times=[number / FRAMES_A_SECOND for number in range(frames)],
        angles=[angle + chance.gauss(0, noise_arcmin) * ARCMIN for angle in path],
        statuses=statuses,
        wrong=wrong,
    )


def make_flights(count: int, wrong_share: float) -> Iterator[Flight]:
    """Flights past one light, 500 frames each; the seeds are 0 to `count - 1`.

    Every other light turns at 3 degrees, the rest anywhere from 2.4 to 3.6: else the frames of all flights would lie
    alike around the turn.
    """
    for seed in range(count):
        turns_at = 3.0 if seed % 2 == 0 else random.Random(f"light {seed}").uniform(2.4, 3.6)
        yield make_flight(seed, wrong_share, turns_at=turns_at)


def _legs(frames: int, stops: Sequence[float]) -> list[float]:
    legs = len(stops) - 1
    path = []
    for number in range(frames):
        place = number / max(1, frames - 1) * legs
        leg = min(int(place), legs - 1)
        path.append(stops[leg] + (stops[leg + 1] - stops[leg]) * (place - leg))
    return path


def _status(above: float, half_zone: float) -> str:
    if above < -half_zone:
        return RED
    return WHITE if above > half_zone else TRANSITION


def _logistic(chance: random.Random, scale: float) -> float:
    if not scale:
        return 0.0
    share = min(max(chance.random(), 1e-12), 1 - 1e-12)
    return scale * math.log(share / (1 - share))
