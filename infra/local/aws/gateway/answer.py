"""What API Gateway answers: on its own account, or what a function made of its proxy event.

Source: docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from infra.local.aws.gateway.event import matches
from infra.local.aws.lambdas.functions import TOO_LARGE_TO_CALL, Outcome

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

Headers = list[tuple[str, str]]

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

# The gateway keeps these to itself; a function's own arrive under another name.
_REMAPPED = frozenset(
    {
        "authorization",
        "connection",
        "content-length",
        "content-md5",
        "date",
        "expect",
        "host",
        "max-forwards",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "www-authenticate",
    }
)


class Malformed(Exception):
    """A function answered something that is not a proxy response."""


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    status: int
    headers: Headers
    body: bytes = field(default=b"", repr=False)

    def send(self, start_response: StartResponse) -> list[bytes]:
        start_response(f"{self.status} {_phrase(self.status)}", self.headers)
        return [self.body]


def own(status: int, message: str) -> Answer:
    """An answer that no function gave."""
    body = json.dumps({"message": message}).encode()
    return Answer(status, [("Content-Type", "application/json")], body)


BROKEN_REQUEST = own(400, "Bad Request")
NO_SUCH_ROUTE = own(403, "Missing Authentication Token")
TOO_LONG = own(413, "Request Too Long")
THROTTLED = own(429, "Too Many Requests")
FAILED = own(502, "Internal server error")
REFUSED = own(503, "Service Unavailable")
TIMED_OUT = own(504, "Endpoint request timed out")


def of_mock(integration: Mapping[str, Any]) -> Answer:
    """The answer of a mock integration: the status and the constant headers of its default response."""
    said = integration["responses"]["default"]
    parameters = said.get("responseParameters", {})
    headers = [(name.rpartition(".")[2], value.strip("'")) for name, value in parameters.items()]
    return Answer(int(said["statusCode"]), [("Content-Type", "application/json"), *headers])


def of_outcome(outcome: Outcome, accept: str, binary_types: Sequence[str]) -> Answer:
    """The answer that a function gave, or what the gateway says when it gave none."""
    if outcome.error:
        return TOO_LONG if outcome.error.type == TOO_LARGE_TO_CALL else FAILED
    try:
        return _of_response(outcome.value, accept, binary_types)
    except Malformed:
        return FAILED


def _of_response(value: Any, accept: str, binary_types: Sequence[str]) -> Answer:
    if not isinstance(value, dict):
        raise Malformed
    headers = _merged(_mapping(value, "headers"), _mapping(value, "multiValueHeaders"))
    if not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    return Answer(_status(value), headers, _body(value, accept, binary_types))


def _status(value: Mapping[str, Any]) -> int:
    try:
        status = int(value["statusCode"])
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed from error
    if not 100 <= status <= 599:
        raise Malformed
    return status


def _body(value: Mapping[str, Any], accept: str, binary_types: Sequence[str]) -> bytes:
    """The body; bytes travel in base64, and stay so for a client that does not first of all accept a binary type."""
    body = value.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        raise Malformed
    if not (value.get("isBase64Encoded") and matches(accept.partition(",")[0], binary_types)):
        return body.encode("utf-8", "replace")
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed from error


def _mapping(value: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = value.get(name) or {}
    if not isinstance(found, dict):
        raise Malformed
    return found


def _merged(single: Mapping[str, Any], multiple: Mapping[str, Any]) -> Headers:
    """One list of both; a pair in both counts once."""
    merged: Headers = []
    for name, values in multiple.items():
        if not isinstance(values, list):
            raise Malformed
        merged += [_header(name, value) for value in values]
    ours = [_header(name, value) for name, value in single.items()]
    known = {(name.lower(), value) for name, value in merged}
    return merged + [(name, value) for name, value in ours if (name.lower(), value) not in known]


def _header(name: str, value: Any) -> tuple[str, str]:
    text = json.dumps(value) if isinstance(value, bool | int | float) else value
    if not (isinstance(text, str) and _HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(text)):
        raise Malformed
    return (f"x-amzn-Remapped-{name}" if name.lower() in _REMAPPED else name), text


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
