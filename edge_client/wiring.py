"""Settings -> the tools of a run."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from random import SystemRandom
from typing import TextIO

from edge_client.base.disk import SystemDisk
from edge_client.base.display import (
    DRAW_EVERY_S,
    Bars,
    Fitting,
    Lines,
    size_of,
)
from edge_client.base.folders import CameraLocks
from edge_client.base.progress import Display, ProgressCounter
from edge_client.base.retry import Retry, Tally, real_timing
from edge_client.base.threads import Periodic, SystemThreads
from edge_client.camera.client import Camera
from edge_client.camera.keep_alive import KeepAlive
from edge_client.config import CameraAddress, Device, Service
from edge_client.coordinator.client import Coordinator
from edge_client.haul.camera_session import CameraTools
from edge_client.haul.context import HaulTools
from edge_client.haul.heartbeat import Heartbeat
from edge_client.haul.sending.concurrency import AdaptiveConcurrency
from edge_client.haul.sending.rate_limit import RateLimiter
from edge_client.haul.sending.sender import Uplink
from edge_client.http.exchange import Timeouts
from edge_client.model.api import Token
from edge_client.s3.presigned import PartStore, StoredObjects
from edge_client.spool.spool import Spool

# A terminal that cannot move its cursor.
DUMB = "dumb"


@contextmanager
def tools_of(device: Device, stop: threading.Event) -> Iterator[HaulTools]:
    """All that a haul needs, let go of at its end."""
    with (
        camera_tools_of(device.camera, device.give_up_after_s, stop) as at_camera,
        coordinator_of(device.service, at_camera.retry) as coordinator,
        coordinator_of(device.service, one_try(stop)) as beside,
        closing(StoredObjects(Timeouts())) as storage,
    ):
        timing = at_camera.retry.timing
        threads = SystemThreads()
        spool = Spool(str(device.spool), SystemDisk(), device.spool_budget_bytes, threads.condition())
        pace = RateLimiter(timing, device.limit_rate_bytes_s)
        concurrency = AdaptiveConcurrency(threads, timing.monotonic)
        waits = at_camera.retry.waits
        display = display_for(sys.stderr, os.environ.get("TERM", DUMB))
        advance = ProgressCounter(display, timing.monotonic, lambda: pace.pause or waits.longest())
        heart = Heartbeat(threads, beside, advance, spool, pace, utc_now)
        with Periodic("display", DRAW_EVERY_S, lambda: advance.hide() if stop.is_set() else advance.show()):
            yield HaulTools(
                at_camera=at_camera,
                coordinator=coordinator,
                spool=spool,
                uplink=Uplink(at_camera.retry, pace, concurrency, lambda: PartStore(Timeouts())),
                storage=storage,
                threads=threads,
                below=SystemRandom().randrange,
                progress=advance,
                heartbeat=heart.beating,
                peak_rss_mib=peak_rss_mib,
                now=utc_now,
            )


@contextmanager
def camera_tools_of(
    address: CameraAddress, give_up_after_s: float, stop: threading.Event
) -> Iterator[CameraTools]:
    """What it takes to look at a card."""
    retry = Retry(real_timing(stop), give_up_after_s, Tally())

    def camera() -> Camera:
        return Camera(address.url, time.monotonic, address.interface, address.home)

    with closing(camera()) as one:
        yield CameraTools(
            one, lambda: KeepAlive(camera()), CameraLocks(str(address.locks), SystemDisk()), retry
        )


@contextmanager
def coordinator_of(service: Service, retry: Retry) -> Iterator[Coordinator]:
    """The coordinator, with a patience."""
    with coordinator_at(service.url, service.token, retry) as coordinator:
        yield coordinator


@contextmanager
def coordinator_at(url: str, token: Token | None, retry: Retry) -> Iterator[Coordinator]:
    """The coordinator at an address; without a token it can only be asked for one."""
    with closing(Coordinator(url, token, version("reelhaul"), retry)) as coordinator:
        yield coordinator


def one_try(stop: threading.Event) -> Retry:
    """No patience, and a tally of its own: for what nobody waits for."""
    return Retry(real_timing(stop), 0.0, Tally())


def spool_of(folder: Path) -> Spool:
    """A spool to look into."""
    return Spool(str(folder), SystemDisk())


def utc_now() -> datetime:
    """The device's clock."""
    return datetime.now(timezone.utc)


def display_for(stream: TextIO, term: str) -> Display:
    """Bars where the terminal can move its cursor and has room, else lines."""
    lines = Lines(time.monotonic)
    if not stream.isatty() or term == DUMB:
        return lines

    def size() -> tuple[int, int]:
        return size_of(stream)

    return Fitting(Bars(stream, size), lines, size)


def peak_rss_mib(status: Path = Path("/proc/self/status")) -> float:
    """The most memory this process has held. Not getrusage: that begins with what its parent held."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
    return round(int(found[1]) / 1024, 1) if found else 0.0
