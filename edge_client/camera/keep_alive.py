"""Keeps a camera awake from its own thread and connection, even while the haul waits."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Protocol

from edge_client.base.errors import EdgeError
from edge_client.base.threads import Periodic

KEEP_ALIVE_EVERY_S = 3.0


class Awake(Protocol):
    """What can be kept awake: a `Camera` that nobody else uses."""

    def keep_alive(self, timeout_s: float) -> None: ...

    def close(self) -> None: ...


class KeepAlive:
    """One beat every few seconds for as long as it is entered."""

    def __init__(self, camera: Awake, every_s: float = KEEP_ALIVE_EVERY_S) -> None:
        self._camera = camera
        self._every_s = every_s
        self._beats = Periodic("keep-alive", every_s, self._beat)
        self._failed = threading.Event()

    def _beat(self) -> None:
        # The leg that reads says that the camera is away; here the next beat is all there is to do.
        try:
            # A beat that waits as long as a read may would let the camera fall asleep meanwhile.
            self._camera.keep_alive(self._every_s)
        except EdgeError:
            self._failed.set()

    def take_failure(self) -> bool:
        """Whether a beat has failed since the last call: the camera was away and may be another one now."""
        failed = self._failed.is_set()
        self._failed.clear()
        return failed

    def __enter__(self) -> KeepAlive:
        self._beats.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._beats.end()
        # A beat under way is not waited for.
        self._camera.close()
        self._beats.__exit__(kind, error, trace)
