"""What is owed to one upload."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from chalicelib.core import crc, parts
from chalicelib.core.artifact import is_original, is_sidecar, kind_of, original_of
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.film import Film, NoFilm, is_film
from chalicelib.core.parts import PartPlan, StoredPart
from chalicelib.core.picture import Picture
from chalicelib.core.settle.actions import (
    Abort,
    Action,
    Complete,
    CopyParts,
    Doubt,
    Expire,
    GiveUp,
    Reject,
    Remove,
    Rest,
    Verify,
    Wake,
    Withdraw,
)
from chalicelib.core.settle.facts import Facts, Observation
from chalicelib.core.settle.policy import Policy
from chalicelib.core.settle.scanning import may_count, must_read_scan, owed_to_scan
from chalicelib.core.upload import StoredObject, Upload, UploadState

LOOKS_AT_ONCE = 20
"""The uploads of one session that the reconciler inspects before it turns to the next session."""
_MOST_DOUBLINGS = 20


def owed_to_uploads(picture: Picture, facts: Facts, now: datetime, policy: Policy) -> Iterator[Action]:
    """What the uploads that were looked at are owed, in the order of their opening."""
    idle = []
    for upload in picture.uploads:
        if upload.upload_id not in facts.uploads:
            continue
        owed = _owed(upload, facts.uploads[upload.upload_id], picture, now, policy)
        is_due = upload_due_at(upload, picture, now, policy) <= now
        if not is_due:
            owed = tuple(action for action in owed if not isinstance(action, Doubt))
            yield from (Wake(upload.upload_id) for _ in owed[:1])
        yield from owed
        if not owed and upload.is_live and is_due:
            idle.append(upload.upload_id)
    if idle:
        yield Rest(tuple(idle))


def due_uploads(picture: Picture, now: datetime, policy: Policy) -> tuple[Upload, ...]:
    """The uploads that the reconciler inspects now, at most `LOOKS_AT_ONCE`; those that do not rest come first.

    Sidecars come after everything else: they delay nothing.
    """
    due = [each for each in picture.uploads if each.owes and upload_due_at(each, picture, now, policy) <= now]
    due.sort(
        key=lambda each: (
            is_sidecar(each.artifact_id),
            each.look_at is not None,
            each.look_at or each.opened_at,
        )
    )
    return tuple(due[:LOOKS_AT_ONCE])


def upload_due_at(upload: Upload, picture: Picture, now: datetime, policy: Policy) -> datetime:
    """When the reconciler must inspect an upload that still owes something."""
    if upload.can_be_undone:
        return undo_until(upload, policy)
    # An upload's rest ends once another upload of its key is verified.
    rests = upload.is_live and not _is_superseded(upload, picture)
    return upload.look_at if rests and upload.look_at else now


def rest_until(upload: Upload, picture: Picture, now: datetime, policy: Policy) -> datetime:
    """When to look again at an upload for which there was nothing to do.

    The wait doubles with each look, up to a limit. It ends earlier when time alone changes what the upload owes.
    """
    wait_s = min(policy.look_s * 2 ** min(upload.looks, _MOST_DOUBLINGS), policy.longest_look_s)
    times = [upload.expires_at, *_frees(upload, picture, policy)]
    if upload.promised_at:
        times.append(upload.promised_at + timedelta(seconds=policy.finalize_patience_s))
    return min([now + timedelta(seconds=wait_s), *(each for each in times if each > now)])


def undo_until(upload: Upload, policy: Policy) -> datetime:
    """Until when a cancelled upload can be opened again with its parts."""
    ended_at = upload.ended_at or upload.opened_at
    return min(ended_at + timedelta(seconds=policy.undo_s), upload.expires_at)


def is_being_cleared(upload: Upload, picture: Picture, now: datetime, policy: Policy) -> bool:
    """Whether a delete marker that is meant for a rejected object may still reach the key of `upload`.

    The same bytes in the same parts have the same ETag, so that such a marker would go over the next upload's object.
    The remover reads the record before the removal is recorded, and writes its marker within `in_flight_s` of that:
    no function runs longer, and S3 refuses a request that was signed longer ago. The completer reads the record at
    least `in_flight_s` after the removal, and its promise is written only if the record has not changed since. So no
    such marker can arrive after the completer's object.
    """
    is_owed = any(each.owes_removal for each in picture.uploads if each.key == upload.key)
    return is_owed or any(now < freed_at for freed_at in _frees(upload, picture, policy))


def _frees(upload: Upload, picture: Picture, policy: Policy) -> Iterator[datetime]:
    """For each removal on the key of `upload`, the time after which its marker can no longer arrive."""
    for each in picture.uploads:
        if each.key == upload.key and each.removed_at:
            yield each.removed_at + timedelta(seconds=policy.in_flight_s)


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
    # An address for one PUT may still be good: a marker that came before its object would not hide it.
    if upload.owes_removal and not (upload.is_one_put and may_be_assembling(upload, now, policy)):
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
        return _judged(upload, seen, seen.stored, picture, now, policy)
    if _is_superseded(upload, picture):
        return _ended(upload, "another upload of this artifact is verified")
    if seen.parts is None:
        return _given_up(upload, now, policy)
    if upload.is_copied and not upload.is_past(now):
        lacking = parts.missing(upload.plan, seen.parts)
        if lacking:
            return CopyParts(upload.upload_id, lacking)
    stored_parts = tuple(sorted(seen.parts, key=lambda part: part.number))
    whole = assembled(upload.plan, stored_parts)
    # An object of somebody else on the key is kept: unknown means keep, and S3 would refuse to replace it.
    is_free = not seen.stored and not is_being_cleared(upload, picture, now, policy)
    # Parts that nobody claims may be of two cards: the last one may be a late part of an earlier try.
    if whole and upload.claim == whole and is_free:
        return Complete(upload.upload_id, whole, stored_parts)
    return _owed_while_waiting(upload, whole, now, policy)


def _owed_while_waiting(
    upload: Upload, whole: Crc64Nvme | None, now: datetime, policy: Policy
) -> Action | None:
    if may_be_assembling(upload, now, policy):
        # Its object may still appear, and nothing would remove the object of an upload that has ended without one.
        return None
    if upload.is_past(now):
        is_unclaimed = whole and upload.claim != whole
        lack = "its sender had claimed what its parts make" if is_unclaimed else "every part had arrived"
        return _ended(upload, f"its deadline passed before {lack}")
    if upload.promise and not upload.is_one_put:
        return Withdraw(upload.upload_id)
    return None


def must_read_film(upload: Upload, stored: StoredObject, policy: Policy) -> bool:
    """Whether the bytes of the upload's object decide about its receipt: those of an original or sidecar, once whole.

    What a restore copies was read when it came.
    """
    is_film_to_be = is_sidecar(upload.artifact_id) or (
        is_original(upload.artifact_id) and is_film(upload.artifact_id) and upload.copies is None
    )
    is_asked = policy.checks_films and is_film_to_be and upload.is_live
    return is_asked and upload.is_kept_by(stored) and not upload.is_disowned


def _judged(
    upload: Upload, seen: Observation, stored: StoredObject, picture: Picture, now: datetime, policy: Policy
) -> Action | None:
    if upload.promise is None:
        return Reject(upload.upload_id, "its object was completed without a recorded promise")
    if upload.is_disowned:
        # The claim arrived while S3 assembled the earlier promise.
        return Reject(
            upload.upload_id,
            f"its device read CRC64NVME {upload.claim}, promised was {upload.promise}: a part is not what was read",
        )
    if upload.is_kept_by(stored):
        return _judged_by_content(upload, seen, stored, picture, now, policy)
    if upload.may_be_kept_by(stored):
        # S3 omits the checksum when we may not use the object's KMS key: that proves nothing against the object.
        return Doubt(upload.upload_id)
    return Reject(
        upload.upload_id,
        f"its object has {stored.size_bytes} bytes and CRC64NVME {stored.crc64nvme}, "
        f"promised were {upload.plan.size_bytes} and {upload.promise}",
    )


def _kept_by_its_scan(
    upload: Upload, seen: Observation, stored: StoredObject, picture: Picture, now: datetime
) -> Action | None:
    """The record of the scan first; then the end of an upload that is infected."""
    owed = owed_to_scan(picture, upload.artifact_id, stored, seen.scan, now)
    known = picture.session.scan_of(stored.version_id)
    if owed is None and known and known.is_infected:
        return Reject(upload.upload_id, known.words)
    return owed


def _judged_by_content(
    upload: Upload, seen: Observation, stored: StoredObject, picture: Picture, now: datetime, policy: Policy
) -> Action | None:
    """A receipt for all that may be footage, broken or not; the end only for what is no film at all."""
    if must_read_scan(upload, stored, policy) and not may_count(picture, stored, seen.scan, policy):
        return _kept_by_its_scan(upload, seen, stored, picture, now)
    if not must_read_film(upload, stored, policy):
        return Verify(upload.upload_id, stored)
    if seen.film is None:
        return None
    judge = _judged_sidecar if is_sidecar(upload.artifact_id) else _judged_original
    return judge(upload, seen.film, stored, picture)


def _judged_original(upload: Upload, film: Film | NoFilm, stored: StoredObject, picture: Picture) -> Action:
    if not isinstance(film, NoFilm):
        return Verify(upload.upload_id, stored, film)
    chapter = picture.chapter(upload.artifact_id)
    if chapter.is_as_it_is:
        # A person named this file, or the older system had it: kept, whatever it is.
        kept = Film(upload.artifact_id, stored.version_id, None, film.reason, is_broken=True)
        return Verify(upload.upload_id, stored, kept)
    return Reject(upload.upload_id, f"{chapter.name} is not a film: {film.reason}", is_no_film=True)


def _judged_sidecar(upload: Upload, film: Film | NoFilm, stored: StoredObject, picture: Picture) -> Action:
    """What can be looked at gets its receipt, and nothing of it is recorded beside that: 198 would fill the session."""
    if not isinstance(film, NoFilm):
        return Verify(upload.upload_id, stored)
    name = picture.chapter(original_of(upload.artifact_id)).name
    kind = kind_of(upload.artifact_id).value
    return Reject(upload.upload_id, f"the {kind} of {name}: {film.reason}", is_no_film=True)


def _given_up(upload: Upload, now: datetime, policy: Policy) -> Action | None:
    """Neither parts nor object: lost, unless S3 may still be assembling what was promised."""
    if may_be_assembling(upload, now, policy):
        return None
    if upload.state is UploadState.COMPLETED:
        return Reject(upload.upload_id, "its object vanished before it was verified")
    return Expire(upload.upload_id, "its multipart upload is gone from S3")


def _ended(upload: Upload, reason: str) -> Action:
    """Its end without an object; one that S3 said it completed had an object, and so it is rejected."""
    is_completed = upload.state is UploadState.COMPLETED
    return Reject(upload.upload_id, reason) if is_completed else Expire(upload.upload_id, reason)


def may_be_assembling(upload: Upload, now: datetime, policy: Policy) -> bool:
    """Whether somebody's CompleteMultipartUpload may still be under way."""
    patience = timedelta(seconds=policy.finalize_patience_s)
    return upload.promised_at is not None and now < upload.promised_at + patience


def _is_superseded(upload: Upload, picture: Picture) -> bool:
    """Whether another upload of the key is verified; a restore brings back what an earlier one verified."""
    rivals = [each for each in picture.receipts_at(upload.key) if each.upload_id != upload.upload_id]
    return bool(rivals) and upload.copies != rivals[-1].version_id
