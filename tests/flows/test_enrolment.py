"""A code is exchanged once for a token, and a token gets another secret: whoever repeats a call is answered alike."""

import logging
from datetime import timedelta
from typing import Any, cast

import pytest
from msgspec.structs import replace

from chalicelib.core import tokens
from chalicelib.core.errors import (
    Conflict,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    StateConflict,
    StorageBusy,
)
from chalicelib.core.ids import DeviceId, TokenId
from chalicelib.core.tokens import Principal, Role, Token
from chalicelib.flows import devices
from chalicelib.flows.devices import Grant
from chalicelib.flows.enrolment import OVERLAP_S, exchange, invite, rotate
from chalicelib.ports import Ports
from tests.support.builders import MemoryPorts, memory_ports
from tests.support.faults import Fault, When, faulty
from tests.support.memory import START, MemoryRecords

NORTH = Grant(Role.DEVICE, "main", "jetson-north", None, None)
LIFE_S = 60
OURS, THEIRS = tokens.digest("ours"), tokens.digest("theirs")


def invited(ports: Ports, grant: Grant = NORTH) -> str:
    return invite(ports, grant, LIFE_S)[2]


def caller(ports: Ports, token_id: TokenId, secret: str) -> Principal:
    return tokens.principal(ports.records.token(token_id), secret, ports.clock.now())


def rotated(ports: Ports, token: Token, secret: str, digest: str) -> tuple[Token, bool]:
    known = caller(ports, token.token_id, secret)
    return rotate(ports, token.token_id, known.secret_version, digest)


def test_a_code_becomes_a_token_whose_secret_only_the_device_knows():
    ports = memory_ports()

    device, token, is_new = exchange(ports, invited(ports), OURS)

    assert is_new
    assert device
    assert device.name == "jetson-north"
    expected = Principal(Role.DEVICE, "main", device.device_id, token.token_id, 1)
    assert caller(ports, token.token_id, "ours") == expected


@pytest.mark.parametrize("role", [Role.PROCESSOR, Role.OPERATOR])
def test_processors_and_operators_are_invited_alike(role: Role):
    ports = memory_ports()
    code = invited(ports, Grant(role, "*", None, None, None))

    device, token, _ = exchange(ports, code, OURS)

    assert device is None
    assert caller(ports, token.token_id, "ours").role is role
    assert caller(ports, token.token_id, "ours").project == "*"


def test_a_known_device_is_invited_to_a_further_token():
    ports = memory_ports()
    device, first = devices.enrol(ports, Role.DEVICE, "main", "jetson-north")
    assert device

    again, token, _ = exchange(
        ports, invited(ports, Grant(Role.DEVICE, "main", None, device.device_id, None)), OURS
    )

    assert again == device
    assert not first.startswith(token.token_id)


@pytest.mark.parametrize(
    ("grant", "error"),
    [
        (Grant(Role.DEVICE, "main", None, None, None), InvalidRequest),
        (Grant(Role.DEVICE, "*", "north", None, None), InvalidRequest),
        (Grant(Role.DEVICE, "main", None, DeviceId("d_unknown"), None), NotFound),
        (Grant(Role.OPERATOR, "main", "north", None, None), InvalidRequest),
    ],
)
def test_a_code_is_made_only_for_what_can_be_enrolled(grant: Grant, error: type[Exception]):
    ports = memory_ports()

    with pytest.raises(error):
        invited(ports, grant)

    assert ports.records.tokens() == ()


def test_before_the_exchange_nobody_holds_the_token():
    ports = memory_ports()
    _, code, _ = invite(ports, NORTH, LIFE_S)

    with pytest.raises(NotAuthenticated):
        caller(ports, code.token_id, "")


def test_of_a_code_only_the_digest_is_kept_and_logged_is_none_of_it(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    ports = memory_ports()

    _, code, written = invite(ports, NORTH, LIFE_S)
    exchange(ports, written, OURS)

    secret = written.replace("-", "")[8:]
    assert ports.records.code(code.code_id) == code.exchanged(START)
    assert secret not in repr(ports.records.code(code.code_id))
    told = str([vars(record) for record in caplog.records])
    assert code.token_id in told
    assert secret not in told
    assert OURS not in told


def test_the_same_code_with_the_same_secret_answers_the_same_token():
    ports = memory_ports()
    code = invited(ports)
    first = exchange(ports, code, OURS)
    ports.clock.advance(LIFE_S * 2)

    assert exchange(ports, code, OURS) == (*first[:2], False)


def test_a_lost_reply_costs_nothing():
    ports = memory_ports()
    code = invited(ports)
    losing = faulty(ports.records, Fault("put_secrets", StorageBusy("lost"), when=When.AFTER))
    with pytest.raises(StorageBusy):
        exchange(replace(ports, records=losing), code, OURS)

    _, token, is_new = exchange(ports, code, OURS)

    assert not is_new
    assert caller(ports, token.token_id, "ours")


def test_a_code_cannot_be_used_twice():
    ports = memory_ports()
    code = invited(ports)
    _, token, _ = exchange(ports, code, OURS)

    with pytest.raises(StateConflict, match="used at"):
        exchange(ports, code, THEIRS)

    with pytest.raises(NotAuthenticated):
        caller(ports, token.token_id, "theirs")


def test_of_two_who_exchange_a_code_at_once_one_has_the_token():
    ports = memory_ports()
    code = invited(ports)

    class Rival:
        """The table; whoever reads the code loses to another before the write."""

        def __getattr__(self, name: str) -> object:
            return getattr(ports.records, name)

        def put_secrets(self, *given: object) -> None:
            if not ports.records.tokens()[0].secrets:
                exchange(ports, code, THEIRS)
            ports.records.put_secrets(*given)  # type: ignore[arg-type] # as it was called

    with pytest.raises(StateConflict, match="used at"):
        exchange(replace(ports, records=Rival()), code, OURS)

    assert caller(ports, ports.records.tokens()[0].token_id, "theirs")


def test_who_loses_every_race_is_asked_for_patience():
    ports = memory_ports()
    code = invited(ports)
    rivals = [Fault("put_secrets", Conflict("rival"), call=call) for call in range(1, 4)]

    with pytest.raises(StorageBusy):
        exchange(replace(ports, records=faulty(ports.records, *rivals)), code, OURS)


@pytest.mark.parametrize(("seconds", "is_good"), [(LIFE_S - 1, True), (LIFE_S, False), (LIFE_S + 1, False)])
def test_a_code_is_exchanged_before_its_end_alone(seconds: int, is_good: bool):
    ports = memory_ports()
    code = invited(ports)
    ports.clock.advance(seconds)

    if is_good:
        assert exchange(ports, code, OURS)[2]
        return
    with pytest.raises(StateConflict, match="expired at"):
        exchange(ports, code, OURS)
    assert ports.records.tokens()[0].secrets is None


def test_a_code_whose_token_was_revoked_is_worth_nothing():
    ports = memory_ports()
    code = invited(ports)
    devices.revoke(ports, ports.records.tokens()[0].token_id)

    with pytest.raises(StateConflict, match="revoked"):
        exchange(ports, code, OURS)


def test_an_unknown_code_is_not_found():
    with pytest.raises(NotFound):
        exchange(memory_ports(), "7K3Q-M2XA-0123-4567-89AB-CDEF", OURS)


def test_a_code_with_a_wrong_secret_is_not_found():
    ports = memory_ports()
    code = invited(ports)
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")

    with pytest.raises(NotFound):
        exchange(ports, wrong, OURS)


def test_the_life_of_a_token_begins_with_the_exchange():
    ports = memory_ports()
    code = invited(ports, Grant(Role.DEVICE, "main", "north", None, 100))
    ports.clock.advance(50)

    _, token, _ = exchange(ports, code, OURS)

    assert token.expires_at == START + timedelta(seconds=150)


def enrolled(life_s: int | None = None) -> tuple[MemoryPorts, Token]:
    ports = memory_ports()
    _, token, _ = exchange(ports, invited(ports, Grant(Role.DEVICE, "main", "north", None, life_s)), OURS)
    return ports, token


def test_after_a_rotation_both_secrets_are_good_for_a_day():
    ports, token = enrolled()
    rotated(ports, token, "ours", THEIRS)
    ports.clock.advance(OVERLAP_S - 1)

    assert caller(ports, token.token_id, "ours")
    assert caller(ports, token.token_id, "theirs")

    ports.clock.advance(1)
    assert caller(ports, token.token_id, "theirs")
    with pytest.raises(NotAuthenticated):
        caller(ports, token.token_id, "ours")


def test_a_token_that_a_command_printed_is_rotated_too():
    ports = memory_ports()
    _, written = devices.enrol(ports, Role.OPERATOR, "main")
    token_id, secret = tokens.parsed(written)

    rotate(ports, token_id, caller(ports, token_id, secret).secret_version, OURS)

    assert caller(ports, token_id, "ours").secret_version == 1
    assert caller(ports, token_id, secret).secret_version == 0


def test_a_rotation_asked_again_changes_nothing():
    ports, token = enrolled()
    first = rotated(ports, token, "ours", THEIRS)
    ports.clock.advance(10)

    again = rotated(ports, token, "ours", THEIRS)

    assert (first[1], again) == (True, (first[0], False))


def test_who_has_an_old_secret_cannot_shut_out_who_has_the_new_one():
    ports, token = enrolled()
    rotated(ports, token, "ours", THEIRS)

    with pytest.raises(StateConflict, match="another secret replaced"):
        rotated(ports, token, "ours", tokens.digest("stolen"))

    assert caller(ports, token.token_id, "theirs")


def test_the_overlap_never_outlasts_the_life_of_the_old_secret():
    ports, token = enrolled(life_s=100)
    ports.clock.advance(90)

    after, _ = rotated(ports, token, "ours", THEIRS)

    assert after.secrets
    assert after.secrets.before_until == START + timedelta(seconds=100)
    assert after.expires_at == START + timedelta(seconds=190)


def test_a_rotation_that_loses_a_race_is_decided_again():
    ports, token = enrolled()
    rival = faulty(ports.records, Fault("put_secrets", Conflict("rival")))

    assert rotate(replace(ports, records=rival), token.token_id, 1, THEIRS)[1]


def test_a_rotation_that_loses_every_race_is_asked_for_patience():
    ports, token = enrolled()
    rivals = [Fault("put_secrets", Conflict("rival"), call=call) for call in range(1, 4)]

    with pytest.raises(StorageBusy):
        rotate(replace(ports, records=faulty(ports.records, *rivals)), token.token_id, 1, THEIRS)


def test_a_revocation_ends_both_secrets():
    ports, token = enrolled()
    rotated(ports, token, "ours", THEIRS)

    devices.revoke(ports, token.token_id)

    for secret in ("ours", "theirs"):
        with pytest.raises(NotAuthenticated, match="revoked"):
            caller(ports, token.token_id, secret)


def test_a_code_whose_token_is_not_there_any_more_is_worth_nothing():
    ports = memory_ports()
    code = invited(ports)

    class WithoutTokens:
        """A table from which somebody removed the token of the code by hand."""

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.records, name)

        def token(self, token_id: TokenId) -> None:
            """There is none."""

    with pytest.raises(NotFound, match="there is no token of this code any more; ask for another code"):
        exchange(replace(ports, records=cast(MemoryRecords, WithoutTokens())), code, OURS)
