"""Calls from pages of other origins: which may, and what a browser is told (CORS).

API Gateway would tell one origin, the same to all; a deployment has several, so each answer names the caller's.
Cookies are never let through: SameSite keeps them from other sites anyway.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from chalice.app import Blueprint, Response

LONGEST_S = 600
_READABLE = "Retry-After, X-Request-Id"
_HEADERS = "Authorization, Content-Type, Reelhaul-Project, Uppy-Auth-Token, Uppy-Versions"


class _Door(Protocol):
    @property
    def method(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def is_for_other_origins(self) -> bool: ...


def tell(call: Callable[..., Response], made: Blueprint, origins: tuple[str, ...]) -> Callable[..., Response]:
    """`call`, whose answer a page of one of `origins` may read; problems too."""

    @functools.wraps(call)
    def answer(**parameters: str) -> Response:
        response = call(**parameters)
        response.headers.update(_granted(made.current_request.headers, origins))
        return response

    return answer


def add_preflights(made: Blueprint, routes: Sequence[_Door], origins: tuple[str, ...]) -> None:
    """An OPTIONS for each path of `routes` that pages of other origins may call."""
    methods: dict[str, list[str]] = {}
    for route in routes:
        if route.is_for_other_origins:
            methods.setdefault(route.path, []).append(route.method)
    for path, allowed in methods.items():
        made.route(path, methods=["OPTIONS"], content_types=["*/*"], name=f"preflight {path}")(
            _preflight(made, allowed, origins)
        )


def _preflight(made: Blueprint, methods: Sequence[str], origins: tuple[str, ...]) -> Callable[..., Response]:
    """The answer to a browser that asks before it calls: 403 where its page may not."""

    def preflight(**_: str) -> Response:
        granted = _granted(made.current_request.headers, origins)
        if "Access-Control-Allow-Origin" not in granted:
            return Response("", {**granted}, 403)
        said = {
            "Access-Control-Allow-Methods": ", ".join(methods),
            "Access-Control-Allow-Headers": _HEADERS,
            "Access-Control-Max-Age": str(LONGEST_S),
        }
        return Response("", {**granted, **said}, 204)

    return preflight


def _granted(headers: Mapping[str, str], origins: tuple[str, ...]) -> dict[str, str]:
    origin = headers.get("Origin")
    varies = {"Vary": "Origin"}
    if origin is None or origin not in origins:
        return varies
    return {
        **varies,
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": _READABLE,
    }
