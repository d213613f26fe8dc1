"""Carry out what a scrub of the originals found."""

import logging

from chalicelib.core.errors import Conflict
from chalicelib.core.events import Event
from chalicelib.core.picture import Picture
from chalicelib.core.settle import Displace, Repair, Scrubbed
from chalicelib.flows.store import demand_unwritten, report, save
from chalicelib.ports import Ports


def record_scrub(ports: Ports, picture: Picture, _: Scrubbed) -> Picture:
    session = picture.session.scrubbed(ports.clock.now())
    return report(ports, save(ports, picture, session=session), Event.ORIGINALS_SCRUBBED)


def repair(ports: Ports, picture: Picture, action: Repair) -> Picture:
    session = picture.session.repairing(action.artifact_ids, action.reason, ports.clock.now())
    picture = save(ports, picture, session=session)
    return report(ports, picture, Event.ORIGINAL_DAMAGED, logging.ERROR, reason=action.reason)


def displace(ports: Ports, picture: Picture, action: Displace) -> Picture:
    """Write a delete marker over exactly the foreign object that was inspected. Raises Conflict.

    The object has no tag, so S3 never purges it: its owner finds it as a hidden version.
    """
    demand_unwritten(ports, picture)
    stored = ports.objects.head(action.stored.key)
    if stored is None or stored.version_id != action.stored.version_id:
        raise Conflict("another version is on the key by now; look again")
    ports.objects.remove(stored.key, stored.etag)
    return report(
        ports,
        picture,
        Event.FOREIGN_OBJECT_HIDDEN,
        logging.ERROR,
        artifact_id=action.artifact_id,
        key=stored.key,
        version_id=stored.version_id,
    )
