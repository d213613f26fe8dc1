"""Deadlines: checked before every call to the bucket, so that no loop runs past them."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, cast

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.ports import Clock, ObjectStore, OpenMultipart, Ports


class OutOfTime(Exception):
    """The time is over. Finished work is kept; the next look does the rest."""


class Deadline(Struct, frozen=True):
    """The moment `at`, by `clock`."""

    clock: Clock
    at: datetime

    def is_over(self) -> bool:
        return self.clock.now() >= self.at

    def demand_time(self) -> None:
        """Raises OutOfTime once it is over."""
        if self.is_over():
            raise OutOfTime

    def at_most(self, seconds: float) -> "Deadline":
        """The deadline `seconds` from now, or this one if it is earlier."""
        return replace(self, at=min(self.at, self.clock.now() + timedelta(seconds=seconds)))

    def earlier(self, seconds: float) -> "Deadline":
        """The deadline that leaves `seconds` before this one."""
        return replace(self, at=self.at - timedelta(seconds=seconds))


def punctual(ports: Ports, deadline: Deadline) -> Ports:
    """`ports` whose bucket, after `deadline`, raises OutOfTime instead of beginning a call or listing an upload.

    Writes to the table and the end of a multipart upload always pass: work is recorded and leaves no remains.
    """
    return replace(ports, objects=cast(ObjectStore, _Punctual(ports.objects, deadline)))


class _Punctual:
    def __init__(self, objects: ObjectStore, deadline: Deadline) -> None:
        self._objects = objects
        self._deadline = deadline

    def __getattr__(self, name: str) -> Any:
        return self._in_time(getattr(self._objects, name))

    def abort(self, key: str, multipart_id: str) -> bool:
        return self._objects.abort(key, multipart_id)

    def multiparts(self, prefix: str, after_key: str = "") -> Iterator[OpenMultipart]:
        self._deadline.demand_time()
        for multipart in self._objects.multiparts(prefix, after_key):
            self._deadline.demand_time()
            yield multipart

    def _in_time(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self._deadline.demand_time()
            return method(*arguments)

        return call
