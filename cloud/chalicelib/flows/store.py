"""The one way to read a session whole and to write what became of it."""

import logging
from collections.abc import Sequence

from msgspec.structs import replace

from chalicelib.core.attention import needs
from chalicelib.core.audit import entry_of
from chalicelib.core.chapter import Chapter
from chalicelib.core.errors import NO_SESSION, Conflict, NotFound
from chalicelib.core.events import Event
from chalicelib.core.ids import SessionId
from chalicelib.core.landing import Landing
from chalicelib.core.listing import summary
from chalicelib.core.measurements.index import Index
from chalicelib.core.notices import notices_of
from chalicelib.core.picture import Picture
from chalicelib.core.session import Session
from chalicelib.core.settle import due_at
from chalicelib.core.statistics.contribution import counting
from chalicelib.core.upload import Receipt, Upload
from chalicelib.flows.push import note
from chalicelib.ports import Change, Ports

log = logging.getLogger(__name__)

ATTEMPTS = 5
"""How often a caller whose write another one overtook reads the session again and decides once more."""

MOST_CHAPTERS_TO_COUNT = 90
"""With more chapters a new session leaves its transaction no room for the counters: its next write counts it."""


def load(ports: Ports, session_id: SessionId) -> Picture:
    """All that is recorded of the session. Raises NotFound."""
    picture = ports.records.picture(session_id)
    if picture is None:
        raise NotFound(NO_SESSION)
    return picture


def create(ports: Ports, session: Session, chapters: Sequence[Chapter]) -> Picture:
    """The picture of a session that was recorded as new. Raises Conflict when there is one of its name."""
    picture = Picture(session, tuple(chapters))
    # First: a project without a session is in the list, and never a session without its project.
    ports.records.add_project(session.project)
    counted = counting(picture) if len(chapters) <= MOST_CHAPTERS_TO_COUNT else None
    ports.records.write(
        Change(
            session,
            chapters=picture.chapters,
            summary=summary(picture),
            counting=counted,
            entry=entry_of(None, picture, ports.acting, ports.clock.now()),
        )
    )
    note(ports, session.session_id)
    return picture.with_counted(counted.after if counted else {})


def demand_unwritten(ports: Ports, picture: Picture) -> None:
    """Raises Conflict when the session was written since `picture` was read; for use right before a removal."""
    if load(ports, picture.session.session_id).session != picture.session:
        raise Conflict("the session was written since this was decided")


def save(
    ports: Ports,
    picture: Picture,
    upload: Upload | None = None,
    session: Session | None = None,
    receipt: Receipt | None = None,
    index: Index | None = None,
    uploads: Sequence[Upload] = (),
    chapters: Sequence[Chapter] = (),
    landing: Landing | None = None,
) -> Picture:
    """The picture after these were written with the session's next version, and counted. Raises Conflict.

    `chapters` take the place of all that it has: those of a browser's session.
    """
    after = replace(
        picture, session=(session or picture.session).bumped(), chapters=tuple(chapters) or picture.chapters
    )
    written = (*uploads, upload) if upload else tuple(uploads)
    for each in written:
        after = after.with_upload(each)
    after = after.with_receipt(receipt) if receipt else after
    after = after.with_index(index) if index else after
    after = after.with_landing(landing) if landing else after
    counted = counting(after, picture.session.device_id)
    change = Change(
        after.session,
        chapters=tuple(chapters),
        chapters_before=len(picture.chapters) if chapters else 0,
        uploads=written,
        receipts=(receipt,) if receipt else (),
        indexes=(index,) if index else (),
        landings=(landing,) if landing else (),
        due_at=due_at(after, ports.clock.now(), ports.policy),
        summary=summary(after),
        needs=needs(after),
        notices=notices_of(picture, after, ports.clock.now()) if ports.notifier else (),
        entry=entry_of(picture, after, ports.acting, ports.clock.now()),
        counting=counted,
    )
    ports.records.write(change)
    note(ports, after.session.session_id)
    return after.with_counted(counted.after) if counted else after


def report(
    ports: Ports, picture: Picture, event: Event, level: int = logging.INFO, **about: object
) -> Picture:
    """Log `event` with the session's id and count it; return `picture`."""
    log.log(level, event.sentence, extra={"session_id": picture.session.session_id, **about})
    ports.metrics.count(event)
    return picture
