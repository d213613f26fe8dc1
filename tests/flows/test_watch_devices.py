"""A device that was hauling and sends no heartbeat is named once, and once more when it is heard again."""

from datetime import datetime, timedelta
from typing import Any, cast

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import StorageBusy
from chalicelib.core.ids import DeviceId, SessionId
from chalicelib.core.picture import Progress
from chalicelib.core.session import SessionState
from chalicelib.core.silence import Watch, look_at
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows import sessions
from chalicelib.flows.deadline import Deadline
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.watch_devices import MOST_DEVICES, watch_devices
from chalicelib.ports import Watched
from tests.support import story
from tests.support.builders import (
    DEVICE_ID,
    SESSION_ID,
    MemoryPorts,
    make_picture,
    make_session_id,
    memory_ports,
    recorded,
)
from tests.support.counted import counted
from tests.support.faults import Fault, When, faulty
from tests.support.memory import MemoryNotifier, MemoryRecords
from tests.support.story import NORTH

SILENT_S = 900


def hauling() -> MemoryPorts:
    """A device at work on the usual session, with a topic; its policy names it after a quarter of an hour."""
    ports = replace(memory_ports(make_picture()), notifier=MemoryNotifier())
    assert ports.policy.device_silent_s == SILENT_S
    return ports


def beat(ports: MemoryPorts, session_id: SessionId = SESSION_ID, principal: Principal = NORTH) -> None:
    """One heartbeat, of a device whose own clock is a year late."""
    of_the_device = ports.clock.now() - timedelta(days=365)
    progress = Progress(1, 2, None, None, 3, 4, of_the_device, of_the_device)
    sessions.record_progress(ports, principal, session_id, progress)


def rounds(ports: MemoryPorts, count: int, every_s: float = 300) -> None:
    for _ in range(count):
        ports.clock.advance(every_s)
        reconcile(ports, 60)


def told(ports: MemoryPorts) -> list[str]:
    assert isinstance(ports.notifier, MemoryNotifier)
    return [each.kind.value for each in ports.notifier.published if each.kind.value.startswith("device.")]


@pytest.mark.parametrize(("seconds", "named"), [(-1, []), (0, ["device.silent"]), (1, ["device.silent"])])
def test_a_device_is_named_by_the_first_round_after_its_time(seconds: int, named: list[str]):
    ports = hauling()
    beat(ports)

    rounds(ports, 1, SILENT_S + seconds)

    assert told(ports) == named
    assert ports.metrics.counts["device.silent"] == len(named)


def test_each_heartbeat_begins_the_time_once_more():
    ports = hauling()
    for _ in range(20):
        beat(ports)
        rounds(ports, 1, SILENT_S - 1)

    assert told(ports) == []


def test_one_silence_is_told_once_however_long_it_lasts():
    ports = hauling()
    beat(ports)

    rounds(ports, 50)

    assert told(ports) == ["device.silent"]


def test_a_device_that_comes_back_is_told_by_the_next_round_and_its_next_silence_is_told_too():
    ports = hauling()
    beat(ports)
    rounds(ports, 5)
    beat(ports)
    beat(ports)
    rounds(ports, 1, 1)
    assert told(ports) == ["device.silent", "device.heard"]

    rounds(ports, 10)

    assert told(ports) == ["device.silent", "device.heard", "device.silent"]
    assert ports.metrics.counts["device.heard"] == 1


def test_a_device_that_came_back_and_fell_silent_before_any_round_is_told_as_back_and_then_as_silent():
    ports = hauling()
    beat(ports)
    rounds(ports, 5)
    beat(ports)

    rounds(ports, 2, SILENT_S + 60)

    assert told(ports) == ["device.silent", "device.heard", "device.silent"]


def test_a_device_whose_session_is_home_may_be_silent():
    ports = replace(memory_ports(), notifier=MemoryNotifier())
    story.haul(ports, None)
    beat(ports)

    rounds(ports, 20)

    assert recorded(ports).session.state is SessionState.STORED
    assert told(ports) == []


def test_a_device_that_never_sent_a_heartbeat_is_not_waited_for():
    ports = hauling()

    rounds(ports, 20)

    assert told(ports) == []


def test_a_device_that_went_on_to_another_session_is_not_silent():
    ports = hauling()
    other = make_session_id("match-18")
    ports.records.arrange(make_picture(session_id=other))
    beat(ports)
    for _ in range(10):
        beat(ports, other)
        rounds(ports, 1)

    assert told(ports) == []


def test_one_silent_device_does_not_hide_another_of_the_project():
    ports = hauling()
    south = DeviceId("d_south")
    other = make_session_id("match-18")
    ports.records.arrange(make_picture(session_id=other, device_id=south))
    beat(ports)
    beat(ports, other, Principal(Role.DEVICE, "main", south))

    rounds(ports, 10)

    notifier = ports.notifier
    assert isinstance(notifier, MemoryNotifier)
    assert sorted(str(each.document["device_id"]) for each in notifier.published) == [DEVICE_ID, south]


def test_without_a_topic_the_metric_counts_all_the_same():
    ports = memory_ports(make_picture())
    beat(ports)

    rounds(ports, 10)

    assert ports.metrics.counts["device.silent"] == 1
    assert ports.records.notices(10) == ()


def test_a_round_with_nothing_due_reads_the_table_five_times_at_most_whatever_hauls():
    ports = hauling()
    for number in range(300):
        device_id = DeviceId(f"d_{number}")
        watch = Watch("main", device_id, SESSION_ID, ports.clock.now())
        ports.records.put_watch(watch, look_at(watch.heard_at, SILENT_S))
    reconcile(ports, 60)
    watched, calls = counted(ports)

    reconcile(watched, 60)

    reads = {name: count for name, count in calls.items() if name not in ("put_last_round", "multiparts")}
    assert sum(reads.values()) <= 5, reads


def test_a_device_that_is_heard_while_a_round_looks_at_it_is_not_named():
    ports = hauling()
    beat(ports)
    ports.clock.advance(SILENT_S + 60)

    class Late:
        def __getattr__(self, name: str) -> Any:
            if name == "replace_watch":
                beat(ports)
            return getattr(ports.records, name)

    reconcile(replace(ports, records=cast(MemoryRecords, Late())), 60)
    rounds(ports, 2)

    assert told(ports) == []
    assert ports.metrics.counts["device.silent"] == 0


@pytest.mark.parametrize("method", ["watched", "watch", "picture", "replace_watch"])
@pytest.mark.parametrize("when", When)
def test_a_call_that_fails_delays_the_name_by_a_round_and_no_more(method: str, when: When):
    ports = hauling()
    beat(ports)
    ports.clock.advance(SILENT_S)
    records = faulty(ports.records, Fault(method, StorageBusy("gone"), when=when))

    reconcile(replace(ports, records=records), 60)
    rounds(ports, 3)

    assert told(ports) == ["device.silent"]


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_round_looks_at_a_bounded_number_of_devices_and_the_next_one_at_the_others(more: int):
    ports = hauling()
    for number in range(MOST_DEVICES + more):
        watch = Watch("main", DeviceId(f"d_{number:04d}"), SESSION_ID, ports.clock.now())
        ports.records.put_watch(watch, look_at(watch.heard_at, SILENT_S))

    rounds(ports, 1, SILENT_S)
    assert ports.metrics.counts["device.silent"] == min(MOST_DEVICES, MOST_DEVICES + more)
    rounds(ports, 1)

    assert ports.metrics.counts["device.silent"] == MOST_DEVICES + more


def test_a_device_that_sent_a_heartbeat_since_the_table_named_it_is_left_alone():
    ports = hauling()
    beat(ports)
    ports.clock.advance(SILENT_S)
    overdue = ports.records.watched(ports.clock.now(), MOST_DEVICES)
    beat(ports)

    class Lagging:
        """A table whose index still names what was overdue a moment ago."""

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.records, name)

        def watched(self, now: datetime, limit: int) -> tuple[Watched, ...]:
            return tuple(overdue)

    assert overdue
    reconcile(replace(ports, records=cast(MemoryRecords, Lagging())), 60)

    assert told(ports) == []
    assert ports.metrics.counts["device.silent"] == 0


def test_a_device_whose_watch_is_gone_stops_no_round(caplog: pytest.LogCaptureFixture):
    ports = hauling()

    class Lagging:
        """A table whose index still names a device of which nothing is recorded any more."""

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.records, name)

        def watched(self, now: datetime, limit: int) -> tuple[Watched, ...]:
            return (Watched("main", DeviceId("d_gone")),)

    reconcile(replace(ports, records=cast(MemoryRecords, Lagging())), 60)

    assert told(ports) == []
    assert [each.message for each in caplog.records if each.levelname == "ERROR"] == []


def test_two_rounds_that_see_a_device_come_back_report_it_once():
    ports = hauling()
    beat(ports)
    rounds(ports, 5)
    beat(ports)

    class Overtaken:
        """A table in which another round is faster at each write about a device."""

        def __getattr__(self, name: str) -> Any:
            if name == "replace_watch":
                rounds(ports, 1, 1)
            return getattr(ports.records, name)

    reconcile(replace(ports, records=cast(MemoryRecords, Overtaken())), 60)

    assert told(ports) == ["device.silent", "device.heard"]
    assert ports.metrics.counts["device.heard"] == 1


def test_a_round_whose_time_is_over_leaves_the_other_devices_to_the_next():
    ports = hauling()
    names = [DeviceId(f"d_{number}") for number in range(3)]
    for device_id in names:
        ports.records.put_watch(
            Watch("main", device_id, SESSION_ID, ports.clock.now()), look_at(ports.clock.now(), SILENT_S)
        )
    ports.clock.advance(SILENT_S)
    now = ports.clock.now()

    class Slow:
        """A table that takes a minute for each watch."""

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.records, name)

        def watch(self, project: str, device_id: DeviceId) -> Watch | None:
            ports.clock.advance(60)
            return ports.records.watch(project, device_id)

    slow = replace(ports, records=cast(MemoryRecords, Slow()))
    watch_devices(slow, now, Deadline(ports.clock, now + timedelta(seconds=90)))
    assert ports.metrics.counts["device.silent"] == 2

    watch_devices(ports, now, Deadline(ports.clock, now + timedelta(hours=1)))
    assert ports.metrics.counts["device.silent"] == 3
