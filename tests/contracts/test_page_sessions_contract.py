"""What every Records keeps of logins to the page."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.ids import PageSessionId, TokenId
from chalicelib.core.page_sessions import PageSession
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

    assert records.page_session(opened.key) == (opened, replace(token, secrets=held))


def test_what_was_never_opened_is_none(records: Records, token: Token, opened: PageSession):
    assert records.page_session(opened.key) == (None, None)

    records.enlist(Enlisting((token,)))

    assert records.page_session(opened.key) == (None, token)


def test_a_page_session_without_its_token_has_none(records: Records, opened: PageSession):
    records.put_page_session(opened)

    assert records.page_session(opened.key) == (opened, None)


def test_a_page_session_of_another_token_is_another(records: Records, opened: PageSession):
    records.put_page_session(opened)

    assert records.page_session(replace(opened.key, token_id=TokenId("t_another"))) == (None, None)


def test_a_use_is_recorded(records: Records, opened: PageSession):
    records.put_page_session(opened)

    records.renew_page_session(opened, LATER)

    assert records.page_session(opened.key)[0] == replace(opened, seen_at=LATER)


def test_a_use_that_another_call_recorded_first_changes_nothing(records: Records, opened: PageSession):
    records.put_page_session(opened)
    records.renew_page_session(opened, LATER)

    records.renew_page_session(opened, NOON + timedelta(hours=1))

    assert records.page_session(opened.key)[0] == replace(opened, seen_at=LATER)


def test_a_use_brings_no_page_session_back_that_ended_meanwhile(records: Records, opened: PageSession):
    records.put_page_session(opened)
    records.forget_page_session(opened.key)

    records.renew_page_session(opened, LATER)

    assert records.page_session(opened.key) == (None, None)


def test_a_page_session_may_end_twice(records: Records, opened: PageSession):
    records.put_page_session(opened)

    records.forget_page_session(opened.key)
    records.forget_page_session(opened.key)

    assert records.page_session(opened.key) == (None, None)


def test_the_page_sessions_of_a_token_are_listed_the_oldest_first(records: Records, opened: PageSession):
    second = replace(opened, page_session_id=PageSessionId(f"{opened.page_session_id}b"), created_at=LATER)
    records.put_page_session(second)
    records.put_page_session(opened)

    assert records.page_sessions(opened.token_id) == (opened, second)
    assert records.page_sessions(TokenId(f"{opened.token_id}-other")) == ()
