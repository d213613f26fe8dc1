"""What somebody found who read the stored bytes again."""

from collections.abc import Callable
from datetime import datetime

from chalicelib.core.errors import Conflict, StorageBusy
from chalicelib.core.ids import SessionId
from chalicelib.core.picture import Picture
from chalicelib.core.session import Damage, Session
from chalicelib.flows.store import load, save
from chalicelib.ports import Ports

_ATTEMPTS = 5


def record_damage(ports: Ports, session_id: SessionId, damage: Damage) -> Picture:
    """The session with this finding on record; the reconciler decides what becomes of it. Raises NotFound.

    From then on nothing of the session is cleaned.
    """
    return _change(ports, session_id, lambda session: session.found_damaged(damage))


def record_proof(ports: Ports, session_id: SessionId, began_at: datetime) -> Picture:
    """The session once every receipt that it had at `began_at` was read: true, or on record as damaged."""
    return _change(ports, session_id, lambda session: session.proven(began_at))


def _change(ports: Ports, session_id: SessionId, change: Callable[[Session], Session]) -> Picture:
    for _ in range(_ATTEMPTS):
        picture = load(ports, session_id)
        after = change(picture.session)
        if after == picture.session:
            return picture
        try:
            return save(ports, picture, session=after)
        except Conflict:
            continue
    raise StorageBusy(f"session {session_id} is being written by others; ask again")
