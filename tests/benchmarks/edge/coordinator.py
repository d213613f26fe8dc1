"""A coordinator in memory, as docs/api.md has it: the calls of a haul, and how often each was made."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from awscrt.checksums import combine_crc64nvme

from tests.benchmarks.edge.storage import Storage
from tests.benchmarks.edge.wire import Exchange, Server

TOKEN = "t_benchmark.token"
ROUTES = (
    ("session", "PUT", re.compile(r"/v1/sessions/([^/]+)")),
    ("open", "POST", re.compile(r"/v1/sessions/([^/]+)/uploads")),
    ("progress", "POST", re.compile(r"/v1/sessions/([^/]+)/progress")),
    ("upload", "GET", re.compile(r"/v1/uploads/([^/]+)")),
    ("part-urls", "POST", re.compile(r"/v1/uploads/([^/]+)/part-urls")),
    ("complete", "POST", re.compile(r"/v1/uploads/([^/]+)/complete")),
)


@dataclass
class Upload:
    """An upload of one chapter, and the sink's upload below it."""

    upload_id: str
    session_id: str
    artifact_id: str
    size_bytes: int
    part_size_bytes: int
    multipart_id: str
    receipt: dict[str, Any] | None = None

    @property
    def key(self) -> str:
        return f"originals/main/{self.session_id}/{self.artifact_id}"

    @property
    def part_count(self) -> int:
        return -(-self.size_bytes // self.part_size_bytes)

    def part_bytes(self, number: int) -> int:
        return min(self.part_size_bytes, self.size_bytes - (number - 1) * self.part_size_bytes)


class PartsMismatch(Exception):
    """The parts are not what completes the upload."""


class Coordinator:
    """Sessions and uploads; `gate` holds back every answer with part URLs while it is closed."""

    def __init__(self, storage: Storage, storage_url: str, part_size_bytes: int) -> None:
        self.storage = storage
        self.storage_url = storage_url
        self.part_size_bytes = part_size_bytes
        self.lock = threading.RLock()
        self.gate = threading.Event()
        self.gate.set()
        self.calls: Counter[str] = Counter()
        self._sessions: dict[str, dict[str, Any]] = {}
        self._uploads: dict[str, Upload] = {}
        self._server = Server(self, CoordinatorExchange)

    @property
    def url(self) -> str:
        return self._server.url

    def close(self) -> None:
        self._server.close()

    def receipt(self, session_id: str) -> dict[str, Any] | None:
        """The receipt of the session's only chapter."""
        with self.lock:
            return next((u.receipt for u in self._uploads.values() if u.session_id == session_id), None)

    def session(self, session_id: str, body: dict[str, Any]) -> dict[str, Any]:
        self._sessions.setdefault(session_id, body)
        rows = []
        for chapter in body["chapters"]:
            artifact_id = f"original.{chapter['directory']}.{chapter['filename']}"
            upload = self._found(session_id, artifact_id)
            named = {name: chapter[name] for name in ("directory", "filename", "size_bytes")}
            brief = {"upload_id": upload.upload_id, "state": _state(upload)} if upload else None
            receipt = upload.receipt if upload else None
            rows.append({"artifact_id": artifact_id, **named, "upload": brief, "receipt": receipt})
        missing = [row["artifact_id"] for row in rows if row["receipt"] is None]
        state = "OPEN" if missing else "STORED"
        return {"session_id": session_id, "state": state, "version": 1, "chapters": rows, "missing": missing}

    def open(self, session_id: str, body: dict[str, Any]) -> dict[str, Any]:
        upload = self._found(session_id, body["artifact_id"])
        if upload is None:
            upload = Upload(
                f"u_{len(self._uploads) + 1}",
                session_id,
                body["artifact_id"],
                body["size_bytes"],
                self.part_size_bytes,
                "",
            )
            upload.multipart_id = self.storage.create(upload.key)
            self._uploads[upload.upload_id] = upload
        return self.view(upload)

    def upload(self, upload_id: str) -> Upload:
        return self._uploads[upload_id]

    def view(self, upload: Upload) -> dict[str, Any]:
        """The upload as the wire has it."""
        held = self.storage.parts(upload.multipart_id) if upload.receipt is None else {}
        numbers = range(1, upload.part_count + 1) if upload.receipt is None else range(0)
        return {
            "upload_id": upload.upload_id,
            "session_id": upload.session_id,
            "artifact_id": upload.artifact_id,
            "state": _state(upload),
            "plan": {
                "size_bytes": upload.size_bytes,
                "part_size_bytes": upload.part_size_bytes,
                "part_count": upload.part_count,
            },
            "parts": [
                {"number": number, "size_bytes": part.size_bytes, "crc64nvme": crc_text(part.crc or 0)}
                for number, part in sorted(held.items())
            ],
            "missing": [number for number in numbers if number not in held],
            "opened_at": "2026-11-21T10:15:00Z",
            "expires_at": "2026-11-28T10:15:00Z",
            "receipt": upload.receipt,
            "reason": None,
        }

    def part_urls(self, upload: Upload, body: dict[str, Any]) -> dict[str, Any]:
        return {"part_urls": [self._part_url(upload, part) for part in body["parts"]]}

    def _part_url(self, upload: Upload, part: dict[str, Any]) -> dict[str, Any]:
        number = part["number"]
        query = f"partNumber={number}&uploadId={upload.multipart_id}&X-Amz-Signature=none"
        return {
            "number": number,
            "url": f"{self.storage_url}/bucket/{quote(upload.key)}?{query}",
            "headers": {
                "content-length": str(upload.part_bytes(number)),
                "x-amz-checksum-crc64nvme": part["crc64nvme"],
            },
            "expires_at": "2026-11-21T10:30:00Z",
            "expires_in_s": 900,
        }

    def complete(self, upload: Upload, body: dict[str, Any]) -> dict[str, Any]:
        """The upload with its receipt. Raises PartsMismatch unless each part was checked and all make the CRC."""
        if upload.receipt is None:
            crc = self._folded(upload)
            if body.get("crc64nvme") != crc_text(crc):
                raise PartsMismatch
            self.storage.complete(upload.multipart_id)
            upload.receipt = {
                "upload_id": upload.upload_id,
                "artifact_id": upload.artifact_id,
                "key": upload.key,
                "version_id": "v1",
                "size_bytes": upload.size_bytes,
                "crc64nvme": crc_text(crc),
                "verified_at": "2026-11-21T10:20:00Z",
            }
        return self.view(upload)

    def _folded(self, upload: Upload) -> int:
        parts, whole = self.storage.parts(upload.multipart_id), 0
        for number in range(1, upload.part_count + 1):
            part = parts.get(number)
            if part is None or part.crc is None or part.size_bytes != upload.part_bytes(number):
                raise PartsMismatch
            whole = combine_crc64nvme(whole, part.crc, part.size_bytes)
        return whole

    def _found(self, session_id: str, artifact_id: str) -> Upload | None:
        for upload in self._uploads.values():
            if (upload.session_id, upload.artifact_id) == (session_id, artifact_id):
                return upload
        return None


class CoordinatorExchange(Exchange):
    """The doors of the coordinator."""

    @property
    def coordinator(self) -> Coordinator:
        found: Coordinator = self.server.subject
        return found

    def do_GET(self) -> None:
        self._call()

    def do_PUT(self) -> None:
        self._call()

    def do_POST(self) -> None:
        self._call()

    def _call(self) -> None:
        raw = self.body()
        coordinator = self.coordinator
        kind, name = self._route()
        coordinator.calls[kind] += 1
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._problem(401, "not-authenticated", "stop")
        if kind == "part-urls":
            coordinator.gate.wait()
        try:
            with coordinator.lock:
                document = self._answered(kind, name, json.loads(raw) if raw else {})
        except PartsMismatch:
            return self._problem(422, "parts-mismatch", "resign")
        except KeyError:
            return self._problem(404, "not-found", "stop")
        return self.answer_json(200, document)

    def _route(self) -> tuple[str, str]:
        for kind, method, path in ROUTES:
            match = path.fullmatch(self.path.partition("?")[0])
            if match and method == self.command:
                return kind, match[1]
        return "unknown", ""

    def _answered(self, kind: str, name: str, body: dict[str, Any]) -> dict[str, Any]:
        coordinator = self.coordinator
        match kind:
            case "session":
                return coordinator.session(name, body)
            case "open":
                return coordinator.open(name, body)
            case "progress":
                policy = {"pause": False, "pace_bytes_s": None}
                return {"policy": policy, "server_time": "2026-11-21T10:18:00Z"}
            case "upload":
                return coordinator.view(coordinator.upload(name))
            case "part-urls":
                return coordinator.part_urls(coordinator.upload(name), body)
            case "complete":
                return coordinator.complete(coordinator.upload(name), body)
            case _:
                raise KeyError(kind)

    def _problem(self, status: int, slug: str, action: str) -> None:
        kind = f"urn:reelhaul:problem:{slug}"
        document = {"type": kind, "title": slug, "status": status, "action": action}
        if slug == "parts-mismatch":
            document |= {"missing": [], "differing": []}
        self.answer_json(status, document, "application/problem+json")


def _state(upload: Upload) -> str:
    return "VERIFIED" if upload.receipt else "OPEN"


def crc_text(crc: int) -> str:
    """A CRC64NVME as the wire has it."""
    return base64.b64encode(crc.to_bytes(8, "big")).decode()
