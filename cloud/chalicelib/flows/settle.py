"""Give a session what it is owed: look at the world, ask `settle`, carry out what the actor may."""

import logging
from collections.abc import Iterable

from chalicelib.core.errors import Conflict, StorageBusy
from chalicelib.core.ids import SessionId, UploadId
from chalicelib.core.picture import Picture
from chalicelib.core.settle import ALLOWED, Actor, Doubt, Rest, SendOrder, settle
from chalicelib.flows.actions import carry_out
from chalicelib.flows.deadline import Deadline, OutOfTime, punctual
from chalicelib.flows.observe import About, observe
from chalicelib.flows.store import load
from chalicelib.ports import Ports

log = logging.getLogger(__name__)

_ROUNDS = 8
"""Complete, verify, store, order is four; the rest is for conflicts with others at the same session."""


def settle_session(
    ports: Ports,
    session_id: SessionId,
    actor: Actor,
    upload_id: UploadId | None = None,
    keys: Iterable[str] = (),
    deadline: Deadline | None = None,
    landing_id: UploadId | None = None,
) -> Picture:
    """The session after what it was owed and `actor` may do is done; with `upload_id` or `landing_id`, for that only.

    `keys` are those that an event names: an event inspects only their uploads, the API none, and the reconciler those
    that are due.
    Idempotent; others may run at the same time. Raises NotFound, PartsRefused (nothing lost: the parts can be sent
    again), StorageBusy when others keep writing the session, OutOfTime at `deadline`.
    """
    is_contended, about = True, About(upload_id, landing_id, frozenset(keys))
    for _ in range(_ROUNDS):
        picture = load(ports, session_id)
        now = ports.clock.now()
        owed = settle(picture, observe(ports, picture, actor, about), now, ports.policy)
        allowed = [action for action in owed if isinstance(action, ALLOWED[actor])]
        if upload_id is not None:
            # Who waits for a receipt must not wait for the queue: the event or the reconciler sends the order.
            allowed = [action for action in allowed if not isinstance(action, SendOrder)]
        if not allowed:
            return picture
        is_contended = False
        try:
            for action in allowed:
                if deadline:
                    deadline.demand_time()
                picture = carry_out(ports, picture, action)
        except Conflict:
            is_contended = True
            log.info("session written by another", extra={"session_id": session_id})
            continue
        if all(isinstance(action, Rest | Doubt) for action in allowed):
            # The next ones that are due have their turn in the next round.
            return picture
    if is_contended:
        raise StorageBusy(f"session {session_id} is being written by others; ask again")
    return picture


def settle_in_time(
    ports: Ports,
    session_id: SessionId,
    deadline: Deadline,
    upload_id: UploadId | None = None,
    actor: Actor = Actor.RECONCILER,
) -> Picture:
    """Settle the session as far as the reconciler, or an operator, can by `deadline`; the rest stays due.

    What is done is kept: parts that S3 has copied are not copied again. Raises like `settle_session`.
    """
    try:
        return settle_session(punctual(ports, deadline), session_id, actor, upload_id, deadline=deadline)
    except OutOfTime:
        log.info("session not ended in its time", extra={"session_id": session_id})
        return load(ports, session_id)
