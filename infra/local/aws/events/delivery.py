"""Asynchronous invocation as Lambda does it: accepted at once, tried up to three times, then a dead letter.

For tests the queue can be held, and events lost, doubled or brought out of order.
"""

from __future__ import annotations

import logging
import math
import random
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from infra.local.aws.events.destinations import FailurePolicy, ToQueue, dead_letter
from infra.local.aws.lambdas.functions import FunctionError, Outcome, function_name

WAITS_S = (0.2, 0.5)  # Lambda waits one minute, then two
THREADS = 4

Invoke = Callable[[str, object], Outcome]

log = logging.getLogger(__name__)


class What(Enum):
    """What was done with an event."""

    DROPPED = "dropped because a test said so"
    DONE = "the function took it"
    FAILED = "the function failed on it"
    DEAD_LETTER = "given up, kept in the dead-letter queue"
    LOST = "given up, with no queue to keep it"


@dataclass(frozen=True)
class Entry:
    """One line of the log. `attempt` counts from 1."""

    what: What
    function: str
    request_id: str
    attempt: int


@dataclass(frozen=True)
class _Job:
    request_id: str
    function: str  # name or ARN, as it was given
    event: object
    ready_at: float  # of time.monotonic
    attempt: int = 1


class Delivery:
    """Hands events to functions, given by name or ARN, on threads of its own.

    `policy` says what is configured for a function, `dead_letter` writes a body to a queue given by its ARN;
    `waits_s` are the waits before the second and the third attempt.
    """

    def __init__(
        self,
        invoke: Invoke,
        policy: Callable[[str], FailurePolicy],
        dead_letter: ToQueue,
        *,
        now: Callable[[], datetime],
        waits_s: tuple[float, float] = WAITS_S,
        threads: int = THREADS,
    ) -> None:
        self._invoke = invoke
        self._policy = policy
        self._dead_letter = dead_letter
        self._now = now
        self._waits_s = waits_s
        self._changed = threading.Condition()
        self._waiting: list[_Job] = []
        self._running = 0
        self._log: list[Entry] = []
        self._is_held = False
        self._is_closed = False
        self._drops = 0.0
        self._doubles = 0
        self._threads = [
            threading.Thread(target=self._run, name=f"delivery-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def send(self, function: str, event: object) -> None:
        """Returns at once; the event is on its way."""
        job = _Job(str(uuid.uuid4()), function, event, time.monotonic())
        with self._changed:
            if self._drops > 0:
                self._drops -= 1
                self._note(What.DROPPED, job)
                return
            self._waiting.append(job)
            if self._doubles > 0:
                self._doubles -= 1
                self._waiting.append(job)
            self._changed.notify_all()

    def hold(self) -> None:
        """Events are accepted and stay where they are until `release`; what runs continues."""
        with self._changed:
            self._is_held = True

    def release(self) -> None:
        with self._changed:
            self._is_held = False
            self._changed.notify_all()

    def drop(self, times: float = math.inf) -> None:
        """The next `times` events are lost on their way; 0 ends it."""
        with self._changed:
            self._drops = times

    def duplicate(self, times: int) -> None:
        """Each of the next `times` events is delivered twice, under one request id."""
        with self._changed:
            self._doubles = times

    def shuffle(self, seed: int) -> None:
        """What waits now is delivered in another order; hold before."""
        with self._changed:
            random.Random(seed).shuffle(self._waiting)  # nosec B311 # an order to play again

    def settled(self, timeout_s: float) -> bool:
        """Waits until no event waits or runs; False when that does not come in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._running, timeout_s)

    @property
    def log(self) -> list[Entry]:
        """All that was done, oldest first."""
        with self._changed:
            return list(self._log)

    def close(self) -> None:
        """What waits is forgotten; returns when what runs is over. Ending the functions first makes that soon."""
        with self._changed:
            self._is_closed = True
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while job := self._next():
            try:
                self._attempt(job)
            except Exception:
                log.exception("event lost", extra={"function": function_name(job.function)})
                self._finish(job, What.LOST)

    def _next(self) -> _Job | None:
        with self._changed:
            while not self._is_closed:
                now = time.monotonic()
                ready = [job for job in self._waiting if job.ready_at <= now and not self._is_held]
                if ready:
                    self._waiting.remove(ready[0])
                    self._running += 1
                    return ready[0]
                self._changed.wait(self._sleep_s(now))
            return None

    def _sleep_s(self, now: float) -> float | None:
        if self._is_held or not self._waiting:
            return None
        return max(0.0, min(job.ready_at for job in self._waiting) - now)

    def _attempt(self, job: _Job) -> None:
        error = self._invoke(job.function, job.event).error
        if error is None:
            self._finish(job, What.DONE)
            return
        policy = self._policy(job.function)
        if job.attempt <= policy.retries:
            self._again(job)
        else:
            self._give_up(job, policy, error)

    def _again(self, job: _Job) -> None:
        wait_s = self._waits_s[job.attempt - 1]
        with self._changed:
            self._note(What.FAILED, job)
            if not self._is_closed:
                later = replace(job, attempt=job.attempt + 1, ready_at=time.monotonic() + wait_s)
                self._waiting.append(later)
            self._end_run()

    def _give_up(self, job: _Job, policy: FailurePolicy, error: FunctionError) -> None:
        with self._changed:
            self._note(What.FAILED, job)
        if policy.dead_letters_arn is None:
            self._finish(job, What.LOST)
            return
        letter = dead_letter(job.request_id, job.attempt, policy, job.event, error, self._now())
        self._dead_letter(policy.dead_letters_arn, letter)
        self._finish(job, What.DEAD_LETTER)

    def _finish(self, job: _Job, what: What) -> None:
        with self._changed:
            self._note(what, job)
            self._end_run()

    def _end_run(self) -> None:
        self._running -= 1
        self._changed.notify_all()

    def _note(self, what: What, job: _Job) -> None:
        self._log.append(Entry(what, function_name(job.function), job.request_id, job.attempt))
