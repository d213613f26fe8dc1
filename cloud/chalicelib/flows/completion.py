"""Complete, cancel or inspect an upload."""

import logging
from collections.abc import Sequence
from contextlib import suppress

from chalicelib.core import parts
from chalicelib.core.artifact import is_of_a_browser, is_sidecar
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import (
    Conflict,
    Finalizing,
    MultipartGone,
    NotAFilm,
    PartsMismatch,
    PartsRefused,
    StateConflict,
    StorageBusy,
)
from chalicelib.core.events import Event
from chalicelib.core.film import NoFilm
from chalicelib.core.ids import UploadId
from chalicelib.core.picture import Picture
from chalicelib.core.settle import Actor, assembled, is_being_cleared
from chalicelib.core.tokens import Principal
from chalicelib.core.upload import CANCELLED, StoredObject, Upload, UploadState
from chalicelib.flows.inspect_film import judge_upload
from chalicelib.flows.settle import settle_session
from chalicelib.flows.store import ATTEMPTS, report, save
from chalicelib.flows.uploads import (
    UploadView,
    demand_open,
    gone,
    load_own_upload,
    load_upload,
    not_a_film,
    unproven,
    view_parts,
)
from chalicelib.ports import Ports

log = logging.getLogger(__name__)


def view_upload(ports: Ports, principal: Principal, upload_id: UploadId) -> UploadView:
    """The upload with the parts that S3 holds. Raises NotFound."""
    _, upload = load_upload(ports, principal, upload_id)
    if not upload.is_live:
        return UploadView(upload)
    if not upload.is_one_put:
        with suppress(MultipartGone):
            return view_parts(ports, upload)
    # Sent whole, completed or lost since it was recorded: settle what this caller may, and say what is recorded then.
    picture = settle_session(ports, upload.session_id, Actor.API, upload_id)
    return UploadView(picture.upload(upload_id))


def complete_upload(
    ports: Ports, principal: Principal, upload_id: UploadId, claim: Crc64Nvme | None
) -> UploadView:
    """The verified upload with its receipt.

    `claim` is the whole's CRC64NVME as the sender read it; from then on no other whole is completed or verified. Who
    gives none claims what the parts in S3 make, unless another claim is on record.
    Raises PartsMismatch, Finalizing when S3 needs longer, UploadGone, NotAFilm, StateConflict.
    """
    picture, upload = _record_claim(ports, principal, upload_id, claim)
    if upload.is_live:
        _demand_parts(ports, upload)
        picture = _finish(ports, upload)
        upload = picture.upload(upload_id)
    if upload.receipt is None:
        raise _why_not_verified(ports, picture, upload)
    if claim not in (None, upload.receipt.crc64nvme):
        report(ports, picture, Event.RECEIPT_DISOWNED, logging.ERROR, upload_id=upload_id, claim=claim)
        raise StateConflict(
            f"the verified object has another CRC64NVME ({upload.receipt.crc64nvme}) than this device read ({claim}); "
            "keep the parts and audit the chapter"
        )
    return UploadView(upload)


def cancel_upload(
    ports: Ports, principal: Principal, upload_id: UploadId, reason: str = CANCELLED
) -> UploadView:
    """The upload, cancelled for `reason`; its parts stay until the undo window is over.

    Raises Finalizing while it is being completed, StateConflict once verified, UploadGone once it ended otherwise.
    """
    for _ in range(ATTEMPTS):
        picture, upload = load_own_upload(ports, principal, upload_id)
        if upload.state is UploadState.CANCELLED:
            return UploadView(upload)
        demand_open(upload)
        try:
            picture = save(ports, picture, upload.cancelled(ports.clock.now(), reason))
        except Conflict:
            continue
        log.info("upload cancelled", extra={"session_id": upload.session_id, "upload_id": upload_id})
        return UploadView(picture.upload(upload_id))
    raise StorageBusy(f"session {upload.session_id} is being written by others; ask again")


def _record_claim(
    ports: Ports, principal: Principal, upload_id: UploadId, claim: Crc64Nvme | None
) -> tuple[Picture, Upload]:
    """The session and the upload with a claim on record, as long as bytes may become its object.

    A given `claim` is recorded before anything is inspected: a late part changes the whole, S3 may be assembling an
    earlier promise, and no caller may complete or verify a whole that its sender disowns.
    """
    for _ in range(ATTEMPTS):
        picture, upload = load_own_upload(ports, principal, upload_id)
        if not upload.is_live:
            return picture, upload
        whole = claim or upload.claim or _fold_parts(ports, upload)
        if whole in (None, upload.claim):
            return picture, upload
        try:
            picture = save(ports, picture, upload.claimed(whole))
        except Conflict:
            continue
        return picture, picture.upload(upload_id)
    raise StorageBusy(f"session {upload.session_id} is being written by others; ask again")


def _fold_parts(ports: Ports, upload: Upload) -> Crc64Nvme | None:
    """The whole's CRC64NVME as the parts in S3 make it; None while they lack one, and once they are an object."""
    if upload.is_one_put:
        return None
    try:
        return assembled(upload.plan, ports.objects.parts(upload.key, upload.multipart_id))
    except MultipartGone:
        return None


def _demand_parts(ports: Ports, upload: Upload) -> None:
    if upload.is_one_put:
        if ports.objects.head(upload.key) is None:
            raise PartsMismatch("S3 does not have this object yet; send it", (1,), ())
        return
    try:
        stored = ports.objects.parts(upload.key, upload.multipart_id)
    except MultipartGone:
        return
    missing, differing = parts.missing(upload.plan, stored), parts.differing(upload.plan, stored)
    if missing or differing:
        raise PartsMismatch(_tell(missing, differing), missing, differing)
    if upload.claim not in (None, assembled(upload.plan, stored)):
        raise PartsMismatch(
            "the parts in S3 fold to another CRC64NVME than this device read; compare them with GET "
            "and send again what differs",
            (),
            (),
        )


def _tell(missing: Sequence[int], differing: Sequence[int]) -> str:
    report = [f"{len(missing)} parts are missing"] if missing else []
    return " and ".join(
        report + ([f"{len(differing)} parts have another size than planned"] if differing else [])
    )


def _finish(ports: Ports, upload: Upload) -> Picture:
    try:
        return settle_session(ports, upload.session_id, Actor.API, upload.upload_id)
    except PartsRefused as error:
        raise PartsMismatch(
            f"S3 refused to assemble the parts ({error.code}); compare them with GET and send again what differs",
            (),
            (),
        ) from error


def _why_not_verified(ports: Ports, picture: Picture, upload: Upload) -> Exception:
    if not upload.is_live:
        return gone(upload)
    stored = ports.objects.head(upload.key)
    is_ours = stored is not None and stored.upload_id == upload.upload_id
    kept = _why_kept(ports, picture, upload, stored) if stored and is_ours else None
    if kept:
        return kept
    if is_being_cleared(upload, picture, ports.clock.now(), ports.policy):
        return Finalizing(
            f"an object that was rejected is being removed from this key; it is completed {ports.policy.in_flight_s} s "
            "after that at the earliest: ask again"
        )
    if upload.unproven_since:
        return unproven(upload)
    if stored is None or is_ours:
        return Finalizing("S3 is still assembling this object; ask again in a moment")
    return StateConflict("this key has an object that nobody expects; an operator must move it away")


def _why_kept(
    ports: Ports, picture: Picture, upload: Upload, stored: StoredObject
) -> Finalizing | NotAFilm | None:
    """What keeps the upload's own object from its receipt: its scan, or that it is about to be rejected; or None."""
    scan = picture.session.scan_of(stored.version_id)
    if scan:
        return Finalizing(scan.words)
    if upload.is_disowned:
        return Finalizing(
            f"S3 assembled parts of CRC64NVME {upload.promise}, and this device read {upload.claim}; the object is "
            "about to be rejected: ask again, then open a new upload"
        )
    judged = judge_upload(ports, picture, upload, stored)
    if isinstance(judged, NoFilm) and is_sidecar(upload.artifact_id):
        # The caller need not wait until the reconciler has recorded it.
        return not_a_film(upload.artifact_id, f"{upload.artifact_id}: {judged.reason}")
    if isinstance(judged, NoFilm):
        keep = "file" if is_of_a_browser(upload.artifact_id) else "card"
        return Finalizing(
            f"{upload.artifact_id} is not a film: {judged.reason}; it is about to be rejected: ask again, "
            f"and keep the {keep}"
        )
    return None
