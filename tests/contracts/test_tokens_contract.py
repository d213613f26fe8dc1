"""What every Records keeps of those who may call: tokens, the secrets of their holders, codes, sessions of a device."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from chalicelib.aws import items
from chalicelib.core.enrolment import Code
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import CodeId, DeviceId, TokenId
from chalicelib.core.tokens import Device, Role, Secrets, Token
from chalicelib.ports import Enlisting, Records
from tests.contracts.worlds import AwsWorld, World

NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)
FIRST = Secrets("ab" * 32, NOON)
SECOND = FIRST.replaced("cd" * 32, NOON + timedelta(hours=1), NOON + timedelta(days=1))


@pytest.fixture
def records(world: World) -> Records:
    return world.records


@pytest.fixture
def token() -> Token:
    """A token of the test's own, which waits for its code."""
    name = secrets.token_hex(8)
    return Token(TokenId(f"t_{name}"), Role.DEVICE, "main", DeviceId(f"d_{name}"), None, NOON, life_s=86_400)


@pytest.fixture
def code(token: Token) -> Code:
    """A code of the test's own."""
    return Code(CodeId(secrets.token_hex(4)), "ef" * 32, token.token_id, NOON, NOON + timedelta(days=1))


def test_a_token_its_device_and_its_code_are_recorded_together(records: Records, token: Token, code: Code):
    device = Device(token.device_id or DeviceId(""), "jetson-north", "main", NOON)

    records.enlist(Enlisting((token,), device, code))

    assert records.token(token.token_id) == token
    assert records.device(device.device_id) == device
    assert records.code(code.code_id) == code


def test_a_code_that_was_never_made_is_none(records: Records):
    assert records.code(CodeId("NEVER000")) is None


def test_a_token_is_read_with_the_secrets_of_its_holder(records: Records, token: Token):
    records.enlist(Enlisting((token,)))
    records.put_secrets(token.token_id, FIRST)
    records.put_secrets(token.token_id, SECOND)

    assert records.token(token.token_id) == replace(token, secrets=SECOND)


def test_secrets_without_a_token_make_none(records: Records, token: Token):
    records.put_secrets(token.token_id, FIRST)

    assert records.token(token.token_id) is None


def test_a_token_written_again_keeps_the_secrets_of_its_holder(records: Records, token: Token):
    records.enlist(Enlisting((token,)))
    records.put_secrets(token.token_id, FIRST)
    known = records.token(token.token_id)
    assert known

    records.enlist(Enlisting((replace(known, revoked_at=NOON, secrets=None),)))

    assert records.token(token.token_id) == replace(token, revoked_at=NOON, secrets=FIRST)


@pytest.mark.parametrize("late", [FIRST, replace(SECOND, version=3), replace(FIRST, digest="99" * 32)])
def test_secrets_are_written_only_over_the_version_before(records: Records, token: Token, late: Secrets):
    records.put_secrets(token.token_id, FIRST)

    with pytest.raises(Conflict):
        records.put_secrets(token.token_id, late)

    records.enlist(Enlisting((token,)))
    assert records.token(token.token_id) == replace(token, secrets=FIRST)


def test_the_first_secrets_have_version_one(records: Records, token: Token):
    with pytest.raises(Conflict):
        records.put_secrets(token.token_id, SECOND)


def test_a_code_is_spent_with_the_secrets_that_it_is_exchanged_for(
    records: Records, token: Token, code: Code
):
    records.enlist(Enlisting((token,), code=code))

    records.put_secrets(token.token_id, FIRST, code.exchanged(NOON))

    assert records.code(code.code_id) == code.exchanged(NOON)
    assert records.token(token.token_id) == replace(token, secrets=FIRST)


def test_a_spent_code_is_not_exchanged_again_and_no_secret_is_written(
    records: Records, token: Token, code: Code
):
    records.enlist(Enlisting((token,), code=code))
    records.put_secrets(token.token_id, FIRST, code.exchanged(NOON))

    with pytest.raises(Conflict):
        records.put_secrets(token.token_id, SECOND, code.exchanged(NOON))

    assert records.token(token.token_id) == replace(token, secrets=FIRST)


def test_a_code_that_was_never_made_is_not_exchanged(records: Records, token: Token, code: Code):
    records.enlist(Enlisting((token,)))

    with pytest.raises(Conflict):
        records.put_secrets(token.token_id, FIRST, code.exchanged(NOON))

    assert (records.code(code.code_id), records.token(token.token_id)) == (None, token)


def test_a_code_is_not_spent_when_the_secrets_are_refused(records: Records, token: Token, code: Code):
    records.enlist(Enlisting((token,), code=code))
    records.put_secrets(token.token_id, FIRST)

    with pytest.raises(Conflict):
        records.put_secrets(token.token_id, replace(FIRST, digest="99" * 32), code.exchanged(NOON))

    assert records.code(code.code_id) == code


def test_tokens_are_listed_by_project_device_and_id_with_their_secrets(records: Records, token: Token):
    operator = replace(token, token_id=TokenId("t_a"), role=Role.OPERATOR, project="*", device_id=None)
    further = replace(token, token_id=TokenId("t_b"), device_id=DeviceId("d_z"))
    elsewhere = replace(token, token_id=TokenId("t_c"), project="club")
    records.enlist(Enlisting((further, token)))
    records.enlist(Enlisting((operator, elsewhere)))
    records.put_secrets(token.token_id, FIRST)
    records.enlist(Enlisting((replace(further, revoked_at=NOON),)))
    held, revoked = replace(token, secrets=FIRST), replace(further, revoked_at=NOON)

    assert records.tokens() == (operator, elsewhere, held, revoked)
    assert records.tokens("main") == (held, revoked)
    assert records.tokens("*") == (operator,)
    assert records.tokens("clu") == ()


def test_tokens_of_an_older_release_are_listed_as_well(local_world: AwsWorld, token: Token):
    older, newer = replace(token, token_id=TokenId("t_older")), replace(token, token_id=TokenId("t_newer"))
    local_world.put_item(items.token_item(older))
    local_world.records.enlist(Enlisting((newer,)))

    assert local_world.records.tokens() == (newer, older)
    assert local_world.records.tokens() == (newer, older)
    local_world.wipe_records()
