"""Page sessions: how long they are good, and what ends them."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core import page_sessions, tokens
from chalicelib.core.errors import NotAuthenticated
from chalicelib.core.ids import PageSessionId, SessionId, ShareId, TokenId
from chalicelib.core.page_sessions import RENEW_S, Known, PageRules, PageSession
from chalicelib.core.shares import Share
from chalicelib.core.tokens import PageSessionKey, Principal, Role, Secrets, Token
from tests.support.memory import START

TOKEN = Token(TokenId("t_1"), Role.OPERATOR, "main", None, tokens.digest("first"), START)
RULES = PageRules(idle_s=600, life_s=3_600)
OPENED = PageSession(
    TOKEN.token_id, PageSessionId("p_1"), tokens.digest("cookie"), 0, START, START, START + timedelta(hours=1)
)
KEY = PageSessionKey(TOKEN.token_id, PageSessionId("p_1"))
SHARE = Share(
    ShareId("s_1"),
    SessionId("main/match-17"),
    tokens.digest("link"),
    "the coach",
    TOKEN.token_id,
    START,
    START + timedelta(seconds=500),
)
OF_LINK = replace(OPENED, share_id=SHARE.share_id)
VIEWED = Principal(
    Role.SHARE,
    "main",
    None,
    TokenId("s_1"),
    page_session=OF_LINK.key,
    only_session=SHARE.session_id,
    login_ends_at=OF_LINK.expires_at,
)


def at(seconds: float):
    return START + timedelta(seconds=seconds)


def caller(
    found: PageSession | None = OPENED,
    token: Token | None = TOKEN,
    secret: str = "cookie",
    seconds: float = 0,
) -> Principal:
    return page_sessions.principal(Known(found, token), secret, RULES.idle_s, at(seconds))


def test_who_logged_in_is_the_tokens_holder():
    expected = Principal(
        Role.OPERATOR, "main", None, TOKEN.token_id, 0, page_session=KEY, login_ends_at=OPENED.expires_at
    )

    assert caller() == expected


@pytest.mark.parametrize("secret", ["", "Cookie", "cookie ", "first", tokens.digest("cookie")])
def test_only_the_cookies_own_secret_proves_it(secret: str):
    with pytest.raises(NotAuthenticated, match="has ended or is not known"):
        caller(secret=secret)


def test_a_page_session_that_is_unknown_reads_like_a_wrong_secret():
    with pytest.raises(NotAuthenticated) as unknown:
        caller(found=None)
    with pytest.raises(NotAuthenticated) as wrong:
        caller(secret="wrong")

    assert str(unknown.value) == str(wrong.value)


@pytest.mark.parametrize("seconds", [598, 599, 599.999])
def test_a_page_session_is_good_until_it_was_idle_for_too_long(seconds: float):
    assert caller(seconds=seconds).role is Role.OPERATOR


@pytest.mark.parametrize("seconds", [600, 601])
def test_a_page_session_that_was_idle_for_too_long_is_over(seconds: float):
    with pytest.raises(NotAuthenticated, match="not used for too long"):
        caller(seconds=seconds)


@pytest.mark.parametrize("seconds", [3_598, 3_599, 3_599.999])
def test_a_page_session_that_is_used_is_good_until_its_end(seconds: float):
    assert caller(replace(OPENED, seen_at=at(3_500)), seconds=seconds).role is Role.OPERATOR


@pytest.mark.parametrize("seconds", [3_600, 3_601])
def test_a_page_session_ends_however_much_it_is_used(seconds: float):
    with pytest.raises(NotAuthenticated, match="ended at 2026"):
        caller(replace(OPENED, seen_at=at(seconds)), seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "is_renewed"), [(RENEW_S - 1, False), (RENEW_S, True), (RENEW_S + 1, True)]
)
def test_a_use_is_recorded_once_in_a_few_minutes(seconds: int, is_renewed: bool):
    assert OPENED.must_be_renewed(at(seconds)) is is_renewed


def test_a_page_session_ends_with_the_revocation_of_its_token():
    with pytest.raises(NotAuthenticated, match="revoked"):
        caller(token=replace(TOKEN, revoked_at=START))


@pytest.mark.parametrize("token", [None, replace(TOKEN, digest=None)])
def test_a_page_session_without_a_token_that_somebody_holds_is_over(token: Token | None):
    with pytest.raises(NotAuthenticated, match="revoked"):
        caller(token=token)


def test_a_page_session_ends_when_its_token_gets_another_secret():
    rotated = replace(TOKEN, secrets=Secrets(tokens.digest("second"), START))

    with pytest.raises(NotAuthenticated, match="another secret"):
        caller(token=rotated)

    assert caller(replace(OPENED, secret_version=1), rotated).secret_version == 1


@pytest.mark.parametrize(("seconds", "is_good"), [(99, True), (100, False), (101, False)])
def test_a_page_session_ends_with_its_tokens_secret(seconds: int, is_good: bool):
    brief = replace(TOKEN, life_s=100)

    if is_good:
        assert caller(token=brief, seconds=seconds).role is Role.OPERATOR
    else:
        with pytest.raises(NotAuthenticated, match="expired"):
            caller(token=brief, seconds=seconds)


@pytest.mark.parametrize(
    ("life_s", "ends_s"), [(None, 3_600), (3_601, 3_600), (3_600, 3_600), (3_599, 3_599)]
)
def test_a_new_page_session_ends_with_its_life_or_with_its_token(life_s: int | None, ends_s: int):
    assert page_sessions.until(replace(TOKEN, life_s=life_s).expires_at, RULES, START) == at(ends_s)


@pytest.mark.parametrize("key", [KEY, OF_LINK.key])
def test_a_cookie_is_read_as_it_was_written(key: PageSessionKey):
    assert page_sessions.parsed(page_sessions.written(key, "s3-cr_et")) == (key, "s3-cr_et")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "p_1",
        "p_1.s",
        "p_1..t_1",
        ".s.t_1",
        "p_1.s.",
        "p_1.s.t_1.",
        "p_1.s.t_1.s_1.x",
        "p_1.ä.t_1",
        f"p_1.{'s' * 293}.t_1",
    ],
)
def test_what_is_no_cookie_of_the_page_is_refused_without_being_repeated(text: str):
    with pytest.raises(NotAuthenticated) as refused:
        page_sessions.parsed(text)

    assert not text or text not in str(refused.value)


def test_the_longest_cookie_has_300_characters():
    longest = f"p_1.{'s' * 292}.t_1"

    assert len(longest) == 300
    assert page_sessions.parsed(longest)[0] == KEY


def watcher(share: Share | None = SHARE, token: Token | None = TOKEN, seconds: float = 0) -> Principal:
    return page_sessions.principal(Known(OF_LINK, token, share), "cookie", RULES.idle_s, at(seconds))


def test_who_came_by_a_link_sees_its_one_session():
    assert watcher() == VIEWED


@pytest.mark.parametrize("share", [None, replace(SHARE, share_id=ShareId("s_2"))])
def test_a_page_session_of_a_link_is_never_its_makers(share: Share | None):
    """Who leaves the link's id out of his cookie, or names another, has nothing."""
    with pytest.raises(NotAuthenticated, match="not known any more"):
        watcher(share)


def test_a_page_session_of_a_token_is_never_a_links():
    known = Known(OPENED, TOKEN, SHARE)

    assert page_sessions.principal(known, "cookie", RULES.idle_s, START).only_session is None


@pytest.mark.parametrize(("seconds", "is_good"), [(499, True), (500, False), (501, False)])
def test_a_page_session_of_a_link_ends_with_the_link(seconds: int, is_good: bool):
    if is_good:
        assert watcher(seconds=seconds) == VIEWED
    else:
        with pytest.raises(NotAuthenticated, match="this link expired"):
            watcher(seconds=seconds)


def test_a_page_session_of_a_link_ends_with_its_revocation():
    with pytest.raises(NotAuthenticated, match="revoked"):
        watcher(SHARE.revoked(START))


@pytest.mark.parametrize("token", [None, replace(TOKEN, revoked_at=START), replace(TOKEN, life_s=100)])
def test_a_page_session_of_a_link_ends_with_its_makers_token(token: Token | None):
    with pytest.raises(NotAuthenticated, match="that made this link"):
        watcher(token=token, seconds=100)


def test_another_secret_of_its_maker_ends_no_link():
    rotated = replace(TOKEN, secrets=Secrets(tokens.digest("second"), START))

    assert watcher(token=rotated) == VIEWED
