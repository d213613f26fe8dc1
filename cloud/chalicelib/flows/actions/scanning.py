"""Record what the scans of outputs and browser uploads have come to."""

import logging

from chalicelib.core.events import Event
from chalicelib.core.picture import Picture
from chalicelib.core.settle import RecordScan
from chalicelib.flows.store import report, save
from chalicelib.ports import Ports


def record_scan(ports: Ports, picture: Picture, action: RecordScan) -> Picture:
    """The picture with the scan on record; an infected version holds the session in the same write."""
    scan = action.scan
    picture = save(ports, picture, session=picture.session.scanned(scan))
    about = {"artifact_id": scan.artifact_id, "version_id": scan.version_id, "finding": scan.finding}
    if scan.is_infected:
        return report(ports, picture, Event.ARTIFACT_INFECTED, logging.ERROR, **about)
    if scan.finding is None:
        return report(ports, picture, Event.SCAN_AWAITED, logging.INFO, **about)
    return report(ports, picture, Event.SCAN_INCONCLUSIVE, logging.ERROR, **about)
