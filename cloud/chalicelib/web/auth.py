"""Who is calling, and with which client: asked of every call, in this one place."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Protocol

from chalicelib.core import tokens
from chalicelib.core.errors import ClientTooOld, InvalidRequest, NotAuthenticated, NotPermitted
from chalicelib.core.page_sessions import PageRules
from chalicelib.core.shares import is_of_a_share
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows.devices import Registry

VERSION_HEADER = "Reelhaul-Client-Version"
PROJECT_HEADER = "Reelhaul-Project"

COOKIE = "__Host-reelhaul"
"""A browser takes this name only from HTTPS, for this host alone and for no domain above it (RFC 6265bis, 4.1.3.2)."""
COOKIE_ON_LOOPBACK = "reelhaul"

_VERSION = re.compile(r"[0-9]{1,5}\.[0-9]{1,5}\.[0-9]{1,5}")
_LOOPBACK = re.compile(r"(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?")
_USUAL_PORT = {"https": ":443", "http": ":80"}


class Demands(Protocol):
    """What a deployment demands of callers; Settings have it."""

    @property
    def minimum_client_version(self) -> str: ...

    @property
    def page(self) -> PageRules: ...


def token_holder(registry: Registry, headers: Mapping[str, str], demands: Demands) -> Principal:
    """Who is calling, by the token and the client's version in `headers` (whose names match in any case).

    The token may be of a share link. Raises NotAuthenticated, InvalidRequest, ClientTooOld.
    """
    written = _bearer(headers.get("Authorization"))
    if is_of_a_share(written):
        from chalicelib.flows import shares  # devices and processors never need it

        return shares.find_holder(registry, written)
    token_id, secret = tokens.parsed(written)
    principal = tokens.principal(registry.records.token(token_id), secret, registry.clock.now())
    _demand_version(principal, headers.get(VERSION_HEADER), demands.minimum_client_version)
    return principal


def caller(registry: Registry, method: str, headers: Mapping[str, str], demands: Demands) -> Principal:
    """The holder of the call's token, or who logged in to the page, by the cookie of a call without a token.

    Raises NotAuthenticated, NotPermitted for a cookie's call that another site may have caused, and as `token_holder`.
    """
    cookie = _cookie(headers) if headers.get("Authorization") is None else None
    if cookie is None:
        holder = token_holder(registry, headers, demands)
        if holder.role is Role.SHARE:
            # So each use of a link is a login, which the audit trail tells.
            raise NotPermitted("a link's token opens the page and nothing else; open the link in a browser")
        return holder
    from chalicelib.flows import page_sessions  # devices and processors never need it

    _demand_own_page(method, headers, demands.page)
    principal = page_sessions.find_caller(registry, cookie, demands.page)
    _demand_version(principal, headers.get(VERSION_HEADER), demands.minimum_client_version)
    return principal


def project(principal: Principal, headers: Mapping[str, str]) -> str:
    """The project of the call: the token's own, or the one that a token of all projects names in a header.

    Raises InvalidRequest, NotFound.
    """
    return principal.meant_project(headers.get(PROJECT_HEADER))


def set_cookie(headers: Mapping[str, str], value: str, ends_at: datetime, now: datetime) -> str:
    """The Set-Cookie header of the answer to a call with these `headers`; the browser keeps it until `ends_at`."""
    name = _cookie_name(headers)
    secure = "Secure; " if name == COOKIE else ""
    left_s = max(0, int((ends_at - now).total_seconds()))
    return f"{name}={value}; Path=/; Max-Age={left_s}; {secure}HttpOnly; SameSite=Strict"


def _bearer(header: str | None) -> str:
    scheme, _, written = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not written:
        raise NotAuthenticated(
            "send the header 'Authorization: Bearer t_….…' with the token that enrolment printed"
        )
    return written


def _cookie(headers: Mapping[str, str]) -> str | None:
    """The value of the page's cookie; None without it."""
    name = _cookie_name(headers)
    for pair in (headers.get("Cookie") or "").split(";"):
        named, is_set, value = pair.strip().partition("=")
        if named == name and is_set:
            return value
    return None


def is_loopback(host: str) -> bool:
    """Whether a Host header names this very machine."""
    return _LOOPBACK.fullmatch(host.lower()) is not None


def _cookie_name(headers: Mapping[str, str]) -> str:
    """On loopback there is no HTTPS, whatever a gateway in between says of the scheme."""
    return COOKIE_ON_LOOPBACK if is_loopback(_host(headers)) else COOKIE


def _demand_own_page(method: str, headers: Mapping[str, str], rules: PageRules) -> None:
    """Raises NotPermitted unless a call with a cookie comes from the page: a browser sends cookies for any page."""
    if method == "GET":
        if (headers.get("Sec-Fetch-Site") or "").lower() == "cross-site":
            raise NotPermitted("another site made this call; open the page itself")
        return
    origin = headers.get("Origin")
    if origin is None:
        raise NotPermitted(
            "a change with the page's cookie needs the header Origin, which a browser sends by itself"
        )
    if origin.lower() not in (*_own_origins(_host(headers)), *rules.origins):
        raise NotPermitted(
            "this change comes from another origin than the page's; where the page has a further address, "
            "the setting PAGE_ORIGINS names it"
        )


def _own_origins(host: str) -> tuple[str, ...]:
    """The origins of a page that is reached at `host`; without HTTPS only on loopback."""
    schemes = ("https", "http") if _LOOPBACK.fullmatch(host) else ("https",)
    return tuple(f"{scheme}://{host.removesuffix(_USUAL_PORT[scheme])}" for scheme in schemes) if host else ()


def _host(headers: Mapping[str, str]) -> str:
    return (headers.get("Host") or "").lower()


def _demand_version(principal: Principal, version: str | None, minimum_version: str) -> None:
    """Others than devices are clients of their own, with versions of their own."""
    if version is not None and not _VERSION.fullmatch(version):
        raise InvalidRequest(f"the header {VERSION_HEADER} must be three numbers like 0.1.0")
    if principal.role is not Role.DEVICE:
        return
    if version is None or _numbers(version) < _numbers(minimum_version):
        said = f"this client is {version}" if version else f"this client sends no {VERSION_HEADER}"
        raise ClientTooOld(f"{said}; install {minimum_version} or later", minimum_version)


@lru_cache(maxsize=64)
def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))
