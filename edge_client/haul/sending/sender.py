"""Send parts to S3: each over one connection until S3 has it, and the connections of one session."""

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
    RoundLost,
    Stopped,
    StorageUnreachable,
    Transient,
    UrlRefused,
)
from edge_client.base.retry import Retry, StallWatch
from edge_client.haul.ports import PartStore, Thread
from edge_client.haul.sending.concurrency import MOST_CONNECTIONS, AdaptiveConcurrency
from edge_client.haul.sending.part_queue import Outbox, PartQueue, Taken
from edge_client.haul.sending.rate_limit import RateLimiter
from edge_client.model.parts import PartUrl, SpooledPart

log = logging.getLogger(__name__)

MOST_REFUSALS = 5
JOIN_S = 5.0
# Ctrl-C does not wait for sockets, and the reports of what is home are still to be printed.
STOPPED_JOIN_S = 0.05


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

    queue: PartQueue
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

    def __init__(self, outbox: Outbox, uplink: Uplink) -> None:
        self._outbox = outbox
        self._uplink = uplink
        self._retry = uplink.retry
        self._store = uplink.connect()
        self._buffer = bytearray()

    def run(self) -> None:
        """Take and send until no more parts come. What goes wrong ends all rounds: a thread's door."""
        try:
            with closing(self._store):
                while self._send_next():
                    pass
        except Exception as error:  # noqa: BLE001  handed to the main thread, which raises it
            self._outbox.fail(error)

    def _send_next(self) -> bool:
        """Send one part, if another sender does not take it; False when no more will come. A lost round ends alone.

        No connection is used up by the wait for a part: fewer may be allowed meanwhile.
        """
        self._uplink.pace.wait_for_start(self._outbox.check)
        if not self._outbox.wait_for_parts():
            return False
        with self._uplink.concurrency.connection(self._outbox.check):
            if taken := self._outbox.take():
                try:
                    self._deliver(taken)
                except RoundLost as error:
                    taken.queue.lose(error)
        return True

    def _deliver(self, taken: Taken) -> None:
        queue, part = taken.queue, taken.part
        try:
            self.send(taken)
        except PartCorrupt as error:
            log.warning("a part must be read again", extra={"part": part.span.number, "reason": str(error)})
            queue.drop_corrupt(part)
        else:
            queue.acknowledge(part)
            self._uplink.concurrency.note_sent(part.span.size_bytes, self._outbox.has_backlog)

    def send(self, taken: Taken) -> None:
        """PUT one part until S3 has it. Raises PartRefused, PartCorrupt, UploadLost, GaveUp."""
        delivery = Delivery(taken.queue, taken.part, taken.url)
        self._retry.run(f"sending part {taken.part.span.number}", lambda: self._try(delivery))

    def _try(self, delivery: Delivery) -> None:
        """One try. The first URL that S3 refuses is replaced at once, without a wait."""
        delivery.queue.check()
        # Signed in batches: over a slow link the last of one are past their time before their turn comes.
        now = self._retry.timing.monotonic()
        if delivery.needs_url or delivery.url.good_until <= now:
            delivery.url = delivery.queue.sign_again(delivery.part, delivery.url, now)
            delivery.needs_url = False
        try:
            self._put(delivery)
        except (UrlRefused, PartTurnedDown) as error:
            delivery.refuse(error)
            if isinstance(error, PartTurnedDown) or delivery.refusals > 1:
                raise
            self._try(delivery)
        except Transient:
            self._uplink.concurrency.note_trouble()
            raise

    def _put(self, delivery: Delivery) -> None:
        part, url, queue = delivery.part, delivery.url, delivery.queue
        if url.headers.get("content-length", str(part.span.size_bytes)) != str(part.span.size_bytes):
            raise PartTurnedDown("the URL is signed for another length")
        blocks = queue.work.parts.reader(part).blocks(self._block_for(part))
        watch = StallWatch(self._retry.timing.monotonic, StorageUnreachable)
        on_bytes = queue.work.on_bytes
        body = Body(part.span.size_bytes, blocks, self._uplink.pace, queue.check, watch, on_bytes)
        try:
            self._store.put(url, body)
        except EdgeError:
            on_bytes(-body.sent_bytes)
            raise

    def _block_for(self, part: SpooledPart) -> memoryview:
        """Room for a block of the part; a sender that sends nothing takes none."""
        size_bytes = min(self._uplink.pace.block_bytes, part.span.size_bytes)
        if len(self._buffer) < size_bytes:
            self._buffer = bytearray(size_bytes)
        return memoryview(self._buffer)[:size_bytes]


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

    def __init__(self, outbox: Outbox, make_sender: Callable[[], PartSender]) -> None:
        self._outbox = outbox
        self._senders = [make_sender() for _ in range(MOST_CONNECTIONS)]
        self._threads: list[Thread] = []

    def __enter__(self) -> Senders:
        start = self._outbox.threads.start
        self._threads = [start(f"sender-{n}", one.run) for n, one in enumerate(self._senders, 1)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A thread in the middle of a PUT sees this at its next block; one that hangs in a socket dies with the process.
        self._outbox.fail(error or Stopped("everything is sent"))
        for thread in self._threads:
            thread.join(STOPPED_JOIN_S if isinstance(error, Stopped) else JOIN_S)
