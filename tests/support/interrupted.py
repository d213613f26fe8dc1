"""Ports at one of whose calls another actor's whole run happens: interleavings without threads."""

from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from itertools import count
from typing import Any, cast

from msgspec.structs import replace

from chalicelib.ports import Ports
from tests.support.builders import MemoryPorts
from tests.support.memory import MemoryFrameIndex, MemoryObjectStore, MemoryOrders, MemoryRecords

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
    """`ports` whose `call`-th call (1-based, of bucket, index, table and queue together) is interrupted by `other`."""

    def __init__(self, ports: MemoryPorts, call: int, moment: Moment, other: Run) -> None:
        self.happened = False
        self._left = call
        self._moment = moment
        self._other = other
        self.ports = replace(
            ports,
            objects=cast(MemoryObjectStore, _Port(self, ports.objects)),
            frame_index=cast(MemoryFrameIndex, _Port(self, ports.frame_index)),
            records=cast(MemoryRecords, _Port(self, ports.records)),
            orders=cast(MemoryOrders, _Port(self, ports.orders)),
        )

    def called(self, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._left -= 1
        if self._left:
            return method(*args, **kwargs)
        self.happened = True
        if self._moment is Moment.BEFORE:
            self._other()
            return method(*args, **kwargs)
        answer = method(*args, **kwargs)
        self._other()
        return answer


class _Port:
    def __init__(self, interrupted: Interrupted, port: object) -> None:
        self._interrupted = interrupted
        self._port = port

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        return lambda *args, **kwargs: self._interrupted.called(method, args, kwargs)


def interruptions(arranged: Callable[[], MemoryPorts], first: Act, second: Act) -> Iterator[MemoryPorts]:
    """The worlds in which `second` ran inside `first`, at each of its calls and moments; there is one at least."""
    for moment in Moment:
        for call in count(1):
            ports = arranged()
            interrupted = Interrupted(ports, call, moment, partial(second, ports))
            first(interrupted.ports)
            if not interrupted.happened:
                assert call > 1, "nothing was interrupted"
                break
            yield ports
