"""Sessions as devices confirm them: open one, look at it, record how far it is."""

import logging
from collections.abc import Sequence

from msgspec.structs import replace

from chalicelib.core.chapter import Chapter
from chalicelib.core.errors import (
    Conflict,
    InvalidRequest,
    NotPermitted,
    SessionDiffers,
)
from chalicelib.core.guarantee import with_what_was_told
from chalicelib.core.heard import Heard
from chalicelib.core.ids import SessionId
from chalicelib.core.order import Wish, add_minimum, leave_out
from chalicelib.core.parts import plan_parts
from chalicelib.core.picture import Picture, Progress, differences, session_chapters
from chalicelib.core.session import Camera, Session
from chalicelib.core.silence import Watch
from chalicelib.core.tokens import ALL_PROJECTS, Principal, Role
from chalicelib.flows.limits import demand_open
from chalicelib.flows.push import note
from chalicelib.flows.store import create, load
from chalicelib.flows.watch_devices import hear
from chalicelib.ports import Ports

log = logging.getLogger(__name__)


def confirm_session(
    ports: Ports,
    principal: Principal,
    session_id: SessionId,
    camera: Camera,
    group: str | None,
    listed: Sequence[Chapter],
    wish: Wish | None,
) -> tuple[Picture, bool]:
    """The session with these chapters, and whether it is new; a new one is ordered as `wish` and the minimum say.

    The order of a session that exists is not compared: orders change, chapters do not. Raises SessionDiffers when
    it exists and says something else, NotFound when it is not this caller's.
    """
    principal.demand(Role.DEVICE)
    if principal.device_id is None or principal.project == ALL_PROJECTS:
        raise InvalidRequest("this token names no device or no project; enrol the device again")
    now = ports.clock.now()
    wanted = Session(session_id, principal.device_id, camera, group, now)
    principal.demand_sight(wanted)
    wanted = wanted.ordered(allowed_wish(ports, principal, wish), now) if wish else wanted
    chapters = session_chapters(listed)
    for chapter in chapters:
        plan_parts(chapter.size_bytes, ports.policy.part_size_bytes)
    known = ports.records.picture(session_id)
    if known is None:
        ports.limits.demand_chapters(chapters)
        demand_open(ports, principal, wanted.project, "open_sessions")
        try:
            opened = create(ports, wanted, chapters)
        except Conflict:
            known = load(ports, session_id)
        else:
            log.info("session opened", extra={"session_id": session_id, "chapters": len(chapters)})
            return opened, True
    principal.demand_sight(known.session)
    found = differences(known, wanted, chapters)
    if found:
        raise SessionDiffers(
            f"session {wanted.name} was confirmed with other facts; choose another name", found
        )
    return known, False


def allowed_wish(ports: Ports, principal: Principal, asked: Wish) -> Wish:
    """The wish that is recorded for a caller: a device adds to the deployment's minimum, an operator may go below it.

    Raises InvalidRequest, and NotPermitted when a caller who is not an operator gives a reason to go below it.
    """
    minimum = ports.policy.required_outputs
    if principal.role is Role.OPERATOR:
        return leave_out(asked, minimum)
    if asked.below_minimum_reason is not None:
        raise NotPermitted(
            "only an operator orders less than the deployment requires; leave out `below_minimum_reason`"
        )
    return add_minimum(asked, minimum)


def view_session(ports: Ports, principal: Principal, session_id: SessionId) -> Picture:
    """The session, if this caller may see it. Raises NotFound."""
    picture = load(ports, session_id)
    principal.demand_sight(picture.session)
    return picture


def demand_reader(ports: Ports, principal: Principal) -> None:
    """Raises NotPermitted for a device, unless this deployment lets devices read: they bring footage."""
    if principal.role is Role.DEVICE and not ports.policy.devices_may_read:
        raise NotPermitted(
            "devices bring footage and read none of it here; ask with a processor's or an operator's token"
        )


def record_progress(
    ports: Ports,
    principal: Principal,
    session_id: SessionId,
    progress: Progress,
    client_version: str | None = None,
) -> None:
    """Record a device's heartbeat; its `heard_at` is replaced by the server's time."""
    principal.demand(Role.DEVICE)
    picture = view_session(ports, principal, session_id)
    told = with_what_was_told(replace(progress, heard_at=ports.clock.now()), picture.progress)
    ports.records.put_progress(session_id, told)
    heard = Heard(
        picture.session.device_id,
        session_id,
        told.heard_at,
        told.rate_up_bytes_s,
        told.spool_bytes,
        told.disk_free_bytes,
        client_version,
    )
    ports.records.put_heard(picture.session.project, heard)
    hear(ports, Watch(picture.session.project, heard.device_id, session_id, heard.heard_at))
    note(ports, session_id)
