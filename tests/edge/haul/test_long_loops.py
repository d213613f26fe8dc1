"""A loop of more files than one session takes: several sessions, and each file in one of them."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack

import pytest

from edge_client.base.errors import Refused
from edge_client.haul.context import open_context
from edge_client.haul.select_sessions import Choosing
from edge_client.haul.sessions import Each
from edge_client.model.selection import (
    ByFile,
    ByNumber,
    ByTime,
    Choice,
    Everything,
    New,
    parsed_time,
)
from tests.edge.conftest import Device
from tests.edge.fake_camera import SERIAL, CameraFile, film

FIRST, SECOND, THIRD = (f"{SERIAL}-100GOPRO-GXAA{name}" for name in ("0001-1001", "0100-1100", "0103-1103"))


def film_loop(device: Device, first: int, last: int) -> None:
    """The card has a loop of these counters, a second each, and nothing else."""
    device.camera.files = {
        f"100GOPRO/GXAA{n:04d}.MP4": CameraFile(film(60, n), f'"e{n}"', str(1000 + n))
        for n in range(first, last + 1)
    }


def chosen(device: Device, choice: Choice) -> dict[str, list[int]]:
    """The counters of the first and the last file of each session that is chosen."""
    with ExitStack() as stack:
        context = stack.enter_context(open_context(device._tools(stack)))
        listed = context.camera.read_list()
        sessions, refusals = Choosing(context, choice, None).sessions(listed.files)
    assert not refusals
    return {one.name: ends([file.filename for file in one.exactly()]) for one in sessions}


def hauled(device: Device) -> dict[str, list[int]]:
    """The same of each session that the coordinator has."""
    return {
        name: ends([one["filename"] for one in body["chapters"]])
        for name, body in device.cloud.sessions.items()
    }


def ends(names: list[str]) -> list[int]:
    return [int(name[4:8]) for name in (names[0], names[-1])]


def how_often(device: Device) -> set[int]:
    """How often a file is in a session of the coordinator."""
    sessions = device.cloud.sessions.values()
    return set(Counter(one["filename"] for body in sessions for one in body["chapters"]).values())


@pytest.mark.parametrize(
    "choice", [New(), Everything(), ByNumber("AA"), ByTime(parsed_time("1970-01-01"), None)]
)
def test_is_several_sessions_of_at_most_as_many_as_the_coordinator_takes(device: Device, choice: Choice):
    film_loop(device, 1, 102)

    assert chosen(device, choice) == {FIRST: [1, 99], SECOND: [100, 102]}


@pytest.mark.parametrize("choice", [New(), Everything(), ByNumber("AA")])
def test_is_one_session_where_that_takes_all_its_files(device: Device, choice: Choice):
    film_loop(device, 1, 99)

    assert chosen(device, choice) == {f"{SERIAL}-100GOPRO-GXAA-1001": [1, 99]}


def test_named_file_by_file_without_a_session_is_cut_as_well(device: Device):
    film_loop(device, 1, 102)

    assert chosen(device, ByFile(tuple(device.camera.files))) == {FIRST: [1, 99], SECOND: [100, 102]}


def test_of_a_name_of_the_users_is_refused_with_what_helps(device: Device):
    film_loop(device, 1, 100)

    with pytest.raises(
        Refused, match="100 files are too many for one session, which takes 99: leave SESSION"
    ):
        device.run(session="s", choice=ByNumber("AA"))


def test_has_each_file_hauled_once_whatever_comes_between(device: Device):
    film_loop(device, 1, 102)
    refusal = {"type": "urn:reelhaul:problem:not-found", "title": "Not found", "action": "stop"}
    device.cloud.faults["session"] = [None, (404, json.dumps(refusal).encode())]

    device.run(session=None, choice=New())
    assert hauled(device) == {FIRST: [1, 99]}

    device.run(session=None, choice=New())
    assert hauled(device) == {FIRST: [1, 99], SECOND: [100, 102]}
    [recording] = device.survey().recordings
    assert (recording.state.is_home, recording.session_ids) == (True, (FIRST, SECOND))
    assert device.run(session=None, choice=New()) == Each(())

    film_loop(device, 31, 110)
    device.run(session=None, choice=New())
    assert hauled(device) == {FIRST: [1, 99], SECOND: [100, 102], THIRD: [103, 110]}
    assert how_often(device) == {1}
    assert device.survey().all_home
