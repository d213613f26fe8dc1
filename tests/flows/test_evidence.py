"""A device reads a card again: what is recorded of it, who may tell it, and what a difference keeps."""

from datetime import timedelta
from typing import Any, cast

import pytest
from msgspec.structs import replace

from chalicelib.core.cleanup import Spent
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import Conflict, InvalidRequest, NotFound, NotPermitted, StateConflict
from chalicelib.core.evidence import Evidence, Level, WholeRead, Xxh128
from chalicelib.core.ids import ArtifactId, DeviceId
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows import evidence, operations, sessions
from chalicelib.flows.reconcile import reconcile
from chalicelib.ports import Change
from tests.support import story
from tests.support.builders import DEVICE_ID, SESSION_ID, MemoryPorts, make_session, memory_ports, recorded
from tests.support.memory import crc64nvme_of
from tests.support.story import BODIES, CHAPTERS, NORTH, OPERATOR, PROCESSOR

SOUTH = Principal(Role.DEVICE, "main", DeviceId("d_south"))
ONE, TWO = (chapter.artifact_id for chapter in CHAPTERS)
CRC = crc64nvme_of(BODIES[0])
OTHER = crc64nvme_of(b"a bit flipped")


def hauled() -> MemoryPorts:
    ports = memory_ports()
    story.haul(ports)
    return ports


def told(
    ports: MemoryPorts,
    crc: Crc64Nvme = CRC,
    artifact_id: ArtifactId = ONE,
    principal: Principal = NORTH,
    size_bytes: int = len(BODIES[0]),
    seconds: float = 0,
) -> Evidence:
    read_at = ports.clock.now() + timedelta(seconds=seconds)
    read = WholeRead(size_bytes, crc, Xxh128("ab" * 16), read_at)
    return evidence.record_second_read(ports, principal, SESSION_ID, artifact_id, read)


def test_a_second_read_that_agrees_is_recorded_with_its_chapter_alone():
    ports = hauled()

    known = told(ports)

    picture = recorded(ports)
    assert known.level is Level.READ_TWICE
    assert picture.evidence(ONE) == known
    assert picture.level is Level.READ_ONCE
    assert ports.metrics.counts["evidence.recorded"] == 1
    assert ports.metrics.counts["evidence.differs"] == 0


def test_a_session_has_the_least_level_of_its_chapters():
    ports = hauled()
    told(ports)

    told(ports, crc64nvme_of(BODIES[1]), TWO, size_bytes=len(BODIES[1]))

    assert recorded(ports).level is Level.READ_TWICE


def test_the_same_call_again_writes_nothing():
    ports = hauled()
    known, version = told(ports), recorded(ports).session.version

    ports.clock.advance(3600)

    assert told(ports, seconds=-3600) == known
    assert recorded(ports).session.version == version
    assert ports.metrics.counts["evidence.recorded"] == 1


def test_a_difference_is_counted_once_and_stays():
    ports = hauled()

    known = told(ports, OTHER)
    told(ports, OTHER)
    told(ports)

    assert not known.agrees
    assert [each.artifact_id for each in recorded(ports).differing] == [ONE]
    assert not recorded(ports).agrees
    assert ports.metrics.counts["evidence.differs"] == 1


@pytest.mark.parametrize(
    "principal", [SOUTH, Principal(Role.DEVICE, "club", DEVICE_ID)], ids=["another device", "another project"]
)
def test_a_device_tells_of_its_own_sessions_alone(principal: Principal):
    ports = hauled()

    with pytest.raises(NotFound):
        told(ports, principal=principal)

    assert recorded(ports).session.evidence == ()


@pytest.mark.parametrize("principal", [OPERATOR, PROCESSOR])
def test_only_a_device_reads_cards(principal: Principal):
    with pytest.raises(NotPermitted):
        told(hauled(), principal=principal)


def test_the_device_that_has_the_session_now_may_tell():
    ports = hauled()
    session = recorded(ports).session
    ports.records.arrange(replace(recorded(ports), session=replace(session, device_id=SOUTH.device_id)))

    known = told(ports, principal=SOUTH)
    assert known.agreed
    assert known.agreed.by == "d_south"
    with pytest.raises(NotFound):
        told(ports)


def test_a_chapter_without_a_receipt_has_nothing_to_agree_with():
    ports = memory_ports()
    sessions.confirm_session(ports, NORTH, SESSION_ID, make_session().camera, None, CHAPTERS, None)

    with pytest.raises(StateConflict, match=r"100GOPRO/GX010038\.MP4 has no receipt"):
        told(ports)

    assert recorded(ports).evidence(ONE) is None
    assert recorded(ports).level is None


def test_only_a_chapter_can_be_read_from_a_card():
    with pytest.raises(NotFound):
        told(hauled(), artifact_id=ArtifactId("output.enhanced.mp4"))


def test_a_read_of_part_of_a_chapter_is_no_evidence():
    ports = hauled()

    with pytest.raises(InvalidRequest, match="whole read"):
        told(ports, size_bytes=len(BODIES[0]) - 1)

    assert recorded(ports).session.evidence == ()


def test_a_read_from_before_the_first_receipt_is_no_second_one():
    with pytest.raises(InvalidRequest, match="first read"):
        told(hauled(), seconds=-301)


def test_a_read_from_before_a_restore_is_still_one_from_after_the_first_receipt():
    ports = story.cleaned()
    operations.restore(ports, OPERATOR, SESSION_ID, None, "the referee asks")
    story.let_pass(ports, 3600, 4)
    before_it = min(each.verified_at for each in recorded(ports).receipts_at(CHAPTERS[0].key(SESSION_ID)))

    known = told(ports, seconds=(before_it - ports.clock.now()).total_seconds())

    assert len(recorded(ports).receipts_at(CHAPTERS[0].key(SESSION_ID))) == 2
    assert known.level is Level.READ_TWICE


def test_a_difference_keeps_a_session_from_cleanup_until_an_operator_accepts_it():
    ports = story.processed()
    told(ports, OTHER)
    told(ports)

    story.let_grace_pass(ports)
    kept = recorded(ports)
    evidence.accept_differences(ports, OPERATOR, SESSION_ID, ONE, "the cable was broken")
    story.let_grace_pass(ports)

    assert (kept.session.state.value, kept.session.cleanup) == ("PROCESSED", None)
    assert recorded(ports).session.state.value == "CLEANED"
    [known] = recorded(ports).session.evidence
    assert known.differences[0].accepted == "the cable was broken"
    assert ports.metrics.counts["evidence.accepted"] == 1


@pytest.mark.parametrize("principal", [NORTH, PROCESSOR])
def test_only_an_operator_accepts_a_difference(principal: Principal):
    ports = hauled()
    told(ports, OTHER)

    with pytest.raises(NotPermitted):
        evidence.accept_differences(ports, principal, SESSION_ID, ONE, "it plays")


def test_where_nothing_differs_nothing_is_accepted():
    ports = hauled()
    told(ports)

    for artifact_id in (ONE, TWO):
        with pytest.raises(StateConflict, match="no read"):
            evidence.accept_differences(ports, OPERATOR, SESSION_ID, artifact_id, "it plays")
    with pytest.raises(NotFound):
        evidence.accept_differences(ports, OPERATOR, SESSION_ID, ArtifactId("output.a"), "it plays")


def test_a_difference_in_the_midst_of_a_cleanup_keeps_what_is_left():
    ports = story.processed()
    ports.clock.advance(ports.policy.grace_s)
    limited = replace(ports, policy=replace(ports.policy, cleanup_limit=Spent(1, 10**6)))
    reconcile(limited, 60)
    assert recorded(ports).session.cleanup

    told(ports, OTHER, TWO, size_bytes=len(BODIES[1]), seconds=0)
    story.let_pass(ports, 3 * 86_400, rounds=3)

    first, second = story.original_keys()
    assert ports.objects.head(first) is None
    assert ports.objects.body(second) == story.original(2)


def test_a_cleaned_session_whose_reads_differ_is_brought_back_before_the_purge():
    ports = story.cleaned()
    told(ports, OTHER)

    story.let_pass(ports, ports.policy.last_look_s)
    story.let_pass(ports, ports.policy.in_flight_s, rounds=2)

    assert story.originals_stand(ports)
    assert "two reads of the card differ" in (recorded(ports).session.held or "")


def test_a_difference_is_recorded_and_counted_once_although_another_writes_the_session():
    ports = hauled()
    begun: list[None] = []

    class Contended:
        def __getattr__(self, name: str) -> object:
            return getattr(ports.records, name)

        def write(self, change: Change) -> None:
            if not begun:
                begun.append(None)
                raise Conflict("another was first")
            ports.records.write(change)

    told(replace(cast(Any, ports), records=Contended()), OTHER)

    assert [each.artifact_id for each in recorded(ports).differing] == [ONE]
    assert ports.metrics.counts["evidence.differs"] == 1


def test_a_token_that_names_no_device_brings_no_second_read():
    ports = hauled()
    before = recorded(ports)

    with pytest.raises(InvalidRequest, match="this token names no device; enrol the device again"):
        told(ports, principal=Principal(Role.DEVICE, "main", None))

    assert recorded(ports) == before
