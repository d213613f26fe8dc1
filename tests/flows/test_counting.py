"""The counters after any sequence of what devices, processors, operators, time and faults do to two sessions."""

from collections.abc import Callable, Mapping
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import ReelhaulError
from chalicelib.core.ids import DeviceId
from chalicelib.core.picture import Picture
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows import completion, operations, sessions, uploads
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.store import MOST_CHAPTERS_TO_COUNT
from tests.support import story
from tests.support.builders import (
    SESSION_ID,
    MemoryPorts,
    make_chapter,
    make_session,
    make_session_id,
    memory_ports,
)
from tests.support.counters import demand_counted, demand_sums
from tests.support.interrupted import Crash, at_call
from tests.support.memory import Refused

Step = Callable[[MemoryPorts], object]
CAMERA = make_session().camera


def opens_an_upload(ports: MemoryPorts) -> object:
    chapter = story.CHAPTERS[0]
    return uploads.open_upload(ports, story.NORTH, SESSION_ID, chapter.artifact_id, chapter.size_bytes, None)


def cancels_it(ports: MemoryPorts) -> object:
    live = [upload for upload in view(ports).uploads if upload.is_live]
    return live and completion.cancel_upload(ports, story.NORTH, live[0].upload_id)


def dies_as_it_hauls(ports: MemoryPorts) -> None:
    with suppress(Crash):
        story.haul(at_call(ports, 9).ports, plain=ports)


def loses_an_original(ports: MemoryPorts) -> None:
    key = story.original_keys()[1]
    if ports.objects.head(key):
        ports.objects.purge(key)
    _after(6 * 86_400)(ports)


def _after(seconds: float) -> Step:
    def step(ports: MemoryPorts) -> None:
        ports.clock.advance(seconds)
        for _ in range(3):
            reconcile(ports, 240)

    return step


def _holds(reason: str | None) -> Step:
    return lambda ports: operations.hold(ports, story.OPERATOR, SESSION_ID, reason)


STEPS: Mapping[str, Step] = {
    "confirms": lambda ports: sessions.confirm_session(
        ports, story.NORTH, SESSION_ID, CAMERA, None, story.CHAPTERS, story.WISH
    ),
    "opens an upload": opens_an_upload,
    "cancels it": cancels_it,
    "dies": dies_as_it_hauls,
    "hauls": story.haul,
    "processes": lambda ports: story.process(ports, order=_order(ports)),
    "uploads an output": lambda ports: story.upload_made(ports, story.VIDEO, story.MADE[story.VIDEO]),
    "fails": lambda ports: operations.fail(ports, story.PROCESSOR, SESSION_ID, "no light", None),
    "orders": lambda ports: operations.order(ports, story.OPERATOR, SESSION_ID, story.WISH),
    "holds": _holds("wait"),
    "releases": _holds(None),
    "a round": _after(300),
    "a week": _after(7 * 86_400),
    "a month": _after(30 * 86_400),
    "restores": lambda ports: operations.restore(ports, story.OPERATOR, SESSION_ID, None, "again"),
    "an original is lost": loses_an_original,
}
CLEANED = ("hauls", "a round", "processes", "a round", "a week")


def _order(ports: MemoryPorts) -> int:
    order = view(ports).session.order
    return order.number if order else 1


def view(ports: MemoryPorts) -> Picture:
    return sessions.view_session(ports, story.OPERATOR, SESSION_ID)


def played(*names: str) -> MemoryPorts:
    """The world after these steps; after each, whatever was refused, the counters have what the sessions count for."""
    ports = memory_ports()
    story.arm(ports)
    for name in names:
        with suppress(ReelhaulError, Refused):
            STEPS[name](ports)
        demand_counted(ports.records)
    return ports


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=12))
def test_after_any_steps_the_counters_are_the_sum_of_what_the_sessions_count_for(names: list[str]):
    played(*names)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=6))
def test_the_same_holds_of_a_session_that_was_cleaned(names: list[str]):
    ports = played(*CLEANED, *names)

    assert ports.records.counts("main", None, None, None)["chapters"] == 2


@pytest.mark.parametrize(
    ("chapters", "counted"), [(MOST_CHAPTERS_TO_COUNT, 1), (MOST_CHAPTERS_TO_COUNT + 1, None), (99, None)]
)
def test_a_new_session_with_too_many_chapters_is_counted_by_its_next_write(
    chapters: int, counted: int | None
):
    ports = memory_ports()
    listed = tuple(make_chapter(number) for number in range(1, chapters + 1))

    sessions.confirm_session(ports, story.NORTH, SESSION_ID, CAMERA, None, listed, None)

    assert ports.records.counts("main", None, None, None).get("sessions_open") == counted
    demand_sums(ports.records)
    uploads.open_upload(ports, story.NORTH, SESSION_ID, listed[0].artifact_id, listed[0].size_bytes, None)
    assert ports.records.counts("main", None, None, None)["chapters_waiting"] == chapters
    demand_counted(ports.records)


def test_a_session_that_was_never_counted_is_counted_by_its_next_write():
    """As those that are older than the counters."""
    ports = story.processed()
    ports.records.forget_counts()

    operations.hold(ports, story.OPERATOR, SESSION_ID, "wait")

    assert ports.records.counts("main", None, None, None)["sessions_processed"] == 1
    demand_counted(ports.records)


def test_two_of_a_day_count_together_and_each_for_its_device():
    ports = memory_ports()
    for name, device in (("north", "d_north"), ("south", "d_south")):
        principal = Principal(Role.DEVICE, "main", DeviceId(device))
        named = make_session_id(name)
        sessions.confirm_session(ports, principal, named, CAMERA, None, story.CHAPTERS, None)

    together = ports.records.counts("main", None, None, None)

    assert (together["sessions_open"], together["chapters"]) == (2, 4)
    assert ports.records.counts("main", DeviceId("d_south"), None, None)["sessions_open"] == 1
