"""A device with its camera and its cloud, in one test's hands."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from edge_client.base.disk import SystemDisk
from edge_client.base.errors import Stopped
from edge_client.base.folders import CameraLocks
from edge_client.base.progress import Amount, Progress
from edge_client.base.retry import Retry, Tally, Timing
from edge_client.base.threads import SystemThreads
from edge_client.camera.client import Camera
from edge_client.camera.keep_alive import KeepAlive
from edge_client.coordinator.client import Coordinator
from edge_client.haul.camera_session import CameraTools, Looks
from edge_client.haul.context import HaulTools, open_context
from edge_client.haul.sending.concurrency import AdaptiveConcurrency
from edge_client.haul.sending.rate_limit import RateLimiter
from edge_client.haul.sending.sender import Uplink
from edge_client.haul.sessions import Each, Haul, Report
from edge_client.haul.survey import Survey, audit_card
from edge_client.http.exchange import Timeouts
from edge_client.model.api import Token
from edge_client.model.selection import ByNumber, Choice
from edge_client.s3.presigned import PartStore, StoredObjects
from edge_client.spool.spool import Spool
from tests.edge.fake_camera import LOOKS, CameraFile, FakeCamera, film, serving_camera
from tests.edge.refusing_disk import altered
from tests.support.older_python import lent_names

with lent_names():
    from tests.support import coordinator
    from tests.support.coordinator import TOKEN, MemoryCoordinator

PART_BYTES = 4096
RECORDING = ByNumber("0042")
ROOT = Path(__file__).parents[2]
NOON = datetime(2026, 11, 25, 12, tzinfo=timezone.utc)


@dataclass
class FakeTime:
    """A clock that only sleeping moves, and chance that is always the whole delay unless a test says otherwise."""

    now_s: float = 1000.0
    slept: list[float] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    chance: float = 1.0

    def sleep(self, seconds: float) -> None:
        self.check()
        self.slept.append(seconds)
        self.now_s += seconds

    def check(self) -> None:
        if self.stop.is_set():
            raise Stopped("stopped")

    def timing(self) -> Timing:
        return Timing(lambda: self.now_s, self.sleep, self.check, lambda: self.chance)


class CountingProgress:
    """How far both legs report that they are, and what the run is to haul."""

    def __init__(self) -> None:
        self.down_bytes = 0
        self.up_bytes = 0
        self.verified_paths: list[str] = []
        self.said_of_camera: list[str] = []
        self.proofs: list[tuple[str, int]] = []
        self.compared_bytes = 0
        self._lock = threading.Lock()

    def run(self) -> AbstractContextManager[None]:
        return nullcontext()

    def chosen(self, sessions: Mapping[str, Amount]) -> None:
        """Nothing: chapters are what is counted."""

    def session(self, session_id: str, amount: Amount) -> None:
        """Nothing: chapters are what is counted."""

    def home(self, session_id: str) -> None:
        """Nothing: chapters are what is counted."""

    def left_out(self, session_id: str) -> None:
        """Nothing: chapters are what is counted."""

    def chapter(self, path: str, size_bytes: int) -> None:
        self.down_bytes = self.up_bytes = 0

    def round(self, path: str, read_bytes: int, sent_bytes: int) -> None:
        with self._lock:
            self.down_bytes, self.up_bytes = read_bytes, sent_bytes

    def ready(self, path: str, size_bytes: int) -> None:
        """Nothing: what is read and sent is counted."""

    def verifying(self, path: str) -> None:
        """Nothing: what is verified is counted."""

    def fetched(self, path: str, size_bytes: int) -> None:
        with self._lock:
            self.down_bytes += size_bytes

    def sent(self, path: str, size_bytes: int) -> None:
        with self._lock:
            self.up_bytes += size_bytes

    def verified(self, path: str, seconds: float) -> None:
        self.verified_paths.append(path)

    def sidecar(self, path: str, size_bytes: int, label: str) -> None:
        """Nothing: what moves is counted."""

    def sidecar_over(self, path: str) -> None:
        """Nothing: what moves is counted."""

    def camera_free(self, session_id: str, sessions_left: int) -> None:
        self.said_of_camera.append(f"{session_id} free, {sessions_left} left")

    def camera_needed(self, session_id: str, reason: str) -> None:
        self.said_of_camera.append(f"{session_id} needs it: {reason}")

    def proof(self, path: str, size_bytes: int) -> None:
        self.proofs.append((path, size_bytes))

    def second_read(self, path: str, size_bytes: int) -> None:
        """Nothing: what is compared is counted."""

    def compared(self, size_bytes: int) -> None:
        self.compared_bytes += size_bytes

    def proof_over(self) -> None:
        """Nothing: what is compared is counted."""


class CountedLanes(AdaptiveConcurrency):
    """Lanes that count how often something went wrong on them."""

    troubles = 0

    def note_trouble(self) -> None:
        self.troubles += 1
        super().note_trouble()


@dataclass
class Device:
    """A device: its spool, its clock, and the camera and cloud that it talks to."""

    camera: FakeCamera
    cloud: MemoryCoordinator
    spool: Path
    time: FakeTime = field(default_factory=FakeTime)
    progress: CountingProgress = field(default_factory=CountingProgress)
    watched: Progress | None = None
    tally: Tally = field(default_factory=Tally)
    give_up_after_s: float = 600.0
    keep_alive_every_s: float = 3.0
    free_bytes: Callable[[str], int] = SystemDisk().free_bytes
    disk: SystemDisk = field(default_factory=SystemDisk)
    spool_budget_bytes: int | None = None
    limit_rate_bytes_s: float | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    looks: Looks = LOOKS
    beats: type[KeepAlive] = KeepAlive
    concurrency: CountedLanes | None = None
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    @property
    def camera_locks(self) -> CameraLocks:
        return CameraLocks(str(self.spool.parent / "locks"), SystemDisk())

    def receipts(self, session: str = "s") -> list[dict[str, Any]]:
        """The receipts that the spool has of a session."""
        return Spool(str(self.spool), SystemDisk()).session(session).receipts()

    def spool_held(self) -> AbstractContextManager[None]:
        """Another client works with the spool."""
        return Spool(str(self.spool), SystemDisk()).hold()

    def card(self, **sizes: int) -> None:
        """Chapters `GX010042` and so on, by name and size, in 100GOPRO."""
        for seed, (name, size_bytes) in enumerate(sizes.items(), 1):
            self.camera.files[f"100GOPRO/{name}.MP4"] = CameraFile(film(size_bytes, seed))

    def run(self, session: str | None = "s", choice: Choice = RECORDING) -> Each[Report]:
        with ExitStack() as stack:
            context = stack.enter_context(open_context(self._tools(stack)))
            return Haul(context, choice, session).run()

    def survey(self) -> Survey:
        """What an audit finds."""
        with ExitStack() as stack:
            return audit_card(stack.enter_context(open_context(self._tools(stack))))

    def report(self, session: str | None = "s", choice: Choice = RECORDING) -> Report:
        [report] = self.run(session, choice).done
        return report

    def retry(self) -> Retry:
        return Retry(self.time.timing(), self.give_up_after_s, self.tally)

    def _tools(self, stack: ExitStack) -> HaulTools:
        retry = self.retry()
        camera = stack.enter_context(closing(Camera(self.camera.url, retry.timing.monotonic)))
        coordinator = stack.enter_context(closing(Coordinator(self.cloud.url, Token(TOKEN), "0.1.0", retry)))
        self.concurrency = CountedLanes(SystemThreads(), retry.timing.monotonic)
        return HaulTools(
            at_camera=CameraTools(
                camera,
                lambda: self.beats(Camera(self.camera.url, retry.timing.monotonic), self.keep_alive_every_s),
                self.camera_locks,
                retry,
                self.looks,
            ),
            coordinator=coordinator,
            spool=Spool(
                str(self.spool), altered(self.disk, free_bytes=self.free_bytes), self.spool_budget_bytes
            ),
            uplink=Uplink(
                retry,
                RateLimiter(retry.timing, self.limit_rate_bytes_s),
                self.concurrency,
                lambda: PartStore(self.timeouts),
            ),
            storage=stack.enter_context(closing(StoredObjects(self.timeouts))),
            threads=SystemThreads(),
            below=self.chance.randrange,
            progress=self.watched or self.progress,
            heartbeat=lambda session_id, camera: nullcontext(),
            peak_rss_mib=lambda: 1.0,
            now=lambda: datetime.now(timezone.utc),
        )

    def parts(self) -> list[Path]:
        return sorted(self.spool.glob("*/*/*.part"))

    def object(self, name: str = "GX010042.MP4") -> bytes:
        return self.cloud.objects()[f"original.100GOPRO.{name}"]

    def content(self, name: str = "GX010042.MP4") -> bytes:
        return self.camera.files[f"100GOPRO/{name}"].content


@pytest.fixture
def camera() -> Iterator[FakeCamera]:
    with serving_camera(FakeCamera()) as made:
        yield made


@pytest.fixture
def cloud() -> Iterator[MemoryCoordinator]:
    """The coordinator itself, on ports in memory."""
    with coordinator.serving(MemoryCoordinator(PART_BYTES, NOON)) as made:
        yield made


@pytest.fixture
def device(camera: FakeCamera, cloud: MemoryCoordinator, tmp_path: Path) -> Device:
    made = Device(camera, cloud, tmp_path / "spool")
    made.card(GX010042=3 * cloud.part_bytes + 5)
    return made
