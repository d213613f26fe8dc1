"""Whether the coordinator can work: its table and its bucket answer, and its reconciler runs."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from chalicelib.core import keys
from chalicelib.core.cleanup import Arming
from chalicelib.core.rounds import MOST_COUNTED, LastRound
from chalicelib.core.tokens import Principal, Role
from chalicelib.ports import Ports

log = logging.getLogger(__name__)

LATE_S = 900
"""A session that has been due for so long waits for more than its turn: three rounds have passed it by."""

_PROBE = f"{keys.ORIGINALS}health"
"""No session has this key, so that its HEAD finds nothing."""


@dataclass(frozen=True)
class Health:
    """What works at `at`. The reconciler counts as running until it has been silent for half an hour."""

    at: datetime
    table: bool
    bucket: bool
    reconciler: bool
    last_round: LastRound | None = None

    @property
    def is_well(self) -> bool:
        return self.table and self.bucket and self.reconciler


@dataclass(frozen=True)
class Waiting:
    """How many wait, at most MOST_COUNTED of them counted, and since when the first one does."""

    count: int
    since: datetime | None


@dataclass(frozen=True)
class Details:
    """What an operator is told beyond `health`; None is what the table did not tell.

    `due` are sessions that wait for the reconciler, `late` those of them that have waited for LATE_S; `unproven` are
    those that nobody has proven at rest in time, since the longest unproven one was proven last.
    """

    health: Health
    due: Waiting | None
    late: int | None
    unproven: Waiting | None
    arming: Arming | None


def look_at_health(ports: Ports) -> Health:
    """The health at this moment, from one read of the table and one of the bucket."""
    last: list[LastRound | None] = []
    has_table = _answers("table", lambda: last.append(ports.records.last_round()))
    has_bucket = _answers("bucket", lambda: ports.objects.head(_PROBE))
    now = ports.clock.now()
    last_round = last[0] if last else None
    return Health(now, has_table, has_bucket, not (last_round and last_round.is_silent(now)), last_round)


def unknown_health(now: datetime) -> Health:
    """The health of what has not answered in time."""
    return Health(now, table=False, bucket=False, reconciler=True)


def view_details(ports: Ports, principal: Principal, health: Health) -> Details:
    """`health` with what waits. Raises NotPermitted for all but operators."""
    principal.demand(Role.OPERATOR, Role.VIEWER)
    if not health.table:
        return Details(health, None, None, None, None)
    now, policy = health.at, ports.policy
    due = ports.records.due(now, MOST_COUNTED)
    late_since = now - timedelta(seconds=LATE_S)
    unproven = ports.records.unproven(now - timedelta(seconds=policy.at_rest_s), MOST_COUNTED)
    return Details(
        health,
        Waiting(len(due), due[0].due_at if due else None),
        sum(each.due_at <= late_since for each in due),
        Waiting(len(unproven), unproven[0].since if unproven else None),
        ports.records.arming(),
    )


def _answers(what: str, ask: Callable[[], object]) -> bool:
    try:
        ask()
    except Exception:  # a door: whatever goes wrong there, a monitor is told that it does not work
        log.exception("health: no answer", extra={"asked": what})
        return False
    return True
