"""Times as text: RFC 3339 in UTC, with `Z`."""

from datetime import UTC, datetime

HOUR_S = 3_600
DAY_S = 86_400


def rfc3339(at: datetime) -> str:
    """`2026-11-21T12:00:00Z`: whole seconds, rounded down, so that no stated deadline is too late."""
    return _utc(at, "seconds")


def sortable(at: datetime) -> str:
    """`2026-11-21T12:00:00.000000Z`: at a fixed width, so that texts sort as times do."""
    return _utc(at, "microseconds")


def _utc(at: datetime, precision: str) -> str:
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec=precision) + "Z"
