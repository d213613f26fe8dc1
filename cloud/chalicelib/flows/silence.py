"""How long each device of a project has been silent: for lists, statistics and the alarm on a device that stopped."""

from collections.abc import Collection

from chalicelib.core.heard import Silence
from chalicelib.core.ids import SessionId
from chalicelib.ports import Ports

MOST_WAITING = 10_000
"""The sessions with waiting chapters that are looked at; the oldest first."""


def silences(ports: Ports, project: str) -> tuple[Silence, ...]:
    """Every device of the project that ever sent a heartbeat, by its id; two queries of the table."""
    return silences_among(
        ports, project, {each.session_id for each in ports.records.waiting(project, None, None, MOST_WAITING)}
    )


def silences_among(ports: Ports, project: str, waiting: Collection[SessionId]) -> tuple[Silence, ...]:
    """The same for a caller who knows which sessions have chapters that wait."""
    now = ports.clock.now()
    return tuple(
        Silence(heard, max(0, int((now - heard.heard_at).total_seconds())), heard.session_id in waiting)
        for heard in ports.records.heard(project)
    )
