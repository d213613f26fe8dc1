"""Share links as calls: who makes them, what who has one sees, and what ends one."""

import pytest

from chalicelib.core import tokens
from chalicelib.core.ids import SessionId, ShareId, TokenId
from chalicelib.core.page_sessions import PageRules
from chalicelib.core.shares import MOST_OPEN
from chalicelib.core.tokens import Role
from chalicelib.flows import devices
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts
from tests.web.client import Answer, Caller, Deployment, app_over, caller_of, with_token
from tests.web.principals import HOST, ORIGIN
from tests.web.usual import ARTIFACT_ID, SESSION, SHARED, opened, stored

SHARES = f"{SESSION}/shares"
LOGIN = "/v1/login"
DEPLOYMENT = Deployment(page=PageRules(idle_s=100_000, life_s=50_000, share_longest_s=90_000))


def share(ports: MemoryPorts, **said: object) -> Answer:
    operator = Caller(app_over(ports, DEPLOYMENT), with_token(ports.records, Role.OPERATOR))
    return operator.call("POST", SHARES, {**SHARED, **said})


def log_in(ports: MemoryPorts, token: str) -> Answer:
    holder = Caller(app_over(ports, DEPLOYMENT), {"Authorization": f"Bearer {token}", "Host": HOST})
    return holder.call("POST", LOGIN, {})


def watcher(ports: MemoryPorts, token: str) -> Caller:
    """A browser that opened the link."""
    cookie = log_in(ports, token).headers["Set-Cookie"].partition(";")[0]
    return Caller(app_over(ports, DEPLOYMENT), {"Host": HOST, "Origin": ORIGIN, "Cookie": cookie})


def trail(ports: MemoryPorts) -> list[tuple[str, str | None, str | None]]:
    """Who did what with shares."""
    return [
        (entry.acting.who, step.name, step.after)
        for entry in ports.records.entries
        for step in entry.steps
        if step.thing == "share"
    ]


def test_a_link_is_made_with_a_token_that_no_other_answer_has():
    ports = opened()

    answer = share(ports)

    made = answer.document
    assert answer.status == 201
    assert answer.headers["Cache-Control"] == "no-store"
    assert (made["label"], made["expires_at"]) == ("the club's coach", "2026-11-21T13:00:00Z")
    assert made["token"].startswith(f"{made['share_id']}.")
    listed = caller_of(ports, Role.OPERATOR).call("GET", SHARES)
    assert made["token"].encode() not in listed.body
    assert listed.document["shares"] == [
        {
            "share_id": made["share_id"],
            "label": "the club's coach",
            "made_by": "t_operator-main-None-0",
            "created_at": "2026-11-21T12:00:00Z",
            "expires_at": "2026-11-21T13:00:00Z",
            "revoked_at": None,
        }
    ]


def test_of_a_link_only_the_digest_is_kept():
    ports = opened()
    made = share(ports).document

    known = ports.records.share(made["share_id"])

    assert known
    assert known.digest == tokens.digest(made["token"].partition(".")[2])


def test_who_opens_the_link_is_logged_in_to_its_session():
    ports = opened()

    answer = log_in(ports, share(ports).document["token"])

    assert answer.status == 201
    assert answer.document == {
        "role": "share",
        "project": "main",
        "session": "match-17-north",
        "expires_at": "2026-11-21T13:00:00Z",
        "idle_s": 100_000,
    }
    assert "Max-Age=3600;" in answer.headers["Set-Cookie"]


def test_a_login_by_a_link_ends_with_the_login_if_that_is_sooner():
    ports = opened()

    answer = log_in(ports, share(ports, ttl_s=90_000).document["token"])

    assert "Max-Age=50000;" in answer.headers["Set-Cookie"]


def test_the_films_of_the_session_can_be_watched():
    ports = stored()
    caller = watcher(ports, share(ports).document["token"])

    assert caller.call("GET", SESSION).status == 200
    assert caller.call("GET", f"{SESSION}/artifacts").status == 200
    assert caller.call("GET", f"{SESSION}/artifacts/{ARTIFACT_ID}/url").status == 200


def test_the_measurements_of_the_session_can_be_read():
    ports = story.processed([story.LIGHTS])
    caller = watcher(ports, share(ports).document["token"])

    for path in ("frames", "frames/summary", "frames/url", "frames/report"):
        assert caller.call("GET", f"{SESSION}/{path}").status == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/sessions", "/v1/groups/match-17", "/v1/devices", "/v1/statistics", "/v1/limits"),
        *("/v1/health/detail", "/v1/cameras/C3501324500711/chapters", f"{SESSION}/audit", SHARES),
    ],
)
def test_who_has_a_link_lists_nothing(path: str):
    ports = opened()

    assert watcher(ports, share(ports).document["token"]).call("GET", path).status == 403


def test_another_session_reads_like_one_that_does_not_exist():
    ports = opened()
    other = ports.records.picture(SESSION_ID)
    assert other
    caller = watcher(ports, share(ports).document["token"])

    assert caller.call("GET", "/v1/sessions/match-18").said == caller.call("GET", "/v1/sessions/never").said
    assert caller.call("GET", SESSION, headers={"Reelhaul-Project": "other"}).status == 404


def test_the_links_token_opens_the_page_and_nothing_else():
    ports = opened()
    token = share(ports).document["token"]
    holder = Caller(app_over(ports), {"Authorization": f"Bearer {token}"})

    answer = holder.call("GET", SESSION)

    assert answer.problem == (403, "not-permitted", "stop")
    assert "open the link in a browser" in answer.document["detail"]
    assert holder.call("POST", "/v1/token/rotate", {"secret_digest": "ab" * 32}).status == 403


@pytest.mark.parametrize("leave_out", [True, False])
def test_a_cookie_without_its_links_id_or_with_another_is_not_the_makers(leave_out: bool):
    ports = opened()
    caller = watcher(ports, share(ports).document["token"])
    another = share(ports).document["share_id"]
    cookie, _, _ = caller.headers["Cookie"].rpartition(".")
    forged = cookie if leave_out else f"{cookie}.{another}"

    answer = Caller(app_over(ports), {**caller.headers, "Cookie": forged}).call("GET", SESSION)

    assert answer.problem == (401, "not-authenticated", "stop")


class TestItsEnd:
    """What ends a link ends the logins that it opened, for the next call."""

    @pytest.mark.parametrize(("seconds", "status"), [(3_599, 200), (3_600, 401), (3_601, 401)])
    def test_it_ends_at_its_end(self, seconds: int, status: int):
        ports = opened()
        caller = watcher(ports, share(ports).document["token"])

        ports.clock.advance(seconds)

        assert caller.call("GET", SESSION).status == status

    @pytest.mark.parametrize(("seconds", "status"), [(3_599, 201), (3_600, 401), (3_601, 401)])
    def test_after_its_end_nobody_logs_in_by_it(self, seconds: int, status: int):
        ports = opened()
        token = share(ports).document["token"]

        ports.clock.advance(seconds)

        assert log_in(ports, token).status == status

    def test_a_revoked_link_lets_nobody_in_and_who_is_in_out(self):
        ports = opened()
        made = share(ports).document
        caller = watcher(ports, made["token"])

        answer = caller_of(ports, Role.OPERATOR).call("DELETE", f"{SHARES}/{made['share_id']}")

        assert answer.document["revoked_at"] == "2026-11-21T12:00:00Z"
        assert "revoked" in caller.call("GET", SESSION).document["detail"]
        assert "revoked" in log_in(ports, made["token"]).document["detail"]

    def test_revoking_it_again_changes_nothing(self):
        ports = opened()
        path = f"{SHARES}/{share(ports).document['share_id']}"
        first = caller_of(ports, Role.OPERATOR).call("DELETE", path)
        ports.clock.advance(60)

        assert caller_of(ports, Role.OPERATOR).call("DELETE", path).document == first.document
        assert [after for _, _, after in trail(ports)].count("revoked") == 1

    def test_the_revocation_of_its_makers_token_ends_it(self):
        ports = opened()
        token = share(ports).document["token"]
        caller = watcher(ports, token)

        devices.revoke(ports, TokenId("t_operator-main-None-0"))

        assert caller.call("GET", SESSION).status == 401
        assert "that made this link" in log_in(ports, token).document["detail"]

    def test_a_logout_ends_the_login_and_not_the_link(self):
        ports = opened()
        token = share(ports).document["token"]
        caller = watcher(ports, token)

        assert caller.call("DELETE", LOGIN).status == 204

        assert caller.call("GET", SESSION).status == 401
        assert log_in(ports, token).status == 201


@pytest.mark.parametrize("share_id", ["s_unknown", "x", "s_", "s_%20"])
def test_a_link_that_there_is_not_cannot_be_revoked(share_id: str):
    answer = caller_of(opened(), Role.OPERATOR).call("DELETE", f"{SHARES}/{share_id}")

    assert answer.problem == (404, "not-found", "stop")


def test_a_link_of_another_session_cannot_be_revoked_here():
    ports = opened()
    made = share(ports).document
    known = ports.records.share(ShareId(made["share_id"]))
    assert known
    assert known.session_id == SessionId("main/match-17-north")

    answer = caller_of(ports, Role.OPERATOR).call(
        "DELETE", f"/v1/sessions/match-18/shares/{made['share_id']}"
    )

    assert answer.status == 404
    assert ports.records.share(known.share_id) == known


def test_making_using_and_revoking_a_link_is_in_the_audit_trail_with_who_did_it():
    ports = opened()
    made = share(ports).document
    log_in(ports, made["token"])
    caller_of(ports, Role.OPERATOR).call("DELETE", f"{SHARES}/{made['share_id']}")

    assert trail(ports) == [
        ("operator", made["share_id"], "made for match-17-north: the club's coach"),
        ("share", made["share_id"], "used for match-17-north: the club's coach"),
        ("operator", made["share_id"], "revoked"),
    ]
    used = ports.records.entries[-2]
    assert (used.project, used.acting.token_id, used.acting.route) == (
        "main",
        made["share_id"],
        "POST /v1/login",
    )


@pytest.mark.parametrize(
    "said",
    [
        *({"ttl_s": 59}, {"ttl_s": 90_001}, {"ttl_s": 0}, {"ttl_s": "3600"}, {"ttl_s": None}),
        *({"label": ""}, {"label": "x" * 101}, {"label": "a\nb"}, {"label": None}, {"session": "x"}),
    ],
)
def test_what_is_no_link_is_refused(said: dict[str, object]):
    ports = opened()

    assert share(ports, **said).problem == (400, "invalid-request", "stop")
    assert ports.records.shares(SESSION_ID) == ()


@pytest.mark.parametrize("said", [{"ttl_s": 60}, {"ttl_s": 90_000}, {"label": "x"}, {"label": "ä" * 100}])
def test_a_link_at_each_limit_is_made(said: dict[str, object]):
    assert share(opened(), **said).status == 201


def test_a_session_has_so_many_links_at_a_time():
    ports = opened()
    for _ in range(MOST_OPEN):
        last = share(ports)
    assert last.status == 201

    assert share(ports).problem == (409, "state-conflict", "stop")

    caller_of(ports, Role.OPERATOR).call("DELETE", f"{SHARES}/{last.document['share_id']}")
    assert share(ports).status == 201


@pytest.mark.parametrize("token", ["s_unknown.x", "s_", "s_x", "s_x."])
def test_a_link_that_is_none_is_not_authenticated(token: str):
    assert log_in(opened(), token).problem == (401, "not-authenticated", "stop")


def test_a_link_whose_secret_is_wrong_reads_like_one_that_there_is_not():
    ports = opened()
    made = share(ports).document

    assert log_in(ports, made["token"] + "x").said == log_in(ports, "s_unknown.x").said


def test_the_page_makes_links_too():
    ports = opened()
    holder = Caller(app_over(ports), with_token(ports.records, Role.OPERATOR) | {"Host": HOST})
    cookie = holder.call("POST", LOGIN, {}).headers["Set-Cookie"].partition(";")[0]
    page = Caller(app_over(ports), {"Host": HOST, "Origin": ORIGIN, "Cookie": cookie})

    made = page.call("POST", SHARES, SHARED).document

    assert log_in(ports, made["token"]).status == 201
