"""Delays: full jitter, patience, and the watch over a leg that crawls. Time and chance come in as `Timing`."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import TypeVar

from edge_client.base.errors import EdgeError, GaveUp, Stopped, Transient
from edge_client.base.logs import Repeats

BASE_S = 0.5
CAP_S = 30.0
STALL_WINDOW_S = 60.0
STALL_FLOOR_BYTES = 256 * 1024

T = TypeVar("T")


@dataclass(frozen=True)
class Timing:
    """A monotonic clock in seconds, a sleep and a check that end with `Stopped`, and chance in [0, 1)."""

    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    check: Callable[[], None]
    chance: Callable[[], float]


def real_timing(stop: threading.Event) -> Timing:
    """The machine's clock; a set `stop` ends every sleep with `Stopped`."""

    def sleep(seconds: float) -> None:
        if stop.wait(seconds):
            raise Stopped("stopped")

    return Timing(time.monotonic, sleep, lambda: sleep(0), random.random)


@dataclass
class Tally:
    """How often something was tried again and how many calls the coordinator got; safe between threads."""

    retries: int = 0
    api_calls: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def retried(self) -> None:
        with self._lock:
            self.retries += 1

    def called(self) -> None:
        with self._lock:
            self.api_calls += 1


@dataclass(frozen=True)
class Wait:
    """What a thread waits for: who must answer, why, and since when; times are on the monotonic clock.

    `next_try_at` is None where no try of ours would end it.
    """

    source: str
    reason: str
    since: float
    next_try_at: float | None


class Waits:
    """What the threads of a process wait for; safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waits: dict[int, Wait] = {}

    def note(self, outage: Outage, wait: Wait) -> None:
        """The outage waits, or waits longer."""
        with self._lock:
            self._waits[id(outage)] = wait

    def forget(self, outage: Outage) -> None:
        """The outage is over."""
        with self._lock:
            self._waits.pop(id(outage), None)

    def longest(self) -> Wait | None:
        """The wait that began first, if there is one."""
        with self._lock:
            return min(self._waits.values(), key=lambda wait: wait.since, default=None)


def full_jitter_s(failures: int, chance: float) -> float:
    """A delay between nothing and the cap for the given count of failures, which starts at 1."""
    return chance * min(CAP_S, BASE_S * 2.0 ** min(failures - 1, 16))


@dataclass(frozen=True)
class Retry:
    """Runs calls until they succeed; an outage that lasts longer than `give_up_after_s` ends in GaveUp."""

    timing: Timing
    give_up_after_s: float
    tally: Tally
    repeats: Repeats = field(
        default_factory=lambda: Repeats("trying again", over="it works again", given_up="tried again")
    )
    waits: Waits = field(default_factory=Waits)

    def run(self, what: str, call: Callable[[], T]) -> T:
        """What `call` returns, tried again after every Transient. Unsettled has its own, shorter patience."""
        return self.attempts(what, lambda _: call())

    def attempts(self, what: str, call: Callable[[int], T]) -> T:
        """What `call` returns, tried again as in `run`; each try gets the number of tries that failed before it."""
        with Outage(self, what) as outage:
            while True:
                try:
                    return call(outage.failures)
                except Transient as error:
                    outage.wait_after(error)

    def rounds(self, most: int, call: Callable[[int], T], lost: type[EdgeError]) -> T:
        """What `call` returns in at most `most` rounds, numbered from 1; a `lost` error begins the next one."""
        for number in range(1, most):
            try:
                return call(number)
            except lost:
                self.tally.retried()
                self.timing.sleep(full_jitter_s(number, self.timing.chance()))
        return call(most)


@dataclass
class Outage:
    """One run of failures: knows when it began, waits between tries and decides when patience ends.

    Entered for as long as the call is tried; leaving it says how often the call failed.
    """

    retry: Retry
    what: str
    failures: int = 0
    began_at: float = 0.0
    odd_since: float | None = None

    def __enter__(self) -> Outage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.retry.waits.forget(self)
        if self.failures:
            repeats, now = self.retry.repeats, self.retry.timing.monotonic()
            (repeats.give_up if error else repeats.end)(self.what, now)

    def wait_after(self, error: Transient) -> None:
        """Sleep before the next try, or raise when patience ends: GaveUp, or `error` itself when Unsettled."""
        timing = self.retry.timing
        self._count(error, timing.monotonic())
        delay_s = max(full_jitter_s(self.failures, timing.chance()), error.retry_after_s)
        next_try_at = timing.monotonic() + delay_s
        self._refuse_when_over(error, next_try_at)
        self.retry.waits.note(self, Wait(error.source, str(error), self.began_at, next_try_at))
        self.retry.repeats.say(
            self.what,
            str(error),
            timing.monotonic(),
            tries=self.failures,
            delay_s=round(delay_s, 1),
        )
        self.retry.tally.retried()
        timing.sleep(delay_s)

    def _count(self, error: Transient, now: float) -> None:
        if self.failures == 0:
            self.began_at = now
        self.failures += 1
        if error.patience_s is None:
            # A camera that was away for an hour and is odd while it starts has its whole minute to settle.
            self.odd_since = None
        elif self.odd_since is None:
            self.odd_since = now

    def _refuse_when_over(self, error: Transient, next_try_at: float) -> None:
        odd_s = 0.0 if self.odd_since is None else next_try_at - self.odd_since
        if error.patience_s is not None and odd_s > error.patience_s:
            raise error
        if next_try_at - self.began_at > self.retry.give_up_after_s:
            raise GaveUp(f"gave up on {self.what} after {self.failures} tries: {error}") from error


class StallWatch:
    """Raises when a leg has crawled for a whole window or longer: slower than the floor in that time.

    A read time-out does not see this: one byte now and then keeps a socket alive for ever.
    """

    def __init__(self, monotonic: Callable[[], float], stalled: Callable[[str], Transient]) -> None:
        self._monotonic = monotonic
        self._stalled = stalled
        self._since = monotonic()
        self._moved_bytes = 0

    def moved(self, size_bytes: int) -> None:
        """Count what has just moved; raises what `stalled` makes of the reason."""
        self._moved_bytes += size_bytes
        now = self._monotonic()
        window_s = now - self._since
        if window_s < STALL_WINDOW_S:
            return
        # By rate: one block may be as large as the floor, and take much longer than the window.
        if self._moved_bytes * STALL_WINDOW_S < STALL_FLOOR_BYTES * window_s:
            raise self._stalled(f"stalled: {self._moved_bytes} bytes in {window_s:.0f} s")
        self._since, self._moved_bytes = now, 0

    def rested(self, seconds: float) -> None:
        """Time in which nothing was meant to move does not count."""
        self._since += seconds
