"""What every Records keeps of upload passes."""

import secrets
from datetime import UTC, datetime, timedelta

from chalicelib.core.ids import TokenId
from chalicelib.core.upload_passes import UploadPass
from tests.contracts.worlds import World
from tests.support.builders import SESSION_ID

NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)


def make_pass() -> UploadPass:
    """A pass of the test's own."""
    named = TokenId(f"t_{secrets.token_hex(8)}")
    # On real tables what is over may go at once.
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    return UploadPass(named, SESSION_ID, "ab" * 32, TokenId("t_maker"), NOON, end)


def test_a_pass_is_read_as_it_was_made(world: World):
    made = make_pass()
    world.records.put_upload_pass(made)

    assert world.records.upload_pass(made.pass_id) == made


def test_a_pass_that_was_never_made_is_none(world: World):
    assert world.records.upload_pass(TokenId("t_never")) is None
