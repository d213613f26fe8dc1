"""Parts on their way to S3: each over one connection until S3 has it, and the connections of one round."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

import requests

from edge_client.base.errors import (
    EdgeError,
    PartCorrupt,
    PartRefused,
    PartTurnedDown,
    Stopped,
    StorageUnreachable,
    Transient,
    UploadLost,
    UrlRefused,
    describe,
)
from edge_client.base.retry import Outage, Retry, StallWatch
from edge_client.http.exchange import (
    ERROR_BODY_BYTES,
    LIBRARY_ERRORS,
    Timeouts,
    bare_session,
    not_s3,
    retry_after_s,
    s3_error_code,
)
from edge_client.model.parts import PartUrl, SpooledPart
from edge_client.s3.concurrency import MOST_CONNECTIONS, AdaptiveConcurrency
from edge_client.s3.part_queue import PartQueue
from edge_client.s3.rate_limit import BLOCK_BYTES, RateLimiter

log = logging.getLogger(__name__)

MOST_REFUSALS = 5
# S3's 400s that are about the URL's signature, and those that are about a connection.
EXPIRED_CODES = frozenset({"ExpiredToken", "AuthorizationQueryParametersError"})
PASSING_CODES = frozenset({"RequestTimeout", "IncompleteBody", "TemporaryRedirect"})
CHECKSUM = "x-amz-checksum-crc64nvme"
JOIN_S = 5.0
# Ctrl-C does not wait for sockets, and the reports of what is home are still to be printed.
STOPPED_JOIN_S = 0.05
POLL_S = 0.1


class Blocks(Protocol):
    """The bytes of one part, a block at a time into a buffer of the caller's. Raises PartCorrupt at the last one."""

    def blocks(self, buffer: memoryview) -> Iterator[memoryview]: ...


class Parts(Protocol):
    """Where the bytes of parts are: `ChapterSpool`."""

    def reader(self, part: SpooledPart) -> Blocks: ...

    def drop_part(self, part: SpooledPart) -> None: ...


@dataclass(frozen=True)
class Uplink:
    """What all senders of a process share: retries, rate limit, connections and time-outs."""

    retry: Retry
    pace: RateLimiter
    concurrency: AdaptiveConcurrency
    timeouts: Timeouts


class PartSender:
    """Sends parts over one connection until S3 has them."""

    def __init__(
        self, queue: PartQueue, parts: Parts, uplink: Uplink, on_bytes: Callable[[int], None]
    ) -> None:
        self._queue = queue
        self._parts = parts
        self._uplink = uplink
        self._retry = uplink.retry
        self._on_bytes = on_bytes
        self._session = bare_session(uplink.timeouts)
        self._buffer = bytearray(BLOCK_BYTES)

    def run(self) -> None:
        """Take and send until no more parts come. What goes wrong ends the round for everybody: a thread's door."""
        try:
            with self._session:
                while self._next():
                    pass
        except Exception as error:  # noqa: BLE001  handed to the main thread, which raises it
            self._queue.fail(error)

    def _next(self) -> bool:
        """Send one part; False when no more will come."""
        self._uplink.pace.wait_for_start(self._queue.check)
        with self._uplink.concurrency.connection(self._queue.check):
            taken = self._queue.take()
            if taken is None:
                return False
            self._deliver(*taken)
            return True

    def _deliver(self, part: SpooledPart, url: PartUrl) -> None:
        try:
            self.send(part, url)
        except PartCorrupt as error:
            log.warning("a part must be read again", extra={"part": part.span.number, "reason": str(error)})
            self._parts.drop_part(part)
            self._queue.spoilt(part)
        else:
            self._queue.acknowledge(part)
            self._uplink.concurrency.sent(part.span.size_bytes, self._queue.has_backlog)

    def send(self, part: SpooledPart, url: PartUrl) -> None:
        """PUT one part until S3 has it. Raises PartRefused, PartCorrupt, UploadLost, GaveUp."""
        with Outage(self._retry, f"sending part {part.span.number}") as outage:
            self._send(part, url, outage)

    def _send(self, part: SpooledPart, url: PartUrl, outage: Outage) -> None:
        refusals = 0
        while True:
            self._queue.check()
            # Signed in batches: over a slow link the last of one are past their time before their turn comes.
            now = self._retry.timing.monotonic()
            if url.good_until <= now:
                url = self._queue.sign_again(part, url, now)
            try:
                return self._put(part, url)
            except (UrlRefused, PartTurnedDown) as error:
                refusals += 1
                if refusals >= MOST_REFUSALS:
                    raise PartRefused(f"part {part.span.number}: {error}, {refusals} times") from None
                if isinstance(error, PartTurnedDown) or refusals > 1:
                    outage.wait_after(error)
                url = self._queue.sign_again(part, url, now) if isinstance(error, UrlRefused) else url
            except Transient as error:
                self._uplink.concurrency.troubled()
                outage.wait_after(error)

    def _put(self, part: SpooledPart, url: PartUrl) -> None:
        """One try."""
        if url.headers.get("content-length", str(part.span.size_bytes)) != str(part.span.size_bytes):
            raise PartTurnedDown("the URL is signed for another length")
        buffer = memoryview(self._buffer)[: self._uplink.pace.block_bytes]
        blocks = self._parts.reader(part).blocks(buffer)
        watch = StallWatch(self._retry.timing.monotonic, StorageUnreachable)
        body = Body(part.span.size_bytes, blocks, self._uplink.pace, self._queue.check, watch, self._on_bytes)
        try:
            self._exchange(body, url)
        except EdgeError:
            self._on_bytes(-body.sent_bytes)
            raise

    def _exchange(self, body: Body, url: PartUrl) -> None:
        timeouts = self._uplink.timeouts
        try:
            with self._session.put(
                url.url,
                data=body,  # type: ignore[arg-type]  # its blocks are buffers, which sockets take as they are
                headers=dict(url.headers),
                timeout=(timeouts.connect_s, timeouts.answer_s),
                stream=True,
            ) as response:
                answer = response.raw.read(ERROR_BODY_BYTES)
                return refuse_unless_stored(response, answer, url.headers.get(CHECKSUM, ""))
        except LIBRARY_ERRORS as error:
            reason = describe(error)
        # Not while the library's error is handled: its text holds the presigned URL, and it would come along.
        raise StorageUnreachable(f"S3 did not take the part ({reason})")


def refuse_unless_stored(response: requests.Response, body: bytes, checksum: str) -> None:
    """Raise the error that says what to do next, unless S3 has stored the part."""
    status = response.status_code
    code = s3_error_code(body)
    if status == 200 and _is_receipt(response, body, checksum):
        return
    if status == 404 and code == "NoSuchUpload":
        raise UploadLost("S3 does not know the upload")
    answer = f"S3 answered {status} {code}".rstrip()
    if status == 501 and code:
        raise _unfit(answer)
    if status == 200 and _is_unchecked(response, body, checksum):
        raise _unfit("S3 answered 200 without the part's checksum")
    if status == 429 or status >= 500 or code in PASSING_CODES:
        raise StorageUnreachable(answer, retry_after_s(response))
    if status == 200 or not code:
        raise StorageUnreachable(not_s3(status), retry_after_s(response))
    if status == 403 or (status == 400 and code in EXPIRED_CODES):
        raise UrlRefused(answer)
    raise PartTurnedDown(answer)


def _unfit(answer: str) -> PartTurnedDown:
    """What to say of storage that lacks what a haul rests on."""
    return PartTurnedDown(
        f"{answer}: this storage cannot check parts by CRC64NVME; the coordinator's operator must choose another"
    )


def _is_receipt(response: requests.Response, body: bytes, checksum: str) -> bool:
    """Whether a 200 is S3's for these bytes. Others send pages, with ETags of their own; an error may be in a body."""
    return bool(response.headers.get("ETag")) and not body and response.headers.get(CHECKSUM, "") == checksum


def _is_unchecked(response: requests.Response, body: bytes, checksum: str) -> bool:
    """Whether a 200 is that of a storage which took the part and ignored the checksum that was sent with it.

    S3 answers a part that has a checksum with the same checksum.
    Source: docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html (x-amz-checksum-crc64nvme)
    """
    is_plain = bool(response.headers.get("ETag")) and not body
    return is_plain and bool(checksum) and CHECKSUM not in response.headers


class Body:
    """A part as requests sends it: block by block, so that a slow link is seen to move and a stalled one to stall."""

    def __init__(
        self,
        size_bytes: int,
        blocks: Iterator[memoryview],
        pace: RateLimiter,
        check: Callable[[], None],
        watch: StallWatch,
        on_bytes: Callable[[int], None],
    ) -> None:
        self._size_bytes = size_bytes
        self._blocks = blocks
        self._pace = pace
        self._check = check
        self._watch = watch
        self._on_bytes = on_bytes
        self.sent_bytes = 0

    def __len__(self) -> int:
        return self._size_bytes

    def __iter__(self) -> Iterator[memoryview]:
        """Asking for the next block means that those before are on their way."""
        for block in self._blocks:
            self._check()
            self._watch.rested(self._pace.wait(len(block), self._check))
            yield block
            self.sent_bytes += len(block)
            self._on_bytes(len(block))
            self._watch.moved(len(block))


class Senders:
    """One thread for each connection that may be used; `AdaptiveConcurrency` decides how many of them send."""

    def __init__(
        self, queue: PartQueue, make_sender: Callable[[], PartSender], check: Callable[[], None]
    ) -> None:
        self._queue = queue
        self._check = check
        self._threads = [
            threading.Thread(target=make_sender().run, name=f"sender-{n}", daemon=True)
            for n in range(1, MOST_CONNECTIONS + 1)
        ]

    def __enter__(self) -> Senders:
        for thread in self._threads:
            thread.start()
        return self

    def drain(self) -> None:
        """Wait until everything at the desk is sent; raises what went wrong."""
        self._queue.close()
        while alive := [thread for thread in self._threads if thread.is_alive()]:
            alive[0].join(POLL_S)
            self._check()
        self._queue.check()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A thread in the middle of a PUT sees this at its next block; one that hangs in a socket dies with the process.
        self._queue.fail(error or Stopped("the round is over"))
        for thread in self._threads:
            thread.join(STOPPED_JOIN_S if isinstance(error, Stopped) else JOIN_S)
