"""A session may be put into a group of sessions; its plan keeps the group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from chalicelib.core.ids import SessionId
from edge_client.base.errors import CoordinatorRefusal, PlanDiffers
from edge_client.model.plan import CameraIdentity, SessionPlan, decoded
from edge_client.model.selection import ByNumber
from tests.edge.memory.device import PART_BYTES, MemoryDevice
from tests.edge.memory.machine import Killed, Machine

NAME = "match-17-north"
PLANNED = SessionPlan(NAME, None, CameraIdentity("C3501324500711", None, None), ())


@pytest.fixture
def device() -> Iterator[MemoryDevice]:
    with Machine(1) as machine:
        made = MemoryDevice(machine)
        made.film("GX010042", 2 * PART_BYTES)
        yield made


def group_at_the_coordinator(device: MemoryDevice, session: str = NAME) -> object:
    picture = device.cloud.coordinator.ports.records.picture(SessionId(f"main/{session}"))
    assert picture
    return picture.session.group


def test_a_session_is_created_in_the_group(device: MemoryDevice):
    device.haul(ByNumber("0042"), NAME, group="match-17")

    assert group_at_the_coordinator(device) == "match-17"


def test_a_session_without_a_group_is_in_none(device: MemoryDevice):
    device.haul(ByNumber("0042"), NAME)

    assert group_at_the_coordinator(device) is None


@pytest.mark.parametrize("again", [None, "match-17"])
def test_a_session_that_was_begun_keeps_its_group(again: str | None):
    def kill(_number: int, call: str) -> None:
        if call == "cloud put":
            made.machine.kill()

    with Machine(1) as machine:
        made = MemoryDevice(machine)
        made.film("GX010042", 2 * PART_BYTES)
        made.at_call = kill
        with pytest.raises(Killed):
            made.haul(group="match-17")
    with Machine(2) as machine:
        made.restart(machine)
        each = made.haul(group=again)

        assert not each.refusals
        assert group_at_the_coordinator(made, each.done[0].session) == "match-17"


@pytest.mark.parametrize(
    ("first", "words"),
    [(None, "already planned without a group"), ("match-16", "already planned in group match-16")],
)
def test_another_group_for_a_session_is_refused(device: MemoryDevice, first: str | None, words: str):
    device.haul(ByNumber("0042"), NAME, group=first)
    device.timeline.clear()

    with pytest.raises(PlanDiffers, match=f"session {NAME} is {words}, not in group match-17"):
        device.haul(ByNumber("0042"), NAME, group="match-17")

    assert not [call for call in device.timeline if call.startswith("cloud")]


def test_a_session_in_another_group_does_not_keep_the_others(device: MemoryDevice):
    device.cloud.faults["put"] = [CoordinatorRefusal("not now")]
    device.haul(group="match-16")
    device.film("GX010043", PART_BYTES, seed=2)

    each = device.haul(group="match-17")

    assert [type(error) for error in each.refusals] == [PlanDiffers]
    assert [report.chapters[0].path for report in each.done] == ["100GOPRO/GX010043.MP4"]


def test_a_dry_run_has_the_group_and_refuses_another_one(device: MemoryDevice):
    [plan] = device.plans(group="match-17").done
    device.cloud.faults["put"] = [CoordinatorRefusal("not now")]
    device.haul(group="match-16")

    each = device.plans(group="match-17")

    assert plan.group == "match-17"
    assert [type(error) for error in each.refusals] == [PlanDiffers]


def test_a_coordinator_that_knows_the_session_in_another_group_refuses_it(device: MemoryDevice):
    device.haul(ByNumber("0042"), NAME, group="match-17")
    device.disk.sessions.clear()

    with pytest.raises(CoordinatorRefusal, match="group: match-17 here, None in the request"):
        device.haul(ByNumber("0042"), NAME)


def test_a_plan_without_a_group_is_written_as_before():
    assert b"group" not in PLANNED.encoded()
    assert decoded(PLANNED.encoded(), NAME) == PLANNED


def test_a_plan_with_a_group_is_read_back_with_it():
    planned = replace(PLANNED, group="Spiel 17, Süd")

    assert decoded(planned.encoded(), NAME) == planned
