"""The processes of one function: used again and again, until the function changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from infra.local.aws.lambdas.functions import DeployedFunction
from infra.local.aws.lambdas.workers import Worker


class PoolClosed(Exception):
    """The processes were ended; no call is possible any more."""


class Pool:
    """At most `limit` processes of one function at a time; who finds all of them busy waits."""

    def __init__(self, start: Callable[[DeployedFunction], Worker], limit: int) -> None:
        self._start = start
        self._limit = limit
        self._changed = threading.Condition()
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._is_closed = False

    @contextmanager
    def worker(self, function: DeployedFunction) -> Iterator[Worker]:
        """A process that runs `function` as it is now, for one call. Raises PoolClosed."""
        worker = self._take(function)
        try:
            yield worker
        finally:
            self._give_back(worker)

    def close(self) -> None:
        """Ends all processes; calls under way fail, and this waits for them to notice."""
        with self._changed:
            self._is_closed = True
            for worker in self._busy:
                worker.kill()
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._busy)
            self._end_idle(lambda _: True)

    def _take(self, function: DeployedFunction) -> Worker:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or len(self._busy) < self._limit)
            if self._is_closed:
                raise PoolClosed
            self._end_idle(lambda worker: worker.function != function or not worker.is_usable)
            worker = self._idle.pop() if self._idle else self._start(function)
            self._busy.add(worker)
            return worker

    def _give_back(self, worker: Worker) -> None:
        with self._changed:
            self._busy.discard(worker)
            if worker.is_usable:
                self._idle.append(worker)
            else:
                worker.end()
            self._changed.notify_all()

    def _end_idle(self, is_unwanted: Callable[[Worker], bool]) -> None:
        unwanted = [worker for worker in self._idle if is_unwanted(worker)]
        self._idle = [worker for worker in self._idle if worker not in unwanted]
        for worker in unwanted:
            worker.end()
