"""An upload pass leads into one session, for who has its secret, as long as its maker's token is good."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core import tokens
from chalicelib.core.errors import InvalidRequest, NotAuthenticated, NotFound
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows import devices, upload_passes
from tests.support.builders import SESSION_ID, MemoryPorts, make_picture, memory_ports

LIFE_S = 60


def operator(ports: MemoryPorts) -> Principal:
    token_id, secret = tokens.parsed(devices.enrol(ports, Role.OPERATOR, "main")[1])
    return tokens.principal(ports.records.token(token_id), secret, ports.clock.now())


def test_a_pass_leads_into_its_session_as_its_maker():
    ports = memory_ports()
    maker = operator(ports)

    made, written = upload_passes.make_pass(ports, maker, SESSION_ID, LIFE_S)

    assert made.expires_at == ports.clock.now() + timedelta(seconds=LIFE_S)
    caller, session_id = upload_passes.find_caller(ports, written)
    assert (caller.role, caller.project, session_id) == (Role.OPERATOR, "main", SESSION_ID)


def test_a_caller_without_a_token_makes_no_pass():
    with pytest.raises(InvalidRequest, match="only a caller with a token makes an upload pass"):
        upload_passes.make_pass(memory_ports(), Principal(Role.OPERATOR, "main", None), SESSION_ID, LIFE_S)


def test_no_pass_leads_into_a_session_that_its_maker_does_not_see():
    ports = memory_ports(make_picture())

    with pytest.raises(NotFound):
        upload_passes.make_pass(ports, replace(operator(ports), project="club"), SESSION_ID, LIFE_S)


def test_a_pass_is_worth_nothing_once_the_token_of_its_maker_is_revoked():
    ports = memory_ports()
    maker = operator(ports)
    _, written = upload_passes.make_pass(ports, maker, SESSION_ID, LIFE_S)
    assert maker.token_id

    devices.revoke(ports, maker.token_id)

    with pytest.raises(NotAuthenticated):
        upload_passes.find_caller(ports, written)
