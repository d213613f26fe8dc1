"""Index measurements: each attempt is on record before it begins, and its result is never lost."""

import logging
from contextlib import suppress

from chalicelib.core.errors import Conflict, LakeWriterMissing, StorageBusy
from chalicelib.core.events import Event
from chalicelib.core.measurements.index import Index
from chalicelib.core.picture import Picture
from chalicelib.core.settle import IndexLargeMeasurements, IndexMeasurements, Quarantine, RequestIndex
from chalicelib.core.upload import Receipt
from chalicelib.flows.store import load, report, save
from chalicelib.ports import Ports

_WRITES = 5
"""The tries to record a result while others write the session."""


def index(ports: Ports, picture: Picture, action: IndexMeasurements | IndexLargeMeasurements) -> Picture:
    """Everything is written under a revision first, and published by the one write that names it.

    Raises StorageBusy and LakeWriterMissing, which prove nothing about the file and do not count as an attempt.
    """
    from chalicelib.flows.index_measurements import index_measurements  # the API starts without it

    session, receipt = picture.session, action.receipt
    # Before the attempt is on record: a layer that is missing must never put a file into quarantine.
    ports.lake.demand_writer()
    begun = save(ports, picture, session=session.attempting(receipt.version_id, ports.clock.now()))
    try:
        made = index_measurements(ports.frame_index, ports.lake, session, receipt, ports.clock)
    except (StorageBusy, LakeWriterMissing):
        _take_back(ports, begun, receipt)
        raise
    return _publish(ports, begun, receipt, made)


def request_index(ports: Ports, picture: Picture, action: RequestIndex) -> Picture:
    """Request the index, then record the request: after a crash in between it is requested again."""
    receipt = action.receipt
    ports.indexer.request(receipt.key)
    session = picture.session.requesting_index(receipt.version_id, ports.clock.now())
    picture = save(ports, picture, session=session)
    return report(ports, picture, Event.INDEX_REQUESTED, artifact_id=receipt.artifact_id)


def quarantine(ports: Ports, picture: Picture, action: Quarantine) -> Picture:
    """Give the version up; its attempts stay on record until what they may have written is removed."""
    from chalicelib.flows.index_measurements import quarantined  # the API starts without it

    made = quarantined(action.receipt, ports.clock.now(), action.reason)
    return _report(ports, save(ports, picture, index=made), made)


def _publish(ports: Ports, picture: Picture, receipt: Receipt, made: Index) -> Picture:
    """Record the result of indexing a version, even if others wrote the session meanwhile; return the picture.

    Raises Conflict after such a write: other decisions on the older picture may no longer hold.
    """
    latest = picture
    for _ in range(_WRITES):
        try:
            after = _record(ports, latest, receipt, made)
        except Conflict:
            latest = load(ports, picture.session.session_id)
            known = latest.index_at(made.artifact_id, made.revision)
            if known and known.removing_since is None:
                break
            continue
        if latest is picture:
            return after
        break
    raise Conflict("others wrote the session while its measurements were looked into")


def _record(ports: Ports, picture: Picture, receipt: Receipt, made: Index) -> Picture:
    """Record the result, unless its revision is being removed: then all of it goes, what was just written too.

    The removal ends on the picture with which it began, so this write makes it begin once more.
    """
    known = picture.index_at(made.artifact_id, made.revision)
    session = picture.session.without_attempts(receipt.version_id)
    if known and known.is_being_removed:
        return save(ports, picture, session=session)
    return _report(ports, save(ports, picture, session=session, index=made), made)


def _report(ports: Ports, picture: Picture, made: Index) -> Picture:
    if made.quarantine:
        about = {"artifact_id": made.artifact_id, "reason": made.quarantine}
        return report(ports, picture, Event.MEASUREMENTS_QUARANTINED, logging.ERROR, **about)
    ports.metrics.count(Event.FRAMES_INDEXED, made.frames)
    ports.metrics.count(Event.FRAMES_REJECTED, made.rejected)
    return report(
        ports,
        picture,
        Event.MEASUREMENTS_INDEXED,
        artifact_id=made.artifact_id,
        frames=made.frames,
        rejected=made.rejected,
    )


def _take_back(ports: Ports, picture: Picture, receipt: Receipt) -> None:
    """Uncount the attempt; if that fails too, the attempt stays counted and others remain."""
    with suppress(Conflict, StorageBusy):
        save(ports, picture, session=picture.session.without_attempt(receipt.version_id))
