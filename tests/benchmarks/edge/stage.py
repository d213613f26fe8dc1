"""The servers of the benchmark, each in a process of its own, and what can be asked of them from here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.managers import BaseManager
from typing import Any, cast

from tests.benchmarks.edge.camera import Camera
from tests.benchmarks.edge.certificate import Certificate
from tests.benchmarks.edge.chapter import Chapter
from tests.benchmarks.edge.coordinator import Coordinator
from tests.benchmarks.edge.sink import Sink
from tests.benchmarks.edge.storage import Ledger, Storage

MIB = 2**20


class Cloud:
    """A coordinator and its S3."""

    def __init__(self, certificate: Certificate, rate_bytes_s: float | None, part_size_bytes: int) -> None:
        self._storage = Storage()
        self._sink = Sink(self._storage, certificate.server_context(), rate_bytes_s)
        self._coordinator = Coordinator(self._storage, self._sink.url, part_size_bytes)

    def storage_url(self) -> str:
        return self._sink.url

    def coordinator_url(self) -> str:
        return self._coordinator.url

    def hold_urls(self) -> None:
        """From now on nobody gets a part URL, and everybody waits for one."""
        self._coordinator.gate.clear()

    def give_urls(self) -> None:
        """Those who wait get theirs, and everybody after them."""
        self._coordinator.gate.set()

    def calls(self) -> Mapping[str, int]:
        """How often each call of the coordinator was made since this was last asked."""
        return dict(self._coordinator.calls())

    def receipts(self, session_id: str) -> dict[str, dict[str, Any]]:
        return self._coordinator.receipts(session_id)

    def has_proxy(self, session_id: str) -> bool:
        return self._coordinator.proxy_bytes(session_id) is not None

    def proxy_bytes(self, session_id: str) -> int | None:
        return self._coordinator.proxy_bytes(session_id)

    def size_of(self, key: str) -> int | None:
        return self._storage.size_of(key)

    def excuse_in_flight(self) -> int:
        return self._storage.excuse_in_flight()

    def ledger(self, key: str) -> Ledger:
        return self._storage.ledger(key)

    def negotiated(self) -> list[str]:
        """TLS version and cipher of every connection so far."""
        return sorted(self._sink.negotiated)


class _Elsewhere(BaseManager):
    """A process that holds one server; what is asked of it here happens there."""


_Elsewhere.register("Camera", Camera)
_Elsewhere.register("Cloud", Cloud)


@dataclass(frozen=True)
class Stage:
    """A camera and a cloud for some chapters; both are stand-ins that pass each call on."""

    camera: Camera
    cloud: Cloud
    chapters: tuple[Chapter, ...]

    @property
    def chapter(self) -> Chapter:
        """The first one."""
        return self.chapters[0]


@contextmanager
def staged(
    certificate: Certificate,
    chapter: Chapter,
    down_bytes_s: float | None = None,
    up_bytes_s: float | None = None,
    part_size_bytes: int = 16 * MIB,
    more: tuple[Chapter, ...] = (),
) -> Iterator[Stage]:
    """A camera with `chapter` and `more`, and an empty cloud, each paced as told, both gone at the end."""
    context = get_context("spawn")
    with _Elsewhere(ctx=context) as there, _Elsewhere(ctx=context) as beyond:
        # BaseManager makes a method for each registered name.
        first, second = cast(Any, there), cast(Any, beyond)
        yield Stage(
            first.Camera(down_bytes_s, chapter, *more),
            second.Cloud(certificate, up_bytes_s, part_size_bytes),
            (chapter, *more),
        )
