"""Send parts to S3: each over one connection until S3 has it, and the connections of one round."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType

from edge_client.base.errors import (
    EdgeError,
    PartCorrupt,
    PartRefused,
    PartTurnedDown,
    Stopped,
    StorageUnreachable,
    Transient,
    UrlRefused,
)
from edge_client.base.retry import Retry, StallWatch
from edge_client.haul.ports import PartStore, SpooledParts, Thread, Threads
from edge_client.haul.sending.concurrency import MOST_CONNECTIONS, AdaptiveConcurrency
from edge_client.haul.sending.part_queue import PartQueue
from edge_client.haul.sending.rate_limit import BLOCK_BYTES, RateLimiter
from edge_client.model.parts import PartUrl, SpooledPart

log = logging.getLogger(__name__)

MOST_REFUSALS = 5
JOIN_S = 5.0
# Ctrl-C does not wait for sockets, and the reports of what is home are still to be printed.
STOPPED_JOIN_S = 0.05
POLL_S = 0.1


@dataclass(frozen=True)
class Uplink:
    """What all senders of a process share; `connect` makes a connection to S3 for one of them."""

    retry: Retry
    pace: RateLimiter
    concurrency: AdaptiveConcurrency
    connect: Callable[[], PartStore]


@dataclass
class Delivery:
    """One part on its way: the URL that it goes to, and how often S3 refused it."""

    part: SpooledPart
    url: PartUrl
    refusals: int = 0
    needs_url: bool = False

    def refuse(self, error: UrlRefused | PartTurnedDown) -> None:
        """Count a refusal. Raises PartRefused when there are too many."""
        self.refusals += 1
        if self.refusals >= MOST_REFUSALS:
            raise PartRefused(f"part {self.part.span.number}: {error}, {self.refusals} times") from None
        self.needs_url = isinstance(error, UrlRefused)


class PartSender:
    """Sends parts over one connection until S3 has them."""

    def __init__(
        self, queue: PartQueue, parts: SpooledParts, uplink: Uplink, on_bytes: Callable[[int], None]
    ) -> None:
        self._queue = queue
        self._parts = parts
        self._uplink = uplink
        self._retry = uplink.retry
        self._on_bytes = on_bytes
        self._store = uplink.connect()
        self._buffer = bytearray(BLOCK_BYTES)

    def run(self) -> None:
        """Take and send until no more parts come. What goes wrong ends the round for everybody: a thread's door."""
        try:
            with closing(self._store):
                while self._send_next():
                    pass
        except Exception as error:  # noqa: BLE001  handed to the main thread, which raises it
            self._queue.fail(error)

    def _send_next(self) -> bool:
        """Send one part; False when no more will come."""
        self._uplink.pace.wait_for_start(self._queue.check)
        with self._uplink.concurrency.connection(self._queue.check):
            taken = self._queue.take()
            if taken is None:
                return False
            part, url = taken
            try:
                self.send(part, url)
            except PartCorrupt as error:
                log.warning(
                    "a part must be read again", extra={"part": part.span.number, "reason": str(error)}
                )
                self._parts.drop_part(part)
                self._queue.note_corrupt(part)
            else:
                self._queue.acknowledge(part)
                self._uplink.concurrency.note_sent(part.span.size_bytes, self._queue.has_backlog)
            return True

    def send(self, part: SpooledPart, url: PartUrl) -> None:
        """PUT one part until S3 has it. Raises PartRefused, PartCorrupt, UploadLost, GaveUp."""
        delivery = Delivery(part, url)
        self._retry.run(f"sending part {part.span.number}", lambda: self._try(delivery))

    def _try(self, delivery: Delivery) -> None:
        """One try. The first URL that S3 refuses is replaced at once, without a wait."""
        self._queue.check()
        # Signed in batches: over a slow link the last of one are past their time before their turn comes.
        now = self._retry.timing.monotonic()
        if delivery.needs_url or delivery.url.good_until <= now:
            delivery.url = self._queue.sign_again(delivery.part, delivery.url, now)
            delivery.needs_url = False
        try:
            self._put(delivery.part, delivery.url)
        except (UrlRefused, PartTurnedDown) as error:
            delivery.refuse(error)
            if isinstance(error, PartTurnedDown) or delivery.refusals > 1:
                raise
            self._try(delivery)
        except Transient:
            self._uplink.concurrency.note_trouble()
            raise

    def _put(self, part: SpooledPart, url: PartUrl) -> None:
        if url.headers.get("content-length", str(part.span.size_bytes)) != str(part.span.size_bytes):
            raise PartTurnedDown("the URL is signed for another length")
        buffer = memoryview(self._buffer)[: self._uplink.pace.block_bytes]
        blocks = self._parts.reader(part).blocks(buffer)
        watch = StallWatch(self._retry.timing.monotonic, StorageUnreachable)
        body = Body(part.span.size_bytes, blocks, self._uplink.pace, self._queue.check, watch, self._on_bytes)
        try:
            self._store.put(url, body)
        except EdgeError:
            self._on_bytes(-body.sent_bytes)
            raise


class Body:
    """A part as it is sent: block by block, so that a slow link is seen to move and a stalled one to stall."""

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
        self,
        threads: Threads,
        queue: PartQueue,
        make_sender: Callable[[], PartSender],
        check: Callable[[], None],
    ) -> None:
        self._start = threads.start
        self._queue = queue
        self._check = check
        self._senders = [make_sender() for _ in range(MOST_CONNECTIONS)]
        self._threads: list[Thread] = []

    def __enter__(self) -> Senders:
        self._threads = [self._start(f"sender-{n}", one.run) for n, one in enumerate(self._senders, 1)]
        return self

    def drain(self) -> None:
        """Wait until everything in the queue is sent; raises what went wrong."""
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
