"""Give a session what it is owed: look at S3, ask `settle`, carry out what the actor may."""

import logging
from collections.abc import Callable
from dataclasses import replace

from chalicelib.core.errors import Conflict, KeyTaken, MultipartGone, NotFound, PartsRefused, StorageBusy
from chalicelib.core.ids import SessionId, UploadId
from chalicelib.core.session import Picture, Session
from chalicelib.core.settle import (
    ALLOWED,
    Abort,
    Action,
    Actor,
    Complete,
    Expire,
    GiveUp,
    Observation,
    Reject,
    Remove,
    SendOrder,
    Store,
    Verify,
    Withdraw,
    due_at,
    settle,
)
from chalicelib.core.upload import Upload
from chalicelib.flows.dispatch import message
from chalicelib.ports import Change, Footage, Ports

log = logging.getLogger(__name__)

_ROUNDS = 8
"""Complete, verify, store, order is four; the rest is for conflicts with others at the same session."""


def settle_session(
    ports: Ports, session_id: SessionId, actor: Actor, upload_id: UploadId | None = None
) -> Picture:
    """The session after everything it was owed and `actor` may do is done; with `upload_id`, for that upload only.

    Idempotent and safe beside any other caller. Raises NotFound, PartsRefused (nothing lost: the parts can be sent
    again), StorageBusy when others keep writing the session.
    """
    for _ in range(_ROUNDS):
        picture = loaded(ports, session_id)
        now = ports.clock.now()
        owed = settle(picture, _look(ports.footage, picture, upload_id), now, ports.policy)
        allowed = [action for action in owed if isinstance(action, ALLOWED[actor])]
        if upload_id is not None:
            # Whoever waits for a receipt must not wait for the queue: the event or the reconciler sends the order.
            allowed = [action for action in allowed if not isinstance(action, SendOrder)]
        if not allowed:
            return picture
        try:
            for action in allowed:
                picture = _carry_out(ports, picture, action)
        except Conflict:
            log.info("session written by another", extra={"session_id": session_id})
    raise StorageBusy(f"session {session_id} is being written by others; ask again")


def loaded(ports: Ports, session_id: SessionId) -> Picture:
    """All that is recorded of the session. Raises NotFound."""
    picture = ports.records.picture(session_id)
    if picture is None:
        raise NotFound("there is no session of this id that this token may see")
    return picture


def record(
    ports: Ports, picture: Picture, upload: Upload | None = None, session: Session | None = None
) -> Picture:
    """The picture after `upload` or `session` was written with the next version. Raises Conflict."""
    after = replace(picture, session=(session or picture.session).bumped())
    if upload:
        after = after.with_upload(upload)
    due = due_at(after, ports.clock.now(), ports.policy)
    ports.records.write(Change(after.session, uploads=(upload,) if upload else (), due_at=due))
    return after


def _look(footage: Footage, picture: Picture, upload_id: UploadId | None) -> dict[UploadId, Observation]:
    return {
        upload.upload_id: _observed(footage, upload)
        for upload in picture.uploads
        if upload.owes and upload_id in (None, upload.upload_id)
    }


def _observed(footage: Footage, upload: Upload) -> Observation:
    """What S3 shows of one upload now."""
    stored = footage.head(upload.key)
    if stored and stored.upload_id == upload.upload_id:
        return Observation(parts=None, stored=stored)
    try:
        return Observation(footage.parts(upload.key, upload.multipart_id), stored)
    except MultipartGone:
        # It may have been completed between the two looks.
        return Observation(parts=None, stored=footage.head(upload.key))


def _carry_out(ports: Ports, picture: Picture, action: Action) -> Picture:
    doing: dict[type[Action], Callable[..., Picture]] = {
        Complete: _complete,
        Verify: _verify,
        Withdraw: _withdraw,
        Expire: _expire,
        Reject: _reject,
        GiveUp: _give_up,
        Abort: _abort,
        Remove: _remove,
        Store: _store,
        SendOrder: _send_order,
    }
    return doing[type(action)](ports, picture, action)


def _complete(ports: Ports, picture: Picture, action: Complete) -> Picture:
    """Promise first, so that whoever finds the object later knows what it must be."""
    # Anew at each try: a promise is withdrawn by its age, and never while somebody keeps it.
    upload = picture.upload(action.upload_id).promised(action.crc64nvme, ports.clock.now())
    picture = record(ports, picture, upload)
    try:
        ports.footage.complete(
            upload.key, upload.multipart_id, action.parts, action.crc64nvme, upload.plan.size_bytes
        )
    except (MultipartGone, KeyTaken) as error:
        # Another caller was first, or our reply was lost: the next look decides by the object itself.
        log.info("completion found taken", extra={"upload_id": upload.upload_id, "error": str(error)})
        return picture
    except PartsRefused:
        record(ports, picture, upload.unpromised())
        raise
    return record(ports, picture, upload.completed())


def _verify(ports: Ports, picture: Picture, action: Verify) -> Picture:
    upload = picture.upload(action.upload_id).verified(action.stored, ports.clock.now())
    picture = _moved(ports, picture, upload, "upload verified", logging.INFO)
    ports.metrics.count("bytes.verified", upload.plan.size_bytes)
    return picture


def _withdraw(ports: Ports, picture: Picture, action: Withdraw) -> Picture:
    upload = picture.upload(action.upload_id).unpromised()
    return _moved(ports, picture, upload, "promise withdrawn", logging.WARNING)


def _expire(ports: Ports, picture: Picture, action: Expire) -> Picture:
    upload = picture.upload(action.upload_id).expired(action.reason, ports.clock.now())
    return _moved(ports, picture, upload, "upload expired", logging.INFO)


def _reject(ports: Ports, picture: Picture, action: Reject) -> Picture:
    upload = picture.upload(action.upload_id).rejected(action.reason, ports.clock.now())
    return _moved(ports, picture, upload, "upload rejected", logging.ERROR)


def _give_up(ports: Ports, picture: Picture, action: GiveUp) -> Picture:
    upload = picture.upload(action.upload_id).given_up()
    return _moved(ports, picture, upload, "undo closed", logging.INFO)


def _abort(ports: Ports, picture: Picture, action: Abort) -> Picture:
    upload = picture.upload(action.upload_id)
    if not ports.footage.abort(upload.key, upload.multipart_id):
        # A part was on its way when we aborted; S3 says to abort again, and the next round does.
        return picture
    return _moved(ports, picture, upload.aborted(), "multipart aborted", logging.INFO)


def _remove(ports: Ports, picture: Picture, action: Remove) -> Picture:
    upload = picture.upload(action.upload_id)
    if action.stored:
        ports.footage.remove(action.stored)
    return _moved(ports, picture, upload.removed(), "object removed", logging.INFO)


def _store(ports: Ports, picture: Picture, _: Store) -> Picture:
    picture = record(ports, picture, session=picture.session.stored())
    log.info("session stored", extra={"session_id": picture.session.session_id})
    ports.metrics.count("session.stored")
    return picture


def _send_order(ports: Ports, picture: Picture, _: SendOrder) -> Picture:
    """Sent first and recorded then: a crash in between sends it again, and nothing is ever forgotten."""
    order = picture.session.order
    if order is None:
        return picture
    ports.orders.send(message(ports, picture, order))
    session = replace(picture.session, order=order.sent(ports.clock.now()))
    picture = record(ports, picture, session=session)
    log.info("order sent", extra={"session_id": session.session_id, "order": order.number})
    ports.metrics.count("order.sent")
    return picture


def _moved(ports: Ports, picture: Picture, upload: Upload, told: str, level: int) -> Picture:
    """The picture after `upload` was recorded; `told` is the log line and, with a dot, the metric."""
    picture = record(ports, picture, upload)
    about = {
        "session_id": upload.session_id,
        "upload_id": upload.upload_id,
        "size_bytes": upload.plan.size_bytes,
        "reason": upload.reason,
    }
    log.log(level, told, extra=about)
    ports.metrics.count(told.replace(" ", "."))
    return picture
