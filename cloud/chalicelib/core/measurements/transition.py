"""At which angle one light turns from red to white, and how certain that is: run by run, in one pass over the film.

A run is a climb or a descent. Medians of 15 frames tell where one ends: at an extreme from which the path has come
back by 0.3 degrees. A run is fitted when it ends, so no more than one run and what follows its extreme is held.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, NamedTuple

from chalicelib.core.measurements.turn import (
    FITTED,
    NO_TRANSITION,
    NOT_ENOUGH,
    Frames,
    Turn,
    bin_of,
    fit_turn,
)
from chalicelib.core.measurements.turn_curve import RED, TRANSITION, WHITE

GROUP = 15
REVERSAL = 0.3
MOST_GROUPS = 667
"""10,000 frames of a run are held one by one."""
KEPT_AROUND = 8
MOST_RUNS = 20
LEAST_JUMP = 0.5
STEEPEST = 90.0

METHOD: Mapping[str, Any] = {
    "name": "smoothed path, logistic curves with a lapse rate",
    "version": 1,
    "parameters": {
        "confidence": 0.95,
        "frames_of_median": GROUP,
        "reversal_deg": REVERSAL,
        "most_runs": MOST_RUNS,
    },
}

WRONG, NOT_VISIBLE, NO_ANGLE, NO_STATUS = "wrong_status", "not_visible", "no_angle", "no_status"
_CODES = {"red": RED, "transition": TRANSITION, "white": WHITE}
_DIRECTIONS = {1: "climb", 0: "level", -1: "descent"}

_Column = Sequence[Any]
NONE = (math.inf, -math.inf)


class _Group(NamedTuple):
    """Up to 15 frames in a row. `numbers`, `angles` and `statuses` are of those that have an angle."""

    first_frame: int
    last_frame: int
    first_s: float
    last_s: float
    numbers: _Column
    angles: Sequence[float]
    statuses: Sequence[int | None]
    least: float
    greatest: float
    median: float | None
    majority: int | None
    aside: Mapping[str, int]

    @classmethod
    def of(cls, numbers: _Column, times: _Column, angles: _Column, statuses: _Column) -> "_Group":
        known = sorted([angle for angle in angles if angle is not None and -STEEPEST <= angle <= STEEPEST])
        low, high = _span(known)
        codes: list[int | None] = [*map(_CODES.get, statuses)]
        counts = [codes.count(RED), codes.count(TRANSITION), codes.count(WHITE)]
        usable = sum(counts)
        seen_numbers, seen_codes, angled = numbers, codes, usable
        least, greatest = (known[0], known[-1]) if known else NONE
        if len(known) < len(angles) or known[0] < low or known[-1] > high:
            seen = [at for at, angle in enumerate(angles) if angle is not None and low <= angle <= high]
            seen_numbers, seen_codes = [numbers[at] for at in seen], [codes[at] for at in seen]
            angles = [angles[at] for at in seen]
            angled = len(seen) - seen_codes.count(None)
            least, greatest = (min(angles), max(angles)) if angles else NONE
        aside = {}
        if angled < len(codes):
            invisible, unknown = statuses.count(NOT_VISIBLE), len(codes) - usable
            aside = {NOT_VISIBLE: invisible, NO_STATUS: unknown - invisible, NO_ANGLE: usable - angled}
        return cls(
            first_frame=numbers[0],
            last_frame=numbers[-1],
            first_s=min(times),
            last_s=max(times),
            numbers=seen_numbers,
            angles=angles,
            statuses=seen_codes,
            least=least,
            greatest=greatest,
            median=known[len(known) // 2] if known else None,
            majority=counts.index(max(counts)) if usable else None,
            aside=aside,
        )


def _span(angles: Sequence[float]) -> tuple[float, float]:
    """The least and the greatest of the sorted `angles` that are no jump: no drone moves like that within 15 frames."""
    if not angles:
        return 0.0, 0.0
    middle = angles[len(angles) // 2]
    if angles[-1] - middle > LEAST_JUMP or middle - angles[0] > LEAST_JUMP:
        off = sorted([abs(angle - middle) for angle in angles])
        most = max(LEAST_JUMP, 6 * off[len(off) // 2])
        return middle - most, middle + most
    return angles[0], angles[-1]


@dataclass
class _Run:
    """The frames of one run so far: those that may decide, in order, and those far from any turn as counts."""

    number: int
    direction: int = 0
    groups: list[_Group] = field(default_factory=list)
    others: Counter[tuple[int, int]] = field(default_factory=Counter)
    first: _Group | None = None
    last: _Group | None = None
    first_s: float = math.inf
    last_s: float = -math.inf
    angle_min: float = math.inf
    angle_max: float = -math.inf
    aside: Counter[str] = field(default_factory=Counter)
    is_full: bool = False

    def take(self, groups: Sequence[_Group]) -> None:
        for group in groups:
            self.groups.append(group)
            self.first = self.first or group
            self.last = group
            self.first_s = min(self.first_s, group.first_s)
            self.last_s = max(self.last_s, group.last_s)
            self.angle_min = min(self.angle_min, group.least)
            self.angle_max = max(self.angle_max, group.greatest)
            if group.aside:
                self.aside.update(group.aside)
        if len(self.groups) > MOST_GROUPS:
            self._fold()

    def copy(self) -> "_Run":
        return replace(self, groups=[*self.groups], others=Counter(self.others), aside=Counter(self.aside))

    def end(self, may_fit: bool) -> "_Ended":
        frames = Frames(
            [number for group in self.groups for number in group.numbers],
            [angle for group in self.groups for angle in group.angles],
            [status for group in self.groups for status in group.statuses],
        )
        outcome, turn = fit_turn(frames, self.others) if may_fit else ("", None)
        usable = self.others.total() + sum(status is not None for status in frames.statuses)
        return _Ended(self, outcome, turn, usable)

    def _fold(self) -> None:
        """Keep the groups in transition, those around each change of the majority, and the latest; count the others."""
        majorities = [group.majority for group in self.groups]
        kept = set(range(len(majorities) - KEPT_AROUND, len(majorities)))
        for at, (one, following) in enumerate(pairwise(majorities), start=1):
            if one != following or following == TRANSITION:
                kept.update(range(at - KEPT_AROUND, at + KEPT_AROUND))
        for at, group in enumerate(self.groups):
            if at not in kept:
                seen = zip(group.angles, group.statuses, strict=True)
                self.others.update([(bin_of(angle), code) for angle, code in seen if code is not None])
        self.groups = [group for at, group in enumerate(self.groups) if at in kept]
        self.is_full = len(self.groups) > MOST_GROUPS // 2


@dataclass(frozen=True)
class _Ended:
    run: _Run
    outcome: str
    turn: Turn | None
    usable: int

    @property
    def wrong(self) -> int:
        return self.turn.wrong if self.turn else 0

    @property
    def used(self) -> int:
        return self.usable - self.wrong

    @property
    def set_aside(self) -> Mapping[str, int]:
        aside = self.run.aside
        return {WRONG: self.wrong, **{reason: aside[reason] for reason in (NOT_VISIBLE, NO_ANGLE, NO_STATUS)}}

    def document(self) -> Mapping[str, Any]:
        run = self.run
        assert run.first
        assert run.last
        has_angle = run.angle_min <= run.angle_max
        return {
            "run": run.number,
            "direction": _DIRECTIONS[run.direction],
            "first_frame": run.first.first_frame,
            "last_frame": run.last.last_frame,
            "first_s": run.first_s,
            "last_s": run.last_s,
            "angle_min": run.angle_min if has_angle else None,
            "angle_max": run.angle_max if has_angle else None,
            **_result(self.turn),
            "frames_used": self.used,
            "frames_set_aside": self.set_aside,
            "outcome": self.outcome,
        }


class LightTurns:
    """The turns of one light, taken block by block in the order of the film.

    At most 20 runs are fitted and 20 others listed; what is held is bounded, however long the film is.
    """

    def __init__(self) -> None:
        self._left: tuple[list[Any], ...] = ([], [], [], [])
        self._run = _Run(1)
        self._pending: list[_Group] = []
        self._extreme = 0.0
        self._range = (math.inf, -math.inf)
        self._fitted: list[_Ended] = []
        self._others: list[_Ended] = []
        self._further = 0

    def take(
        self,
        frame_numbers: Sequence[int],
        times: Sequence[float],
        angles: Sequence[float | None],
        statuses: Sequence[str | None],
    ) -> None:
        """Count in these frames, which have this light and come after all before: one value a frame in each."""
        columns = self._left
        for column, values in zip(columns, (frame_numbers, times, angles, statuses), strict=True):
            column.extend(values)
        whole = len(columns[0]) - len(columns[0]) % GROUP
        for start in range(0, whole, GROUP):
            self._follow(_Group.of(*[column[start : start + GROUP] for column in columns]))
        for column in columns:
            del column[:whole]

    def document(self) -> Mapping[str, Any]:
        """The member `transition` of a light in summary.json; degrees and seconds."""
        fitted, others, further = [*self._fitted], [*self._others], self._further
        last = self._run.copy()
        last.take([*self._pending, *([_Group.of(*self._left)] if self._left[0] else [])])
        if last.first:
            further += _list(last.end(len(fitted) < MOST_RUNS), fitted, others)
        runs = sorted([*fitted, *others], key=lambda ended: ended.run.number)
        outcomes = {ended.outcome for ended in runs}
        return {
            **_result(_combined([ended.turn for ended in fitted if ended.turn])),
            "frames_used": sum(ended.used for ended in runs),
            "frames_set_aside": sum(sum(ended.set_aside.values()) for ended in runs),
            "outcome": next((name for name in (FITTED, NO_TRANSITION) if name in outcomes), NOT_ENOUGH),
            "runs": [ended.document() for ended in runs],
            "further_runs": further,
            "method": METHOD,
        }

    def _follow(self, group: _Group) -> None:
        """Give the group to the run, or let it wait for what follows the run's extreme so far."""
        self._pending.append(group)
        median, direction = group.median, self._run.direction
        if median is None or direction == 0:
            self._find_direction(median)
        elif (median - self._extreme) * direction >= 0:
            self._extreme = median
            self._give()
        elif (self._extreme - median) * direction >= REVERSAL:
            self._end_run(-direction)
            self._extreme = median
            self._give()
        if len(self._pending) > MOST_GROUPS // 2:
            self._give()

    def _find_direction(self, median: float | None) -> None:
        if median is None or self._run.direction:
            return
        low, high = self._range = min(self._range[0], median), max(self._range[1], median)
        if high - low >= REVERSAL:
            self._run.direction = 1 if median == high else -1
            self._extreme = median
        self._give()

    def _give(self) -> None:
        self._run.take(self._pending)
        self._pending = []
        if self._run.is_full:
            self._end_run(self._run.direction)

    def _end_run(self, direction: int) -> None:
        if self._run.first:
            ended = self._run.end(len(self._fitted) < MOST_RUNS)
            self._further += _list(ended, self._fitted, self._others)
        self._run = _Run(self._run.number + 1, direction)


def _list(ended: _Ended, fitted: list[_Ended], others: list[_Ended]) -> int:
    """Add the run to the fitted or the other runs, without its frames. Returns 1 if there is no room for it, else 0."""
    runs = fitted if ended.turn else others
    if not ended.outcome or len(runs) >= MOST_RUNS:
        return 1
    runs.append(replace(ended, run=replace(ended.run, groups=[], others=Counter())))
    return 0


def _result(turn: Turn | None) -> Mapping[str, Any]:
    if turn is None:
        return dict.fromkeys(("angle", "standard_error", "interval", "width"))
    return {
        "angle": turn.angle,
        "standard_error": turn.standard_error,
        "interval": list(turn.interval),
        "width": turn.width,
    }


def _combined(turns: Sequence[Turn]) -> Turn | None:
    """The mean of the runs, each with the weight of its inverse variance.

    Where runs differ by more than their errors say, the error grows to what their differences say.
    """
    if not turns:
        return None
    weights = [turn.standard_error**-2 for turn in turns]
    total = sum(weights)
    angle = sum(weight * turn.angle for weight, turn in zip(weights, turns, strict=True)) / total
    misfit = sum(
        weight * (turn.angle - angle) ** 2 for weight, turn in zip(weights, turns, strict=True)
    ) / max(1, len(turns) - 1)
    return Turn(
        angle=angle,
        standard_error=math.sqrt(max(1.0, misfit) / total),
        freedom=total**2 / sum(weight**2 / turn.freedom for weight, turn in zip(weights, turns, strict=True)),
        width=sum(weight * turn.width for weight, turn in zip(weights, turns, strict=True)) / total,
        wrong=sum(turn.wrong for turn in turns),
    )
