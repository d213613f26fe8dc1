"""What the parts of a haul are given: the device's tools, the camera with them, and one chapter with those."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime

from edge_client.base.progress import Progress
from edge_client.base.retry import Retry
from edge_client.haul.camera_session import CameraSession, CameraTools, open_camera_session
from edge_client.haul.ports import ChapterSpool, Coordinator, SessionSpool, Spool, StoredObjects, Threads
from edge_client.haul.sending.sender import Uplink
from edge_client.model.api import CameraReport, ChapterView, Receipt
from edge_client.model.plan import ChapterPlan, SessionPlan


@dataclass(frozen=True)
class HaulTools:
    """Everything of one device. `below(n)` draws an unpredictable number from 0 to n - 1, `now` is the clock in UTC."""

    at_camera: CameraTools
    coordinator: Coordinator
    spool: Spool
    uplink: Uplink
    storage: StoredObjects
    threads: Threads
    below: Callable[[int], int]
    progress: Progress
    heartbeat: Callable[[str, Callable[[], CameraReport]], AbstractContextManager[object]]
    peak_rss_mib: Callable[[], float]
    now: Callable[[], datetime]

    @property
    def retry(self) -> Retry:
        """The patience of everything that may be tried again."""
        return self.uplink.retry


@dataclass(frozen=True)
class HaulContext:
    """The tools of a device, and the camera for as long as one run needs it."""

    tools: HaulTools
    camera: CameraSession


@contextmanager
def open_context(tools: HaulTools) -> Iterator[HaulContext]:
    """A context for one run; at its end the camera may sleep and others may use it."""
    with open_camera_session(tools.at_camera, tools.spool.broken_films) as camera:
        yield HaulContext(tools, camera)


@dataclass(frozen=True)
class ChapterContext:
    """One chapter of a session: its plan, the coordinator's view of it, and what the spool has."""

    haul: HaulContext
    plan: SessionPlan
    chapter: ChapterPlan
    view: ChapterView
    folder: SessionSpool
    parts: ChapterSpool

    @property
    def may_displace(self) -> bool:
        """Whether parts of other sessions' films may make room for it."""
        return True

    def show_start(self) -> None:
        """Show that it is under way."""
        self.tools.progress.chapter(self.chapter.path, self.chapter.size_bytes)

    def keep(self, receipt: Receipt) -> None:
        """Write its receipt, durably: from here on its parts may go."""
        self.folder.write_receipt(receipt.artifact_id, json.dumps(dict(receipt.document)).encode())

    @property
    def tools(self) -> HaulTools:
        return self.haul.tools

    @property
    def camera(self) -> CameraSession:
        return self.haul.camera
