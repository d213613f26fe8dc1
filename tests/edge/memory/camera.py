"""A camera in memory, what keeps it awake, and the locks between clients of one machine.

A test makes it fail by its attributes and by its `faults`. The kinds of calls are the methods of the port, and `block`
is each piece that a read of a part has just given away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType

from awscrt.checksums import crc64nvme

from edge_client.base.errors import (
    CameraBusy,
    CameraUnreachable,
    CardFault,
    EdgeError,
    FileInDoubt,
    NothingListed,
    RequestForbidden,
    SpoolBusy,
    Unfinished,
    Unsettled,
)
from edge_client.camera.client import CARD_FAULTS, CARD_READABLE
from edge_client.camera.connection import ALLOWED_TO_HEAD, FILES, path_of
from edge_client.camera.mp4_boxes import HEAD_BYTES, NotWhole, serial_of_header, trailing_bytes
from edge_client.model.files import FileFacts, MediaInfo
from edge_client.model.gopro_names import PATH, SIDECAR_PATH, may_be_video
from edge_client.model.listing import CameraStatus, Entry, Witnesses
from edge_client.model.parts import Span
from edge_client.model.plan import CameraIdentity, ChapterPlan
from tests.edge.memory.scripted import Scripted

SERIAL = "C3501324500711"
CREATED = 1_656_931_398
# What Open GoPro's status 33 says of the card.
CARD_GOOD, CARD_FULL, CARD_OUT, CARD_FORMAT_ERROR, CARD_BUSY, CARD_SWAPPED = 0, 1, 2, 3, 4, 8


def unharmed(path: str, span: Span, content: bytes) -> bytes:
    """The bytes as the card has them."""
    return content


@dataclass
class MemoryFile:
    """One file of a card. `listed_as` is its entry of the list where that is not what its other fields say."""

    content: bytes
    etag: str | None = '"62c2a1c6.1"'
    created: int | None = CREATED
    modified: int | None = CREATED
    gumi: str | None = None
    duration_s: int | None = None
    proxy_bytes: int | None = None
    listed_as: Entry | None = None
    is_listed: bool = True
    is_served: bool = True

    def entry(self, directory: str, filename: str) -> Entry:
        """Its entry of the list. A size of 0 is no size."""
        size_bytes = len(self.content) or None
        found = Entry(
            directory, filename, size_bytes, self.created, self.modified, proxy_bytes=self.proxy_bytes
        )
        return self.listed_as or found


@dataclass
class MemoryCamera(Scripted):
    """A camera with `files` by `directory/name`. `identity` is None for a model that does not say who it is.

    `witnesses` are what its state says of the card; None: the videos of its list and the bytes of its files. `reads`
    are the parts that were asked for. `shows` is its wall clock, None for a model that does not say. `on_the_way` is
    what becomes of the bytes of a film between the card and the client.
    """

    files: dict[str, MemoryFile] = field(default_factory=dict)
    identity: CameraIdentity | None = field(
        default_factory=lambda: CameraIdentity(SERIAL, "HERO12 Black", "H23.01")
    )
    odd_entries: list[Entry] = field(default_factory=list)
    witnesses: Witnesses | None = None
    concerns: tuple[str, ...] = ()
    shows: int | None = CREATED + 600
    is_busy: bool = False
    is_recording: bool = False
    card_status: int = CARD_GOOD
    is_away: bool = False
    absences: int = 0
    keepers: int = 0
    block_bytes: int = 1000
    on_the_way: Callable[[str, Span, bytes], bytes] = unharmed
    reads: list[tuple[str, Span]] = field(default_factory=list)

    def leave(self) -> None:
        """From now on nothing answers."""
        self.is_away = True
        self.absences += 1

    def come_back(self) -> None:
        self.is_away = False

    def swap_card(self, files: dict[str, MemoryFile]) -> None:
        """Somebody switches the camera off, puts another card in, and switches it on."""
        self.leave()
        self.files = files
        self.come_back()

    def keep_awake(self) -> MemoryAwake:
        """What keeps this camera awake while it is entered."""
        return MemoryAwake(self)

    def check_ready(self) -> CameraStatus:
        self._take("check_ready")
        if fault := CARD_FAULTS.get(self.card_status):
            raise CardFault(f"the camera's card {fault}")
        if self.is_recording:
            raise CameraBusy("the camera is recording")
        if self.is_busy or self.card_status not in CARD_READABLE:
            raise CameraBusy("the camera is busy or still starting")
        return CameraStatus(self.witnesses or self._counted(), self.concerns)

    def control_over_usb(self) -> None:
        try:
            self._take("control_over_usb")
        except EdgeError:
            return

    def info(self) -> CameraIdentity | None:
        self._take("info")
        return self.identity

    def clock(self) -> int | None:
        self._take("clock")
        return self.shows

    def entries(self, video_count: int) -> list[Entry]:
        self._take("entries")
        self._refuse_while_busy()
        if not (found := self._listed()) and video_count > 0:
            raise NothingListed(
                f"the camera counts {video_count} videos but lists none; switch it off and on"
            )
        return found

    def head(self, directory: str, filename: str) -> FileFacts:
        self._take("head")
        self._allow_head(directory, filename)
        file = self._served(f"{directory}/{filename}")
        return FileFacts(len(file.content), file.etag)

    def serves(self, directory: str, filename: str) -> bool:
        self._take("serves")
        self._allow_head(directory, filename)
        self._refuse_while_busy()
        return self._file(f"{directory}/{filename}") is not None

    def media_info(self, directory: str, filename: str) -> MediaInfo:
        path = f"{directory}/{filename}"
        try:
            self._take("media_info")
            _allow(path, PATH)
            file = self._served(path)
        except Unsettled:
            return MediaInfo(None, None)
        return MediaInfo(file.gumi, file.duration_s)

    def serial_in(self, directory: str, filename: str, size_bytes: int) -> str | None:
        self._take("serial_in")
        head = Span(0, 0, min(HEAD_BYTES, size_bytes))
        return serial_of_header(self._look(f"{directory}/{filename}", head, size_bytes, None))

    def check_whole(self, directory: str, filename: str, size_bytes: int, etag: str | None) -> int:
        path = f"{directory}/{filename}"
        self._take("check_whole")

        def read(first: int, count: int) -> bytes:
            return self._look(path, Span(0, first, count), size_bytes, etag or "")

        try:
            return trailing_bytes(size_bytes, read)
        except NotWhole as error:
            raise Unfinished(f"{path} is not finished: {error}", size_bytes, etag) from error

    def head_crc(
        self, directory: str, filename: str, size_bytes: int, etag: str | None, head_bytes: int
    ) -> str:
        path = f"{directory}/{filename}"
        self._take("head_crc")
        head = Span(0, 0, min(head_bytes, size_bytes))
        return f"{crc64nvme(self._look(path, head, size_bytes, etag or '')):016x}"

    def crc_of(self, chapter: ChapterPlan, span: Span) -> int:
        self._take("crc_of")
        content = self._read(chapter.path, span, chapter.size_bytes, chapter.etag or "")
        crc: int = crc64nvme(self.on_the_way(chapter.path, span, content))
        return crc

    def read_part(self, chapter: ChapterPlan, span: Span, write: Callable[[memoryview], None]) -> None:
        self.reads.append((chapter.path, span))
        self._take("read_part")
        content = self._read(chapter.path, span, chapter.size_bytes, chapter.etag or "")
        content = self.on_the_way(chapter.path, span, content)
        for first in range(0, len(content), self.block_bytes):
            block = content[first : first + self.block_bytes]
            write(memoryview(block))
            self._take("block")

    def _take(self, kind: str) -> None:
        """A call arrives, and the test does to it what it wants. Raises CameraUnreachable while the camera is away."""
        self.disturb(kind)
        if self.is_away:
            raise CameraUnreachable("no answer from the camera")

    def _refuse_while_busy(self) -> None:
        if self.is_busy or self.is_recording:
            raise CameraBusy("the camera is busy")

    def _listed(self) -> list[Entry]:
        files = [(path.split("/"), file) for path, file in self.files.items() if file.is_listed]
        return [file.entry(*names) for names, file in files] + self.odd_entries

    def _counted(self) -> Witnesses:
        videos = sum(entry.filename is not None and may_be_video(entry.filename) for entry in self._listed())
        return Witnesses(videos, sum(len(file.content) for file in self.files.values()))

    def _file(self, path: str) -> MemoryFile | None:
        file = self.files.get(path)
        return file if file and file.is_served else None

    def _served(self, path: str) -> MemoryFile:
        self._refuse_while_busy()
        if file := self._file(path):
            return file
        raise Unsettled(f"the camera answers 404 to {FILES}{path}, not 200")

    def _allow_head(self, directory: str, filename: str) -> None:
        path = path_of(directory, filename)
        if not any(allowed.fullmatch(FILES + path) for allowed in ALLOWED_TO_HEAD):
            raise RequestForbidden(f"HEAD {path} is not something this client asks a camera")

    def _look(self, path: str, span: Span, total_bytes: int, etag: str | None) -> bytes:
        """A few bytes of a file that is in no plan yet."""
        try:
            return self._read(path, span, total_bytes, etag)
        except FileInDoubt as error:
            raise Unsettled(f"{path} changed while it was looked at (its size or ETag)") from error

    def _read(self, path: str, span: Span, total_bytes: int, etag: str | None) -> bytes:
        """The bytes of `span`. `etag` is "" where the camera gives none, None where any will do."""
        end = span.first + span.size_bytes
        if not 0 <= span.first < end <= total_bytes:
            raise RequestForbidden(
                f"bytes {span.first}-{end - 1} are not inside a file of {total_bytes} bytes"
            )
        _allow(path, PATH, SIDECAR_PATH)
        file = self._served(path)
        if len(file.content) != total_bytes:
            raise FileInDoubt(f"{path} has {len(file.content)} bytes, {total_bytes} were planned")
        if etag and file.etag is None:
            raise Unsettled(f"the camera no longer says which version of {path} it sends (no ETag)")
        if etag is not None and (file.etag or "") != etag:
            raise FileInDoubt(f"{path} is another file than was planned (its ETag is another)")
        return file.content[span.first : end]


class MemoryAwake:
    """Keeps a camera awake: it notices each of its absences at once."""

    def __init__(self, camera: MemoryCamera) -> None:
        self._camera = camera
        self._noticed = camera.absences

    def take_failure(self) -> bool:
        was_away = self._camera.is_away or self._camera.absences > self._noticed
        self._noticed = self._camera.absences
        return was_away

    def __enter__(self) -> MemoryAwake:
        self._camera.keepers += 1
        self._noticed = self._camera.absences
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._camera.keepers -= 1


class MemoryLocks:
    """The cameras that clients of one machine hold, by serial."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def is_held(self, serial: str) -> bool:
        return serial in self.taken

    @contextmanager
    def hold(self, serial: str) -> Iterator[None]:
        if serial in self.taken:
            raise SpoolBusy(f"another client reads from camera {serial}; wait for it to end")
        self.taken.add(serial)
        try:
            yield
        finally:
            # A client that was killed has let go of it already.
            self.taken.discard(serial)


def _allow(path: str, *forms: re.Pattern[str]) -> None:
    if not any(form.fullmatch(path) for form in forms):
        raise RequestForbidden(f"GET {path} is not something this client asks a camera")
