"""How right the angle of a light is, on flights with a known truth and wrong frames of every kind."""

from __future__ import annotations

from statistics import fmean, median

from chalicelib.core.measurements.transition import LightTurns
from tests.benchmarks.figures import Figure
from tests.support.flights import Flight, make_flights

WRONG_SHARES = (0.0, 0.002, 0.01, 0.03)
FLIGHTS = 1000
"""Of each share."""

_BLOCK = 300


def figures() -> list[Figure]:
    """Error and coverage; the median is that of the worst share of wrong frames."""
    found = {share: [_judge(flight) for flight in make_flights(FLIGHTS, share)] for share in WRONG_SHARES}
    medians = {f"wrong_{share:g}": median(error for error, _ in each) for share, each in found.items()}
    worst = {f"wrong_{share:g}": max(error for error, _ in each) for share, each in found.items()}
    covered = {f"wrong_{share:g}": fmean(held for _, held in each) for share, each in found.items()}
    note = f"{FLIGHTS} flights with each of 0, 0.2, 1 and 3 % wrong frames"
    every = [held for each in found.values() for _, held in each]
    return [
        Figure(
            "transition_error_arcmin_median",
            max(medians.values()),
            "arcmin",
            0.3,
            f"{note}; that of the worst share",
            medians,
        ),
        Figure("transition_error_arcmin_worst", max(worst.values()), "arcmin", 1.5, note, worst),
        Figure("transition_interval_coverage", fmean(every), "share", 0.97, note, covered, least=0.93),
    ]


def _judge(flight: Flight) -> tuple[float, bool]:
    """The error in arc minutes, and whether the interval holds the truth; without an angle the error is infinite."""
    turns = LightTurns()
    for start in range(0, len(flight.times), _BLOCK):
        block = slice(start, start + _BLOCK)
        turns.take(
            flight.frame_numbers[block], flight.times[block], flight.angles[block], flight.statuses[block]
        )
    found = turns.document()
    if found["angle"] is None:
        return float("inf"), False
    low, high = found["interval"]
    return abs(found["angle"] - flight.turns_at) * 60, low <= flight.turns_at <= high
