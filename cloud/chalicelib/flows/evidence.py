"""What a device found that read a chapter's card again, and what an operator says of reads that differ."""

import logging

from chalicelib.core.errors import InvalidRequest, StateConflict
from chalicelib.core.events import Event
from chalicelib.core.evidence import Difference, Evidence, WholeRead, demand_second_read
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.picture import Picture
from chalicelib.core.session import Session
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload import Receipt
from chalicelib.flows.operations import change_session
from chalicelib.flows.store import report
from chalicelib.ports import Ports


def record_second_read(
    ports: Ports,
    principal: Principal,
    session_id: SessionId,
    artifact_id: ArtifactId,
    told: WholeRead,
) -> Evidence:
    """What is known of the chapter after one more whole read of its card; the same read again changes nothing.

    A difference stays on record, keeps the session from cleanup, and people hear of it. Raises NotFound for what is
    no chapter of one of this device's sessions, StateConflict before the chapter's receipt, InvalidRequest for what
    cannot be a second whole read.
    """
    principal.demand(Role.DEVICE)
    if principal.device_id is None:
        raise InvalidRequest("this token names no device; enrol the device again")
    read = told.by(principal.device_id)
    found: tuple[Difference, ...] = ()

    def with_read(picture: Picture) -> Session:
        nonlocal found
        receipts = _receipts(picture, artifact_id)
        first = min(receipts, key=lambda each: each.verified_at)
        demand_second_read(told, first, ports.clock.now())
        known = picture.session.evidence_of(artifact_id)
        after = known.with_read(read, receipts[-1])
        found = tuple(each for each in after.differences if each not in known.differences)
        return picture.session.with_evidence(after) if after != known else picture.session

    picture = change_session(ports, principal, session_id, with_read, Event.EVIDENCE_RECORDED)
    for each in found:
        report(
            ports,
            picture,
            Event.EVIDENCE_DIFFERS,
            logging.WARNING,
            artifact_id=artifact_id,
            expected=each.expected,
            crc64nvme=each.read.crc64nvme,
            xxh128=each.read.xxh128,
            device_id=each.read.by,
        )
    after = picture.evidence(artifact_id)
    assert after, "a chapter with a receipt has evidence"
    return after


def accept_differences(
    ports: Ports, principal: Principal, session_id: SessionId, artifact_id: ArtifactId, reason: str
) -> Picture:
    """The session with an operator's word for each open difference of a chapter, which no longer stops cleanup.

    A later difference needs a word of its own. Raises StateConflict when none is open.
    """
    principal.demand(Role.OPERATOR)

    def accepted(picture: Picture) -> Session:
        chapter = picture.chapter(artifact_id)
        known = picture.evidence(chapter.artifact_id) or picture.session.evidence_of(chapter.artifact_id)
        return picture.session.with_evidence(known.accepted(reason))

    return change_session(ports, principal, session_id, accepted, Event.EVIDENCE_ACCEPTED)


def _receipts(picture: Picture, artifact_id: ArtifactId) -> tuple[Receipt, ...]:
    """The receipts of a chapter's present bytes, in the order of their uploads; the last one speaks for it."""
    chapter = picture.chapter(artifact_id)
    receipt = picture.receipt(chapter.artifact_id)
    if receipt is None:
        raise StateConflict(f"{chapter.name} has no receipt yet: a second read has nothing to agree with")
    known = picture.receipts_at(receipt.key)
    return tuple(each for each in known if each.crc64nvme == receipt.crc64nvme)
