"""A clock, chance and threads that a seed decides: time passes only in sleeps, and one thread runs at a time.

Every thread is one of the system's, but only the one that has the turn runs. It gives the turn away where it sleeps,
waits or ends, and the seed decides who is next. When nobody can run, the clock jumps to the next sleeper's time.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType

from edge_client.base.errors import Stopped
from edge_client.base.retry import Timing

# After so long a thread that never gives its turn away fails the test instead of hanging it.
LONGEST_TURN_S = 60.0


class Deadlock(AssertionError):
    """Every thread waits for another one."""


class Killed(BaseException):
    """The client's process has ended: whatever a thread was about to do, it does not do."""


@dataclass(eq=False)
class Task:
    """One thread: it can run once `is_due` says so, or from the time `wake_at` on."""

    machine: Machine
    name: str
    is_due: Callable[[], bool] = lambda: True
    wake_at: float | None = None
    is_over: bool = False
    turn: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def is_alive(self) -> bool:
        return not self.is_over

    def join(self, timeout: float | None = None) -> None:
        self.machine.wait_until(lambda: self.is_over, timeout)


class Machine:
    """The device's clock, chance and threads, for as long as a test has it entered.

    `slept` are the sleeps in seconds, in their order. Once `stop` is set, every sleep and check raises Stopped.
    """

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._main = Task(self, "main")
        self._current = self._main
        self._tasks = [self._main]
        self._is_ended = False
        self.now = 0.0
        self.stop = False
        self.slept: list[float] = []
        self.timing = Timing(lambda: self.now, self._sleep, self._check, self._random.random)

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def kill(self) -> None:
        """The power fails, or somebody kills the client: raises Killed here, and in every thread where it waits."""
        self._end()
        raise Killed

    def _end(self) -> None:
        self._is_ended = True
        for task in self._tasks:
            task.turn.release()

    def below(self, count: int) -> int:
        """A number from 0 to `count` - 1."""
        return self._random.randrange(count)

    def start(self, name: str, run: Callable[[], None]) -> Task:
        task = Task(self, name)
        self._tasks.append(task)

        def live() -> None:
            try:
                self._await_turn(task)
                run()
                task.is_over = True
                self._tasks.remove(task)
                self._pass_turn()
            except Killed:
                return

        threading.Thread(target=live, name=name, daemon=True).start()
        return task

    def condition(self) -> MemoryCondition:
        return MemoryCondition(self)

    @contextmanager
    def every(self, name: str, every_s: float, do: Callable[[], None]) -> Iterator[None]:
        is_over = False

        def run() -> None:
            while not is_over:
                do()
                self.wait_until(lambda: is_over, every_s)

        task = self.start(name, run)
        try:
            yield
        finally:
            is_over = True
            task.join()

    def wait_until(self, is_due: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Give the turn away until `is_due` says so, for at most `timeout_s`; whether it does."""
        if self._is_ended:
            raise Killed
        me = self._current
        me.is_due, me.wake_at = is_due, None if timeout_s is None else self.now + timeout_s
        self._pass_turn()
        self._await_turn(me)
        return is_due()

    def pause(self) -> None:
        """Let others have a turn; no time passes."""
        self.wait_until(_always)

    @property
    def running(self) -> Task:
        """The thread that has the turn."""
        return self._current

    def _sleep(self, seconds: float) -> None:
        self._check()
        self.slept.append(seconds)
        self.wait_until(lambda: self.stop, seconds)
        self._check()

    def _check(self) -> None:
        if self.stop:
            raise Stopped("stopped")

    def _pass_turn(self) -> None:
        """The turn goes to one of those that can run; where nobody can, to the one whose time comes first."""
        free = [task for task in self._tasks if task.is_due() or self._is_awake(task)]
        if not free:
            sleepers = [task for task in self._tasks if task.wake_at is not None]
            free = sleepers and [min(sleepers, key=lambda task: task.wake_at or 0.0)]
            self.now = max(self.now, free[0].wake_at or 0.0) if free else self.now
        # Nobody will ever run again: the test hears of it.
        self._current = self._random.choice(free) if free else self._main
        self._is_stuck = not free
        self._current.turn.release()

    def _is_awake(self, task: Task) -> bool:
        return task.wake_at is not None and task.wake_at <= self.now

    def _await_turn(self, task: Task) -> None:
        has_turn = task.turn.acquire(timeout=LONGEST_TURN_S)
        if self._is_ended:
            raise Killed
        if not has_turn or self._is_stuck:
            raise Deadlock(f"who waits: {', '.join(sorted(each.name for each in self._tasks))}")
        task.is_due, task.wake_at = _always, None


def _always() -> bool:
    return True


class MemoryCondition:
    """A lock that one thread holds, as often as it enters it, and on which threads wait for each other."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._holder: Task | None = None
        self._depth = 0
        self._waiting: list[list[bool]] = []

    def __enter__(self) -> bool:
        if self._holder is self._machine.running:
            self._depth += 1
        else:
            self._acquire(1)
        return True

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._holder = None

    def wait(self, timeout: float | None = None) -> bool:
        assert self._holder is self._machine.running, "a thread waits on what it does not hold"
        notified, depth = [False], self._depth
        self._waiting.append(notified)
        self._holder, self._depth = None, 0
        self._machine.wait_until(lambda: notified[0], timeout)
        self._acquire(depth)
        # By identity: all that wait look alike.
        self._waiting = [each for each in self._waiting if each is not notified]
        return notified[0]

    def notify(self) -> None:
        self._notify(1)

    def notify_all(self) -> None:
        self._notify(len(self._waiting))

    def _acquire(self, depth: int) -> None:
        # Others may come first even where the lock is free: so a seed finds what depends on the order.
        self._machine.wait_until(lambda: self._holder is None)
        self._holder, self._depth = self._machine.running, depth

    def _notify(self, count: int) -> None:
        for notified in self._waiting[:count]:
            notified[0] = True
        del self._waiting[:count]
