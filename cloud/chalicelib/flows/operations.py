"""What people and processors say of a session: ordered, failed, held, restored, adopted."""

import logging
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from chalicelib.core import ids
from chalicelib.core.errors import Conflict, NotFound, StateConflict, StorageBusy
from chalicelib.core.events import Event
from chalicelib.core.ids import ArtifactId, DeviceId, SessionId
from chalicelib.core.limits import Windowed
from chalicelib.core.order import Wish, digest
from chalicelib.core.picture import Picture
from chalicelib.core.session import Origin, Session, SessionState
from chalicelib.core.settle import Actor
from chalicelib.core.settle.scanning import is_overdue
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows.limits import spend
from chalicelib.flows.sessions import allowed_wish, view_session
from chalicelib.flows.settle import settle_session
from chalicelib.flows.store import ATTEMPTS, report, save
from chalicelib.ports import Ports

log = logging.getLogger(__name__)

_WHENCE = {Origin.OLDER_SYSTEM: "was imported", Origin.BROWSER: "comes from a browser"}


def order(
    ports: Ports, principal: Principal, session_id: SessionId, wish: Wish, key: str | None = None
) -> Picture:
    """The session with a new order for `wish`; it goes to the queue as soon as the session is STORED and not held.

    A device's wish has the deployment's minimum added to it. While the last order is still to go out, the same wish
    again changes nothing. Nor does a repeat with the same `key` within a day, however far the order is by then: the
    session remembers the key in the write that orders. Raises InvalidRequest for an operator's wish that goes below
    the minimum without a reason, KeyUsed when `key` came with another wish.
    """
    principal.demand(Role.DEVICE, Role.OPERATOR)
    asked = digest(wish)
    wish = allowed_wish(ports, principal, wish)
    spend(ports, principal, ids.project_of(session_id), Windowed.orders_an_hour)

    def ordered(picture: Picture) -> Session:
        session = picture.session
        if key and session.is_answered(key, asked):
            return session
        after = new_order(picture)
        return after.remembering(key, asked, ports.clock.now()) if key else after

    def new_order(picture: Picture) -> Session:
        session = picture.session
        known = session.order
        # An order whose outputs came before it was sent is never sent: it is over.
        is_over = session.state is SessionState.PROCESSED
        is_waiting = known and known.sent_at is None and not known.is_import and not is_over
        if known and is_waiting and known.wish.asks_as(wish) and session.failure is None:
            return session
        if not picture.chapters:
            raise StateConflict("this session was imported without its original: nothing can be made of it")
        if picture.lost_originals:
            names = ", ".join(each.artifact_id for each in picture.lost_originals)
            raise StateConflict(f"lost: {names}; haul them again from the card, then order again")
        if picture.gone:
            raise StateConflict(f"cleaned: {', '.join(picture.gone)}; restore them first, then order again")
        return session.ordered(wish, ports.clock.now())

    picture = change_session(ports, principal, session_id, ordered, Event.SESSION_ORDERED)
    return settle_session(ports, picture.session.session_id, Actor.API)


def fail(
    ports: Ports, principal: Principal, session_id: SessionId, reason: str, number: int | None
) -> Picture:
    """The session, FAILED for `reason` until it is ordered again.

    `number` is the order that the reason is about: a late processor of an earlier one fails nothing (StateConflict).
    """
    principal.demand(Role.PROCESSOR, Role.OPERATOR)

    def failed(picture: Picture) -> Session:
        session = picture.session
        known = session.order.number if session.order else None
        if number not in (None, known):
            raise StateConflict(f"the session's order is number {known}, not {number}")
        return session.failed(reason)

    return change_session(ports, principal, session_id, failed, Event.SESSION_FAILED)


def accept(ports: Ports, principal: Principal, session_id: SessionId, reason: str) -> Picture:
    """The session, with an operator's word that its present outputs are right although their length may be wrong."""
    principal.demand(Role.OPERATOR)

    def accepted(picture: Picture) -> Session:
        return picture.session.accepted(reason)

    return change_session(ports, principal, session_id, accepted, Event.OUTPUTS_ACCEPTED)


def accept_scan(
    ports: Ports, principal: Principal, session_id: SessionId, artifact_id: ArtifactId, reason: str
) -> Picture:
    """The session, with an operator's word for a version whose scan came to nothing, or has not come for a day.

    Raises StateConflict for one that waits for no scan, is infected, or has not been waited for long enough.
    """
    principal.demand(Role.OPERATOR)

    def accepted(picture: Picture) -> Session:
        scan = picture.scan(artifact_id)
        if scan is None:
            raise StateConflict(f"{artifact_id} waits for no scan")
        if scan.is_infected:
            raise StateConflict(f"{scan.words}; release the session and order it again")
        if scan.finding is None and not is_overdue(scan, ports.clock.now(), ports.policy):
            raise StateConflict(f"{scan.words}; it can be accepted without one after a day")
        return picture.session.scanned(replace(scan, accepted=reason))

    change_session(ports, principal, session_id, accepted, Event.SCAN_ACCEPTED)
    return settle_session(ports, session_id, Actor.API)


def hold(ports: Ports, principal: Principal, session_id: SessionId, reason: str | None) -> Picture:
    """The session, held for `reason`, or released when there is none."""
    principal.demand(Role.OPERATOR)
    event = Event.SESSION_HELD if reason else Event.SESSION_RELEASED

    def held(picture: Picture) -> Session:
        session = picture.session
        return replace(session, held=reason) if reason else session.released(ports.clock.now())

    picture = change_session(ports, principal, session_id, held, event)
    return picture if reason else settle_session(ports, session_id, Actor.API)


def restore(
    ports: Ports,
    principal: Principal,
    session_id: SessionId,
    wanted: Sequence[ArtifactId] | None,
    reason: str,
) -> Picture:
    """The session with `wanted` (None: all that was cleaned) to be copied back; held until it is released.

    The reconciler copies. In the middle of a cleanup all that it names is restored. Asking again for what is being
    restored changes nothing. Raises NotFound for what the session does not have, StateConflict for what was never
    cleaned.
    """
    principal.demand(Role.OPERATOR)

    def restored(picture: Picture) -> Session:
        known = [receipt.artifact_id for receipt in picture.restorable]
        asked = known if wanted is None else list(wanted)
        for artifact_id in asked:
            picture.key(artifact_id)
        kept = [artifact_id for artifact_id in asked if artifact_id not in known]
        if kept or not asked:
            raise StateConflict(f"nothing to restore: {', '.join(kept) or 'this session'} was not cleaned")
        if set(asked) <= set(picture.session.restoring):
            return picture.session
        if picture.session.state is SessionState.PROCESSED and picture.session.cleanup:
            # Stopped in the middle: all that its intent names shall be there again.
            asked = known
        told = f"restored: {reason}; release it to let cleanup continue"
        return picture.session.bringing_back(asked, told, ports.clock.now())

    return change_session(ports, principal, session_id, restored, Event.SESSION_RESTORED)


def adopt(ports: Ports, principal: Principal, session_id: SessionId, device_id: DeviceId) -> Picture:
    """The session as that of another device of its project, which continues the uploads where they are.

    The device that had it hears so at its next call. Raises NotFound for a device that the project does not have,
    StateConflict for one without a good token and for an imported session.
    """
    principal.demand(Role.OPERATOR)

    def adopted(picture: Picture) -> Session:
        session = picture.session
        if session.device_id == device_id:
            return session
        if session.origin is not Origin.DEVICE:
            raise StateConflict(f"this session {_WHENCE[session.origin]}: no device hauls it")
        _demand_able(ports, session.project, device_id)
        return session.adopted(device_id, ports.clock.now())

    return change_session(ports, principal, session_id, adopted, Event.SESSION_ADOPTED)


def _demand_able(ports: Ports, project: str, device_id: DeviceId) -> None:
    """Raises unless the device is of the project and can call."""
    device = ports.records.device(device_id)
    if device is None or device.project != project:
        raise NotFound(f"project {project} has no device {device_id}")
    tokens = (each for each in ports.records.tokens(project) if each.device_id == device_id)
    if all(each.revoked_at for each in tokens):
        raise StateConflict(f"device {device_id} has no token that is good; enrol it first")


def change_session(
    ports: Ports,
    principal: Principal,
    session_id: SessionId,
    change: Callable[[Picture], Session],
    event: Event,
) -> Picture:
    """The session after `change`, decided again when somebody else wrote it first; a change is reported once."""
    for _ in range(ATTEMPTS):
        picture = view_session(ports, principal, session_id)
        session = change(picture)
        if session == picture.session:
            return picture
        try:
            picture = save(ports, picture, session=session)
        except Conflict:
            log.info("session written by another", extra={"session_id": session_id})
            continue
        return report(ports, picture, event, reason=session.failure or session.held)
    raise StorageBusy(f"session {session_id} is being written by others; ask again")
