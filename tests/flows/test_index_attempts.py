"""Attempts to index measurements: on record before they begin, bounded, and their results never lost."""

from collections.abc import Callable, Iterator
from typing import cast

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import LakeWriterMissing, StorageBusy
from chalicelib.core.measurements.limits import INDEXED_IN_PASSING_BYTES, MOST_ATTEMPTS, TIME_LIMIT_S
from chalicelib.core.order import wish
from chalicelib.core.settle import Actor
from chalicelib.flows import operations
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.settle import settle_session
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts, memory_ports, recorded
from tests.support.interrupted import Crash
from tests.support.measurements import as_list, make_frames
from tests.support.memory import MemoryFrameIndex
from tests.support.story import LIGHTS

SMALL = as_list(make_frames(3))
LARGE = as_list(make_frames(3)) + b" " * INDEXED_IN_PASSING_BYTES


def measured(body: bytes) -> MemoryPorts:
    """A session whose required measurements are written and stated, and nobody looked yet."""
    ports = memory_ports()
    story.haul(ports, wish([LIGHTS], {}))
    story.process(ports, {LIGHTS: body})
    return ports


def reading(ports: MemoryPorts, read: Callable[[], object]) -> MemoryPorts:
    """`ports` at whose every chunk of measurements `read` happens."""

    class Reading(MemoryFrameIndex):
        def source(self, key: str, version_id: str) -> Iterator[bytes]:
            for chunk in super().source(key, version_id):
                read()
                yield chunk

    return replace(ports, frame_index=cast(MemoryFrameIndex, Reading(ports.objects)))


def crash() -> None:
    raise Crash


def fail() -> None:
    raise MemoryError


def be_busy() -> None:
    raise StorageBusy("not now")


def attempts_of(ports: MemoryPorts) -> int:
    return sum(each.count for each in recorded(ports).session.attempts)


def quarantine_of(ports: MemoryPorts) -> str | None:
    return next((index.quarantine for index in recorded(ports).indexes), None)


def look(ports: MemoryPorts, actor: Actor = Actor.MADE_EVENT) -> None:
    settle_session(ports, SESSION_ID, actor)


def test_an_attempt_is_on_record_before_it_begins():
    ports = measured(SMALL)
    seen: list[int] = []

    look(reading(ports, lambda: seen.append(attempts_of(ports))))

    assert set(seen) == {1}
    assert story.state_of(ports) == "PROCESSED"
    assert recorded(ports).session.attempts == ()


@pytest.mark.parametrize("end", [crash, fail])
def test_a_file_that_ends_three_functions_is_quarantined_with_its_reason(end: Callable[[], None]):
    ports = measured(SMALL)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        with pytest.raises((Crash, MemoryError)):
            look(reading(ports, end))
        assert (attempts_of(ports), quarantine_of(ports)) == (attempt, None)

    look(reading(ports, end))
    assert quarantine_of(ports) is None
    ports.clock.advance(ports.policy.in_flight_s)
    reconcile(reading(ports, end), 60)

    assert quarantine_of(ports) == "3 attempts to index it came to nothing"
    assert story.state_of(ports) == "FAILED"
    assert "3 attempts" in (recorded(ports).session.failure or "")


def test_the_reconciler_alone_ends_what_fails_in_every_round():
    ports = measured(SMALL)

    for _ in range(MOST_ATTEMPTS + 1):
        ports.clock.advance(ports.policy.in_flight_s)
        reconcile(reading(ports, fail), 60)

    assert quarantine_of(ports)
    assert story.state_of(ports) == "FAILED"


def test_a_file_that_is_indexed_at_the_third_attempt_is_as_good_as_any():
    ports = measured(SMALL)
    for _ in range(MOST_ATTEMPTS - 1):
        with pytest.raises(Crash):
            look(reading(ports, crash))

    look(ports)

    assert (story.state_of(ports), quarantine_of(ports)) == ("PROCESSED", None)


def test_a_storage_that_asks_for_patience_says_nothing_of_the_file():
    ports = measured(SMALL)

    for _ in range(MOST_ATTEMPTS + 2):
        with pytest.raises(StorageBusy):
            look(reading(ports, be_busy))
        assert attempts_of(ports) == 0
    look(ports)

    assert story.state_of(ports) == "PROCESSED"


@pytest.mark.parametrize(("seconds", "is_poison"), [(TIME_LIMIT_S - 1, False), (TIME_LIMIT_S, True)])
def test_an_attempt_that_takes_too_long_ends_in_quarantine(seconds: int, is_poison: bool):
    ports = measured(SMALL)
    times = iter([seconds])

    look(reading(ports, lambda: ports.clock.advance(next(times, 0))))

    assert quarantine_of(ports) == (
        f"indexing it took longer than {TIME_LIMIT_S} seconds" if is_poison else None
    )


def test_the_reconciler_asks_the_function_for_a_large_file_and_never_opens_it():
    ports = measured(LARGE)

    reconcile(reading(ports, fail), 60)

    assert ports.indexer.requested == [story.key_of(LIGHTS)]
    assert (attempts_of(ports), recorded(ports).indexes) == (0, ())


def test_a_large_file_is_asked_for_again_only_once_nobody_can_be_at_it():
    ports = measured(LARGE)
    for seconds in (0, 1, ports.policy.in_flight_s - 2, 1, 1):
        ports.clock.advance(seconds)
        reconcile(ports, 60)

    assert ports.indexer.requested == [story.key_of(LIGHTS)] * 2


def test_the_function_indexes_what_it_is_asked_for():
    ports = measured(LARGE)
    reconcile(ports, 60)

    look(ports)

    assert story.state_of(ports) == "PROCESSED"
    ports.clock.advance(ports.policy.in_flight_s)
    reconcile(ports, 60)
    assert len(ports.indexer.requested) == 1


def test_what_an_attempt_found_is_not_lost_when_others_write_the_session_meanwhile():
    ports = measured(SMALL)
    reads: list[int] = []

    def read() -> None:
        if not reads:
            operations.hold(ports, story.OPERATOR, SESSION_ID, "look first")
        reads.append(1)

    look(reading(ports, read))

    chunks = -(-len(SMALL) // 1000)
    assert len(reads) == chunks
    (index,) = recorded(ports).indexes
    assert (index.frames, attempts_of(ports)) == (3, 0)
    assert recorded(ports).session.held == "look first"


def test_of_two_that_index_at_once_the_later_result_is_dropped():
    ports = measured(SMALL)
    others = iter([Actor.MADE_EVENT])

    def read() -> None:
        for other in others:
            look(ports, other)

    look(reading(ports, read))

    assert len(recorded(ports).indexes) == 1
    assert (story.state_of(ports), attempts_of(ports)) == ("PROCESSED", 0)


@pytest.mark.parametrize("body", [SMALL, LARGE])
def test_a_layer_that_is_missing_says_nothing_of_the_file_however_often_it_is_tried(body: bytes):
    ports = measured(body)
    ports.lake.is_deployed = False

    for _ in range(MOST_ATTEMPTS + 2):
        with pytest.raises(LakeWriterMissing):
            look(ports)
        ports.clock.advance(ports.policy.in_flight_s)
        reconcile(ports, 60)
        assert (attempts_of(ports), quarantine_of(ports)) == (0, None)
    assert story.state_of(ports) == "STORED"
    ports.lake.is_deployed = True
    look(ports)

    assert (story.state_of(ports), quarantine_of(ports)) == ("PROCESSED", None)


def test_a_missing_layer_is_found_before_an_attempt_is_on_record():
    ports = measured(SMALL)
    ports.lake.is_deployed = False
    with pytest.raises(LakeWriterMissing):
        look(ports)
    before = recorded(ports).session.version

    with pytest.raises(LakeWriterMissing):
        look(ports)

    assert recorded(ports).session.version == before
