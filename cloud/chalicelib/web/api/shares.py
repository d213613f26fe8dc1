"""The calls of `docs/api.md` about share links: for operators."""

from chalice.app import Response

from chalicelib.core.errors import StateConflict
from chalicelib.core.tokens import Role
from chalicelib.ports import Ports
from chalicelib.web import routing
from chalicelib.web.routing import Call, Route
from chalicelib.web.wire import parsing, requests, responses

NOT_KEPT = {"Cache-Control": "no-store"}


def post_share(ports: Ports, call: Call, session_id: str) -> Response:
    from chalicelib.flows import shares

    given = parsing.decoded(call.body, requests.ShareAsked)
    named, longest_s = call.session(session_id), call.settings.page.share_longest_s
    made, written = shares.create_share(ports, call.principal, named, given.label, given.ttl_s, longest_s)
    return routing.answer(responses.share_made(made, written), 201, NOT_KEPT)


def get_shares(ports: Ports, call: Call, session_id: str) -> Response:
    from chalicelib.flows import shares

    found = shares.list_shares(ports, call.principal, call.session(session_id))
    return routing.answer({"shares": [responses.share(each) for each in found]})


def delete_share(ports: Ports, call: Call, session_id: str, share_id: str) -> Response:
    from chalicelib.flows import shares

    named = call.session(session_id)
    return routing.answer(
        responses.share(shares.revoke_share(ports, call.principal, named, parsing.share_id(share_id)))
    )


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/v1/sessions/{session_id}/shares",
        post_share,
        "Makes a link with which anybody may watch the session for a while",
        answer="ShareMade",
        roles=(Role.OPERATOR,),
        body=requests.ShareAsked,
        statuses=(201,),
        problems=(StateConflict,),
    ),
    Route(
        "GET",
        "/v1/sessions/{session_id}/shares",
        get_shares,
        "The links of the session, the newest first, without their tokens",
        answer="Shares",
        roles=(Role.OPERATOR,),
    ),
    Route(
        "DELETE",
        "/v1/sessions/{session_id}/shares/{share_id}",
        delete_share,
        "Revokes a link: it and the page sessions that it opened end at once",
        answer="Share",
        roles=(Role.OPERATOR,),
    ),
)
