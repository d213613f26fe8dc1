"""The coordinator itself, on ports in memory, before the benchmark's own S3: part URLs lead there, and no byte here."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from msgspec.structs import replace

from chalicelib.core.crc import Crc64Nvme, fold
from chalicelib.core.errors import MultipartGone, PartsRefused
from chalicelib.core.ids import UploadId
from chalicelib.core.parts import StoredPart
from chalicelib.core.upload import StoredObject
from chalicelib.ports import PartToSign, PartUrl
from infra.local.http_server import Server
from tests.benchmarks.edge.storage import ETAG, Storage, UnknownUpload
from tests.support.builders import MemoryPorts
from tests.support.coordinator import Door, MemoryCoordinator
from tests.support.memory import MemoryObjectStore, MemorySigner

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

NOW = datetime(2026, 11, 21, 10, 15, tzinfo=UTC)
"""It does not pass: no deadline comes, however long a benchmark takes."""


class Coordinator:
    """The coordinator at `url`; `gate` holds back every answer with part URLs while it is closed."""

    def __init__(self, storage: Storage, storage_url: str, part_size_bytes: int) -> None:
        def on_storage(ports: MemoryPorts) -> MemoryPorts:
            return replace(ports, objects=SinkObjects(storage), signer=SinkSigner(storage_url))

        self.gate = threading.Event()
        self.gate.set()
        self._calls: Counter[str] = Counter()
        self._coordinator = MemoryCoordinator(part_size_bytes, NOW, on_storage)
        self._server = Server(self._let_in).start()

    @property
    def url(self) -> str:
        return self._server.url

    def close(self) -> None:
        self._server.close()
        self._coordinator.demand_sound()

    def calls(self) -> Mapping[str, int]:
        """How often each call was made since this was last asked."""
        with self._coordinator.lock:
            calls, self._calls = self._calls, Counter()
        return calls

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and document of the answer to such a call of a device; it is not counted."""
        answer = self._coordinator.call(method, path, body)
        return answer.status, answer.document

    def receipts(self, session_id: str) -> dict[str, dict[str, Any]]:
        """The receipts of a session's chapters, by `directory/filename`."""
        status, document = self.call("GET", f"/v1/sessions/{session_id}")
        chapters = document["chapters"] if status == 200 else []
        return {f"{one['directory']}/{one['filename']}": one["receipt"] for one in chapters if one["receipt"]}

    def proxy_bytes(self, session_id: str) -> int | None:
        """The size of the proxy of the session's only chapter; None while it has no receipt."""
        status, document = self.call("GET", f"/v1/sessions/{session_id}")
        proxy = document["chapters"][0]["proxy"] if status == 200 else None
        return proxy["size_bytes"] if proxy else None

    def _let_in(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        kind = Door(self._coordinator, environ).kind
        with self._coordinator.lock:
            # Before the gate: a call of a client that was killed at it is not one of the next client.
            self._calls[kind] += 1
        if kind == "urls":
            self.gate.wait()
        return self._coordinator(environ, start_response)


class SinkObjects(MemoryObjectStore):
    """The bucket as a haul has the coordinator use it: what the sink took, by size and CRC. It never had bytes."""

    def __init__(self, storage: Storage) -> None:
        super().__init__()
        self._storage = storage
        self._upload_ids: dict[str, UploadId] = {}
        self._objects: dict[str, StoredObject] = {}

    def create_multipart(self, key: str, upload_id: UploadId) -> str:
        multipart_id = self._storage.create(key)
        self._upload_ids[multipart_id] = upload_id
        return multipart_id

    def parts(self, key: str, multipart_id: str) -> tuple[StoredPart, ...]:
        """The parts that the sink has checked: it cannot say the CRC of another."""
        with _named(multipart_id):
            held = self._storage.parts(multipart_id)
        return tuple(
            StoredPart(number, part.size_bytes, Crc64Nvme(crc_text(part.crc)), ETAG)
            for number, part in sorted(held.items())
            if part.crc is not None
        )

    def complete(
        self, key: str, multipart_id: str, parts: Sequence[StoredPart], crc64nvme: Crc64Nvme, size_bytes: int
    ) -> None:
        if tuple(parts) != self.parts(key, multipart_id):
            raise PartsRefused("the parts are not what was listed", "InvalidPart")
        if fold((part.crc64nvme, part.size_bytes) for part in parts) != crc64nvme:
            raise PartsRefused("the parts make another CRC64NVME", "BadDigest")
        if self._storage.complete(multipart_id) != size_bytes:
            raise PartsRefused("the parts make another size", "InvalidRequest")
        upload_id = self._upload_ids[multipart_id]
        self._objects[key] = StoredObject(key, size_bytes, crc64nvme, ETAG, "v1", upload_id, NOW)

    def abort(self, key: str, multipart_id: str) -> bool:
        self._storage.abort(multipart_id)
        return True

    def head(self, key: str) -> StoredObject | None:
        return self._objects.get(key)


class SinkSigner(MemorySigner):
    """Addresses of parts in the sink, which takes any signature."""

    def __init__(self, url: str) -> None:
        self._url = url

    def part_urls(
        self, key: str, multipart_id: str, parts: Sequence[PartToSign], ttl_s: int, now: datetime
    ) -> tuple[PartUrl, ...]:
        address = f"{self._url}/bucket/{quote(key)}?uploadId={multipart_id}&X-Amz-Signature=none&partNumber="
        signed = super().part_urls(key, multipart_id, parts, ttl_s, now)
        return tuple(replace(each, url=f"{address}{each.number}") for each in signed)


@contextmanager
def _named(multipart_id: str) -> Iterator[None]:
    """What the sink does not know, by the name that the coordinator has for it."""
    try:
        yield
    except UnknownUpload as error:
        raise MultipartGone(f"there is no multipart upload {multipart_id}") from error


def crc_text(crc: int) -> str:
    """A CRC64NVME as the wire has it."""
    return base64.b64encode(crc.to_bytes(8, "big")).decode()
