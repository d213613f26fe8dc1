"""A device: the client's own haul, its threads scheduled, on a disk, a camera and a network that a history owns.

Each run is a process that may be killed at any call. What is on the disk, on the card and in the cloud outlives it.
"""

from __future__ import annotations

import errno
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar, cast

import requests
from msgspec.json import encode

from chalicelib.core.ids import DeviceId, UploadId
from edge_client.base.errors import (
    CameraUnreachable,
    EdgeError,
    ReadBroken,
    SpoolBusy,
    StorageUnreachable,
)
from edge_client.base.progress import ProgressCounter
from edge_client.base.retry import Retry, Tally, Timing
from edge_client.coordinator.client import Coordinator
from edge_client.haul.camera_session import CameraTools, Looks
from edge_client.haul.context import HaulTools, open_context
from edge_client.haul.heartbeat import Heartbeat
from edge_client.haul.sending.concurrency import AdaptiveConcurrency
from edge_client.haul.sending.rate_limit import RateLimiter
from edge_client.haul.sending.sender import Uplink
from edge_client.haul.sessions import Each, Haul, HaulOptions, Report
from edge_client.haul.survey import Survey, audit_card
from edge_client.model.api import CameraReport, Token
from edge_client.model.gopro_names import proxy_of
from edge_client.model.parts import PartBody, PartUrl, PieceUrl, Span
from edge_client.model.plan import CameraIdentity
from edge_client.model.selection import New
from edge_client.spool.spool import Spool
from tests.edge.memory.camera import MemoryCamera, MemoryFile, MemoryLocks
from tests.edge.memory.cloud import error_of
from tests.edge.memory.disk import Mount
from tests.edge.memory.machine import Killed
from tests.edge.screen import SilentDisplay
from tests.histories.cloud import API_LIMIT_S, START, Answer, Cloud
from tests.histories.durability import Durability, WatchedDisk
from tests.histories.scheduler import Process, Scheduler, Task, Threads
from tests.histories.setting import Where
from tests.support.films import make_film
from tests.support.memory import Refused, deliver, fetch

PROXY_BYTES = 290
LASTING_MS = 800
"""How long each film lasts."""
ADDRESS = "https://coordinator.memory"
PATIENCE_S = 3600.0
ANSWER_S = 60.0
ON_CALLS = ("lost request", "lost reply", "late request", "slow", "half open", "lost reply", "twice")
CLAIM_IS_ON_RECORD = {"complete": (200, 422, 423), "part-urls": (200,)}
"""By the last word of the call, the answers after which its claim is on record."""
ON_PUTS = ("lost request", "lost reply", "late part", "slow", "flipped on the wire")
ON_CAMERA = ("away", "torn", "no answer", "asleep")
ON_DISK = ("error", "full", "rot", "error")
MAY_FAIL = ("allocate", "append", "create", "fsync", "move", "make_folder", "fill", "fsync_folder")
ONLY_LOOKS = frozenset(
    ("find", "entries", "open", "size_bytes", "free_bytes", "is_locked", "read", "write_back")
)
SPOOL = "/spool"
HEAD_BYTES = 33
SPOT_BYTES = 40
"""Longer than what all films have in common at their beginning and at their end: two films differ in every spot."""
SOON_S = (0.2, 3.0, 20.0, 90.0)
MOST_TURNS_LATE = 60
MOST_CHANGES = 6
"""How often the cards are changed at most while a device reads."""
LATE_PART_S = (0.0, 0.0, 1.0, 20.0, 61.0, 1000.0)
LATE_S = (70.0, 300.0, 1000.0, 4000.0)


@functools.cache
def film_of(size_bytes: int, seed: int) -> bytes:
    """A whole film of a camera."""
    return make_film(LASTING_MS, size_bytes, seed)


class Link:
    """The network between a device and the coordinator, as the session of the client's library."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def request(
        self, method: str, url: str, json: object, headers: dict[str, str], timeout: object
    ) -> requests.Response:
        """The answer to a request. Raises ConnectionError where none comes."""
        device, cloud = self._device, self._device.cloud
        path = url.removeprefix(ADDRESS)
        word = path.rpartition("/")[2]
        if device.is_old and word == "part-urls" and isinstance(json, dict):
            json = {name: value for name, value in json.items() if name != "crc64nvme"}
        body = b"" if json is None else encode(json)
        device.step(f"{method} {path.rpartition('/')[2].partition('?')[0]}"[:24])
        on_record = CLAIM_IS_ON_RECORD.get(word, ())
        claim = json.get("crc64nvme") if on_record and isinstance(json, dict) else None
        upload_id = UploadId(path.split("/")[-2]) if claim else None
        if upload_id and claim:
            cloud.safety.promises.claims(upload_id, claim)
        if upload_id and word == "complete":
            device.at_completion(upload_id)
        said = {"Content-Type": "application/json", **headers}

        def act() -> Answer:
            if upload_id and claim:
                cloud.safety.promises.hears(upload_id, claim)
            return cloud.call(method, path, said, body)

        answer = self._send(f"{method} {word}", act)
        if upload_id and claim and isinstance(answer, Answer) and answer.status in on_record:
            cloud.safety.promises.claimed(upload_id, claim)
        return cast(requests.Response, answer)

    def _send(self, call: str, act: Callable[[], Any]) -> Answer | _Bad:
        device, cloud = self._device, self._device.cloud
        fault = cloud.faults.draw(Where.NETWORK, ON_CALLS, call)
        if fault:
            cloud.note(device.name, "network", fault)
        scheduler = cloud.scheduler
        if fault == "lost request":
            raise requests.ConnectionError("no answer")
        if fault == "half open":
            scheduler.sleep(ANSWER_S)
            raise requests.ConnectionError("no answer")
        if fault == "late request":
            device.beside("network", lambda: self._send_late(act))
            scheduler.sleep(ANSWER_S)
            raise requests.ConnectionError("no answer")
        if fault == "slow":
            scheduler.sleep(cloud.faults.amount(SOON_S))
        run = cloud.run("api", API_LIMIT_S, act)
        if fault == "twice":
            cloud.run("api", API_LIMIT_S, act)
        run.task.join(ANSWER_S)
        if fault == "lost reply" or not run.task.is_over:
            raise requests.ConnectionError("no answer")
        return cast(Answer, run.answer) if run.is_done else _Bad()

    def _send_late(self, act: Callable[[], Any]) -> None:
        cloud = self._device.cloud
        cloud.scheduler.sleep(cloud.faults.amount(LATE_S))
        cloud.rare.note("request after its caller gave up")
        cloud.run("api", API_LIMIT_S, act)

    def close(self) -> None:
        """Nothing is open."""


class _Bad:
    """What API Gateway says of a function that was killed."""

    status_code = 502
    headers: ClassVar[dict[str, str]] = {}

    def json(self) -> Any:
        return {"message": "Internal server error"}


class Store:
    """A connection for parts to the bucket."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def put(self, url: PartUrl, body: PartBody) -> None:
        device, cloud = self._device, self._device.cloud
        device.step("PUT part")
        device.at_part()
        if url.url in device.sent:
            cloud.rare.note("part that S3 has is sent again")
        sent = b"".join(bytes(block) for block in body)
        fault = cloud.faults.draw(Where.NETWORK, ON_PUTS, "PUT part")
        if fault:
            cloud.note(device.name, "network", fault)
        if fault == "lost request":
            raise StorageUnreachable("no answer")
        if fault == "slow":
            cloud.scheduler.sleep(cloud.faults.amount(SOON_S))
        if fault == "flipped on the wire":
            sent = bytes([sent[0] ^ 1]) + sent[1:]
        if fault == "late part":
            device.beside("network", lambda: self._deliver_late(url, sent))
            cloud.scheduler.sleep(cloud.faults.amount(SOON_S))
            raise StorageUnreachable("no answer")
        try:
            deliver(cloud.objects, url.url.replace("https://", "memory://"), url.headers, sent, cloud.now())
        except Refused as refusal:
            if refusal.code == "BadDigest":
                cloud.rare.note("part flipped on the wire")
            raise error_of(refusal) from None
        device.sent.add(url.url)
        cloud.meets("PUT part")
        if fault == "lost reply":
            raise StorageUnreachable("no answer")

    def _deliver_late(self, url: PartUrl, sent: bytes) -> None:
        cloud = self._device.cloud
        if seconds := cloud.faults.amount(LATE_PART_S):
            cloud.scheduler.sleep(seconds)
        else:
            cloud.scheduler.linger(int(cloud.faults.between(0, MOST_TURNS_LATE)))
        try:
            deliver(cloud.objects, url.url.replace("https://", "memory://"), url.headers, sent, cloud.now())
            cloud.rare.note("late part taken")
        except Refused as refusal:
            cloud.rare.note(
                "late part of an upload that is over"
                if refusal.code == "NoSuchUpload"
                else "address of a part has expired"
            )
        cloud.note("network", "late part")

    def close(self) -> None:
        """Nothing is open."""


class Reads:
    """Reads pieces of stored objects."""

    def __init__(self, device: Device) -> None:
        self._device = device

    def read_into(self, buffer: memoryview, url: PieceUrl, span: Span, total_bytes: int) -> None:
        device, cloud = self._device, self._device.cloud
        device.step("GET piece")
        if fault := cloud.faults.draw(Where.NETWORK, ("lost reply",)):
            cloud.note(device.name, "network", fault)
            raise StorageUnreachable("no answer")
        wanted = f"bytes={span.first}-{span.first + span.size_bytes - 1}"
        try:
            found = fetch(cloud.objects, url.url.replace("https://", "memory://"), cloud.now(), wanted)
        except Refused as refusal:
            raise error_of(refusal) from None
        buffer[: span.size_bytes] = found


class Device:
    """A device with its camera, its disk and its link.

    `truth` is every film that was ever on its cards, by path, and `proxies` is every proxy.
    """

    def __init__(
        self,
        cloud: Cloud,
        number: int,
        films: tuple[int, ...],
        seeds: Iterator[int],
        skew_s: float,
        spool_bytes: int | None = None,
    ) -> None:
        self.cloud = cloud
        self.scheduler: Scheduler = cloud.scheduler
        self.name = f"device {number}"
        self.device_id = DeviceId(f"d_{number}")
        self.token = cloud.enrol(self.device_id)
        self.camera = MemoryCamera()
        self.camera.identity = CameraIdentity(f"C350132450071{number}", "HERO12 Black", "H23.01")
        self.disk = WatchedDisk()
        self.durability = Durability(self)
        self._mounts: dict[Process, Mount] = {}
        self.locks = MemoryLocks()
        self.truth: dict[str, list[bytes]] = {}
        self.proxies: list[bytes] = []
        self.skew_s = skew_s
        self.spool_bytes = spool_bytes
        self.at_completion: Callable[[UploadId], None] = lambda upload_id: None
        self.at_part: Callable[[], None] = lambda: None
        self.look_alike: dict[str, MemoryFile] = {}
        self._changes_left = MOST_CHANGES
        self.beats = False
        self.is_old = False
        self.is_reading = self.is_running = self.has_bad_disk = False
        self.cards: list[dict[str, MemoryFile]] = [self.camera.files]
        self.process = Process(self.name)
        self.runs = 0
        self.sent: set[str] = set()
        for place, size_bytes in enumerate(films, start=1):
            self.film(f"GX{place:02d}000{number}", size_bytes, next(seeds))
        self.camera.at_each_call = self._on_camera
        self.home: set[str] = set()

    def film(self, name: str, size_bytes: int, seed: int) -> None:
        """The camera has filmed this."""
        content = film_of(size_bytes, seed)
        path = f"100GOPRO/{name}.MP4"
        self.camera.files[path] = MemoryFile(content, etag=f'"{name}.{seed}"')
        self.truth.setdefault(path, []).append(content)

    def make_proxies(self, seed: int) -> None:
        """The camera writes a proxy of each film: where it has one, other bytes of the same name and size."""
        content = film_of(PROXY_BYTES, seed)
        self.proxies.append(content)
        for path, file in [*self.camera.files.items()]:
            directory, _, filename = path.partition("/")
            if path in self.truth and (name := proxy_of(filename)):
                file.proxy_bytes = PROXY_BYTES
                self.camera.files[f"{directory}/{name}"] = MemoryFile(
                    content, etag=f'"{name}.{seed}"', is_listed=False
                )

    def swap_card(self) -> None:
        """Somebody puts another card in, of another camera's day: its films have the same names."""
        if self.is_reading:
            self.cloud.rare.note("card swapped within a part")
        other: dict[str, MemoryFile] = {}
        first = self.cards[0]
        for path, file in ((path, first[path]) for path in self.truth if path in first):
            name = path.rpartition("/")[2]
            content = film_of(len(file.content), 100 + len(self.cards))
            other[path] = MemoryFile(
                content,
                etag=f'"{name}.other"',
                created=(file.created or 0) + 90_000,
                modified=(file.modified or 0) + 90_000,
            )
            self.truth[path].append(content)
        self.cards.append(other)
        self.camera.swap_card(other)
        self.cloud.note("crew", "swaps the card")

    def make_look_alike(self) -> None:
        """There is a card of another day whose films have the same names, sizes, dates and ETags."""
        self.look_alike = {
            path: replace(file, content=film_of(len(file.content), 130)) if path in self.truth else file
            for path, file in self.cards[0].items()
        }

    def films_at(self, path: str) -> list[bytes]:
        """Every film that this path has ever led to, on any card."""
        others = [self.look_alike[path].content] if path in self.look_alike else []
        return self.truth.get(path, []) + others

    def _change_cards(self) -> None:
        """Somebody changes the cards while the camera is read; perhaps so quickly that no call fails."""
        chance = self.scheduler.chance
        if self.cloud.faults.are_over or not self._changes_left or chance.random() < 0.7:
            return
        self._changes_left -= 1
        other = self.cards[0] if self.camera.files is self.look_alike else self.look_alike
        self.cloud.rare.note("look-alike card within a film")
        self.cloud.note("crew", "changes the cards")
        if chance.random() < 0.3:
            self.camera.swap_card(other)
        else:
            self.camera.files = other

    def insert(self, number: int) -> None:
        """This card is in the camera from now on."""
        if self.camera.files is not self.cards[number]:
            self.camera.swap_card(self.cards[number])

    def step(self, call: str) -> None:
        """A call of the device leaves: others may come first, and the process may be killed here."""
        self.scheduler.pass_turn()
        if not call.startswith("disk"):
            self.durability.before(call)
        cloud, process = self.cloud, self.scheduler.current.process
        fault = cloud.faults.draw(Where.PROCESS, ("killed",))
        cloud.note(process.name, call, fault)
        if fault:
            cloud.rare.at_kill(call, any(each.name.startswith("send") for each in process.tasks))
            self._lose(process)
            self.scheduler.kill(process)

    def beside(self, name: str, run: Callable[[], None]) -> Task:
        """Something in the network goes its own way, whatever becomes of the device."""
        return self.scheduler.start(Process(name), name, run)

    def _on_camera(self, kind: str) -> None:
        self.is_reading = kind in ("read_part", "block")
        self.step(f"camera {kind}")
        if self.look_alike and kind == "read_part":
            self._change_cards()
        fault = self.cloud.faults.draw(Where.CAMERA, ON_CAMERA, "away" if kind == "block" else "")
        if fault is None:
            return
        self.cloud.note(self.name, f"camera {kind}", fault)
        if fault in ("away", "asleep"):
            self.camera.leave()
            if kind == "block":
                self.cloud.rare.note("camera away within a part")
            seconds = self.cloud.faults.amount(SOON_S if fault == "asleep" else LATE_S)
            self.beside("camera", lambda: self._come_back(seconds))
        elif fault == "torn" and kind == "block":
            raise ReadBroken("the connection to the camera ended")
        else:
            raise CameraUnreachable("no answer from the camera")

    def _come_back(self, seconds: float) -> None:
        self.scheduler.sleep(seconds)
        self.camera.come_back()

    def _on_disk(self, kind: str) -> None:
        if kind in ONLY_LOOKS:
            # Who is killed here leaves what he leaves when he is killed at the next call that changes something.
            if self.scheduler.current.process.is_dead:
                raise Killed
            return
        self.step(f"disk {kind}")
        self.durability.before(kind)
        cloud = self.cloud
        fault = cloud.faults.draw(Where.DISK, ON_DISK)
        if fault is None:
            return
        cloud.note(self.name, f"disk {kind}", fault)
        # A part that cannot be read is dropped, and read again when its turn comes.
        self.has_bad_disk = True
        if fault == "rot":
            self.disk.rot(self.scheduler.chance, ".part")
        elif fault == "full":
            if kind in ("append", "allocate", "create"):
                cloud.rare.note("disk full while a file is written")
            self.disk.others_bytes = self.disk.capacity_bytes
            self.beside("disk", lambda: self._make_room(cloud.faults.amount(LATE_S)))
        elif kind in MAY_FAIL:
            if kind in ("fsync", "fsync_folder", "move"):
                cloud.rare.note("disk fails while a file is made safe")
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _make_room(self, seconds: float) -> None:
        self.scheduler.sleep(seconds)
        self.disk.others_bytes = 0

    def _lose(self, process: Process) -> None:
        """The process is gone: killed alone, or with all others of the machine by a power cut."""
        if self.scheduler.chance.random() < 0.5:
            self._mounts.pop(process).end_of_process()
            self.durability.ended()
            if process is self.process:
                self.locks.taken.clear()
            return
        self.cloud.note(self.name, "power", "cut")
        self.locks.taken.clear()
        self.disk.crash(self.scheduler.chance)
        self.durability.crashed()
        for each in [*self._mounts]:
            if each is not process:
                self.scheduler.kill(each)
        self._mounts.clear()

    def _end(self, process: Process) -> None:
        """The process has come to its end."""
        process.is_dead = True
        for thread in [*process.tasks]:
            self.scheduler.wake(thread)
        if mount := self._mounts.pop(process, None):
            mount.end_of_process()
            self.durability.ended()

    def run_beside(self) -> None:
        """Somebody starts a second client on the same spool."""
        process = Process(f"{self.name} again")

        def live() -> None:
            try:
                with open_context(self._tools(process)) as context:
                    Haul(context, New(), None, HaulOptions(None, sidecars=bool(self.proxies))).run()
            except SpoolBusy:
                self.cloud.rare.note("two clients want one spool")
            except EdgeError:
                return

        self.scheduler.start(process, process.name, live).join()
        self._end(process)

    def run(self) -> Each[Report] | EdgeError | None:
        """One run of `haul` of everything new, as a process of its own; None where it was killed."""
        self.runs += 1
        self.process = Process(self.name)
        self.is_running = True
        said: list[Each[Report] | EdgeError] = []

        def live() -> None:
            try:
                with open_context(self._tools(self.process)) as context:
                    said.append(
                        Haul(context, New(), None, HaulOptions(None, sidecars=bool(self.proxies))).run()
                    )
            except EdgeError as error:
                said.append(error)

        task = self.scheduler.start(self.process, self.name, live)
        task.join()
        self._end(self.process)
        self.is_running = False
        return said[0] if said else None

    def audit(self) -> Survey | None:
        """What an audit finds, as a process of its own."""
        self.process = Process(self.name)
        found: list[Survey] = []

        def live() -> None:
            try:
                with open_context(self._tools(self.process)) as context:
                    found.append(audit_card(context))
            except EdgeError:
                return

        self.scheduler.start(self.process, self.name, live).join()
        self._end(self.process)
        return found[0] if found else None

    @contextmanager
    def _quiet(self, _session_id: str, _camera: Callable[[], CameraReport]) -> Iterator[None]:
        yield

    def _tools(self, process: Process) -> HaulTools:
        scheduler = self.scheduler
        threads = Threads(scheduler, process)
        timing = Timing(lambda: scheduler.now, scheduler.sleep, scheduler.pass_turn, scheduler.chance.random)
        retry = Retry(timing, PATIENCE_S, Tally())
        pace = RateLimiter(timing)
        link = cast(requests.Session, Link(self))
        coordinator = Coordinator(ADDRESS, Token(self.token), "0.1.0", retry, link)
        mount = self._mounts[process] = self.disk.mount()
        mount.at_each_call = self._on_disk
        spool = Spool(SPOOL, mount, self.spool_bytes, threads.condition())
        progress = ProgressCounter(SilentDisplay(), timing.monotonic, retry.waits.longest)

        def now() -> Any:
            return START + timedelta(seconds=scheduler.now + self.skew_s)

        one_try = Coordinator(ADDRESS, Token(self.token), "0.1.0", Retry(timing, 0.0, Tally()), link)
        heart = Heartbeat(threads, one_try, progress, spool, pace, now)
        return HaulTools(
            at_camera=CameraTools(
                self.camera, self.camera.keep_awake, self.locks, retry, Looks(HEAD_BYTES, SPOT_BYTES)
            ),
            coordinator=coordinator,
            spool=spool,
            uplink=Uplink(retry, pace, AdaptiveConcurrency(threads, timing.monotonic), lambda: Store(self)),
            storage=Reads(self),
            threads=threads,
            below=lambda most: int(scheduler.chance.random() * most),
            progress=progress,
            heartbeat=heart.beating if self.beats else self._quiet,
            peak_rss_mib=lambda: 1.0,
            now=now,
        )
