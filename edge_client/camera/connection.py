"""The only way to a camera: GET and HEAD of allow-listed paths, and nothing else can be sent.

`http.client` has no proxies, netrc, redirects, retries or environment, so none of them needs to be switched off. Each
request has a connection of its own, as cameras end one after each answer anyway: what comes behind a body is then
seen, and never taken for the next answer.
"""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import TracebackType
from urllib.parse import quote

from edge_client.base.errors import (
    CameraBusy,
    CameraUnreachable,
    ReadBroken,
    RequestForbidden,
    Unsettled,
    describe,
)
from edge_client.base.retry import StallWatch
from edge_client.camera.home import Home, SecureWire, greet, refuse_unauthorized
from edge_client.camera.link import Link
from edge_client.model.gopro_names import PATH, SIDECAR_PATH

# To connect, and to wait for the next bytes.
TIMEOUTS_S = (10.0, 60.0)
# Measured: a fifth less processor time a byte, as fewer and larger pieces are taken. A system may grant less.
RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
# A camera that was asked to end the connection has this long to do so. It may rest before bytes that are too many.
END_S = 5.0
# Where a camera keeps its connections, the client looks so long for what has already been sent.
LOOK_S = 0.02

STATE = "/gopro/camera/state"
INFO = "/gopro/camera/info"
DATE_TIME = "/gopro/camera/get_date_time"
KEEP_ALIVE = "/gopro/camera/keep_alive"
WIRED_USB = "/gopro/camera/control/wired_usb?p=1"
MEDIA_LIST = "/gopro/media/list"
MEDIA_INFO = "/gopro/media/info?path="
FILES = "/videos/DCIM/"

ALLOWED = (
    *(re.compile(re.escape(path)) for path in (STATE, INFO, DATE_TIME, KEEP_ALIVE, WIRED_USB, MEDIA_LIST)),
    re.compile(re.escape(MEDIA_INFO) + PATH.pattern, re.ASCII),
    re.compile(re.escape(FILES) + PATH.pattern, re.ASCII),
    re.compile(re.escape(FILES) + SIDECAR_PATH.pattern, re.ASCII),
)
# A HEAD may also name any file in a folder of the card, byte by byte, to learn its size. The name has no
# separators and no control characters, and is not `.` or `..`.
_SEGMENT = r"(?!\.{1,2}(?:/|$))(?:[A-Za-z0-9_.~-]|%(?!2F|5C|7F|[01])[0-9A-F]{2}){1,765}"
ALLOWED_TO_HEAD = (*ALLOWED, re.compile(rf"{re.escape(FILES)}{_SEGMENT}/{_SEGMENT}", re.ASCII))
# A name of 70 letters between dots cannot be looked up: UnicodeError.
LIBRARY_ERRORS = (http.client.HTTPException, OSError, UnicodeError)


class Wire(socket.socket):
    """A socket that counts what arrives, so that the client notices a trickle in any part of an answer.

    Bytes before the head of the answer do not count: endless interim answers (1xx) are silence.
    """

    is_answering = False

    def __init__(self, family: int, watch: StallWatch) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self._watch = watch

    def recv_into(self, buffer: bytearray | memoryview, nbytes: int = 0, flags: int = 0) -> int:  # type: ignore[override]  # what SocketIO passes
        """One recv, as `socket.makefile` asks for it. Raises ReadBroken when the leg crawls."""
        taken_bytes = super().recv_into(buffer, nbytes, flags)
        if taken_bytes:
            self._watch.moved(taken_bytes if self.is_answering else 0)
        return taken_bytes


class Ending:
    """How long to wait for the end of a connection after the last byte of an answer.

    A camera that has kept one open, or says that it will, does not pay with time for each answer.
    """

    def __init__(self) -> None:
        self.keeps_open = False

    def wait_s(self, says_that_it_keeps: bool) -> float:
        return LOOK_S if self.keeps_open or says_that_it_keeps else END_S


class Answer:
    """One answer: the status and the headers are here, the body comes as it is read. Leaving it ends the connection."""

    def __init__(
        self,
        path: str,
        connection: http.client.HTTPConnection,
        response: http.client.HTTPResponse,
        wire: Wire | SecureWire,
        ending: Ending,
    ) -> None:
        self.path = path
        self.status = response.status
        self._connection = connection
        self._response = response
        self._wire = wire
        self._ending = ending

    def header(self, name: str) -> str | None:
        """The header's value; several are one with commas, which no comparison takes for one of them. None: none."""
        values = self._response.headers.get_all(name)
        return ", ".join(value.strip() for value in values) if values else None

    def refuse_unless(self, wanted: int) -> None:
        """Raise CameraBusy or Unsettled unless the status is the expected one."""
        if self.status == 503:
            raise CameraBusy("the camera is busy")
        if self.status != wanted:
            raise Unsettled(
                f"the camera answers {self.status} to {self.path}, not {wanted}; "
                "if it keeps doing so, switch the camera off and on"
            )

    def take(self, size_bytes: int) -> bytes:
        """Some more of the body, decoded; nothing at its end."""
        with library_errors():
            return self._response.read1(size_bytes)

    @property
    def missing_bytes(self) -> int:
        """How much of the promised length `take` has not given."""
        return self._response.length or 0

    def take_into(self, view: memoryview) -> int:
        """Fill in what there is of the body, in one recv, as it is on the wire; 0 at the end of the connection."""
        try:
            return self._response.fp.readinto1(view)
        except LIBRARY_ERRORS as error:
            raise _unreachable(error) from error

    def sends_more(self) -> bool:
        """Whether another byte comes before the camera ends the connection, or shows that it keeps it."""
        says_that_it_keeps = (self.header("Connection") or "").lower() == "keep-alive"
        self._wire.settimeout(self._ending.wait_s(says_that_it_keeps))
        try:
            return bool(self._response.fp.read1(1))
        except TimeoutError:
            self._ending.keeps_open = True
            return False
        except OSError:
            return False

    def __enter__(self) -> Answer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._response.close()
        self._connection.close()


class Connection:
    """Asks one camera, request by request; with `home` over TLS, as the user that it knows."""

    def __init__(self, link: Link, monotonic: Callable[[], float], home: Home | None = None) -> None:
        self._link = link
        self._monotonic = monotonic
        self._home = home
        self._wire: Wire | SecureWire | None = None
        self._ending = Ending()

    @property
    def place(self) -> str:
        """Where the camera is looked for, in words."""
        return self._link.place

    def close(self) -> None:
        """Hang up, also on an answer that another thread waits for."""
        if self._wire is not None:
            with suppress(OSError):
                # Of the socket alone: TLS's own would take its state away from a thread that reads.
                socket.socket.shutdown(self._wire, socket.SHUT_RDWR)

    def ask(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        timeouts_s: tuple[float, float] = TIMEOUTS_S,
    ) -> Answer:
        """Ask, and read the head of the answer. Raises RequestForbidden, CameraUnreachable, ReadBroken,
        CameraUntrusted."""
        may_be_asked = {"GET": ALLOWED, "HEAD": ALLOWED_TO_HEAD}.get(method, ())
        if not any(allowed.fullmatch(path) for allowed in may_be_asked):
            raise RequestForbidden(f"{method} {path} is not something this client asks a camera")
        with library_errors():
            host, port = self._link.address()
            wire = self._secured(self._link.connect((host, port), self._make_wire, timeouts_s[0]))
            wire.settimeout(timeouts_s[1])
            connection = http.client.HTTPConnection(host, port)
            connection.sock = wire
            try:
                sent = {"Connection": "close", **self._credentials, **(headers or {})}
                connection.request(method, path, headers=sent)
                response = connection.getresponse()
                if self._home is not None:
                    refuse_unauthorized(response)
                wire.is_answering = True
                return Answer(path, connection, response, wire, self._ending)
            except BaseException:
                connection.close()
                raise

    @property
    def _credentials(self) -> Mapping[str, str]:
        return {} if self._home is None else {"Authorization": self._home.login.header}

    def _secured(self, wire: Wire) -> Wire | SecureWire:
        """The wire itself, or, to a camera in its home network, TLS over it."""
        if self._home is None:
            return wire
        secure = self._home.wrap(wire, StallWatch(self._monotonic, ReadBroken))
        self._wire = secure
        try:
            greet(secure, self.place)
        except BaseException:
            secure.close()
            raise
        return secure

    def _make_wire(self, family: int) -> Wire:
        self._wire = Wire(family, StallWatch(self._monotonic, ReadBroken))
        return self._wire


def path_of(directory: str, filename: str) -> str:
    """A file's path as it is written in an address: a name that is not in a camera's form is escaped byte by byte.

    Raises RequestForbidden for a name that an address cannot hold.
    """
    path = f"{directory}/{filename}"
    if PATH.fullmatch(path):
        return path
    try:
        return "/".join(quote(name, safe="", errors="surrogateescape") for name in (directory, filename))
    except UnicodeEncodeError as error:
        raise RequestForbidden(f"{path} is not a name that an address can carry") from error


@contextmanager
def library_errors() -> Iterator[None]:
    """Raise what the library raises as CameraUnreachable."""
    try:
        yield
    except LIBRARY_ERRORS as error:
        raise _unreachable(error) from error


def _unreachable(error: BaseException) -> CameraUnreachable:
    return CameraUnreachable(f"no answer from the camera ({describe(error)})")
