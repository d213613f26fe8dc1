"""Lambda's Invoke call for events: accepted at once, delivered as S3's own events are.

Source: docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from infra.local.aws.lambdas.functions import DeployedFunction, UnknownFunction

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

EVENT_LIMIT_BYTES = 256 * 1024
"""The limit of an asynchronous call, as it was for years; Lambda accepts 1 MB now."""

_PATH = re.compile(r"/2015-03-31/functions/([^/]+)/invocations/?")

Refusal = tuple[str, str]
"""The HTTP status line, and Lambda's word for it."""


def invocations_of(function_name: str) -> str:
    """The path at which a function is invoked."""
    return f"/2015-03-31/functions/{function_name}/invocations"


class Invocations:
    """A WSGI application: what is deployed is read from `functions`, and what is accepted goes to `send`."""

    def __init__(
        self, functions: Callable[[str], DeployedFunction], send: Callable[[str, object], None]
    ) -> None:
        self._functions = functions
        self._send = send

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        refusal = self._refusal(environ)
        if refusal:
            status, code = refusal
            headers = [("Content-Type", "application/json"), ("x-amzn-ErrorType", code)]
            start_response(status, headers)
            return [json.dumps({"Type": "User", "Message": code}).encode()]
        start_response("202 Accepted", [])
        return [b""]

    def _refusal(self, environ: WSGIEnvironment) -> Refusal | None:
        """Why a call is refused; None once its event is on its way."""
        found = _PATH.fullmatch(environ["PATH_INFO"])
        if environ["REQUEST_METHOD"] != "POST" or not found:
            return "405 Method Not Allowed", "MethodNotAllowedException"
        if environ.get("HTTP_X_AMZ_INVOCATION_TYPE") != "Event":
            return "400 Bad Request", "InvalidParameterValueException"
        body = environ["wsgi.input"].read(EVENT_LIMIT_BYTES + 1)
        if len(body) > EVENT_LIMIT_BYTES:
            return "413 Request Entity Too Large", "RequestTooLargeException"
        try:
            event = json.loads(body)
            self._functions(unquote(found[1]))
        except ValueError:
            return "400 Bad Request", "InvalidRequestContentException"
        except UnknownFunction:
            return "404 Not Found", "ResourceNotFoundException"
        self._send(unquote(found[1]), event)
        return None
