"""The overview: what it costs, what it lists, and until when."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import NotPermitted, StorageBusy
from chalicelib.core.heard import Heard
from chalicelib.core.ids import DeviceId
from chalicelib.core.rounds import SILENT_S, LastRound
from chalicelib.core.session import SessionState
from chalicelib.core.tokens import Device, Principal, Role
from chalicelib.flows import operations
from chalicelib.flows.overview import DAYS, NEWEST, Overview, count_dead_letters, view_overview
from chalicelib.flows.recount import mend
from chalicelib.ports import Enlisting, Ports
from tests.support import story
from tests.support.builders import (
    DEVICE_ID,
    SESSION_ID,
    START,
    MemoryPorts,
    make_picture,
    make_session_id,
    memory_ports,
)
from tests.support.counted import counted
from tests.support.faults import Fault, faulty

OPERATOR = Principal(Role.OPERATOR, "main", None)


def seen(ports: Ports) -> Overview:
    return view_overview(ports, OPERATOR, "main", None)


def names(found: Overview) -> list[str]:
    return [each.session_id for each in found.needy]


def hauled() -> MemoryPorts:
    ports = memory_ports()
    story.haul(ports)
    return ports


def with_fleet(sessions: int, devices: int) -> MemoryPorts:
    pictures = [
        make_picture(
            session_id=make_session_id(f"at-{place:04}"),
            device_id=DeviceId(f"d_{place % devices}"),
            created_at=START - timedelta(hours=place),
            state=SessionState.FAILED if place % 3 else SessionState.OPEN,
        )
        for place in range(sessions)
    ]
    ports = memory_ports(*pictures)
    for place in range(devices):
        device_id = DeviceId(f"d_{place}")
        made = Device(device_id, f"n-{place}", "main", START - timedelta(seconds=place))
        ports.records.enlist(Enlisting(device=made))
        heard = Heard(device_id, make_session_id(f"at-{place:04}"), START)
        ports.records.put_heard("main", heard)
    return ports


@pytest.mark.parametrize("sessions", [60, 500])
def test_it_costs_the_same_however_many_sessions_there_are(sessions: int):
    ports, calls = counted(with_fleet(sessions, 50))

    found = seen(ports)

    assert calls == {
        "counts_by_day": 1,
        "needy": 1,
        "list_devices": 1,
        "list_sessions": 1,
        "rows": 1,
    }
    assert len(found.devices.rows) == 50
    assert len(found.sessions.rows) == NEWEST


def test_a_session_is_in_need_from_its_failure_until_it_is_ordered_again():
    ports = hauled()
    assert names(seen(ports)) == []

    operations.fail(ports, story.PROCESSOR, SESSION_ID, "no light", None)
    failed = seen(ports)
    operations.order(ports, story.OPERATOR, SESSION_ID, story.WISH)

    assert names(failed) == [SESSION_ID]
    assert failed.needy[0].needs[0].detail == "no light"
    assert failed.counts["sessions_needy"] == 1
    assert names(seen(ports)) == []
    assert "sessions_needy" not in seen(ports).counts


def test_a_session_that_needs_a_person_for_another_reason_now_is_told_with_that_one():
    ports = hauled()
    operations.hold(ports, story.OPERATOR, SESSION_ID, "look first")
    operations.hold(ports, story.OPERATOR, SESSION_ID, "look twice")

    [needy] = seen(ports).needy

    assert [each.detail for each in needy.needs] == ["look twice"]


def test_sessions_of_an_older_release_are_in_the_list_after_a_recount():
    ports = memory_ports(make_picture(state=SessionState.FAILED, failure="why"))
    ports.records.forget_counts()
    assert names(seen(ports)) == []

    mend(ports, lambda _: None)

    assert names(seen(ports)) == [SESSION_ID]


def test_the_newest_session_in_need_comes_first_and_other_projects_stay_apart():
    older = make_picture(held="why", session_id=make_session_id("a"), created_at=START - timedelta(days=1))
    newer = make_picture(held="why", session_id=make_session_id("b"))
    other = make_picture(held="why", session_id=make_session_id("c", "club"))

    assert names(seen(memory_ports(older, newer, other))) == ["main/b", "main/a"]


def test_days_are_told_without_a_gap_up_to_today():
    ports = with_fleet(60, 3)

    days = sorted(seen(ports).days)

    assert len(days) == DAYS
    assert days[-1] == START.date()
    assert days[0] == START.date() - timedelta(days=DAYS - 1)
    assert sum(seen(ports).days[days[-1]].values()) > 0
    assert seen(ports).days[days[0]] == {}


@pytest.mark.parametrize(("more", "is_silent"), [(-1, False), (0, True), (1, True)])
def test_a_reconciler_without_a_round_for_half_an_hour_is_silent(more: int, is_silent: bool):
    ended_at = START - timedelta(seconds=SILENT_S + more)
    last = LastRound(ended_at, ended_at, 1, 0, 0, 0, finished=True, swept=True)

    assert view_overview(memory_ports(), OPERATOR, "main", last).is_silent is is_silent


@pytest.mark.parametrize("role", [Role.DEVICE, Role.PROCESSOR])
def test_who_brings_or_processes_footage_sees_no_overview(role: Role):
    principal = replace(OPERATOR, role=role, device_id=DEVICE_ID if role is Role.DEVICE else None)

    with pytest.raises(NotPermitted):
        view_overview(memory_ports(), principal, "main", None)


@pytest.mark.parametrize("dead", [None, 0, 3])
def test_the_dead_letters_are_counted_if_they_can_be(dead: int | None):
    ports = memory_ports()
    ports.orders.dead = dead

    assert count_dead_letters(ports) == dead
    busy = faulty(ports.orders, Fault("dead_letters", StorageBusy("the queue asks for patience")))
    assert count_dead_letters(replace(ports, orders=busy)) is None
