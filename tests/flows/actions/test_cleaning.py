"""Cleanup and restore: what an action leaves on record and in S3, and what it reports."""

import pytest
from msgspec.structs import replace

from chalicelib.core import settle
from chalicelib.core.cleanup import CLEANED_TAG, Cleanup, Doomed, Spent
from chalicelib.core.errors import Conflict, StorageBusy
from chalicelib.core.film import Film
from chalicelib.core.session import Lost, SessionState
from chalicelib.core.settle.restoring import PURGED
from chalicelib.core.upload import Receipt, StoredObject
from chalicelib.flows.actions import carry_out
from tests.core.settle import cases
from tests.core.settle.cases import LIGHTS, ORIGINALS, VIDEO, upload_of, verified
from tests.flows.actions.acted import Acted
from tests.flows.actions.arranged import BODY, FIRST, NOW, put, session_of, world, written
from tests.support import story
from tests.support.builders import POLICY, START, MemoryPorts, make_picture, memory_ports, recorded
from tests.support.faults import Fault, faulty
from tests.support.films import make_film
from tests.support.memory import crc64nvme_of

# Cleanup


def unread() -> tuple[MemoryPorts, Receipt]:
    """Ports with a session whose first original is a film that nobody has read."""
    picture = cases.made_session().picture
    ports = world(picture)
    body = make_film(1_000, 60)
    stored = put(ports, picture.key(FIRST), body)
    upload = verified(upload_of(picture, FIRST, len(body)), version_id=stored.version_id)
    ports.records.arrange(picture.with_upload(upload))
    assert upload.receipt
    return ports, upload.receipt


def test_the_length_of_films_is_on_record_and_what_cannot_be_read_is_a_warning(acted: Acted):
    ports, receipt = unread()
    gone = recorded(ports).receipt(VIDEO)
    assert gone

    after = acted.carry_out(ports, settle.Inspect((receipt,)))
    assert after.session.films == (Film(FIRST, receipt.version_id, 1_000),)
    assert acted.reported == ("INFO", "films inspected", {"films": 1, "faults": {}})

    after = acted.carry_out(ports, settle.Inspect((gone,)))
    [film] = [each for each in after.session.films if each.artifact_id == VIDEO]
    assert film.fault
    assert acted.reported == ("WARNING", "films inspected", {"films": 1, "faults": {VIDEO: film.fault}})


def test_a_look_that_read_nothing_writes_nothing():
    ports, receipt = unread()
    before = recorded(ports)
    busy = faulty(ports.objects, Fault("read_range", StorageBusy("slow down")))

    with pytest.raises(StorageBusy):
        carry_out(replace(ports, objects=busy), before, settle.Inspect((receipt,)))

    assert recorded(ports) == before


def test_an_intent_has_its_time_on_record_and_its_size_on_the_log(acted: Acted):
    case = cases.intended()
    intent = case.picture.session.cleanup
    assert intent
    before = replace(case.picture, session=replace(case.picture.session, cleanup=None))

    after = acted.carry_out(world(before), settle.PlanCleanup(intent.doomed, intent.evidence))

    assert after.session == written(before.session.intending(Cleanup(NOW, intent.doomed, intent.evidence)))
    size_bytes = sum(each.size_bytes for each in intent.doomed)
    assert acted.reported == (
        "INFO",
        "cleanup intended",
        {"objects": len(intent.doomed), "size_bytes": size_bytes},
    )


def about_to_clean(**policy) -> tuple[MemoryPorts, Doomed]:
    """Ports with an armed session whose intent names one original, with that original and the video in S3."""
    case = cases.open_gates()
    ports = memory_ports(now=NOW, policy=replace(POLICY, **policy))
    story.arm(ports)
    film, video = put(ports, case.key(FIRST)), put(ports, case.key(VIDEO))
    lights = put(ports, case.key(LIGHTS))
    receipts = tuple(
        replace(
            case.receipt(artifact_id),
            version_id=stored.version_id,
            size_bytes=len(BODY),
            crc64nvme=crc64nvme_of(BODY),
        )
        for artifact_id, stored in ((VIDEO, video), (LIGHTS, lights))
    )
    doomed = Doomed(FIRST, film.key, film.version_id, film.etag, len(BODY), crc64nvme_of(BODY))
    intent = Cleanup(NOW, (doomed,), receipts)
    picture = replace(case.picture, receipts=receipts, session=case.picture.session.intending(intent))
    ports.records.arrange(picture)
    return ports, doomed


def test_a_cleaned_object_is_reported_with_its_version(acted: Acted):
    ports, doomed = about_to_clean()

    acted.carry_out(ports, settle.Clean(doomed))

    assert ports.objects.head(doomed.key) is None
    assert acted.reported == (
        "INFO",
        "object cleaned",
        {"key": doomed.key, "version_id": doomed.version_id},
    )
    assert ports.metrics.counts["bytes.cleaned"] == len(BODY)


def test_a_gate_that_closed_at_the_last_moment_is_a_warning(acted: Acted):
    ports, doomed = about_to_clean()
    story.arm(ports, is_armed=False)

    acted.carry_out(ports, settle.Clean(doomed))

    assert ports.objects.head(doomed.key)
    line = acted.reported
    assert (line.level, line.message) == ("WARNING", "cleanup stopped")
    assert list(line.about["closed"]) == ["armed"]  # type: ignore[call-overload]  # a mapping


def test_a_cleanup_over_the_limit_of_the_day_is_a_warning(acted: Acted):
    ports, doomed = about_to_clean(cleanup_limit=Spent())

    acted.carry_out(ports, settle.Clean(doomed))

    assert ports.objects.head(doomed.key)
    assert acted.reported == ("WARNING", "cleanup limited", {"key": doomed.key})


def test_a_removal_that_s3_refuses_is_an_error_with_its_words(acted: Acted):
    ports, doomed = about_to_clean()
    ports.objects.refuses_removals = True

    after = acted.carry_out(ports, settle.Clean(doomed))

    reason = f"S3 refuses to remove {doomed.key}: AccessDenied"
    assert after.session.cleanup
    assert after.session.cleanup.refusal
    assert after.session.cleanup.refusal.reason == reason
    assert acted.reported == ("ERROR", "cleanup refused", {"reason": reason})


def test_what_no_intent_names_is_never_cleaned():
    ports, doomed = about_to_clean()

    with pytest.raises(Conflict, match=r"^no intent on record names this object; decide again$"):
        carry_out(ports, recorded(ports), settle.Clean(replace(doomed, version_id="another")))


def test_a_cleaned_session_has_its_time_on_record(acted: Acted):
    before = cases.intended().picture

    after = acted.carry_out(world(before), settle.Finish())

    assert after.session == written(before.session.after_cleanup(NOW))
    assert acted.reported == ("INFO", "session cleaned", {})


def away(*, is_intended: bool) -> tuple[MemoryPorts, list[Receipt]]:
    """A CLEANED session of two originals, hidden in S3 without a tag; its intent names the first, or there is none."""
    empty = cases.stored_session().picture
    ports = world(empty)
    receipts, uploads = [], []
    for chapter in empty.chapters:
        stored = put(ports, empty.key(chapter.artifact_id), BODY[: chapter.size_bytes])
        ports.objects.mark_deleted(stored.key)
        upload = verified(
            upload_of(empty, chapter.artifact_id, chapter.size_bytes),
            version_id=stored.version_id,
        )
        assert upload.receipt
        receipts.append(upload.receipt)
        uploads.append(upload)
    first = receipts[0]
    doomed = Doomed(first.artifact_id, first.key, first.version_id, "etag", 1, first.crc64nvme)
    session = replace(
        empty.session,
        state=SessionState.CLEANED,
        cleaned=tuple(each.version_id for each in receipts),
        cleanup=Cleanup(START, (doomed,), ()) if is_intended else None,
    )
    ports.records.arrange(replace(empty, session=session, uploads=tuple(uploads)))
    return ports, receipts


def tags(ports: MemoryPorts, receipts: list[Receipt]) -> list[bool]:
    """Which of these versions S3 may purge."""
    return [CLEANED_TAG in ports.objects.tags(each.key, each.version_id).items() for each in receipts]


@pytest.mark.parametrize(("is_intended", "tagged"), [(True, [False, True]), (False, [True, True])])
def test_after_the_last_look_s3_may_purge_what_stayed_away_in_an_earlier_restore(
    acted: Acted, is_intended: bool, tagged: list[bool]
):
    ports, receipts = away(is_intended=is_intended)

    after = acted.carry_out(ports, settle.ConfirmOutputs())

    assert after.session.is_guarded
    assert tags(ports, receipts) == tagged
    assert acted.reported == ("INFO", "cleanup guarded", {})
    assert ports.metrics.counts["cleanup.guarded"] == 1


def test_a_last_look_ends_although_s3_has_purged_a_version():
    ports, receipts = away(is_intended=False)
    ports.objects.forget_version(receipts[0].key, receipts[0].version_id)

    assert carry_out(ports, recorded(ports), settle.ConfirmOutputs()).session.is_guarded
    assert tags(ports, receipts[1:]) == [True]


def test_a_recall_is_an_error_with_its_reason(acted: Acted):
    before = cases.cleaned().picture

    after = acted.carry_out(world(before), settle.Recall(ORIGINALS, "the video is gone"))

    assert after.session == written(before.session.bringing_back(ORIGINALS, "the video is gone", NOW))
    assert acted.reported == ("ERROR", "cleanup recalled", {"reason": "the video is gone"})


# Restore


def test_the_beginning_of_a_restore_is_on_the_log_with_its_artifact(acted: Acted):
    ports, receipts = away(is_intended=False)

    after = acted.carry_out(ports, settle.StartRestore(FIRST))

    assert after.uploads[-1].copies == receipts[0].version_id
    assert acted.logged("restore begun").about["artifact_id"] == FIRST


def restoring(ports: MemoryPorts) -> MemoryPorts:
    session = session_of(ports).bringing_back([FIRST], "asked", START)
    ports.records.arrange(replace(recorded(ports), session=session))
    return ports


@pytest.mark.parametrize("is_there", [True, False])
def test_the_end_of_a_restore_says_which_version_is_there(acted: Acted, is_there: bool):
    ports, receipts = away(is_intended=False)
    version_id = receipts[0].version_id
    ports.objects.tag_cleaned(receipts[0].key, version_id)
    before = session_of(restoring(ports))
    stands = version_id if is_there else None

    after = acted.carry_out(ports, settle.EndRestore(FIRST, stands))

    assert after.session == written(before.brought_back(FIRST, stands))
    assert tags(ports, receipts[:1]) == [not is_there]
    assert acted.reported == (
        "INFO" if is_there else "ERROR",
        "restore ended",
        {"artifact_id": FIRST, "version_id": stands},
    )


def test_an_original_that_others_removed_and_s3_purged_is_lost(acted: Acted):
    picture = cases.made_session().picture
    receipt = picture.receipt(FIRST)
    assert receipt
    copy = upload_of(picture, FIRST, upload_id="u_copy", copies=receipt.version_id).expired(PURGED, START)
    session = picture.session.repairing([FIRST], "gone", START)
    ports = world(replace(picture, session=session, uploads=(*picture.uploads, copy)))
    lost = Lost(FIRST, receipt.version_id, PURGED, NOW)

    after = acted.carry_out(ports, settle.EndRestore(FIRST, None))

    assert after.session == written(session.brought_back(FIRST, None).losing(lost))
    assert acted.reported == (
        "ERROR",
        "original lost",
        {"artifact_id": FIRST, "version_id": receipt.version_id, "reason": PURGED},
    )


def test_an_original_that_a_cleanup_removed_and_s3_purged_is_not_called_lost():
    ports, receipts = away(is_intended=False)
    restoring(ports)
    picture = recorded(ports)
    copy = upload_of(picture, FIRST, upload_id="u_copy", copies=receipts[0].version_id).expired(PURGED, START)
    ports.records.arrange(replace(picture, uploads=(*picture.uploads, copy)))

    assert carry_out(ports, recorded(ports), settle.EndRestore(FIRST, None)).session.lost == ()


def copied_back(*, was_cleaned: bool) -> tuple[MemoryPorts, Receipt, StoredObject]:
    """A session whose first original is a copy of an earlier version, which a cleanup hid, or somebody else."""
    picture = cases.stored_session().picture
    ports = world(picture)
    old = put(ports, picture.key(FIRST))
    ports.objects.mark_deleted(old.key)
    new = put(ports, picture.key(FIRST))
    upload = verified(
        upload_of(picture, FIRST, len(BODY), upload_id="u_copy", copies=old.version_id, opened_at=NOW),
        version_id=new.version_id,
    )
    session = replace(picture.session, restoring=(FIRST,), cleaned=(old.version_id,) if was_cleaned else ())
    ports.records.arrange(replace(picture, session=session, uploads=(*picture.uploads, upload)))
    assert upload.receipt
    return ports, upload.receipt, old


@pytest.mark.parametrize("was_cleaned", [True, False])
def test_s3_may_purge_the_version_that_was_copied_back_only_if_a_cleanup_hid_it(was_cleaned: bool):
    ports, receipt, old = copied_back(was_cleaned=was_cleaned)

    carry_out(ports, recorded(ports), settle.EndRestore(FIRST, receipt.version_id))

    tagged = CLEANED_TAG in ports.objects.tags(old.key, old.version_id).items()
    assert tagged is was_cleaned


def test_a_restore_ends_although_s3_has_purged_what_was_copied():
    ports, receipt, old = copied_back(was_cleaned=True)
    ports.objects.forget_version(old.key, old.version_id)

    after = carry_out(ports, recorded(ports), settle.EndRestore(FIRST, receipt.version_id))

    assert after.session.restoring == ()


def test_the_restore_of_what_was_never_verified_ends_as_well():
    picture = make_picture(chapters=cases.CHAPTERS, restoring=(FIRST,))

    assert carry_out(world(picture), picture, settle.EndRestore(FIRST, None)).session.restoring == ()
