"""HTTP/1.1 as the benchmark's servers speak it: bodies are read into one buffer a connection and passed on as views."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BUFFER_BYTES = 256 * 1024
# A paced link must not hold many seconds in its kernel's buffers.
PACED_SOCKET_BYTES = 256 * 1024


class Exchange(BaseHTTPRequestHandler):
    """One connection and its requests."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    rbufsize = 64 * 1024
    server: Server

    def log_message(self, *args: object) -> None:
        """Nothing: what is counted is asked for."""

    def setup(self) -> None:
        super().setup()
        self._buffer = memoryview(bytearray(BUFFER_BYTES))

    def body_blocks(self) -> Iterator[memoryview]:
        """The request's body as it comes; each view is good until the next is asked for. Raises ConnectionError."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            yield from self._views(int(self.headers.get("Content-Length") or 0))
            return
        while size_bytes := int(self._line().partition(b";")[0], 16):
            yield from self._views(size_bytes)
            self._line()
        while self._line():
            continue

    def _views(self, left_bytes: int) -> Iterator[memoryview]:
        while left_bytes:
            # readinto1 of a BufferedReader reads straight into a view that is larger than its own buffer.
            count = self.rfile.readinto1(self._buffer[: min(left_bytes, BUFFER_BYTES)])
            if not count:
                raise ConnectionAbortedError("the body ended early")
            left_bytes -= count
            yield self._buffer[:count]

    def _line(self) -> bytes:
        line = self.rfile.readline(1024)
        if not line.endswith(b"\n"):
            raise ConnectionAbortedError("the body ended early")
        return line.strip()

    def body(self) -> bytes:
        return b"".join(map(bytes, self.body_blocks()))

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        """One answer; a HEAD names its own Content-Length."""
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if body and self.command != "HEAD":
            self.wfile.write(body)

    def answer_json(self, status: int, document: object, kind: str = "application/json") -> None:
        self.answer(status, json.dumps(document).encode(), {"Content-Type": kind})


class Server(ThreadingHTTPServer):
    """A server on a free port of 127.0.0.1; `subject` is what its exchanges work on."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self, subject: Any, exchange: type[Exchange], tls: ssl.SSLContext | None = None, paced: bool = False
    ) -> None:
        self.subject = subject
        self._tls = tls
        self._paced = paced
        super().__init__(("127.0.0.1", 0), exchange)
        self._thread = threading.Thread(target=lambda: self.serve_forever(0.05), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.server_port}"

    def server_bind(self) -> None:
        if self._paced:
            # Before listen, so that accepted connections have it from the first byte.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PACED_SOCKET_BYTES)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PACED_SOCKET_BYTES)
        super().server_bind()

    def get_request(self) -> tuple[socket.socket, Any]:
        accepted, address = super().get_request()
        if self._tls is None:
            return accepted, address
        # The handshake happens in the connection's own thread, with its first read.
        return self._tls.wrap_socket(accepted, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients are killed here on purpose."""

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()
