"""The weekly summary of a project, in two sentences, made of what is counted."""

from datetime import UTC, datetime

from chalicelib.core.notices import Notice, NoticeKind
from chalicelib.core.session import SessionState
from chalicelib.core.statistics import histogram
from chalicelib.core.statistics.contribution import (
    DIFFERING_CHAPTERS,
    HELD,
    LOST_CHAPTERS,
    SESSIONS,
    WAITING_BYTES,
)
from chalicelib.core.statistics.counts import WAITING_CHAPTERS, Counts

DAYS = 7
_MONDAY, _HOUR = 0, 6


def week_to_sum_up(now: datetime) -> str | None:
    """The week whose beginning is the time to sum up the one before: on Mondays from 06:00 UTC on; else None."""
    at = now.astimezone(UTC)
    if at.weekday() != _MONDAY or at.hour < _HOUR:
        return None
    year, week, _ = at.isocalendar()
    return f"{year}-W{week:02d}"


def summary(
    project: str, week: str, of_the_week: Counts, of_all: Counts, silent_devices: int, now: datetime
) -> Notice:
    """What to tell of a project: of the sessions recorded in the last seven days, and of what waits of all."""
    recorded = sum(of_the_week.get(name, 0) for name in SESSIONS.values())
    states = ", ".join(
        f"{of_the_week[name]} {state.value}" for state, name in SESSIONS.items() if of_the_week.get(name)
    )
    failed = SESSIONS[SessionState.FAILED]
    detail = (
        f"{recorded} sessions were recorded in {DAYS} days{f' ({states})' if states else ''}"
        f"{_guarantee(of_the_week)}. Of all sessions, {of_all.get(WAITING_CHAPTERS, 0)} chapters "
        f"({of_all.get(WAITING_BYTES, 0):,} bytes) wait on devices, {of_all.get(failed, 0)} failed, "
        f"{of_all.get(HELD, 0)} are held, and {of_all.get(LOST_CHAPTERS, 0)} chapters are lost. "
        f"{_differing(of_all)}{silent_devices} devices are silent that were hauling."
    )
    return Notice(f"{project}@{week}/summary", NoticeKind.SUMMARY, project, now, detail)


def _differing(counts: Counts) -> str:
    chapters = counts.get(DIFFERING_CHAPTERS, 0)
    return f"Of {chapters} chapters two reads differ: keep their cards. " if chapters else ""


def _guarantee(counts: Counts) -> str:
    share = histogram.share_within(counts)
    if share is None:
        return ""
    known = histogram.timed(counts)
    return f"; {round(share * known)} of {known} were safe within five minutes after their last chapter"
