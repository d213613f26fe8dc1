"""A fleet of any size, written straight into the table: by calls it would take minutes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from chalicelib.aws import items
from chalicelib.core.attention import needs
from chalicelib.core.heard import Heard
from chalicelib.core.ids import DeviceId
from chalicelib.core.listing import summary
from chalicelib.core.picture import Picture, Progress
from chalicelib.core.session import Camera, SessionState
from chalicelib.core.statistics.contribution import contribution
from chalicelib.core.statistics.counts import Counter, CounterKey, Counts, counter_keys, total
from chalicelib.core.tokens import Device
from infra.local.stack import World
from tests.support.builders import make_chapter, make_session, make_session_id

_STATES = (SessionState.CLEANED, SessionState.PROCESSED, SessionState.OPEN, SessionState.STORED)
_GIGABYTE = 10**9
_AT_ONCE = 25


@dataclass(frozen=True)
class Fleet:
    """`sessions` of `devices` in a project of their own; the last `silent` devices are.

    The newest sessions are under way, one a device; of the others every tenth failed.
    """

    project: str
    sessions: int
    devices: int
    silent: int = 0

    def pictures(self, now: datetime) -> Iterator[Picture]:
        for place in range(self.sessions):
            device = place % self.devices
            chapters = (make_chapter(1, 12 * _GIGABYTE),)
            is_failed = place >= self.devices and place % 10 == 9
            session = make_session(
                session_id=make_session_id(f"match-{place:03}", self.project),
                device_id=DeviceId(f"d_{self.project}{device}"),
                camera=Camera(f"C35013245{device:05}", "HERO12 Black"),
                group=f"round {place // 4}" if place % 4 else None,
                created_at=now - timedelta(hours=3 * place),
                state=SessionState.OPEN if place < self.devices else _STATES[place % 4],
            )
            if is_failed:
                session = replace(session, state=SessionState.FAILED, failure="no runway in the film")
            yield Picture(session, chapters)


def fill(world: World, fleet: Fleet) -> None:
    """Have the fleet in the world's table, as calls would have written it."""
    now = datetime.now(UTC).replace(microsecond=0)
    rows = [*_sessions(fleet, now), *_devices(fleet, now)]
    dynamodb: Any = world.aws.client("dynamodb")
    for first in range(0, len(rows), _AT_ONCE):
        puts = [{"PutRequest": {"Item": item}} for item in rows[first : first + _AT_ONCE]]
        answer = dynamodb.batch_write_item(RequestItems={world.table: puts})
        assert not answer["UnprocessedItems"]


def _sessions(fleet: Fleet, now: datetime) -> Iterator[items.Item]:
    counted: defaultdict[CounterKey, list[Counts]] = defaultdict(list)
    for picture in fleet.pictures(now):
        session, counts = picture.session, contribution(picture)
        beside = [items.chapter_item(session.session_id, 1, picture.chapters[0])]
        beside.append(items.counted_item(session.session_id, counts))
        yield from items.stamped(items.session_item(session, summary(picture)), beside, session.version)
        if of_group := items.group_item(session):
            yield of_group
        if needs(picture):
            yield items.needy_item(session, needs(picture))
        for key in counter_keys(session):
            counted[key].append(counts)
    yield from _counters(counted.items())


def _counters(counted: Iterable[tuple[CounterKey, list[Counts]]]) -> Iterator[items.Item]:
    for key, counts in counted:
        yield items.counter_item(key, Counter(total(counts), len(counts)))


def _devices(fleet: Fleet, now: datetime) -> Iterator[items.Item]:
    for place in range(fleet.devices):
        device_id = DeviceId(f"d_{fleet.project}{place}")
        session_id = make_session_id(f"match-{place:03}", fleet.project)
        heard_at = now - timedelta(seconds=1200 if place >= fleet.devices - fleet.silent else 5)
        yield items.device_item(
            Device(device_id, f"jetson-{place:02}", fleet.project, now - timedelta(days=place))
        )
        heard = Heard(device_id, session_id, heard_at, 6_000_000, 5 * _GIGABYTE, 91 * _GIGABYTE, "0.1.0")
        yield items.heard_item(fleet.project, heard)
        told = Progress(
            6 * _GIGABYTE, _GIGABYTE, 31_000_000, 6_000_000, 5 * _GIGABYTE, 91 * _GIGABYTE, heard_at, heard_at
        )
        yield items.progress_item(session_id, told)
