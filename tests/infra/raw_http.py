"""HTTP as it is on the wire: one request, and every byte of the answer until the connection ends."""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from infra.local.camera import Camera

PATIENCE_S = 10.0


@dataclass(frozen=True)
class Reply:
    lines: list[str]
    body: bytes
    was_reset: bool

    @property
    def status(self) -> int:
        return int(self.lines[0].split(" ")[1])

    def header(self, name: str) -> str | None:
        fields = (line.partition(": ") for line in self.lines[1:])
        return next((text for field, _, text in fields if field == name), None)

    def json(self) -> Any:
        return json.loads(self.body)


def connect(camera: Camera) -> socket.socket:
    address = urlsplit(camera.url)
    return socket.create_connection((address.hostname, address.port), timeout=PATIENCE_S)


def send(connection: socket.socket, path: str, method: str = "GET", **headers: str) -> None:
    fields = "".join(f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items())
    connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: camera\r\n{fields}\r\n".encode())


def receive(connection: socket.socket) -> tuple[bytes, bool]:
    """All that comes, and whether it ended with a reset."""
    received = b""
    try:
        while more := connection.recv(1024 * 1024):
            received += more
    except ConnectionResetError:
        return received, True
    return received, False


def ask(camera: Camera, path: str, method: str = "GET", **headers: str) -> Reply:
    with connect(camera) as connection:
        send(connection, path, method, **headers)
        received, was_reset = receive(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    return Reply(head.decode("latin-1").split("\r\n"), body, was_reset)


def is_refused(camera: Camera) -> bool:
    try:
        connect(camera).close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:
        return False  # it is just being shut
    return False


def eventually(question: Callable[[], object]) -> bool:
    """Whether the question is answered with yes before the patience ends."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.01)
    return False
