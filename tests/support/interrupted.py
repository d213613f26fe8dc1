"""Ports at one of whose calls another actor's whole run happens: interleavings without threads."""

from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from itertools import count
from typing import Any, cast

from msgspec.structs import replace

from chalicelib.ports import Ports
from tests.support.builders import MemoryPorts

Run = Callable[[], object]
Act = Callable[[MemoryPorts], object]


class Moment(Enum):
    """Where the other runs: before the call's effect or after it."""

    BEFORE = "before"
    AFTER = "after"


class Crash(BaseException):
    """The end of whoever ran: nothing of it goes on, nothing is cleaned up."""


def at_call(ports: Ports, call: int) -> "Interrupted":
    """`ports` at whose `call`-th call (1-based) whoever uses them is killed, before it has an effect."""

    def die() -> None:
        raise Crash

    return Interrupted(cast(MemoryPorts, ports), call, Moment.BEFORE, die)


class Interrupted:
    """`ports` whose `call`-th call (1-based, of bucket, index, table and queue together) is interrupted by `other`.

    `follows_at_once` says of the interrupted call whether whoever acts had asked for nothing else since the one before:
    not for the next of what that one lists, nor for the time if `other` changes that. Then after that one and before
    this one is one moment.
    """

    def __init__(self, ports: MemoryPorts, call: int, moment: Moment, other: Run) -> None:
        self.happened = False
        self.follows_at_once = False
        self._left = call
        self._moment = moment
        self._other = other
        self._is_at_once = False
        self._is_time_asked = False
        self._clock = ports.clock
        wrapped = {name: _Port(self, getattr(ports, name)) for name in CALLED}
        watched = {
            name: _Watched(self, name, port) for name in BESIDE if (port := getattr(ports, name)) is not None
        }
        self.ports = replace(ports, **cast(Any, wrapped | watched))

    def called(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._left -= 1
        if self._left:
            answer = method(*args, **kwargs)
            self._is_at_once = not isinstance(answer, Iterator)
            self._is_time_asked = False
            return answer
        self.happened = True
        if self._moment is Moment.BEFORE:
            began_at = self._clock.now()
            self._other()
            has_time_moved = self._clock.now() != began_at
            self.follows_at_once = self._is_at_once and not (self._is_time_asked and has_time_moved)
            return method(*args, **kwargs)
        answer = method(*args, **kwargs)
        self._other()
        return answer

    def asked_beside(self, name: str) -> None:
        """Another port than one whose calls are interrupted was asked."""
        if name == "clock":
            self._is_time_asked = True
        elif name not in ALIKE_TO_ALL:
            self._is_at_once = False


CALLED = ("objects", "frame_index", "records", "orders")
"""The ports whose calls are interrupted."""
BESIDE = ("lake", "signer", "indexer", "ids", "clock", "metrics", "notifier", "push")
"""All other ports."""
ALIKE_TO_ALL = ("signer", "metrics")
"""Those of them that answer alike whoever asked them before."""


class _Port:
    def __init__(self, interrupted: Interrupted, port: object) -> None:
        self._interrupted = interrupted
        self._port = port

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        return lambda *args, **kwargs: self._interrupted.called(method, args, kwargs)


class _Watched:
    def __init__(self, interrupted: Interrupted, own_name: str, port: object) -> None:
        self._interrupted = interrupted
        self._own_name = own_name
        self._port = port

    def __getattr__(self, name: str) -> Any:
        self._interrupted.asked_beside(self._own_name)
        return getattr(self._port, name)


def interruptions(arranged: Callable[[], MemoryPorts], first: Act, second: Act) -> Iterator[MemoryPorts]:
    """The worlds in which `second` ran inside `first`, at each of its calls and moments; there is one at least.

    After a call and before the one that follows at once is one moment, and played once.
    """
    for call in count(1):
        ports, interrupted = _interrupt(arranged, first, second, call, Moment.BEFORE)
        if call > 1 and not interrupted.follows_at_once:
            yield _interrupt(arranged, first, second, call - 1, Moment.AFTER)[0]
        if not interrupted.happened:
            assert call > 1, "nothing was interrupted"
            break
        yield ports


def _interrupt(
    arranged: Callable[[], MemoryPorts], first: Act, second: Act, call: int, moment: Moment
) -> tuple[MemoryPorts, Interrupted]:
    ports = arranged()
    interrupted = Interrupted(ports, call, moment, partial(second, ports))
    first(interrupted.ports)
    return ports, interrupted
