"""Check how a deploy changes the days for which cleaned footage can be restored: it may not break a promise."""

from collections.abc import Mapping

from chalicelib.core.lifecycle import FEWEST_RESTORABLE_DAYS

PARAMETER = "GraceDays"


class PromiseBroken(Exception):
    """The deploy would break a promise about cleaned footage; the text says how and what to do."""


def demand_promise(deployed: Mapping[str, str], given: Mapping[str, str], may_shorten: bool) -> str | None:
    """A notice about the grace that a deploy with the parameters `given` sets; None when there is nothing to report.

    `deployed` are the parameters of the stack as it is. Raises PromiseBroken for a grace without a last look, and for a
    shorter one unless `may_shorten`.
    """
    present, wanted = deployed.get(PARAMETER), given.get(PARAMETER, deployed.get(PARAMETER))
    if wanted is None:
        return None
    days = _days(wanted)
    if days < FEWEST_RESTORABLE_DAYS:
        raise PromiseBroken(
            f"{PARAMETER}={days} leaves no day for the last look at what was cleaned before S3 purges it; "
            f"give --parameter {PARAMETER}={FEWEST_RESTORABLE_DAYS} or more"
        )
    if present is None or days >= _days(present):
        return None
    what = (
        f"{PARAMETER} {present} -> {days}: S3 purges what was cleaned up to {_days(present) - days} days earlier "
        "than was promised when it was cleaned"
    )
    if not may_shorten:
        raise PromiseBroken(f"{what}; give --shorten-grace if that is meant")
    return what


def _days(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise PromiseBroken(f"{PARAMETER} must be a whole number of days, not {text!r}") from error
