"""How long sessions took to be safe, in buckets: so counters can add them up, and a share or a quantile is read off.

The ends of the buckets rise by a fourth root of two, some 19 %, and one of them is what is promised: so the share that
kept the promise is exact, and a quantile is at most 19 % too high.
"""

from bisect import bisect_left

from chalicelib.core.guarantee import WITHIN_S
from chalicelib.core.statistics.counts import Counts

_PREFIX = "safe_"
_LATER = "safe_later"
UNKNOWN = "safe_unknown"
"""Sessions that are safe, of which nobody knows how long it took."""

ENDS_S = tuple(round(WITHIN_S * 2 ** (step / 4)) for step in range(-16, 45))
"""From 19 seconds to a week."""


def bucket(after_s: int) -> str:
    """The figure that counts a session which was safe after so many seconds."""
    place = bisect_left(ENDS_S, after_s)
    return _named(ENDS_S[place]) if place < len(ENDS_S) else _LATER


def timed(counts: Counts) -> int:
    """How many sessions are safe after a known time."""
    return sum(counts.get(name, 0) for name in (*map(_named, ENDS_S), _LATER))


def share_within(counts: Counts) -> float | None:
    """The share of them that was safe within what is promised; None when there are none."""
    within = sum(counts.get(_named(end_s), 0) for end_s in ENDS_S if end_s <= WITHIN_S)
    known = timed(counts)
    return within / known if known else None


def quantile_s(counts: Counts, share: float) -> int | None:
    """A time within which at least `share` of them were safe, at most 19 % too high.

    None when there are none, or when the bucket has no end: it took longer than a week.
    """
    wanted, found = share * timed(counts), 0
    for end_s in ENDS_S:
        found += counts.get(_named(end_s), 0)
        if found and found >= wanted:
            return end_s
    return None


def _named(end_s: int) -> str:
    return f"{_PREFIX}{end_s}"
