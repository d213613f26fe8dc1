"""One request at the local HTTP server, in a test's hands: what it writes is on the wire at once, byte for byte."""

from __future__ import annotations

import json
import os
import select
import socket
import struct
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn

from infra.local.http_server import ConnectionCut

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Exchange:
    """One request, and what is written in answer."""

    def __init__(self, environ: WSGIEnvironment) -> None:
        handler = environ["reelhaul.handler"]
        self.command: str = handler.command
        self.path: str = handler.path
        self.headers: Mapping[str, str] = handler.headers
        self.connection: socket.socket = handler.connection
        self.client_address: tuple[str, int] = handler.client_address
        self.rfile = handler.rfile

    def write(self, raw: bytes) -> None:
        self.connection.sendall(raw)

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        said = {"Content-Length": str(len(body)), **(headers or {})}
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
        lines += [f"{name}: {text}" for name, text in said.items()]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.write(head if self.command == "HEAD" else head + body)

    def answer_json(self, status: int, document: object) -> None:
        self.answer(status, json.dumps(document).encode(), {"Content-Type": "application/json"})

    def reset(self) -> None:
        """End the connection as a machine in between does that has forgotten it: by RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def wait_for_hang_up(self, seconds: float = 10.0) -> bool:
        """Take nothing and say nothing until the client ends the connection; whether it did."""
        poll = select.poll()
        poll.register(self.connection, select.POLLRDHUP)
        return bool(poll.poll(seconds * 1000))


def answering(act: Callable[[Exchange], object]) -> Callable[..., Any]:
    """An application that has each request answered by `act`, and ends its connection then."""

    def app(environ: WSGIEnvironment, _: object) -> NoReturn:
        act(Exchange(environ))
        raise ConnectionCut

    return app
