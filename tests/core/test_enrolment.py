"""Codes as people write them, and how long what is a secret is good."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core import enrolment, tokens
from chalicelib.core.enrolment import LONGEST_LIFE_S, Code
from chalicelib.core.errors import InvalidRequest, NotAuthenticated, NotFound, StateConflict
from chalicelib.core.ids import CodeId, DeviceId, TokenId
from chalicelib.core.tokens import Principal, Role, Secrets, Token
from tests.support.memory import START

WRITTEN = "7K3Q-M2XA-0123-4567-89AB-CDEF"
SECRET = "0123456789ABCDEF"
CODE = Code(CodeId("7K3QM2XA"), tokens.digest(SECRET), TokenId("t_1"), START, START + timedelta(seconds=60))
TOKEN = Token(
    TokenId("t_1"), Role.DEVICE, "main", DeviceId("d_north"), tokens.digest("first"), START, life_s=100
)


def at(seconds: float):
    return START + timedelta(seconds=seconds)


def test_a_code_is_written_in_six_groups_of_four():
    assert enrolment.written("7K3QM2XA0123456789ABCDEF") == WRITTEN


@pytest.mark.parametrize(
    "typed",
    [
        WRITTEN,
        WRITTEN.lower(),
        WRITTEN.replace("-", ""),
        WRITTEN.replace("-", " "),
        "7k3q-m2xa-oi23-4567-89ab-cdef",
    ],
)
def test_a_code_is_understood_as_a_person_types_it(typed: str):
    assert enrolment.parsed(typed) == ("7K3QM2XA", SECRET)


@pytest.mark.parametrize(
    "typed",
    ["", WRITTEN[:-1], WRITTEN + "0", WRITTEN.replace("7", "U"), WRITTEN.replace("7", "ä"), "t_1.secret"],
)
def test_what_is_no_code_is_refused_without_being_repeated(typed: str):
    with pytest.raises(InvalidRequest) as refused:
        enrolment.parsed(typed)

    assert not typed or typed not in str(refused.value)


@pytest.mark.parametrize("life_s", [1, LONGEST_LIFE_S])
def test_a_code_may_be_good_for_a_second_or_for_thirty_days(life_s: int):
    assert enrolment.until(START, life_s) == at(life_s)


@pytest.mark.parametrize("life_s", [-1, 0, LONGEST_LIFE_S + 1])
def test_no_code_is_good_for_less_or_longer(life_s: int):
    with pytest.raises(InvalidRequest):
        enrolment.until(START, life_s)


def test_the_secret_proves_the_code():
    assert enrolment.proven(CODE, SECRET) == CODE


@pytest.mark.parametrize(("code", "secret"), [(CODE, SECRET[:-1] + "0"), (None, SECRET), (None, "")])
def test_an_unknown_code_and_a_wrong_secret_are_answered_alike(code: Code | None, secret: str):
    with pytest.raises(NotFound, match="there is no such code"):
        enrolment.proven(code, secret)


def test_a_code_is_good_until_it_expires():
    CODE.demand_unspent(at(59))


@pytest.mark.parametrize("seconds", [60, 61])
def test_an_expired_code_says_when_it_expired(seconds: int):
    with pytest.raises(StateConflict, match="expired at 2026-11-21T12:01:00Z"):
        CODE.demand_unspent(at(seconds))


def test_a_spent_code_says_when_it_was_used():
    with pytest.raises(StateConflict, match="used at 2026-11-21T12:00:05Z"):
        CODE.exchanged(at(5)).demand_unspent(at(6))


def principal(token: Token | None, secret: str, seconds: float = 0) -> Principal:
    return tokens.principal(token, secret, at(seconds))


def test_a_token_is_good_until_the_last_moment_of_its_life():
    assert principal(TOKEN, "first", 99.9).token_id == "t_1"


@pytest.mark.parametrize("seconds", [100, 101])
def test_an_expired_token_is_not_accepted(seconds: int):
    with pytest.raises(NotAuthenticated, match="expired at 2026-11-21T12:01:40Z"):
        principal(TOKEN, "first", seconds)


def test_a_token_without_a_life_never_expires():
    assert principal(replace(TOKEN, life_s=None), "first", 10**9)


def test_a_token_that_waits_for_its_code_lets_nobody_in():
    waiting = replace(TOKEN, digest=None)

    for secret in ("", "first"):
        with pytest.raises(NotAuthenticated):
            principal(waiting, secret)
    assert waiting.expires_at is None


ROTATED = replace(
    TOKEN, secrets=Secrets(tokens.digest("first"), START).replaced(tokens.digest("second"), at(50), at(70))
)


def test_after_a_rotation_the_new_secret_has_a_life_of_its_own():
    assert principal(ROTATED, "second", 149.9).secret_version == 2
    with pytest.raises(NotAuthenticated, match="expired"):
        principal(ROTATED, "second", 150)


def test_after_a_rotation_the_secret_before_is_good_for_the_overlap():
    assert principal(ROTATED, "first", 69.9).secret_version == 1


@pytest.mark.parametrize("seconds", [70, 71])
def test_after_the_overlap_the_secret_before_is_not_accepted(seconds: int):
    with pytest.raises(NotAuthenticated, match="expired"):
        principal(ROTATED, "first", seconds)


def test_only_the_last_two_secrets_count():
    held = ROTATED.secrets
    assert held
    again = replace(ROTATED, secrets=held.replaced(tokens.digest("third"), at(60), at(80)))

    assert principal(again, "second", 65).secret_version == 2
    with pytest.raises(NotAuthenticated, match="not known"):
        principal(again, "first", 65)


def test_a_revoked_token_lets_no_secret_in():
    for secret in ("first", "second"):
        with pytest.raises(NotAuthenticated, match="revoked"):
            principal(replace(ROTATED, revoked_at=at(55)), secret, 56)


def test_a_wrong_secret_does_not_learn_that_a_token_is_revoked_or_expired():
    for token in (None, TOKEN, replace(TOKEN, revoked_at=START)):
        with pytest.raises(NotAuthenticated, match="not known"):
            principal(token, "wrong", 1000)
