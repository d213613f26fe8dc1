"""The curve of a light over the angle: the shares of red, transition and white, fitted to frames.

The share that is no longer red, and the share that is white, are logistic curves of one scale; they rise half a zone
below and half a zone above the turn. On top of that, a share of all frames (`lapse`) has one of the three statuses at
random: the wrong frames of every kind. Angles are arc minutes from an origin of the caller's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

RED, TRANSITION, WHITE = 0, 1, 2

MOST_STEPS = 30
MOST_HALVINGS = 12
MOST_LAPSES = 0.5
FIRST_LAPSES = 0.02
STIFFNESS = 1e-3
FAR_STEPS = 12.0
LEAST_SHARE = 1e-300
TOLERATED = 1e-3
WIDTH_SHARE = 0.9

Row = tuple[float, tuple[int, int, int]]
"""An angle, and how many frames of each status are there."""
_Vector = tuple[float, ...]


@dataclass(frozen=True)
class Curve:
    turn: float
    half_zone: float
    scale: float
    lapse: float = FIRST_LAPSES

    def shares(self, angle: float) -> tuple[float, float, float]:
        """The shares of red, transition and white at `angle`, wrong frames aside."""
        begun, ended = self._rises(angle)
        return 1 - begun, begun - ended, ended

    def of_frames(self, shares: Sequence[float]) -> list[float]:
        """The same shares with the wrong frames."""
        right, each = 1 - self.lapse, self.lapse / 3
        return [right * share + each for share in shares]

    def is_wrong(self, angle: float, status: int) -> bool:
        """Whether a frame with that status at that angle is rather wrong than right."""
        return self.lapse / 3 > (1 - self.lapse) * self.shares(angle)[status]

    def slopes(self, angle: float) -> tuple[_Vector, _Vector, _Vector]:
        """How each share changes with the turn, with the log of the scale, and with the log of the half zone."""
        begun, ended = self._rises(angle)
        begins, ends = begun * (1 - begun) / self.scale, ended * (1 - ended) / self.scale
        low, high, half = (
            angle - self.turn + self.half_zone,
            angle - self.turn - self.half_zone,
            self.half_zone,
        )
        first = (-begins, -begins * low, begins * half)
        second = (-ends, -ends * high, -ends * half)
        return (
            (-first[0], -first[1], -first[2]),
            (first[0] - second[0], first[1] - second[1], first[2] - second[2]),
            second,
        )

    def is_flat(self, angle: float) -> bool:
        """Whether the shares no longer change at `angle`."""
        return abs(angle - self.turn) > self.half_zone + FAR_STEPS * self.scale

    def _rises(self, angle: float) -> tuple[float, float]:
        return (
            _rise((angle - self.turn + self.half_zone) / self.scale),
            _rise((angle - self.turn - self.half_zone) / self.scale),
        )


@dataclass(frozen=True)
class Evidence:
    """What a curve is fitted to: frames near the turn, how many far frames are right and wrong, and limits.

    `least_scale` is the finest scale that frames so far apart can show.
    """

    rows: Sequence[Row]
    far_right: int
    far_wrong: int
    least_scale: float

    @property
    def frames(self) -> int:
        return sum(sum(counts) for _, counts in self.rows) + self.far_right + self.far_wrong

    def likelihood(self, curve: Curve) -> float:
        steep, right, wrong = self._divide(curve)
        each = curve.lapse / 3
        total = right * math.log(1 - curve.lapse + each) + wrong * math.log(each)
        for angle, counts in steep:
            for count, share in zip(counts, curve.of_frames(curve.shares(angle)), strict=True):
                if count:
                    total += count * math.log(max(share, LEAST_SHARE))
        return total

    def lapse(self, curve: Curve) -> float:
        """The share of frames with a random status, given the curve: one step of expectation and maximisation.

        Half a frame more is counted, so that the next frame may be wrong even where none was.
        """
        steep, right, wrong = self._divide(curve)
        each = curve.lapse / 3
        random = wrong + self.far_wrong + (right + self.far_right) * each / (1 - curve.lapse + each)
        for angle, counts in steep:
            for count, share in zip(counts, curve.of_frames(curve.shares(angle)), strict=True):
                if count:
                    random += count * each / max(share, LEAST_SHARE)
        return min(MOST_LAPSES, (random + 0.5) / (self.frames + 1))

    def _divide(self, curve: Curve) -> tuple[list[Row], int, int]:
        """The rows where the curve rises, and how many frames of all others are right and wrong."""
        reach = curve.half_zone + FAR_STEPS * curve.scale
        low, high = curve.turn - reach, curve.turn + reach
        steep = []
        right = wrong = 0
        for row in self.rows:
            angle, (red, transition, white) = row
            if angle < low:
                right += red
                wrong += transition + white
            elif angle > high:
                right += white
                wrong += transition + red
            else:
                steep.append(row)
        return steep, right, wrong


def fit(evidence: Evidence, start: Curve) -> Curve:
    """The most likely curve, by Fisher scoring from `start`; a start without a zone keeps none."""
    curve = start
    for _ in range(MOST_STEPS):
        curve = replace(curve, lapse=evidence.lapse(curve))
        step = solve(*score(evidence, curve))
        before = evidence.likelihood(curve)
        for halving in range(MOST_HALVINGS):
            moved = _moved(curve, step, 0.5**halving, evidence.least_scale)
            after = evidence.likelihood(moved)
            if after >= before - TOLERATED:
                break
        else:
            return curve
        settled = abs(moved.turn - curve.turn) < 1e-3 * moved.scale and after - before < 1e-6
        curve = moved
        if settled:
            break
    return curve


def score(evidence: Evidence, curve: Curve) -> tuple[list[list[float]], list[float]]:
    """Fisher's information and the slope of the likelihood in turn, log scale and (with a zone) log half zone."""
    to_turn = to_scale = to_zone = 0.0
    turn = turn_scale = turn_zone = scale = scale_zone = zone = 0.0
    right = 1 - curve.lapse
    for angle, counts in evidence.rows:
        if curve.is_flat(angle):
            continue
        frames = sum(counts) * right
        shares = curve.of_frames(curve.shares(angle))
        for count, share, (of_turn, of_scale, of_zone) in zip(
            counts, shares, curve.slopes(angle), strict=True
        ):
            part = right / max(share, LEAST_SHARE)
            if count:
                to_turn += count * part * of_turn
                to_scale += count * part * of_scale
                to_zone += count * part * of_zone
            part *= frames
            turn += part * of_turn * of_turn
            turn_scale += part * of_turn * of_scale
            turn_zone += part * of_turn * of_zone
            scale += part * of_scale * of_scale
            scale_zone += part * of_scale * of_zone
            zone += part * of_zone * of_zone
    turn, scale, zone = turn + 1e-9, scale + STIFFNESS, zone + STIFFNESS
    if not curve.half_zone:
        return [[turn, turn_scale], [turn_scale, scale]], [to_turn, to_scale]
    return (
        [[turn, turn_scale, turn_zone], [turn_scale, scale, scale_zone], [turn_zone, scale_zone, zone]],
        [to_turn, to_scale, to_zone],
    )


def weight(curve: Curve, angle: float) -> float:
    """How much one frame at `angle` says of the turn."""
    if curve.is_flat(angle):
        return 0.0
    right = 1 - curve.lapse
    shares = curve.of_frames(curve.shares(angle))
    changes = zip(curve.slopes(angle), shares, strict=True)
    return sum(right * right * change[0] * change[0] / max(share, LEAST_SHARE) for change, share in changes)


def width(curve: Curve) -> float:
    """From 10 to 90 % of the way from red to white, a transition being half of it."""
    low, high = 0.0, curve.half_zone + 5 * curve.scale
    for _ in range(40):
        middle = (low + high) / 2
        _, transition, white = curve.shares(curve.turn + middle)
        low, high = (middle, high) if transition / 2 + white < WIDTH_SHARE else (low, middle)
    return 2 * high


def solve(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """The solution of a small system of equations whose matrix is positive definite."""
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for at, pivot in enumerate(rows):
        for row in rows:
            if row is not pivot:
                factor = row[at] / pivot[at]
                row[:] = [value - factor * other for value, other in zip(row, pivot, strict=True)]
    return [row[-1] / row[at] for at, row in enumerate(rows)]


def _moved(curve: Curve, step: Sequence[float], share: float, least_scale: float) -> Curve:
    turn, scale, *zone = (max(-1.0, min(1.0, share * part)) for part in (step[0] / 5, *step[1:]))
    return replace(
        curve,
        turn=curve.turn + 5 * turn,
        scale=max(least_scale, curve.scale * math.exp(scale)),
        half_zone=curve.half_zone * math.exp(zone[0]) if zone else 0.0,
    )


def _rise(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > -700 else 0.0
