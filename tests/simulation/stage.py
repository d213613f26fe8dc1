"""Where the story is played: one fault at one call of the coordinator, every call watched.

Whoever acts gets ports of his own for one run. A crash ends that run for good: whatever it would still call, on its way
out too, is never called. Other runs of anybody go on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, cast

from msgspec.structs import replace

from chalicelib.core.errors import ReelhaulError, StorageBusy
from tests.support.builders import MemoryPorts
from tests.support.interrupted import Crash

FAULTY = ("objects", "frame_index", "records", "signer", "orders", "indexer")
"""The ports that can fail: all that lead out of the process."""

Act = Callable[[MemoryPorts], object]


class Way(Enum):
    """Before the effect: nothing happened. After it: it happened, and nobody was told."""

    ERROR_BEFORE = "error before"
    ERROR_AFTER = "error after"
    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    TWICE = "twice"
    """The reply was lost and the SDK asked again: what is answered is what the second time finds."""

    @property
    def is_before(self) -> bool:
        return self in (Way.ERROR_BEFORE, Way.CRASH_BEFORE)

    def strike(self) -> None:
        if self is not Way.TWICE:
            raise Crash if self in (Way.CRASH_BEFORE, Way.CRASH_AFTER) else StorageBusy("no answer")


@dataclass(frozen=True)
class Fault:
    """The `call`-th call (1-based) of the coordinator, of all its actors together, fails in this way."""

    call: int
    way: Way


class Watcher(Protocol):
    """Who looks at every call, and fails the test that breaks what must always hold."""

    def before(self, method: str, arguments: tuple[Any, ...]) -> None: ...

    def after(self, method: str, arguments: tuple[Any, ...]) -> None: ...


class Stage:
    """The world `plain`, in which actors play one after another; `calls` are the methods that they called so far."""

    def __init__(self, plain: MemoryPorts, watcher: Watcher, fault: Fault | None = None) -> None:
        self.plain = plain
        self.calls: list[str] = []
        self.happened = False
        self._watcher = watcher
        self._fault = fault

    def play(self, act: Act) -> bool:
        """Whether one run of an actor came to its end; a refusal ends it like a fault."""
        try:
            act(_Run(self).ports)
        except (ReelhaulError, Crash):
            return False
        return True

    def insist(self, act: Act) -> None:
        """Who acts by himself until he is through: a device's rerun, an order delivered again, an operator."""
        if not self.play(act):
            self.play(act)

    def called(self, method: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        self.calls.append(method.__name__)
        way = self._way_now()
        if way and way.is_before:
            way.strike()
        rewind = _rewinding(arguments)
        answer = self._watched(method, arguments)
        if way is Way.TWICE:
            rewind()
            answer = self._watched(method, arguments)
        elif way:
            way.strike()
        return answer

    def _watched(self, method: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        self._watcher.before(method.__name__, arguments)
        answer = method(*arguments)
        # What a generator would do later is done here, or nothing could fail after it.
        answer = iter(list(answer)) if isinstance(answer, Iterator) else answer
        self._watcher.after(method.__name__, arguments)
        return answer

    def _way_now(self) -> Way | None:
        if self._fault is None or self._fault.call != len(self.calls):
            return None
        self.happened = True
        return self._fault.way


def _rewinding(arguments: tuple[Any, ...]) -> Callable[[], None]:
    """What an SDK does with a body before it sends it again."""
    places = [(each, each.tell()) for each in arguments if hasattr(each, "seek")]

    def rewind() -> None:
        for each, place in places:
            each.seek(place)

    return rewind


class _Run:
    """One actor's ports; once crashed, they call nothing any more."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._is_dead = False
        wrapped = {name: cast(Any, _Port(self, getattr(stage.plain, name))) for name in FAULTY}
        self.ports = replace(stage.plain, **wrapped)

    def called(self, method: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        if self._is_dead:
            raise Crash
        try:
            return self._stage.called(method, arguments)
        except Crash:
            self._is_dead = True
            raise


class _Port:
    def __init__(self, run: _Run, port: object) -> None:
        self._run = run
        self._port = port

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        return lambda *arguments: self._run.called(method, arguments)
