"""The camera simulator in a test's hands: the card, the state and the faults that the test says, and footage for it.

Faults are scripted: `faults` maps a name to a list, of which each request of that kind takes the first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from edge_client.haul.camera_session import Looks
from infra.local.camera import (
    ABSENT,
    ERROR_PAGE,
    Camera,
    CameraState,
    Card,
    CardFile,
    Directory,
    Habits,
    HardwareInfo,
)
from infra.local.camera.documents import media_list
from infra.local.camera.routes import FILES
from infra.local.camera.state import state_document
from infra.local.gopro_file import MemoryContent
from infra.local.http_server import ConnectionCut
from tests.support.exchange import Exchange

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SERIAL = "C3501324500711"
LIST = "/gopro/media/list"
INFO_OF = "/gopro/media/info?path="
SAYS_NOTHING = dict.fromkeys(state_document(CameraState(), Card())["status"], ABSENT)
# Lengths that no part of these tests has.
LOOKS = Looks(head_bytes=33, spot_bytes=23)


def footage(size_bytes: int, seed: int = 1) -> bytes:
    """Bytes that differ from place to place and from seed to seed."""
    block = _block(seed)
    return (block * (size_bytes // len(block) + 1))[:size_bytes]


@cache
def _block(seed: int) -> bytes:
    return bytes((seed * 131 + n * 7 + n // 251) % 256 for n in range(8192 + seed))


def boxed(samples: bytes) -> bytes:
    """A whole film around `samples`, in the order in which cameras write one."""
    boxes = ((b"ftyp", b"mp41" + bytes(4) + b"mp41"), (b"mdat", samples), (b"moov", b""))
    return b"".join((8 + len(inside)).to_bytes(4, "big") + kind + inside for kind, inside in boxes)


LEAST_FILM_BYTES = len(boxed(b""))


def film(size_bytes: int, seed: int = 1) -> bytes:
    """A whole film of `size_bytes`, its samples being footage."""
    assert size_bytes >= LEAST_FILM_BYTES, "no room for its boxes"
    return boxed(footage(size_bytes - LEAST_FILM_BYTES, seed))


def is_look(content: bytes, span: str) -> bool:
    """Whether a range is the header of a box, the film's head or a spot of a part: nothing of it is kept."""
    first, last = (int(text) for text in span.removeprefix("bytes=").split("-"))
    if last - first + 1 in (LOOKS.head_bytes, LOOKS.spot_bytes):
        return True
    return last - first < 16 and content[first + 4 : first + 8] in (b"ftyp", b"mdat", b"moov")


def is_tiny(span: str) -> bool:
    """Whether a range is a part so short that the spot of it is all of it, and is asked for twice."""
    first, last = (int(text) for text in span.removeprefix("bytes=").split("-"))
    return last - first + 1 <= LOOKS.spot_bytes


@dataclass
class CameraFile:
    content: bytes
    etag: str = '"62c2a1c6.1"'
    created: str = "1656931398"
    listed_bytes: int | None = None
    proxy_bytes: int = 0
    is_listed: bool = True


@dataclass
class FakeCamera:
    """What the camera of a test has, says and does; it is served by `serving_camera`.

    `files` are by `directory/name`; `requests` logs (method, path, range). `gumis` are what it tells of its files, by
    path, where it tells anything; what is `hidden` is listed and not served; what is `unanswered` gets this status at
    any time, or for 0 the end of the connection. `state` is all that it says of its status, `shown` the list in place
    of that of its files.
    """

    files: dict[str, CameraFile] = field(default_factory=dict)
    gumis: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    unanswered: dict[str, int] = field(default_factory=dict)
    serial: str | None = SERIAL
    nested_info: bool = False
    shown: object = None
    state: dict[str, Any] = field(default_factory=lambda: {"8": 0, "10": 0, "33": 0, "39": 1, "82": 1})
    faults: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    url: str = ""

    def fault(self, name: str) -> Any:
        return self.faults[name].pop(0) if self.faults[name] else None

    def reads(self) -> list[str]:
        """The ranges of parts that were asked for."""
        found = [(path, span) for path, span in self._ranges() if not self._is_look(path, span)]
        return [
            span
            for number, (path, span) in enumerate(found)
            if not (is_tiny(span) and (path, span) in found[:number])
        ]

    def was_read(self, path: str, span: str) -> bool:
        """Whether this range was asked for before the last request."""
        return any(p.endswith(f"/{path}") and span == asked for _, p, asked in self.requests[:-1])

    def looks(self) -> list[str]:
        """The ranges of box headers that were asked for."""
        return [span for path, span in self._ranges() if self._is_look(path, span)]

    def _ranges(self) -> list[tuple[str, str]]:
        return [(path, span) for method, path, span in self.requests if method == "GET" and span]

    def _is_look(self, path: str, span: str) -> bool:
        return is_look(self.files[_path_in(path)].content, span)

    def beats(self) -> int:
        return sum(path.endswith("keep_alive") for _, path, _ in self.requests)

    def media(self) -> dict[str, Any]:
        """The list of its files."""
        return media_list(self.card(list(self.files)))

    def card(self, paths: Sequence[str]) -> Card:
        """A card with these of its files."""
        directories: dict[str, list[CardFile]] = defaultdict(list)
        for path in paths:
            directory, name = path.split("/")
            directories[directory].append(self._file(path, name))
        return Card(
            tuple(Directory(name, tuple(files)) for name, files in directories.items()),
            serial=self.serial or "",
            firmware="H23.01",
        )

    def _file(self, path: str, name: str) -> CardFile:
        file, gumi = self.files[path], self.gumis.get(path)
        dates = (("cre", file.created), ("mod", file.created))
        return CardFile(
            name,
            MemoryContent(file.content),
            listed_bytes=file.listed_bytes,
            listed=file.is_listed,
            listed_as=dates,
            low_resolution_bytes=file.proxy_bytes,
            has_info=gumi is not None,
            etag=file.etag,
            gumi=gumi,
        )

    def habits(self) -> Habits:
        shape = HardwareInfo.NESTED if self.nested_info else HardwareInfo.FLAT
        return Habits(hardware_info=shape if self.serial else HardwareInfo.ABSENT)


class ScriptedCamera(Camera):
    """The camera simulator, whose files, state and faults are those of a `FakeCamera`."""

    def __init__(self, script: FakeCamera) -> None:
        super().__init__(Card())
        self.script = script

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        exchange, script = CameraExchange(environ), self.script
        script.requests.append((exchange.command, exchange.path, exchange.headers.get("Range", "")))
        if act := self._act(exchange):
            act(exchange)
            raise ConnectionCut
        self.card = script.card(self._wanted(exchange.path))
        self.state.says = {**SAYS_NOTHING, **script.state}
        self.habits = script.habits()
        return super().__call__(environ, start_response)

    def _wanted(self, target: str) -> list[str]:
        """Those files that the answer depends on: a card may have thousands."""
        if target == LIST:
            return list(self.script.files)
        path = _path_in(target)
        return [path] if path in self.script.files else []

    def _act(self, exchange: CameraExchange) -> Callable[[CameraExchange], object] | None:
        """What the test has in place of the camera's own answer."""
        if exchange.path.startswith(FILES):
            return self._act_of_file(exchange, _path_in(exchange.path))
        kind = (
            "media"
            if exchange.path.startswith(INFO_OF)
            else exchange.path.partition("?")[0].rpartition("/")[2]
        )
        act = self.script.fault(kind)
        if act is None and exchange.path == LIST and self.script.shown is not None:
            return lambda exchange: exchange.answer_json(200, self.script.shown)
        if act is None or callable(act):
            return act  # type: ignore[no-any-return]  # a test's own
        return lambda exchange: exchange.answer(*act)

    def _act_of_file(self, exchange: CameraExchange, path: str) -> Callable[[CameraExchange], object] | None:
        script = self.script
        if path in script.unanswered:
            status = script.unanswered[path]
            return lambda exchange: exchange.answer(status) if status else None
        if path in script.hidden:
            return CameraExchange.answer_missing
        file = script.files.get(path)
        if file is None:
            return None
        if exchange.command == "HEAD":
            other = script.fault("head")
            length = {"Content-Length": str(len(file.content)), "Etag": file.etag}
            return other and (lambda exchange: exchange.answer(200, b"", {**length, **other}))
        span = exchange.headers["Range"]
        is_a_look = is_look(file.content, span) or (is_tiny(span) and script.was_read(path, span))
        act = script.fault("look" if is_a_look else "read")
        first, last = (int(text) for text in span.removeprefix("bytes=").split("-"))
        return act and (lambda exchange: act(exchange, file, first, last))


def _path_in(target: str) -> str:
    """The file that a request is about, by directory and name."""
    return unquote(target.removeprefix(FILES).removeprefix(INFO_OF), errors="surrogateescape")


class CameraExchange(Exchange):
    """One request to the camera."""

    def answer_missing(self) -> None:
        self.answer(404, ERROR_PAGE, {"Content-Type": "text/plain"})

    def part(self, file: CameraFile, first: int, last: int, **other: str) -> None:
        """The bytes that were asked for, with these headers."""
        body = file.content[first : last + 1]
        headers = {"Content-Range": f"bytes {first}-{last}/{len(file.content)}", "Etag": file.etag, **other}
        self.answer(206, body, headers)


@contextmanager
def serving_camera(script: FakeCamera) -> Iterator[FakeCamera]:
    """`script`, played at its `url`."""
    with ScriptedCamera(script) as camera:
        script.url = camera.url
        yield script


ReadFault = Callable[[CameraExchange, CameraFile, int, int], None]


def part(**headers: str) -> ReadFault:
    """The part that was asked for, with these headers."""
    return lambda exchange, file, first, last: exchange.part(file, first, last, **headers)


def raw(*pieces: bytes) -> Callable[..., None]:
    """Exactly these bytes on the wire, and the end of the connection."""

    def act(exchange: CameraExchange, *rest: Any) -> None:
        for piece in pieces:
            exchange.write(piece)

    return act
