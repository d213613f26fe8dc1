"""Verified originals are looked at again every week: what is gone comes back, what cannot is lost, both are held."""

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import Conflict, StateConflict, StorageBusy
from chalicelib.core.settle import Displace
from chalicelib.core.upload import UploadState
from chalicelib.flows import operations, uploads
from chalicelib.flows.actions import carry_out
from chalicelib.flows.reconcile import reconcile
from chalicelib.web.wire import responses
from tests.support import story
from tests.support.builders import POLICY, SESSION_ID, MemoryPorts, memory_ports, recorded
from tests.support.counted import counted
from tests.support.faults import Fault, faulty
from tests.support.story import CHAPTERS, NORTH, OPERATOR

ONE, TWO = (chapter.artifact_id for chapter in CHAPTERS)
FIRST, SECOND = story.original_keys()
DAY_S = 86_400


def stored() -> MemoryPorts:
    """A world in which the session is STORED and nobody ordered it."""
    ports = memory_ports()
    story.haul(ports, None)
    story.let_pass(ports)
    assert story.state_of(ports) == "STORED"
    return ports


def let_a_week_pass(ports: MemoryPorts) -> None:
    story.let_pass(ports, 7 * DAY_S, rounds=7 * 24)


def let_end(ports: MemoryPorts) -> None:
    story.let_pass(ports, ports.policy.in_flight_s + 600, rounds=5)


@pytest.mark.parametrize(("seconds", "looks"), [(-2, 0), (0, 2), (1, 2)])
def test_each_original_is_looked_at_once_its_time_has_come(seconds: int, looks: int):
    ports = stored()
    watched, calls = counted(ports)

    watched.clock.advance(ports.policy.scrub_s + seconds)
    reconcile(watched, 60)

    assert calls["head"] == looks


def test_what_stands_is_looked_at_once_a_week_and_nothing_else_happens():
    ports = stored()
    watched, calls = counted(ports)

    for _ in range(3 * 7 * 24):
        watched.clock.advance(3_600)
        reconcile(watched, 60)

    assert calls["head"] == 3 * 2
    assert recorded(ports).session.held is None


@pytest.mark.parametrize("state", ["OPEN", "STORED", "PROCESSED", "FAILED"])
def test_an_original_that_was_hidden_is_brought_back_within_a_week_and_its_session_is_held(state: str):
    ports = story.processed() if state == "PROCESSED" else stored()
    session = recorded(ports).session
    if state in ("OPEN", "FAILED"):
        story.haul(ports)
    if state == "FAILED":
        operations.fail(ports, story.PROCESSOR, SESSION_ID, "no light", None)
    story.arm(ports, is_armed=False)
    before = recorded(ports).session.state
    ports.objects.mark_deleted(FIRST)

    let_a_week_pass(ports)

    session = recorded(ports).session
    assert ports.objects.body(FIRST) == story.original(1)
    assert (session.restoring, session.lost) == ((), ())
    assert session.state is before
    assert "gone: original.100GOPRO.GX010038.MP4" in (session.held or "")
    assert ports.metrics.counts["original.damaged"] == 1
    receipt = recorded(ports).receipt(ONE)
    assert receipt
    assert receipt.version_id == ports.objects.versions(FIRST)[-1].version_id


def lost() -> MemoryPorts:
    """A world in which an original is gone, and S3 holds no version of it."""
    ports = stored()
    ports.objects.mark_deleted(FIRST)
    ports.objects.lose(FIRST)
    let_a_week_pass(ports)
    return ports


def test_what_cannot_be_brought_back_is_lost_told_and_held():
    ports = lost()

    picture = recorded(ports)
    [found] = picture.lost
    assert (found.artifact_id, picture.missing) == (ONE, (ONE,))
    assert picture.session.held
    assert ports.metrics.counts["original.lost"] == 1
    [first, second] = responses.session(picture, POLICY, ports.clock.now())["chapters"]
    assert (first["receipt"], first["lost"]["reason"]) == (None, found.reason)
    assert first["lost"]["lost_at"]
    assert second["receipt"]
    assert second["lost"] is None


def test_what_is_lost_is_safe_nowhere_and_can_be_hauled_again():
    ports = lost()

    assert responses._known_chapter(recorded(ports), recorded(ports).chapters[0])["receipt"] is None
    view, is_new = uploads.open_upload(ports, NORTH, SESSION_ID, ONE, CHAPTERS[0].size_bytes, None)
    assert (is_new, view.upload.state) == (True, UploadState.OPEN)
    story.haul(ports, None)

    picture = recorded(ports)
    assert (picture.missing, picture.lost) == ((), ())
    assert picture.session.held
    assert ports.objects.body(FIRST) == story.original(1)


def test_a_session_of_which_something_is_lost_is_not_ordered():
    ports = lost()

    with pytest.raises(StateConflict, match=f"lost: {ONE}"):
        operations.order(ports, OPERATOR, SESSION_ID, story.WISH)
    operations.hold(ports, OPERATOR, SESSION_ID, None)

    assert ports.orders.sent == []


def test_nothing_of_a_session_that_lost_an_original_is_cleaned_even_when_it_is_released():
    ports = story.processed()
    story.arm(ports, is_armed=False)
    ports.objects.mark_deleted(FIRST)
    ports.objects.lose(FIRST)
    let_a_week_pass(ports)
    assert recorded(ports).lost
    story.arm(ports)
    operations.hold(ports, OPERATOR, SESSION_ID, None)

    story.let_grace_pass(ports)
    story.let_grace_pass(ports)

    assert story.state_of(ports) == "PROCESSED"
    assert ports.objects.body(SECOND) == story.original(2)


def replaced() -> MemoryPorts:
    """A world in which a foreign object has just taken the place of an original."""
    ports = stored()
    ports.objects.put_object(FIRST, b"a stranger's")
    return ports


def test_an_original_that_was_replaced_comes_back_and_holds_its_session():
    ports = replaced()

    let_a_week_pass(ports)

    session = recorded(ports).session
    assert "replaced: original.100GOPRO.GX010038.MP4" in (session.held or "")
    assert ports.objects.body(FIRST) == story.original(1)
    assert (session.restoring, session.lost) == ((), ())
    assert ports.metrics.counts["original.damaged"] == ports.metrics.counts["foreign.object.hidden"] == 1


def test_the_foreign_object_that_stood_in_an_originals_place_is_hidden_and_never_purged():
    ports = replaced()
    stranger = ports.objects.versions(FIRST)[-1]

    let_a_week_pass(ports)

    assert stranger in ports.objects.versions(FIRST)[:-1]
    assert not ports.objects.is_tagged(stranger)


def test_an_original_that_was_replaced_and_that_s3_holds_no_longer_is_lost():
    ports = replaced()
    ports.objects.lose(FIRST)

    let_a_week_pass(ports)

    [found] = recorded(ports).lost
    assert found.artifact_id == ONE
    assert recorded(ports).session.held


def test_what_took_the_foreign_objects_place_meanwhile_is_not_hidden_unseen():
    ports = replaced()
    ports.clock.advance(ports.policy.scrub_s)
    reconcile(ports, 60)
    ports.clock.advance(ports.policy.in_flight_s)
    picture = recorded(ports)
    seen = ports.objects.head(FIRST)
    assert seen
    ports.objects.put_object(FIRST, b"another one's")

    with pytest.raises(Conflict):
        carry_out(ports, picture, Displace(ONE, seen))

    assert ports.objects.body(FIRST) == b"another one's"


def test_a_checksum_that_s3_does_not_tell_is_unknown_and_neither_damage_nor_a_look():
    ports = stored()
    ports.objects.hide_checksums(FIRST)

    let_a_week_pass(ports)

    assert recorded(ports).session.held is None
    assert recorded(ports).session.scrubbed_at is None
    ports.objects.hide_checksums()
    story.let_pass(ports, 2 * 3_600, rounds=2)
    assert recorded(ports).session.scrubbed_at


def test_a_look_that_fails_finds_nothing_lost_and_is_made_again():
    ports = stored()
    ports.clock.advance(ports.policy.scrub_s)
    broken = faulty(ports.objects, Fault("head", StorageBusy("S3")))

    assert reconcile(replace(ports, objects=broken), 60).failed == 1

    assert recorded(ports).session.held is None
    story.let_pass(ports, 300)
    assert recorded(ports).session.scrubbed_at


def test_originals_that_a_cleanup_removed_are_not_missed():
    ports = story.cleaned()

    story.let_pass(ports, 40 * DAY_S, rounds=40)

    assert story.state_of(ports) == "CLEANED"
    assert ports.metrics.counts["original.damaged"] == ports.metrics.counts["original.lost"] == 0
