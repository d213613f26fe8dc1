"""The calls of `docs/api.md` about page sessions: log in with a token, look at the login, log out."""

from chalice.app import Response

from chalicelib.core.tokens import Role
from chalicelib.ports import Ports
from chalicelib.web import auth, routing
from chalicelib.web.routing import Call, Route, ShownBy
from chalicelib.web.wire import parsing, requests, responses

NOT_KEPT = {"Cache-Control": "no-store"}


def post_login(ports: Ports, call: Call) -> Response:
    from chalicelib.flows import page_sessions

    parsing.decoded(call.body, requests.LoginAsked)
    made, cookie = page_sessions.log_in(ports, call.principal, call.settings.page)
    told = responses.login(call.principal, made.expires_at, call.settings.page)
    kept = auth.set_cookie(call.headers, cookie, made.expires_at, ports.clock.now())
    return routing.answer(told, 201, {**NOT_KEPT, "Set-Cookie": kept})


def get_login(_ports: Ports, call: Call) -> Response:
    assert call.principal.login_ends_at, "the door lets only page sessions in"
    told = responses.login(call.principal, call.principal.login_ends_at, call.settings.page)
    return routing.answer(told, headers=NOT_KEPT)


def delete_login(ports: Ports, call: Call) -> Response:
    from chalicelib.flows import page_sessions

    assert call.principal.page_session, "the door lets only page sessions in"
    page_sessions.log_out(ports, call.principal.page_session)
    now = ports.clock.now()
    return Response("", {**NOT_KEPT, "Set-Cookie": auth.set_cookie(call.headers, "", now, now)}, 204)


_WHO = (Role.OPERATOR, Role.VIEWER, Role.SHARE)

ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        "/v1/login",
        post_login,
        "Opens a page session: the answer sets a cookie, which the page sends in place of the token",
        answer="Login",
        roles=_WHO,
        body=requests.LoginAsked,
        statuses=(201,),
        shown_by=ShownBy.TOKEN,
    ),
    Route(
        "GET",
        "/v1/login",
        get_login,
        "Who is logged in by the call's cookie",
        answer="Login",
        roles=_WHO,
        shown_by=ShownBy.COOKIE,
    ),
    Route(
        "DELETE",
        "/v1/login",
        delete_login,
        "Ends the page session of the call's cookie",
        answer=routing.NO_BODY,
        roles=_WHO,
        statuses=(204,),
        shown_by=ShownBy.COOKIE,
    ),
)
