"""Who is calling, and with which client: asked of every call, in this one place."""

import re
from collections.abc import Mapping

from chalicelib.core import tokens
from chalicelib.core.errors import ClientTooOld, InvalidRequest, NotAuthenticated
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows.devices import Registry

VERSION_HEADER = "Reelhaul-Client-Version"
PROJECT_HEADER = "Reelhaul-Project"

_VERSION = re.compile(r"[0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,5}")


def caller(registry: Registry, headers: Mapping[str, str], minimum_version: str) -> Principal:
    """Who is calling, by the token and the client's version in `headers` (whose names match in any case).

    Raises NotAuthenticated, InvalidRequest, ClientTooOld.
    """
    token_id, secret = tokens.parsed(_bearer(headers.get("Authorization")))
    principal = tokens.principal(registry.records.token(token_id), secret, registry.clock.now())
    _demand_version(principal, headers.get(VERSION_HEADER), minimum_version)
    return principal


def project(principal: Principal, headers: Mapping[str, str]) -> str:
    """The project of the call: the token's own, or the one that a token of all projects names in a header.

    Raises InvalidRequest, NotFound.
    """
    return principal.meant_project(headers.get(PROJECT_HEADER))


def _bearer(header: str | None) -> str:
    scheme, _, written = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not written:
        raise NotAuthenticated(
            "send the header 'Authorization: Bearer t_….…' with the token that enrolment printed"
        )
    return written


def _demand_version(principal: Principal, version: str | None, minimum_version: str) -> None:
    """Others than devices are clients of their own, with versions of their own."""
    if version is not None and not _VERSION.fullmatch(version):
        raise InvalidRequest(f"the header {VERSION_HEADER} must be three numbers like 0.1.0")
    if principal.role is not Role.DEVICE:
        return
    if version is None or _numbers(version) < _numbers(minimum_version):
        said = f"this client is {version}" if version else f"this client sends no {VERSION_HEADER}"
        raise ClientTooOld(f"{said}; install {minimum_version} or later", minimum_version)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))
