"""What somebody found who read the stored bytes again."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from chalicelib.core.errors import Conflict, StorageBusy
from chalicelib.core.evidence import ReadBack
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.picture import Picture
from chalicelib.core.session import Damage, Session
from chalicelib.flows.store import ATTEMPTS, load, save
from chalicelib.ports import Ports

ReadBacks = Mapping[ArtifactId, ReadBack]
"""The comparison of each chapter's version with its receipt."""


def record_damage(ports: Ports, session_id: SessionId, damage: Damage) -> Picture:
    """The session with this finding on record; the reconciler decides what becomes of it. Raises NotFound.

    From then on nothing of the session is cleaned.
    """
    return _change(ports, session_id, lambda session: session.found_damaged(damage))


def record_proof(
    ports: Ports, session_id: SessionId, began_at: datetime, read_back: ReadBacks = MappingProxyType({})
) -> Picture:
    """The session once every receipt that it had at `began_at` was read: true, or on record as damaged.

    `read_back` are the chapters that are true.
    """
    return _change(ports, session_id, lambda session: _with(session, read_back).proven(began_at))


def record_read_back(ports: Ports, session_id: SessionId, read_back: ReadBacks) -> Picture:
    """The session once these chapters were read and are true; it says nothing of the others."""
    return _change(ports, session_id, lambda session: _with(session, read_back))


def _with(session: Session, read_back: ReadBacks) -> Session:
    for artifact_id, each in read_back.items():
        known = session.evidence_of(artifact_id)
        after = known.with_read_back(each)
        session = session.with_evidence(after) if after != known else session
    return session


def _change(ports: Ports, session_id: SessionId, change: Callable[[Session], Session]) -> Picture:
    for _ in range(ATTEMPTS):
        picture = load(ports, session_id)
        after = change(picture.session)
        if after == picture.session:
            return picture
        try:
            return save(ports, picture, session=after)
        except Conflict:
            continue
    raise StorageBusy(f"session {session_id} is being written by others; ask again")
