"""Logging in to the page: the cookie, where a call with it may come from, and what ends it."""

import re

import pytest

from chalicelib.core import tokens
from chalicelib.core.ids import TokenId
from chalicelib.core.page_sessions import RENEW_S, PageRules
from chalicelib.core.tokens import Role
from chalicelib.flows import devices, enrolment
from tests.support.builders import MemoryPorts
from tests.web.client import Answer, Caller, Deployment, app_over, with_token
from tests.web.principals import HOST, ORIGIN, logged_in
from tests.web.usual import HOLD, SESSION, opened

LOGIN = "/v1/login"
RULES = PageRules(idle_s=1_000, life_s=5_000, origins=("https://films.example.org",))
DEPLOYMENT = Deployment(page=RULES)
OWN = {"Host": HOST, "Origin": ORIGIN}


def log_in(
    ports: MemoryPorts, role: Role = Role.OPERATOR, host: str = HOST, life_s: int | None = None
) -> Answer:
    token = with_token(ports.records, role, life_s=life_s)
    holder = Caller(app_over(ports, DEPLOYMENT), token | {"Host": host})
    return holder.call("POST", LOGIN, {})


def cookie_of(answer: Answer) -> str:
    return answer.headers["Set-Cookie"].partition(";")[0]


def page(ports: MemoryPorts) -> Caller:
    """The page in a browser, logged in."""
    return Caller(app_over(ports, DEPLOYMENT), {**OWN, "Cookie": cookie_of(log_in(ports))})


def test_a_login_sets_a_cookie_that_only_this_host_gets_and_no_script():
    answer = log_in(opened())

    assert answer.status == 201
    assert re.fullmatch(
        r"__Host-reelhaul=p_[^;]+; Path=/; Max-Age=5000; Secure; HttpOnly; SameSite=Strict",
        answer.headers["Set-Cookie"],
    )
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.document == {
        "role": "operator",
        "project": "main",
        "session": None,
        "expires_at": "2026-11-21T13:23:20Z",
        "idle_s": 1000,
    }


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "LOCALHOST:8000", "127.1.2.3", "[::1]:8000"])
def test_on_loopback_there_is_no_https_and_the_cookie_has_a_plain_name(host: str):
    ports = opened()

    set_cookie = log_in(ports, host=host).headers["Set-Cookie"]

    assert re.fullmatch(r"reelhaul=p_[^;]+; Path=/; Max-Age=5000; HttpOnly; SameSite=Strict", set_cookie)
    own = {"Host": host, "Cookie": set_cookie.partition(";")[0], "X-Forwarded-Proto": "https"}
    caller = Caller(app_over(ports, DEPLOYMENT), own)
    assert caller.call("GET", SESSION).status == 200
    assert caller.call("POST", f"{SESSION}/hold", HOLD, {"Origin": f"http://{host}".lower()}).status == 200


@pytest.mark.parametrize(
    "host", ["localhost.example.org", "127.0.0.1.example.org", "10.0.0.1", "a-localhost", ""]
)
def test_elsewhere_the_cookie_needs_https(host: str):
    assert log_in(opened(), host=host).headers["Set-Cookie"].startswith("__Host-reelhaul=")


def test_a_cookie_of_the_plain_name_counts_on_loopback_alone():
    ports = opened()
    _, _, value = cookie_of(log_in(ports)).partition("=")

    assert (
        Caller(app_over(ports), {"Host": HOST, "Cookie": f"reelhaul={value}"}).call("GET", SESSION).status
        == 401
    )


def test_the_cookie_is_found_among_others():
    ports = opened()
    cookie = cookie_of(log_in(ports))
    others = {**OWN, "Cookie": f"a=b; x__Host-reelhaul=1;  {cookie} ; __Host-reelhaul2=c"}

    assert Caller(app_over(ports), others).call("GET", SESSION).status == 200


def test_neither_answer_nor_record_has_the_cookies_secret():
    ports = opened()
    answer = log_in(ports)
    _, secret, token_id = cookie_of(answer).split(".")
    caller = Caller(app_over(ports), {**OWN, "Cookie": cookie_of(answer)})

    told = answer.body + caller.call("GET", LOGIN).body
    [kept] = ports.records.page_sessions(TokenId(token_id))

    assert secret.encode() not in told
    assert kept.digest == tokens.digest(secret)


@pytest.mark.parametrize("body", [{"role": "operator"}, [], b"", b"null"])
def test_a_login_takes_an_empty_object(body: object):
    ports = opened()
    holder = Caller(app_over(ports), with_token(ports.records, Role.OPERATOR))

    assert holder.call("POST", LOGIN, body).problem == (400, "invalid-request", "stop")


@pytest.mark.parametrize("role", [Role.DEVICE, Role.PROCESSOR])
def test_devices_and_processors_do_not_log_in(role: Role):
    ports = opened()
    answer = Caller(
        app_over(ports), with_token(ports.records, role) | {"Reelhaul-Client-Version": "0.1.0"}
    ).call("POST", LOGIN, {})

    assert answer.problem == (403, "not-permitted", "stop")
    assert (
        answer.document["detail"]
        == f"this call is for a operator or viewer or share; the token is a {role.value}'s"
    )


def test_a_token_in_the_header_counts_and_not_the_cookie():
    ports = opened()
    own = {**OWN, "Cookie": cookie_of(log_in(ports, Role.OPERATOR))}
    viewer = with_token(ports.records, Role.VIEWER)

    assert Caller(app_over(ports), own | viewer).call("POST", f"{SESSION}/hold", HOLD).status == 403
    assert Caller(app_over(ports), own | {"Authorization": "Bearer x"}).call("GET", SESSION).status == 401
    assert Caller(app_over(ports), own | {"Authorization": ""}).call("GET", SESSION).status == 401


class TestOrigin:
    """A browser sends the cookie with calls of its own making: a change has to come from the page."""

    @pytest.mark.parametrize("origin", [ORIGIN, ORIGIN.upper(), "https://films.example.org"])
    def test_a_change_from_the_page_or_a_further_address_of_it_is_made(self, origin: str):
        assert page(opened()).call("POST", f"{SESSION}/hold", HOLD, {"Origin": origin}).status == 200

    @pytest.mark.parametrize(
        "origin",
        [
            "https://evil.example.com",
            "http://page.example.org",
            "https://page.example.org:8443",
            "https://page.example.org.evil.com",
            "https://xpage.example.org",
            "null",
            "",
        ],
    )
    def test_a_change_from_another_origin_is_refused(self, origin: str):
        ports = opened()

        answer = page(ports).call("POST", f"{SESSION}/hold", HOLD, {"Origin": origin})

        assert answer.problem == (403, "not-permitted", "stop")
        assert "PAGE_ORIGINS" in answer.document["detail"]

    @pytest.mark.parametrize(("method", "path"), [("POST", f"{SESSION}/hold"), ("DELETE", LOGIN)])
    def test_a_change_without_an_origin_is_refused(self, method: str, path: str):
        ports = opened()
        own = page(ports).headers
        without = Caller(app_over(ports), {name: each for name, each in own.items() if name != "Origin"})

        answer = without.call(method, path, HOLD)

        assert answer.problem == (403, "not-permitted", "stop")
        assert without.call("GET", LOGIN).status == 200

    @pytest.mark.parametrize("host", [f"{HOST}:443", HOST.upper()])
    def test_the_usual_port_and_capitals_are_the_same_origin(self, host: str):
        assert page(opened()).call("POST", f"{SESSION}/hold", HOLD, {"Host": host}).status == 200

    def test_without_a_host_no_origin_is_its_own(self):
        answer = page(opened()).call("POST", f"{SESSION}/hold", HOLD, {"Host": "", "Origin": "https://"})

        assert answer.status == 403

    @pytest.mark.parametrize(
        ("site", "status"), [("cross-site", 403), ("Cross-Site", 403), ("same-origin", 200), ("none", 200)]
    )
    def test_a_read_that_another_site_causes_is_refused(self, site: str, status: int):
        assert page(opened()).call("GET", SESSION, headers={"Sec-Fetch-Site": site}).status == status

    def test_a_token_proves_itself_from_anywhere(self):
        ports = opened()
        headers = with_token(ports.records, Role.OPERATOR) | {
            "Host": HOST,
            "Origin": "https://evil.example.com",
        }

        assert Caller(app_over(ports), headers).call("POST", f"{SESSION}/hold", HOLD).status == 200


class TestItsEnd:
    """What ends a page session ends it for the next call."""

    def test_a_logout_ends_it_and_takes_the_cookie_away(self):
        caller = page(opened())

        answer = caller.call("DELETE", LOGIN)

        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["Set-Cookie"] == (
            "__Host-reelhaul=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict"
        )
        assert caller.call("GET", LOGIN).problem == (401, "not-authenticated", "stop")

    def test_a_logout_ends_no_other_page_session(self):
        ports = opened()
        first, second = page(ports), page(ports)

        first.call("DELETE", LOGIN)

        assert second.call("GET", LOGIN).status == 200

    @pytest.mark.parametrize(("seconds", "status"), [(999, 200), (1_000, 401), (1_001, 401)])
    def test_it_ends_when_it_is_idle(self, seconds: int, status: int):
        ports = opened()
        caller = page(ports)

        ports.clock.advance(seconds)

        assert caller.call("GET", SESSION).status == status

    @pytest.mark.parametrize(("seconds", "status"), [(4_999, 200), (5_000, 401), (5_001, 401)])
    def test_it_ends_at_its_end_however_much_it_is_used(self, seconds: int, status: int):
        ports = opened()
        caller = page(ports)
        for _ in range(9):
            ports.clock.advance(500)
            assert caller.call("GET", SESSION).status == 200

        ports.clock.advance(seconds - 4_500)

        assert caller.call("GET", SESSION).status == status

    def test_each_use_moves_its_idle_end_by_at_most_a_few_minutes_less_than_idle_time(self):
        ports = opened()
        caller = page(ports)
        ports.clock.advance(RENEW_S - 1)
        caller.call("GET", SESSION)

        ports.clock.advance(RULES.idle_s - RENEW_S)
        assert caller.call("GET", SESSION).status == 200
        ports.clock.advance(RULES.idle_s - 1)
        assert caller.call("GET", SESSION).status == 200
        ports.clock.advance(RULES.idle_s)
        assert caller.call("GET", SESSION).status == 401

    def test_the_revocation_of_its_token_ends_it(self):
        ports = opened()
        caller = page(ports)
        token_id = caller.headers["Cookie"].rpartition(".")[2]

        devices.revoke(ports, TokenId(token_id))

        assert "revoked" in caller.call("GET", SESSION).document["detail"]

    def test_a_rotation_of_its_token_ends_it(self):
        ports = opened()
        caller = page(ports)
        token_id = TokenId(caller.headers["Cookie"].rpartition(".")[2])

        enrolment.rotate(ports, token_id, 0, tokens.digest("second"))

        assert "another secret" in caller.call("GET", SESSION).document["detail"]

    def test_a_secret_that_was_rotated_away_opens_none(self):
        ports = opened()
        holder = Caller(app_over(ports), with_token(ports.records, Role.OPERATOR))
        assert (
            holder.call("POST", "/v1/token/rotate", {"secret_digest": tokens.digest("second")}).status == 201
        )

        assert holder.call("GET", SESSION).status == 200
        assert holder.call("POST", LOGIN, {}).problem == (401, "not-authenticated", "stop")

    def test_it_ends_with_its_tokens_secret(self):
        ports = opened()

        answer = log_in(ports, life_s=60)

        assert answer.document["expires_at"] == "2026-11-21T12:01:00Z"
        assert "Max-Age=60;" in answer.headers["Set-Cookie"]

    def test_a_cookie_with_another_tokens_id_is_none(self):
        ports = opened()
        cookie = cookie_of(log_in(ports, Role.VIEWER))
        operator = cookie_of(log_in(ports, Role.OPERATOR)).rpartition(".")[2]
        forged = f"{cookie.rpartition('.')[0]}.{operator}"

        assert Caller(app_over(ports), {**OWN, "Cookie": forged}).call("GET", SESSION).status == 401


def test_the_page_cannot_have_the_token_itself():
    """Who runs a script in the page must not come away with a token."""
    caller = page(opened())

    assert caller.call("POST", "/v1/token/rotate", {"secret_digest": "ab" * 32}).status == 401
    assert caller.call("POST", LOGIN, {}).status == 401


def test_calls_of_the_page_count_as_its_tokens():
    ports = opened()
    before = list(ports.records.entries)
    caller = Caller(app_over(ports), logged_in(ports, Role.OPERATOR))

    caller.call("POST", f"{SESSION}/hold", HOLD)

    [entry] = ports.records.entries[len(before) :]
    assert (entry.acting.who, entry.acting.token_id) == ("operator", "t_operator-main-None-0")


def test_a_viewer_changes_nothing_and_is_told_so():
    ports = opened()
    viewer = Caller(app_over(ports), with_token(ports.records, Role.VIEWER))

    answer = viewer.call("POST", f"{SESSION}/hold", HOLD)

    assert answer.problem == (403, "not-permitted", "stop")
    assert (
        answer.document["detail"]
        == "a viewer looks and changes nothing; this call asks for the role operator"
    )
