"""Angles as far as they are known, in degrees, and the verdict on one.

Intervals are those of the fits (95 %). The interval of a mean or a difference of two angles is the square root of the
summed squares of their arms, each side on its own (Zou and Donner, 2008, doi.org/10.1002/sim.3095); it assumes that the
two were measured independently.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from typing import Any

Interval = tuple[float, float]


class Verdict(Enum):
    PASS = "pass"
    FAIL = "fail"
    NOT_ENOUGH_DATA = "not enough data"


@dataclass(frozen=True)
class Judgement:
    """A verdict and why, in words."""

    verdict: Verdict
    reason: str

    def document(self) -> Mapping[str, Any]:
        return {"verdict": self.verdict.value, "reason": self.reason}


@dataclass(frozen=True)
class Measured:
    """An angle, or a difference of two, as far as it is known; in degrees."""

    angle: float | None = None
    standard_error: float | None = None
    interval: Interval | None = None

    def document(self) -> Mapping[str, Any]:
        interval = list(self.interval) if self.interval else None
        return {"angle": self.angle, "standard_error": self.standard_error, "interval": interval}


def judge(measured: Measured, nominal: float, tolerance_arcmin: float) -> Judgement:
    """The verdict on a measured angle.

    It passes when its whole interval lies within the tolerance, ends included, and fails when its whole interval lies
    outside. An interval on both sides of a limit decides nothing.
    """
    if measured.interval is None:
        return Judgement(Verdict.NOT_ENOUGH_DATA, "the angle has no interval")
    low, high = map(_exact, measured.interval)
    tolerance = _exact(tolerance_arcmin) / 60
    least, most = _exact(nominal) - tolerance, _exact(nominal) + tolerance
    limits = f"{tolerance_arcmin:g} arc minutes of {nominal:g} degrees"
    if least <= low and high <= most:
        return Judgement(Verdict.PASS, f"the whole interval lies within {limits}")
    if high < least or low > most:
        return Judgement(Verdict.FAIL, f"the whole interval lies outside {limits}")
    return Judgement(
        Verdict.NOT_ENOUGH_DATA,
        f"the interval lies partly within {limits} and partly outside: more frames or another flight can decide",
    )


def mean(first: Measured, second: Measured) -> Measured:
    return _combined((0.5, first), (0.5, second))


def difference(first: Measured, second: Measured) -> Measured:
    return _combined((1.0, first), (-1.0, second))


def _combined(*terms: tuple[float, Measured]) -> Measured:
    """The weighted sum of angles that were measured independently; unknown where one of them is."""
    angles = [weight * term.angle for weight, term in terms if term.angle is not None]
    if len(angles) < len(terms):
        return Measured()
    angle = sum(angles)
    errors = [weight * term.standard_error for weight, term in terms if term.standard_error is not None]
    arms = [_arms(weight, term) for weight, term in terms]
    below = [arm[0] for arm in arms if arm]
    above = [arm[1] for arm in arms if arm]
    return Measured(
        angle,
        math.hypot(*errors) if len(errors) == len(terms) else None,
        (angle - math.hypot(*below), angle + math.hypot(*above)) if len(below) == len(terms) else None,
    )


def _arms(weight: float, term: Measured) -> Interval | None:
    """How far the interval of the weighted angle reaches below it and above it."""
    if term.interval is None or term.angle is None:
        return None
    arms = weight * (term.angle - term.interval[0]), weight * (term.interval[1] - term.angle)
    return arms if weight > 0 else (-arms[1], -arms[0])


def _exact(angle: float) -> Fraction:
    """The number as people wrote it: 2.83 is 283/100, so that a limit is where they mean it to be."""
    return Fraction(repr(angle))


def worst(judged: Sequence[Judgement], passed: str) -> Judgement:
    for verdict in (Verdict.FAIL, Verdict.NOT_ENOUGH_DATA):
        reasons = [each.reason for each in judged if each.verdict is verdict]
        if reasons:
            return Judgement(verdict, "; ".join(dict.fromkeys(reasons)))
    return Judgement(Verdict.PASS, passed)
