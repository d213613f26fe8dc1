"""Ports whose calls take time on the memory clock: what a round costs, without waiting for it."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, cast

from msgspec.structs import replace

from chalicelib.ports import OpenMultipart
from tests.support.builders import MemoryPorts
from tests.support.memory import (
    MemoryFrameIndex,
    MemoryObjectStore,
    MemoryOrders,
    MemoryRecords,
    MovableClock,
)

CALL_S = 0.02
"""What any call to S3, DynamoDB or SQS takes."""

COPY_S = 1.3
"""What S3 takes to copy a part of 128 MiB."""

PAGE = 1_000
"""Multipart uploads that S3 lists in one call."""

Copied = tuple[str, str, int]
"""Key, version and number of a part that was copied."""


def costly(ports: MemoryPorts) -> tuple[MemoryPorts, Counter[Copied]]:
    """`ports` whose clock each call moves on, and how often each part has been copied through them."""
    copies: Counter[Copied] = Counter()
    paying = replace(
        ports,
        objects=cast(MemoryObjectStore, _Bucket(ports.objects, ports.clock, copies)),
        frame_index=cast(MemoryFrameIndex, _Port(ports.frame_index, ports.clock)),
        records=cast(MemoryRecords, _Port(ports.records, ports.clock)),
        orders=cast(MemoryOrders, _Port(ports.orders, ports.clock)),
    )
    return paying, copies


class _Port:
    def __init__(self, port: object, clock: MovableClock) -> None:
        self._port = port
        self._clock = clock

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        return self._paid(found) if callable(found) else found

    def _paid(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self._clock.advance(CALL_S)
            return method(*arguments)

        return call


class _Bucket(_Port):
    def __init__(self, objects: MemoryObjectStore, clock: MovableClock, copies: Counter[Copied]) -> None:
        super().__init__(objects, clock)
        self._objects = objects
        self._copies = copies

    def copy_part(
        self,
        key: str,
        multipart_id: str,
        version_id: str,
        plan: Any,
        number: int,
        source_key: str | None = None,
    ) -> Any:
        self._clock.advance(COPY_S)
        self._copies[key, version_id, number] += 1
        return self._objects.copy_part(key, multipart_id, version_id, plan, number, source_key)

    def multiparts(self, prefix: str, after_key: str = "") -> Iterator[OpenMultipart]:
        for place, multipart in enumerate(self._objects.multiparts(prefix, after_key)):
            if place % PAGE == 0:
                self._clock.advance(CALL_S)
            yield multipart
