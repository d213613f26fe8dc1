"""Carrying out what a session is owed on its way to PROCESSED."""

import logging

from msgspec.structs import replace

from chalicelib.core.events import Event, Measure
from chalicelib.core.guarantee import safe_now
from chalicelib.core.picture import Picture
from chalicelib.core.settle import Fail, Process, SendOrder, Store, VerifyOutput
from chalicelib.core.upload import Receipt
from chalicelib.flows.order_message import write_message
from chalicelib.flows.store import report, save
from chalicelib.ports import Ports


def store(ports: Ports, picture: Picture, _: Store) -> Picture:
    safe = safe_now(picture)
    is_first = picture.session.safe is None
    picture = save(ports, picture, session=picture.session.stored(safe))
    if is_first and safe.after_s is not None:
        ports.metrics.measure(Measure.TIME_TO_SAFE, safe.after_s)
    return report(ports, picture, Event.SESSION_STORED, safe_after_s=safe.after_s)


def send_order(ports: Ports, picture: Picture, _: SendOrder) -> Picture:
    """Sent first and recorded then: a crash in between sends it again, and nothing is ever forgotten."""
    order = picture.session.order
    assert order
    ports.orders.send(write_message(ports, picture, order))
    session = replace(picture.session, order=order.sent(ports.clock.now()))
    return report(ports, save(ports, picture, session=session), Event.ORDER_SENT, order=order.number)


def verify_output(ports: Ports, picture: Picture, action: VerifyOutput) -> Picture:
    stored = action.stored
    assert stored.crc64nvme
    receipt = Receipt(
        None,
        action.artifact_id,
        stored.key,
        stored.version_id,
        stored.size_bytes,
        stored.crc64nvme,
        ports.clock.now(),
    )
    picture = save(ports, picture, receipt=receipt, session=picture.session.without_scan(receipt.version_id))
    return report(
        ports, picture, Event.OUTPUT_VERIFIED, artifact_id=receipt.artifact_id, size_bytes=receipt.size_bytes
    )


def fail(ports: Ports, picture: Picture, action: Fail) -> Picture:
    picture = save(ports, picture, session=picture.session.failed(action.reason))
    return report(ports, picture, Event.SESSION_FAILED, logging.ERROR, reason=action.reason)


def process(ports: Ports, picture: Picture, _: Process) -> Picture:
    session = picture.session.processed(ports.clock.now())
    return report(ports, save(ports, picture, session=session), Event.SESSION_PROCESSED)
