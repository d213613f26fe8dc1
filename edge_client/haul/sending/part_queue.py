"""The queue between the two legs: parts that wait to be sent, and what has become of those that were.

A session has one `Outbox`, from which the senders take. It has a `PartQueue` for each round over a chapter's parts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from edge_client.base.errors import RoundLost
from edge_client.haul.ports import SpooledParts, Threads
from edge_client.model.parts import PartUrl, SpooledPart

MOST_URLS = 32
POLL_S = 0.1


Sign = Callable[[Sequence[SpooledPart]], Mapping[int, PartUrl]]


@dataclass(frozen=True)
class Round:
    """What a queue needs to know of its round: who signs, where the parts are, and who counts bytes that are sent."""

    sign: Sign
    parts: SpooledParts
    on_bytes: Callable[[int], None]


@dataclass(frozen=True)
class Taken:
    """One part for a sender, with its URL."""

    queue: PartQueue
    part: SpooledPart
    url: PartUrl


class Outbox:
    """All parts of a session that wait to be sent; hands each one out once, those of the first chapter first.

    After an error nothing is handed out any more. Parts that S3 has and the spool still holds make room, the oldest
    first. `ended` counts the rounds that are over.
    """

    def __init__(self, threads: Threads) -> None:
        self.threads = threads
        self.changed = threads.condition()
        self._signing = threads.condition()
        self._queues: dict[int, PartQueue] = {}
        self._acknowledged: deque[tuple[PartQueue, SpooledPart]] = deque()
        self.ended = 0
        self._is_closed = False
        self._error: BaseException | None = None

    def open(self, place: int, work: Round, acknowledged: Iterable[SpooledPart] = ()) -> PartQueue:
        """The queue of a round over the chapter at this place; `acknowledged` are parts of it that S3 has already."""
        queue = PartQueue(self, work)
        with self.changed:
            self._queues[place] = queue
            self._acknowledged.extend((queue, part) for part in acknowledged)
        return queue

    def close(self) -> None:
        """No more parts will come."""
        with self.changed:
            self._is_closed = True
            self.changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """End all rounds; the first error is the one that counts."""
        with self.changed:
            self._error = self._error or error
            self.changed.notify_all()

    def check(self) -> None:
        """Raise what ended all rounds, if something did."""
        if self._error is not None:
            raise self._error

    def wait_for_parts(self) -> bool:
        """Wait until a part can be taken. False when no more will come."""
        with self.changed:
            while self._error is None:
                if self._first_with_backlog():
                    return True
                if self._is_closed:
                    return False
                self.changed.wait()
        return False

    def take(self) -> Taken | None:
        """The next part with its URL; None when there is none now, or after an error."""
        with self._signing:
            while queue := self._first_with_backlog():
                if taken := queue.take_signed():
                    return taken
        return None

    def _first_with_backlog(self) -> PartQueue | None:
        with self.changed:
            if self._error is not None:
                return None
            return next((queue for _, queue in sorted(self._queues.items()) if queue.has_backlog), None)

    @property
    def has_backlog(self) -> bool:
        """Whether parts wait that no sender has taken yet."""
        with self.changed:
            return any(queue.has_backlog for queue in self._queues.values())

    def wait_for_sent(self) -> int | None:
        """The place of the first chapter whose round is sent or lost; waits for one. None when no more will come."""
        with self.changed:
            while self._error is None:
                for place, queue in sorted(self._queues.items()):
                    if queue.is_sent:
                        return place
                if self._is_closed:
                    return None
                self.changed.wait()
        return None

    def end(self, place: int) -> None:
        """The round over this chapter is over: from now on none of its parts makes room."""
        with self.changed:
            if queue := self._queues.pop(place, None):
                self.keep_parts_of(queue)
                self.ended += 1
            self.changed.notify_all()

    def keep_parts_of(self, queue: PartQueue) -> None:
        """None of this round's parts makes room any more."""
        with self.changed:
            self._acknowledged = deque(one for one in self._acknowledged if one[0] is not queue)

    @property
    def is_busy(self) -> bool:
        """Whether parts are on their way, or a round that was given whole is not over."""
        return any(queue.is_busy for queue in self._queues.values())

    @property
    def is_sound(self) -> bool:
        """Whether nothing of what was given must be read again, as far as is known."""
        return not any(queue.is_lost for queue in self._queues.values())

    def wait_while_busy(self, check: Callable[[], None], until: Callable[[], bool] = lambda: False) -> None:
        """Wait until nothing is under way, or `until` says so. Raises what ended all rounds, and what `check` does."""
        with self.changed:
            while self._error is None and self.is_busy and not until():
                self.changed.wait(POLL_S)
                check()
        self.check()

    def make_room(self, ended: int, check: Callable[[], None]) -> bool:
        """Drop the part that S3 acknowledged first; waits for one that is under way. False when there is none.

        True also when more rounds than `ended` are over: a chapter that is home leaves its room. `check` may end the
        wait by raising.
        """
        with self.changed:
            # Under the lock: what ends a round also ends what there is to wait for.
            check()
            while not self._acknowledged and self.is_busy and self._error is None and self.ended == ended:
                self.changed.wait(POLL_S)
                check()
            self.check()
            if self._acknowledged:
                # Not past the lock: its chapter may be home at any moment, and drops all of its parts then.
                queue, part = self._acknowledged.popleft()
                queue.work.parts.drop_part(part)
                return True
            return self.ended > ended

    def note_acknowledged(self, queue: PartQueue, part: SpooledPart) -> None:
        """S3 has a part of a round that is not over."""
        if queue in self._queues.values():
            self._acknowledged.append((queue, part))


class PartQueue:
    """The parts of one round over a chapter; made by `Outbox.open`.

    One call for URLs takes every part that waits, up to 32, and one call renews all URLs that ended together. Its own
    error ends this round alone.
    """

    def __init__(self, outbox: Outbox, work: Round) -> None:
        self._outbox = outbox
        self._changed = outbox.changed
        self.work = work
        self._resigning = outbox.threads.condition()
        self._waiting: deque[SpooledPart] = deque()
        self._signed: deque[SpooledPart] = deque()
        self._urls: dict[int, tuple[SpooledPart, PartUrl]] = {}
        self._on_their_way = 0
        self._is_whole = False
        self._error: RoundLost | None = None
        self.sent: set[int] = set()
        self.corrupt: set[int] = set()

    def add(self, part: SpooledPart) -> None:
        """One more part to send."""
        with self._changed:
            self._on_their_way += 1
            self._waiting.append(part)
            self._changed.notify_all()

    def close(self) -> None:
        """The round has been given whole: it is over once all of it is sent."""
        with self._changed:
            self._is_whole = True
            self._changed.notify_all()

    def lose(self, error: RoundLost) -> None:
        """End this round; the first error is the one that counts."""
        with self._changed:
            self._error = self._error or error
            self.keep_parts()
            self._changed.notify_all()

    def keep_parts(self) -> None:
        """None of its parts makes room any more: S3 may have lost them, or they go together."""
        self._outbox.keep_parts_of(self)

    def check(self) -> None:
        """Raise what ended this round, or all of them, if something did."""
        self._outbox.check()
        if self._error is not None:
            raise self._error

    @property
    def ended(self) -> int:
        """How many rounds of the session are over."""
        return self._outbox.ended

    def make_room(self, ended: int, check: Callable[[], None]) -> bool:
        """As the outbox does; raises also what ended this round."""

        def both() -> None:
            check()
            self.check()

        return self._outbox.make_room(ended, both)

    @property
    def has_backlog(self) -> bool:
        """Whether parts wait that no sender has taken yet."""
        return self._error is None and bool(self._signed or self._waiting)

    @property
    def is_sent(self) -> bool:
        """Whether the round was given whole and nothing of it is on its way any more, or it is lost."""
        return self._is_whole and (self._error is not None or self._on_their_way == 0)

    @property
    def is_busy(self) -> bool:
        """Whether something of it may still be acknowledged, or it was given whole and is not over."""
        return self._is_whole or (self._error is None and self._on_their_way > 0)

    @property
    def is_lost(self) -> bool:
        """Whether another round must follow, as far as is known."""
        return self._error is not None or bool(self.corrupt)

    def take_signed(self) -> Taken | None:
        """The next part with its URL; None when there is none, or the round is lost. By one sender at a time."""
        try:
            if batch := self._batch():
                self._note_urls(batch, self.work.sign(batch))
                with self._changed:
                    self._signed.extend(batch)
                    self._changed.notify_all()
        except RoundLost as error:
            self.lose(error)
        with self._changed:
            if not self._signed or self._error is not None:
                return None
            return Taken(self, *self._urls[self._signed.popleft().span.number])

    def _batch(self) -> list[SpooledPart]:
        """The parts to ask URLs for: none while signed ones are left."""
        with self._changed:
            if self._signed:
                return []
            return [self._waiting.popleft() for _ in range(min(MOST_URLS, len(self._waiting)))]

    def _note_urls(self, batch: Sequence[SpooledPart], urls: Mapping[int, PartUrl]) -> None:
        with self._changed:
            self._urls |= {part.span.number: (part, urls[part.span.number]) for part in batch}

    def sign_again(self, part: SpooledPart, old: PartUrl, now: float) -> PartUrl:
        """A new URL for a part in place of its `old` one. The same call renews the URLs that expired with it."""
        with self._resigning:
            _, url = self._urls.get(part.span.number, (part, old))
            if url is not old:
                return url
            batch = [part, *self._ended_with(old, now)][:MOST_URLS]
            urls = self.work.sign(batch)
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

    def acknowledge(self, part: SpooledPart) -> None:
        """S3 has the part."""
        with self._changed:
            self._on_their_way -= 1
            self._urls.pop(part.span.number, None)
            self.sent.add(part.span.number)
            if self._error is None:
                self._outbox.note_acknowledged(self, part)
            self._changed.notify_all()

    def drop_corrupt(self, part: SpooledPart) -> None:
        """The part is not what was read and must be read again."""
        with self._changed:
            if self._error is None:
                # In a lost round it may have been read again by now.
                self.work.parts.drop_part(part)
            self._on_their_way -= 1
            self._urls.pop(part.span.number, None)
            self.corrupt.add(part.span.number)
            self._changed.notify_all()
