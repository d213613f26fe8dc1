"""Settings -> the tools of a run."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path

from edge_client.advance import Advance
from edge_client.camera import Camera, KeepAlive
from edge_client.coordinator import Coordinator
from edge_client.disk import Disk
from edge_client.heartbeat import Heart
from edge_client.locks import CameraLocks
from edge_client.progress import Bars, Lines, Progress
from edge_client.retry import Retry, Tally, real_timing
from edge_client.settings import Settings
from edge_client.spool import Spool
from edge_client.tools import Tools
from edge_client.transfer import Lanes, Pace, Uplink
from edge_client.visit import CameraTools


@contextmanager
def tools_of(settings: Settings, stop: threading.Event) -> Iterator[Tools]:
    """All that a run needs, let go of at its end."""
    timing = real_timing(stop)
    retry = Retry(timing, settings.give_up_after_s, Tally())
    with (
        closing(Camera(settings.camera_url, timing.monotonic)) as camera,
        closing(_coordinator(settings, retry)) as coordinator,
        closing(_coordinator(settings, Retry(timing, 0.0, Tally()))) as beside,
        _display(timing.monotonic) as display,
    ):
        disk = Disk()
        spool = Spool(settings.spool, disk, settings.spool_budget_bytes)
        pace = Pace(timing, settings.limit_rate_bytes_s)
        advance = Advance(display, timing.monotonic)
        heart = Heart(beside, advance, spool, pace, lambda: datetime.now(timezone.utc))
        yield Tools(
            at_camera=CameraTools(
                camera,
                lambda: KeepAlive(Camera(settings.camera_url, timing.monotonic)),
                CameraLocks(settings.locks, disk),
                retry,
            ),
            coordinator=coordinator,
            spool=spool,
            uplink=Uplink(retry, pace, Lanes(timing.monotonic)),
            progress=advance,
            heartbeat=heart.beating,
            peak_rss_mib=peak_rss_mib,
        )


def _coordinator(settings: Settings, retry: Retry) -> Coordinator:
    return Coordinator(settings.coordinator_url, settings.token, version("reelhaul"), retry)


@contextmanager
def _display(monotonic: Callable[[], float]) -> Iterator[Progress]:
    if not sys.stderr.isatty():
        yield Lines(monotonic)
        return
    with closing(Bars(sys.stderr)) as bars:
        yield bars


def peak_rss_mib(status: Path = Path("/proc/self/status")) -> float:
    """The most memory this process has held. Not getrusage: that begins with what its parent held."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
    return round(int(found[1]) / 1024, 1) if found else 0.0
