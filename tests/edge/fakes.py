"""A camera, a coordinator and an S3 on 127.0.0.1, small but strict: they follow the wire, and refuse what it refuses.

Faults are scripted: `faults` maps a name to a list, of which each request of that kind takes the first.
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import socket
import struct
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from awscrt.checksums import crc64nvme

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


@dataclass
class Upload:
    upload_id: str
    artifact_id: str
    size_bytes: int
    state: str = "OPEN"
    parts: dict[int, bytes] = field(default_factory=dict)
    receipt: dict[str, Any] | None = None
    session_id: str = ""


@dataclass
class FakeCloud:
    """A coordinator and its S3. `calls` logs the coordinator's requests, `puts` the part numbers that S3 was sent.

    The fault "address" is where a URL leads instead of here. `hauled_by` names the device of a session where that is
    not `device_id`, and `stored` holds the originals of those, by session and artifact; `gets` logs their ranges.
    """

    part_bytes: int = PART_BYTES
    expires_in_s: int = 900
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)
    faults: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    calls: list[str] = field(default_factory=list)
    puts: list[int] = field(default_factory=list)
    put_headers: list[dict[str, str]] = field(default_factory=list)
    batches: list[list[int]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    heartbeats: list[dict[str, Any]] = field(default_factory=list)
    policy: dict[str, Any] = field(default_factory=lambda: {"pause": False, "pace_bytes_s": None})
    server_time: str = "2026-11-25T12:00:00Z"
    expires_at: str = "2026-11-25T12:15:00Z"
    issued: int = 0
    device_id: str = "d_own"
    hauled_by: dict[str, str] = field(default_factory=dict)
    stored: dict[tuple[str, str], bytes] = field(default_factory=dict)
    gets: list[str] = field(default_factory=list)
    url: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def fault(self, name: str) -> Any:
        with self.lock:
            return self.faults[name].pop(0) if self.faults[name] else None

    def upload_of(self, artifact_id: str, session_id: str) -> Upload | None:
        """The upload of an artifact in a session; one that a test opened without a session is of each."""
        found = [
            u
            for u in self.uploads.values()
            if u.artifact_id == artifact_id
            and u.session_id in ("", session_id)
            and u.state in ("OPEN", "VERIFIED")
        ]
        return found[-1] if found else None

    def objects(self) -> dict[str, bytes]:
        done = [u for u in self.uploads.values() if u.state == "VERIFIED"]
        return {u.artifact_id: b"".join(u.parts[n] for n in sorted(u.parts)) for u in done}

    def numbers(self, upload: Upload) -> range:
        return range(1, self.count(upload) + 1) if upload.state == "OPEN" else range(0)

    def count(self, upload: Upload) -> int:
        return -(-upload.size_bytes // self.part_bytes)

    def view(self, upload: Upload) -> dict[str, Any]:
        parts = [
            {"number": n, "size_bytes": len(body), "crc64nvme": text_of(crc64nvme(body))}
            for n, body in sorted(upload.parts.items())
            if upload.state == "OPEN"
        ]
        return {
            "upload_id": upload.upload_id,
            "session_id": "s",
            "artifact_id": upload.artifact_id,
            "state": upload.state,
            "plan": {
                "size_bytes": upload.size_bytes,
                "part_size_bytes": self.part_bytes,
                "part_count": self.count(upload),
            },
            "parts": parts,
            "missing": [n for n in self.numbers(upload) if n not in upload.parts],
            "receipt": upload.receipt,
            "reason": None,
        }

    def session_view(self, session_id: str) -> dict[str, Any]:
        rows = []
        for chapter in self.sessions[session_id]["chapters"]:
            artifact_id = f"original.{chapter['directory']}.{chapter['filename']}"
            upload = self.upload_of(artifact_id, session_id)
            names = {key: chapter[key] for key in ("directory", "filename", "size_bytes")}
            latest = {"upload_id": upload.upload_id, "state": upload.state} if upload else None
            receipt = upload.receipt if upload else None
            rows.append({"artifact_id": artifact_id, **names, "upload": latest, "receipt": receipt})
        return {"session_id": session_id, "state": "OPEN", "chapters": rows}

    def claim(
        self, session_id: str, chapter: dict[str, Any], body: bytes, device_id: str = "d_other"
    ) -> None:
        """Another device has hauled `body` as this chapter of this camera."""
        self.sessions[session_id] = {"camera": {"serial": SERIAL}, "chapters": [chapter]}
        self.hauled_by[session_id] = device_id
        self.stored[session_id, f"original.{chapter['directory']}.{chapter['filename']}"] = body

    def receipt_of(self, session_id: str, artifact_id: str) -> dict[str, Any] | None:
        """The receipt of a chapter, of whichever device."""
        if session_id not in self.hauled_by:
            upload = self.upload_of(artifact_id, session_id)
            return upload.receipt if upload else None
        body = self.stored.get((session_id, artifact_id))
        return None if body is None else receipt_for(artifact_id, body, upload_id=f"u_{session_id}")

    def known_view(self, serial: str) -> dict[str, Any]:
        """One page of all that is known of a camera."""
        rows = [
            {
                "session_id": name,
                "device_id": self.hauled_by.get(name, self.device_id),
                "artifact_id": view["artifact_id"],
                **chapter,
                "receipt": self.receipt_of(name, view["artifact_id"]),
            }
            for name, session in self.sessions.items()
            if session["camera"]["serial"] == serial
            for chapter, view in zip(session["chapters"], self.session_view(name)["chapters"], strict=True)
        ]
        return {"asked_by": self.device_id, "chapters": rows, "cursor": None}

    def open(self, artifact_id: str, size_bytes: int, session_id: str = "") -> Upload:
        found = self.upload_of(artifact_id, session_id)
        if found is None:
            found = Upload(f"u_{len(self.uploads) + 1}", artifact_id, size_bytes, session_id=session_id)
            self.uploads[found.upload_id] = found
        return found

    def verify(self, upload: Upload) -> None:
        body = b"".join(upload.parts[n] for n in sorted(upload.parts))
        upload.state = "VERIFIED"
        upload.receipt = receipt_for(upload.artifact_id, body, upload.upload_id)


def receipt_for(artifact_id: str, body: bytes, upload_id: str) -> dict[str, Any]:
    return {
        "upload_id": upload_id,
        "artifact_id": artifact_id,
        "key": f"originals/s/{artifact_id}",
        "version_id": "v1",
        "size_bytes": len(body),
        "crc64nvme": text_of(crc64nvme(body)),
        "verified_at": "2026-11-21T10:20:00Z",
    }


class CloudHandler(Quiet):
    @property
    def fake(self) -> FakeCloud:
        return self.server.fake  # type: ignore[attr-defined, no-any-return]  # Server sets it

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def problem(self, status: int, slug: str, action: str, **more: Any) -> None:
        document = {
            "type": f"urn:reelhaul:problem:{slug}",
            "title": slug,
            "status": status,
            "action": action,
            **more,
        }
        self.answer(status, json.dumps(document).encode(), {"Content-Type": "application/problem+json"})

    def do_GET(self) -> Any:
        return self.give() if self.path.startswith("/bucket/") else self.call()

    def do_POST(self) -> None:
        self.call()

    def do_PUT(self) -> Any:
        return self.store() if self.path.startswith("/bucket/") else self.call()

    def call(self) -> Any:
        """The coordinator."""
        self.raw, kind = self.body(), self.kind()
        with self.fake.lock:
            self.fake.calls.append(kind)
            self.fake.headers.append(dict(self.headers))
        if act := self.fake.fault(kind):
            return act(self) if callable(act) else self.answer(*act)
        return self.serve()

    def serve(self) -> None:
        """The call, judged and answered as the coordinator does."""
        if self.headers["Authorization"] != f"Bearer {TOKEN}" or not self.headers["Reelhaul-Client-Version"]:
            return self.problem(401, "not-authenticated", "stop")
        with self.fake.lock:
            body = json.loads(self.raw) if self.raw else {}
            kind, parts = self.kind(), self.path.split("/")
            if kind == "proof":
                return self.proof_urls(parts[3], parts[5], body)
            if kind in ("session", "state") and parts[3] in self.fake.hauled_by:
                return self.problem(404, "not-found", "stop")
            return self.dispatch(kind, body)

    def kind(self) -> str:
        last = self.path.rpartition("/")[2]
        if self.command == "PUT":
            return "session"
        if self.command == "GET":
            return "known" if "/cameras/" in self.path else "state" if "/sessions/" in self.path else "get"
        return {
            "uploads": "open",
            "part-urls": "urls",
            "complete": "complete",
            "progress": "progress",
            "proof-urls": "proof",
        }[last]

    def dispatch(self, kind: str, body: dict[str, Any]) -> None:
        fake, parts = self.fake, self.path.split("/")
        if kind == "session":
            known = fake.sessions.setdefault(parts[3], body)
            if known != body:
                return self.problem(409, "session-differs", "stop", differences=["chapters"])
            return self.answer_json(200, fake.session_view(parts[3]))
        if kind == "known":
            return self.answer_json(200, fake.known_view(parts[3]))
        if kind == "state":
            if parts[3] not in fake.sessions:
                return self.problem(404, "not-found", "stop")
            return self.answer_json(200, fake.session_view(parts[3]))
        if kind == "progress":
            fake.heartbeats.append(body)
            return self.answer_json(200, {"policy": fake.policy, "server_time": fake.server_time})
        if kind == "open":
            opened = fake.open(body["artifact_id"], body["size_bytes"], parts[3])
            return self.answer_json(201, fake.view(opened))
        upload = fake.uploads[parts[3]]
        if kind == "get":
            return self.answer_json(200, fake.view(upload))
        if upload.state not in ("OPEN", "VERIFIED"):
            return self.problem(410, "upload-gone", "reopen", reason=upload.state)
        return self.urls(upload, body) if kind == "urls" else self.complete(upload, body)

    def urls(self, upload: Upload, body: dict[str, Any]) -> None:
        numbers = [part["number"] for part in body["parts"]]
        if not 1 <= len(numbers) <= 32:
            return self.problem(400, "invalid-request", "stop")
        self.fake.batches.append(numbers)
        rows = []
        for part in body["parts"]:
            self.fake.issued += 1
            number = part["number"]
            size = min(self.fake.part_bytes, upload.size_bytes - (number - 1) * self.fake.part_bytes)
            query = f"partNumber={number}&n={self.fake.issued}&crc={part['crc64nvme']}&X-Amz-Signature={SIGNATURE}"
            headers = {"content-length": str(size), "x-amz-checksum-crc64nvme": part["crc64nvme"]}
            address = self.fake.fault("address") or self.fake.url
            url = f"{address}/bucket/{upload.upload_id}?{query}"
            rows.append(
                {
                    "number": number,
                    "url": url,
                    "headers": headers,
                    "expires_at": self.fake.expires_at,
                    "expires_in_s": self.fake.expires_in_s,
                }
            )
        return self.answer_json(200, {"part_urls": rows})

    def proof_urls(self, session_id: str, artifact_id: str, body: dict[str, Any]) -> None:
        receipt = self.fake.receipt_of(session_id, artifact_id)
        if receipt is None or (session_id, artifact_id) not in self.fake.stored:
            return self.problem(404, "not-found", "stop", detail="it was cleaned")
        assert 1 <= len(body["ranges"]) <= 32
        rows = []
        for asked in body["ranges"]:
            self.fake.issued += 1
            wanted = f"bytes={asked['first']}-{asked['first'] + asked['size_bytes'] - 1}"
            assert asked["first"] + asked["size_bytes"] <= receipt["size_bytes"]
            query = f"range={wanted}&n={self.fake.issued}&X-Amz-Signature={SIGNATURE}"
            rows.append(
                {
                    **asked,
                    "url": f"{self.fake.url}/bucket/{session_id}/{artifact_id}?{query}",
                    "headers": {"range": wanted},
                    "expires_at": self.fake.expires_at,
                    "expires_in_s": self.fake.expires_in_s,
                }
            )
        told = {name: receipt[name] for name in ("version_id", "size_bytes")}
        return self.answer_json(200, {**told, "proof_urls": rows})

    def give(self) -> Any:
        """S3, asked for a range."""
        match = re.fullmatch(r"/bucket/([^/]+)/([^?]+)\?range=(bytes=(\d+)-(\d+))&n=\d+&.*", self.path)
        assert match
        with self.fake.lock:
            self.fake.gets.append(match[3])
        if act := self.fake.fault("get_range"):
            return act(self) if callable(act) else self.answer(*act)
        if self.headers["Range"] != match[3]:
            return self.s3_error(403, "SignatureDoesNotMatch")
        body, first, last = self.fake.stored[match[1], match[2]], int(match[4]), int(match[5])
        said = {"Content-Range": f"bytes {first}-{last}/{len(body)}"}
        return self.answer(206, body[first : last + 1], said)

    def complete(self, upload: Upload, body: dict[str, Any]) -> None:
        missing = [n for n in range(1, self.fake.count(upload) + 1) if n not in upload.parts]
        whole = crc64nvme(b"".join(upload.parts[n] for n in sorted(upload.parts)))
        if missing or body["crc64nvme"] != text_of(whole):
            return self.problem(422, "parts-mismatch", "resign", missing=missing, differing=[])
        self.fake.verify(upload)
        return self.answer_json(200, self.fake.view(upload))

    def store(self) -> Any:
        """S3."""
        match = re.fullmatch(r"/bucket/(u_\d+)\?partNumber=(\d+)&n=\d+&crc=.{12}&.*", self.path)
        assert match
        number = int(match[2])
        with self.fake.lock:
            self.fake.puts.append(number)
            self.fake.put_headers.append({name.lower(): value for name, value in self.headers.items()})
        if act := self.fake.fault("put"):
            return act(self, self.fake.uploads[match[1]], number) if callable(act) else self.answer(*act)
        return self.take(self.fake.uploads[match[1]], number)

    def take(self, upload: Upload, number: int) -> None:
        """A part, judged as S3 judges it, and stored."""
        body, signed = self.body(), re.search("&crc=(.{12})&", self.path)
        assert signed
        if upload.state != "OPEN":
            return self.s3_error(404, "NoSuchUpload")
        sent = {name.lower(): value for name, value in self.headers.items()}
        if sent.get("x-amz-checksum-crc64nvme") != signed[1] or "authorization" in sent:
            return self.s3_error(403, "SignatureDoesNotMatch")
        if text_of(crc64nvme(body)) != signed[1]:
            return self.s3_error(400, "BadDigest")
        with self.fake.lock:
            upload.parts[number] = body
        return self.stored(signed[1])

    def stored(self, crc: str, body: bytes = b"", **other: str) -> None:
        """What S3 answers for a part that it has."""
        headers = {"ETag": '"etag"', "x-amz-checksum-crc64nvme": crc, "x-amz-request-id": "656C76696E67"}
        self.answer(200, body, {**headers, **other})

    def s3_error(self, status: int, code: str, **headers: str) -> None:
        self.close_connection = True
        body = f"<Error><Code>{code}</Code></Error>".encode()
        self.answer(status, body, {"Connection": "close", **headers})

    def reset(self) -> None:
        """End the connection as a machine in between does that has forgotten it: by RST."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())

    def wait_for_hang_up(self, seconds: float = 10.0) -> bool:
        """Take nothing and say nothing until the client ends the connection; whether it did."""
        self.close_connection = True
        poll = select.poll()
        poll.register(self.connection, select.POLLRDHUP)
        return bool(poll.poll(seconds * 1000))
