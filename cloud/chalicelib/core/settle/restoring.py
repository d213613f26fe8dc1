"""What is owed to a session whose objects are wanted back: cleaned ones, and originals that were hidden or replaced."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from chalicelib.core.ids import ArtifactId
from chalicelib.core.picture import Picture
from chalicelib.core.settle.actions import Action, Displace, EndRestore, StartRestore
from chalicelib.core.settle.facts import Facts
from chalicelib.core.settle.policy import Policy
from chalicelib.core.upload import Receipt, StoredObject, Upload, UploadState

PURGED = "S3 holds this version no longer; it cannot be restored"
"""The reason with which a copy ends that found nothing to copy."""


def owed_to_restore(picture: Picture, facts: Facts, now: datetime, policy: Policy) -> Iterator[Action]:
    """For everything wanted back: open a copy of the version that was cleaned, or record that it is there again."""
    for artifact_id in picture.session.restoring:
        receipt = picture.receipt(artifact_id)
        if receipt is None or receipt.key not in facts.stored:
            continue
        action = _owed(picture, artifact_id, receipt, facts.stored[receipt.key], now, policy)
        if action:
            yield action


def _owed(
    picture: Picture,
    artifact_id: ArtifactId,
    receipt: Receipt,
    stored: StoredObject | None,
    now: datetime,
    policy: Policy,
) -> Action | None:
    if any(upload.is_live and upload.copies for upload in picture.uploads if upload.key == receipt.key):
        return None
    if stored is None:
        return EndRestore(artifact_id, None) if is_purged(picture, receipt) else StartRestore(artifact_id)
    # The cancelled cleanup's marker may still arrive, or an object of ours may still be under judgement.
    began_at = picture.session.restoring_since
    if began_at and now < began_at + timedelta(seconds=policy.in_flight_s):
        return None
    if stored.version_id != receipt.version_id and receipt.version_id not in picture.gone_versions:
        return Displace(artifact_id, stored)
    return EndRestore(artifact_id, receipt.version_id if receipt.stands_as(stored) else None)


def is_purged(picture: Picture, receipt: Receipt) -> bool:
    """Whether a copy of this very version ended because S3 holds it no longer."""
    return any(_found_nothing(upload, receipt) for upload in picture.uploads)


def _found_nothing(upload: Upload, receipt: Receipt) -> bool:
    return (
        upload.copies == receipt.version_id
        and upload.reason == PURGED
        and upload.state is UploadState.EXPIRED
    )
