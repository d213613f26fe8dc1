"""A camera, what keeps it awake and the locks on cameras: over HTTP and on a disk, and in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest
from awscrt.checksums import crc64nvme

from edge_client.base.disk import SystemDisk
from edge_client.base.errors import (
    CameraBusy,
    CameraUnreachable,
    CardFault,
    FileInDoubt,
    NothingListed,
    ReadBroken,
    RequestForbidden,
    SpoolBusy,
    Unfinished,
    Unsettled,
)
from edge_client.base.folders import CameraLocks as DiskLocks
from edge_client.camera.client import Camera as HttpCamera
from edge_client.camera.keep_alive import KeepAlive
from edge_client.haul.ports import Awake, Camera, CameraLocks
from edge_client.model.files import FileFacts, MediaInfo
from edge_client.model.listing import Entry
from edge_client.model.parts import Span
from edge_client.model.plan import CameraIdentity, ChapterPlan
from infra.local.camera import (
    ABSENT,
    CardFile,
    Directory,
    EndAfter,
    Fault,
    Habits,
    HardwareInfo,
    Storage,
    WithoutHeader,
    chapter_path,
    unfinished_chapter,
    virtual_chapter,
)
from infra.local.camera import Camera as Simulator
from infra.local.camera import Card as SimulatedCard
from infra.local.gopro_file import GproHeader, MemoryContent
from tests.edge.memory.camera import SERIAL, MemoryCamera, MemoryFile, MemoryLocks
from tests.support.films import make_film

HEADER = GproHeader(SERIAL, "H23.01")
DIRECTORY, NAME, OTHER_NAME = "100GOPRO", "GX010042.MP4", "GX020042.MP4"
FILE = (DIRECTORY, NAME)
CREATED = 1_656_931_398
SIZE_BYTES = 5000
FILM = virtual_chapter(SIZE_BYTES, 1, HEADER).read(0, SIZE_BYTES)
CHAPTER = ChapterPlan(*FILE, SIZE_BYTES, CREATED, CREATED, None, None)
SOON_S = 0.01
LATE_S = 30.0


class Place(Protocol):
    """A camera and its card, and what befalls them."""

    @property
    def camera(self) -> Camera: ...

    def keep_awake(self) -> Awake: ...

    def unnamed(self) -> Camera:
        """Another camera, of a model that does not say who it is."""

    def put(
        self, name: str, content: bytes, modified: int = CREATED, *, is_listed_with_size: bool = True
    ) -> None:
        """A file in 100GOPRO from now on, in place of the one of this name; another date gives another ETag."""

    def take_out(self, name: str) -> None:
        """The file is no longer there."""

    def hide_etags(self) -> None:
        """From now on no file has an ETag."""

    def hide_info(self, name: str) -> None:
        """From now on the camera knows nothing of this file."""

    def break_next_read(self, name: str) -> None:
        """The next read of the file ends before all of its bytes have come."""

    def record(self) -> None: ...

    def be_busy(self) -> None: ...

    def let_card_be(self, storage: Storage) -> None: ...

    def leave(self) -> None:
        """From now on nothing answers."""

    def come_back(self) -> None: ...


class OverHttp:
    """The simulator of a camera."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self._simulator = stack.enter_context(Simulator(SimulatedCard((Directory(DIRECTORY, ()),))))
        self.camera: Camera = self._client(self._simulator)

    def keep_awake(self) -> Awake:
        return KeepAlive(HttpCamera(self._simulator.url, time.monotonic), SOON_S)

    def unnamed(self) -> Camera:
        habits = Habits(hardware_info=HardwareInfo.ABSENT)
        return self._client(self._stack.enter_context(Simulator(SimulatedCard(), habits=habits)))

    def put(
        self, name: str, content: bytes, modified: int = CREATED, *, is_listed_with_size: bool = True
    ) -> None:
        file = CardFile(name, MemoryContent(content), CREATED, modified, duration_s=60.0)
        self._keep(name, file if is_listed_with_size else replace(file, listed_as=(("s", ABSENT),)))

    def take_out(self, name: str) -> None:
        self._simulator.card = self._simulator.card.without(DIRECTORY, name)

    def hide_etags(self) -> None:
        self._simulator.faults.add(Fault(None, WithoutHeader("Etag"), times=None))

    def hide_info(self, name: str) -> None:
        file = self._simulator.card.find(DIRECTORY, name)
        assert file
        self._keep(name, replace(file, has_info=False))

    def break_next_read(self, name: str) -> None:
        self._simulator.faults.add(Fault(chapter_path(name), EndAfter(100)))

    def record(self) -> None:
        self._simulator.state.encoding = True

    def be_busy(self) -> None:
        self._simulator.state.busy = True

    def let_card_be(self, storage: Storage) -> None:
        self._simulator.state.storage = storage

    def leave(self) -> None:
        self._simulator.sleep()

    def come_back(self) -> None:
        self._simulator.wake()

    def _client(self, simulator: Simulator) -> HttpCamera:
        return self._stack.enter_context(closing(HttpCamera(simulator.url, time.monotonic)))

    def _keep(self, name: str, file: CardFile) -> None:
        [directory] = self._simulator.card.without(DIRECTORY, name).directories
        self._simulator.card = SimulatedCard((Directory(DIRECTORY, (*directory.files, file)),))


class InMemory:
    """A camera in memory."""

    def __init__(self) -> None:
        self._camera = MemoryCamera()
        self.camera: Camera = self._camera

    def keep_awake(self) -> Awake:
        return self._camera.keep_awake()

    def unnamed(self) -> Camera:
        return MemoryCamera(identity=None)

    def put(
        self, name: str, content: bytes, modified: int = CREATED, *, is_listed_with_size: bool = True
    ) -> None:
        self._camera.files[f"{DIRECTORY}/{name}"] = MemoryFile(
            content,
            etag=f'"{modified:x}.{len(content)}"',
            created=CREATED,
            modified=modified,
            gumi=f"{crc64nvme(content):x}",
            duration_s=60,
            listed_as=None if is_listed_with_size else Entry(DIRECTORY, name, None, CREATED, modified),
        )

    def take_out(self, name: str) -> None:
        del self._camera.files[f"{DIRECTORY}/{name}"]

    def hide_etags(self) -> None:
        for file in self._camera.files.values():
            file.etag = None

    def hide_info(self, name: str) -> None:
        file = self._camera.files[f"{DIRECTORY}/{name}"]
        file.gumi = file.duration_s = None

    def break_next_read(self, name: str) -> None:
        self._camera.faults["block"] = [ReadBroken("the camera ended early")]

    def record(self) -> None:
        self._camera.is_recording = True

    def be_busy(self) -> None:
        self._camera.is_busy = True

    def let_card_be(self, storage: Storage) -> None:
        self._camera.card_status = storage

    def leave(self) -> None:
        self._camera.leave()

    def come_back(self) -> None:
        self._camera.come_back()


@pytest.fixture(params=["http", "memory"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A camera with one film."""
    with ExitStack() as stack:
        made = InMemory() if request.param == "memory" else OverHttp(stack)
        made.put(NAME, FILM)
        yield made


@pytest.fixture
def camera(place: Place) -> Camera:
    return place.camera


@pytest.fixture(params=["disk", "memory"])
def locks(request: pytest.FixtureRequest, tmp_path: Path) -> CameraLocks:
    return MemoryLocks() if request.param == "memory" else DiskLocks(str(tmp_path / "locks"), SystemDisk())


def planned(camera: Camera) -> ChapterPlan:
    """The film as the camera has it now."""
    facts = camera.head(*FILE)
    return ChapterPlan(*FILE, facts.size_bytes, CREATED, CREATED, facts.etag, None)


def part_of(camera: Camera, chapter: ChapterPlan, first: int, size_bytes: int) -> bytes:
    taken = bytearray()
    camera.read_part(chapter, Span(1, first, size_bytes), taken.extend)
    return bytes(taken)


def until(is_so: Callable[[], bool]) -> None:
    """Wait until it is so, as long as a slow machine may need."""
    end = time.monotonic() + LATE_S
    while not is_so():
        assert time.monotonic() < end, "it never becomes so"
        threading.Event().wait(SOON_S)


EVERY_CALL: dict[str, Callable[[Camera], object]] = {
    "check_ready": lambda camera: camera.check_ready(),
    "info": lambda camera: camera.info(),
    "entries": lambda camera: camera.entries(0),
    "head": lambda camera: camera.head(*FILE),
    "serves": lambda camera: camera.serves(*FILE),
    "media_info": lambda camera: camera.media_info(*FILE),
    "serial_in": lambda camera: camera.serial_in(*FILE, SIZE_BYTES),
    "check_whole": lambda camera: camera.check_whole(*FILE, SIZE_BYTES, None),
    "head_crc": lambda camera: camera.head_crc(*FILE, SIZE_BYTES, None, 100),
    "crc_of": lambda camera: camera.crc_of(CHAPTER, Span(1, 0, 100)),
    "read_part": lambda camera: part_of(camera, CHAPTER, 0, 100),
}
# What a camera answers also while it records.
OF_ITSELF = ("check_ready", "info")
OF_FILES = [name for name in EVERY_CALL if name not in OF_ITSELF]
OF_BYTES = ("serial_in", "check_whole", "head_crc", "crc_of", "read_part")


class TestACamera:
    def test_says_who_it_is(self, camera: Camera):
        found = camera.info()

        assert isinstance(found, CameraIdentity)
        assert found.serial == SERIAL

    def test_may_not_say_who_it_is(self, place: Place):
        assert place.unnamed().info() is None

    def test_that_is_ready_counts_its_videos(self, place: Place):
        place.put(OTHER_NAME, FILM)
        place.put("GOPR0001.JPG", b"photo")

        assert place.camera.check_ready().witnesses.videos == 2
        assert place.camera.check_ready().concerns == ()

    @pytest.mark.parametrize("storage", [Storage.OK, Storage.FULL])
    def test_is_ready_with_a_card_that_can_be_read(self, place: Place, storage: Storage):
        place.let_card_be(storage)

        assert place.camera.check_ready().witnesses.videos == 1

    @pytest.mark.parametrize("storage", [Storage.REMOVED, Storage.FORMAT_ERROR, Storage.SWAPPED])
    def test_whose_card_cannot_be_read_is_for_a_person(self, place: Place, storage: Storage):
        place.let_card_be(storage)
        place.record()

        with pytest.raises(CardFault, match="card"):
            place.camera.check_ready()

    @pytest.mark.parametrize("storage", [Storage.BUSY, Storage.UNKNOWN])
    def test_whose_card_is_busy_is_waited_for(self, place: Place, storage: Storage):
        place.let_card_be(storage)

        with pytest.raises(CameraBusy):
            place.camera.check_ready()

    def test_that_records_is_waited_for(self, place: Place):
        place.record()

        with pytest.raises(CameraBusy, match="recording"):
            place.camera.check_ready()

    def test_that_is_busy_is_waited_for(self, place: Place):
        place.be_busy()

        with pytest.raises(CameraBusy, match="busy"):
            place.camera.check_ready()

    @pytest.mark.parametrize("name", OF_FILES)
    def test_that_records_shows_no_file(self, place: Place, name: str):
        place.record()

        with pytest.raises(CameraBusy):
            EVERY_CALL[name](place.camera)

    def test_that_records_says_who_it_is(self, place: Place):
        place.record()

        assert place.camera.info()

    @pytest.mark.parametrize("name", EVERY_CALL)
    def test_that_is_away_does_not_answer_until_it_is_back(self, place: Place, name: str):
        place.hide_etags()
        place.leave()
        with pytest.raises(CameraUnreachable):
            EVERY_CALL[name](place.camera)
        place.camera.control_over_usb()

        place.come_back()
        EVERY_CALL[name](place.camera)


class TestTheList:
    def test_has_each_file_as_the_card_has_it(self, place: Place):
        place.put(OTHER_NAME, b"x", CREATED + 1)
        place.put("GOPR0001.JPG", b"photo")

        assert place.camera.entries(2) == [
            Entry(DIRECTORY, NAME, SIZE_BYTES, CREATED, CREATED),
            Entry(DIRECTORY, OTHER_NAME, 1, CREATED, CREATED + 1),
            Entry(DIRECTORY, "GOPR0001.JPG", 5, CREATED, CREATED),
        ]

    def test_has_entries_without_a_size(self, place: Place):
        place.put(NAME, FILM, is_listed_with_size=False)

        assert place.camera.entries(1) == [Entry(DIRECTORY, NAME, None, CREATED, CREATED)]
        assert place.camera.head(*FILE).size_bytes == SIZE_BYTES

    def test_takes_a_size_of_0_for_none(self, place: Place):
        place.put(NAME, b"")

        assert place.camera.entries(1) == [Entry(DIRECTORY, NAME, None, CREATED, CREATED)]
        assert place.camera.head(*FILE).size_bytes == 0

    def test_may_be_empty_where_no_videos_are_counted(self, place: Place):
        place.take_out(NAME)

        assert place.camera.entries(0) == []
        assert place.camera.check_ready().witnesses.videos == 0

    def test_that_is_empty_while_videos_are_counted_is_a_fault(self, place: Place):
        place.take_out(NAME)

        with pytest.raises(NothingListed, match="counts 1 videos"):
            place.camera.entries(1)


class TestAFile:
    def test_has_a_size_and_an_etag(self, camera: Camera):
        found = camera.head(*FILE)

        assert found == FileFacts(SIZE_BYTES, found.etag)
        assert found.etag
        assert found == camera.head(*FILE)

    def test_has_another_etag_when_it_is_changed(self, place: Place):
        before = place.camera.head(*FILE)
        place.put(NAME, FILM, CREATED + 1)

        assert place.camera.head(*FILE).etag != before.etag

    def test_may_have_no_etag(self, place: Place):
        place.hide_etags()

        assert place.camera.head(*FILE) == FileFacts(SIZE_BYTES, None)

    def test_is_served_when_it_is_there(self, place: Place):
        there = place.camera.serves(*FILE)
        place.take_out(NAME)

        assert (there, place.camera.serves(*FILE)) == (True, False)

    @pytest.mark.parametrize("name", ["head", *OF_BYTES])
    def test_that_is_not_there_has_not_settled(self, place: Place, name: str):
        place.take_out(NAME)

        with pytest.raises(Unsettled) as raised:
            EVERY_CALL[name](place.camera)

        assert not isinstance(raised.value, (FileInDoubt, Unfinished))

    def test_has_a_gumi_and_a_length(self, camera: Camera):
        found = camera.media_info(*FILE)

        assert found == MediaInfo(found.gumi, 60)
        assert found.gumi
        assert found == camera.media_info(*FILE)

    def test_of_which_the_camera_knows_nothing_has_no_gumi(self, place: Place):
        place.hide_info(NAME)

        assert place.camera.media_info(*FILE) == MediaInfo(None, None)

    def test_that_is_not_there_has_no_gumi(self, place: Place):
        place.take_out(NAME)

        assert place.camera.media_info(*FILE) == MediaInfo(None, None)

    @pytest.mark.parametrize("name", ["a b#c.MOV", "caf\udce9.MP4", "%2e%2e.MP4", "..."])
    def test_of_an_odd_name_shows_how_long_it_is_and_nothing_else(self, place: Place, name: str):
        place.put(name, FILM)

        assert place.camera.head(DIRECTORY, name).size_bytes == SIZE_BYTES
        assert place.camera.serves(DIRECTORY, name)
        for ask in (
            lambda: place.camera.media_info(DIRECTORY, name),
            lambda: place.camera.serial_in(DIRECTORY, name, SIZE_BYTES),
            lambda: place.camera.check_whole(DIRECTORY, name, SIZE_BYTES, None),
        ):
            with pytest.raises(RequestForbidden):
                ask()

    @pytest.mark.parametrize("name", ["..", ".", "a/b.MP4", "a\\b.MP4", "a\r\n.MP4", "\x7f.MP4", "\ud800"])
    def test_of_a_hostile_name_is_not_asked_for(self, camera: Camera, name: str):
        for ask in (camera.head, camera.serves, camera.media_info):
            with pytest.raises(RequestForbidden):
                ask(DIRECTORY, name)


class TestARead:
    @pytest.mark.parametrize(
        ("first", "size_bytes"),
        [(0, SIZE_BYTES), (0, 1), (1, 999), (1000, 1000), (1000, 1001), (SIZE_BYTES - 1, 1)],
    )
    def test_gives_exactly_its_bytes(self, camera: Camera, first: int, size_bytes: int):
        chapter = planned(camera)

        expected = FILM[first : first + size_bytes]
        assert part_of(camera, chapter, first, size_bytes) == expected
        assert camera.crc_of(chapter, Span(1, first, size_bytes)) == crc64nvme(expected)

    @pytest.mark.parametrize(("first", "size_bytes"), [(-1, 5), (0, 0), (0, SIZE_BYTES + 1), (SIZE_BYTES, 1)])
    def test_beyond_the_file_is_not_asked_for(self, camera: Camera, first: int, size_bytes: int):
        chapter = planned(camera)

        with pytest.raises(RequestForbidden):
            part_of(camera, chapter, first, size_bytes)
        with pytest.raises(RequestForbidden):
            camera.crc_of(chapter, Span(1, first, size_bytes))

    @pytest.mark.parametrize("more_bytes", [-1, 1])
    def test_of_a_file_of_another_size_is_in_doubt(self, camera: Camera, more_bytes: int):
        chapter = replace(planned(camera), size_bytes=SIZE_BYTES + more_bytes)
        taken = bytearray()

        with pytest.raises(FileInDoubt):
            camera.read_part(chapter, Span(1, 0, 100), taken.extend)
        with pytest.raises(FileInDoubt):
            camera.crc_of(chapter, Span(1, 0, 100))
        assert taken == b""

    def test_beyond_the_end_of_a_file_that_shrank_is_in_doubt(self, place: Place):
        chapter = planned(place.camera)
        place.put(NAME, FILM[:100])

        with pytest.raises(FileInDoubt):
            part_of(place.camera, chapter, 1000, 100)

    def test_of_a_file_with_another_etag_is_in_doubt(self, place: Place):
        chapter = planned(place.camera)
        place.put(NAME, FILM, CREATED + 1)

        with pytest.raises(FileInDoubt):
            part_of(place.camera, chapter, 0, 100)
        with pytest.raises(FileInDoubt):
            place.camera.crc_of(chapter, Span(1, 0, 100))

    def test_of_a_file_that_was_planned_without_an_etag_and_has_one_is_in_doubt(self, camera: Camera):
        with pytest.raises(FileInDoubt):
            part_of(camera, replace(planned(camera), etag=None), 0, 100)

    def test_of_a_file_that_never_had_an_etag_gives_its_bytes(self, place: Place):
        place.hide_etags()

        assert part_of(place.camera, planned(place.camera), 0, 100) == FILM[:100]

    def test_of_a_file_that_has_lost_its_etag_has_not_settled(self, place: Place):
        chapter = planned(place.camera)
        place.hide_etags()

        with pytest.raises(Unsettled, match="no ETag") as raised:
            part_of(place.camera, chapter, 0, 100)

        assert not isinstance(raised.value, FileInDoubt)

    def test_that_breaks_has_given_the_first_bytes_and_the_next_one_gives_all(self, place: Place):
        chapter, taken = planned(place.camera), bytearray()
        place.break_next_read(NAME)

        with pytest.raises(ReadBroken):
            place.camera.read_part(chapter, Span(1, 0, SIZE_BYTES), taken.extend)

        assert len(taken) < SIZE_BYTES
        assert FILM.startswith(taken)
        assert part_of(place.camera, chapter, 0, SIZE_BYTES) == FILM

    def test_ends_with_what_its_writer_raises(self, camera: Camera):
        def refuse(_: memoryview) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            camera.read_part(planned(camera), Span(1, 0, 100), refuse)


class TestAFilm:
    def test_that_is_whole_has_nothing_after_its_last_box(self, camera: Camera):
        assert camera.check_whole(*FILE, SIZE_BYTES, camera.head(*FILE).etag) == 0

    def test_may_have_bytes_after_its_last_box(self, place: Place):
        place.put(NAME, FILM + b"rest.")

        assert place.camera.check_whole(*FILE, SIZE_BYTES + 5, place.camera.head(*FILE).etag) == 5

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "no bytes"),
            (FILM[:-1], "moov"),
            (unfinished_chapter(SIZE_BYTES, 1, HEADER).read(0, SIZE_BYTES), "mdat"),
        ],
        ids=["empty", "cut short", "still written"],
    )
    def test_that_is_not_finished_says_what_is_missing(self, place: Place, content: bytes, words: str):
        place.put(NAME, content)
        facts = place.camera.head(*FILE)

        with pytest.raises(Unfinished, match=f"{NAME} is not finished: .*{words}") as raised:
            place.camera.check_whole(*FILE, facts.size_bytes, facts.etag)

        assert (raised.value.size_bytes, raised.value.etag) == (facts.size_bytes, facts.etag)

    def test_tells_which_camera_recorded_it(self, camera: Camera):
        assert camera.serial_in(*FILE, SIZE_BYTES) == SERIAL

    def test_may_not_tell_which_camera_recorded_it(self, place: Place):
        place.put(NAME, make_film(1000, SIZE_BYTES))

        assert place.camera.serial_in(*FILE, SIZE_BYTES) is None

    def test_without_bytes_is_not_asked_which_camera_recorded_it(self, place: Place):
        place.put(NAME, b"")

        with pytest.raises(RequestForbidden):
            place.camera.serial_in(*FILE, 0)

    @pytest.mark.parametrize("head_bytes", [1, 100, SIZE_BYTES - 1, SIZE_BYTES, SIZE_BYTES + 1])
    def test_has_a_crc_of_its_first_bytes(self, camera: Camera, head_bytes: int):
        etag = camera.head(*FILE).etag

        assert camera.head_crc(*FILE, SIZE_BYTES, etag, head_bytes) == f"{crc64nvme(FILM[:head_bytes]):016x}"

    @pytest.mark.parametrize("name", ["serial_in", "check_whole", "head_crc"])
    def test_of_another_size_has_not_settled(self, place: Place, name: str):
        place.hide_etags()
        place.put(NAME, FILM + b"x")

        with pytest.raises(Unsettled, match="changed while it was looked at") as raised:
            EVERY_CALL[name](place.camera)

        assert not isinstance(raised.value, (FileInDoubt, Unfinished))

    def test_of_another_etag_has_not_settled(self, place: Place):
        etag = place.camera.head(*FILE).etag
        place.put(NAME, FILM, CREATED + 1)

        for look in (
            lambda: place.camera.check_whole(*FILE, SIZE_BYTES, etag),
            lambda: place.camera.head_crc(*FILE, SIZE_BYTES, etag, 100),
        ):
            with pytest.raises(Unsettled, match="changed while it was looked at"):
                look()

    def test_of_any_etag_tells_which_camera_recorded_it(self, place: Place):
        place.put(NAME, FILM, CREATED + 1)

        assert place.camera.serial_in(*FILE, SIZE_BYTES) == SERIAL


class TestWhatKeepsItAwake:
    def test_notices_no_absence_where_there_was_none(self, place: Place):
        with place.keep_awake() as awake:
            assert not awake.take_failure()

    def test_notices_an_absence_until_it_is_over(self, place: Place):
        with place.keep_awake() as awake:
            place.leave()
            until(awake.take_failure)
            until(awake.take_failure)
            place.come_back()

            until(lambda: not awake.take_failure())


class TestALock:
    def test_is_for_one_client(self, locks: CameraLocks):
        with locks.hold("C1"), pytest.raises(SpoolBusy, match="camera C1"), locks.hold("C1"):
            pass

    def test_of_another_camera_is_free(self, locks: CameraLocks):
        with locks.hold("C1"), locks.hold("C2"):
            pass

    def test_is_free_after_its_holder(self, locks: CameraLocks):
        with pytest.raises(ZeroDivisionError), locks.hold("C1"):
            raise ZeroDivisionError

        with locks.hold("C1"):
            pass
