"""What the walk uses, put together by `wiring`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from edge_client.base.progress import Progress
from edge_client.base.retry import Retry
from edge_client.camera.session import CameraTools
from edge_client.coordinator.client import Coordinator
from edge_client.s3.sender import Uplink
from edge_client.s3.stored_read import StoredObjects
from edge_client.spool.spool import Spool


@dataclass(frozen=True)
class HaulContext:
    """Everything of one device. `below(n)` draws an unpredictable number from 0 to n - 1."""

    at_camera: CameraTools
    coordinator: Coordinator
    spool: Spool
    uplink: Uplink
    storage: StoredObjects
    below: Callable[[int], int]
    progress: Progress
    heartbeat: Callable[[str], AbstractContextManager[object]]
    peak_rss_mib: Callable[[], float]

    @property
    def retry(self) -> Retry:
        """The patience of everything that may be tried again."""
        return self.uplink.retry
