"""The camera over HTTP, read only: GET and HEAD of allow-listed paths and nothing else. Wire names end here.

Each method is one try; the haul decides about the next. CivetWeb's habits (no 416, If-Range ignored, 30-byte 404
pages, log text before the status line) are why a ranged read believes nothing that it has not compared.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import requests

from edge_client.bare_http import LIBRARY_ERRORS, TIMEOUTS_S, bare_session
from edge_client.chapters import CameraFile
from edge_client.errors import (
    CameraBusy,
    CameraUnreachable,
    CardFault,
    EdgeError,
    PlanDiffers,
    ReadBroken,
    RequestForbidden,
    Unsettled,
    told,
)
from edge_client.names import PATH
from edge_client.plan import ANOTHER_NAME, CameraIdentity, ChapterPlan, Span
from edge_client.retry import StallWatch

KEEP_ALIVE_EVERY_S = 3.0
BLOCK_BYTES = 1024 * 1024
MOST_JSON_BYTES = 32 * 1024 * 1024

STATE = "/gopro/camera/state"
INFO = "/gopro/camera/info"
KEEP_ALIVE = "/gopro/camera/keep_alive"
WIRED_USB = "/gopro/camera/control/wired_usb?p=1"
MEDIA_LIST = "/gopro/media/list"

VIDEO_PATH = re.compile(rf"/videos/DCIM/{PATH.pattern}", re.ASCII)
ALLOWED = (
    *(re.compile(re.escape(path)) for path in (STATE, INFO, KEEP_ALIVE, WIRED_USB, MEDIA_LIST)),
    re.compile(rf"/gopro/media/info\?path={PATH.pattern}", re.ASCII),
    VIDEO_PATH,
)
CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)", re.ASCII)
SERIAL = re.compile(r"[A-Z][A-Z0-9]{13}", re.ASCII)
# The card is readable when it is good (0) and when it is full (1).
CARD_READABLE = (0, 1)
CARD_FAULTS = {2: "is out", 3: "has a format error", 8: "was swapped"}
HEADER_BYTES = 256


@dataclass(frozen=True)
class FileFacts:
    """What HEAD says of a file."""

    size_bytes: int
    etag: str | None


class Camera:
    """One camera at `base_url`, over a connection of its own."""

    def __init__(self, base_url: str, monotonic: Callable[[], float]) -> None:
        self._base_url = base_url.rstrip("/")
        self._monotonic = monotonic
        self._session = bare_session()

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def check_ready(self) -> dict[str, int]:
        """The camera's status numbers, when it has stopped writing and its card can be read.

        Raises CameraBusy to be waited for, CardFault for a person.
        """
        status = self._json(STATE).get("status")
        known = (
            {k: n for k, v in status.items() if (n := _number(v)) is not None}
            if isinstance(status, dict)
            else {}
        )
        if "8" not in known or "10" not in known:
            raise Unsettled("the camera does not say whether it is busy or recording")
        if fault := CARD_FAULTS.get(known.get("33", 0)):
            raise CardFault(f"the camera's card {fault}")
        if known["10"]:
            raise CameraBusy("the camera is recording")
        if known["8"] or known.get("82", 1) != 1 or known.get("33", 0) not in CARD_READABLE:
            raise CameraBusy("the camera is busy or still starting")
        return known

    def info(self) -> CameraIdentity | None:
        """Who the camera is, or None for models that do not say (before HERO12)."""
        try:
            answer = self._json(INFO, absent=(400, 404))
        except FileNotFoundError:
            return None
        nested = answer.get("info")
        facts = nested if isinstance(nested, dict) else answer
        serial = str(facts.get("serial_number") or "")
        if not serial:
            return None
        return CameraIdentity(serial, _words(facts.get("model_name")), _words(facts.get("firmware_version")))

    def serial_in(self, directory: str, filename: str, size_bytes: int) -> str:
        """The camera's serial from the file's own GPRO header. Raises Unsettled when there is none."""
        taken = bytearray()
        span = Span(0, 0, min(HEADER_BYTES, size_bytes))
        self._read(f"/videos/DCIM/{directory}/{filename}", span, size_bytes, None, taken.extend)
        return serial_of_header(bytes(taken))

    def control_over_usb(self) -> None:
        """Ask a camera on USB to listen to us; others refuse, which is as good."""
        try:
            with self._ask("GET", WIRED_USB):
                pass
        except EdgeError:
            return

    def keep_alive(self, timeout_s: float) -> None:
        """Reset the camera's sleep timer; an answer that is late is not waited for."""
        with self._ask("GET", KEEP_ALIVE, timeouts_s=(timeout_s, timeout_s)):
            pass

    def files(self, video_count: int) -> list[CameraFile]:
        """Everything in the camera's list, as it comes: unsorted, photos and all.

        An empty list while the camera counts videos is a fault of the camera, not an empty card.
        """
        media = self._json(MEDIA_LIST).get("media")
        if not isinstance(media, list):
            raise Unsettled("the camera's list cannot be read; switch the camera off and on")
        found = [file for folder in media if isinstance(folder, dict) for file in _files_of(folder)]
        if not found and video_count > 0:
            raise Unsettled(f"the camera counts {video_count} videos but lists none; switch it off and on")
        return found

    def head(self, directory: str, filename: str) -> FileFacts:
        """Size and ETag of a file as the camera serves it now."""
        with self._ask("HEAD", f"/videos/DCIM/{directory}/{filename}") as response:
            _refuse_unless(response, 200)
            size = _number(response.headers.get("Content-Length"))
            if size is None:
                raise ReadBroken("the camera does not say how long the file is")
            return FileFacts(size, response.headers.get("ETag"))

    def gumi(self, directory: str, filename: str) -> str | None:
        """The camera's unique id of a file, where it knows one. It enriches and is never a gate."""
        try:
            answer = self._json(f"/gopro/media/info?path={directory}/{filename}", absent=(400, 404))
        except (FileNotFoundError, Unsettled):
            return None
        return _words(answer.get("gumi"))

    def read_part(self, chapter: ChapterPlan, span: Span, write: Callable[[bytes], None]) -> None:
        """Give `write` exactly the bytes of `span`, of exactly the file that was planned.

        Raises PlanDiffers when size or ETag are not the plan's, Transient for everything that another try may mend.
        """
        self._read(f"/videos/DCIM/{chapter.path}", span, chapter.size_bytes, chapter.etag or "", write)

    def _read(
        self, path: str, span: Span, total: int, etag: str | None, write: Callable[[bytes], None]
    ) -> None:
        last = span.first + span.size_bytes - 1
        if not 0 <= span.first <= last < total:
            raise RequestForbidden(f"bytes {span.first}-{last} are not inside a file of {total} bytes")
        with self._ask("GET", path, {"Range": f"bytes={span.first}-{last}"}) as response:
            _refuse_unless(response, 206)
            refuse_other_range(response, path, span, total)
            if etag is not None and response.headers.get("ETag", "") != etag:
                raise PlanDiffers(
                    f"{path} is another file than was planned (its ETag changed); {ANOTHER_NAME}"
                )
            self._take(response, span.size_bytes, write)

    def _take(self, response: requests.Response, size_bytes: int, write: Callable[[bytes], None]) -> None:
        """Exactly `size_bytes` of the body. read1 returns what is there, so a trickle is seen as one."""
        watch = StallWatch(self._monotonic, ReadBroken)
        left = size_bytes
        while left:
            with _library_errors():
                block = response.raw.read1(min(BLOCK_BYTES, left), decode_content=False)
            if not block:
                raise ReadBroken(f"the camera ended {left} bytes early")
            left -= len(block)
            if left < 0:
                raise ReadBroken("the camera sent more than was asked for")
            write(block)
            watch.moved(len(block))

    def _json(self, path: str, absent: tuple[int, ...] = ()) -> dict[str, Any]:
        """A JSON object. Raises FileNotFoundError for the statuses in `absent`, Unsettled for any other answer."""
        with self._ask("GET", path) as response:
            if response.status_code in absent:
                raise FileNotFoundError(path)
            _refuse_unless(response, 200)
            raw = self._body(response)
        try:
            document = json.loads(raw)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise Unsettled(f"the camera's answer to {path} cannot be read")
        return document

    def _body(self, response: requests.Response) -> bytes:
        """The body as far as it came; one that ends early is no JSON."""
        watch, taken = StallWatch(self._monotonic, ReadBroken), bytearray()
        with _library_errors():
            while block := response.raw.read1(MOST_JSON_BYTES - len(taken), decode_content=False):
                taken += block
                watch.moved(len(block))
        return bytes(taken)

    def _ask(
        self,
        method: str,
        path: str,
        headers: dict[str, str] | None = None,
        timeouts_s: tuple[float, float] = TIMEOUTS_S,
    ) -> requests.Response:
        """The only way to the camera: no other method and no other path can be sent."""
        if method not in ("GET", "HEAD") or not any(allowed.fullmatch(path) for allowed in ALLOWED):
            raise RequestForbidden(f"{method} {path} is not something this client asks a camera")
        with _library_errors():
            return self._session.request(
                method,
                self._base_url + path,
                headers={"Accept-Encoding": "identity", **(headers or {})},
                timeout=timeouts_s,
                allow_redirects=False,
                stream=True,
            )


class KeepAlive:
    """Keeps a camera awake from its own thread and connection, whatever the haul waits for."""

    def __init__(self, camera: Camera, every_s: float = KEEP_ALIVE_EVERY_S) -> None:
        self._camera = camera
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keep-alive", daemon=True)

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            try:
                # A beat that waits as long as a read may would let the camera fall asleep meanwhile.
                self._camera.keep_alive(self._every_s)
            except EdgeError:
                # The leg that reads says that the camera is away; here the next beat is all there is to do.
                continue

    def __enter__(self) -> KeepAlive:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(TIMEOUTS_S[0])
        self._camera.close()


def refuse_other_range(response: requests.Response, path: str, span: Span, total: int) -> None:
    """Nothing when a 206 is about exactly these bytes of a file of `total` bytes."""
    match = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if not match:
        raise ReadBroken("the camera does not say which bytes it sends")
    first, last, there = (int(group) for group in match.groups())
    if there != total:
        raise PlanDiffers(f"{path} has {there} bytes now, {total} were planned; {ANOTHER_NAME}")
    if (first, last) != (span.first, span.first + span.size_bytes - 1):
        raise ReadBroken(f"the camera sends bytes {first}-{last}, not those that were asked for")
    if response.headers.get("Content-Length") != str(span.size_bytes):
        raise ReadBroken("the camera's Content-Length is not that of the range")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise ReadBroken("the camera encodes what it sends")


def serial_of_header(head: bytes) -> str:
    """The camera's serial from the first bytes of one of its MP4 files.

    `mdat` begins with GPRO, u32 length, firmware (15), lens serial (48, padded), media id (16), camera serial (14).
    Source: real files of three models, where it equals the CASN of their GPMF wherever they carry one.
    """
    at = head.find(b"GPRO")
    serial = head[at + 87 : at + 101].decode("ascii", "replace") if at >= 0 else ""
    if not SERIAL.fullmatch(serial):
        raise Unsettled("neither the camera nor its file says which camera this is")
    return serial


@contextmanager
def _library_errors() -> Iterator[None]:
    try:
        yield
    except LIBRARY_ERRORS as error:
        raise CameraUnreachable(f"no answer from the camera ({told(error)})") from error


def _refuse_unless(response: requests.Response, wanted: int) -> None:
    if response.status_code == 503:
        raise CameraBusy("the camera is busy")
    if response.status_code != wanted:
        raise Unsettled(
            f"the camera answers {response.status_code} to {response.request.path_url} where {wanted} was due; "
            "if it goes on, switch the camera off and on"
        )


def _files_of(folder: dict[str, Any]) -> list[CameraFile]:
    directory, items = str(folder.get("d", "")), folder.get("fs")
    rows = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return [
        CameraFile(directory, str(row["n"]), size, _number(row.get("cre")), _number(row.get("mod")))
        for row in rows
        if "n" in row and (size := _number(row.get("s"))) is not None
    ]


def _number(value: object) -> int | None:
    """A wire number: cameras write them as texts."""
    text = str(value)
    return int(text) if re.fullmatch(r"-?[0-9]{1,19}", text, re.ASCII) else None


def _words(value: object) -> str | None:
    text = str(value) if isinstance(value, (str, int)) else ""
    return text or None
