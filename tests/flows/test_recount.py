"""The counters are proven while others write: what differs is found and put right, and nothing else."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.ids import DeviceId
from chalicelib.core.statistics.counts import Counter, CounterKey, counter_keys, shard_of, total
from chalicelib.core.tokens import Device, Role
from chalicelib.flows import devices, operations, recount, sessions
from chalicelib.flows.recount import LANDED_S, Pause, Recount
from chalicelib.ports import Enlisting, Ports
from tests.support import story
from tests.support.builders import (
    SESSION_ID,
    START,
    MemoryPorts,
    make_chapter,
    make_picture,
    make_session,
    make_session_id,
    memory_ports,
    recorded,
)
from tests.support.counters import demand_counted

SOUTH = DeviceId("d_south")
OF_THE_SAME_SHARD = next(
    name
    for number in range(100)
    if shard_of(make_session_id(name := f"opened-{number}")) == shard_of(SESSION_ID)
)
Prove = Callable[[Ports, Pause], Recount]
each_way = pytest.mark.parametrize("prove", [recount.recount, recount.mend])


def no_pause(_seconds: float) -> None:
    """Nothing happens meanwhile."""


def hauled() -> MemoryPorts:
    ports = memory_ports()
    story.haul(ports)
    return ports


def spoil(ports: MemoryPorts, key: CounterKey | None = None, **figures: int) -> None:
    """Somebody writes a counter by hand: by default that of the session's shard."""
    key = key or counter_keys(recorded(ports).session)[0]
    before = ports.records.counter(key)
    assert ports.records.replace_counter(key, before, total((before.counts, figures)))


def surpluses(found: Recount) -> list[dict[str, int]]:
    return [dict(each.surplus) for each in found.drifts]


def confirm(ports: MemoryPorts, name: str) -> object:
    camera, chapters = make_session().camera, [make_chapter()]
    return sessions.confirm_session(ports, story.NORTH, make_session_id(name), camera, None, chapters, None)


def test_a_counter_that_differs_is_looked_at_twice_with_a_pause_and_left_as_it_is():
    ports = hauled()
    spoil(ports, chapters=7)
    pauses: list[float] = []

    found = recount.recount(ports, pauses.append)

    assert (surpluses(found), found.is_mended) == ([{"chapters": 7}], False)
    assert pauses == [LANDED_S, LANDED_S]
    assert surpluses(recount.recount(ports, no_pause)) == [{"chapters": 7}]


def test_what_differed_is_put_right_and_found_no_more():
    ports = hauled()
    spoil(ports, chapters=7)

    found = recount.mend(ports, no_pause)

    assert (surpluses(found), found.is_mended) == ([{"chapters": 7}], True)
    demand_counted(ports.records)
    assert recount.recount(ports, no_pause).drifts == ()


def test_a_counter_of_a_device_differs_by_what_no_session_of_its_day_has():
    ports = hauled()
    key = next(each for each in counter_keys(recorded(ports).session) if each.device_id)
    spoil(ports, key, chapters=2)

    [drift] = recount.mend(ports, no_pause).drifts

    assert (drift.key, dict(drift.surplus)) == (key, {"chapters": 2})
    demand_counted(ports.records)


def test_a_session_that_was_never_counted_is_counted_by_one_write_of_its_own():
    ports = hauled()
    ports.records.forget_counts()
    version = recorded(ports).session.version

    assert recount.recount(ports, no_pause).uncounted == (SESSION_ID,)
    assert recorded(ports).session.version == version
    assert recount.mend(ports, no_pause).uncounted == (SESSION_ID,)

    assert recorded(ports).session.version == version + 1
    demand_counted(ports.records)


def test_a_session_that_its_own_write_counted_meanwhile_is_not_written_again():
    ports = memory_ports(make_picture())
    ports.records.forget_counts()

    class Counting:
        """A table in which the session is held, and so counted, after the walk has read it."""

        reads = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.records, name)

        def picture(self, session_id: Any) -> Any:
            self.reads += 1
            if self.reads == 2:
                operations.hold(ports, story.OPERATOR, SESSION_ID, "wait")
            return ports.records.picture(session_id)

    version = recorded(ports).session.version

    recount.mend(replace(ports, records=Counting()), no_pause)

    assert recorded(ports).session.version == version + 1
    demand_counted(ports.records)


def test_a_session_that_the_list_names_and_nobody_recorded_counts_for_nothing():
    ports = hauled()

    class Listing:
        """A table whose list of sessions has one more than it records."""

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.records, name)

        def sessions(self) -> Iterator[Any]:
            yield from ports.records.sessions()
            yield make_session_id("never-recorded")

    found = recount.recount(replace(ports, records=Listing()), no_pause)

    assert (found.sessions, found.drifts) == (1, ())


@pytest.mark.parametrize(
    "meanwhile",
    [
        lambda ports: confirm(ports, OF_THE_SAME_SHARD),
        lambda ports: operations.hold(ports, story.OPERATOR, SESSION_ID, "wait"),
    ],
)
@each_way
@pytest.mark.parametrize("is_spoilt", [False, True])
def test_who_writes_in_the_middle_of_it_is_counted_and_what_differed_is_still_found(
    meanwhile: Callable[[MemoryPorts], object], prove: Prove, is_spoilt: bool
):
    ports = hauled()
    if is_spoilt:
        spoil(ports, chapters=7)
    left = [meanwhile]

    def write_once(_seconds: float) -> None:
        if left:
            left.pop()(ports)

    found = prove(ports, write_once)

    assert surpluses(found) == ([{"chapters": 7}] if is_spoilt else [])
    if found.is_mended or not is_spoilt:
        demand_counted(ports.records)


def test_a_counter_that_is_written_at_every_look_is_left_and_named():
    ports = hauled()
    spoil(ports, chapters=7)

    def write(_seconds: float) -> None:
        is_held = recorded(ports).session.held
        operations.hold(ports, story.OPERATOR, SESSION_ID, None if is_held else "wait")

    found = recount.mend(ports, write)

    assert (found.drifts, found.moving) == ((), (counter_keys(recorded(ports).session)[0],))
    assert ports.records.counts("main", None, None, None)["chapters"] == 9


def test_a_counter_that_is_written_as_it_is_put_right_is_looked_at_again():
    ports = hauled()
    spoil(ports, chapters=7)

    class Overtaken:
        """A table in which a session of the counter is written just before it would be replaced."""

        replaced = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.records, name)

        def replace_counter(self, key: CounterKey, before: Counter, counts: Any) -> bool:
            self.replaced += 1
            if self.replaced == 1:
                operations.hold(ports, story.OPERATOR, SESSION_ID, "wait")
            return ports.records.replace_counter(key, before, counts)

    found = recount.mend(replace(ports, records=Overtaken()), no_pause)

    assert (surpluses(found), found.moving) == ([{"chapters": 7}], ())
    demand_counted(ports.records)


def test_a_session_that_gets_another_device_in_the_middle_of_it_differs_nowhere():
    ports = hauled()
    ports.records.enlist(Enlisting(device=Device(SOUTH, "south", "main", START)))
    devices.enrol(ports, Role.DEVICE, "main", device_id=SOUTH)

    class Adopting:
        """A table in which a session gets another device once every session was read and before any counter is."""

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.records, name)

        def counter_keys(self) -> Iterator[CounterKey]:
            operations.adopt(ports, story.OPERATOR, SESSION_ID, SOUTH)
            return iter(list(ports.records.counter_keys()))

    found = recount.recount(replace(ports, records=Adopting()), no_pause)

    assert found.drifts == ()
    assert recorded(ports).session.device_id == SOUTH
    demand_counted(ports.records)
