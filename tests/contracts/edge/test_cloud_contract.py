"""The coordinator and its bucket as a device sees them: over HTTP, and in memory without a socket."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timezone

import pytest
from awscrt.checksums import crc64nvme

from chalicelib.core.ids import UploadId
from edge_client.base.errors import (
    CoordinatorRefusal,
    PartsMismatch,
    PartTurnedDown,
    SessionUnknown,
    StoredRefused,
    UploadGone,
    UploadLost,
    UrlRefused,
)
from edge_client.base.retry import Retry, Tally, real_timing
from edge_client.coordinator.client import Coordinator as HttpCoordinator
from edge_client.haul.ports import Coordinator, PartStore, StoredObjects
from edge_client.http.exchange import Timeouts
from edge_client.model.api import HeartbeatReport, Token, UploadView
from edge_client.model.parts import PartUrl, Span, SpooledPart
from edge_client.model.plan import CameraIdentity, ChapterPlan, SessionPlan
from edge_client.s3.presigned import PartStore as HttpPartStore
from edge_client.s3.presigned import StoredObjects as HttpStoredObjects
from tests.edge.memory.cloud import MemoryCloud, MemoryPartStore, MemoryStoredObjects
from tests.edge.memory.machine import Machine
from tests.support import coordinator as support
from tests.support.coordinator import TOKEN, MemoryCoordinator

NOON = datetime(2026, 11, 25, 12, tzinfo=timezone.utc)
PART_BYTES = 4096
FILM = bytes(range(256)) * 40  # three parts, the last of them short
CAMERA = CameraIdentity("C3501324500711", "HERO12 Black", None)
CHAPTER = ChapterPlan("100GOPRO", "GX010042.MP4", len(FILM), 1656931398, 1656931398, '"e"', None)
PLAN = SessionPlan("match-17", "0042", CAMERA, (CHAPTER,))
BEAT = HeartbeatReport(1, 2, 3, None, 4, 5, "2026-11-25T12:00:00Z")


@dataclass(frozen=True)
class Cloud:
    """The ports of one device, and the coordinator behind them."""

    device: Coordinator
    parts: PartStore
    stored: StoredObjects
    behind: MemoryCoordinator
    let_pass: Callable[[float], None]

    def remove(self, upload: UploadView) -> None:
        """Somebody removes the object past the coordinator."""
        key = self.behind.recorded(UploadId(upload.upload_id)).key
        self.behind.ports.objects.mark_deleted(key)
        self.behind.ports.objects.lose(key)

    def open(self, plan: SessionPlan = PLAN) -> UploadView:
        """A session is planned and the upload of its chapter open."""
        view = self.device.put_session(plan).chapters[CHAPTER.path]
        return self.device.open_upload(plan.session_id, view.artifact_id, CHAPTER.size_bytes)

    def url(self, upload: UploadView, number: int) -> PartUrl:
        return self.device.part_urls(upload.upload_id, [part(upload, number)])[number]

    def send(self, upload: UploadView, *numbers: int) -> None:
        for number in numbers:
            self.parts.put(self.url(upload, number), Body(bytes_of(upload, number)))

    def verify(self) -> UploadView:
        """The chapter is home."""
        upload = self.open()
        self.send(upload, 1, 2, 3)
        return self.device.complete(upload.upload_id, crc64nvme(FILM))


class Body:
    """A part in two blocks."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __len__(self) -> int:
        return len(self._content)

    def __iter__(self) -> Iterator[memoryview]:
        yield memoryview(self._content)[:100]
        yield memoryview(self._content)[100:]


def bytes_of(upload: UploadView, number: int) -> bytes:
    span = upload.plan.span(number)
    return FILM[span.first : span.first + span.size_bytes]


def part(upload: UploadView, number: int) -> SpooledPart:
    return SpooledPart(upload.plan.span(number), crc64nvme(bytes_of(upload, number)))


def over_http() -> Iterator[Cloud]:
    retry = Retry(real_timing(threading.Event()), 0.0, Tally())
    with (
        support.serving(MemoryCoordinator(PART_BYTES, NOON)) as behind,
        closing(HttpCoordinator(behind.url, Token(TOKEN), "0.1.0", retry)) as device,
        closing(HttpPartStore(Timeouts())) as parts,
        closing(HttpStoredObjects(Timeouts())) as stored,
    ):
        yield Cloud(device, parts, stored, behind, behind.ports.clock.advance)


def in_memory() -> Iterator[Cloud]:
    with Machine() as machine:
        made = MemoryCloud(machine, PART_BYTES, NOON)
        device = made.client(Retry(machine.timing, 0.0, Tally()))
        yield Cloud(
            device, MemoryPartStore(made), MemoryStoredObjects(made), made.coordinator, machine.timing.sleep
        )


@pytest.fixture(params=[over_http, in_memory])
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    make: Callable[[], Iterator[Cloud]] = request.param
    yield from make()


class TestASession:
    def test_is_planned_as_often_as_it_is_told(self, cloud: Cloud):
        first, second = cloud.device.put_session(PLAN).chapters, cloud.device.put_session(PLAN).chapters

        assert first == second
        assert first[CHAPTER.path].size_bytes == len(FILM)
        assert first[CHAPTER.path].receipt is None

    def test_of_another_device_is_unknown(self, cloud: Cloud):
        told = {"directory": "100GOPRO", "filename": "GX010042.MP4", "size_bytes": len(FILM)}
        cloud.behind.claim("match-17", CAMERA.serial, told, None)

        with pytest.raises(SessionUnknown):
            cloud.device.put_session(PLAN)
        assert cloud.device.session_state("match-17") is None

    def test_that_nobody_planned_has_no_state(self, cloud: Cloud):
        assert cloud.device.session_state("match-17") is None
        assert cloud.device.stored_session("match-17") is None

    def test_hears_what_the_coordinator_wants(self, cloud: Cloud):
        cloud.device.put_session(PLAN)

        answer = cloud.device.heartbeat("match-17", BEAT)

        assert (answer.pause, answer.pace_bytes_s, answer.server_time) == (False, None, NOON)


class TestAnUpload:
    def test_is_open_once(self, cloud: Cloud):
        first, second = cloud.open(), cloud.open()

        assert first == second
        assert first.plan.part_count == 3
        assert first.parts == {}

    def test_shows_the_parts_that_s3_has(self, cloud: Cloud):
        upload = cloud.open()

        cloud.send(upload, 2)

        stored = cloud.device.upload(upload.upload_id).parts
        assert {number: (each.size_bytes, each.crc) for number, each in stored.items()} == {
            2: (PART_BYTES, crc64nvme(bytes_of(upload, 2)))
        }
        kept = cloud.device.stored_session("match-17")
        assert kept is not None
        assert set(kept.uploads[CHAPTER.path].parts) == {2}

    def test_that_lacks_parts_is_not_complete_and_names_them(self, cloud: Cloud):
        upload = cloud.open()
        cloud.send(upload, 1, 3)

        with pytest.raises(PartsMismatch) as caught:
            cloud.device.complete(upload.upload_id, crc64nvme(FILM))

        assert caught.value.numbers == {2}

    def test_of_other_bytes_than_promised_is_not_verified(self, cloud: Cloud):
        upload = cloud.open()
        cloud.send(upload, 1, 2, 3)

        with pytest.raises((PartsMismatch, UploadGone, CoordinatorRefusal)):
            cloud.device.complete(upload.upload_id, crc64nvme(FILM) ^ 1)

        assert cloud.device.upload(upload.upload_id).receipt is None

    def test_gets_a_receipt_for_its_very_bytes(self, cloud: Cloud):
        verified = cloud.verify()

        assert verified.receipt is not None
        assert (verified.receipt.size_bytes, verified.receipt.crc) == (len(FILM), crc64nvme(FILM))
        assert cloud.device.upload(verified.upload_id) == verified
        assert list(cloud.behind.objects().values()) == [FILM]

    def test_that_has_expired_takes_no_more_parts(self, cloud: Cloud):
        upload = cloud.open()
        cloud.behind.expire_uploads()

        with pytest.raises(UploadGone):
            cloud.device.part_urls(upload.upload_id, [part(upload, 1)])


class TestAPart:
    def test_of_other_bytes_is_turned_down(self, cloud: Cloud):
        upload = cloud.open()
        url = cloud.url(upload, 1)

        with pytest.raises(PartTurnedDown):
            cloud.parts.put(url, Body(bytes(PART_BYTES)))

        assert cloud.device.upload(upload.upload_id).parts == {}

    def test_of_an_upload_that_s3_does_not_know_says_so(self, cloud: Cloud):
        upload = cloud.open()
        url = cloud.url(upload, 1)
        cloud.behind.uploads[upload.upload_id].lose()

        with pytest.raises(UploadLost):
            cloud.parts.put(url, Body(bytes_of(upload, 1)))

    @pytest.mark.parametrize(("early_s", "is_taken"), [(1, True), (0, False), (-1, False)])
    def test_is_taken_until_its_url_expires(self, cloud: Cloud, early_s: int, is_taken: bool):
        upload = cloud.open()
        url = cloud.url(upload, 1)
        cloud.let_pass(cloud.behind.expires_in_s - early_s)

        if is_taken:
            cloud.parts.put(url, Body(bytes_of(upload, 1)))
        else:
            with pytest.raises(UrlRefused):
                cloud.parts.put(url, Body(bytes_of(upload, 1)))

        assert set(cloud.device.upload(upload.upload_id).parts) == ({1} if is_taken else set())


class TestAVerifiedChapter:
    def test_is_known_by_its_camera(self, cloud: Cloud):
        cloud.verify()

        [known] = cloud.device.known_chapters(CAMERA.serial)

        assert (known.session_id, known.path, known.is_own) == ("match-17", CHAPTER.path, True)
        assert known.stored is not None
        assert cloud.device.known_chapters("C0000000000000") == ()

    def test_is_read_in_pieces(self, cloud: Cloud):
        cloud.verify()
        [known] = cloud.device.known_chapters(CAMERA.serial)
        assert known.stored
        span, buffer = Span(1, 5000, 300), memoryview(bytearray(300))

        url = cloud.device.proof_urls(known, known.stored, [span])[5000]
        cloud.stored.read_into(buffer, url, span, len(FILM))

        assert bytes(buffer) == FILM[5000:5300]

    def test_that_is_gone_from_the_bucket_says_so(self, cloud: Cloud):
        verified = cloud.verify()
        [known] = cloud.device.known_chapters(CAMERA.serial)
        assert known.stored
        span = Span(1, 0, 300)
        url = cloud.device.proof_urls(known, known.stored, [span])[0]
        cloud.remove(verified)

        with pytest.raises(StoredRefused):
            cloud.stored.read_into(memoryview(bytearray(300)), url, span, len(FILM))
