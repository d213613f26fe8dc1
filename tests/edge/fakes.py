"""A camera on 127.0.0.1, small but strict: it follows the wire, and refuses what that refuses; and its films.

Faults are scripted: `faults` maps a name to a list, of which each request of that kind takes the first.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from edge_client.haul.camera_session import Looks

SERIAL = "C3501324500711"
TOKEN = "t_device.SeCrEtOfThEtOkEn"
SIGNATURE = "SiGnAtUrEtHaTmUsTnOtLeAk"
PART_BYTES = 4096
# Lengths that no part of these tests has.
LOOKS = Looks(head_bytes=33, spot_bytes=23)


def footage(size_bytes: int, seed: int = 1) -> bytes:
    """Bytes that differ from place to place and from seed to seed."""
    block = bytes((seed * 131 + n * 7 + n // 251) % 256 for n in range(8192 + seed))
    return (block * (size_bytes // len(block) + 1))[:size_bytes]


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


def text_of(crc: int) -> str:
    return base64.b64encode(crc.to_bytes(8, "big")).decode()


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer on a kept connection waits 40 ms

    def log_message(self, *args: Any) -> None:
        """Nothing: tests look at the fake's own log."""

    def answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_json(self, status: int, document: object, headers: dict[str, str] | None = None) -> None:
        self.answer(
            status, json.dumps(document).encode(), {"Content-Type": "application/json", **(headers or {})}
        )


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, fake: Any, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.fake = fake

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is part of many tests."""


@contextmanager
def serving(fake: Any, handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = Server(fake, handler)
    thread = threading.Thread(target=lambda: server.serve_forever(0.01))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class CameraFile:
    content: bytes
    etag: str = '"62c2a1c6.1"'
    created: str = "1656931398"
    listed_bytes: int | None = None


@dataclass
class FakeCamera:
    """A camera with `files` by `directory/name`; `requests` logs (method, path, range).

    `gumis` are what it tells of its files, by path, where it tells anything; what is `hidden` is listed and not served;
    what is `unanswered` gets this status at any time, or for 0 the end of the connection.
    """

    files: dict[str, CameraFile] = field(default_factory=dict)
    gumis: dict[str, str] = field(default_factory=dict)
    hidden: set[str] = field(default_factory=set)
    unanswered: dict[str, int] = field(default_factory=dict)
    serial: str | None = SERIAL
    nested_info: bool = False
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
        return is_look(self.files[path.removeprefix("/videos/DCIM/")].content, span)

    def beats(self) -> int:
        return sum(path.endswith("keep_alive") for _, path, _ in self.requests)

    def media(self) -> dict[str, Any]:
        folders: dict[str, list[dict[str, str]]] = defaultdict(list)
        for path, file in self.files.items():
            directory, name = path.split("/")
            size = len(file.content) if file.listed_bytes is None else file.listed_bytes
            folders[directory].append(
                {"n": name, "cre": file.created, "mod": file.created, "ls": "-1", "s": str(size)}
            )
        return {"id": "1", "media": [{"d": directory, "fs": rows} for directory, rows in folders.items()]}


ReadFault = Callable[["CameraHandler", CameraFile, int, int], None]


class CameraHandler(Quiet):
    @property
    def fake(self) -> FakeCamera:
        return self.server.fake  # type: ignore[attr-defined, no-any-return]  # Server sets it

    def send_response(self, code: int, message: str | None = None) -> None:
        """As a camera does: its server does not say its name."""
        self.send_response_only(code, message)

    def do_HEAD(self) -> None:
        self.serve()

    def do_GET(self) -> None:
        self.serve()

    def serve(self) -> None:
        self.fake.requests.append((self.command, self.path, self.headers.get("Range", "")))
        if self.path.startswith("/videos/DCIM/"):
            return self.serve_file(self.path.removeprefix("/videos/DCIM/"))
        call = self.path.split("?")[0].rpartition("/")[2]
        kind = "media" if "/media/info" in self.path else call
        if act := self.fake.fault(kind):
            self.answer(*act) if not callable(act) else act(self)
            return None
        if gumi := self.fake.gumis.get(self.path.removeprefix("/gopro/media/info?path=")):
            return self.answer_json(200, {"gumi": gumi})
        documents: dict[str, Any] = {
            "state": {"status": self.fake.state, "settings": {}},
            "keep_alive": {},
            "wired_usb": {},
            "list": self.fake.media(),
        }
        if kind == "info" and self.fake.serial:
            facts = {
                "model_name": "HERO12 Black",
                "firmware_version": "H23.01",
                "serial_number": self.fake.serial,
            }
            return self.answer_json(200, {"info": facts} if self.fake.nested_info else facts)
        if kind in documents:
            return self.answer_json(200, documents[kind])
        return self.answer(404, b"Error 404: Not Found\nNot found", {"Content-Type": "text/plain"})

    def serve_file(self, path: str) -> None:
        if path in self.fake.unanswered:
            status = self.fake.unanswered[path]
            self.close_connection = True
            return self.answer(status) if status else None
        file = None if path in self.fake.hidden else self.fake.files.get(path)
        if self.command == "HEAD" and file:
            other = self.fake.fault("head") or {}
            return self.answer(
                200, b"", {"Content-Length": str(len(file.content)), "Etag": file.etag, **other}
            )
        if file is None:
            return self.answer(404, b"Error 404: Not Found\nNot found", {"Content-Type": "text/plain"})
        span = self.headers["Range"]
        is_a_look = is_look(file.content, span) or (is_tiny(span) and self.fake.was_read(path, span))
        act: ReadFault | None = self.fake.fault("look" if is_a_look else "read")
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
        assert match
        first, last = int(match[1]), int(match[2])
        return (act or CameraHandler.part)(self, file, first, last)

    def part(self, file: CameraFile, first: int, last: int, **other: str) -> None:
        body = file.content[first : last + 1]
        headers = {"Content-Range": f"bytes {first}-{last}/{len(file.content)}", "Etag": file.etag, **other}
        self.answer(206, body, headers)


def part(**headers: str) -> ReadFault:
    """The part that was asked for, with these headers."""
    return lambda handler, file, first, last: handler.part(file, first, last, **headers)


def raw(*pieces: bytes) -> Callable[..., None]:
    """Exactly these bytes on the wire, and the end of the connection."""

    def act(handler: CameraHandler, *rest: Any) -> None:
        handler.close_connection = True
        for piece in pieces:
            handler.wfile.write(piece)

    return act
