"""Values and ports for tests; each builder hides what does not matter to the test that calls it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from msgspec.structs import replace

from chalicelib.core import ids
from chalicelib.core.chapter import Chapter
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.ids import DeviceId, SessionId, UploadId
from chalicelib.core.parts import PartPlan
from chalicelib.core.picture import Picture
from chalicelib.core.session import Camera, Session
from chalicelib.core.settle import Policy, due_at
from chalicelib.core.upload import Upload, UploadState
from chalicelib.ports import Ports
from tests.support.memory import START as START
from tests.support.memory import (
    CountingMetrics,
    FixedIds,
    MemoryFrameIndex,
    MemoryIndexer,
    MemoryLake,
    MemoryObjectStore,
    MemoryOrders,
    MemoryRecords,
    MemorySigner,
    MovableClock,
    crc64nvme_of,
)

EMPTY = Crc64Nvme("AAAAAAAAAAA=")
"""Of no bytes at all."""

SESSION_NAME = "match-17-north"
SESSION_ID = ids.session_id(ids.MAIN, SESSION_NAME)
DEVICE_ID = DeviceId("d_north")
UPLOAD_ID = UploadId("u_first")
PART_SIZE_BYTES = 10
POLICY = Policy(part_size_bytes=PART_SIZE_BYTES, checks_films=False)
"""The usual policy with parts of ten bytes; these make no film, and nobody looks for one."""


def make_session_id(name: str = SESSION_NAME, project: str = ids.MAIN) -> SessionId:
    """The session `name` of a project."""
    return ids.session_id(project, name)


def named(session_id: SessionId = SESSION_ID) -> dict[str, str]:
    """The members by which a document names a session."""
    return {"project": ids.project_of(session_id), "session_id": ids.name_of(session_id)}


def make_chapter(number: int = 1, size_bytes: int = 25, **changes: Any) -> Chapter:
    """Chapter `number` of recording 0038; by default 25 bytes, which is three parts of ten, ten and five."""
    chapter = Chapter("100GOPRO", f"GX{number:02d}0038.MP4", size_bytes)
    return replace(chapter, **changes)


def make_session(**changes: Any) -> Session:
    """An OPEN session of version 1."""
    session = Session(SESSION_ID, DEVICE_ID, Camera("C3501324500711"), None, START)
    return replace(session, **changes)


def make_upload(chapter: Chapter | None = None, **changes: Any) -> Upload:
    """An OPEN upload of `chapter` (default: the first) in the usual session, open for six days."""
    chapter = chapter or make_chapter()
    session_id = changes.get("session_id", SESSION_ID)
    upload = Upload(
        UPLOAD_ID,
        session_id,
        chapter.artifact_id,
        chapter.key(session_id),
        PartPlan(chapter.size_bytes, PART_SIZE_BYTES),
        multipart_id="multipart-of-the-test",
        opened_at=START,
        expires_at=START + timedelta(days=6),
    )
    return replace(upload, **changes)


def make_claimed(chapter: Chapter | None = None, **changes: Any) -> Upload:
    """An upload as `make_upload` makes it; its device has claimed the bytes of `make_bodies`."""
    upload = make_upload(chapter, **changes)
    return replace(upload, claim=claim_of(upload.plan))


@cache
def claim_of(plan: PartPlan) -> Crc64Nvme:
    """The CRC64NVME of the bytes of `make_bodies`."""
    return crc64nvme_of(b"".join(make_bodies(plan).values()))


def make_picture(*uploads: Upload, chapters: Sequence[Chapter] | None = None, **changes: Any) -> Picture:
    """The usual session with these uploads and chapters (default: the first chapter alone)."""
    listed = (make_chapter(),) if chapters is None else tuple(chapters)
    return Picture(make_session(**changes), listed, uploads)


def make_bodies(plan: PartPlan) -> dict[int, bytes]:
    """Bytes for every part of `plan`, by number; no two parts alike."""
    return {number: bytes([number % 256]) * plan.size_of(number) for number in plan.numbers}


class MemoryPorts(Ports, frozen=True):
    """Ports in memory; typed, so that a test can do what devices and strangers do."""

    objects: MemoryObjectStore
    frame_index: MemoryFrameIndex
    lake: MemoryLake
    records: MemoryRecords
    signer: MemorySigner
    orders: MemoryOrders
    indexer: MemoryIndexer
    ids: FixedIds
    clock: MovableClock
    metrics: CountingMetrics


def memory_ports(*pictures: Picture, now: datetime = START, policy: Policy = POLICY) -> MemoryPorts:
    """Ports whose table holds `pictures` and whose bucket holds the multipart uploads of what is open or cancelled.

    They hold no parts yet (`send_parts`); a session is due when `settle` says so.
    """
    clock = MovableClock(now)
    objects = MemoryObjectStore(clock)
    ports = MemoryPorts(
        objects,
        MemoryFrameIndex(objects),
        MemoryLake(),
        MemoryRecords(),
        MemorySigner(),
        MemoryOrders(),
        MemoryIndexer(),
        FixedIds(),
        clock,
        CountingMetrics(),
        policy,
    )
    for picture in pictures:
        _arrange(ports, picture)
    return ports


def recorded(ports: Ports, session_id: SessionId = SESSION_ID) -> Picture:
    """What the table holds of a session that must be there."""
    picture = ports.records.picture(session_id)
    assert picture is not None, f"session {session_id} is not recorded"
    return picture


def send_parts(objects: MemoryObjectStore, upload: Upload, *numbers: int) -> None:
    """These parts (default: all) of `upload`, as its device sends them."""
    bodies = make_bodies(upload.plan)
    for number in numbers or upload.plan.numbers:
        objects.put_part(upload.key, upload.multipart_id, number, bodies[number])


def _arrange(ports: MemoryPorts, picture: Picture) -> None:
    ports.records.arrange(picture, due_at(picture, ports.clock.now(), ports.policy))
    for upload in picture.uploads:
        if upload.state in (UploadState.OPEN, UploadState.CANCELLED):
            ports.objects.register(upload.key, upload.upload_id, upload.multipart_id)
