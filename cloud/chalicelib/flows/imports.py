"""Sessions of the older system, on record: what they have is then uploaded like everything else."""

import logging
from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core import order
from chalicelib.core.chapter import Chapter
from chalicelib.core.errors import Conflict, SessionDiffers, StorageBusy
from chalicelib.core.ids import ArtifactId, DeviceId, SessionId
from chalicelib.core.order import Wish, leave_out
from chalicelib.core.parts import plan_parts
from chalicelib.core.picture import Picture, session_chapters
from chalicelib.core.session import Camera, Session
from chalicelib.core.settle import Policy
from chalicelib.core.storage import Storage
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows.store import ATTEMPTS, create, save
from chalicelib.ports import Ports

log = logging.getLogger(__name__)

IMPORTER = DeviceId("migration")
"""The device of imported sessions; it has no token, so that no device sees them."""

CAMERA = Camera("legacy")
"""The older system did not record which camera made a film."""

BELOW_MINIMUM = "imported: the older system made no more than this"


class Import(Struct, frozen=True):
    """A session as the older system had it; without `chapters` when its original is missing there.

    `made` are the outputs and measurements that it has.
    """

    session_id: SessionId
    created_at: datetime
    storage: Storage
    chapters: tuple[Chapter, ...]
    made: tuple[ArtifactId, ...]


def import_session(ports: Ports, principal: Principal, wanted: Import) -> Picture:
    """The session on record, with an order of the import's for what it has; nothing is uploaded yet.

    The same import again changes nothing; one that found more adds it, until somebody orders the session. Raises
    SessionDiffers when the name is that of another session, or the originals are not those of the first import.
    """
    principal.demand(Role.OPERATOR)
    if wanted.chapters:
        session_chapters(wanted.chapters)
    for each in wanted.chapters:
        plan_parts(each.size_bytes, ports.policy.part_size_bytes)
    for _ in range(ATTEMPTS):
        known = ports.records.picture(wanted.session_id)
        try:
            return _create(ports, wanted) if known is None else _extend(ports, known, wanted)
        except Conflict:
            log.info("session written by another", extra={"session_id": wanted.session_id})
    raise StorageBusy(f"session {wanted.session_id} is being written by others; ask again")


def _create(ports: Ports, wanted: Import) -> Picture:
    now = ports.clock.now()
    bare = Session(wanted.session_id, IMPORTER, CAMERA, None, wanted.created_at)
    session = bare.imported(wanted.storage, _wish(wanted.made, ports.policy), now)
    picture = create(ports, session, wanted.chapters)
    log.info("session imported", extra={"session_id": session.session_id, "chapters": len(wanted.chapters)})
    return picture


def _extend(ports: Ports, known: Picture, wanted: Import) -> Picture:
    found = differences(known, wanted)
    if found:
        raise SessionDiffers(f"session {known.session.name} is another than the one to be imported", found)
    wish = _wish(wanted.made, ports.policy)
    session = known.session.imported(wanted.storage, wish, ports.clock.now())
    return known if session == known.session else save(ports, known, session=session)


def differences(known: Picture, wanted: Import) -> tuple[str, ...]:
    """Why the recorded session is not the one to be imported; empty when it is."""
    storage = known.session.storage
    if storage is None:
        return ("a device has hauled a session of this name",)
    found = [
        f"{name}: {before} here, {now} in the import"
        for name, before, now in (
            ("source", storage.source, wanted.storage.source),
            ("row", storage.row_id, wanted.storage.row_id),
        )
        # A run without the database says nothing about rows.
        if None not in (before, now) and before != now
    ]
    return (*found, *_new_chapters(known.chapters, wanted.chapters))


def _new_chapters(known: Sequence[Chapter], wanted: Sequence[Chapter]) -> list[str]:
    """Chapters are written with their session once; what the older system has lost since makes no difference."""
    return [
        f"{each.name} of {each.size_bytes} bytes is not what was first imported"
        for each in wanted
        if each not in known
    ]


def _wish(made: tuple[ArtifactId, ...], policy: Policy) -> Wish | None:
    """The wish for what the older system made; None when it made nothing."""
    if not made:
        return None
    asked = order.wish(made, {})
    reason = BELOW_MINIMUM if asked.lacks(policy.required_outputs) else None
    return leave_out(replace(asked, below_minimum_reason=reason), policy.required_outputs)
