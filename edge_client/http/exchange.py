"""HTTP to the coordinator and to S3: sessions that go nowhere else, and what their library raises."""

from __future__ import annotations

import io
import logging
import re
import socket
import time
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

LIBRARY_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
LOOPBACK = ("localhost", "127.0.0.1", "::1")
MOST_RETRY_AFTER_S = 300.0
# API Gateway passes at most 10 MB, and S3 says little; who says more is neither.
MOST_ANSWER_BYTES = 16 * 1024 * 1024
# The most that waits in the system for its turn: what was sent is on its way, and the wait for an answer begins then.
UNSENT_BYTES = 256 * 1024
ERROR_BODY_BYTES = 16 * 1024
ERROR_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")


@dataclass(frozen=True)
class Timeouts:
    """The most seconds to connect, to have one block taken, until the next bytes of an answer, and for all of it.

    A block of the stall watch's floor in its window: what moves is never cut by the socket before the watch says so.
    """

    connect_s: float = 10.0
    send_s: float = 60.0
    answer_s: float = 60.0
    whole_answer_s: float = 300.0


def bare_session(timeouts: Timeouts) -> requests.Session:
    """A session without proxies, netrc, environment, default headers or redirects.

    Callers pass `timeout=(connect_s, answer_s)`. An answer that takes longer or is longer than any should is an error.
    """
    # urllib3 logs whole URLs, presigned ones too, when it retries or dislikes a header.
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    session = _Session()
    session.trust_env = False
    session.headers.clear()
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(timeouts))
    return session


def keeps_secrets(address: str) -> bool:
    """Whether an address is safe from eavesdroppers: it uses https, or it is this machine itself."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    is_here = parts.scheme == "http" and parts.hostname in LOOPBACK
    return bool(parts.hostname) and (parts.scheme == "https" or is_here)


def retry_after_s(response: requests.Response) -> float:
    """The wait that an answer asks for, at most five minutes; 0 when it asks for none."""
    text = response.headers.get("Retry-After", "")
    return min(float(text), MOST_RETRY_AFTER_S) if text.isascii() and text.isdigit() else 0.0


def s3_error_code(body: bytes) -> str:
    """The code in an error of S3. "" when it has none: then the answer is not S3's, with any status."""
    found = ERROR_CODE.search(body)
    return found[1].decode() if found else ""


def not_s3(status: int) -> str:
    """What to say of an answer of this status that is not S3's."""
    return f"what answers {status} is not S3; a captive portal, a firewall or another machine in between?"


class AnswerEncoded(OSError):
    """The body of an answer is compressed, so its real size is unknown."""


class _Session(requests.Session):
    """Goes nowhere else: an answer that sends elsewhere is an answer like any other, its body unread."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002  # as requests calls it
        return None


class _Adapter(HTTPAdapter):
    """Connections with a time-out of their own for sending, where urllib3 would take the one for connecting."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        options["socket_options"] = [
            *HTTPConnection.default_socket_options,
            (socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES),
        ]
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self._timeouts)


def _pools(timeouts: Timeouts) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    class Answer(_Answer):
        head_s = timeouts.answer_s
        whole_s = timeouts.whole_answer_s

    class Plain(HTTPConnection):
        response_class = Answer

        def request(self, *args: Any, **options: Any) -> None:
            _allow(self, timeouts.send_s)
            super().request(*args, **options)

    class Secure(HTTPSConnection):
        response_class = Answer

        def request(self, *args: Any, **options: Any) -> None:
            _allow(self, timeouts.send_s)
            super().request(*args, **options)

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _Answer(HTTPResponse):
    """An answer whose head and body arrive in time and are not longer than a valid answer can be.

    Interim answers (1xx) do not count: they do not postpone the time by which the head must arrive. An encoded body
    is refused: the client did not ask for one, and a few bytes of it may unpack to gigabytes.
    """

    head_s: float
    whole_s: float

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self._began_at = time.monotonic()
        self._bounds = _Bounded(self.fp.detach(), self._began_at + min(self.head_s, self.whole_s))
        self.fp = io.BufferedReader(self._bounds)

    def begin(self) -> None:
        """Read the head. Raises TimeoutError, AnswerEncoded."""
        super().begin()
        if self.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            raise AnswerEncoded("nobody asked for an encoded answer")
        self._bounds.until = self._began_at + self.whole_s


class _Bounded(io.RawIOBase):
    """The bytes of a socket, as long as they are in bounds: a byte now and then keeps a socket alive for ever."""

    def __init__(self, raw: io.RawIOBase, until: float) -> None:
        self._raw = raw
        self.until = until
        self._left_bytes = MOST_ANSWER_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override]  # what BufferedReader passes
        """One read. Raises TimeoutError, OSError."""
        taken_bytes = self._raw.readinto(buffer)
        self._left_bytes -= taken_bytes or 0
        if self._left_bytes < 0:
            raise OSError("an answer longer than any")
        if time.monotonic() > self.until:
            raise TimeoutError("an answer that does not end")
        return taken_bytes

    def close(self) -> None:
        self._raw.close()
        super().close()


def _allow(connection: HTTPConnection, send_s: float) -> None:
    """Connect with the time-out that is set for it, then send with this one."""
    if connection.sock is None:
        connection.connect()
    connection.timeout = send_s
