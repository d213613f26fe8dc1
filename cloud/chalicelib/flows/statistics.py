"""What a project's sessions add up to, and what waits: from counters, so that at most one session is read for it."""

from collections.abc import Sequence
from datetime import UTC, date

from msgspec import Struct

from chalicelib.core.cleanup import Arming, Spent
from chalicelib.core.errors import StorageBusy
from chalicelib.core.heard import Silence
from chalicelib.core.ids import ArtifactId, DeviceId, SessionId
from chalicelib.core.statistics.counts import Counts, Waiting, day_of_creation
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows.silence import MOST_WAITING, silences_among
from chalicelib.ports import Ports


class Asked(Struct, frozen=True):
    """Whose sessions: those of a device, or all; created on these days (UTC), both included. None has no bound."""

    device_id: DeviceId | None = None
    first_day: date | None = None
    last_day: date | None = None

    def names(self, waiting: Waiting) -> bool:
        """Whether a session that waits is one of those asked for."""
        day = day_of_creation(waiting.created_at)
        return (
            self.device_id in (None, waiting.device_id)
            and (self.first_day is None or self.first_day <= day)
            and (self.last_day is None or day <= self.last_day)
        )


class Oldest(Struct, frozen=True):
    """The first chapter without a receipt of the session that has waited longest."""

    waiting: Waiting
    artifact_id: ArtifactId | None


class Statistics(Struct, frozen=True):
    """The counts of the sessions asked for, what of them waits, and the deployment's budget for cleanup today.

    `dead_letters` is None when nobody knows their number.
    """

    project: str
    asked: Asked
    counts: Counts
    oldest: Oldest | None
    silences: tuple[Silence, ...]
    arming: Arming | None
    today: date
    spent: Spent
    dead_letters: int | None


def view_statistics(ports: Ports, principal: Principal, named: str, asked: Asked) -> Statistics:
    """The statistics of a project. Raises NotPermitted for devices, NotFound for a project of others."""
    principal.demand(Role.OPERATOR, Role.PROCESSOR, Role.VIEWER)
    project, today = principal.meant_project(named), ports.clock.now().astimezone(UTC).date()
    waiting = ports.records.waiting(project, None, None, MOST_WAITING)
    silences = silences_among(ports, project, waiting)
    return Statistics(
        project,
        asked,
        ports.records.counts(project, asked.device_id, asked.first_day, asked.last_day),
        _oldest(ports, [each for each in waiting if asked.names(each)]),
        tuple(each for each in silences if asked.device_id in (None, each.heard.device_id)),
        ports.records.arming(),
        today,
        ports.records.spent(today) or Spent(),
        _dead_letters(ports),
    )


def _oldest(ports: Ports, waiting: Sequence[Waiting]) -> Oldest | None:
    if not waiting:
        return None
    return Oldest(waiting[0], _first_missing(ports, waiting[0].session_id))


def _first_missing(ports: Ports, session_id: SessionId) -> ArtifactId | None:
    """None when the session's last chapter became safe just now."""
    picture = ports.records.picture(session_id)
    return next(iter(picture.missing), None) if picture else None


def _dead_letters(ports: Ports) -> int | None:
    try:
        return ports.orders.dead_letters()
    except StorageBusy:
        return None
