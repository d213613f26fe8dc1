"""The one decision: what a session is owed, given what is recorded and what S3 shows.

An event, an API call and the reconciler all ask `settle`; each then carries out only what its role allows
(`ALLOWED`) and leaves the rest as due work. Table by table in `docs/architecture.md`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from chalicelib.core import crc, parts
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.ids import UploadId
from chalicelib.core.parts import PartPlan, StoredPart
from chalicelib.core.session import Picture, SessionState
from chalicelib.core.upload import StoredObject, Upload, UploadState


@dataclass(frozen=True)
class Policy:
    """The house's promises in seconds and bytes; read from the settings, the same for every caller."""

    part_size_bytes: int = parts.DEFAULT_PART_SIZE_BYTES
    part_url_ttl_s: int = 900
    upload_ttl_s: int = 6 * 86_400
    """Less than the seven days after which the bucket's lifecycle aborts a multipart upload."""
    undo_s: int = 3_600
    finalize_patience_s: int = 900
    """How long S3 may be assembling what was promised; afterwards an object that is not there counts as lost."""
    orphan_age_s: int = 3_600
    """How old a multipart upload without a record must be before it is aborted."""


@dataclass(frozen=True)
class Observation:
    """What S3 shows of one upload: its parts (None when the multipart upload is gone) and its key's object."""

    parts: tuple[StoredPart, ...] | None
    stored: StoredObject | None


@dataclass(frozen=True)
class Complete:
    """Promise `crc64nvme`, then have S3 assemble `parts`."""

    upload_id: UploadId
    crc64nvme: Crc64Nvme
    parts: tuple[StoredPart, ...]


@dataclass(frozen=True)
class Verify:
    """Write the receipt: `stored` is what was promised."""

    upload_id: UploadId
    stored: StoredObject


@dataclass(frozen=True)
class Withdraw:
    """Take back a promise that nobody is keeping, so that parts can be sent or the upload cancelled again."""

    upload_id: UploadId


@dataclass(frozen=True)
class Expire:
    """End the upload without an object."""

    upload_id: UploadId
    reason: str


@dataclass(frozen=True)
class Reject:
    """End the upload: its object is not what was promised."""

    upload_id: UploadId
    reason: str


@dataclass(frozen=True)
class GiveUp:
    """Record that the undo window is over: only from then on nobody opens the upload again, and it may be aborted."""

    upload_id: UploadId


@dataclass(frozen=True)
class Abort:
    """End the multipart upload in S3, so that its parts cost nothing."""

    upload_id: UploadId


@dataclass(frozen=True)
class Remove:
    """Write a delete marker over a rejected object; None when the object is gone already."""

    upload_id: UploadId
    stored: StoredObject | None


@dataclass(frozen=True)
class Store:
    """Every chapter has its receipt: the session is STORED."""


@dataclass(frozen=True)
class SendOrder:
    """Put the session's order on the processing queue; a crash in between sends it again under its number."""


Action = Complete | Verify | Withdraw | Expire | Reject | GiveUp | Abort | Remove | Store | SendOrder


class Actor(Enum):
    """Who asks; what each may carry out stands in ALLOWED."""

    API = "api"
    EVENT = "event"
    RECONCILER = "reconciler"


ALLOWED: Mapping[Actor, tuple[type, ...]] = {
    Actor.API: (Complete, Verify, Withdraw, Expire, Store, SendOrder),
    Actor.EVENT: (Verify, Store, SendOrder),
    Actor.RECONCILER: (Complete, Verify, Withdraw, Expire, Reject, GiveUp, Abort, Remove, Store, SendOrder),
}


def settle(
    picture: Picture, observed: Mapping[UploadId, Observation], now: datetime, policy: Policy
) -> tuple[Action, ...]:
    """What the session is owed now, in the order in which to do it; empty when nothing is.

    `observed` holds what was looked at; of an upload that was not, nothing is decided.
    """
    actions = [
        action
        for upload in picture.uploads
        if upload.upload_id in observed
        for action in _owed(upload, observed[upload.upload_id], picture, now, policy)
    ]
    return (*actions, *_owed_to_session(picture))


def due_at(picture: Picture, now: datetime, policy: Policy) -> datetime | None:
    """When the reconciler must look at this session (again); None when nothing is left to do for it."""
    times = [_due(upload, now, policy) for upload in picture.uploads if upload.owes]
    if _owed_to_session(picture):
        times.append(now)
    return min(times, default=None)


def _owed_to_session(picture: Picture) -> tuple[Action, ...]:
    if not picture.missing and picture.session.state is SessionState.OPEN:
        return (Store(),)
    return (SendOrder(),) if picture.session.owes_order else ()


def _due(upload: Upload, now: datetime, policy: Policy) -> datetime:
    return undo_until(upload, policy) if upload.can_be_undone else now


def undo_until(upload: Upload, policy: Policy) -> datetime:
    """Until when a cancelled upload can be opened again with its parts."""
    ended_at = upload.ended_at or upload.opened_at
    return min(ended_at + timedelta(seconds=policy.undo_s), upload.expires_at)


def assembled(plan: PartPlan, stored: tuple[StoredPart, ...]) -> Crc64Nvme | None:
    """The CRC64NVME of the whole that `stored`, in order, makes; None unless it is exactly the plan's parts."""
    if parts.missing(plan, stored) or parts.differing(plan, stored):
        return None
    return crc.fold((part.crc64nvme, part.size_bytes) for part in stored)


def _owed(
    upload: Upload, seen: Observation, picture: Picture, now: datetime, policy: Policy
) -> tuple[Action, ...]:
    if upload.is_live:
        action = _owed_while_live(upload, seen, picture, now, policy)
        return (action,) if action else ()
    return _owed_after_the_end(upload, seen, now, policy)


def _owed_after_the_end(
    upload: Upload, seen: Observation, now: datetime, policy: Policy
) -> tuple[Action, ...]:
    owed: list[Action] = []
    if upload.owes_removal:
        ours = seen.stored if seen.stored and seen.stored.upload_id == upload.upload_id else None
        owed.append(Remove(upload.upload_id, ours))
    if upload.owes_abort:
        owed.append(Abort(upload.upload_id))
    if upload.can_be_undone and now >= undo_until(upload, policy):
        owed.append(GiveUp(upload.upload_id))
    return tuple(owed)


def _owed_while_live(
    upload: Upload, seen: Observation, picture: Picture, now: datetime, policy: Policy
) -> Action | None:
    if seen.stored and seen.stored.upload_id == upload.upload_id:
        return _judged(upload, seen.stored)
    if _is_superseded(upload, picture):
        return Expire(upload.upload_id, "another upload of this artifact is verified")
    if seen.parts is None:
        return _given_up(upload, now, policy)
    stored_parts = tuple(sorted(seen.parts, key=lambda part: part.number))
    whole = assembled(upload.plan, stored_parts)
    # Whoever else's object stands on the key, it is kept: unknown means keep, and S3 would refuse to replace it.
    if whole and upload.may_become(whole) and not seen.stored:
        return Complete(upload.upload_id, whole, stored_parts)
    return _owed_while_waiting(upload, now, policy)


def _owed_while_waiting(upload: Upload, now: datetime, policy: Policy) -> Action | None:
    if upload.is_past(now):
        return Expire(upload.upload_id, "its deadline passed before every part had arrived")
    if upload.promise and not _may_be_assembling(upload, now, policy):
        return Withdraw(upload.upload_id)
    return None


def _judged(upload: Upload, stored: StoredObject) -> Action:
    if upload.is_kept_by(stored):
        return Verify(upload.upload_id, stored)
    if upload.promise is None:
        return Reject(upload.upload_id, "its object was completed without a recorded promise")
    return Reject(
        upload.upload_id,
        f"its object has {stored.size_bytes} bytes and CRC64NVME {stored.crc64nvme}, "
        f"promised were {upload.plan.size_bytes} and {upload.promise}",
    )


def _given_up(upload: Upload, now: datetime, policy: Policy) -> Action | None:
    """Neither parts nor object: lost, unless S3 may still be assembling what was promised."""
    if _may_be_assembling(upload, now, policy):
        return None
    if upload.state is UploadState.COMPLETED:
        return Reject(upload.upload_id, "its object vanished before it was verified")
    return Expire(upload.upload_id, "its multipart upload is gone from S3")


def _may_be_assembling(upload: Upload, now: datetime, policy: Policy) -> bool:
    """Whether somebody's CompleteMultipartUpload may still be under way."""
    patience = timedelta(seconds=policy.finalize_patience_s)
    return upload.promised_at is not None and now < upload.promised_at + patience


def _is_superseded(upload: Upload, picture: Picture) -> bool:
    receipt = picture.receipt(upload.artifact_id)
    return receipt is not None and receipt.upload_id != upload.upload_id
