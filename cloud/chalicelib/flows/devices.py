"""Enrolment: an operator decides who may call; of a token only its digest is kept."""

import logging
import re
from typing import Protocol

from msgspec.structs import replace

from chalicelib.core import ids, tokens
from chalicelib.core.errors import InvalidRequest, NotFound
from chalicelib.core.ids import DeviceId, TokenId
from chalicelib.core.tokens import ALL_PROJECTS, Device, Role, Token
from chalicelib.ports import Clock, Ids, Records

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


class Registry(Protocol):
    """The part of the world that enrolment touches; Ports have it."""

    @property
    def records(self) -> Records: ...

    @property
    def ids(self) -> Ids: ...

    @property
    def clock(self) -> Clock: ...


def enrol(
    registry: Registry,
    role: Role,
    project: str,
    name: str | None = None,
    device_id: DeviceId | None = None,
) -> tuple[Device | None, str]:
    """The device and its written token, which cannot be shown again.

    A device is new and called `name`, unless `device_id` names one of the project: that one gets a further token.
    Processors and operators have neither device nor name, and may be of all projects (`*`).
    Raises InvalidRequest, NotFound.
    """
    if role is Role.DEVICE:
        device = _find_or_create_device(registry, project, name, device_id)
        return device, _create_token(registry, role, device.project, device.device_id)
    if name is not None or device_id is not None:
        raise InvalidRequest(f"only a device has a name and an id; leave them out for a {role.value}")
    scope = project if project == ALL_PROJECTS else ids.project(project)
    return None, _create_token(registry, role, scope, None)


def revoke(registry: Registry, token_id: TokenId) -> Token:
    """The token, good for nothing from now on; revoking it again changes nothing. Raises NotFound."""
    token = registry.records.token(token_id)
    if token is None:
        # Not echoed: who pastes the whole token here would find its secret in a log.
        raise NotFound("there is no token with this id; its id is the text before the dot")
    if token.revoked_at:
        return token
    revoked = replace(token, revoked_at=registry.clock.now())
    registry.records.put_token(revoked)
    log.info("token revoked", extra={"token_id": token_id, "device_id": token.device_id})
    return revoked


def _find_or_create_device(
    registry: Registry, project: str, name: str | None, device_id: DeviceId | None
) -> Device:
    ids.project(project)
    if device_id is None:
        return _create_device(registry, project, name)
    device = registry.records.device(device_id)
    if device is None or device.project != project:
        raise NotFound(f"project {project} has no device {device_id}")
    if name not in (None, device.name):
        raise InvalidRequest(f"device {device_id} is called {device.name}, not {name}")
    return device


def _create_device(registry: Registry, project: str, name: str | None) -> Device:
    if name is None or not _NAME.fullmatch(name):
        raise InvalidRequest(
            "a device needs a name of 1 to 40 of A-Z, a-z, 0-9, '.', '_' and '-' that begins with a letter or a digit"
        )
    device = Device(registry.ids.device_id(), name, project, registry.clock.now())
    registry.records.put_device(device)
    log.info("device enrolled", extra={"device_id": device.device_id, "device": name, "project": project})
    return device


def _create_token(registry: Registry, role: Role, project: str, device_id: DeviceId | None) -> str:
    token_id, secret = registry.ids.token_id(), registry.ids.secret()
    digest = tokens.digest(secret)
    registry.records.put_token(Token(token_id, role, project, device_id, digest, registry.clock.now()))
    log.info("token made", extra={"token_id": token_id, "role": role.value, "project": project})
    return tokens.written(token_id, secret)
