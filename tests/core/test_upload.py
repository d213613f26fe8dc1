from datetime import timedelta
from itertools import product

import pytest
from msgspec.structs import replace

from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import StateConflict
from chalicelib.core.ids import UploadId
from chalicelib.core.upload import Source, StoredObject, Upload, UploadState, Way
from tests.support.builders import EMPTY, START, make_upload

CRC = Crc64Nvme("rosUhgp5mIg=")


def stored_of(upload: Upload, **changes) -> StoredObject:
    stored = StoredObject(upload.key, upload.plan.size_bytes, CRC, '"e"', "v1", upload.upload_id, START)
    return replace(stored, **changes)


def moved(upload: Upload, state: UploadState) -> Upload:
    upload = upload.promised(CRC, START)
    moves = {
        UploadState.OPEN: upload.reopened,
        UploadState.COMPLETED: upload.completed,
        UploadState.VERIFIED: lambda: upload.verified(stored_of(upload), START),
        UploadState.CANCELLED: lambda: upload.cancelled(START),
        UploadState.EXPIRED: lambda: upload.expired("late", START),
        UploadState.REJECTED: lambda: upload.rejected("wrong", START),
    }
    return moves[state]()


LEGAL = {
    ("OPEN", "COMPLETED"),
    ("OPEN", "VERIFIED"),
    ("OPEN", "CANCELLED"),
    ("OPEN", "EXPIRED"),
    ("OPEN", "REJECTED"),
    ("COMPLETED", "VERIFIED"),
    ("COMPLETED", "REJECTED"),
    ("CANCELLED", "OPEN"),
}


@pytest.mark.parametrize(("before", "after"), list(product(UploadState, UploadState)))
def test_an_upload_moves_only_as_the_table_of_states_says(before: UploadState, after: UploadState):
    upload = make_upload(state=before)

    if before is after or (before.value, after.value) in LEGAL:
        assert moved(upload, after).state is after
    else:
        with pytest.raises(StateConflict, match=f"is {before.value} and cannot become {after.value}"):
            moved(upload, after)


def test_a_verified_upload_carries_the_receipt_of_what_stands_in_the_bucket():
    upload = make_upload().promised(CRC, START)
    receipt = upload.verified(stored_of(upload), START + timedelta(seconds=9)).receipt

    assert receipt is not None
    assert (receipt.upload_id, receipt.artifact_id, receipt.key) == (
        upload.upload_id,
        upload.artifact_id,
        upload.key,
    )
    assert (receipt.version_id, receipt.size_bytes, receipt.crc64nvme) == ("v1", 25, CRC)
    assert receipt.verified_at == START + timedelta(seconds=9)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size_bytes": 24},
        {"size_bytes": 26},
        {"crc64nvme": EMPTY},
        {"crc64nvme": None},
        {"upload_id": UploadId("u_other")},
        {"upload_id": None},
        {"key": "originals/other/100GOPRO/GX010038.MP4"},
    ],
)
def test_no_receipt_is_written_for_an_object_that_is_not_what_was_promised(wrong):
    upload = make_upload().promised(CRC, START)

    with pytest.raises(StateConflict, match="not what upload"):
        upload.verified(stored_of(upload, **wrong), START)


def test_no_receipt_is_written_without_a_promise():
    upload = make_upload()

    with pytest.raises(StateConflict, match="not what upload"):
        upload.verified(stored_of(upload, crc64nvme=None), START)


def test_verifying_twice_keeps_the_first_receipt():
    upload = make_upload().promised(CRC, START)
    verified = upload.verified(stored_of(upload), START)

    assert verified.verified(stored_of(upload, version_id="v2"), START) == verified


@pytest.mark.parametrize(("seconds", "past"), [(-1, False), (0, True), (1, True)])
def test_an_upload_is_past_from_its_deadline_on(seconds: int, past: bool):
    upload = make_upload()

    assert upload.is_past(upload.expires_at + timedelta(seconds=seconds)) is past


def test_a_cancelled_upload_can_be_undone_and_owes_no_abort_until_it_is_given_up():
    cancelled = make_upload().cancelled(START)

    assert (cancelled.can_be_undone, cancelled.owes, cancelled.owes_abort) == (True, True, False)
    assert cancelled.reason == "cancelled by the device"
    assert cancelled.reopened() == make_upload()
    given_up = cancelled.given_up()
    assert (given_up.can_be_undone, given_up.owes, given_up.owes_abort) == (False, True, True)
    assert given_up.state is UploadState.CANCELLED


def test_a_rejected_upload_owes_an_abort_and_a_delete_marker():
    rejected = make_upload().rejected("wrong", START)

    assert (rejected.owes_abort, rejected.owes_removal) == (True, True)
    assert rejected.aborted().owes
    assert not rejected.aborted().removed(START).owes


@pytest.mark.parametrize(
    ("key", "owes_removal"),
    [
        ("originals/s/100GOPRO/GX010038.MP4", True),
        ("intermediates/s/1/audio.wav", True),
        ("outputs/s/1/enhanced.mp4", False),
        ("measurements/s/1/lights.json", False),
    ],
)
def test_what_an_order_must_end_with_is_never_removed_even_when_it_is_rejected(key: str, owes_removal: bool):
    rejected = make_upload(key=key).rejected("wrong", START)

    assert (rejected.owes_abort, rejected.owes_removal) == (True, owes_removal)
    assert rejected.aborted().owes is owes_removal


NOW = START + timedelta(hours=1)
LATER = NOW + timedelta(hours=1)


def test_a_look_that_finds_nothing_is_counted_and_says_when_the_next_one_is():
    rested = make_upload().rested(NOW).rested(LATER)

    assert rested == make_upload(looks=2, look_at=LATER)
    assert rested.woken() == make_upload()


def test_a_doubt_counts_from_the_first_look():
    doubted = make_upload().doubted(START, NOW).doubted(NOW, LATER)

    assert doubted == make_upload(looks=2, look_at=LATER, unproven_since=START)


@pytest.mark.parametrize(("seconds", "rests"), [(-1, True), (0, False), (1, False)])
def test_a_live_upload_rests_until_its_next_look(seconds: int, rests: bool):
    upload = make_upload().rested(NOW)

    assert upload.is_resting(NOW + timedelta(seconds=seconds)) is rests
    assert not make_upload().is_resting(START)
    assert not upload.cancelled(START).is_resting(START)
    assert not replace(upload, state=UploadState.EXPIRED).is_resting(START)


def test_what_is_heard_of_an_upload_is_recorded_and_ends_its_rest():
    upload = make_upload().rested(NOW)

    assert upload.claimed(CRC) == make_upload(claim=CRC)
    assert upload.promised(CRC, START) == make_upload(promise=CRC, promised_at=START)
    assert upload.promised(CRC, START).unpromised() == make_upload()
    assert upload.signed(CRC, START) == make_upload(claim=CRC, promise=CRC, promised_at=START)
    assert upload.completed() == make_upload(state=UploadState.COMPLETED)


def test_a_move_ends_a_doubt():
    doubted = make_upload().promised(CRC, START).doubted(START, NOW)

    assert doubted.verified(stored_of(doubted), NOW).unproven_since is None
    assert doubted.rejected("wrong", NOW).unproven_since is None


@pytest.mark.parametrize(("claim", "is_disowned"), [(None, False), (CRC, False), (EMPTY, True)])
def test_a_promise_is_disowned_by_a_claim_that_differs(claim: Crc64Nvme | None, is_disowned: bool):
    upload = make_upload(claim=claim)

    assert upload.promised(CRC, START).is_disowned is is_disowned
    assert not upload.is_disowned


def test_no_receipt_is_written_for_what_its_device_disowns():
    upload = make_upload(claim=EMPTY).promised(CRC, START)

    with pytest.raises(StateConflict) as refused:
        upload.verified(stored_of(upload), START)
    assert (
        str(refused.value)
        == f"{upload.key} is not what upload {upload.upload_id} promised or its device read"
    )


def test_an_object_that_lacks_only_its_checksum_may_be_what_was_promised():
    upload = make_upload().promised(CRC, START)

    assert upload.may_be_kept_by(stored_of(upload, crc64nvme=None))
    assert not upload.may_be_kept_by(stored_of(upload))
    assert not upload.may_be_kept_by(stored_of(upload, crc64nvme=None, size_bytes=24))
    assert not make_upload().may_be_kept_by(stored_of(upload, crc64nvme=None))


def test_a_move_that_is_not_in_the_table_says_which_one():
    upload = make_upload().expired("late", START)

    with pytest.raises(StateConflict) as refused:
        upload.completed()
    assert str(refused.value) == f"upload {upload.upload_id} is EXPIRED and cannot become COMPLETED"


def test_an_upload_ends_with_its_reason_and_what_it_owes_to_s3():
    expired = make_upload().expired("late", NOW)
    rejected = make_upload().rejected("wrong", NOW)
    no_film = make_upload().rejected_as_no_film("text", NOW)

    assert expired == make_upload(state=UploadState.EXPIRED, reason="late", ended_at=NOW, owes_abort=True)
    assert rejected == make_upload(
        state=UploadState.REJECTED, reason="wrong", ended_at=NOW, owes_abort=True, owes_removal=True
    )
    assert no_film == replace(rejected, reason="text", is_no_film=True)
    assert rejected.aborted().removed(LATER) == replace(
        rejected, owes_abort=False, owes_removal=False, removed_at=LATER
    )


def test_an_upload_by_one_put_owes_no_abort_and_a_removal_only_if_it_was_ever_signed():
    one_put = make_upload(way=Way.ONE_PUT, multipart_id="")
    signed = one_put.signed(CRC, START)

    assert not one_put.expired("late", NOW).owes
    assert (signed.expired("late", NOW).owes_removal, signed.expired("late", NOW).owes_abort) == (True, False)
    assert (signed.rejected("wrong", NOW).owes_removal, signed.rejected("wrong", NOW).owes_abort) == (
        True,
        False,
    )
    assert signed.cancelled(NOW).given_up().owes_removal
    assert not one_put.cancelled(NOW).given_up().owes


def test_a_cancel_is_recorded_once_with_its_reason():
    cancelled = make_upload().cancelled(NOW, "its session was revoked")

    assert cancelled == make_upload(
        state=UploadState.CANCELLED, ended_at=NOW, can_be_undone=True, reason="its session was revoked"
    )
    assert cancelled.cancelled(LATER, "again") == cancelled
    assert cancelled.given_up() == replace(cancelled, can_be_undone=False, owes_abort=True)


@pytest.mark.parametrize(
    ("changes", "is_copied"),
    [({}, False), ({"copies": "v0"}, True), ({"source": Source("incoming/x", "v0")}, True)],
)
def test_parts_come_from_s3_itself_for_a_restore_and_for_what_landed(changes, is_copied: bool):
    assert make_upload(**changes).is_copied is is_copied


@pytest.mark.parametrize(
    ("changes", "is_kept", "stands"),
    [
        ({}, True, True),
        ({"crc64nvme": None}, False, True),
        ({"crc64nvme": EMPTY}, False, False),
        ({"size_bytes": 24}, False, False),
        ({"version_id": "v2"}, False, False),
        ({"key": "originals/other"}, False, False),
        ({"upload_id": None}, True, True),
    ],
    ids=str,
)
def test_a_receipt_is_for_one_version_and_a_missing_checksum_is_no_other_one(
    changes, is_kept: bool, stands: bool
):
    upload = make_upload().promised(CRC, START)
    receipt = upload.verified(stored_of(upload), START).receipt
    assert receipt
    stored = stored_of(upload, **changes)

    assert (receipt.is_kept_by(stored), receipt.stands_as(stored)) == (is_kept, stands)
