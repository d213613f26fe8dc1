"""A camera that costs nothing: its bytes go from memory to the socket without passing through Python."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from tests.benchmarks.edge.card import FIRMWARE, MODEL, SERIAL, Chapter, block
from tests.benchmarks.edge.pacing import Bucket
from tests.benchmarks.edge.wire import Exchange, Server

RANGE = re.compile(r"bytes=(\d+)-(\d*)")
STATUS = {"8": 0, "10": 0, "33": 0, "39": 1, "82": 1}
PACED_BYTES = 64 * 1024
FAST_BYTES = 8 * 1024 * 1024


class Camera:
    """One camera with one chapter."""

    def __init__(self, chapter: Chapter, rate_bytes_s: float | None) -> None:
        self.chapter = chapter
        self.bucket = Bucket(rate_bytes_s)
        self.plane = os.memfd_create("block")
        os.write(self.plane, block())
        self._server = Server(self, CameraExchange, paced=rate_bytes_s is not None)

    def url(self) -> str:
        return self._server.url

    def close(self) -> None:
        self._server.close()
        os.close(self.plane)


class CameraExchange(Exchange):
    """GET and HEAD as a camera answers them; files close their connection, as CivetWeb does."""

    @property
    def camera(self) -> Camera:
        found: Camera = self.server.subject
        return found

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        chapter, path = self.camera.chapter, self.path.partition("?")[0]
        if path == f"/videos/DCIM/{chapter.path}":
            return self._file()
        documents: dict[str, Callable[[], object]] = {
            "/gopro/camera/state": lambda: {"status": STATUS, "settings": {}},
            "/gopro/camera/info": lambda: {
                "model_name": MODEL,
                "firmware_version": FIRMWARE,
                "serial_number": SERIAL,
            },
            "/gopro/camera/keep_alive": dict,
            "/gopro/camera/control/wired_usb": dict,
            "/gopro/media/list": lambda: _listed(chapter),
        }
        if path not in documents:
            return self.answer(404, b"Error 404: Not Found\nNot found", {"Content-Type": "text/plain"})
        return self.answer_json(200, documents[path]())

    def _file(self) -> None:
        chapter = self.camera.chapter
        match = RANGE.fullmatch(self.headers.get("Range", ""))
        first = int(match[1]) if match else 0
        end = min(int(match[2]) + 1, chapter.size_bytes) if match and match[2] else chapter.size_bytes
        self.send_response(206 if match else 200)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Content-Length", str(end - first))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Etag", chapter.etag)
        if match:
            self.send_header("Content-Range", f"bytes {first}-{end - 1}/{chapter.size_bytes}")
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "GET":
            self._bytes(chapter, first, end)

    def _bytes(self, chapter: Chapter, first: int, end: int) -> None:
        with self.camera.bucket.flow():
            for piece in chapter.pieces(first, end):
                if isinstance(piece, bytes):
                    self.camera.bucket.take(len(piece))
                    self.wfile.write(piece)
                else:
                    self._from_block(*piece)

    def _from_block(self, inside: int, count: int) -> None:
        camera, stop = self.camera, inside + count
        most = FAST_BYTES if camera.bucket.is_open else PACED_BYTES
        while inside < stop:
            end = min(inside + most, stop)
            camera.bucket.take(end - inside)
            while inside < end:
                inside += os.sendfile(self.connection.fileno(), camera.plane, inside, end - inside)


def _listed(chapter: Chapter) -> dict[str, object]:
    file = {
        "n": chapter.filename,
        "cre": "1656931398",
        "mod": "1656931398",
        "glrv": "0",
        "ls": "-1",
        "s": str(chapter.size_bytes),
    }
    return {"id": "1", "media": [{"d": chapter.directory, "fs": [file]}]}
