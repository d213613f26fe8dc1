"""What was cleaned is brought back: the same bytes under a new receipt, held until somebody releases it."""

from collections.abc import Callable
from functools import partial

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import MultipartGone, NotFound, NotPermitted, StateConflict, StorageBusy
from chalicelib.core.ids import ArtifactId
from chalicelib.core.order import wish
from chalicelib.core.settle import Actor, StartRestore
from chalicelib.core.settle.restoring import PURGED
from chalicelib.core.upload import Upload, UploadState
from chalicelib.flows import artifacts, completion, operations, uploads
from chalicelib.flows.actions.cleaning import start_restore
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.settle import settle_session
from tests.support import story
from tests.support.builders import (
    POLICY,
    SESSION_ID,
    MemoryPorts,
    make_picture,
    make_upload,
    memory_ports,
    recorded,
)
from tests.support.counted import WRITES, counted
from tests.support.faults import Fault, When, faulty
from tests.support.interrupted import Crash, Interrupted, Moment, at_call
from tests.support.memory import crc64nvme_of, fetch
from tests.support.story import CHAPTERS, MADE, NORTH, OPERATOR, PROCESSOR, VIDEO

ONE, TWO = (chapter.artifact_id for chapter in CHAPTERS)
NOTES = ArtifactId("intermediate.notes.txt")
FIRST, SECOND = story.original_keys()
CRC = crc64nvme_of(story.original(1))
MANY = 40
"""Parts that are too many for the looks of one round."""


def restored(ports: MemoryPorts, *wanted: ArtifactId, reason: str = "the referee asks"):
    return operations.restore(ports, OPERATOR, SESSION_ID, wanted or None, reason)


def let_end(ports: MemoryPorts) -> None:
    """Rounds enough for the copies and for what may still be under way."""
    story.let_pass(ports, ports.policy.in_flight_s + 600, rounds=5)


def in_small_parts(ports: MemoryPorts) -> MemoryPorts:
    """The same world, where S3 copies eight bytes at a time: of the first chapter that is four parts."""
    return replace(ports, policy=replace(POLICY, part_size_bytes=1))


def break_off(ports: MemoryPorts, call: int = 2, when: When = When.BEFORE) -> None:
    """The reconciler settles the session and dies at its `call`-th copy."""
    ports.clock.advance(1)
    broken = faulty(ports.objects, Fault("copy_part", StorageBusy("S3"), call=call, when=when))
    with pytest.raises(StorageBusy):
        settle_session(replace(ports, objects=broken), SESSION_ID, Actor.RECONCILER)


def copies(ports: MemoryPorts) -> list[Upload]:
    return [upload for upload in recorded(ports).uploads if upload.copies]


def release(ports: MemoryPorts) -> None:
    operations.hold(ports, OPERATOR, SESSION_ID, None)


def test_a_session_comes_back_with_the_same_bytes_under_new_receipts():
    ports = story.cleaned()
    before = {each: recorded(ports).receipt(each) for each in (ONE, TWO)}

    restored(ports)
    let_end(ports)

    picture = recorded(ports)
    assert story.originals_stand(ports)
    assert (picture.session.state.value, picture.session.restoring) == ("PROCESSED", ())
    for each, old in before.items():
        new = picture.receipt(each)
        assert new
        assert old
        assert (new.key, new.size_bytes, new.crc64nvme) == (old.key, old.size_bytes, old.crc64nvme)
        assert new.version_id != old.version_id
        stored = ports.objects.head(new.key)
        assert stored
        assert (stored.version_id, stored.crc64nvme) == (new.version_id, new.crc64nvme)


def test_no_version_is_removed_by_a_restore():
    ports = story.cleaned()
    before = {key: ports.objects.versions(key) for key in (FIRST, SECOND)}

    restored(ports)
    let_end(ports)

    assert all(ports.objects.versions(key)[:2] == versions for key, versions in before.items())
    assert not list(ports.objects.multiparts(""))


def test_a_single_chapter_comes_back_and_the_other_stays_cleaned():
    ports = story.cleaned()

    picture = restored(ports, ONE)
    let_end(ports)

    assert picture.session.restoring == (ONE,)
    assert ports.objects.body(FIRST) == story.original(1)
    assert ports.objects.head(SECOND) is None
    assert recorded(ports).gone == (CHAPTERS[1].name,)


def test_what_stays_cleaned_in_a_restore_is_not_purged_before_another_last_look():
    ports = story.cleaned()
    [stays, _] = ports.objects.versions(SECOND)
    assert ports.objects.is_tagged(stays)

    restored(ports, ONE)
    let_end(ports)
    assert not ports.objects.is_tagged(stays)

    operations.hold(ports, OPERATOR, SESSION_ID, None)
    story.let_grace_pass(ports)
    assert story.state_of(ports) == "CLEANED"
    assert not ports.objects.is_tagged(stays)

    story.let_pass(ports, ports.policy.last_look_s)
    assert recorded(ports).session.is_guarded
    assert ports.objects.is_tagged(stays)


def test_an_intermediate_comes_back_as_well():
    ports = memory_ports()
    story.arm(ports)
    story.haul(ports, wish([VIDEO], {}))
    settle_session(ports, SESSION_ID, Actor.EVENT)
    story.upload_made(ports, NOTES, b"what was seen on the way")
    story.process(ports, {VIDEO: MADE[VIDEO]})
    story.let_pass(ports)
    story.let_grace_pass(ports)
    assert ports.objects.head(story.key_of(NOTES)) is None

    assert restored(ports).session.restoring == (ONE, TWO, NOTES)
    let_end(ports)

    assert ports.objects.body(story.key_of(NOTES)) == b"what was seen on the way"


def test_whatever_is_restored_is_held_with_its_reason():
    ports = story.cleaned()

    session = restored(ports, reason="the referee asks").session

    assert session.held
    assert "the referee asks" in session.held
    assert (session.state.value, session.cleaned_at, session.cleanup) == ("PROCESSED", None, None)


def test_a_restored_session_stays_until_it_is_released_and_has_a_new_grace_then():
    ports = story.cleaned()
    restored(ports)
    let_end(ports)
    story.let_pass(ports, 60 * 86_400, rounds=6)
    assert story.originals_stand(ports)

    release(ports)
    ports.clock.advance(ports.policy.grace_s - 1)
    reconcile(ports, 60)
    assert story.originals_stand(ports)
    story.let_pass(ports, 1)

    assert story.state_of(ports) == "CLEANED"
    assert story.originals_are_gone(ports)


def test_a_session_is_restored_as_often_as_it_is_cleaned():
    ports = story.cleaned()
    for times in (1, 2, 3):
        restored(ports)
        let_end(ports)
        assert story.originals_stand(ports), times
        release(ports)
        story.let_grace_pass(ports)
        assert story.state_of(ports) == "CLEANED", times

    assert len(copies(ports)) == 6


def test_a_single_chapter_that_was_restored_is_cleaned_again_with_the_session():
    ports = story.cleaned()
    restored(ports, ONE)
    let_end(ports)
    release(ports)

    story.let_grace_pass(ports)

    assert story.state_of(ports) == "CLEANED"
    assert story.originals_are_gone(ports)
    restored(ports)
    let_end(ports)
    assert story.originals_stand(ports)


def test_a_session_that_is_released_while_it_is_restored_is_restored_all_the_same():
    ports = story.cleaned()
    restored(ports)
    release(ports)

    let_end(ports)

    assert story.originals_stand(ports)
    assert recorded(ports).session.restoring == ()


def test_the_second_asking_changes_nothing_and_is_told_once():
    ports = story.cleaned()
    first = restored(ports)

    assert restored(ports, reason="another") == first
    assert restored(ports, ONE) == first
    assert ports.metrics.counts["session.restored"] == 1


def test_a_further_chapter_may_be_asked_for_while_one_is_restored():
    ports = story.cleaned()
    restored(ports, ONE)

    assert restored(ports, TWO).session.restoring == (ONE, TWO)
    let_end(ports)

    assert story.originals_stand(ports)


@pytest.mark.parametrize("wanted", [(), (ONE,), (VIDEO,)], ids=["all", "a chapter", "an output"])
@pytest.mark.parametrize("world", [story.processed, lambda: back(story.cleaned())], ids=["before", "after"])
def test_what_is_not_cleaned_cannot_be_restored(world: Callable[[], MemoryPorts], wanted: tuple[ArtifactId]):
    ports = world()
    before = recorded(ports)

    with pytest.raises(StateConflict, match="was not cleaned"):
        restored(ports, *wanted)

    assert recorded(ports) == before


def back(ports: MemoryPorts) -> MemoryPorts:
    restored(ports)
    let_end(ports)
    return ports


@pytest.mark.parametrize("name", ["original.100GOPRO.GX990038.MP4", "original."])
def test_a_chapter_that_the_session_does_not_have_is_not_found(name: str):
    ports = story.cleaned()

    with pytest.raises(NotFound):
        restored(ports, ONE, ArtifactId(name))

    assert story.state_of(ports) == "CLEANED"


@pytest.mark.parametrize("principal", [NORTH, PROCESSOR])
def test_only_operators_restore(principal):
    ports = story.cleaned()

    with pytest.raises(NotPermitted):
        operations.restore(ports, principal, SESSION_ID, None, "mine")

    assert story.state_of(ports) == "CLEANED"


class TestCopies:
    """S3 copies parts by itself, as many as a turn has time for."""

    def test_of_many_parts_are_made_in_one_turn_if_there_is_time(self):
        ports = in_small_parts(story.cleaned())
        large = b"".join(bytes([n]) * 8 for n in range(MANY))
        have_been(ports, large)
        restored(ports, ONE)
        watched, calls = counted(ports)
        watched.clock.advance(1)
        reconcile(watched, 60)

        assert calls["copy_part"] == MANY
        assert ports.objects.body(FIRST) == large

    @pytest.mark.parametrize("when", list(When))
    @pytest.mark.parametrize("call", [1, 2, 4])
    def test_that_fail_are_resumed_and_what_is_copied_is_not_copied_again(self, call: int, when: When):
        ports = in_small_parts(story.cleaned())
        restored(ports, ONE)
        watched, calls = counted(ports)
        break_off(watched, call, when)

        watched.clock.advance(300)
        reconcile(watched, 60)

        assert ports.objects.body(FIRST) == story.original(1)
        assert calls["copy_part"] == 8

    def test_of_another_bytes_are_never_completed(self):
        ports = in_small_parts(story.cleaned())
        restored(ports, ONE)
        break_off(ports)
        [upload] = copies(ports)
        # A part that is not what was cleaned; the others come from S3.
        for number in upload.plan.numbers:
            ports.objects.put_part(FIRST, upload.multipart_id, number, b"?" * upload.plan.size_of(number))

        story.let_pass(ports, 3_600, rounds=3)

        assert ports.objects.head(FIRST) is None
        story.let_pass(ports, ports.policy.upload_ttl_s, rounds=3)
        assert ports.objects.body(FIRST) == story.original(1)

    def test_whose_multipart_upload_is_gone_are_begun_anew(self):
        ports = in_small_parts(story.cleaned())
        restored(ports, ONE)
        break_off(ports)
        ports.objects.abort(FIRST, copies(ports)[0].multipart_id)

        let_end(ports)

        assert ports.objects.body(FIRST) == story.original(1)
        assert [upload.state.value for upload in copies(ports)] == ["EXPIRED", "VERIFIED"]


def have_been(ports: MemoryPorts, body: bytes) -> None:
    """Have the first chapter been `body` from the beginning; what it was, and its marker, stay below it."""
    ports.objects.put_object(FIRST, body)
    stored = ports.objects.head(FIRST)
    assert stored
    ports.objects.mark_deleted(FIRST)
    picture = recorded(ports)
    for upload in picture.uploads:
        if upload.key == FIRST and upload.receipt:
            receipt = replace(
                upload.receipt,
                version_id=stored.version_id,
                size_bytes=len(body),
                crc64nvme=crc64nvme_of(body),
            )
            picture = picture.with_upload(replace(upload, receipt=receipt))
    session = replace(picture.session, cleaned=(*picture.session.cleaned, stored.version_id))
    ports.records.arrange(replace(picture, session=session))


def test_a_restore_that_is_killed_at_any_call_is_finished_by_later_rounds():
    call = 1
    while True:
        ports = in_small_parts(story.cleaned())
        restored(ports)
        ports.clock.advance(1)
        try:
            settle_session(at_call(ports, call).ports, SESSION_ID, Actor.RECONCILER)
        except Crash:
            let_end(ports)
            story.let_pass(ports, ports.policy.orphan_age_s, rounds=2)
            assert story.originals_stand(ports), call
            assert not list(ports.objects.multiparts("")), call
            call += 1
        else:
            break
    assert call > 20


def test_a_restore_during_a_cleanup_ends_with_every_original_whoever_overtakes_whom():
    for moment in Moment:
        call = 1
        while True:
            ports = story.processed()
            ports.clock.advance(ports.policy.grace_s)
            rival = Interrupted(ports, call, moment, partial(asked_for, ports))
            settle_session(rival.ports, SESSION_ID, Actor.RECONCILER)
            if not rival.happened:
                break
            asked = recorded(ports).session.held is not None
            let_end(ports)
            assert not asked or story.originals_stand(ports), (moment, call)
            call += 1
        assert call > 20


def asked_for(ports: MemoryPorts) -> None:
    """An operator wants back what is cleaned, if there is anything yet."""
    try:
        restored(ports)
    except StateConflict:
        assert recorded(ports).session.cleanup is None


def test_what_a_cleanup_had_not_reached_yet_stands_and_counts_as_there_again():
    ports = story.processed()
    ports.clock.advance(ports.policy.grace_s)
    broken = faulty(ports.objects, Fault("remove", StorageBusy("S3"), call=2))
    reconcile(replace(ports, objects=broken), 60)
    assert [ports.objects.head(key) is None for key in (FIRST, SECOND)] == [True, False]

    restored(ports)
    let_end(ports)

    assert story.originals_stand(ports)
    assert recorded(ports).gone == ()
    assert [upload.key for upload in copies(ports)] == [FIRST]


@pytest.mark.parametrize(("seconds", "is_over"), [(-1, False), (0, True), (1, True)])
def test_a_marker_that_may_still_be_on_its_way_is_waited_for(seconds: int, is_over: bool):
    ports = story.cleaned()
    restored(ports)
    since = ports.clock.now()
    story.let_pass(ports)
    assert story.originals_stand(ports)

    ports.clock.move_to(since)
    ports.clock.advance(ports.policy.in_flight_s + seconds)
    reconcile(ports, 60)

    assert (recorded(ports).session.restoring == ()) is is_over


def test_a_marker_that_comes_after_all_is_made_good():
    ports = story.cleaned()
    restored(ports)
    story.let_pass(ports)
    assert story.originals_stand(ports)

    ports.objects.mark_deleted(FIRST)
    let_end(ports)

    assert story.originals_stand(ports)


class TestAVersionThatWasPurged:
    def purged(self) -> MemoryPorts:
        ports = story.cleaned()
        ports.objects.purge(FIRST)
        restored(ports)
        return ports

    def test_is_told_and_keeps_no_other_from_coming_back(self):
        ports = self.purged()

        let_end(ports)

        picture = recorded(ports)
        assert (picture.session.restoring, picture.gone) == ((), (CHAPTERS[0].name,))
        assert ports.objects.body(SECOND) == story.original(2)
        [ended] = [upload for upload in copies(ports) if upload.key == FIRST]
        assert (ended.state, ended.reason) == (UploadState.EXPIRED, PURGED)
        assert ports.metrics.counts["version.purged"] == 1

    def test_is_not_asked_for_again_and_again(self):
        ports = self.purged()
        let_end(ports)
        watched, calls = counted(ports)

        for _ in range(10):
            watched.clock.advance(300)
            reconcile(watched, 60)

        assert sum(calls[name] for name in WRITES) == 0

    def test_leaves_no_multipart_upload(self):
        ports = self.purged()

        let_end(ports)

        assert not list(ports.objects.multiparts(""))


def test_a_strangers_object_on_the_key_is_kept_and_the_restore_ends_without_it():
    ports = story.cleaned()
    ports.objects.put_object(FIRST, b"a stranger's")
    restored(ports)

    let_end(ports)

    assert ports.objects.body(FIRST) == b"a stranger's"
    assert recorded(ports).session.restoring == ()
    assert recorded(ports).gone == (CHAPTERS[0].name,)
    assert ports.objects.body(SECOND) == story.original(2)


def test_a_strangers_object_that_comes_while_parts_are_copied_is_kept_as_well():
    ports = in_small_parts(story.cleaned())
    restored(ports, ONE)
    break_off(ports, call=3)
    ports.objects.put_object(FIRST, b"a stranger's")

    story.let_pass(ports, ports.policy.upload_ttl_s + 3_600, rounds=5)

    assert ports.objects.body(FIRST) == b"a stranger's"
    assert recorded(ports).session.restoring == ()
    assert not list(ports.objects.multiparts(""))


def being_restored() -> tuple[MemoryPorts, Upload]:
    """A world in which the first chapter is being copied back."""
    ports = in_small_parts(story.cleaned())
    restored(ports, ONE)
    break_off(ports)
    [upload] = copies(ports)
    return ports, upload


def test_a_restore_whose_multipart_upload_s3_forgot_begins_again():
    ports, upload = being_restored()
    ports.objects.abort(upload.key, upload.multipart_id)

    let_end(ports)

    assert ports.objects.body(FIRST) == story.original(1)
    assert recorded(ports).session.restoring == ()


def test_a_restore_whose_multipart_upload_goes_while_s3_copies_goes_on_in_the_next_round():
    ports, _ = being_restored()
    gone = faulty(ports.objects, Fault("copy_part", MultipartGone("forgotten")))

    settle_session(replace(ports, objects=gone), SESSION_ID, Actor.RECONCILER)

    assert recorded(ports).session.restoring == (ONE,)
    let_end(ports)
    assert ports.objects.body(FIRST) == story.original(1)


def test_what_was_never_verified_is_not_restored():
    ports = memory_ports(make_picture(make_upload()))
    before = recorded(ports)

    with pytest.raises(NotFound, match="was never verified"):
        start_restore(ports, before, StartRestore(make_upload().artifact_id))

    assert recorded(ports) == before


@pytest.mark.parametrize(
    "call",
    [
        lambda ports, upload_id: uploads.sign_parts(ports, NORTH, upload_id, [(1, CRC)]),
        lambda ports, upload_id: completion.complete_upload(ports, NORTH, upload_id, None),
        lambda ports, upload_id: completion.cancel_upload(ports, NORTH, upload_id),
    ],
    ids=["part-urls", "complete", "cancel"],
)
def test_an_upload_that_restores_is_nobodys_to_send(call):
    ports, upload = being_restored()
    before = recorded(ports)

    with pytest.raises(StateConflict, match="S3 copies its parts by itself"):
        call(ports, upload.upload_id)

    assert recorded(ports) == before
    assert completion.view_upload(ports, NORTH, upload.upload_id).upload == upload


def test_a_device_that_asks_for_a_cleaned_chapter_is_answered_its_receipt():
    ports, upload = being_restored()

    view, is_new = uploads.open_upload(ports, NORTH, SESSION_ID, ONE, CHAPTERS[0].size_bytes, None)

    assert not is_new
    assert view.upload.receipt
    assert view.upload.upload_id != upload.upload_id


def test_a_cleaned_original_has_no_address_and_the_answer_says_why():
    ports = story.cleaned()

    with pytest.raises(NotFound, match=r"was cleaned .* an operator can restore it"):
        artifacts.sign_artifact(ports, PROCESSOR, SESSION_ID, ONE)
    assert [view.is_cleaned for view in artifacts.list_artifacts(ports, PROCESSOR, SESSION_ID)] == [
        True,
        True,
        False,
    ]


def test_an_original_that_a_cleanup_may_be_removing_has_no_address_either():
    ports = story.processed()
    ports.clock.advance(ports.policy.grace_s)
    broken = faulty(ports.objects, Fault("remove", StorageBusy("S3")))
    reconcile(replace(ports, objects=broken), 60)

    with pytest.raises(NotFound, match="was cleaned"):
        artifacts.sign_artifact(ports, PROCESSOR, SESSION_ID, ONE)


def test_a_restored_original_can_be_read_again():
    ports = back(story.cleaned())

    _, read = artifacts.sign_artifact(ports, PROCESSOR, SESSION_ID, ONE)

    assert fetch(ports.objects, read.url, ports.clock.now()) == story.original(1)


def test_a_cleaned_session_is_ordered_only_once_it_is_restored():
    ports = story.cleaned()
    again = partial(operations.order, ports, OPERATOR, SESSION_ID, wish([VIDEO], {"again": True}))
    with pytest.raises(StateConflict, match="restore them first"):
        again()
    restored(ports)
    with pytest.raises(StateConflict, match="restore them first"):
        again()
    let_end(ports)

    assert again().session.state.value == "STORED"
    release(ports)

    receipt = recorded(ports).receipt(ONE)
    assert receipt
    assert ports.orders.sent[-1]["originals"][0]["version_id"] == receipt.version_id


def test_a_session_of_which_only_some_is_restored_is_not_ordered():
    ports = story.cleaned()
    restored(ports, ONE)
    let_end(ports)

    with pytest.raises(StateConflict, match=CHAPTERS[1].filename):
        operations.order(ports, OPERATOR, SESSION_ID, wish([VIDEO], {"again": True}))


class TestTheLastLook:
    """A day before S3 may purge what was cleaned."""

    @pytest.mark.parametrize(("seconds", "is_recalled"), [(-1, False), (0, True), (1, True)])
    def test_brings_the_originals_back_when_an_output_is_gone(self, seconds: int, is_recalled: bool):
        ports = story.cleaned()
        cleanup = recorded(ports).session.cleanup
        assert cleanup
        ports.objects.mark_deleted(story.key_of(VIDEO))
        ports.clock.move_to(cleanup.decided_at)
        ports.clock.advance(13 * 86_400 + seconds)

        reconcile(ports, 60)

        session = recorded(ports).session
        assert bool(session.restoring) is is_recalled
        assert VIDEO in (session.held or VIDEO)
        let_end(ports)
        assert story.originals_stand(ports)

    def test_guards_once_and_never_looks_again(self):
        ports = story.cleaned()
        story.let_pass(ports, ports.policy.last_look_s)
        assert recorded(ports).session.is_guarded
        watched, calls = counted(ports)
        for _ in range(10):
            watched.clock.advance(3 * 86_400)
            reconcile(watched, 60)

        assert calls["picture"] == calls["head"] == 0

    def test_is_taken_anew_after_another_cleanup(self):
        ports = story.cleaned()
        story.let_pass(ports, ports.policy.last_look_s)
        restored(ports)
        let_end(ports)
        release(ports)
        story.let_grace_pass(ports)
        ports.objects.put_object(story.key_of(VIDEO), b"something else")

        story.let_pass(ports, ports.policy.last_look_s)
        let_end(ports)

        assert story.originals_stand(ports)


def test_one_chapter_asked_for_in_the_middle_of_a_cleanup_calls_off_all_of_it():
    ports = story.processed()
    story.arm(ports)
    ports.clock.advance(ports.policy.grace_s)
    stopped = faulty(ports.objects, Fault("remove", StorageBusy("S3"), call=2))
    with pytest.raises(StorageBusy):
        settle_session(replace(ports, objects=stopped), SESSION_ID, Actor.RECONCILER)
    assert [ports.objects.head(key) is None for key in (FIRST, SECOND)] == [True, False]

    restored(ports, ONE)
    let_end(ports)

    assert story.originals_stand(ports)
    assert [
        artifacts.sign_artifact(ports, OPERATOR, SESSION_ID, each)[0].artifact_id for each in (ONE, TWO)
    ] == [ONE, TWO]
    assert recorded(ports).gone == ()


class TestTags:
    """What S3 may purge: nothing that is wanted back, and again what was copied."""

    def tags(self, ports: MemoryPorts, key: str = FIRST) -> list[bool]:
        return [ports.objects.is_tagged(each) for each in ports.objects.versions(key) if each.stored]

    def test_a_version_that_is_wanted_back_is_not_purged_while_it_is_copied(self):
        ports = in_small_parts(story.cleaned())
        assert self.tags(ports) == [True]
        restored(ports, ONE)

        break_off(ports)
        ports.objects.purge(FIRST)
        let_end(ports)

        assert ports.objects.body(FIRST) == story.original(1)

    def test_a_version_that_was_copied_is_purged_and_its_copy_never(self):
        ports = story.cleaned()
        restored(ports, ONE)

        let_end(ports)

        assert self.tags(ports) == [True, False]

    def test_what_was_restored_and_cleaned_again_comes_back_although_s3_has_purged_what_was_copied(self):
        ports = story.cleaned()
        copied = [ports.objects.versions(key)[0].version_id for key in (FIRST, SECOND)]
        restored(ports)
        let_end(ports)
        release(ports)
        story.let_grace_pass(ports)
        assert story.state_of(ports) == "CLEANED"

        for key, version_id in zip((FIRST, SECOND), copied, strict=True):
            ports.objects.forget_version(key, version_id)
        ports.objects.mark_deleted(story.key_of(VIDEO))
        story.let_pass(ports, ports.policy.last_look_s)
        let_end(ports)

        assert story.originals_stand(ports)

    def test_a_version_that_was_never_hidden_is_not_to_be_purged_any_more(self):
        ports = story.processed()
        ports.clock.advance(ports.policy.grace_s)
        dying = faulty(ports.objects, Fault("remove", Crash()))
        with pytest.raises(Crash):
            settle_session(replace(ports, objects=dying), SESSION_ID, Actor.RECONCILER)
        assert self.tags(ports) == [True]
        restored(ports)

        let_end(ports)

        assert self.tags(ports) == [False]
        assert story.originals_stand(ports)
