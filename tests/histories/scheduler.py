"""Time and threads that a seed decides: one thread runs at a time, and time passes only where all wait.

Every thread of every process of a history is a greenlet. It gives the turn away where it calls a port, sleeps, waits or
ends, and the seed decides who is next. A process that is killed does nothing more: what its threads would still call,
on their way out too, is never called.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from greenlet import getcurrent, greenlet

from tests.edge.memory.machine import Killed

SHORTEST_WAIT_S = 15.0
"""The client waits a tenth of a second at a time so that it hears of a signal to stop, which histories do not have."""
MOST_TURNS = 60_000
"""A history that takes more turns than this never ends."""


class Stuck(BaseException):
    """Every thread waits for another one, or the history does not end."""


class Process:
    """Threads that live and die together; `is_dead` once it was killed or has ended."""

    __slots__ = ("is_dead", "name", "tasks")

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_dead = False
        self.tasks: list[Task] = []


class Task:
    """One thread of a process."""

    __slots__ = (
        *("_run", "_scheduler", "light"),
        *("error", "is_over", "joined", "name", "process", "turn", "woken"),
    )

    def __init__(self, scheduler: Scheduler, process: Process, name: str, run: Callable[[], object]) -> None:
        self._scheduler = scheduler
        self.process = process
        self.name = name
        self.is_over = False
        self.error: BaseException | None = None
        self.joined: list[Task] = []
        self.turn = 0
        self.woken = False
        self._run = run
        self.light = greenlet(self._live, scheduler.hub)

    def _live(self) -> None:
        try:
            self._run()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001  a thread's door: the history hears of it
            self.error = error
        self.is_over = True
        self.process.tasks.remove(self)
        self._scheduler.end(self)

    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return not self.is_over

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended, at most `timeout` seconds."""
        if self.is_over:
            return
        me = self._scheduler.current
        self.joined.append(me)
        self._scheduler.block(timeout)
        if not self.is_over:
            self.joined.remove(me)


class Scheduler:
    """The turns of one history. `now` are the seconds since it began."""

    def __init__(self, chance: random.Random, switching: float) -> None:
        self.chance = chance
        self._random = chance.random
        self.now = 0.0
        self.turns = 0
        self.current: Task
        self.hub = greenlet(self._run)
        self._switching = switching
        self._ready: list[Task] = []
        self._asleep: list[tuple[float, int, Task, int]] = []
        self._numbers = 0
        self._living = 0

    def start(self, process: Process, name: str, run: Callable[[], object]) -> Task:
        """A new thread of `process`, which has its turn later."""
        task = Task(self, process, name, run)
        process.tasks.append(task)
        self._living += 1
        self._ready.append(task)
        return task

    def play(self) -> None:
        """Give turns until nobody is left. Raises what a thread raised, Stuck where all wait for each other."""
        self.hub.parent = getcurrent()
        self.hub.switch()

    def _run(self) -> None:
        """What runs once a thread has ended, and where nobody is left to have a turn."""
        while (task := self._draw()) is not None:
            self.current = task
            task.light.switch()
            # Others may have had their turns since.
            ended = self.current
            if ended.is_over and ended.error is not None:
                raise ended.error
        last = self.current
        if self.turns > MOST_TURNS:
            raise Stuck(f"the history does not end: {last.process.name} {last.name} at {self.now:.0f} s")
        if self._living:
            raise Stuck(f"{self._living} threads wait for each other, {last.process.name} {last.name} last")

    def end(self, task: Task) -> None:
        """A thread has come to its end; who waited for it has a turn later."""
        self._living -= 1
        for each in task.joined:
            self.wake(each)

    def _draw(self) -> Task | None:
        """Who has the next turn; None where nobody is left, and where the history does not end."""
        ready = self._ready
        while not ready:
            if not self._wake_next():
                return None
        self.turns += 1
        if self.turns > MOST_TURNS:
            return None
        # The last takes the place of the one that is drawn: no list is moved.
        place = int(self._random() * len(ready))
        task = ready[place]
        ready[place] = ready[-1]
        ready.pop()
        return task

    def _wake_next(self) -> bool:
        """Let time pass to the next sleeper's; whether there is one."""
        asleep = self._asleep
        while asleep:
            at, _, task, turn = heapq.heappop(asleep)
            if task.turn != turn or task.is_over:
                continue
            self.now = max(self.now, at)
            task.turn += 1
            self._ready.append(task)
            return True
        return False

    def pass_turn(self) -> None:
        """Others may have their turn; no time passes."""
        if self.current.process.is_dead:
            raise Killed
        if self._random() < self._switching and (self._ready or self._asleep):
            self._ready.append(self.current)
            self._leave()

    def linger(self, turns: int) -> None:
        """Others may have their turn so many times; no time passes."""
        for _ in range(turns):
            self.pass_turn()

    def block(self, timeout: float | None = None) -> bool:
        """Give the turn away until somebody wakes this thread, for at most `timeout` seconds; whether one did."""
        me = self.current
        if me.process.is_dead:
            raise Killed
        me.turn += 1
        me.woken = False
        if timeout is not None:
            self._numbers += 1
            heapq.heappush(self._asleep, (self.now + max(timeout, 0.0), self._numbers, me, me.turn))
        self._leave()
        return me.woken

    def wake(self, task: Task) -> None:
        """A thread that waits has its turn later; one that waits no more stays as it is."""
        if not task.is_over and task not in self._ready and task is not self.current:
            task.turn += 1
            task.woken = True
            self._ready.append(task)

    def sleep(self, seconds: float) -> None:
        """Time passes for this thread."""
        self.block(seconds)

    def _leave(self) -> None:
        me = self.current
        drawn = self._draw()
        if drawn is not me:
            # Straight to who is next: a way by the hub would be two.
            self.current = drawn or me
            (drawn.light if drawn else self.hub).switch()
        if me.process.is_dead:
            raise Killed

    def kill(self, process: Process) -> None:
        """The process ends here and now; its threads run no more than their way out. Raises Killed in its own."""
        process.is_dead = True
        mine = self.current
        for task in [*process.tasks]:
            if task is not mine and task not in self._ready:
                task.turn += 1
                self._ready.append(task)
        if mine.process is process:
            raise Killed


class Condition:
    """A lock that one thread holds, as often as it enters it, and on which threads wait for each other."""

    __slots__ = ("_depth", "_holder", "_queue", "_scheduler", "_waiting")

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._holder: Task | None = None
        self._depth = 0
        self._queue: list[Task] = []
        self._waiting: list[Task] = []

    def __enter__(self) -> bool:
        me = self._scheduler.current
        if self._holder is me:
            self._depth += 1
        else:
            # Others may come first even where the lock is free: so a seed finds what depends on the order.
            self._scheduler.pass_turn()
            self._acquire(me, 1)
        return True

    def __exit__(self, *_: object) -> None:
        if self._holder is not self._scheduler.current:
            return  # of a process that was killed while it waited
        self._depth -= 1
        if self._depth == 0:
            self._release()

    def wait(self, timeout: float | None = None) -> bool:
        """Let go of the lock until `notify` or for `timeout` seconds, SHORTEST_WAIT_S at least; then hold it again."""
        me = self._scheduler.current
        assert self._holder is me, "a thread waits on what it does not hold"
        depth = self._depth
        self._waiting.append(me)
        self._release()
        self._scheduler.block(None if timeout is None else max(timeout, SHORTEST_WAIT_S))
        is_notified = me not in self._waiting
        if not is_notified:
            self._waiting.remove(me)
        self._acquire(me, depth)
        return is_notified

    def notify(self) -> None:
        self._notify(1)

    def notify_all(self) -> None:
        self._notify(len(self._waiting))

    def _notify(self, count: int) -> None:
        chosen, self._waiting = self._waiting[:count], self._waiting[count:]
        for task in chosen:
            self._scheduler.wake(task)

    def _acquire(self, me: Task, depth: int) -> None:
        while self._holder is not None:
            if self._holder.process.is_dead:
                break  # its process was killed, and its locks with it
            self._queue.append(me)
            self._scheduler.block()
            if me in self._queue:
                self._queue.remove(me)
        self._holder, self._depth = me, depth

    def _release(self) -> None:
        self._holder, self._depth = None, 0
        if self._queue:
            self._scheduler.wake(self._queue.pop(0))


class Threads:
    """The threads of one process, as the client's port of that name asks for them."""

    def __init__(self, scheduler: Scheduler, process: Process) -> None:
        self._scheduler = scheduler
        self._process = process

    def start(self, name: str, run: Callable[[], None]) -> Task:
        return self._scheduler.start(self._process, name, run)

    def condition(self) -> Condition:
        return Condition(self._scheduler)

    @contextmanager
    def every(self, name: str, every_s: float, do: Callable[[], None]) -> Iterator[None]:
        is_over: list[TracebackType | None] = []

        def run() -> None:
            while not is_over:
                do()
                self._scheduler.block(every_s)

        task = self.start(name, run)
        try:
            yield
        finally:
            is_over.append(None)
            if not self._process.is_dead:
                self._scheduler.wake(task)
