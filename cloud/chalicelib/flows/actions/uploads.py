"""Carrying out what an upload is owed."""

import logging

from chalicelib.core.artifact import is_sidecar
from chalicelib.core.errors import Conflict, KeyTaken, MultipartGone, PartsRefused, VersionGone
from chalicelib.core.events import Event
from chalicelib.core.picture import Picture
from chalicelib.core.session import Session
from chalicelib.core.settle import (
    Abort,
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
    rest_until,
)
from chalicelib.core.settle.restoring import PURGED
from chalicelib.core.upload import Source, Upload
from chalicelib.flows.actions.copying import copy_parts_of
from chalicelib.flows.store import demand_unwritten, report, save
from chalicelib.ports import Ports

log = logging.getLogger(__name__)


def complete(ports: Ports, picture: Picture, action: Complete) -> Picture:
    """Promise first, so that a caller that finds the object later knows what it must be."""
    # Again at each try: a promise is withdrawn by its age, and never while somebody keeps it.
    upload = picture.upload(action.upload_id).promised(action.crc64nvme, ports.clock.now())
    picture = save(ports, picture, upload)
    try:
        ports.objects.complete(
            upload.key, upload.multipart_id, action.parts, action.crc64nvme, upload.plan.size_bytes
        )
    except (MultipartGone, KeyTaken) as error:
        # Another caller was first, or our reply was lost: the next look decides by the object itself.
        log.info("completion found taken", extra={"upload_id": upload.upload_id, "error": str(error)})
        return picture
    except PartsRefused:
        save(ports, picture, upload.unpromised())
        raise
    return save(ports, picture, upload.completed())


def verify(ports: Ports, picture: Picture, action: Verify) -> Picture:
    """Write the receipt, and what was read of a film beside it."""
    upload = picture.upload(action.upload_id).verified(action.stored, ports.clock.now())
    film = action.film
    session = picture.session.without_scan(action.stored.version_id).with_film(film)
    picture = _save_and_report(ports, picture, upload, Event.UPLOAD_VERIFIED, logging.INFO, session)
    ports.metrics.count(Event.BYTES_VERIFIED, upload.plan.size_bytes)
    if film and film.is_broken:
        about = {"artifact_id": film.artifact_id, "fault": film.fault}
        return report(ports, picture, Event.FILM_BROKEN, logging.WARNING, **about)
    return picture


def withdraw(ports: Ports, picture: Picture, action: Withdraw) -> Picture:
    upload = picture.upload(action.upload_id).unpromised()
    return _save_and_report(ports, picture, upload, Event.PROMISE_WITHDRAWN, logging.WARNING)


def expire(ports: Ports, picture: Picture, action: Expire) -> Picture:
    upload = picture.upload(action.upload_id).expired(action.reason, ports.clock.now())
    return _save_and_report(ports, picture, upload, Event.UPLOAD_EXPIRED, logging.INFO)


def reject(ports: Ports, picture: Picture, action: Reject) -> Picture:
    upload = picture.upload(action.upload_id)
    end = upload.rejected_as_no_film if action.is_no_film else upload.rejected
    upload = end(action.reason, ports.clock.now())
    level = logging.WARNING if is_sidecar(upload.artifact_id) else logging.ERROR
    return _save_and_report(ports, picture, upload, Event.UPLOAD_REJECTED, level)


def give_up(ports: Ports, picture: Picture, action: GiveUp) -> Picture:
    upload = picture.upload(action.upload_id).given_up()
    return _save_and_report(ports, picture, upload, Event.UNDO_CLOSED, logging.INFO)


def abort(ports: Ports, picture: Picture, action: Abort) -> Picture:
    upload = picture.upload(action.upload_id)
    if not ports.objects.abort(upload.key, upload.multipart_id):
        # A part was on its way when we aborted; S3 says to abort again, and the next round does.
        return picture
    return _save_and_report(ports, picture, upload.aborted(), Event.MULTIPART_ABORTED, logging.INFO)


def remove(ports: Ports, picture: Picture, action: Remove) -> Picture:
    """Write a delete marker over exactly the rejected object that was inspected. Raises Conflict.

    S3 compares only the ETag, and the same bytes sent again have the same ETag. So the flow checks the record and the
    object once more right before, and no upload of the key is completed while such a marker may still arrive
    (`is_being_cleared`).
    """
    upload = picture.upload(action.upload_id)
    if action.stored:
        demand_unwritten(ports, picture)
        now_there = ports.objects.head(upload.key)
        if now_there is None or now_there.upload_id != upload.upload_id:
            raise Conflict("the rejected object is gone from its key; look again")
        if now_there.version_id != action.stored.version_id:
            raise Conflict("the key of the rejected object has another version now; look again")
        ports.objects.remove(now_there.key, now_there.etag)
    return _save_and_report(
        ports, picture, upload.removed(ports.clock.now()), Event.OBJECT_REMOVED, logging.INFO
    )


def copy_parts(ports: Ports, picture: Picture, action: CopyParts) -> Picture:
    """S3 copies by itself: no byte passes through here, and what is copied once is not copied again."""
    upload = picture.upload(action.upload_id)
    source = upload.source or Source(upload.key, upload.copies or "")
    try:
        copy_parts_of(
            ports,
            upload.key,
            upload.multipart_id,
            source.version_id,
            upload.plan,
            action.numbers,
            source.key,
        )
    except MultipartGone:
        return picture
    except VersionGone:
        return _save_and_report(
            ports, picture, upload.expired(PURGED, ports.clock.now()), Event.VERSION_PURGED, logging.ERROR
        )
    return picture


def rest(ports: Ports, picture: Picture, action: Rest) -> Picture:
    """Record the rest of all these uploads in one write; it reports nothing, as they only wait."""
    now = ports.clock.now()
    uploads = [picture.upload(upload_id) for upload_id in action.upload_ids]
    rested = [each.rested(rest_until(each, picture, now, ports.policy)) for each in uploads]
    return save(ports, picture, uploads=rested)


def doubt(ports: Ports, picture: Picture, action: Doubt) -> Picture:
    now, upload = ports.clock.now(), picture.upload(action.upload_id)
    doubted = upload.doubted(now, rest_until(upload, picture, now, ports.policy))
    return _save_and_report(ports, picture, doubted, Event.UPLOAD_UNPROVEN, logging.ERROR)


def wake(ports: Ports, picture: Picture, action: Wake) -> Picture:
    return save(ports, picture, picture.upload(action.upload_id).woken())


def _save_and_report(
    ports: Ports, picture: Picture, upload: Upload, event: Event, level: int, session: Session | None = None
) -> Picture:
    """The picture after `upload` (and `session`) was recorded and `event` reported."""
    return report(
        ports,
        save(ports, picture, upload, session),
        event,
        level,
        upload_id=upload.upload_id,
        size_bytes=upload.plan.size_bytes,
        reason=upload.reason,
    )
