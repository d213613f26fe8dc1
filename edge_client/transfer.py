"""Bytes over HTTP: sessions that go nowhere else, and parts on their way from the spool to S3.

Parts wait at a `Desk`; two threads take them from there, each over a connection of its own, and PUT them with exactly
the headers that the coordinator signed. What S3 answers decides: send again, ask for another URL, or end the round.
"""

from __future__ import annotations

import logging
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Protocol

import requests
import urllib3

from edge_client.errors import (
    EdgeError,
    PartCorrupt,
    PartRefused,
    PartTurnedDown,
    Stopped,
    StorageUnreachable,
    Transient,
    UploadLost,
    UrlRefused,
    told,
)
from edge_client.retry import Outage, Retry, StallWatch
from edge_client.spool import SpooledPart

log = logging.getLogger(__name__)

TIMEOUTS_S = (10.0, 60.0)
LIBRARY_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)
BLOCK_BYTES = 256 * 1024
CONNECTIONS = 2
MOST_URLS = 32
MOST_REFUSALS = 5
JOIN_S = 5.0
POLL_S = 0.1
ERROR_BODY_BYTES = 16 * 1024
ERROR_CODE = re.compile(rb"<Code>([A-Za-z0-9]{1,64})</Code>")
# S3's 400s that are about the URL's signature, and those that are about a connection.
EXPIRED_CODES = frozenset({"ExpiredToken", "AuthorizationQueryParametersError"})
PASSING_CODES = frozenset({"RequestTimeout", "IncompleteBody"})


def bare_session() -> requests.Session:
    """A session without proxies, netrc, environment or default headers. Callers pass `allow_redirects=False`."""
    # urllib3 logs whole URLs, presigned ones too, when it retries or dislikes a header.
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    return session


@dataclass(frozen=True)
class PartUrl:
    """A presigned PUT: its headers go as they are. `good_until` is on the monotonic clock."""

    number: int
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    good_until: float


class Parts(Protocol):
    """Where the bytes of parts are: `ChapterSpool`."""

    def content(self, part: SpooledPart) -> bytes: ...

    def drop_part(self, part: SpooledPart) -> None: ...


Sign = Callable[[Sequence[SpooledPart]], Mapping[int, PartUrl]]


class Desk:
    """Parts that wait to be sent; hands each one out once, with its URL.

    One call for URLs takes every part that waits, up to 32. After an error nothing is handed out any more.
    """

    def __init__(self, sign: Sign) -> None:
        self._sign = sign
        self._signing = threading.Lock()
        self._changed = threading.Condition()
        self._waiting: deque[SpooledPart] = deque()
        self._signed: deque[tuple[SpooledPart, PartUrl]] = deque()
        self._closed = False
        self._error: BaseException | None = None
        self.sent: set[int] = set()
        self.corrupt: set[int] = set()

    def add(self, part: SpooledPart) -> None:
        """One more part to send."""
        with self._changed:
            self._waiting.append(part)
            self._changed.notify()

    def close(self) -> None:
        """No more parts will come."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """End the round; the first error is the one that counts."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def check(self) -> None:
        """Raise what ended the round, if something did."""
        if self._error is not None:
            raise self._error

    def take(self) -> tuple[SpooledPart, PartUrl] | None:
        """The next part with its URL; waits for one. None when no more will come."""
        with self._signing:
            if batch := self._batch():
                urls = self._sign(batch)
                self._signed.extend((part, urls[part.span.number]) for part in batch)
            return self._signed.popleft() if self._signed and self._error is None else None

    def _batch(self) -> list[SpooledPart]:
        """The parts to ask URLs for: none while signed ones are left, or when no more will come."""
        with self._changed:
            while not (self._signed or self._waiting or self._closed or self._error):
                self._changed.wait()
            if self._signed or self._error:
                return []
            return [self._waiting.popleft() for _ in range(min(MOST_URLS, len(self._waiting)))]

    def sign_again(self, part: SpooledPart) -> PartUrl:
        """A fresh URL for one part."""
        return self._sign([part])[part.span.number]


class PartSender:
    """Sends parts over one connection until S3 has them."""

    def __init__(self, desk: Desk, parts: Parts, retry: Retry, on_bytes: Callable[[int], None]) -> None:
        self._desk = desk
        self._parts = parts
        self._retry = retry
        self._on_bytes = on_bytes
        self._session = bare_session()

    def run(self) -> None:
        """Take and send until no more parts come. What goes wrong ends the round for everybody: a thread's door."""
        try:
            with self._session:
                while taken := self._desk.take():
                    self._deliver(*taken)
        except Exception as error:  # noqa: BLE001  handed to the main thread, which raises it
            self._desk.fail(error)

    def _deliver(self, part: SpooledPart, url: PartUrl) -> None:
        try:
            self.send(part, url)
        except PartCorrupt as error:
            log.warning("a part must be read again", extra={"part": part.span.number, "reason": str(error)})
            self._parts.drop_part(part)
            self._desk.corrupt.add(part.span.number)
        else:
            self._desk.sent.add(part.span.number)

    def send(self, part: SpooledPart, url: PartUrl) -> None:
        """PUT one part until S3 has it. Raises PartRefused, PartCorrupt, UploadLost, GaveUp."""
        outage = Outage(self._retry, f"sending part {part.span.number}")
        refusals = 0
        while True:
            # Signed in batches: over a slow link the last of one are past their time before their turn comes.
            if url.good_until <= self._retry.timing.monotonic():
                url = self._desk.sign_again(part)
            try:
                return self._put(part, url)
            except (UrlRefused, PartTurnedDown) as error:
                refusals += 1
                if refusals >= MOST_REFUSALS:
                    raise PartRefused(f"part {part.span.number}: {error}, {refusals} times") from None
                if isinstance(error, PartTurnedDown) or refusals > 1:
                    outage.wait_after(error)
                url = self._desk.sign_again(part) if isinstance(error, UrlRefused) else url
            except Transient as error:
                outage.wait_after(error)

    def _put(self, part: SpooledPart, url: PartUrl) -> None:
        """One try."""
        if url.headers.get("content-length", str(part.span.size_bytes)) != str(part.span.size_bytes):
            raise PartTurnedDown("the URL is signed for another length")
        content = self._parts.content(part)
        body = Body(content, self._desk.check, self._on_bytes, self._retry.timing.monotonic)
        try:
            self._exchange(body, url)
        except EdgeError:
            self._on_bytes(-body.sent_bytes)
            raise

    def _exchange(self, body: Body, url: PartUrl) -> None:
        try:
            with self._session.put(
                url.url,
                data=body,
                headers=dict(url.headers),
                timeout=TIMEOUTS_S,
                allow_redirects=False,
                stream=True,
            ) as response:
                refuse_unless_stored(response, response.raw.read(ERROR_BODY_BYTES))
        except LIBRARY_ERRORS as error:
            # Not `from error`: its text holds the presigned URL.
            raise StorageUnreachable(f"S3 did not take it ({told(error)})") from None


def refuse_unless_stored(response: requests.Response, body: bytes) -> None:
    """Nothing when S3 has stored the part; else the error that says what to do next."""
    status = response.status_code
    found = ERROR_CODE.search(body)
    code = found[1].decode() if found else ""
    answer = f"S3 answered {status} {code}".rstrip()
    if status == 200 and response.headers.get("ETag"):
        return
    if status == 404 and code == "NoSuchUpload":
        raise UploadLost("S3 does not know the upload")
    if status == 403 or (status == 400 and code in EXPIRED_CODES):
        raise UrlRefused(answer)
    if status == 200 or status == 429 or status >= 500 or code in PASSING_CODES:
        raise StorageUnreachable(answer)
    raise PartTurnedDown(answer)


class Body:
    """A part as requests sends it: block by block, so that a slow link is seen to move and a stalled one to stall."""

    def __init__(
        self,
        content: bytes,
        check: Callable[[], None],
        on_bytes: Callable[[int], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._view = memoryview(content)
        self._check = check
        self._on_bytes = on_bytes
        self._watch = StallWatch(monotonic, StorageUnreachable)
        self.sent_bytes = 0

    def __len__(self) -> int:
        return len(self._view)

    def __iter__(self) -> Iterator[bytes]:
        while block := self.read(BLOCK_BYTES):
            yield block

    def read(self, size_bytes: int) -> bytes:
        """The next bytes; asking for them means that those before are on their way."""
        self._check()
        block = bytes(self._view[self.sent_bytes : self.sent_bytes + max(size_bytes, BLOCK_BYTES)])
        self.sent_bytes += len(block)
        self._on_bytes(len(block))
        self._watch.moved(len(block))
        return block


class Senders:
    """The upload connections of one round: threads that send what comes to the desk."""

    def __init__(self, desk: Desk, make_sender: Callable[[], PartSender], check: Callable[[], None]) -> None:
        self._desk = desk
        self._check = check
        self._threads = [
            threading.Thread(target=make_sender().run, name=f"sender-{n}", daemon=True)
            for n in range(1, CONNECTIONS + 1)
        ]

    def __enter__(self) -> Senders:
        for thread in self._threads:
            thread.start()
        return self

    def drain(self) -> None:
        """Wait until everything at the desk is sent; raises what went wrong."""
        self._desk.close()
        while any(thread.is_alive() for thread in self._threads):
            self._threads[0].join(POLL_S)
            self._threads[-1].join(POLL_S)
            self._check()
        self._desk.check()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A thread in the middle of a PUT sees this at its next block; one that hangs in a socket dies with the process.
        self._desk.fail(error or Stopped("the round is over"))
        for thread in self._threads:
            thread.join(JOIN_S)
