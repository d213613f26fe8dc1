"""A request as API Gateway hands it to a function: the proxy event of a REST API, version 1.

Source: docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Event = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """A request on its way to a route. `path` is as it came over the wire, percent signs and all."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    source_ip: str

    @classmethod
    def parsed(cls, environ: WSGIEnvironment, body: bytes) -> Request:
        target = urlsplit(environ["RAW_URI"])
        return cls(
            environ["REQUEST_METHOD"],
            target.path,
            target.query,
            _headers(environ),
            body,
            environ["REMOTE_ADDR"],
        )

    def header(self, name: str) -> str:
        """The value of a header, by its name in the usual capitals; empty when there is none."""
        return self.headers.get(name, "")


@dataclass(frozen=True)
class Destination:
    """What a request is for: the API's and the stage's names, the route's template and what it matched."""

    api_id: str
    stage: str
    path: str
    template: str
    parameters: Mapping[str, str]


def proxy_event(
    request: Request, destination: Destination, binary_types: Sequence[str], now: datetime
) -> Event:
    """The event for the function. A body of no binary type is text, with U+FFFD for what is not UTF-8."""
    query = parse_qsl(request.query, keep_blank_values=True)
    is_binary = matches(request.header("Content-Type"), binary_types)
    return {
        "resource": destination.template,
        "path": destination.path,
        "httpMethod": request.method,
        "headers": dict(request.headers),
        "multiValueHeaders": {name: [value] for name, value in request.headers.items()},
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _gathered(query) or None,
        "pathParameters": dict(destination.parameters) or None,
        "stageVariables": None,
        "requestContext": _context(request, destination, now),
        "body": _body(request.body, is_binary),
        "isBase64Encoded": is_binary and bool(request.body),
    }


def matches(media_type: str, wanted: Sequence[str]) -> bool:
    """Whether a media type, its parameters aside, is one of `wanted`; these may be `*/*` or `image/*`."""
    bare = media_type.partition(";")[0].strip().lower()
    family = bare.partition("/")[0]
    return any(one in ("*/*", bare, f"{family}/*") for one in map(str.lower, wanted))


def _headers(environ: WSGIEnvironment) -> dict[str, str]:
    """By names in the usual capitals; WSGI keeps neither the client's, nor apart what was in two lines."""
    found = {
        name.removeprefix("HTTP_").replace("_", "-").title(): str(value)
        for name, value in environ.items()
        if name.startswith("HTTP_") or name == "CONTENT_TYPE"
    }
    return found | {"X-Forwarded-For": environ["REMOTE_ADDR"], "X-Forwarded-Proto": "https"}


def _gathered(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    gathered: dict[str, list[str]] = {}
    for name, value in pairs:
        gathered.setdefault(name, []).append(value)
    return gathered


def _body(body: bytes, is_binary: bool) -> str | None:
    if not body:
        return None
    return base64.b64encode(body).decode() if is_binary else body.decode("utf-8", "replace")


def _context(request: Request, destination: Destination, now: datetime) -> Event:
    request_id = str(uuid.uuid4())
    return {
        "resourceId": destination.template,
        "resourcePath": destination.template,
        "httpMethod": request.method,
        "path": f"/{destination.stage}{destination.path}",
        "protocol": "HTTP/1.1",
        "stage": destination.stage,
        "apiId": destination.api_id,
        "accountId": "123456789012",
        "domainName": request.header("Host"),
        "requestId": request_id,
        "extendedRequestId": request_id,
        "requestTime": f"{now:%d/%b/%Y:%H:%M:%S %z}",
        "requestTimeEpoch": int(now.timestamp() * 1000),
        "identity": {"sourceIp": request.source_ip, "userAgent": request.header("User-Agent") or None},
    }
