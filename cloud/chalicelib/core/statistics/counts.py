"""Counts: figures by name, and the counters that add them up over sessions.

A project's counters are kept by day (UTC) of the sessions' creation, in SHARDS items a day, and once more by device and
day. A session counts in the same two items for as long as it has the same device.
"""

import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core import ids
from chalicelib.core.ids import DeviceId, SessionId
from chalicelib.core.session import Session

Counts: TypeAlias = Mapping[str, int]
"""Figures by name; a figure that is 0 is not there."""

SHARDS = 8
"""The items that count one day of a project: sessions of other shards never wait for one another."""


WAITING_CHAPTERS = "chapters_waiting"
"""The figure that says how many chapters have no receipt."""

NEEDY = "sessions_needy"
"""The figure of sessions that need a person."""


class CounterKey(Struct, frozen=True, order=True):
    """Which counter: of one `shard` of a project's day, or of one `device_id` on that day. One of the two is None."""

    project: str
    day: date
    shard: int | None = None
    device_id: DeviceId | None = None


class Counter(Struct, frozen=True):
    """A counter as it is on record; `writes` is how often it was written: two equal ones have no write between them."""

    counts: Counts
    writes: int


class Counting(Struct, frozen=True):
    """What was on record as counted of a session, and what is from now on.

    `former_device` is whose it was before, None while it stays with its device.
    """

    before: Counts
    after: Counts
    former_device: DeviceId | None = None

    @property
    def difference(self) -> Counts:
        """What the counters change by; negative figures count down."""
        return difference(self.before, self.after)

    @property
    def begins_to_wait(self) -> bool:
        """Whether the session has chapters without a receipt from now on."""
        return not self.before.get(WAITING_CHAPTERS) and bool(self.after.get(WAITING_CHAPTERS))

    @property
    def lists_as_waiting(self) -> bool:
        """Whether the list of sessions that wait needs the session as it is now, with its device."""
        is_moved = self.former_device is not None and bool(self.after.get(WAITING_CHAPTERS))
        return self.begins_to_wait or is_moved

    @property
    def ends_waiting(self) -> bool:
        """Whether every chapter of the session has a receipt from now on."""
        return bool(self.before.get(WAITING_CHAPTERS)) and not self.after.get(WAITING_CHAPTERS)

    @property
    def ends_needing(self) -> bool:
        """Whether the session needs no person from now on."""
        return bool(self.before.get(NEEDY)) and not self.after.get(NEEDY)


class Waiting(Struct, frozen=True):
    """A session that has chapters without a receipt."""

    session_id: SessionId
    created_at: datetime
    device_id: DeviceId


def shard_of(session_id: SessionId) -> int:
    """The shard in which a session counts, for ever."""
    return zlib.crc32(session_id.encode()) % SHARDS


def day_of(session: Session) -> date:
    """The day (UTC) under which a session counts: that of its creation."""
    return day_of_creation(session.created_at)


def day_of_creation(created_at: datetime) -> date:
    """The day (UTC) of a moment."""
    return created_at.astimezone(UTC).date()


def counter_keys(session: Session) -> tuple[CounterKey, CounterKey]:
    """The two counters in which a session counts."""
    project, day = ids.project_of(session.session_id), day_of(session)
    return (
        CounterKey(project, day, shard=shard_of(session.session_id)),
        CounterKey(project, day, device_id=session.device_id),
    )


def counter_changes(session: Session, counting: Counting) -> tuple[tuple[CounterKey, Counts], ...]:
    """What the counters of a session change by; a session that has another device counts there from now on."""
    shard, device = counter_keys(session)
    changes = counting.difference
    if counting.former_device is None:
        return (shard, changes), (device, changes)
    former = replace(device, device_id=counting.former_device)
    return (
        (shard, changes),
        (former, difference(counting.before, {})),
        (device, difference({}, counting.after)),
    )


def difference(before: Counts, after: Counts) -> Counts:
    """What must be added to `before` to make it `after`."""
    changes = {name: after.get(name, 0) - before.get(name, 0) for name in sorted({*before, *after})}
    return without_zeros(changes)


def total(counts: Iterable[Counts]) -> Counts:
    """The sum, figure by figure."""
    found: dict[str, int] = {}
    for each in counts:
        for name, figure in each.items():
            found[name] = found.get(name, 0) + figure
    return without_zeros(found)


def without_zeros(counts: Counts) -> Counts:
    """The same counts as they are compared and recorded."""
    return {name: figure for name, figure in counts.items() if figure}
