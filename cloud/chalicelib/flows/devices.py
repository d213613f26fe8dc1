"""Enrolment: an operator decides who may call; of a token only its digest is kept."""

import logging
import re
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core import audit, ids, tokens
from chalicelib.core.acting import Acting
from chalicelib.core.enrolment import Code
from chalicelib.core.errors import InvalidRequest, NotFound
from chalicelib.core.ids import DeviceId, TokenId
from chalicelib.core.tokens import ALL_PROJECTS, GRANTED, Device, Role, Token
from chalicelib.ports import Clock, Enlisting, Ids, Records

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

    @property
    def acting(self) -> Acting: ...


def enrol(
    registry: Registry,
    role: Role,
    project: str,
    name: str | None = None,
    device_id: DeviceId | None = None,
    life_s: int | None = None,
) -> tuple[Device | None, str]:
    """The device and its written token, which cannot be shown again; it is good for `life_s`, or without end.

    A device is new and called `name`, unless `device_id` names one of the project: that one gets a further token.
    Processors and operators have neither device nor name, and may be of all projects (`*`).
    Raises InvalidRequest, NotFound.
    """
    grant = Grant(role, project, name, device_id, life_s)
    demand_grantable(registry, grant)
    secret = registry.ids.secret()
    device, token = enlist_token(registry, grant, tokens.digest(secret))
    return device, tokens.written(token.token_id, secret)


class Grant(Struct, frozen=True):
    """What an operator wants a new token for, as `enrol` takes it."""

    role: Role
    project: str
    name: str | None
    device_id: DeviceId | None
    life_s: int | None


def enlist_token(
    registry: Registry,
    grant: Grant,
    secret_digest: str | None,
    code_for: Callable[[TokenId], Code] | None = None,
) -> tuple[Device | None, Token]:
    """A new token with its device, and the code that `code_for` makes for it; all of them are recorded at once.

    Raises InvalidRequest, NotFound.
    """
    now = registry.clock.now()
    known = demand_grantable(registry, grant)
    is_new = known is None and grant.role is Role.DEVICE
    device = Device(registry.ids.device_id(), grant.name or "", grant.project, now) if is_new else known
    token = Token(
        registry.ids.token_id(),
        grant.role,
        grant.project,
        device.device_id if device else None,
        secret_digest,
        now,
        life_s=grant.life_s,
    )
    code = code_for(token.token_id) if code_for else None
    steps = [audit.step("device", device.device_id, None, device.name)] if device and is_new else []
    made = f"made for a {token.role.value}" if secret_digest else f"a code for a {token.role.value}"
    steps.append(audit.step("token", token.token_id, None, made))
    entry = audit.act(registry.acting, now, token.project, *steps)
    registry.records.enlist(Enlisting((token,), device if is_new else None, code, entry))
    if device and is_new:
        about = {"device_id": device.device_id, "device": device.name, "project": device.project}
        log.info("device enrolled", extra=about)
    log.info(
        "token made",
        extra={"token_id": token.token_id, "role": token.role.value, "project": token.project},
    )
    return device, token


def revoke(registry: Registry, token_id: TokenId) -> Token:
    """The token, good for nothing from now on; revoking it again changes nothing. Raises NotFound."""
    token = registry.records.token(token_id)
    if token is None:
        # Not echoed: who pastes the whole token here would find its secret in a log.
        raise NotFound("there is no token with this id; the id of a token is the text before its dot")
    if token.revoked_at:
        return token
    revoked = replace(token, revoked_at=registry.clock.now())
    revocation = audit.step("token", token_id, None, "revoked")
    entry = audit.act(registry.acting, registry.clock.now(), token.project, revocation)
    registry.records.enlist(Enlisting(tokens=(revoked,), entry=entry))
    log.info("token revoked", extra={"token_id": token_id, "device_id": token.device_id})
    return revoked


def demand_grantable(registry: Registry, grant: Grant) -> Device | None:
    """The device that the grant names; None for a new one, and for who is no device.

    Raises InvalidRequest, NotFound.
    """
    if grant.role not in GRANTED:
        raise InvalidRequest(f"no token has the role {grant.role.value}: a session's page makes such links")
    if grant.role is not Role.DEVICE:
        if grant.name is not None or grant.device_id is not None:
            raise InvalidRequest(
                f"only a device has a name and an id; leave them out for a {grant.role.value}"
            )
        if grant.project != ALL_PROJECTS:
            ids.project(grant.project)
        return None
    ids.project(grant.project)
    if grant.device_id is None:
        if grant.name is None or not _NAME.fullmatch(grant.name):
            raise InvalidRequest(
                "a device needs a name of 1 to 40 of A-Z, a-z, 0-9, '.', '_' and '-' that begins with a letter or a "
                "digit"
            )
        return None
    device = registry.records.device(grant.device_id)
    if device is None or device.project != grant.project:
        raise NotFound(f"project {grant.project} has no device {grant.device_id}")
    if grant.name not in (None, device.name):
        raise InvalidRequest(f"device {grant.device_id} is called {device.name}, not {grant.name}")
    return device
