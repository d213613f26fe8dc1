"""Enrolment: who may call, and of what only a digest is kept."""

import logging

import pytest
from msgspec.structs import replace

from chalicelib.core import tokens
from chalicelib.core.errors import InvalidRequest, NotAuthenticated, NotFound
from chalicelib.core.ids import DeviceId, TokenId
from chalicelib.core.tokens import Device, Principal, Role
from chalicelib.flows import devices
from chalicelib.ports import Ports
from tests.support.builders import MemoryPorts, memory_ports
from tests.support.memory import START


def principal_of(ports: Ports, written: str) -> Principal:
    """Whom the coordinator takes the holder of this token for, whichever token it is."""
    token_id, secret = tokens.parsed(written)
    found = tokens.principal(ports.records.token(token_id), secret, ports.clock.now())
    assert found.token_id == token_id
    return replace(found, token_id=None)


def enrolled(ports: Ports, name: str = "jetson-north", project: str = "main") -> tuple[Device, str]:
    device, written = devices.enrol(ports, Role.DEVICE, project, name)
    assert device is not None
    return device, written


def test_a_device_is_enrolled_with_a_token_that_proves_it():
    ports = memory_ports()

    device, written = enrolled(ports)

    assert ports.records.device(device.device_id) == Device(device.device_id, "jetson-north", "main", START)
    assert principal_of(ports, written) == Principal(Role.DEVICE, "main", device.device_id)


def test_of_a_token_only_the_digest_is_kept():
    ports = memory_ports()

    _, written = enrolled(ports)

    token_id, secret = tokens.parsed(written)
    kept = ports.records.token(token_id)
    assert kept is not None
    assert kept.digest == tokens.digest(secret)
    assert secret not in repr(kept)


def test_the_log_knows_the_token_but_not_its_secret(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)

    _, written = enrolled(memory_ports())

    token_id, secret = tokens.parsed(written)
    told = str([vars(record) for record in caplog.records])
    assert token_id in told
    assert secret not in told


def test_a_device_may_have_a_further_token_so_that_its_tokens_can_overlap():
    ports = memory_ports()
    device, first = enrolled(ports)

    same, second = devices.enrol(ports, Role.DEVICE, "main", device_id=device.device_id)

    assert same == device
    assert first != second
    assert principal_of(ports, first) == principal_of(ports, second)


@pytest.mark.parametrize("project", ["main", "other"])
def test_a_further_token_is_made_only_for_a_device_of_the_project(project: str):
    ports = memory_ports()
    device, _ = enrolled(ports, project="third")

    with pytest.raises(NotFound):
        devices.enrol(ports, Role.DEVICE, project, device_id=device.device_id)


def test_a_further_token_for_a_device_that_was_never_enrolled_is_not_found():
    with pytest.raises(NotFound):
        devices.enrol(memory_ports(), Role.DEVICE, "main", device_id=DeviceId("d_unknown"))


def test_a_device_is_not_renamed_by_a_further_token():
    ports = memory_ports()
    device, _ = enrolled(ports, "jetson-north")

    with pytest.raises(InvalidRequest, match="jetson-north"):
        devices.enrol(ports, Role.DEVICE, "main", "jetson-south", device.device_id)


@pytest.mark.parametrize("role", [Role.PROCESSOR, Role.OPERATOR])
@pytest.mark.parametrize("project", ["main", "*"])
def test_processors_and_operators_have_a_token_of_one_project_or_of_all(role: Role, project: str):
    ports = memory_ports()

    device, written = devices.enrol(ports, role, project)

    assert device is None
    assert principal_of(ports, written) == Principal(role, project, None)


@pytest.mark.parametrize(("name", "device_id"), [("worker", None), (None, DeviceId("d_north"))])
def test_only_devices_have_a_name_and_an_id(name: str | None, device_id: DeviceId | None):
    with pytest.raises(InvalidRequest):
        devices.enrol(memory_ports(), Role.PROCESSOR, "main", name, device_id)


@pytest.mark.parametrize("project", ["", "*", "Main", "a b", "-a", "a" * 41])
def test_a_device_belongs_to_exactly_one_project(project: str):
    ports = memory_ports()

    with pytest.raises(InvalidRequest):
        devices.enrol(ports, Role.DEVICE, project, "jetson-north")

    assert nothing_was_recorded(ports)


@pytest.mark.parametrize("name", [None, "", " ", "a b", "-a", "a/b", "a\n", "a" * 41])
def test_a_device_without_a_plain_name_is_refused(name: str | None):
    ports = memory_ports()

    with pytest.raises(InvalidRequest):
        devices.enrol(ports, Role.DEVICE, "main", name)

    assert nothing_was_recorded(ports)


@pytest.mark.parametrize("length", [1, 39, 40])
def test_a_device_has_a_name_of_up_to_40_characters(length: int):
    device, _ = enrolled(memory_ports(), "n" * length)

    assert len(device.name) == length


def test_a_revoked_token_is_good_for_nothing_while_others_of_the_device_stay():
    ports = memory_ports()
    device, first = enrolled(ports)
    _, second = devices.enrol(ports, Role.DEVICE, "main", device_id=device.device_id)

    devices.revoke(ports, tokens.parsed(first)[0])

    with pytest.raises(NotAuthenticated):
        principal_of(ports, first)
    assert principal_of(ports, second).device_id == device.device_id


def test_revoking_again_keeps_the_time_of_the_first():
    ports = memory_ports()
    token_id, _ = tokens.parsed(enrolled(ports)[1])
    devices.revoke(ports, token_id)
    ports.clock.advance(60)

    assert devices.revoke(ports, token_id).revoked_at == START


def test_a_token_that_was_never_made_cannot_be_revoked_and_is_not_repeated():
    with pytest.raises(NotFound) as caught:
        devices.revoke(memory_ports(), TokenId("t_unknown.secret"))

    assert "secret" not in str(caught.value)


def nothing_was_recorded(ports: MemoryPorts) -> bool:
    """Whether the next ids are still the first ones: nobody was given any."""
    return ports.ids.device_id() == memory_ports().ids.device_id()


def test_no_token_is_made_with_the_role_of_a_share_link():
    ports = memory_ports()

    with pytest.raises(
        InvalidRequest, match="no token has the role share: a session's page makes such links"
    ):
        devices.enrol(ports, Role.SHARE, "main")

    assert ports.records.tokens() == ()
