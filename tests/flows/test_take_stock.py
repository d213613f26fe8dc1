"""Every hour the backlog is measured; every Monday each project's week is told once."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import StorageBusy
from chalicelib.core.events import Measure
from chalicelib.core.picture import Progress
from chalicelib.flows import sessions
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.take_stock import take_stock
from tests.support import story
from tests.support.builders import (
    SESSION_ID,
    MemoryPorts,
    make_chapter,
    make_session,
    make_session_id,
    memory_ports,
)
from tests.support.faults import Fault, When, faulty
from tests.support.memory import MemoryNotifier
from tests.support.story import NORTH

MONDAY = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)


def begun(*names: str, size_bytes: int = 25) -> MemoryPorts:
    """Ports with a topic, and sessions of one chapter each that no device has hauled yet."""
    ports = replace(memory_ports(now=MONDAY - timedelta(hours=27)), notifier=MemoryNotifier())
    for name in names:
        camera, chapter = make_session().camera, make_chapter(size_bytes=size_bytes)
        sessions.confirm_session(ports, NORTH, make_session_id(name), camera, None, [chapter], None)
    return ports


def told(ports: MemoryPorts) -> list[str]:
    """The details of the summaries that were sent by now."""
    reconcile(ports, 60)
    assert isinstance(ports.notifier, MemoryNotifier)
    published = ports.notifier.published
    return [str(each.document["detail"]) for each in published if each.kind.value == "week.summary"]


def run_hourly(ports: MemoryPorts, first: datetime, hours: int) -> None:
    for hour in range(hours):
        ports.clock.move_to(first + timedelta(hours=hour))
        take_stock(ports)


def test_the_backlog_is_what_has_no_receipt():
    ports = begun("a", "b", size_bytes=1_000)
    story.haul(ports, None)

    take_stock(ports)

    assert ports.metrics.sizes[Measure.BACKLOG] == [2_000]


def test_without_sessions_the_backlog_is_nothing():
    ports = begun()

    take_stock(ports)

    assert ports.metrics.sizes[Measure.BACKLOG] == [0]


def test_a_session_that_is_safe_tells_how_long_it_took_once():
    ports = begun()
    now = ports.clock.now()
    began_s = int(now.timestamp()) - 100
    chapters = [replace(chapter, created=began_s) for chapter in story.CHAPTERS]
    sessions.confirm_session(ports, NORTH, SESSION_ID, make_session().camera, None, chapters, None)
    progress = Progress(1, 2, None, None, 3, 4, now, now, camera_ahead_s=0, last_chapter_s=40)
    sessions.record_progress(ports, NORTH, SESSION_ID, progress)

    story.haul(ports, None, chapters=chapters)
    story.let_pass(ports, rounds=3)

    assert ports.metrics.sizes[Measure.TIME_TO_SAFE] == [60]


def test_a_session_of_which_nobody_knows_tells_nothing():
    ports = begun()
    story.haul(ports, None)

    assert ports.metrics.sizes[Measure.TIME_TO_SAFE] == []


def test_a_week_is_told_once_however_often_the_function_runs():
    ports = begun("a", "b")

    run_hourly(ports, MONDAY - timedelta(hours=2), 30)

    [detail] = told(ports)
    assert detail.startswith("2 sessions were recorded in 7 days (2 OPEN)")
    assert told(ports) == [detail]
    assert ports.metrics.counts["week.summed.up"] == 1


@pytest.mark.parametrize(
    ("recorded_at", "count"),
    [
        (MONDAY.replace(hour=0) - timedelta(days=7, seconds=1), 0),
        (MONDAY.replace(hour=0) - timedelta(days=7), 1),
        (MONDAY.replace(hour=0) - timedelta(seconds=1), 1),
        (MONDAY.replace(hour=0), 0),
    ],
)
def test_a_week_is_the_seven_days_before_its_monday(recorded_at: datetime, count: int):
    ports = begun()
    ports.clock.move_to(recorded_at)
    sessions.confirm_session(ports, NORTH, SESSION_ID, make_session().camera, None, [make_chapter()], None)

    run_hourly(ports, MONDAY, 1)

    assert told(ports)[0].startswith(f"{count} sessions were recorded in 7 days")


def test_the_next_week_is_told_too_without_the_sessions_of_the_one_before():
    ports = begun("a")

    run_hourly(ports, MONDAY, 8 * 24)

    assert [each.partition(" recorded")[0] for each in told(ports)] == ["1 sessions were", "0 sessions were"]


@pytest.mark.parametrize("when", When)
def test_a_week_whose_first_run_failed_is_told_by_a_later_one(when: When):
    ports = begun("a")
    ports.clock.move_to(MONDAY)
    records = faulty(ports.records, Fault("put_summary", StorageBusy("gone"), when=when))

    with pytest.raises(StorageBusy):
        take_stock(replace(ports, records=records))
    run_hourly(ports, MONDAY + timedelta(hours=1), 3)

    assert len(told(ports)) == 1


def test_without_a_topic_no_week_is_recorded():
    ports = replace(begun("a"), notifier=None)

    run_hourly(ports, MONDAY, 2)

    assert ports.records.notices(10) == ()
    assert len(ports.metrics.sizes[Measure.BACKLOG]) == 2


def test_a_device_that_was_hauling_and_is_silent_is_counted():
    ports = begun("a")
    now = ports.clock.now()
    sessions.record_progress(ports, NORTH, make_session_id("a"), Progress(1, 2, None, None, 3, 4, now, now))

    run_hourly(ports, MONDAY, 1)

    assert "1 devices are silent that were hauling" in told(ports)[0]
