"""The overview on its way out; `docs/api.md` is the contract."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from chalicelib.core import ids, keys
from chalicelib.core.attention import Needy
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Policy
from chalicelib.core.statistics import contribution as figures
from chalicelib.core.statistics.counts import NEEDY, Counts
from chalicelib.core.times import rfc3339
from chalicelib.flows.overview import Overview
from chalicelib.web.wire import health, responses, sums


def overview(found: Overview, dead_letters: int | None, policy: Policy) -> dict[str, Any]:
    """The overview as GET answers it."""
    last = found.last_round
    return {
        "project": found.project,
        "attention": {
            "count": max(found.counts.get(NEEDY, 0), len(found.needy)),
            "sessions": [_needy(each) for each in found.needy],
        },
        "reconciler": _reconciler(found),
        "last_round": health.last_round(last) if last else None,
        "dead_letters": dead_letters,
        "devices": responses.device_page(found.devices),
        "sessions": responses.session_page(found.sessions),
        "figures": sums.add_up(found.counts, policy),
        "days": _days(found.days),
    }


def _needy(each: Needy) -> dict[str, Any]:
    return {
        "session_id": ids.name_of(each.session_id),
        "state": each.state.value,
        "device_id": each.device_id,
        "group": each.group,
        "created_at": rfc3339(each.created_at),
        "needs": [
            {"kind": need.kind.value, "detail": need.detail, "count": need.count} for need in each.needs
        ],
    }


def _reconciler(found: Overview) -> str:
    if found.is_silent:
        return "silent"
    return "late" if found.last_round and not found.last_round.finished else "ok"


def _days(days: Mapping[date, Counts]) -> list[dict[str, Any]]:
    """The oldest day first."""
    return [
        {
            "day": day.isoformat(),
            "sessions": sum(counts.get(name, 0) for name in figures.SESSIONS.values()),
            "failed": counts.get(figures.SESSIONS[SessionState.FAILED], 0),
            "needing": counts.get(NEEDY, 0),
            "size_bytes": counts.get(figures.STANDING_BYTES[keys.ORIGINALS], 0)
            + counts.get(figures.WAITING_BYTES, 0),
        }
        for day, counts in sorted(days.items())
    ]
