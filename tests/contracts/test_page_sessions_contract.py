"""What every Records keeps of logins to the page, and of share links."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.acting import COORDINATOR
from chalicelib.core.audit import act, step
from chalicelib.core.ids import PageSessionId, SessionId, ShareId, TokenId
from chalicelib.core.page_sessions import Known, PageSession
from chalicelib.core.shares import Share
from chalicelib.core.tokens import Role, Secrets, Token
from chalicelib.ports import Enlisting, Records
from tests.contracts.worlds import World

NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def records(world: World) -> Records:
    return world.records


@pytest.fixture
def token() -> Token:
    """A token of the test's own."""
    return Token(TokenId(f"t_{secrets.token_hex(8)}"), Role.VIEWER, "main", None, "ab" * 32, NOON)


@pytest.fixture
def opened(token: Token) -> PageSession:
    """A page session of the test's own."""
    named = PageSessionId(f"p_{secrets.token_hex(8)}")
    # On real tables what is over may go at once.
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    return PageSession(token.token_id, named, "cd" * 32, 1, NOON, NOON, end)


def test_a_page_session_is_read_with_its_token_and_its_holders_secrets(
    records: Records, token: Token, opened: PageSession
):
    held = Secrets("ef" * 32, NOON)
    records.enlist(Enlisting((token,)))
    records.put_secrets(token.token_id, held)

    records.put_page_session(opened)

    assert records.page_session(opened.key) == Known(opened, replace(token, secrets=held))


def test_what_was_never_opened_is_none(records: Records, token: Token, opened: PageSession):
    assert records.page_session(opened.key) == Known(None, None)

    records.enlist(Enlisting((token,)))

    assert records.page_session(opened.key) == Known(None, token)


def test_a_page_session_without_its_token_has_none(records: Records, opened: PageSession):
    records.put_page_session(opened)

    assert records.page_session(opened.key) == Known(opened, None)


def test_a_page_session_of_another_token_is_another(records: Records, opened: PageSession):
    records.put_page_session(opened)

    assert records.page_session(replace(opened.key, token_id=TokenId("t_another"))) == Known(None, None)


def test_a_use_is_recorded(records: Records, opened: PageSession):
    records.put_page_session(opened)

    records.renew_page_session(opened, LATER)

    assert records.page_session(opened.key).page_session == replace(opened, seen_at=LATER)


def test_a_use_that_another_call_recorded_first_changes_nothing(records: Records, opened: PageSession):
    records.put_page_session(opened)
    records.renew_page_session(opened, LATER)

    records.renew_page_session(opened, NOON + timedelta(hours=1))

    assert records.page_session(opened.key).page_session == replace(opened, seen_at=LATER)


def test_a_use_brings_no_page_session_back_that_ended_meanwhile(records: Records, opened: PageSession):
    records.put_page_session(opened)
    records.forget_page_session(opened.key)

    records.renew_page_session(opened, LATER)

    assert records.page_session(opened.key) == Known(None, None)


def test_a_page_session_may_end_twice(records: Records, opened: PageSession):
    records.put_page_session(opened)

    records.forget_page_session(opened.key)
    records.forget_page_session(opened.key)

    assert records.page_session(opened.key) == Known(None, None)


def test_the_page_sessions_of_a_token_are_listed_the_oldest_first(records: Records, opened: PageSession):
    second = replace(opened, page_session_id=PageSessionId(f"{opened.page_session_id}b"), created_at=LATER)
    records.put_page_session(second)
    records.put_page_session(opened)

    assert records.page_sessions(opened.token_id) == (opened, second)
    assert records.page_sessions(TokenId(f"{opened.token_id}-other")) == ()


@pytest.fixture
def share(token: Token) -> Share:
    """A share of a session of the test's own."""
    name = secrets.token_hex(8)
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    session_id = SessionId(f"main/{name}")
    return Share(ShareId(f"s_{name}"), session_id, "ab" * 32, "the coach", token.token_id, NOON, end)


def entry(share: Share, project: str = "main"):
    return act(COORDINATOR, NOON, project, step("share", share.share_id, None, "made"))


def test_a_share_is_read_as_it_was_made(records: Records, share: Share):
    records.put_share(share, entry(share))

    assert records.share(share.share_id) == share
    assert records.shares(share.session_id) == (share,)


def test_a_share_that_was_never_made_is_none(records: Records, share: Share):
    assert records.share(share.share_id) is None
    assert records.shares(share.session_id) == ()


def test_a_revocation_is_read_and_listed(records: Records, share: Share):
    records.put_share(share, entry(share))

    records.put_share(share.revoked(LATER), entry(share))

    assert records.share(share.share_id) == share.revoked(LATER)
    assert records.shares(share.session_id) == (share.revoked(LATER),)


def test_shares_are_those_of_one_session_the_newest_first(records: Records, share: Share):
    second = replace(share, share_id=ShareId(f"{share.share_id}b"), created_at=LATER)
    elsewhere = replace(
        share, share_id=ShareId(f"{share.share_id}c"), session_id=SessionId(f"{share.session_id}0")
    )
    for each in (share, second, elsewhere):
        records.put_share(each, entry(each))

    assert records.shares(share.session_id) == (second, share)


def test_a_page_session_of_a_share_is_read_with_it(
    records: Records, token: Token, opened: PageSession, share: Share
):
    of_share = replace(opened, share_id=share.share_id)
    records.enlist(Enlisting((token,)))
    records.put_share(share, entry(share))

    records.put_page_session(of_share, entry(share))

    assert records.page_session(of_share.key) == Known(of_share, token, share)
    assert records.page_session(opened.key) == Known(of_share, token)


def test_what_is_done_with_a_share_is_in_the_trail_at_once(
    records: Records, opened: PageSession, share: Share
):
    project = share.session_id.partition("/")[2]
    made, used = entry(share, project), replace(entry(share, project), at=LATER)

    records.put_share(share, made)
    records.put_page_session(replace(opened, share_id=share.share_id), used)

    assert records.trail_of_day(project, NOON.date()) == (made, used)
