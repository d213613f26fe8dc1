"""The call of `docs/api.md` about the audit trail: for operators."""

from chalice.app import Response

from chalicelib.core.tokens import Role
from chalicelib.flows import sessions
from chalicelib.ports import Ports
from chalicelib.web import routing
from chalicelib.web.routing import Call, Route
from chalicelib.web.wire import queries, responses

MOST_ENTRIES = 100
"""Of one answer: of at most 20 changed uploads each."""


def get_audit(ports: Ports, call: Call, session_id: str) -> Response:
    call.principal.demand(Role.OPERATOR)
    after = queries.trail(call.query)
    named = sessions.view_session(ports, call.principal, call.session(session_id)).session.session_id
    entries = ports.records.trail(named, after, MOST_ENTRIES)
    is_last = len(entries) < MOST_ENTRIES
    return routing.answer(responses.trail(entries, is_last))


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/v1/sessions/{session_id}/audit",
        get_audit,
        "Who changed what of a session, and when, the oldest first",
        answer="Trail",
        roles=(Role.OPERATOR,),
        query="CursorQuery",
    ),
)
