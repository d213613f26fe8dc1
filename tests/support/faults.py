"""Faults injected around a port, never inside an adapter."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar, cast

from msgspec.structs import replace

from chalicelib.core.errors import Conflict
from chalicelib.ports import Ports

Port = TypeVar("Port")
AnyPorts = TypeVar("AnyPorts", bound=Ports)


class When(Enum):
    """Before the effect: nothing happened. After it: it happened, and the reply was lost."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True)
class Fault:
    """The `call`-th call (1-based) of `method` raises `error`."""

    method: str
    error: BaseException
    call: int = 1
    when: When = When.BEFORE


def faulty(port: Port, *faults: Fault) -> Port:
    """`port` with these faults; everything else of it works as before."""
    return cast(Port, _Faulty(port, faults))


def lost_races(ports: AnyPorts, count: int) -> AnyPorts:
    """`ports` where others write the session first, so many times."""
    rivals = (Fault("write", Conflict("rival"), call) for call in range(1, count + 1))
    return replace(ports, records=faulty(ports.records, *rivals))


class _Faulty:
    def __init__(self, port: object, faults: tuple[Fault, ...]) -> None:
        self._port = port
        self._faults = faults
        self._calls: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        return self._wrapped(name, found) if callable(found) else found

    def _wrapped(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._calls[name] += 1
            self._raise(name, When.BEFORE)
            answer = method(*args, **kwargs)
            self._raise(name, When.AFTER)
            return answer

        return call

    def _raise(self, name: str, when: When) -> None:
        for fault in self._faults:
            if (fault.method, fault.call, fault.when) == (name, self._calls[name], when):
                raise fault.error
