"""The queue between the two legs: parts that wait to be sent, and what has become of those that were."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

from edge_client.haul.ports import Threads
from edge_client.model.parts import PartPlan, PartUrl, SpooledPart

MOST_URLS = 32
POLL_S = 0.1


Sign = Callable[[Sequence[SpooledPart]], Mapping[int, PartUrl]]


class PartQueue:
    """Parts that wait to be sent; hands each one out once, with its URL.

    One call for URLs takes every part that waits, up to 32, and one call renews all URLs that ended together. After
    an error nothing is handed out any more.
    `acknowledged` are parts that S3 has and the spool still holds, the oldest first.
    """

    def __init__(
        self, threads: Threads, sign: Sign, plan: PartPlan, acknowledged: Iterable[SpooledPart] = ()
    ) -> None:
        self._sign = sign
        self.plan = plan
        self._signing = threads.condition()
        self._changed = threads.condition()
        self._waiting: deque[SpooledPart] = deque()
        self._resigning = threads.condition()
        self._signed: deque[SpooledPart] = deque()
        self._urls: dict[int, tuple[SpooledPart, PartUrl]] = {}
        self._acknowledged = deque(acknowledged)
        self._on_their_way = 0
        self._closed = False
        self._error: BaseException | None = None
        self.sent: set[int] = set()
        self.corrupt: set[int] = set()

    def add(self, part: SpooledPart) -> None:
        """One more part to send."""
        with self._changed:
            self._on_their_way += 1
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
                self._note_urls(batch, self._sign(batch))
                self._signed.extend(batch)
            if not self._signed or self._error is not None:
                return None
            with self._changed:
                return self._urls[self._signed.popleft().span.number]

    def _note_urls(self, batch: Sequence[SpooledPart], urls: Mapping[int, PartUrl]) -> None:
        with self._changed:
            self._urls |= {part.span.number: (part, urls[part.span.number]) for part in batch}

    def _batch(self) -> list[SpooledPart]:
        """The parts to ask URLs for: none while signed ones are left, or when no more will come."""
        with self._changed:
            while not (self._signed or self._waiting or self._closed or self._error):
                self._changed.wait()
            if self._signed or self._error:
                return []
            return [self._waiting.popleft() for _ in range(min(MOST_URLS, len(self._waiting)))]

    def sign_again(self, part: SpooledPart, old: PartUrl, now: float) -> PartUrl:
        """A new URL for a part in place of its `old` one. The same call renews the URLs that expired with it."""
        with self._resigning:
            _, url = self._urls.get(part.span.number, (part, old))
            if url is not old:
                return url
            batch = [part, *self._ended_with(old, now)][:MOST_URLS]
            urls = self._sign(batch)
            self._note_urls(batch, urls)
            return urls[part.span.number]

    def _ended_with(self, old: PartUrl, now: float) -> list[SpooledPart]:
        """The other parts whose URLs have expired: by the clock, or because S3 refused a URL that was valid as long."""
        ended_at = max(now, old.good_until)
        with self._changed:
            return [
                part
                for number, (part, url) in self._urls.items()
                if number != old.number and url.good_until <= ended_at
            ]

    @property
    def has_backlog(self) -> bool:
        """Whether parts wait that nobody sends yet."""
        return bool(self._signed or self._waiting)

    def acknowledge(self, part: SpooledPart) -> None:
        """S3 has the part."""
        with self._changed:
            self._on_their_way -= 1
            self._urls.pop(part.span.number, None)
            self.sent.add(part.span.number)
            self._acknowledged.append(part)
            self._changed.notify_all()

    def note_corrupt(self, part: SpooledPart) -> None:
        """The part is not what was read and must be read again."""
        with self._changed:
            self._on_their_way -= 1
            self._urls.pop(part.span.number, None)
            self.corrupt.add(part.span.number)
            self._changed.notify_all()

    def oldest_acknowledged(self, check: Callable[[], None]) -> SpooledPart | None:
        """The part to drop when room is needed; waits for one on its way. None when there is none to wait for."""
        with self._changed:
            while not self._acknowledged and self._on_their_way and self._error is None:
                self._changed.wait(POLL_S)
                check()
            self.check()
            return self._acknowledged.popleft() if self._acknowledged else None
