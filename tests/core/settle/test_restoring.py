"""What is owed to a session whose cleaned objects are wanted back."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.crc import fold
from chalicelib.core.ids import UploadId
from chalicelib.core.parts import StoredPart
from chalicelib.core.settle import (
    Complete,
    CopyParts,
    Displace,
    EndRestore,
    Expire,
    Observation,
    Rest,
    StartRestore,
    Verify,
)
from chalicelib.core.settle.restoring import PURGED
from chalicelib.core.upload import Upload
from tests.core.settle.cases import (
    AUDIO,
    LASTING_MS,
    NOW,
    ORIGINALS,
    OTHER_CRC,
    POLICY,
    SPARE,
    START,
    Case,
    cleaned,
    crc_of,
    intended,
    open_gates,
    receipt_of,
    stored_of,
    upload_of,
    verified,
)

FIRST, SECOND = ORIGINALS
COPY = UploadId("u_copy")
ENDS_AT = NOW + timedelta(seconds=POLICY.in_flight_s)


def wanted_back(case: Case, *artifact_ids) -> Case:
    return case.after(case.picture.session.bringing_back(artifact_ids, "restored: wanted", NOW))


def copy_of(case: Case, artifact_id=FIRST, **changes) -> Upload:
    """The upload that brings an original of 25 bytes back; the usual parts are of ten bytes."""
    copies = case.receipt(artifact_id).version_id
    upload = upload_of(case.picture, artifact_id, 25, upload_id=COPY, copies=copies, opened_at=NOW)
    return replace(upload, **{"expires_at": NOW + timedelta(days=6), **changes})


def parts_of(upload: Upload, *numbers: int) -> tuple[StoredPart, ...]:
    sizes = {number: upload.plan.size_of(number) for number in numbers}
    return tuple(
        StoredPart(number, size, crc_of(upload.artifact_id), f'"{number}"') for number, size in sizes.items()
    )


def seeing(case: Case, upload: Upload, *numbers: int, stored=None) -> Case:
    """The session with this live copy, and what S3 shows of it."""
    return case.uploaded(upload).told(
        uploads={upload.upload_id: Observation(parts_of(upload, *numbers), stored)}
    )


def test_each_cleaned_artifact_that_is_wanted_back_is_brought_back():
    case = wanted_back(cleaned(), FIRST, AUDIO)

    assert case.owed() == (StartRestore(FIRST), StartRestore(AUDIO))


def test_of_what_was_not_looked_at_nothing_is_decided():
    case = wanted_back(cleaned(), FIRST, SECOND)

    assert case.unseen(case.key(FIRST)).owed() == (StartRestore(SECOND),)


def test_what_is_being_copied_is_not_brought_back_a_second_time():
    case = wanted_back(cleaned(), FIRST)

    assert case.uploaded(copy_of(case)).owed() == ()


@pytest.mark.parametrize("ended", ["expired", "rejected"])
def test_a_copy_that_ended_without_an_object_is_begun_anew(ended: str):
    case = wanted_back(cleaned(), FIRST)
    upload = copy_of(case)
    over = upload.expired("late", NOW) if ended == "expired" else upload.rejected("wrong", NOW)

    assert case.uploaded(over.aborted().removed(NOW)).owed() == (StartRestore(FIRST),)


def test_a_live_upload_of_its_device_does_not_keep_a_restore_from_beginning():
    case = wanted_back(cleaned(), FIRST)

    assert case.uploaded(copy_of(case, copies=None)).owed() == (StartRestore(FIRST),)


def test_what_s3_holds_no_longer_is_given_up():
    case = wanted_back(cleaned(), FIRST)
    purged = copy_of(case).expired(PURGED, NOW).aborted()

    assert case.uploaded(purged).owed() == (EndRestore(FIRST, None),)


@pytest.mark.parametrize(
    "changes",
    [{"copies": "another version"}, {"reason": "its deadline passed before every part had arrived"}],
)
def test_only_that_this_very_version_is_purged_ends_a_restore(changes):
    case = wanted_back(cleaned(), FIRST)
    ended = replace(copy_of(case).expired(PURGED, NOW).aborted(), **changes)

    assert case.uploaded(ended).owed() == (StartRestore(FIRST),)


def test_every_part_that_is_missing_is_copied_and_no_other():
    case = wanted_back(cleaned(), FIRST)
    upload = copy_of(case, plan=replace(copy_of(case).plan, part_size_bytes=3))

    assert seeing(case, upload).owed() == (CopyParts(COPY, tuple(range(1, 10))),)
    assert seeing(case, upload, 1, 3, 4, 5).owed() == (CopyParts(COPY, (2, 6, 7, 8, 9)),)
    assert seeing(case, upload, 1, 2, 3, 4, 5, 6, 7, 8).owed() == (CopyParts(COPY, (9,)),)


def test_a_whole_copy_is_completed_as_what_was_verified_and_as_nothing_else():
    case = wanted_back(cleaned(), FIRST)
    whole = fold((part.crc64nvme, part.size_bytes) for part in parts_of(copy_of(case), 1, 2, 3))
    right, wrong = copy_of(case, claim=whole), copy_of(case, claim=OTHER_CRC)

    assert seeing(case, right, 1, 2, 3).owed() == (Complete(COPY, whole, parts_of(right, 1, 2, 3)),)
    assert seeing(case, wrong, 1, 2, 3).owed() == (Rest((COPY,)),)


def test_nothing_is_completed_over_an_object_that_stands_there_again():
    case = wanted_back(cleaned(), FIRST)
    stranger = stored_of(case.receipt(FIRST), version_id="another", upload_id=None)

    assert seeing(case, copy_of(case), 1, 2, 3, stored=stranger).owed() == (Rest((COPY,)),)


@pytest.mark.parametrize(("seconds", "kind"), [(-1, "CopyParts"), (0, "Expire"), (1, "Expire")])
def test_a_copy_that_is_not_whole_ends_at_its_deadline(seconds: int, kind: str):
    case = wanted_back(cleaned(), FIRST)
    upload = copy_of(case)

    assert seeing(case, upload, 1).at(seconds, upload.expires_at).kinds() == [kind]


def test_the_copy_of_what_stands_verified_is_not_superseded_by_it():
    case = wanted_back(cleaned(), FIRST)

    assert "Expire" not in seeing(case, copy_of(case)).kinds()


def test_a_copy_of_an_older_version_is_superseded():
    case = wanted_back(cleaned(), FIRST)
    stale = copy_of(case, copies="version-of-an-older-one")

    assert seeing(case, stale).owed() == (Expire(COPY, "another upload of this artifact is verified"),)


def restored(case: Case) -> Case:
    """The session once its first original was copied and verified, and the copy stands."""
    copied = verified(copy_of(case))
    assert copied.receipt
    return case.uploaded(copied).seen(copied.key, stored_of(copied.receipt))


def test_a_whole_copy_is_verified_like_any_other_upload():
    case = wanted_back(cleaned(), FIRST)
    upload = copy_of(case).promised(crc_of(FIRST), NOW)
    stored = stored_of(receipt_of(case.picture, FIRST, 25), version_id="new", upload_id=COPY)

    assert seeing(case, upload, stored=stored).owed() == (Verify(COPY, stored),)


@pytest.mark.parametrize(("seconds", "is_over"), [(-1, False), (0, True), (1, True)])
def test_a_restore_ends_once_no_marker_can_be_on_its_way(seconds: int, is_over: bool):
    case = restored(wanted_back(cleaned(), FIRST)).at(seconds, ENDS_AT)

    assert case.owed() == ((EndRestore(FIRST, f"version-of-{COPY}"),) if is_over else ())


def test_a_copy_over_which_a_late_marker_landed_is_brought_back_again():
    case = restored(wanted_back(cleaned(), FIRST))

    assert case.gone(FIRST).owed() == (StartRestore(FIRST),)


@pytest.mark.parametrize(("seconds", "is_over"), [(-1, False), (0, True), (1, True)])
def test_what_was_not_removed_yet_when_its_cleanup_was_called_off_stands(seconds: int, is_over: bool):
    case = wanted_back(intended(), FIRST).at(seconds, ENDS_AT)

    assert case.owed() == ((EndRestore(FIRST, case.receipt(FIRST).version_id),) if is_over else ())


def test_what_stands_as_it_was_verified_is_not_lost_because_s3_does_not_tell_its_checksum():
    case = wanted_back(intended(), FIRST).changed(FIRST, crc64nvme=None).at(0, ENDS_AT)

    assert case.owed() == (EndRestore(FIRST, case.receipt(FIRST).version_id),)


def test_a_foreign_object_in_its_place_ends_a_restore_without_its_bytes():
    case = wanted_back(intended(), FIRST).changed(FIRST, version_id="another").at(0, ENDS_AT)

    assert case.owed() == (EndRestore(FIRST, None),)


def test_nothing_is_cleaned_while_anything_is_wanted_back_or_held():
    case = wanted_back(intended(), FIRST).at(POLICY.grace_s * 2)

    assert not {"PlanCleanup", "Clean", "Finish"} & set(case.kinds())
    assert not {"PlanCleanup", "Clean"} & set(case.session(held=None).kinds())
    assert not {"PlanCleanup", "Clean"} & set(case.session(restoring=()).kinds())


def test_one_chapter_of_a_cleaned_session_is_cleaned_again_after_it_was_released():
    case = restored(wanted_back(cleaned(), FIRST)).at(0, ENDS_AT)
    session = case.picture.session.brought_back(FIRST, case.only(EndRestore).stands).released(ENDS_AT)
    case = case.after(replace(session, scrubbed_at=ENDS_AT)).inspected(*LASTING_MS, sum(LASTING_MS))
    assert set(case.closed()) == {"grace-over"}

    again = case.at(POLICY.grace_s)
    assert again.closed() == {}
    assert again.kinds() == ["PlanCleanup"]
    [action] = again.owed()
    assert [each.version_id for each in getattr(action, "doomed", ())] == [f"version-of-{COPY}"]


def test_an_original_that_was_brought_back_and_vanishes_afterwards_keeps_the_session():
    case = restored(wanted_back(cleaned(), FIRST)).at(0, ENDS_AT)
    session = case.picture.session.brought_back(FIRST, case.only(EndRestore).stands).released(ENDS_AT)
    read_again = case.after(session).inspected(*LASTING_MS, sum(LASTING_MS))
    vanished = read_again.gone(FIRST).at(POLICY.grace_s)

    assert set(vanished.closed()) == {"originals-stand"}


def test_what_is_wanted_back_comes_before_measurements_are_looked_into():
    case = wanted_back(cleaned(), FIRST)
    unread = replace(case, picture=case.picture.with_receipt(receipt_of(case.picture, SPARE)))

    assert unread.kinds() == ["StartRestore", "IndexMeasurements"]


@pytest.mark.parametrize("is_known", [True, False])
def test_a_restore_of_which_nobody_knows_since_when_waits_for_nothing(is_known: bool):
    case = wanted_back(intended(), FIRST).session(restoring_since=NOW if is_known else None)

    assert (case.owed() == ()) is is_known
    assert case.receipt(FIRST).verified_at == START


@pytest.mark.parametrize("wanted", [open_gates, intended], ids=["never cleaned", "named by an intent"])
def test_exactly_the_object_that_stands_in_the_place_of_an_original_is_displaced(wanted: Callable[[], Case]):
    """What a cleanup may have removed is not displaced: then another object came after it, and is kept."""
    case = wanted_back(wanted(), FIRST).changed(FIRST, version_id="another").at(0, ENDS_AT)

    if wanted is open_gates:
        assert case.owed() == (Displace(FIRST, case.object(FIRST)),)
    else:
        assert case.owed() == (EndRestore(FIRST, None),)
