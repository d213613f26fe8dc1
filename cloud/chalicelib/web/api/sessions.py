"""The calls of `docs/api.md` about sessions: confirm one, look at it, hear how far it is."""

from collections.abc import Callable

from chalice.app import Response

from chalicelib.core.errors import SessionDiffers, StateConflict
from chalicelib.core.ids import ArtifactId
from chalicelib.core.picture import Picture
from chalicelib.core.tokens import Role
from chalicelib.flows import sessions
from chalicelib.ports import Ports
from chalicelib.web import routing
from chalicelib.web.auth import VERSION_HEADER
from chalicelib.web.routing import Call, Route
from chalicelib.web.wire import parsing, requests, responses


def put_session(ports: Ports, call: Call, session_id: str) -> Response:
    given = parsing.decoded(call.body, requests.SessionGiven)
    named = call.session(session_id)
    wish = given.wish(call.settings.default_wish)
    confirm = _confirm_films() if call.principal.role is Role.OPERATOR else sessions.confirm_session
    picture, is_new = confirm(
        ports, call.principal, named, given.recorded_by(), given.group, given.listed(), wish
    )
    return routing.session_answer(ports, picture, 201 if is_new else 200)


def _confirm_films() -> Callable[..., tuple[Picture, bool]]:
    from chalicelib.flows import browser_sessions  # few calls need it, and each start would pay for it

    return browser_sessions.confirm_films


def delete_chapter(ports: Ports, call: Call, session_id: str, artifact_id: str) -> Response:
    from chalicelib.flows import browser_sessions  # as above

    named = call.session(session_id)
    picture = browser_sessions.withdraw_film(ports, call.principal, named, ArtifactId(artifact_id))
    return routing.session_answer(ports, picture)


def get_session(ports: Ports, call: Call, session_id: str) -> Response:
    picture = sessions.view_session(ports, call.principal, call.session(session_id))
    return routing.session_answer(ports, picture)


def post_progress(ports: Ports, call: Call, session_id: str) -> Response:
    now = ports.clock.now()
    progress = parsing.decoded(call.body, requests.ProgressGiven).progress(now)
    version = call.headers.get(VERSION_HEADER)
    sessions.record_progress(ports, call.principal, call.session(session_id), progress, version)
    return routing.answer(responses.heartbeat(call.settings.pause, call.settings.pace_bytes_s, now))


ROUTES: tuple[Route, ...] = (
    Route(
        "PUT",
        "/v1/sessions/{session_id}",
        put_session,
        "Creates or confirms a session with its chapters; one of an operator takes more films while it is OPEN",
        answer="Session",
        roles=(Role.DEVICE, Role.OPERATOR),
        body=requests.SessionGiven,
        statuses=(200, 201),
        problems=(SessionDiffers, StateConflict),
    ),
    Route(
        "DELETE",
        "/v1/sessions/{session_id}/chapters/{artifact_id}",
        delete_chapter,
        "Takes a film back out of a browser's session that is OPEN, before it has a receipt",
        answer="Session",
        roles=(Role.OPERATOR,),
        problems=(StateConflict,),
    ),
    Route(
        "GET",
        "/v1/sessions/{session_id}",
        get_session,
        "The session",
        answer="Session",
        roles=routing.EVERYBODY,
    ),
    Route(
        "POST",
        "/v1/sessions/{session_id}/progress",
        post_progress,
        "Tells how far the device is, and answers what it should do",
        answer="Heartbeat",
        roles=(Role.DEVICE,),
        body=requests.ProgressGiven,
    ),
)
