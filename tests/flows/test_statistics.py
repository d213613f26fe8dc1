"""What a project's sessions add up to, from few reads of the table however many there are."""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import NotFound, NotPermitted, StorageBusy
from chalicelib.core.ids import DeviceId
from chalicelib.core.picture import Progress
from chalicelib.core.settle import Policy
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows import sessions, uploads
from chalicelib.flows.statistics import Asked, Statistics, view_statistics
from chalicelib.web.wire.sums import statistics
from tests.support import story
from tests.support.builders import (
    DEVICE_ID,
    START,
    MemoryPorts,
    make_chapter,
    make_session,
    make_session_id,
    memory_ports,
)
from tests.support.counted import counted
from tests.support.faults import Fault, faulty

EAST = DeviceId("d_east")
TODAY = START.date()
DAY = timedelta(days=1)
GIB = 2**30


def confirm(ports: MemoryPorts, name: str, device: DeviceId = DEVICE_ID, chapters: int = 2) -> None:
    principal = Principal(Role.DEVICE, "main", device)
    listed = [make_chapter(number) for number in range(1, chapters + 1)]
    sessions.confirm_session(
        ports, principal, make_session_id(name), make_session().camera, None, listed, None
    )


def beat(ports: MemoryPorts, name: str, rate: int | None, device: DeviceId = DEVICE_ID) -> None:
    told = Progress(1, 1, None, rate, 5, 9, START, START)
    sessions.record_progress(ports, Principal(Role.DEVICE, "main", device), make_session_id(name), told)


def asked(
    ports: MemoryPorts, device: DeviceId | None = None, first: date | None = None, last: date | None = None
) -> Statistics:
    return view_statistics(ports, story.OPERATOR, "main", Asked(device, first, last))


def test_the_reads_of_the_table_do_not_grow_with_the_sessions():
    ports = memory_ports()
    for number in range(300):
        confirm(ports, f"match-{number}", DeviceId(f"d_{number % 7}"))
    beat(ports, "match-0", 10, DeviceId("d_0"))
    watched, calls = counted(ports)

    found = asked(watched)

    assert found.counts["sessions_open"] == 300
    # One more is that of the token.
    assert sum(calls.values()) - calls["dead_letters"] + 1 <= 10, calls


def test_a_device_and_days_narrow_what_is_counted():
    ports = memory_ports()
    confirm(ports, "first")
    ports.clock.advance(86_400)
    confirm(ports, "second")
    confirm(ports, "third", EAST)

    assert asked(ports).counts["sessions_open"] == 3
    assert asked(ports, DEVICE_ID).counts["sessions_open"] == 2
    assert asked(ports, None, TODAY + DAY).counts["sessions_open"] == 2
    assert asked(ports, DEVICE_ID, TODAY + DAY, TODAY + DAY).counts["sessions_open"] == 1
    assert asked(ports, EAST, None, TODAY).counts == {}


def test_the_oldest_chapter_is_the_first_missing_one_of_the_session_that_waits_longest():
    ports = memory_ports()
    confirm(ports, "first", EAST)
    ports.clock.advance(86_400)
    confirm(ports, "second")

    oldest, of_north, of_today = (
        each.oldest for each in (asked(ports), asked(ports, DEVICE_ID), asked(ports, None, TODAY + DAY))
    )

    assert oldest
    assert (oldest.waiting.session_id, oldest.artifact_id) == ("main/first", make_chapter(1).artifact_id)
    assert oldest.waiting.created_at == START
    assert of_north == of_today
    assert of_north
    assert of_north.waiting.session_id == "main/second"


def test_nothing_waits_once_all_is_safe():
    ports = story.processed()

    found = statistics(asked(ports), ports.policy)

    assert found["backlog"] == {
        "chapters": 0,
        "bytes": 0,
        "oldest": None,
        "rate_up_bytes_s": None,
        "clear_in_s": None,
    }
    assert found["sessions"] == {
        "OPEN": 0,
        "STORED": 0,
        "PROCESSED": 1,
        "CLEANED": 0,
        "FAILED": 0,
        "held": 0,
        "needing": 0,
    }


@pytest.mark.parametrize(
    ("rate", "after_s", "clear_in_s"),
    [(10, 0, 5), (9, 0, 6), (10, 60, 5), (10, 61, None), (0, 0, None), (None, 0, None)],
)
def test_when_the_backlog_is_clear_is_predicted_from_rates_that_are_of_now(
    rate: int | None, after_s: int, clear_in_s: int | None
):
    ports = memory_ports()
    confirm(ports, "first")
    beat(ports, "first", rate)
    ports.clock.advance(after_s)

    assert statistics(asked(ports), ports.policy)["backlog"]["clear_in_s"] == clear_in_s


def test_rates_of_several_devices_add_up_and_one_without_a_rate_makes_the_sum_unknown():
    ports = memory_ports()
    for name, device in (("first", DEVICE_ID), ("second", EAST)):
        confirm(ports, name, device)
        beat(ports, name, 10, device)

    assert statistics(asked(ports), ports.policy)["backlog"]["rate_up_bytes_s"] == 20
    assert statistics(asked(ports, EAST), ports.policy)["backlog"]["rate_up_bytes_s"] == 10
    beat(ports, "second", None, EAST)
    assert statistics(asked(ports), ports.policy)["backlog"]["rate_up_bytes_s"] is None


def test_each_device_says_how_long_it_has_been_silent():
    ports = memory_ports()
    confirm(ports, "first")
    beat(ports, "first", 10)
    ports.clock.advance(600)

    [device] = statistics(asked(ports), ports.policy)["devices"]

    assert (device["device_id"], device["silent_s"], device["hauling"]) == (DEVICE_ID, 600, True)
    assert statistics(asked(ports, EAST), ports.policy)["devices"] == []


def test_bytes_cost_what_the_settings_say():
    ports = memory_ports(policy=Policy(storage_usd_per_gib_month=0.5, part_size_bytes=10))
    found = asked(ports)
    counts = {
        "bytes_originals": 8 * GIB,
        "bytes_outputs": 2 * GIB,
        "bytes_hidden": 4 * GIB,
        "bytes_freed": 3 * GIB,
        "bytes_orphaned": GIB,
        "bytes_uploading": 6 * GIB,
    }

    answer = statistics(replace(found, counts=counts), ports.policy)

    assert answer["bytes"]["held"] == 10 * GIB
    assert answer["monthly_cost_usd"] == {
        "per_gib": 0.5,
        "held": 5.0,
        "hidden": 2.0,
        "orphaned_at_most": 0.5,
        "uploading_at_most": 3.0,
        "saved": 1.5,
    }


def test_parts_that_no_device_told_of_are_unknown_and_not_none():
    ports = story.processed()

    assert statistics(asked(ports), ports.policy)["retried_parts"] == {"count": None, "sessions": 0}


def test_cleanups_budget_is_what_was_cleaned_today_of_what_may_be():
    ports = story.cleaned()

    cleanup = statistics(asked(ports), ports.policy)["cleanup"]

    limit = ports.policy.cleanup_limit
    assert (cleanup["armed"], cleanup["day"]) == (True, ports.clock.now().date().isoformat())
    assert cleanup["objects"] == {"cleaned": 2, "limit": limit.objects}
    assert cleanup["bytes"] == {"cleaned": sum(map(len, story.BODIES)), "limit": limit.size_bytes}


def test_what_was_cleaned_is_hidden_and_after_its_last_look_freed():
    ports = story.cleaned()
    size_bytes = sum(map(len, story.BODIES))

    hidden = statistics(asked(ports), ports.policy)["bytes"]
    story.let_pass(ports, ports.policy.last_look_s, rounds=2)
    freed = statistics(asked(ports), ports.policy)["bytes"]

    assert (hidden["originals"], hidden["hidden"], hidden["freed"]) == (0, size_bytes, 0)
    assert (freed["originals"], freed["hidden"], freed["freed"]) == (0, 0, size_bytes)


def test_dead_letters_are_unknown_where_the_queue_does_not_answer():
    ports = memory_ports()
    ports.orders.dead = 3
    assert asked(ports).dead_letters == 3

    busy = faulty(ports.orders, Fault("dead_letters", StorageBusy("slow down")))

    assert asked(replace(ports, orders=busy)).dead_letters is None


def test_a_session_that_becomes_safe_between_two_reads_has_no_oldest_chapter():
    ports = memory_ports()
    confirm(ports, "first", chapters=1)
    uploads.open_upload(ports, story.NORTH, make_session_id("first"), make_chapter(1).artifact_id, 25, None)

    oldest = asked(ports).oldest

    assert oldest
    assert oldest.artifact_id == make_chapter(1).artifact_id


def test_devices_are_refused_and_a_project_of_others_is_not_found():
    ports = memory_ports()

    with pytest.raises(NotPermitted):
        view_statistics(ports, story.NORTH, "main", Asked())
    with pytest.raises(NotFound):
        view_statistics(ports, Principal(Role.OPERATOR, "club", None), "main", Asked())
