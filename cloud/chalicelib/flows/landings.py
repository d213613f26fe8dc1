"""What a client without checksums asks for: land a film of a browser's session, part by part or by one form."""

import logging
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core import keys
from chalicelib.core.errors import (
    NO_UPLOAD,
    Conflict,
    Finalizing,
    InvalidRequest,
    KeyTaken,
    MultipartGone,
    NotAFilm,
    NotFound,
    PartsMismatch,
    PartsRefused,
    StateConflict,
    StorageBusy,
    TooManyRequests,
    UploadGone,
)
from chalicelib.core.ids import BROWSER, SessionId, UploadId
from chalicelib.core.landing import Landing, LandingState, check_parts
from chalicelib.core.limits import Windowed
from chalicelib.core.order import Wish
from chalicelib.core.parts import MOST_PARTS, LandedPart, plan_parts
from chalicelib.core.picture import Picture
from chalicelib.core.session import Camera, Origin, Session, SessionState
from chalicelib.core.settle import Actor
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows import limits
from chalicelib.flows.settle import settle_session
from chalicelib.flows.store import ATTEMPTS, create, load, save
from chalicelib.ports import FormToPost, LandingUrl, Ports

log = logging.getLogger(__name__)

MOST_AT_ONCE = 99
"""Landings of one session that are on their way."""
MOST_FORM_BYTES = 100 * 2**20
"""The largest file that stock Uppy sends by a form."""
NO_CAMERA = Camera("unknown")
"""Of a session that begins with a film from a client that tells of no camera."""


class Wanted(Struct, frozen=True):
    """What a client tells of a film before it sends it; `told_bytes` is None where it tells no size."""

    filename: str
    content_type: str
    told_bytes: int | None = None


def open_parts(
    ports: Ports, principal: Principal, session_id: SessionId, wanted: Wanted, wish: Wish | None
) -> Landing:
    """A new landing whose parts are sent one by one; `wish` is the order of a session that begins with it.

    Raises InvalidRequest and TooLarge for what may not be uploaded here, StateConflict for a session that takes no
    more films, TooManyRequests.
    """
    return _open(ports, principal, session_id, wanted, wish, is_form=False)


def open_form(
    ports: Ports, principal: Principal, session_id: SessionId, wanted: Wanted, wish: Wish | None
) -> FormToPost:
    """A new landing that one form writes. Raises as `open_parts`."""
    landing = _open(ports, principal, session_id, wanted, wish, is_form=True)
    fields = {
        "Content-Type": landing.content_type,
        "success_action_status": "201",
        "x-amz-meta-upload-id": str(landing.landing_id),
    }
    most = min(MOST_FORM_BYTES, ports.limits.largest_file_bytes or MOST_FORM_BYTES)
    return ports.signer.form(landing.key, fields, most, ports.policy.part_url_ttl_s, ports.clock.now())


def sign_part(ports: Ports, picture: Picture, landing: Landing, number: int) -> LandingUrl:
    """Where to PUT part `number`, of any size that S3 takes. Raises InvalidRequest, UploadGone, Finalizing."""
    if not 1 <= number <= MOST_PARTS:
        raise InvalidRequest(f"part {number} is outside 1..{MOST_PARTS}")
    landing = _hear(ports, picture, landing)
    return ports.signer.landing_part_url(
        landing.key, landing.multipart_id or "", number, ports.policy.part_url_ttl_s, ports.clock.now()
    )


def list_parts(ports: Ports, picture: Picture, landing: Landing) -> tuple[LandedPart, ...]:
    """The parts that S3 holds; none once they are assembled. Raises UploadGone, Finalizing."""
    if landing.state in (LandingState.LANDED, LandingState.MOVED, LandingState.DONE):
        return ()
    landing = _hear(ports, picture, landing)
    try:
        return ports.objects.landed_parts(landing.key, landing.multipart_id or "")
    except MultipartGone as error:
        raise UploadGone("S3 ended this upload; begin again", "its multipart upload is gone") from error


def complete(
    ports: Ports,
    principal: Principal,
    session_id: SessionId,
    landing_id: UploadId,
    listed: Sequence[tuple[int, str]],
) -> Landing:
    """The landing once its object is whole in S3; that it becomes a film with a receipt, the reconciler brings about.

    `listed` are number and ETag of each part, as the client has them. Asked again, it answers the same. Raises
    PartsMismatch for parts that are not the whole of one file, NotAFilm for bytes that are none or only a part of one
    (nothing is lost: what S3 has stays), UploadGone, Finalizing.
    """
    for _ in range(ATTEMPTS):
        picture, landing = load_landing(ports, principal, session_id, landing_id)
        if landing.is_on_its_way:
            try:
                _assemble(ports, principal, picture, landing, listed)
            except Conflict:
                continue
            picture = settle_session(ports, session_id, Actor.API, landing_id=landing_id)
            landing = picture.landing(landing_id)
        return _demand_landed(landing)
    raise StorageBusy(f"session {session_id} is being written by others; ask again")


def cancel(ports: Ports, picture: Picture, landing: Landing) -> None:
    """Give a landing up, until its client asks for it again within the undo window; what landed stays as it is."""
    if landing.state is not LandingState.ARRIVING:
        return
    save(ports, picture, landing=landing.cancelled(ports.clock.now()))
    log.info("landing cancelled", extra={"landing_id": landing.landing_id})


def load_landing(
    ports: Ports, principal: Principal, session_id: SessionId, landing_id: UploadId
) -> tuple[Picture, Landing]:
    """A landing of this session. Raises NotFound alike for what does not exist and for what this caller may not see."""
    principal.demand(Role.OPERATOR)
    picture = ports.records.picture(session_id)
    if picture is None:
        raise NotFound(NO_UPLOAD)
    principal.demand_sight(picture.session, NO_UPLOAD)
    return picture, picture.landing(landing_id)


def _open(
    ports: Ports,
    principal: Principal,
    session_id: SessionId,
    wanted: Wanted,
    wish: Wish | None,
    *,
    is_form: bool,
) -> Landing:
    principal.demand(Role.OPERATOR)
    is_counted = False
    for _ in range(ATTEMPTS):
        picture = _session(ports, principal, session_id, wish)
        landing = _new_landing(ports, session_id, wanted)
        _demand_room(ports, picture, landing, wanted)
        if not is_counted:
            limits.demand_open(ports, principal, picture.session.project, "open_uploads")
            limits.spend(
                ports, principal, picture.session.project, Windowed.bytes_a_day, wanted.told_bytes or 0
            )
            is_counted = True
        if not is_form:
            landing = _with_parts(ports, landing)
        try:
            save(ports, picture, landing=landing)
        except Conflict:
            _take_back(ports, session_id, landing)
            continue
        log.info("landing opened", extra={"session_id": session_id, "landing_id": landing.landing_id})
        return landing
    raise StorageBusy(f"session {session_id} is being written by others; ask again")


def _session(ports: Ports, principal: Principal, session_id: SessionId, wish: Wish | None) -> Picture:
    """The browser's session, OPEN; begun now if there is none. Raises StateConflict, NotFound."""
    picture = ports.records.picture(session_id)
    if picture is None:
        picture = begin_session(ports, principal, session_id, wish)
    principal.demand_sight(picture.session)
    if picture.session.origin is not Origin.BROWSER:
        raise StateConflict(
            f"the films of session {picture.session.name} do not come from a browser; choose another session"
        )
    state = picture.session.state
    if state is not SessionState.OPEN:
        raise StateConflict(
            f"the session is {state.value} and takes no more films; put them into another session of its group"
        )
    return picture


def begin_session(ports: Ports, principal: Principal, session_id: SessionId, wish: Wish | None) -> Picture:
    """The new session of a browser, without a film yet, or the one that another caller began meanwhile."""
    now = ports.clock.now()
    wanted = Session(session_id, BROWSER, NO_CAMERA, None, now)
    principal.demand_sight(wanted)
    limits.demand_open(ports, principal, wanted.project, "open_sessions")
    try:
        made = create(ports, wanted.ordered(wish, now) if wish else wanted, ())
    except Conflict:
        return load(ports, session_id)
    log.info("session opened", extra={"session_id": session_id, "chapters": 0})
    return made


def _new_landing(ports: Ports, session_id: SessionId, wanted: Wanted) -> Landing:
    now, landing_id = ports.clock.now(), ports.ids.upload_id()
    return Landing(
        landing_id,
        wanted.filename,
        keys.landing_key(session_id, landing_id),
        wanted.content_type,
        opened_at=now,
        heard_at=now,
        told_bytes=wanted.told_bytes,
    )


def _demand_room(ports: Ports, picture: Picture, landing: Landing, wanted: Wanted) -> None:
    film = landing.film(wanted.told_bytes or 1)
    ports.limits.demand_chapters([film])
    plan_parts(film.size_bytes, ports.policy.part_size_bytes)
    if sum(each.is_on_its_way for each in picture.landings) >= MOST_AT_ONCE:
        raise TooManyRequests(
            f"{MOST_AT_ONCE} films of this session are on their way; let some arrive first, or cancel them",
            60,
        )


def _with_parts(ports: Ports, landing: Landing) -> Landing:
    return replace(landing, multipart_id=ports.objects.open_landing(landing.key, landing.landing_id))


def _take_back(ports: Ports, session_id: SessionId, landing: Landing) -> None:
    # A write whose reply was lost conflicts with itself when it is repeated: what is recorded is live.
    is_recorded = any(each.landing_id == landing.landing_id for each in load(ports, session_id).landings)
    if landing.multipart_id and not is_recorded:
        ports.objects.abort(landing.key, landing.multipart_id)


def _hear(ports: Ports, picture: Picture, landing: Landing) -> Landing:
    """The landing after a call about it. Raises UploadGone once it is over, Finalizing while S3 assembles it."""
    _demand_parts_wanted(landing)
    now = ports.clock.now()
    if not landing.must_be_heard(now):
        return landing
    try:
        return save(ports, picture, landing=landing.heard(now)).landing(landing.landing_id)
    except Conflict as error:
        raise StorageBusy("others are writing this session; ask again") from error


def _demand_parts_wanted(landing: Landing) -> None:
    if landing.is_form:
        raise StateConflict("this upload is one form, and has no parts")
    if landing.state in (LandingState.EXPIRED, LandingState.REFUSED):
        raise UploadGone(f"this upload is over: {landing.reason}; begin again", landing.reason or "")
    if not landing.is_on_its_way:
        raise UploadGone("this upload has arrived; nothing more is needed", "it has arrived")


def _assemble(
    ports: Ports,
    principal: Principal,
    picture: Picture,
    landing: Landing,
    listed: Sequence[tuple[int, str]],
) -> None:
    """Have S3 assemble the parts, on record first. Raises PartsMismatch, TooLarge, Conflict."""
    _demand_parts_wanted(landing)
    try:
        held = ports.objects.landed_parts(landing.key, landing.multipart_id or "")
    except MultipartGone:
        return  # it may be assembled already: its object tells
    if not held:
        raise PartsMismatch(f"no part of {landing.filename} has arrived", (), ())
    total = check_parts(landing, held, listed)
    ports.limits.demand_size(landing.filename, total)
    plan_parts(total, ports.policy.part_size_bytes)
    if landing.told_bytes is None and landing.completing_at is None:
        limits.spend(ports, principal, picture.session.project, Windowed.bytes_a_day, total)
    save(ports, picture, landing=landing.completing(ports.clock.now()))
    try:
        ports.objects.complete_landing(landing.key, landing.multipart_id or "", held, total)
    except (MultipartGone, KeyTaken) as error:
        # Another call was first, or our reply was lost: the object itself tells.
        log.info("landing found taken", extra={"landing_id": landing.landing_id, "error": str(error)})
    except PartsRefused as error:
        raise PartsMismatch(
            f"S3 refused to assemble the parts of {landing.filename} ({error.code}); remove it from the list and add "
            "it again",
            (),
            (),
        ) from error


def _demand_landed(landing: Landing) -> Landing:
    match landing.state:
        case LandingState.LANDED | LandingState.MOVED | LandingState.DONE:
            return landing
        case LandingState.REFUSED:
            raise NotAFilm(f"{landing.reason}; what arrived is kept for a month", landing.reason or "")
        case LandingState.EXPIRED:
            raise UploadGone(f"this upload is over: {landing.reason}; begin again", landing.reason or "")
    raise Finalizing("S3 is still assembling this film; ask again in a moment")
