"""Old revisions of an index and of its files in the lake: removed some time later, never what is published."""

from contextlib import suppress
from typing import BinaryIO, cast

import pytest
from msgspec.structs import replace

from chalicelib.core import keys
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import SessionId
from chalicelib.core.measurements.index import FORMAT, Index, IndexAttempts, revision_of
from chalicelib.core.measurements.ranges import Wanted
from chalicelib.core.order import wish
from chalicelib.core.settle import Actor, IndexMeasurements, RemoveIndex, RemoveRemains
from chalicelib.flows import operations
from chalicelib.flows.actions import carry_out
from chalicelib.flows.measurement_index import possible_objects, read_frames
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.settle import settle_session
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts, memory_ports, recorded
from tests.support.interrupted import Crash, Interrupted, Moment, at_call
from tests.support.measurements import as_list, make_frames
from tests.support.memory import MemoryFrameIndex, rows_of
from tests.support.story import LIGHTS

WISH = wish([LIGHTS], {})
NUMBERS = 3, 5
"""How many frames the first order's measurements have, and the second's."""


def measured() -> MemoryPorts:
    """A PROCESSED session whose measurements are indexed."""
    ports = memory_ports()
    story.haul(ports, WISH)
    story.process(ports, {LIGHTS: as_list(make_frames(NUMBERS[0]))})
    look(ports)
    assert story.state_of(ports) == "PROCESSED"
    return ports


def look(ports: MemoryPorts) -> None:
    settle_session(ports, SESSION_ID, Actor.MADE_EVENT)


def order_again(ports: MemoryPorts, frames: int = NUMBERS[1], is_looked_at: bool = True) -> None:
    """The same is ordered once more, and made."""
    operations.order(ports, story.OPERATOR, SESSION_ID, WISH)
    number = recorded(ports).session.order
    assert number
    story.process(ports, {LIGHTS: as_list(make_frames(frames))}, number.number)
    if is_looked_at:
        look(ports)


def indexes(ports: MemoryPorts) -> list[Index]:
    """By the time of their making."""
    return sorted(recorded(ports).indexes, key=lambda index: index.indexed_at)


def standing(ports: MemoryPorts, prefixes: tuple[str, ...] = keys.REPLACED) -> set[str]:
    """The keys below index/ and lake/ that have an object."""
    return ports.objects.below(prefixes)


def wait(ports: MemoryPorts, seconds: float = 0) -> None:
    ports.clock.advance(seconds or ports.policy.superseded_s)
    done = reconcile(ports, 60)
    assert done.failed == 0


def present(ports: MemoryPorts) -> Index:
    """What readers get."""
    picture = recorded(ports)
    receipt = picture.receipt(LIGHTS)
    index = picture.index(receipt) if receipt else None
    assert index
    return index


def can_be_read(ports: MemoryPorts, session_id: SessionId = SESSION_ID) -> bool:
    """Whether all that is published now is there, whole."""
    index = present(ports)
    found = read_frames(ports.frame_index, session_id, index, Wanted())
    return index.is_published and len(found.frames) == index.frames and set(index.objects) <= standing(ports)


def frames_in_lake(ports: MemoryPorts) -> set[tuple[object, int]]:
    """Each revision of the session in the table of frames, with the number of its rows."""
    bodies = [ports.objects.body(key) for key in standing(ports, ("lake/kind=papi/",))]
    return {(rows_of(body)[0]["revision"], len(rows_of(body))) for body in bodies}


def test_a_second_order_leaves_each_session_once_in_the_lake_some_time_later():
    ports = measured()
    first = present(ports)
    ports.clock.advance(1)
    order_again(ports)
    second = present(ports)
    assert frames_in_lake(ports) == {(first.revision, NUMBERS[0]), (second.revision, NUMBERS[1])}

    wait(ports, ports.policy.superseded_s - 1)
    assert frames_in_lake(ports) == {(first.revision, NUMBERS[0]), (second.revision, NUMBERS[1])}
    wait(ports, 1)

    assert standing(ports) == set(second.objects)
    assert frames_in_lake(ports) == {(second.revision, NUMBERS[1])}
    assert can_be_read(ports)


def test_rows_of_a_later_order_are_measured_later():
    ports = measured()
    ports.clock.advance(1)
    order_again(ports)

    bodies = [ports.objects.body(key) for key in standing(ports, ("lake/kind=papi/",))]
    said = {row["revision"]: row["measured_at"] for body in bodies for row in rows_of(body)}

    assert max(said, key=lambda revision: str(said[revision])) == present(ports).revision


def test_a_removed_revision_stays_on_record_and_is_not_removed_again():
    ports = measured()
    order_again(ports)
    wait(ports)

    first = next(index for index in indexes(ports) if index != present(ports))
    assert (first.removing_since, first.removed_at) == (ports.clock.now(), ports.clock.now())
    before = recorded(ports).session.version
    wait(ports)
    assert recorded(ports).session.version == before
    assert ports.metrics.counts["index.removed"] == 1


def older(ports: MemoryPorts) -> Index:
    """Have the session's index made by a release before this one: other objects, under another revision."""
    picture = recorded(ports)
    (index,) = picture.indexes
    prefix = keys.index_prefix(SESSION_ID, LIGHTS, "0" * 16)
    for key in standing(ports):
        if key.startswith("index/") and "overview" not in key:
            name = key.rpartition("/")[2].removesuffix(".gz") if "blocks" in key else key.rpartition("/")[2]
            ports.objects.put_object(prefix + name, ports.objects.body(key))
        ports.objects.mark_deleted(key)
    old = replace(index, revision="0" * 16, format=FORMAT - 1, objects=())
    ports.records.arrange(replace(picture, indexes=(old,)))
    return old


@pytest.mark.parametrize("is_cleaned", [False, True])
def test_after_an_upgrade_a_session_is_asked_for_indexed_and_rid_of_its_old_index(is_cleaned: bool):
    ports = story.cleaned((story.VIDEO, LIGHTS)) if is_cleaned else story.processed((story.VIDEO, LIGHTS))
    state = story.state_of(ports)
    old = older(ports)
    assert len(standing(ports)) == 3

    settle_session(ports, SESSION_ID, Actor.OPERATOR)
    assert ports.indexer.requested == [story.key_of(LIGHTS)]
    assert present(ports) == old
    look(ports)

    assert present(ports).format == FORMAT
    assert can_be_read(ports)
    assert len(standing(ports)) == 3 + 6
    wait(ports)
    assert standing(ports) == set(present(ports).objects)
    assert story.state_of(ports) == state


def test_an_operators_command_writes_and_removes_nothing_itself():
    ports = measured()
    order_again(ports, is_looked_at=False)
    ports.lake.is_deployed = False
    before = standing(ports)
    ports.clock.advance(ports.policy.superseded_s)

    settle_session(ports, SESSION_ID, Actor.OPERATOR)

    assert standing(ports) == before
    assert recorded(ports).unindexed


@pytest.mark.parametrize("call", range(1, 40))
def test_a_removal_that_is_killed_at_any_call_is_ended_by_the_next_round(call: int):
    ports = measured()
    order_again(ports)
    ports.clock.advance(ports.policy.superseded_s)
    dying = at_call(ports, call)

    try:
        settle_session(dying.ports, SESSION_ID, Actor.RECONCILER)
    except Crash:
        assert can_be_read(ports)
    wait(ports, 1)

    assert standing(ports) == set(present(ports).objects)
    assert can_be_read(ports)


@pytest.mark.parametrize("call", range(1, 40))
def test_an_indexing_that_is_killed_at_any_call_leaves_nothing_for_good(call: int):
    ports = measured()
    order_again(ports, is_looked_at=False)
    dying = at_call(ports, call)
    try:
        look(dying.ports)
    except Crash:
        ports.clock.advance(1)
    order_again(ports, frames=7)
    wait(ports, ports.policy.in_flight_s)
    wait(ports)

    assert present(ports).frames == 7
    assert standing(ports) == set(present(ports).objects)
    assert recorded(ports).session.attempts == ()


@pytest.mark.parametrize("moment", ["index/", "lake/kind=papi/", "lake/kind=papi_summary/"])
def test_an_indexing_that_ends_after_a_later_orders_replaces_nothing_and_is_removed(moment: str):
    ports = memory_ports()
    story.haul(ports, WISH)
    story.process(ports, {LIGHTS: as_list(make_frames(NUMBERS[0]))})
    once = iter([order_again])

    class Slow(MemoryFrameIndex):
        def put(self, key: str, content: BinaryIO) -> None:
            super().put(key, content)
            if key.startswith(moment) and (act := next(once, None)):
                act(ports)

    look(replace(ports, frame_index=cast(MemoryFrameIndex, Slow(ports.objects))))

    assert present(ports).frames == NUMBERS[1]
    assert {index.frames for index in indexes(ports)} == set(NUMBERS)
    wait(ports)
    assert standing(ports) == set(present(ports).objects)
    assert can_be_read(ports)


def removal_of(ports: MemoryPorts) -> RemoveIndex:
    picture = recorded(ports)
    ((index, _),) = picture.superseded()
    return RemoveIndex(index)


def test_what_is_published_is_not_removed_whoever_asks_for_it():
    ports = measured()
    order_again(ports)

    with pytest.raises(Conflict):
        carry_out(ports, recorded(ports), RemoveIndex(present(ports)))

    assert can_be_read(ports)
    assert present(ports).removing_since is None


def test_a_removal_is_on_record_before_the_first_object_goes():
    ports = measured()
    order_again(ports)
    seen: list[bool] = []

    class Watched(MemoryFrameIndex):
        def remove(self, key: str) -> None:
            seen.append(any(index.is_being_removed for index in recorded(ports).indexes))
            super().remove(key)

    watched = replace(ports, frame_index=cast(MemoryFrameIndex, Watched(ports.objects)))
    carry_out(watched, recorded(ports), removal_of(ports))

    assert seen == [True] * 6


@pytest.mark.parametrize("call", range(1, 10))
@pytest.mark.parametrize("moment", Moment)
def test_what_is_written_again_while_it_is_removed_is_removed_too(call: int, moment: Moment):
    """A function that was thought dead writes the old revision once more, in the middle of its removal."""
    ports = measured()
    picture = recorded(ports)
    (old,) = picture.receipts_at(story.key_of(LIGHTS))
    order_again(ports)
    ports.clock.advance(ports.policy.superseded_s)

    def write_again() -> None:
        with suppress(Conflict):
            carry_out(ports, recorded(ports), IndexMeasurements(old))

    removing = Interrupted(ports, call, moment, write_again)
    settle_session(removing.ports, SESSION_ID, Actor.RECONCILER)
    assert can_be_read(ports)
    wait(ports)

    assert standing(ports) == set(present(ports).objects)


@pytest.mark.parametrize("call", range(1, 10))
@pytest.mark.parametrize("moment", Moment)
def test_a_revision_is_not_published_while_it_is_removed(call: int, moment: Moment):
    """A release that was taken back wants what the newer release has begun to remove."""
    ports = measured()
    index = present(ports)
    newer = replace(index, revision="f" * 16, format=FORMAT + 1, objects=())
    begun = replace(index, removing_since=ports.clock.now())
    ports.records.arrange(replace(recorded(ports), indexes=(newer, begun)))
    (receipt,) = recorded(ports).receipts_at(story.key_of(LIGHTS))

    def index_meanwhile() -> None:
        with suppress(Conflict):
            carry_out(ports, recorded(ports), IndexMeasurements(receipt))

    removing = Interrupted(ports, call, moment, index_meanwhile)
    settle_session(removing.ports, SESSION_ID, Actor.RECONCILER)
    settle_session(ports, SESSION_ID, Actor.RECONCILER)

    assert can_be_read(ports)


def test_remains_are_removed_whatever_kind_the_frames_were_of_and_the_attempts_forgotten():
    ports = measured()
    order_again(ports)
    picture = recorded(ports)
    gone = next(each for each in picture.receipts if each.version_id != present(ports).version_id)
    remains = possible_objects(picture.session, LIGHTS, revision_of(gone.version_id))
    for key in remains:
        ports.objects.put_object(key, b"half")
    ports.records.arrange(
        replace(
            picture,
            session=replace(
                picture.session, attempts=(IndexAttempts(gone.version_id, 2, ports.clock.now()),)
            ),
            indexes=(present(ports),),
        )
    )

    carry_out(ports, recorded(ports), RemoveRemains(gone.version_id, LIGHTS))

    assert standing(ports) == set(present(ports).objects)
    assert recorded(ports).session.attempts == ()
    assert len(remains) == 4 + 3


def test_remains_of_a_published_revision_are_none():
    ports = measured()
    action = RemoveRemains(present(ports).version_id, LIGHTS)

    carry_out(ports, recorded(ports), action)

    assert can_be_read(ports)
