"""What a person looks at first: what needs somebody, the devices, the newest sessions and what all add up to.

It costs the same however many sessions there are: six reads of the table with 50 devices.
"""

from collections.abc import Mapping
from datetime import UTC, date, timedelta

from msgspec import Struct

from chalicelib.core.attention import Needy
from chalicelib.core.errors import StorageBusy
from chalicelib.core.rounds import LastRound
from chalicelib.core.statistics.counts import Counts, total
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows import listings
from chalicelib.flows.listings import DevicePage, SessionPage
from chalicelib.ports import Ports

NEWEST = 10
MOST_NEEDY = 100
DAYS = 30
"""Of so many days up to today the overview tells by the day."""


class Overview(Struct, frozen=True):
    """`is_silent` is whether the reconciler's rounds have stopped, `last_round` the one that ended last."""

    project: str
    needy: tuple[Needy, ...]
    is_silent: bool
    last_round: LastRound | None
    devices: DevicePage
    sessions: SessionPage
    counts: Counts
    days: Mapping[date, Counts]


def view_overview(ports: Ports, principal: Principal, named: str, last: LastRound | None) -> Overview:
    """The overview of a project, with the reconciler's `last` round.

    Raises NotPermitted, NotFound for a project of others.
    """
    principal.demand(Role.OPERATOR, Role.VIEWER)
    project, now = principal.meant_project(named), ports.clock.now()
    by_day = ports.records.counts_by_day(project)
    today = now.astimezone(UTC).date()
    devices, sessions = listings.list_newest(ports, project, listings.MOST_ROWS, NEWEST)
    latest = (today - timedelta(days=past) for past in range(DAYS))
    return Overview(
        project,
        ports.records.needy(project, MOST_NEEDY),
        last is not None and last.is_silent(now),
        last,
        devices,
        sessions,
        total(by_day.values()),
        {day: by_day.get(day, {}) for day in latest},
    )


def count_dead_letters(ports: Ports) -> int | None:
    """About how many messages are dead; None when it is unknown."""
    try:
        return ports.orders.dead_letters()
    except StorageBusy:
        return None
