"""The calls of `docs/api.md` about sessions: confirm one, look at it, hear how far it is."""

from chalice.app import Response

from chalicelib.core.errors import SessionDiffers
from chalicelib.core.tokens import Role
from chalicelib.flows import sessions
from chalicelib.ports import Ports
from chalicelib.web import routing
from chalicelib.web.routing import Call, Route
from chalicelib.web.wire import parsing, requests, responses


def put_session(ports: Ports, call: Call, session_id: str) -> Response:
    given = parsing.decoded(call.body, requests.SessionGiven)
    named = call.session(session_id)
    wish = given.wish(call.settings.default_wish)
    picture, is_new = sessions.confirm_session(
        ports, call.principal, named, given.recorded_by(), given.group, given.listed(), wish
    )
    return routing.session_answer(ports, picture, 201 if is_new else 200)


def get_session(ports: Ports, call: Call, session_id: str) -> Response:
    picture = sessions.view_session(ports, call.principal, call.session(session_id))
    return routing.session_answer(ports, picture)


def post_progress(ports: Ports, call: Call, session_id: str) -> Response:
    now = ports.clock.now()
    progress = parsing.decoded(call.body, requests.ProgressGiven).progress(now)
    sessions.record_progress(ports, call.principal, call.session(session_id), progress)
    return routing.answer(responses.heartbeat(call.settings.pause, call.settings.pace_bytes_s, now))


ROUTES: tuple[Route, ...] = (
    Route(
        "PUT",
        "/v1/sessions/{session_id}",
        put_session,
        "Creates or confirms a session with its chapters",
        answer="Session",
        roles=(Role.DEVICE,),
        body=requests.SessionGiven,
        statuses=(200, 201),
        problems=(SessionDiffers,),
    ),
    Route("GET", "/v1/sessions/{session_id}", get_session, "The session", answer="Session"),
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
