"""Ports whose calls are counted: for what must be asked rarely, or not at all."""

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from msgspec.structs import replace

from tests.support.builders import MemoryPorts
from tests.support.memory import MemoryObjectStore, MemoryOrders, MemoryRecords

WRITES = ("create_multipart", "complete", "abort", "copy_part", "remove", "write", "spend", "send")
"""Every call that changes the bucket, a session, the breaker or the queue."""


def counted(ports: MemoryPorts) -> tuple[MemoryPorts, Counter[str]]:
    """`ports`, and how often each method of bucket, table and queue has been called through them."""
    calls: Counter[str] = Counter()
    watched = replace(
        ports,
        objects=cast(MemoryObjectStore, _Port(ports.objects, calls)),
        records=cast(MemoryRecords, _Port(ports.records, calls)),
        orders=cast(MemoryOrders, _Port(ports.orders, calls)),
    )
    return watched, calls


class _Port:
    def __init__(self, port: object, calls: Counter[str]) -> None:
        self._port = port
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        return self._counted(name, found) if callable(found) else found

    def _counted(self, name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._calls[name] += 1
            return method(*args, **kwargs)

        return call
