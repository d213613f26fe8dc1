"""Health as JSON; imported when somebody asks for it, and by no other call."""

from typing import Any

from chalicelib.core.rounds import LastRound
from chalicelib.core.times import rfc3339
from chalicelib.flows.health import Details, Health, Waiting


def health(known: Health) -> dict[str, Any]:
    """What a monitor is told: no more than whether somebody must look."""
    return {"status": _health(known.is_well)}


def health_details(details: Details) -> dict[str, Any]:
    known, last, arming = details.health, details.health.last_round, details.arming
    return {
        "status": _health(known.is_well),
        "at": rfc3339(known.at),
        "table": _health(known.table),
        "bucket": _health(known.bucket),
        "reconciler": _health(known.reconciler),
        "last_round": last_round(last) if last else None,
        "due": _waiting(details.due),
        "late": details.late,
        "unproven": _waiting(details.unproven),
        "cleanup": {
            "armed": arming.is_armed,
            "reason": arming.reason,
            "changed_at": rfc3339(arming.changed_at),
        }
        if arming
        else None,
    }


def _health(is_well: bool) -> str:
    return "ok" if is_well else "failing"


def last_round(last: LastRound) -> dict[str, Any]:
    """What the reconciler did last."""
    return {
        "began_at": rfc3339(last.began_at),
        "ended_at": rfc3339(last.ended_at),
        "settled": last.settled,
        "failed": last.failed,
        "unfinished": last.unfinished,
        "aborted_orphans": last.aborted_orphans,
        "finished": last.finished,
        "swept": last.swept,
    }


def _waiting(waiting: Waiting | None) -> dict[str, Any] | None:
    if waiting is None:
        return None
    return {"count": waiting.count, "since": rfc3339(waiting.since) if waiting.since else None}
