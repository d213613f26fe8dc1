"""Carrying out what a look at standing originals found."""

import logging

from chalicelib.core.picture import Picture
from chalicelib.core.settle import Repair, Scrubbed
from chalicelib.flows.recording import record, told
from chalicelib.ports import Ports


def scrubbed(ports: Ports, picture: Picture, _: Scrubbed) -> Picture:
    session = picture.session.scrubbed(ports.clock.now())
    return told(ports, record(ports, picture, session=session), "originals scrubbed")


def repair(ports: Ports, picture: Picture, action: Repair) -> Picture:
    session = picture.session.repairing(action.artifact_ids, action.reason, ports.clock.now())
    picture = record(ports, picture, session=session)
    return told(ports, picture, "original damaged", logging.ERROR, reason=action.reason)
