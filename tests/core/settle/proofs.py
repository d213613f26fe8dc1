"""What must be proven before anything is cleaned, told once more and by other means than the gates."""

from datetime import timedelta

from chalicelib.core.cleanup import Doomed
from chalicelib.core.ids import ArtifactId
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.upload import Receipt, UploadState
from tests.core.settle.cases import POLICY, Case

PLACES = {
    "original": "originals",
    "intermediate": "intermediates",
    "output": "outputs",
    "measurements": "measurements",
}


def receipts_on(picture: Picture, key: str) -> list[Receipt]:
    by_upload = [upload.receipt for upload in picture.uploads if upload.receipt]
    return [receipt for receipt in (*picture.receipts, *by_upload) if receipt.key == key]


def demand_open_gates(case: Case) -> None:
    """Everything but the objects themselves; AssertionError tells what is not proven."""
    facts, session = case.facts, case.picture.session
    assert facts.arming is not None
    assert facts.arming.is_armed
    assert facts.bucket is not None
    assert facts.bucket.is_versioned
    assert all(
        (facts.bucket.keeps_days.get(f"{each}/") or 0) >= POLICY.restorable_days
        for each in ("originals", "intermediates")
    )
    assert session.state is SessionState.PROCESSED
    assert (session.held, session.failure, session.restoring) == (None, None, ())
    grace = timedelta(seconds=POLICY.grace_s)
    assert session.processed_at is not None
    assert case.now - session.processed_at >= grace
    assert abs(case.now - facts.bucket.at) <= timedelta(seconds=POLICY.clock_tolerance_s)
    assert session.order is not None
    assert session.order.wish.required
    for artifact_id in session.order.wish.required:
        demand_output(case, artifact_id, session.order.number)
    for upload in case.picture.uploads:
        if upload.key.startswith("proxies/"):
            continue
        assert upload.state not in (UploadState.OPEN, UploadState.COMPLETED)
        assert (upload.can_be_undone, upload.owes_abort, upload.owes_removal) == (False, False, False)
    assert case.picture.chapters
    for chapter in case.picture.chapters:
        assert receipts_on(case.picture, chapter.key(session.session_id))


def demand_output(case: Case, artifact_id: ArtifactId, order: int) -> None:
    """It stands at the pinned version, and was written before the grace by S3's clock; measurements are indexed."""
    kind, _, name = artifact_id.partition(".")
    key = f"{PLACES[kind]}/{case.picture.session.session_id}/{order}/{name}"
    receipt = receipts_on(case.picture, key)[-1]
    stored = case.facts.stored[key]
    assert stored is not None
    assert (stored.version_id, stored.size_bytes) == (receipt.version_id, receipt.size_bytes)
    assert stored.crc64nvme in (None, receipt.crc64nvme)
    assert stored.size_bytes >= 1
    assert case.facts.bucket is not None
    assert case.facts.bucket.at - stored.modified_at >= timedelta(seconds=POLICY.grace_s)
    if kind == "measurements":
        indexes = [
            each
            for each in case.picture.indexes
            if (each.artifact_id, each.version_id) == (artifact_id, receipt.version_id)
        ]
        assert [(each.quarantine, each.frames >= 1) for each in indexes] == [(None, True)]


def demand_verified_and_current(case: Case, doomed: Doomed) -> None:
    """It is an original or intermediate of this session, as it was verified and as it stands now."""
    session_id = case.picture.session.session_id
    assert doomed.key.startswith((f"originals/{session_id}/", f"intermediates/{session_id}/"))
    receipt = receipts_on(case.picture, doomed.key)[-1]
    stored = case.facts.stored[doomed.key]
    assert stored is not None
    facts = (doomed.version_id, doomed.size_bytes, doomed.crc64nvme)
    assert facts == (receipt.version_id, receipt.size_bytes, receipt.crc64nvme)
    assert facts == (stored.version_id, stored.size_bytes, stored.crc64nvme)
    assert doomed.etag == stored.etag
