"""Any WSGI application on 127.0.0.1: HTTP/1.1 with keep-alive, a thread per connection, nothing left after `close`.

Written on `http.server` because the servers at hand (wsgiref, werkzeug) close the connection after each answer.
A request that expects `100-continue` gets it when the application first reads its body: a refusal costs no upload.
"""

from __future__ import annotations

import io
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

HOST = "127.0.0.1"
IDLE_S = 120.0  # a connection without a request for so long is closed
LONGEST_LINE = 65_536
DRAIN_BYTES = 1 << 16
POLL_S = 0.05
WITHOUT_BODY = frozenset({204, 304})

Headers = list[tuple[str, str]]


class ConnectionCut(Exception):
    """Raised by an application that wants its client to see the connection end without an answer."""


class BrokenRequest(Exception):
    """A request whose framing cannot be trusted; the connection is of no further use."""


class Server:
    """`app` at `url`, from `start` to `close`. The port is bound at once; 0 takes a free one.

    `close` waits up to `poll_s` for the listener.
    """

    def __init__(self, app: WSGIApplication, port: int = 0, poll_s: float = POLL_S) -> None:
        self._listener = _Listener(app, port)
        self._poll_s = poll_s
        self._thread = threading.Thread(target=self._serve, name=f"server-{self.port}", daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.server_address[1])

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> Server:
        self._thread.start()
        return self

    def close(self) -> None:
        """Idle connections end now, requests under way end first; then no thread and no socket is left."""
        if self._thread.is_alive():
            self._listener.shutdown()
            self._thread.join()
        self._listener.end_connections()
        self._listener.server_close()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _serve(self) -> None:
        self._listener.serve_forever(poll_interval=self._poll_s)


class _Listener(socketserver.TCPServer):
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, app: WSGIApplication, port: int) -> None:
        self.app = app
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        super().__init__((HOST, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        # Daemons, so that a server which nobody closed keeps no process alive; `close` waits for them all the same.
        thread = threading.Thread(target=self._talk, args=(request, client_address), daemon=True)
        with self._lock:
            self._connections[request] = thread
        thread.start()

    def end_connections(self) -> None:
        """No connection gives another request; answers under way are still written; then all is over."""
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            _stop_reading(connection)
        for thread in connections.values():
            thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def _talk(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except Exception:  # noqa: BLE001 - the door of the thread: reported, and the client sees its connection end
            self.handle_error(request, client_address)
        finally:
            self.shutdown_request(request)
            with self._lock:
                del self._connections[request]


def _stop_reading(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RD)
    except OSError:
        return  # the client was faster


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a keep-alive answer waits 40 ms for the client's delayed ACK
    wbufsize = -1  # head and body leave in one packet
    timeout = IDLE_S
    server: _Listener

    def handle_one_request(self) -> None:
        try:
            if self._read_head():
                self._exchange()
        except (ConnectionCut, ConnectionError, TimeoutError):
            self.close_connection = True
        except BrokenRequest as error:
            self.close_connection = True
            self.send_error(400, str(error))

    def handle_expect_100(self) -> bool:
        return True  # said by the body, when it is first read

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Log nothing: addresses carry signatures, which do not belong into logs."""

    def _read_head(self) -> bool:
        self.command = self.requestline = self.request_version = ""
        self.raw_requestline = self.rfile.readline(LONGEST_LINE + 1)
        if not self.raw_requestline:
            self.close_connection = True
            return False
        if len(self.raw_requestline) > LONGEST_LINE:
            raise BrokenRequest("the request line is too long")
        return self.parse_request()

    def _exchange(self) -> None:
        body = self._body()
        answer = _Answer(self, body)
        try:
            self._run(self._environ(body), answer)
        except (ConnectionCut, ConnectionError, TimeoutError, BrokenRequest):
            raise
        except Exception:  # noqa: BLE001 - the door of every application: reported, and answered if nothing was yet
            self.server.handle_error(self.request, self.client_address)
            answer.fail()
        self._drain(body)

    def _run(self, environ: WSGIEnvironment, answer: _Answer) -> None:
        chunks = self.server.app(environ, answer.start)
        try:
            answer.write_all(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()

    def _drain(self, body: _Body) -> None:
        """The next request begins after this body; one that was never asked for ends the connection instead."""
        if body.is_awaited:
            self.close_connection = True
        while not self.close_connection and body.read(DRAIN_BYTES):
            pass

    def _body(self) -> _Body:
        awaited = self.headers.get("Expect", "").lower() == "100-continue"
        source = _Source(self.rfile, self._say_continue if awaited else None)
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return _Body(source, None)
        return _Body(source, _length(",".join(self.headers.get_all("Content-Length", ["0"]))))

    def _say_continue(self) -> None:
        self.send_response_only(100)
        self.end_headers()
        self.wfile.flush()

    def _environ(self, body: _Body) -> WSGIEnvironment:
        target = urlsplit(self.path)
        # An underscore would let X_Foo pass for X-Foo.
        names = {name for name in self.headers if "_" not in name}
        headers = {_variable(name): ",".join(self.headers.get_all(name, [])) for name in names}
        return {
            **headers,
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(target.path).decode("latin-1"),
            "QUERY_STRING": target.query,
            "RAW_URI": self.path,
            "SERVER_NAME": HOST,
            "SERVER_PORT": str(self.server.server_address[1]),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "REMOTE_PORT": str(self.client_address[1]),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BufferedReader(body),
            "wsgi.input_terminated": True,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            # For a simulator that breaks the wire itself: it writes here, and then raises ConnectionCut.
            "reelhaul.handler": self,
        }


def _variable(header: str) -> str:
    name = header.upper().replace("-", "_")
    return name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"


def _length(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise BrokenRequest("Content-Length is not a number")
    return int(text)


class _Source:
    """The connection as the body sees it; says `100 Continue` before its first byte where the client waits for it."""

    def __init__(self, stream: Any, say_continue: Callable[[], None] | None) -> None:
        self._stream = stream
        self._say_continue = say_continue

    @property
    def is_awaited(self) -> bool:
        return self._say_continue is not None

    @property
    def stream(self) -> Any:
        if self._say_continue is not None:
            say, self._say_continue = self._say_continue, None
            say()
        return self._stream


class _Body(io.RawIOBase):
    """The body of one request, by its length, or by its chunks when `left` is None; ends early when the client does."""

    def __init__(self, source: _Source, size_bytes: int | None) -> None:
        self._source = source
        self._is_chunked = size_bytes is None
        self._left = size_bytes or 0
        self._is_over = size_bytes == 0

    @property
    def is_awaited(self) -> bool:
        return self._source.is_awaited and not self._is_over

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._is_over:
            return 0
        if self._left == 0:
            self._next_chunk()
        with memoryview(buffer) as view:
            count = self._source.stream.readinto(view[: self._left]) if self._left else 0
        self._left -= count
        if count and self._left == 0:
            self._end_piece()
        self._is_over = self._is_over or count == 0
        return int(count)

    def _next_chunk(self) -> None:
        line = self._source.stream.readline(LONGEST_LINE)
        try:
            self._left = int(line.split(b";")[0], 16)
        except ValueError as error:
            raise BrokenRequest("a chunk has no length") from error
        if self._left == 0:
            self._skip_trailers()

    def _skip_trailers(self) -> None:
        while self._source.stream.readline(LONGEST_LINE).strip():
            pass

    def _end_piece(self) -> None:
        if self._is_chunked:
            self._source.stream.readline(LONGEST_LINE)
        else:
            self._is_over = True


class _Answer:
    """What the application says, written as HTTP; its length is found out where it names none."""

    def __init__(self, handler: _Handler, body: _Body) -> None:
        self._handler = handler
        self._body = body
        self._status = ""
        self._headers: Headers = []
        self._has_begun = False

    def start(self, status: str, headers: Headers, _: Any = None, /) -> Callable[[bytes], object]:
        self._status, self._headers = status, headers
        return self._refuse_write

    def write_all(self, chunks: Iterable[bytes]) -> None:
        # Applications may call start_response as late as their first chunk.
        iterator = iter(chunks)
        first = next(iterator, b"")
        if self._names("content-length") or not self._has_body():
            self._write_head([])
            self._write(first)
            for chunk in iterator:
                self._write(chunk)
        else:
            whole = first + b"".join(iterator)
            self._write_head([("Content-Length", str(len(whole)))])
            self._write(whole)
        self._handler.wfile.flush()

    def fail(self) -> None:
        """Says 500, or ends the connection when something else was said already."""
        self._handler.close_connection = True
        if not self._has_begun:
            self.start("500 Internal Server Error", [("Content-Type", "text/plain"), ("Connection", "close")])
            self.write_all([b"Internal Server Error"])

    def _write_head(self, more: Headers) -> None:
        self._has_begun = True
        code, _, reason = self._status.partition(" ")
        self._handler.send_response_only(int(code), reason)
        if not self._names("date"):
            self._handler.send_header("Date", self._handler.date_time_string())
        if self._body.is_awaited:
            more = [*more, ("Connection", "close")]  # the client may still send what nobody waits for
        for name, value in [*self._headers, *more]:
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def _write(self, chunk: bytes) -> None:
        if chunk and self._has_body():
            self._handler.wfile.write(chunk)

    def _has_body(self) -> bool:
        return self._handler.command != "HEAD" and int(self._status[:3]) not in WITHOUT_BODY

    def _names(self, header: str) -> bool:
        return any(name.lower() == header for name, _ in self._headers)

    @staticmethod
    def _refuse_write(_: bytes) -> object:
        raise RuntimeError("applications here return their chunks and write nothing themselves")
