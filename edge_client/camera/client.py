"""A camera over HTTP, read only. Each method is one try; the haul decides about the next."""

from __future__ import annotations

from collections.abc import Callable
from shlex import quote
from typing import Any

from awscrt.checksums import crc64nvme

from edge_client.base.errors import (
    CameraBusy,
    CameraUnsupported,
    CardFault,
    EdgeError,
    FileInDoubt,
    NothingListed,
    ReadBroken,
    Unfinished,
    Unsettled,
)
from edge_client.base.terminal import plain
from edge_client.camera.connection import (
    DATE_TIME,
    FILES,
    INFO,
    KEEP_ALIVE,
    MEDIA_INFO,
    MEDIA_LIST,
    STATE,
    WIRED_USB,
    Answer,
    Connection,
    path_of,
)
from edge_client.camera.documents import (
    clock_of,
    concerns_of,
    document_of,
    entries_of,
    identity_of,
    media_info_of,
    number_in,
    status_of,
    witnesses_of,
)
from edge_client.camera.home import Home
from edge_client.camera.link import link_to
from edge_client.camera.mp4_boxes import HEAD_BYTES, NotWhole, serial_of_header, trailing_bytes
from edge_client.camera.ranged_read import Wanted, read_range
from edge_client.model.files import FileFacts, MediaInfo
from edge_client.model.listing import CameraStatus, Entry
from edge_client.model.parts import Span
from edge_client.model.plan import CameraIdentity, ChapterPlan

# Open GoPro's own list of supported cameras, gopro.github.io/OpenGoPro. A model that is not in it is not refused: what
# counts is that it answers the calls.
SUPPORTED = "GoPro HERO9 and newer: HERO9, HERO10, HERO11, HERO12 and HERO13 Black, HERO11 Black Mini, MAX 2, LIT HERO"
# What a GoPro's web server (CivetWeb) says where it does not know a path, byte for byte.
GOPROS_NOT_FOUND = b"Error 404: Not Found\nNot found"
MOST_CHARACTERS = 60

# The card is readable when it is good (0) and when it is full (1).
CARD_READABLE = (0, 1)
CARD_FAULTS = {
    2: "is out: put it in",
    3: "has a format error: let somebody look at it before it is formatted",
    8: "was swapped: switch the camera off and on",
}
# To connect, and to wait for the next bytes, where nothing depends on the answer.
INFO_TIMEOUTS_S = (5.0, 10.0)
# How models and files answer that do not know what is asked.
UNKNOWN = (400, 404)
# These first bytes of an answer tell a GoPro's own words from a web page.
MOST_OPENING_BYTES = 64


class Camera:
    """One camera: at `base_url`, over `interface` where that is named, or where that interface says it is.

    `home` has what a camera at an https address asks for.
    """

    def __init__(
        self,
        base_url: str | None,
        monotonic: Callable[[], float],
        interface: str | None = None,
        home: Home | None = None,
    ) -> None:
        self._connection = Connection(link_to(base_url, interface), monotonic, home)
        self._has_answered = False

    def close(self) -> None:
        """Hang up, also on an answer that another thread waits for."""
        self._connection.close()

    def check_ready(self) -> CameraStatus:
        """The camera's status, when it has stopped writing and its card can be read.

        Raises CameraBusy to be waited for, CardFault for a person, CameraUnsupported when something else answers.
        """
        known = status_of(self._state())
        if "8" not in known or "10" not in known:
            raise Unsettled("the camera does not say whether it is busy or recording; switch it off and on")
        if fault := CARD_FAULTS.get(known.get("33", 0)):
            raise CardFault(f"the camera's card {fault}")
        if known["10"]:
            raise CameraBusy("the camera is recording")
        if known["8"] or known.get("82", 1) != 1 or known.get("33", 0) not in CARD_READABLE:
            raise CameraBusy("the camera is busy or still starting")
        return CameraStatus(witnesses_of(known), concerns_of(known))

    def info(self) -> CameraIdentity | None:
        """Who the camera is, or None for models that do not say (before HERO12)."""
        with self._connection.ask("GET", INFO) as answer:
            if answer.status in UNKNOWN:
                return None
            answer.refuse_unless(200)
            return identity_of(document_of(answer))

    def clock(self) -> int | None:
        """What the camera's wall clock shows, as an epoch like its files' dates; None for models that do not say.

        Raises CameraUnreachable, CameraBusy, ReadBroken without an answer.
        """
        try:
            with self._connection.ask("GET", DATE_TIME, timeouts_s=INFO_TIMEOUTS_S) as answer:
                answer.refuse_unless(200)
                return clock_of(document_of(answer))
        except Unsettled:
            return None

    def serial_in(self, directory: str, filename: str, size_bytes: int) -> str | None:
        """The serial of the camera that recorded a file, from its own GPRO header; None when it has none."""
        head = Span(0, 0, min(HEAD_BYTES, size_bytes))
        return serial_of_header(self._look(Wanted(f"{FILES}{directory}/{filename}", head, size_bytes, None)))

    def check_whole(self, directory: str, filename: str, size_bytes: int, etag: str | None) -> int:
        """How many bytes follow the last box of a film that is finished; size and ETag stay what they were.

        Raises Unfinished with what is missing, Unsettled for a file that changes.
        """
        path = f"{directory}/{filename}"

        def read(first: int, count: int) -> bytes:
            return self._look(Wanted(FILES + path, Span(0, first, count), size_bytes, etag or ""))

        try:
            return trailing_bytes(size_bytes, read)
        except NotWhole as error:
            words = f"{path} is not finished: {error}; switch the camera off and on, which repairs a file"
            as_it_is = f"; `reelhaul haul NAME --file {quote(path)} --unfinished` hauls it as it is"
            raise Unfinished(words + as_it_is if size_bytes else words, size_bytes, etag) from error

    def control_over_usb(self) -> None:
        """Ask a camera on USB to listen to us; others refuse, which is as good."""
        try:
            with self._connection.ask("GET", WIRED_USB, timeouts_s=INFO_TIMEOUTS_S):
                pass
        except EdgeError:
            return

    def keep_alive(self, timeout_s: float) -> None:
        """Reset the camera's sleep timer; an answer that is late is not waited for."""
        with self._connection.ask("GET", KEEP_ALIVE, timeouts_s=(timeout_s, timeout_s)):
            pass

    def entries(self, video_count: int) -> list[Entry]:
        """Every entry of the camera's list, unsorted; photos and unreadable entries are included.

        An empty list while the camera counts videos is a fault of the camera, not an empty card.
        """
        with self._connection.ask("GET", MEDIA_LIST) as answer:
            answer.refuse_unless(200)
            found = entries_of(document_of(answer))
        if found is None:
            raise Unsettled("the camera's list cannot be read; switch the camera off and on")
        if not found and video_count > 0:
            raise NothingListed(
                f"the camera counts {video_count} videos but lists none; switch it off and on"
            )
        return found

    def head(self, directory: str, filename: str) -> FileFacts:
        """Size and ETag of a file as the camera serves it now."""
        with self._connection.ask("HEAD", FILES + path_of(directory, filename)) as answer:
            answer.refuse_unless(200)
            size_bytes = number_in(answer.header("Content-Length"))
            if size_bytes is None or size_bytes < 0:
                raise ReadBroken("the camera does not say how long the file is")
            return FileFacts(size_bytes, answer.header("ETag") or None)

    def serves(self, directory: str, filename: str) -> bool:
        """Whether the camera serves a file of this name now."""
        with self._connection.ask("HEAD", FILES + path_of(directory, filename)) as answer:
            if answer.status == 404:
                return False
            answer.refuse_unless(200)
            return True

    def media_info(self, directory: str, filename: str) -> MediaInfo:
        """What the camera knows of a file, which may be nothing. It enriches and is never a gate.

        Raises CameraUnreachable, CameraBusy, ReadBroken without an answer.
        """
        path = f"{MEDIA_INFO}{directory}/{filename}"
        try:
            with self._connection.ask("GET", path, timeouts_s=INFO_TIMEOUTS_S) as answer:
                answer.refuse_unless(200)
                return media_info_of(document_of(answer))
        except Unsettled:
            return MediaInfo(None, None)

    def head_crc(
        self, directory: str, filename: str, size_bytes: int, etag: str | None, head_bytes: int
    ) -> str:
        """The CRC64NVME of a file's first bytes, in hex. Raises Unsettled when size or ETag are not these."""
        head = Span(0, 0, min(head_bytes, size_bytes))
        wanted = Wanted(f"{FILES}{directory}/{filename}", head, size_bytes, etag or "")
        return f"{crc64nvme(self._look(wanted)):016x}"

    def crc_of(self, chapter: ChapterPlan, span: Span) -> int:
        """The CRC64NVME of some bytes of the planned file. Raises as `read_part` does."""
        crc = 0

        def count(block: memoryview) -> None:
            nonlocal crc
            crc = crc64nvme(block, crc)

        self.read_part(chapter, span, count)
        return crc

    def read_part(self, chapter: ChapterPlan, span: Span, write: Callable[[memoryview], None]) -> None:
        """Give `write` exactly the bytes of `span`, of exactly the file that was planned.

        What `write` is given is valid only during its call. Raises FileInDoubt when this answer's size or ETag are not
        the plan's, Transient for everything that another try may mend.
        """
        wanted = Wanted(f"{FILES}{chapter.path}", span, chapter.size_bytes, chapter.etag or "")
        read_range(self._connection, wanted, write)

    def _look(self, wanted: Wanted) -> bytes:
        """A few bytes of a file that is in no plan yet: one that changes has not settled."""
        taken = bytearray()
        try:
            read_range(self._connection, wanted, taken.extend)
        except FileInDoubt as error:
            raise Unsettled(
                f"{wanted.path} changed while it was looked at (its size or ETag); "
                "haul again when the camera has stopped"
            ) from error
        return bytes(taken)

    def _state(self) -> dict[str, Any]:
        """The camera's state. Raises CameraUnsupported when no supported camera has answered before, nor does now."""
        with self._connection.ask("GET", STATE) as answer:
            try:
                document = _state_in(answer)
            except Unsettled as error:
                if self._has_answered or answer.status >= 500:
                    raise
                odd = error
                opening = b"" if answer.status == 200 else answer.take(MOST_OPENING_BYTES)
                sender = likely_sender(
                    answer.status, answer.header("Server"), answer.header("Content-Type"), opening
                )
            else:
                self._has_answered = True
                return document
        if self._may_have_a_list():
            raise odd
        raise CameraUnsupported(
            f"no supported camera is at {self._connection.place}: {sender} answers ({answer.status} to {STATE}, and no "
            f"list of media); supported are {SUPPORTED}"
        ) from odd

    def _may_have_a_list(self) -> bool:
        """Whether the media list says that this is a camera all the same, or a fault hides what it is."""
        with self._connection.ask("GET", MEDIA_LIST) as answer:
            if answer.status != 200:
                return answer.status >= 500
            try:
                return entries_of(document_of(answer)) is not None
            except Unsettled:
                return False


def _state_in(answer: Answer) -> dict[str, Any]:
    """The state in an answer. Raises CameraBusy, Unsettled."""
    answer.refuse_unless(200)
    document = document_of(answer)
    if not isinstance(document.get("status"), dict):
        raise Unsettled("the camera does not say whether it is busy or recording; switch it off and on")
    return document


def likely_sender(status: int, server: str | None, content_type: str | None, opening: bytes) -> str:
    """What sent an answer that no supported camera gives, as far as that can be seen, in words.

    `opening` are the first bytes of the body, if they are known.
    """
    if server:
        return f"a server that calls itself {plain(server)[:MOST_CHARACTERS]!r}"
    if status == 404 and opening.startswith(GOPROS_NOT_FOUND):
        return "what seems to be an older GoPro (HERO8, MAX, Fusion or before)"
    if content_type and content_type.lower().startswith("text/html"):
        return "a web page"
    return "something that seems to be no GoPro"
