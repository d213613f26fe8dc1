"""Carrying out what a landing is owed."""

import logging
from datetime import timedelta

from chalicelib.core.errors import Conflict, RemovalRefused
from chalicelib.core.events import Event
from chalicelib.core.landing import Landing
from chalicelib.core.parts import plan_parts
from chalicelib.core.picture import Picture
from chalicelib.core.settle import (
    AbortLanding,
    DropLanding,
    EndLanding,
    Land,
    MoveLanding,
    RefuseLanding,
)
from chalicelib.core.upload import Source, Upload
from chalicelib.flows.store import demand_unwritten, report, save
from chalicelib.ports import Ports

log = logging.getLogger(__name__)


def land(ports: Ports, picture: Picture, action: Land) -> Picture:
    return save(ports, picture, landing=picture.landing(action.landing_id).landed_as(action.stored))


def refuse(ports: Ports, picture: Picture, action: RefuseLanding) -> Picture:
    refused = picture.landing(action.landing_id).refused(action.reason, ports.clock.now())
    return _save_and_report(ports, picture, refused, Event.LANDING_REFUSED, logging.WARNING)


def end(ports: Ports, picture: Picture, action: EndLanding) -> Picture:
    ended = picture.landing(action.landing_id).ended(action.reason, ports.clock.now())
    return _save_and_report(ports, picture, ended, Event.LANDING_EXPIRED, logging.INFO)


def abort(ports: Ports, picture: Picture, action: AbortLanding) -> Picture:
    landing = picture.landing(action.landing_id)
    if not ports.objects.abort(landing.key, landing.multipart_id or ""):
        return picture  # a part was on its way; the next round aborts again
    return _save_and_report(ports, picture, landing.aborted(), Event.MULTIPART_ABORTED, logging.INFO)


def move(ports: Ports, picture: Picture, action: MoveLanding) -> Picture:
    """The film in its place, and the upload that copies it, in one write. Raises Conflict.

    What S3 computed of the landed bytes is the upload's claim: S3 assembles nothing else from the copied parts.
    """
    landing, now = picture.landing(action.landing_id), ports.clock.now()
    assert landing.landed, "only what landed is moved"
    film = landing.film(landing.landed.size_bytes)
    known = any(each.artifact_id == film.artifact_id for each in picture.chapters)
    receipt = picture.receipt(film.artifact_id) if known else None
    if receipt and receipt.upload_id:
        # The same film came before, byte for byte: its receipt is this one's, too.
        return save(ports, picture, landing=landing.moved(receipt.upload_id))
    session_id, upload_id = picture.session.session_id, ports.ids.upload_id()
    key = film.key(session_id)
    upload = Upload(
        upload_id,
        session_id,
        film.artifact_id,
        key,
        plan_parts(film.size_bytes, ports.policy.restore_part_size_bytes),
        multipart_id=ports.objects.create_multipart(key, upload_id),
        opened_at=now,
        expires_at=now + timedelta(seconds=ports.policy.upload_ttl_s),
        claim=landing.landed.crc64nvme,
        source=Source(landing.key, landing.landed.version_id),
    )
    chapters = () if known else (*picture.chapters, film)
    try:
        after = save(ports, picture, upload, chapters=chapters, landing=landing.moved(upload_id))
    except Conflict:
        # A write whose reply was lost conflicts with itself when it is repeated: what is recorded is live.
        if ports.records.session_of(upload_id) is None:
            ports.objects.abort(key, upload.multipart_id)
        raise
    landing_id, size_bytes = landing.landing_id, film.size_bytes
    return report(
        ports, after, Event.LANDING_MOVED, landing_id=landing_id, upload_id=upload_id, size_bytes=size_bytes
    )


def drop(ports: Ports, picture: Picture, action: DropLanding) -> Picture:
    """Write a delete marker over exactly the version whose copy has a receipt; anything else there stays.

    Raises Conflict. What S3 does not let us remove ends with the lifecycle's rule of landings.
    """
    landing, stored = picture.landing(action.landing_id), action.stored
    if stored and landing.landed and stored.version_id == landing.landed.version_id:
        demand_unwritten(ports, picture)
        try:
            ports.objects.remove(landing.key, stored.etag)
        except RemovalRefused as error:
            log.warning("landing not removed", extra={"key": landing.key, "error": str(error)})
    done = landing.done(ports.clock.now())
    return _save_and_report(ports, picture, done, Event.LANDING_REMOVED, logging.INFO)


def _save_and_report(ports: Ports, picture: Picture, landing: Landing, event: Event, level: int) -> Picture:
    after = save(ports, picture, landing=landing)
    return report(ports, after, event, level, landing_id=landing.landing_id, reason=landing.reason)
