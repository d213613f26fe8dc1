"""Where a light turns in one run of a film: the angle, its standard error and interval, its width."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean

from chalicelib.core.measurements import flight_path, turn_curve
from chalicelib.core.measurements.flight_path import Observed, Path
from chalicelib.core.measurements.turn_curve import RED, TRANSITION, WHITE, Curve, Evidence

FITTED = "fitted"
NO_TRANSITION = "no transition seen"
NOT_ENOUGH = "not enough frames"

DEGREE = 60.0
"""Arc minutes."""
BINS_A_DEGREE = 120
LEAST_FRAMES = 20
LEAST_ON_A_SIDE = 5
LEAST_GAIN = 12.0
NEAR = 8.0
WIDEST = 240.0
BINS = 160
MOST_POINTS = 400
MARGIN = 45
COVERED = 1.959964
FINEST = 0.25
LEAST_HOLE = 3.0
"""A gap is a hole when it is so many times as wide as frames usually lie apart."""
PATH_FREEDOM = 200.0
QUIET = 1e-30
AT_ONE_END = 12
"""The variance of a place somewhere between two frames is a twelfth of their distance squared."""
AT_BOTH_ENDS = 14
"""For the middle of two such places: a 24th if they err independently, a twelfth if they err alike; so in between."""

Bins = Mapping[tuple[int, int], int]
"""How many frames there are of each angle (in bins of half an arc minute) and status."""


@dataclass(frozen=True)
class Frames:
    """Frames of a run, in order, with an angle each (degrees); a status of None was not seen."""

    numbers: Sequence[int]
    angles: Sequence[float]
    statuses: Sequence[int | None]


@dataclass(frozen=True)
class Turn:
    """In degrees, with the degrees of freedom of the error, and how many frames contradict it."""

    angle: float
    standard_error: float
    freedom: float
    width: float
    wrong: int

    @property
    def interval(self) -> tuple[float, float]:
        half = quantile(self.freedom) * self.standard_error
        return self.angle - half, self.angle + half


def bin_of(angle: float) -> int:
    return round(angle * BINS_A_DEGREE)


def quantile(freedom: float) -> float:
    """97.5 % of Student's t (the expansion of Cornish and Fisher; within 2 % from two degrees of freedom on)."""
    z, few = COVERED, max(freedom, 2.0)
    return (
        z
        + (z**3 + z) / (4 * few)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * few**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * few**3)
    )


def fit_turn(frames: Frames, others: Bins) -> tuple[str, Turn | None]:
    """The outcome, and the turn where it is `fitted`; `others` are frames of the same run, far from any turn."""
    bins = Counter(others)
    bins.update(_bins(frames, slice(None)))
    outcome, split = _split(bins)
    if split is None:
        return outcome, None
    reach = NEAR
    while True:
        fit = _Fit.around(split, reach, frames, others)
        if fit is None:
            return NOT_ENOUGH, None
        needed = abs(fit.curve.turn) + fit.curve.half_zone + 8 * fit.curve.scale
        if needed <= reach or reach >= WIDEST:
            break
        reach *= 2
    if abs(fit.curve.turn) > reach or not fit.is_seen():
        return NOT_ENOUGH, None
    return FITTED, fit.turn()


def _bins(frames: Frames, chosen: slice) -> Bins:
    places = [round(angle * BINS_A_DEGREE) for angle in frames.angles[chosen]]
    counts = Counter(zip(places, frames.statuses[chosen], strict=True))
    return {(place, status): count for (place, status), count in counts.items() if status is not None}


def _split(bins: Bins) -> tuple[str, float | None]:
    """The angle (arc minutes) that has the fewest reds above and whites below it, where there is a turn at all."""
    reds = sum(count for (_, status), count in bins.items() if status == RED)
    whites = sum(count for (_, status), count in bins.items() if status == WHITE)
    if sum(bins.values()) < LEAST_FRAMES:
        return NOT_ENOUGH, None
    by_angle: dict[int, list[int]] = {}
    for (place, status), count in bins.items():
        by_angle.setdefault(place, [0, 0, 0])[status] += count
    fewest, below, start, end = reds, (0, 0), None, None
    red_below = white_below = 0
    for place in sorted(by_angle):
        counts = by_angle[place]
        red_below += counts[RED]
        white_below += counts[WHITE]
        wrong = reds - red_below + white_below
        if wrong < fewest:
            fewest, below, start, end = wrong, (red_below, white_below), place, None
        elif end is None and wrong > fewest:
            end = place
    if start is None:
        return NO_TRANSITION, None
    above = reds - below[0], whites - below[1]
    gain = _disorder(reds, whites) - _disorder(*below) - _disorder(*above)
    if gain < LEAST_GAIN or below[0] <= below[1] or above[1] <= above[0]:
        return NO_TRANSITION, None
    if min(below[0], above[1]) < LEAST_ON_A_SIDE:
        return NOT_ENOUGH, None
    return FITTED, (start + (start if end is None else end)) / 2 * DEGREE / BINS_A_DEGREE


def _disorder(*counts: int) -> float:
    total = sum(counts)
    return -sum(count * math.log(count / total) for count in counts if count)


@dataclass(frozen=True)
class _Fit:
    """A curve fitted along the path within `reach` of `origin` (arc minutes)."""

    origin: float
    path: Path
    counts: Sequence[tuple[int, int, int]]
    """The frames of each status at each point of the path."""
    evidence: Evidence
    curve: Curve

    @classmethod
    def around(cls, origin: float, reach: float, frames: Frames, others: Bins) -> "_Fit | None":
        first, last = _stretch(origin, reach, frames)
        if last - first < LEAST_FRAMES:
            return None
        path, counts = _path(origin, frames, first, last)
        size = reach / BINS
        rows: dict[int, list[int]] = {}
        far = Counter(others)
        far.update(_bins(frames, slice(0, first)))
        far.update(_bins(frames, slice(last, None)))
        right, wrong = _judge(origin, far)
        for angle, statuses in zip(path.angles, counts, strict=True):
            if abs(angle) <= reach:
                row = rows.setdefault(round(angle / size), [0, 0, 0])
                row[:] = map(sum, zip(row, statuses, strict=True))
            else:
                as_expected = statuses[RED if angle < 0 else WHITE]
                right += as_expected
                wrong += sum(statuses) - as_expected
        seen = sum(map(sum, rows.values()))
        if seen < LEAST_ON_A_SIDE:
            return None
        spacing = 2 * reach / seen
        gap = _gap_at(0.0, path, counts)
        if gap > LEAST_HOLE * spacing:
            spacing = gap
        evidence = Evidence(
            rows=[(place * size, (row[0], row[1], row[2])) for place, row in sorted(rows.items())],
            far_right=right,
            far_wrong=wrong,
            least_scale=max(FINEST * spacing, size),
        )
        zone = _half_zone(evidence.rows, reach)
        start = Curve(turn=0.0, half_zone=zone, scale=max(1.0, spacing, zone / 4))
        return cls(origin, path, counts, evidence, turn_curve.fit(evidence, start))

    def turn(self) -> Turn:
        curve, evidence = self.curve, self.evidence
        information, slope = turn_curve.score(evidence, curve)
        of_curve = turn_curve.solve(information, [1.0] + [0.0] * (len(slope) - 1))[0]
        # At the finest scale the curve is a step: only the frames next to it tell where it is.
        fineness = (evidence.least_scale / curve.scale) ** 2
        of_statuses = of_curve * (1 - fineness)
        gap = self._gap()
        of_frames = gap**2 / (AT_BOTH_ENDS if curve.half_zone else AT_ONE_END)
        of_path = self.path.variance_of_mean(self._weights())
        variance = of_statuses + of_path + of_frames
        informative = curve.scale**2 / of_curve
        return Turn(
            angle=(self.origin + curve.turn) / DEGREE,
            standard_error=math.sqrt(variance) / DEGREE,
            freedom=variance**2 / (of_statuses**2 / informative + of_path**2 / PATH_FREEDOM + QUIET),
            width=max(self._width(), gap) / DEGREE,
            wrong=self._wrong(),
        )

    def is_seen(self) -> bool:
        """Whether any frame is where the curve rises."""
        return any(self._weights())

    def _width(self) -> float:
        """The width without what the finest scale adds to it."""
        curve = self.curve
        scale = math.sqrt(max(0.0, curve.scale**2 - self.evidence.least_scale**2))
        return turn_curve.width(replace(curve, scale=max(scale, 1e-6)))

    def _wrong(self) -> int:
        near = sum(
            count
            for angle, counts in self.evidence.rows
            for status, count in enumerate(counts)
            if count and self.curve.is_wrong(angle, status)
        )
        return near + self.evidence.far_wrong

    def _weights(self) -> list[float]:
        """How much each point of the path decides the turn; 1 in all."""
        shares = [
            sum(counts) * turn_curve.weight(self.curve, angle)
            for angle, counts in zip(self.path.angles, self.counts, strict=True)
        ]
        total = sum(shares) or 1.0
        return [share / total for share in shares]

    def _gap(self) -> float:
        """How far the frames at each end of the zone lie apart: the square mean of both."""
        ends = (self.curve.turn - self.curve.half_zone, self.curve.turn + self.curve.half_zone)
        return math.sqrt(fmean(_gap_at(end, self.path, self.counts) ** 2 for end in ends))


def _gap_at(place: float, path: Path, counts: Sequence[tuple[int, int, int]]) -> float:
    """How far the points next to `place` that show a status lie apart; 0 where there is none on one side."""
    angles = [angle for angle, statuses in zip(path.angles, counts, strict=True) if any(statuses)]
    below = max((angle for angle in angles if angle <= place), default=place)
    above = min((angle for angle in angles if angle > place), default=place)
    return above - below


def _stretch(origin: float, reach: float, frames: Frames) -> tuple[int, int]:
    """From the first to past the last frame that may be within `reach`, and some more for the path."""
    low, high = (origin - reach) / DEGREE, (origin + reach) / DEGREE
    inside = [at for at, angle in enumerate(frames.angles) if low <= angle <= high]
    if not inside:
        return 0, 0
    return max(0, inside[0] - MARGIN), min(len(frames.angles), inside[-1] + 1 + MARGIN)


def _path(origin: float, frames: Frames, first: int, last: int) -> tuple[Path, list[tuple[int, int, int]]]:
    """The path through means of as many frames in a row as keep its points few, and the statuses at each point."""
    pooled = -(-(last - first) // MOST_POINTS)
    numbers, angles, counts = [], [], []
    for start in range(first, last, pooled):
        chosen = slice(start, min(last, start + pooled))
        numbers.append(fmean(frames.numbers[chosen]))
        angles.append(fmean(frames.angles[chosen]) * DEGREE - origin)
        statuses = frames.statuses[chosen]
        counts.append((statuses.count(RED), statuses.count(TRANSITION), statuses.count(WHITE)))
    steps = [0.0, *(later - number for number, later in pairwise(numbers))]
    return flight_path.smooth(Observed(angles, steps, flight_path.usable(angles))), counts


def _judge(origin: float, bins: Bins) -> tuple[int, int]:
    """How many of these far frames are right and wrong."""
    right = wrong = 0
    for (place, status), count in bins.items():
        if status == (RED if place * DEGREE / BINS_A_DEGREE < origin else WHITE):
            right += count
        else:
            wrong += count
    return right, wrong


def _half_zone(rows: Sequence[turn_curve.Row], reach: float) -> float:
    """A first guess, or 0 where no zone of transitions is seen."""
    places = sorted(abs(angle) for angle, counts in rows for _ in range(counts[TRANSITION]))
    if len(places) < 2:
        return 0.0
    return min(reach / 2, max(0.2, 1.5 * places[len(places) // 2]))
