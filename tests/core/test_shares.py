"""Share links: for how long, for which session, and how many."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core import shares, tokens
from chalicelib.core.errors import InvalidRequest, NotAuthenticated, NotFound, StateConflict
from chalicelib.core.ids import SessionId, ShareId, TokenId
from chalicelib.core.shares import KEPT_S, MOST_KEPT, MOST_OPEN, Share
from chalicelib.core.times import DAY_S
from chalicelib.core.tokens import Principal, Role, Token
from tests.support.builders import make_session, make_session_id
from tests.support.memory import START

SESSION_ID = make_session_id("match-17")
MAKER = Token(TokenId("t_1"), Role.OPERATOR, "main", None, tokens.digest("first"), START)
SHARE = Share(
    ShareId("s_1"),
    SESSION_ID,
    tokens.digest("link"),
    "the coach",
    MAKER.token_id,
    START,
    START + timedelta(seconds=100),
)


def at(seconds: float):
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize("ttl_s", [60, 61, 999, 1_000])
def test_a_link_is_good_for_a_minute_at_least_and_for_as_long_as_the_deployment_lets_it(ttl_s: int):
    assert shares.until(START, ttl_s, 1_000) == at(ttl_s)


@pytest.mark.parametrize("ttl_s", [1, 59, 1_001])
def test_a_link_for_another_time_is_refused(ttl_s: int):
    with pytest.raises(InvalidRequest, match=r"\$.ttl_s: a link is good for 60 to 1000 seconds"):
        shares.until(START, ttl_s, 1_000)


@pytest.mark.parametrize(("seconds", "is_good"), [(99, True), (99.999, True), (100, False), (101, False)])
def test_a_link_is_good_until_its_end(seconds: float, is_good: bool):
    assert SHARE.is_open(at(seconds)) is is_good
    if is_good:
        SHARE.demand_good(MAKER, at(seconds))
    else:
        with pytest.raises(NotAuthenticated, match="expired at 2026"):
            SHARE.demand_good(MAKER, at(seconds))


def test_a_revoked_link_is_good_for_nothing():
    revoked = SHARE.revoked(at(10))

    assert not revoked.is_open(at(10))
    with pytest.raises(NotAuthenticated, match="revoked"):
        revoked.demand_good(MAKER, at(10))


def test_a_link_is_revoked_once():
    assert SHARE.revoked(at(10)).revoked(at(20)) == SHARE.revoked(at(10))


@pytest.mark.parametrize("maker", [None, replace(MAKER, revoked_at=START), replace(MAKER, life_s=50)])
def test_a_link_ends_with_its_makers_token(maker: Token | None):
    with pytest.raises(NotAuthenticated, match="the token that made this link"):
        SHARE.demand_good(maker, at(50))


def test_a_link_lasts_as_long_as_its_makers_token():
    SHARE.demand_good(replace(MAKER, life_s=51), at(50))


def test_a_token_of_a_link_is_read_as_it_was_written():
    assert shares.parsed("s_1.a-b_c") == ("s_1", "a-b_c")


@pytest.mark.parametrize("text", ["", "s_1", "s_1.", ".x", "t_1.x", "s_1.ä", f"s_1.{'x' * 200}"])
def test_what_is_no_token_of_a_link_is_refused_without_being_repeated(text: str):
    with pytest.raises(NotAuthenticated) as refused:
        shares.parsed(text)

    assert not text or text not in str(refused.value)


@pytest.mark.parametrize("secret", ["", "Link", "link ", tokens.digest("link")])
def test_only_the_links_own_secret_proves_it(secret: str):
    with pytest.raises(NotAuthenticated) as wrong:
        shares.proven(SHARE, secret)
    with pytest.raises(NotAuthenticated) as unknown:
        shares.proven(None, secret)

    assert str(wrong.value) == str(unknown.value)
    assert shares.proven(SHARE, "link") == SHARE


def test_who_has_a_link_sees_its_session_and_no_other():
    holder = shares.holder(SHARE)

    assert holder == Principal(Role.SHARE, "main", None, TokenId("s_1"), only_session=SESSION_ID)
    assert holder.may_see(make_session(session_id=SESSION_ID))
    assert not holder.may_see(make_session(session_id=make_session_id("match-18")))
    assert not holder.may_see(make_session(session_id=SessionId("club/match-17")))


@pytest.mark.parametrize(
    ("count", "has_room"), [(MOST_OPEN - 1, True), (MOST_OPEN, False), (MOST_OPEN + 1, False)]
)
def test_a_session_has_so_many_links_that_are_good(count: int, has_room: bool):
    ended = (SHARE.revoked(START), replace(SHARE, expires_at=START))
    known = (*ended, *(SHARE for _ in range(count)))

    if has_room:
        shares.demand_room(known, START)
    else:
        with pytest.raises(StateConflict, match="revoke one"):
            shares.demand_room(known, START)


@pytest.mark.parametrize(("count", "has_room"), [(MOST_KEPT - 1, True), (MOST_KEPT, False)])
def test_a_session_has_so_many_links_within_thirty_days(count: int, has_room: bool):
    known = [SHARE.revoked(START)] * count

    if has_room:
        shares.demand_room(known, START)
    else:
        with pytest.raises(StateConflict, match="within 30 days"):
            shares.demand_room(known, START)


def test_a_link_stays_on_record_for_thirty_days_after_its_end():
    assert SHARE.kept_until == at(100 + 30 * DAY_S)
    assert SHARE.revoked(at(10)).kept_until == at(10 + KEPT_S)


@pytest.mark.parametrize("share", [None, replace(SHARE, session_id=make_session_id("match-18"))])
def test_a_link_of_another_session_reads_like_none(share: Share | None):
    with pytest.raises(NotFound, match="no link with this id"):
        shares.demanded(share, SESSION_ID)
