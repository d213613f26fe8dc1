"""What becomes of a stored session: ordered from a processor, failed, held; and what of it can be read."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from chalicelib.core.artifact import Kind
from chalicelib.core.chapter import Chapter
from chalicelib.core.errors import Conflict, NotFound, StateConflict, StorageBusy
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.order import Wish
from chalicelib.core.session import Picture, Session, SessionState
from chalicelib.core.settle import Actor
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload import Receipt
from chalicelib.flows.dispatch import READ_URL_TTL_S
from chalicelib.flows.intake import ATTEMPTS, seen_session
from chalicelib.flows.settling import record, settle_session
from chalicelib.ports import Ports, ReadUrl

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ArtifactView:
    """An artifact that a session has or must have; without a receipt it is not verified yet."""

    artifact_id: ArtifactId
    kind: Kind
    name: str
    size_bytes: int
    receipt: Receipt | None


def order(ports: Ports, principal: Principal, session_id: SessionId, wish: Wish) -> Picture:
    """The session with a new order for `wish`; it goes to the queue as soon as the session is STORED and not held.

    While the last order has not gone out, the same wish again changes nothing.
    """
    principal.demand(Role.DEVICE, Role.OPERATOR)

    def ordered(session: Session) -> Session:
        known = session.order
        if known and known.sent_at is None and known.wish == wish and session.failure is None:
            return session
        return session.ordered(wish, ports.clock.now())

    picture = _changed(ports, principal, session_id, ordered, "session ordered")
    return settle_session(ports, picture.session.session_id, Actor.API)


def fail(
    ports: Ports, principal: Principal, session_id: SessionId, reason: str, number: int | None
) -> Picture:
    """The session, FAILED for `reason` until it is ordered again.

    `number` is the order that the reason is about: a late processor of an earlier one fails nothing (StateConflict).
    """
    principal.demand(Role.PROCESSOR, Role.OPERATOR)

    def failed(session: Session) -> Session:
        known = session.order.number if session.order else None
        if number not in (None, known):
            raise StateConflict(f"the session's order is number {known}, not {number}")
        return session if session.state is SessionState.FAILED else session.failed(reason)

    return _changed(ports, principal, session_id, failed, "session failed")


def hold(ports: Ports, principal: Principal, session_id: SessionId, reason: str | None) -> Picture:
    """The session, held for `reason`, or released when there is none."""
    principal.demand(Role.OPERATOR)
    told = "session held" if reason else "session released"
    picture = _changed(ports, principal, session_id, lambda session: replace(session, held=reason), told)
    return picture if reason else settle_session(ports, session_id, Actor.API)


def artifacts(ports: Ports, principal: Principal, session_id: SessionId) -> tuple[ArtifactView, ...]:
    """What the session has or must have, chapters in the order of recording."""
    picture = seen_session(ports, principal, session_id)
    return tuple(_view(picture, chapter) for chapter in picture.chapters)


def artifact_url(
    ports: Ports,
    principal: Principal,
    session_id: SessionId,
    artifact_id: ArtifactId,
    ttl_s: int = READ_URL_TTL_S,
) -> tuple[Receipt, ReadUrl]:
    """The receipt of a verified artifact and where to read exactly that version. Raises NotFound, telling which."""
    picture = seen_session(ports, principal, session_id)
    chapter = picture.chapter(artifact_id)
    receipt = picture.receipt(artifact_id)
    if receipt is None:
        raise NotFound(f"{chapter.name} is not verified yet; ask again when the session shows its receipt")
    return receipt, ports.signer.read_url(receipt.key, receipt.version_id, ttl_s, ports.clock.now())


def _view(picture: Picture, chapter: Chapter) -> ArtifactView:
    receipt = picture.receipt(chapter.artifact_id)
    return ArtifactView(chapter.artifact_id, Kind.ORIGINAL, chapter.name, chapter.size_bytes, receipt)


def _changed(
    ports: Ports,
    principal: Principal,
    session_id: SessionId,
    change: Callable[[Session], Session],
    told: str,
) -> Picture:
    """The session after `change`, decided again whenever somebody else wrote it first; a change is told once."""
    for _ in range(ATTEMPTS):
        picture = seen_session(ports, principal, session_id)
        session = change(picture.session)
        if session == picture.session:
            return picture
        try:
            picture = record(ports, picture, session=session)
        except Conflict:
            log.info("session written by another", extra={"session_id": session_id})
            continue
        log.info(told, extra={"session_id": session_id, "reason": session.failure or session.held})
        ports.metrics.count(told.replace(" ", "."))
        return picture
    raise StorageBusy(f"session {session_id} is being written by others; ask again")
