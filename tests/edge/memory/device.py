"""A whole device in memory: the client's own haul, on ports without a socket, a disk or a sleep."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import partial

from edge_client.base.progress import Display, ProgressCounter
from edge_client.base.retry import Retry, Tally
from edge_client.haul.camera_session import CameraTools, Looks
from edge_client.haul.context import HaulTools, open_context
from edge_client.haul.forget import Forgetting, Forgotten, forget_session
from edge_client.haul.sending.concurrency import AdaptiveConcurrency
from edge_client.haul.sending.rate_limit import RateLimiter
from edge_client.haul.sending.sender import Uplink
from edge_client.haul.sessions import Each, Haul, HaulOptions, Report
from edge_client.haul.survey import Survey, audit_card
from edge_client.model.api import CameraReport
from edge_client.model.plan import SessionPlan
from edge_client.model.selection import Choice, New
from tests.edge.fake_camera import film
from tests.edge.memory.camera import MemoryCamera, MemoryFile, MemoryLocks
from tests.edge.memory.cloud import MemoryCloud, MemoryPartStore, MemoryStoredObjects
from tests.edge.memory.machine import Machine
from tests.edge.memory.scripted import Scripted
from tests.edge.memory.spool import MemoryDisk, MemorySpool
from tests.edge.screen import SilentDisplay

NOON = datetime(2026, 11, 25, 12, tzinfo=timezone.utc)
PART_BYTES = 4096
PATIENCE_S = 3600.0
JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 3


class MemoryDevice:
    """A device with one camera and its cloud; what it has on disk, card and cloud outlives `restart`.

    At every call of an adapter others have their turn. `timeline` are the calls of all adapters in their order, and
    `at_call` is given the number of each, from 1 on, and its name; it may raise.
    """

    def __init__(self, machine: Machine) -> None:
        self.camera = MemoryCamera()
        self.disk = MemoryDisk()
        self.cloud = MemoryCloud(machine, PART_BYTES, NOON)
        self._begin(machine)

    def _begin(self, machine: Machine) -> None:
        self.machine = machine
        self.locks = MemoryLocks()
        self.tally = Tally()
        self.budget_bytes: int | None = None
        self.told = CameraReport()
        self.display: Display = SilentDisplay()
        self.patience_s = PATIENCE_S
        self.hauls_sidecars = True
        self.timeline: list[str] = []
        self.at_call: Callable[[int, str], None] = lambda number, call: None
        adapters: tuple[tuple[str, Scripted], ...] = (
            ("camera", self.camera),
            ("disk", self.disk),
            ("cloud", self.cloud),
        )
        for name, adapter in adapters:
            adapter.at_each_call = partial(self._take_call, name)

    def _take_call(self, adapter: str, kind: str) -> None:
        """Let others have their turn first, note the call, and do to it what the test wants."""
        self.machine.pause()
        self.timeline.append(f"{adapter} {kind}")
        self.at_call(len(self.timeline), f"{adapter} {kind}")

    def restart(self, machine: Machine) -> None:
        """The client was killed, and another one begins on what it left."""
        self.disk.is_held = self.disk.is_reread = False
        self.cloud.machine = machine
        self._begin(machine)

    @contextmanager
    def _heartbeat(self, _session_id: str, camera: Callable[[], CameraReport]) -> Iterator[None]:
        """What the last heartbeat of a session would tell of the camera is kept."""
        yield
        self.told = camera()

    def film(self, name: str, size_bytes: int, seed: int = 1) -> bytes:
        """A film on the card, in 100GOPRO; its bytes."""
        content = film(size_bytes, seed)
        self.camera.files[f"100GOPRO/{name}.MP4"] = MemoryFile(content, etag=f'"{name}.{seed}"')
        return content

    def sidecars(self, name: str, size_bytes: int, seed: int = 2) -> tuple[str, str]:
        """A proxy of this size and a thumbnail beside the film; their paths."""
        film_file = self.camera.files[f"100GOPRO/{name}.MP4"]
        proxy, thumbnail = f"100GOPRO/GL{name[2:]}.LRV", f"100GOPRO/{name}.THM"
        film_file.proxy_bytes = size_bytes
        content = film(size_bytes, seed)
        self.camera.files[proxy] = MemoryFile(content, etag=f'"{name}.lrv"', is_listed=False)
        self.camera.files[thumbnail] = MemoryFile(JPEG, etag=f'"{name}.thm"', is_listed=False)
        return proxy, thumbnail

    def haul(
        self, choice: Choice | None = None, session: str | None = None, group: str | None = None
    ) -> Each[Report]:
        """One run of `haul`; of everything new unless there is a choice."""
        with open_context(self.tools()) as context:
            return Haul(context, choice or New(), session, HaulOptions(group, self.hauls_sidecars)).run()

    def plans(self, group: str | None = None) -> Each[SessionPlan]:
        """What a haul of everything new would plan."""
        with open_context(self.tools()) as context:
            return Haul(context, New(), None, HaulOptions(group)).plans()

    def audit(self) -> Survey:
        """What an audit finds."""
        with open_context(self.tools()) as context:
            return audit_card(context)

    def forget(self, asked: Forgetting) -> Forgotten:
        """What `forget` does, with the camera and the coordinator asked."""
        tools = self.tools()
        with open_context(tools) as context:
            return forget_session(tools.spool, context.camera, tools.coordinator, asked)

    def tools(self) -> HaulTools:
        """What a run works with: a client that has just begun."""
        timing = self.machine.timing
        retry = Retry(timing, self.patience_s, self.tally)
        pace = RateLimiter(timing)
        return HaulTools(
            at_camera=CameraTools(
                self.camera, self.camera.keep_awake, self.locks, retry, Looks(head_bytes=33, spot_bytes=40)
            ),
            coordinator=self.cloud.client(retry),
            spool=MemorySpool(self.disk, self.budget_bytes),
            uplink=Uplink(
                retry,
                pace,
                AdaptiveConcurrency(self.machine, timing.monotonic),
                lambda: MemoryPartStore(self.cloud),
            ),
            storage=MemoryStoredObjects(self.cloud),
            threads=self.machine,
            below=self.machine.below,
            progress=ProgressCounter(self.display, timing.monotonic, retry.waits.longest),
            heartbeat=self._heartbeat,
            peak_rss_mib=lambda: 1.0,
            now=lambda: NOON + timedelta(seconds=self.machine.now),
        )
