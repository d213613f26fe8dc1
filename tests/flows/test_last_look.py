"""A cleaned session is looked at once more before S3 purges what was cleaned."""

from datetime import timedelta

from msgspec.structs import replace

from chalicelib.core.order import wish
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Actor
from chalicelib.flows.settle import settle_session
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts, memory_ports, recorded
from tests.support.memory import MovableClock, crc64nvme_of

VIDEO_ALONE = {story.VIDEO: story.MADE[story.VIDEO]}


def cleaned_session() -> MemoryPorts:
    ports = memory_ports()
    story.arm(ports)
    story.haul(ports, wish([story.VIDEO], {}))
    story.process(ports, VIDEO_ALONE)
    story.let_pass(ports)
    story.let_grace_pass(ports)
    assert recorded(ports).session.state is SessionState.CLEANED
    return ports


def by_a_clock_ahead(ports: MemoryPorts, days: int) -> MemoryPorts:
    """The same world for a function whose own clock is wrong; S3's is right."""
    return replace(ports, clock=MovableClock(ports.clock.now() + timedelta(days=days)))


def test_a_cleaned_session_is_guarded_when_its_time_has_come():
    ports = cleaned_session()
    story.let_pass(ports, ports.policy.last_look_s)

    assert recorded(ports).session.is_guarded


def test_a_function_whose_clock_is_ahead_does_not_end_the_last_look():
    ports = cleaned_session()
    settle_session(by_a_clock_ahead(ports, days=30), SESSION_ID, Actor.RECONCILER)
    assert not recorded(ports).session.is_guarded

    ports.objects.mark_deleted(story.key_of(story.VIDEO))
    story.let_pass(ports, ports.policy.last_look_s)
    story.let_pass(ports, ports.policy.in_flight_s, rounds=2)

    assert story.originals_stand(ports)
    assert recorded(ports).session.held


def test_a_session_whose_output_was_written_without_crc64nvme_is_cleaned_as_well():
    ports = memory_ports()
    story.arm(ports)
    story.haul(ports, wish([story.VIDEO], {}))
    ports.objects.put_without_crc64nvme(story.key_of(story.VIDEO), story.MADE[story.VIDEO])
    story.write_manifest(ports, VIDEO_ALONE)
    story.let_pass(ports)
    receipt = recorded(ports).receipt(story.VIDEO)
    assert receipt is not None
    assert receipt.crc64nvme == crc64nvme_of(story.MADE[story.VIDEO])

    story.let_grace_pass(ports)

    assert story.originals_are_gone(ports)
    assert story.state_of(ports) == "CLEANED"
