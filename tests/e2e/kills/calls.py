"""Every call that S3 and the coordinator get, in order: who asked for what, what was answered, and when."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.local.aws.strict_s3.operations import operation_of
from infra.local.aws.strict_s3.wire import Headers, Refusal, Request
from tests.e2e.kills.signs import PIECE, begins, ends

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PIECE_BYTES = 16 * 1024
COORDINATOR_PATH = re.compile(r"/api/v1((?:/[^/]+)*)")


@dataclass(eq=False)
class Call:
    """One call. `began` and `ended` are ticks of one clock, `ended` None while it runs; `part` is that of a PUT.

    `version_id` is that of the object that S3 spoke of in its answer.
    """

    name: str
    path: str
    part: int | None
    began: int
    ended: int | None = None
    status: int = 0
    version_id: str | None = None

    def stored_before(self, tick: int) -> bool:
        """Whether it had its effect by then."""
        return self.ended is not None and self.ended < tick and self.status == 200


class Calls:
    """The calls of all applications that are `watched`, told of as they begin and end. Safe between threads."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._lock = threading.Lock()
        self._ticks = 0
        self._log: list[Call] = []

    def tick(self) -> int:
        """Now, on the clock of the calls."""
        with self._lock:
            return self._next()

    def all(self) -> list[Call]:
        """Every call so far, in the order in which they began."""
        with self._lock:
            return list(self._log)

    def are_over(self) -> bool:
        """Whether none is under way."""
        return all(call.ended is not None for call in self.all())

    def watched(self, app: WSGIApplication, name_of: Callable[[WSGIEnvironment], str]) -> WSGIApplication:
        """`app`, each of its calls noted under the name that `name_of` finds."""

        def watching(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            call = self._begun(name_of(environ), environ)

            def start(said: str, headers: Headers, *others: Any) -> Callable[[bytes], object]:
                call.status = int(said[:3])
                call.version_id = dict(headers).get("x-amz-version-id")
                return start_response(said, headers, *others)

            try:
                return list(app(self._told_by_piece(environ, call), start))
            finally:
                self._ended(call)

        return watching

    def _next(self) -> int:
        self._ticks += 1
        return self._ticks

    def _begun(self, name: str, environ: WSGIEnvironment) -> Call:
        number = re.search(r"(?:^|&)partNumber=([0-9]+)", environ.get("QUERY_STRING", ""))
        with self._lock:
            call = Call(name, environ["PATH_INFO"], int(number[1]) if number else None, self._next())
            self._log.append(call)
        self._tell(begins(name))
        return call

    def _told_by_piece(self, environ: WSGIEnvironment, call: Call) -> WSGIEnvironment:
        """The request, its body told of while it comes where it is a part's."""
        if call.part is None:
            return environ
        body = _Pieces(environ["wsgi.input"], lambda: self._tell(PIECE))
        return {**environ, "wsgi.input": io.BufferedReader(body)}

    def _ended(self, call: Call) -> None:
        with self._lock:
            call.ended = self._next()
        self._tell(ends(call.name))


class _Pieces(io.RawIOBase):
    """A body that tells of each piece that has come."""

    def __init__(self, body: io.BufferedReader, tell: Callable[[], None]) -> None:
        self._body = body
        self._tell = tell

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._body.read(min(len(buffer), PIECE_BYTES))
        buffer[: len(piece)] = piece
        if piece:
            self._tell()
        return len(piece)


def s3_name(environ: WSGIEnvironment) -> str:
    """The operation's name in S3's API."""
    try:
        return operation_of(Request.parsed(environ))
    except Refusal:
        return "refused"


def coordinator_name(environ: WSGIEnvironment) -> str:
    """The method and the path without ids: `POST sessions/uploads`."""
    found = COORDINATOR_PATH.fullmatch(environ["PATH_INFO"])
    words = found[1].split("/")[1::2] if found else []
    return f"{environ['REQUEST_METHOD']} {'/'.join(words)}"
