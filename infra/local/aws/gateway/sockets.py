"""API Gateway's WebSockets on this machine: the routes of the WebSocket API that was imported, and its management API.

A socket opens when the function of `$connect` answers 2xx. What a page says is for the function of `$default`; without
that route API Gateway answers it with an error, as here. `POST /@connections/{id}` sends to a socket, 410 says that it
is closed. Custom authorizers are not played, and neither are calls of `/@connections` but POST.
Source: docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html
"""

from __future__ import annotations

import json
import re
import socket
import threading
import uuid
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from infra.local.aws.lambdas.functions import Outcome

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

HOST = "127.0.0.1"
STAGE = "api"
CONNECTIONS = "/@connections"
LARGEST_MESSAGE_BYTES = 128 * 1024
"""Source: docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""
IDLE_S = 600.0
LONGEST_S = 7_200.0
"""After so long API Gateway ends a socket on which nothing is said, and any socket."""

_SIGNED = re.compile(r"AWS4-HMAC-SHA256 Credential=[^/]+/\d+/[^/]+/execute-api/aws4_request")


def listening() -> socket.socket:
    """A free port, open at once: what connects waits until a SocketGateway answers."""
    return socket.create_server((HOST, 0))


def address(listener: socket.socket) -> str:
    """Where a socket is opened, without a query."""
    port: int = listener.getsockname()[1]
    return f"ws://{HOST}:{port}/{STAGE}"


class SocketGateway:
    """The server of the sockets that come to `listener`, and a WSGI application for `/@connections`.

    `function_of` answers the ARN of the function of a route (`$connect`, `$disconnect`, `$default`), `invoke` calls it.
    """

    def __init__(
        self,
        listener: socket.socket,
        function_of: Callable[[str], str | None],
        invoke: Callable[[str, object], Outcome],
        *,
        now: Callable[[], datetime],
        idle_s: float = IDLE_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self.url = address(listener)
        self._function_of = function_of
        self._invoke = invoke
        self._now = now
        self._idle_s = idle_s
        self._longest_s = longest_s
        self._open: dict[str, ServerConnection] = {}
        self._lock = threading.Lock()
        self._server: Server = serve(
            self._hold,
            sock=listener,
            process_request=self._admit,
            ping_interval=None,
            max_size=LARGEST_MESSAGE_BYTES,
            compression=None,
        )
        self._thread = threading.Thread(target=self._server.serve_forever, name="sockets", daemon=True)
        self._thread.start()

    @property
    def connection_ids(self) -> tuple[str, ...]:
        """The sockets that are open."""
        with self._lock:
            return tuple(self._open)

    def cut(self) -> None:
        """The connections of all sockets end at once, without a word."""
        with self._lock:
            connections = list(self._open.values())
        for connection in connections:
            connection.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """No socket and no thread is left."""
        self._server.shutdown()
        self._thread.join()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """`POST /@connections/{id}`."""
        status = self._post(environ)
        start_response(
            f"{status.value} {status.phrase}", [("Content-Type", "application/json"), *_named(status)]
        )
        return [b"" if status is HTTPStatus.OK else json.dumps({"message": status.phrase}).encode()]

    def _post(self, environ: WSGIEnvironment) -> HTTPStatus:
        body = environ["wsgi.input"].read(LARGEST_MESSAGE_BYTES + 1)
        if not _SIGNED.match(environ.get("HTTP_AUTHORIZATION", "")):
            return HTTPStatus.FORBIDDEN
        if environ["REQUEST_METHOD"] != "POST":
            return HTTPStatus.METHOD_NOT_ALLOWED
        if len(body) > LARGEST_MESSAGE_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        with self._lock:
            connection = self._open.get(unquote(environ["PATH_INFO"].rpartition("/")[2]))
        if connection is None:
            return HTTPStatus.GONE
        try:
            connection.send(body.decode())
        except ConnectionClosed:
            return HTTPStatus.GONE
        return HTTPStatus.OK

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """None opens the socket, once its function has said so."""
        target = urlsplit(request.path)
        function = self._function_of("$connect")
        if target.path.strip("/") != STAGE or function is None:
            return connection.respond(HTTPStatus.FORBIDDEN, "")
        connection_id = _new_id()
        connection.connection_id = connection_id  # type: ignore[attr-defined]  # for `_hold`
        headers = dict(request.headers.raw_items())
        query = dict(parse_qsl(target.query))
        event = self._event("CONNECT", "$connect", connection_id) | {
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": query or None,
            "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        }
        status = _status(self._invoke(function, event))
        return None if 200 <= status < 300 else connection.respond(HTTPStatus(status), "")

    def _hold(self, connection: ServerConnection) -> None:
        connection_id: str = connection.connection_id  # type: ignore[attr-defined]  # `_admit` put it there
        with self._lock:
            self._open[connection_id] = connection
        try:
            self._listen(connection, connection_id)
        finally:
            with self._lock:
                del self._open[connection_id]
            function = self._function_of("$disconnect")
            if function:
                self._invoke(function, self._event("DISCONNECT", "$disconnect", connection_id))

    def _listen(self, connection: ServerConnection, connection_id: str) -> None:
        end = threading.Timer(self._longest_s, connection.close, [1001, "Going away"])
        end.daemon = True
        end.start()
        try:
            # What is said by the page resets the time; what is sent to it does too, but hints are few.
            while True:
                self._hear(connection, connection_id, connection.recv(self._idle_s))
        except TimeoutError:
            connection.close(1001, "Going away")
        except (ConnectionClosed, OSError):
            pass
        finally:
            end.cancel()

    def _hear(self, connection: ServerConnection, connection_id: str, said: str | bytes) -> None:
        function = self._function_of("$default")
        event = self._event("MESSAGE", "$default", connection_id)
        if function is None:
            told = {name: event["requestContext"][name] for name in ("connectionId", "requestId")}
            connection.send(json.dumps({"message": "Forbidden", **told}))
            return
        self._invoke(function, event | {"body": said if isinstance(said, str) else said.decode()})

    def _event(self, kind: str, route: str, connection_id: str) -> dict[str, Any]:
        now = self._now()
        request_id = str(uuid.uuid4())
        return {
            "requestContext": {
                "routeKey": route,
                "eventType": kind,
                "messageDirection": "IN",
                "connectionId": connection_id,
                "requestId": request_id,
                "extendedRequestId": request_id,
                "apiId": "local",
                "stage": STAGE,
                "domainName": urlsplit(self.url).netloc,
                "connectedAt": int(now.timestamp() * 1000),
                "requestTime": f"{now:%d/%b/%Y:%H:%M:%S %z}",
                "requestTimeEpoch": int(now.timestamp() * 1000),
                "identity": {"sourceIp": HOST},
            },
            "isBase64Encoded": False,
        }


def _status(outcome: Outcome) -> int:
    """The status that a function answered; that of a failed integration when it gave none."""
    if outcome.error or not isinstance(outcome.value, dict):
        return 502
    return int(outcome.value.get("statusCode", 200))


def _new_id() -> str:
    """As API Gateway's look: 12 bytes in base64, which has characters that a path must escape."""
    return f"{uuid.uuid4().hex[:14]}="


def _named(status: HTTPStatus) -> list[tuple[str, str]]:
    """The error's name, by which boto3 knows it."""
    names = {
        HTTPStatus.GONE: "GoneException",
        HTTPStatus.FORBIDDEN: "ForbiddenException",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "PayloadTooLargeException",
    }
    return [("x-amzn-ErrorType", names[status])] if status in names else []
