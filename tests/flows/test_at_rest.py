"""Damage that was found at rest: the version is lost, its session is held, and what can bring it back does."""

from datetime import timedelta
from typing import Any, cast

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import Conflict, StateConflict
from chalicelib.core.evidence import ReadBack
from chalicelib.core.ids import ArtifactId
from chalicelib.core.session import Damage
from chalicelib.core.upload import Receipt
from chalicelib.flows import at_rest, operations
from chalicelib.flows.reconcile import reconcile
from chalicelib.ports import Change
from chalicelib.web.wire import responses
from tests.support import story
from tests.support.builders import POLICY, SESSION_ID, MemoryPorts, memory_ports, recorded
from tests.support.story import CHAPTERS, OPERATOR, VIDEO

ONE, TWO = (chapter.artifact_id for chapter in CHAPTERS)
FIRST, SECOND = story.original_keys()


def stored() -> MemoryPorts:
    ports = memory_ports()
    story.haul(ports, None)
    story.let_pass(ports)
    return ports


def receipt_of(ports: MemoryPorts, artifact_id: ArtifactId) -> Receipt:
    receipt = recorded(ports).receipt(artifact_id)
    assert receipt
    return receipt


def rotten(ports: MemoryPorts, artifact_id: ArtifactId, good_version_id: str | None = None) -> MemoryPorts:
    """A bit of the artifact flips in S3, somebody finds it, and the reconciler has its round."""
    receipt = receipt_of(ports, artifact_id)
    ports.objects.rot(receipt.key, receipt.version_id)
    damage = Damage(receipt.version_id, "one bit", ports.clock.now(), good_version_id)
    at_rest.record_damage(ports, SESSION_ID, damage)
    story.let_pass(ports)
    return ports


def let_end(ports: MemoryPorts) -> None:
    story.let_pass(ports, ports.policy.in_flight_s + 1_800, rounds=8)


def test_a_damaged_original_is_lost_held_alarmed_and_its_remedy_is_told():
    ports = rotten(stored(), ONE)

    picture = recorded(ports)
    assert (picture.missing, picture.session.held) == ((ONE,), "damaged in S3: one bit")
    assert ports.metrics.counts["original.lost"] == 1
    [lost] = responses.session(picture, POLICY, ports.clock.now())["lost"]
    assert lost["artifact_id"] == ONE
    assert lost["reason"] == "damaged in S3: one bit"
    assert "haul the session again" in lost["remedy"]


def test_the_damaged_version_is_hidden_and_never_purged():
    ports = rotten(stored(), ONE)

    damaged, marker = ports.objects.versions(FIRST)
    assert (marker.stored, ports.objects.is_tagged(damaged)) == (None, False)
    assert ports.objects.body(SECOND) == story.original(2)


def test_a_damaged_original_is_hauled_again_from_the_card():
    ports = rotten(stored(), ONE)
    ports.clock.advance(ports.policy.in_flight_s)

    story.haul(ports, None)

    picture = recorded(ports)
    assert (picture.missing, picture.lost) == ((), ())
    assert ports.objects.body(FIRST) == story.original(1)
    assert picture.session.held


def test_no_late_marker_can_reach_what_is_hauled_again():
    ports = rotten(stored(), ONE)

    with pytest.raises(Exception, match="being removed from this key"):
        story.haul(ports, None)


@pytest.mark.parametrize("is_released", [False, True])
@pytest.mark.parametrize("artifact_id", [ONE, VIDEO])
def test_nothing_of_a_session_with_damage_is_cleaned(artifact_id: ArtifactId, is_released: bool):
    ports = rotten(story.processed(), artifact_id)
    if is_released:
        operations.hold(ports, OPERATOR, SESSION_ID, None)

    story.let_grace_pass(ports)
    story.let_grace_pass(ports)

    assert story.state_of(ports) == "PROCESSED"
    assert ports.objects.body(SECOND) == story.original(2)


def test_a_finding_keeps_a_cleanup_from_its_next_marker_before_anybody_has_decided_on_it():
    ports = story.processed()
    receipt = receipt_of(ports, VIDEO)
    ports.clock.advance(ports.policy.grace_s)
    at_rest.record_damage(ports, SESSION_ID, Damage(receipt.version_id, "one bit", ports.clock.now()))

    reconcile(ports, 60)

    assert story.originals_stand(ports)


def test_damage_in_the_midst_of_a_cleanup_calls_it_off_and_brings_back_the_rest():
    ports = story.processed()
    ports.clock.advance(ports.policy.grace_s)
    ports.objects.refuses_removals = True
    reconcile(ports, 60)
    assert recorded(ports).session.cleanup
    ports.objects.refuses_removals = False

    receipt = receipt_of(ports, ONE)
    rotten(ports, ONE)
    let_end(ports)

    session = recorded(ports).session
    assert (session.cleanup, session.restoring) == (None, ())
    assert [each.version_id for each in session.lost] == [receipt.version_id]
    assert ports.objects.body(SECOND) == story.original(2)


def test_a_damaged_output_of_a_processed_session_is_made_again_by_another_order():
    ports = rotten(story.processed(), VIDEO)

    assert ports.metrics.counts["artifact.lost"] == 1
    operations.hold(ports, OPERATOR, SESSION_ID, None)
    operations.order(ports, OPERATOR, SESSION_ID, story.WISH)
    story.process(ports, order=2)
    story.let_pass(ports)

    assert story.state_of(ports) == "PROCESSED"
    assert recorded(ports).lost == ()


def test_a_damaged_output_is_left_where_it_is():
    ports = rotten(story.processed(), VIDEO)
    let_end(ports)

    key = story.key_of(VIDEO)
    assert ports.objects.head(key)
    assert len(ports.objects.versions(key)) == 1


def test_an_output_that_was_lost_while_others_are_awaited_fails_its_order_once():
    ports = memory_ports()
    story.haul(ports)
    story.let_pass(ports)
    story.write_output(ports, VIDEO, story.MADE[VIDEO])
    story.write_manifest(ports, {VIDEO: story.MADE[VIDEO]})
    story.let_pass(ports)
    assert story.state_of(ports) == "STORED"

    rotten(ports, VIDEO)
    story.let_pass(ports, 900, rounds=3)

    assert story.state_of(ports) == "FAILED"
    assert "damaged in S3" in (recorded(ports).session.failure or "")
    assert ports.metrics.counts["output.verified"] == 1


def test_a_lost_output_that_nobody_requires_is_not_verified_again():
    extra = ArtifactId("output.extra.mp4")
    ports = memory_ports()
    story.haul(ports)
    story.let_pass(ports)
    story.write_output(ports, extra, b"more")
    story.write_manifest(ports, {extra: b"more"})
    story.let_pass(ports)
    assert ports.metrics.counts["output.verified"] == 1

    rotten(ports, extra)
    story.let_pass(ports, 900, rounds=3)

    assert story.state_of(ports) == "STORED"
    assert ports.metrics.counts["output.verified"] == 1


def test_a_damaged_copy_is_brought_back_from_the_version_that_was_cleaned():
    ports = story.cleaned()
    [earlier, _] = ports.objects.versions(FIRST)
    operations.restore(ports, OPERATOR, SESSION_ID, None, "cut again")
    let_end(ports)
    assert recorded(ports).session.restoring == ()

    rotten(ports, ONE, earlier.version_id)
    let_end(ports)

    picture = recorded(ports)
    assert (picture.session.restoring, picture.lost) == ((), ())
    assert ports.objects.body(FIRST) == story.original(1)
    assert ports.metrics.counts["original.damaged"] == 1
    assert ports.metrics.counts["original.lost"] == 0
    assert picture.session.held


def test_the_same_finding_twice_is_recorded_once():
    ports = stored()
    damage = Damage(receipt_of(ports, ONE).version_id, "one bit", ports.clock.now())

    at_rest.record_damage(ports, SESSION_ID, damage)
    picture = at_rest.record_damage(ports, SESSION_ID, damage)

    assert picture.session.damage == (damage,)


def test_a_session_that_lost_an_output_may_be_ordered_and_one_that_lost_an_original_may_not():
    of_output, of_original = rotten(story.processed(), VIDEO), rotten(story.processed(), ONE)

    assert operations.order(of_output, OPERATOR, SESSION_ID, story.WISH).session.order
    with pytest.raises(StateConflict, match=f"lost: {ONE}"):
        operations.order(of_original, OPERATOR, SESSION_ID, story.WISH)


def test_a_proof_is_recorded_as_of_its_beginning_and_never_goes_back():
    ports = stored()
    began_at = ports.clock.now()
    ports.clock.advance(60)

    at_rest.record_proof(ports, SESSION_ID, ports.clock.now())
    picture = at_rest.record_proof(ports, SESSION_ID, began_at)

    assert picture.session.proven_at == ports.clock.now()
    assert picture.session.state.value == "STORED"


def test_the_last_comparison_of_a_version_is_kept_and_one_of_an_earlier_version_is_replaced():
    ports = stored()
    receipt = recorded(ports).receipt(ONE)
    assert receipt
    older = ReadBack("v-before", ports.clock.now() + timedelta(days=9), "reading")
    first = ReadBack(receipt.version_id, ports.clock.now(), "reading")
    later = replace(first, at=first.at + timedelta(days=1), by="s3-batch")

    for back in (older, later, first):
        at_rest.record_read_back(ports, SESSION_ID, {ONE: back})

    assert recorded(ports).session.evidence_of(ONE).read_back == later
    assert recorded(ports).session.proven_at is None


def test_a_proof_is_recorded_although_another_writes_the_session():
    ports = stored()
    known = recorded(ports).session
    begun: list[None] = []

    class Contended:
        def __getattr__(self, name: str) -> object:
            return getattr(ports.records, name)

        def write(self, change: Change) -> None:
            if not begun:
                begun.append(None)
                raise Conflict("another was first")
            ports.records.write(change)

    contended = replace(cast(Any, ports), records=Contended())
    at_rest.record_proof(contended, SESSION_ID, ports.clock.now())

    assert recorded(ports).session.proven_at
    assert recorded(ports).session.version == known.version + 1
