"""Any WSGI application on 127.0.0.1: HTTP/1.1 with keep-alive, a thread per connection, nothing left after `close`.

Written on `http.server` because the servers at hand (wsgiref, werkzeug) close the connection after each answer.
A request that expects `100-continue` gets it when the application first reads its body: a refusal costs no upload.
"""

from __future__ import annotations

import io
import socket
import sys
import threading
import time
import traceback
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
ACCEPT_S = 0.5  # how long one look for a connection takes; `shut` ends it early
LOOK_S = 0.02
MOST_WAITING = 128
WITHOUT_BODY = frozenset({204, 304})

Headers = list[tuple[str, str]]


class ConnectionCut(Exception):
    """Raised by an application that wants its client to see the connection end without an answer."""


class BrokenRequest(Exception):
    """A request whose framing cannot be trusted; the connection is of no further use."""


class Doorway:
    """One port on loopback: open, or shut so that connections are refused while the port stays its owner's.

    Raises OSError when the port is taken.
    """

    def __init__(self, port: int) -> None:
        # Bound and never listening: it keeps the port while no listener is there, and connections to it are refused.
        self._place = _bound(port)
        self.port: int = self._place.getsockname()[1]
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._retired: list[socket.socket] = []

    def open(self) -> None:
        with self._lock:
            if self._listener is None:
                self._listener = _bound(self.port)
                self._listener.listen(MOST_WAITING)

    def shut(self) -> None:
        """Refuse connections from now on; a thread that waits in `accept` comes back."""
        with self._lock:
            if self._listener is not None:
                # Only shut down: closing would free the descriptor's number under a waiting `accept`.
                self._listener.shutdown(socket.SHUT_RDWR)
                self._retired.append(self._listener)
            self._listener = None

    def accept(self) -> tuple[socket.socket, Any] | None:
        """The next connection and its client's address, or None when none comes for a while or the doorway is shut.

        For one thread only.
        """
        with self._lock:
            listener = self._listener
            self._close_retired()
        if listener is None:
            time.sleep(LOOK_S)
            return None
        listener.settimeout(ACCEPT_S)
        try:
            return listener.accept()
        except OSError:
            return None

    def close(self) -> None:
        """Give the port back; nobody may be in `accept` any more."""
        self.shut()
        with self._lock:
            self._close_retired()
        self._place.close()

    def _close_retired(self) -> None:
        while self._retired:
            self._retired.pop().close()


def _bound(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound


class Server:
    """`app` at `url`, from `start` to `close`. The port is open at once; 0 takes a free one.

    A client that says or takes nothing for `idle_s` loses its connection.
    """

    def __init__(self, app: WSGIApplication, port: int = 0, idle_s: float = IDLE_S) -> None:
        self.app = app
        self.idle_s = idle_s
        self._doorway = Doorway(port)
        self._doorway.open()
        self._connections: dict[socket.socket, threading.Thread] = {}
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"server-{self.port}", daemon=True)

    @property
    def port(self) -> int:
        return self._doorway.port

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def start(self) -> Server:
        self._thread.start()
        return self

    def shut(self) -> None:
        """Refuse new connections; those that are there continue."""
        self._doorway.shut()

    def open(self) -> None:
        """Take connections again, at the same port."""
        self._doorway.open()

    def hang_up(self) -> None:
        """End all connections, also those with a request or an answer on its way."""
        with self._lock:
            for connection in self._connections:
                _stop(connection, socket.SHUT_RDWR)

    def hear_out(self) -> None:
        """Return once every connection that was begun by now has ended, also one that was not taken yet."""
        with socket.create_connection((HOST, self.port), self.idle_s) as last:
            # Connections are taken in the order in which they came: once this one is over, all others are known.
            last.shutdown(socket.SHUT_WR)
            last.recv(1)
        with self._lock:
            threads = list(self._connections.values())
        for thread in threads:
            thread.join()

    def close(self) -> None:
        """Idle connections end now, requests under way end first; then no thread and no socket is left."""
        self._is_over.set()
        self._doorway.shut()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            # No connection gives another request; answers under way are still written.
            _stop(connection, socket.SHUT_RD)
        for thread in connections.values():
            thread.join()
        self._doorway.close()

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def report_broken(self) -> None:
        """Say on stderr what an application broke on."""
        traceback.print_exc(file=sys.stderr)

    def _serve(self) -> None:
        while not self._is_over.is_set():
            if accepted := self._doorway.accept():
                # Daemons, so that a server which nobody closed keeps no process alive; `close` waits for them all.
                thread = threading.Thread(target=self._talk, args=accepted, daemon=True)
                with self._lock:
                    self._connections[accepted[0]] = thread
                thread.start()

    def _talk(self, connection: socket.socket, client_address: Any) -> None:
        try:
            _Handler(connection, client_address, self)  # type: ignore[arg-type]  # it asks for no more
        except (ConnectionError, TimeoutError):
            pass  # the client was faster
        except Exception:  # noqa: BLE001 - the door of the thread: reported, and the client sees its connection end
            self.report_broken()
        finally:
            _stop(connection, socket.SHUT_WR)
            with self._lock:
                del self._connections[connection]
            connection.close()


def _stop(connection: socket.socket, direction: int) -> None:
    try:
        connection.shutdown(direction)
    except OSError:
        return  # it has ended already


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a keep-alive answer waits 40 ms for the client's delayed ACK
    wbufsize = -1  # head and body leave in one packet
    server: Server  # type: ignore[assignment]  # not one of socketserver's

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.idle_s)

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
            self.server.report_broken()
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
            "SERVER_PORT": str(self.server.port),
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
