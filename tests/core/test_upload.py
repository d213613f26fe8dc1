from datetime import timedelta
from itertools import product

import pytest
from msgspec.structs import replace

from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import StateConflict
from chalicelib.core.ids import UploadId
from chalicelib.core.upload import StoredObject, Upload, UploadState
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
