"""How long each device of a project has been silent: for lists, statistics and the alarm on a device that stopped."""

from collections.abc import Iterable

from chalicelib.core.heard import Silence
from chalicelib.core.statistics.counts import Waiting
from chalicelib.ports import Ports

MOST_WAITING = 10_000
"""The sessions with waiting chapters that are looked at; the oldest first."""


def silences(ports: Ports, project: str) -> tuple[Silence, ...]:
    """Every device of the project that ever sent a heartbeat, by its id; two queries of the table."""
    return silences_among(ports, project, ports.records.waiting(project, None, None, MOST_WAITING))


def silences_among(ports: Ports, project: str, waiting: Iterable[Waiting]) -> tuple[Silence, ...]:
    """The same for a caller who knows which sessions have chapters that wait.

    A device that another one has taken a session over from is not hauling it.
    """
    now = ports.clock.now()
    hauled = {(each.session_id, each.device_id) for each in waiting}
    return tuple(
        Silence(
            heard,
            max(0, int((now - heard.heard_at).total_seconds())),
            (heard.session_id, heard.device_id) in hauled,
        )
        for heard in ports.records.heard(project)
    )
