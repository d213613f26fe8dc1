"""The coordinator and its bucket without a socket: the client's own calls, answered by the code that Lambda runs.

The coordinator is that of `tests.support.coordinator`; its bucket judges parts and ranges as S3 does. Its clock is the
machine's, so that addresses expire when a test lets time pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter

from edge_client.base.errors import (
    PartTurnedDown,
    StorageUnreachable,
    StoredRefused,
    UploadLost,
    UrlRefused,
)
from edge_client.base.retry import Retry
from edge_client.coordinator.client import Coordinator
from edge_client.model.api import Token
from edge_client.model.parts import PartBody, PartUrl, PieceUrl, Span
from tests.edge.memory.machine import Machine
from tests.edge.memory.scripted import Scripted
from tests.support.coordinator import SIGNATURE, TOKEN, MemoryCoordinator
from tests.support.memory import Refused, deliver, fetch

ADDRESS = "https://coordinator.memory"
NO_ANSWER = requests.ConnectionError("no answer")


class MemoryCloud(Scripted):
    """A coordinator and its bucket for one machine.

    The kinds of calls are "put" and "get" of the bucket, and of the coordinator the method and the last word of the
    path, such as "POST complete". "put's answer" is what S3 said: a fault there loses it once the part is stored.
    """

    def __init__(self, machine: Machine, part_bytes: int, began_at: datetime) -> None:
        super().__init__()
        self.machine = machine
        self._seen_s = machine.now
        self.coordinator = MemoryCoordinator(part_bytes, began_at)
        self.coordinator.url = ADDRESS

    def client(self, retry: Retry) -> Coordinator:
        """The device's client of this coordinator."""
        session = requests.Session()
        session.mount(ADDRESS, _Wire(self))
        return Coordinator(ADDRESS, Token(TOKEN), "0.1.0", retry, session)

    def objects(self) -> Mapping[str, bytes]:
        """The bytes of every verified artifact."""
        return self.coordinator.objects()

    def now(self) -> datetime:
        """The coordinator's time, which passes as the machine's does."""
        clock = self.coordinator.ports.clock
        clock.advance(self.machine.now - self._seen_s)
        self._seen_s = self.machine.now
        return clock.now()


class MemoryPartStore:
    """A connection for parts to the bucket of a MemoryCloud."""

    def __init__(self, cloud: MemoryCloud) -> None:
        self._cloud = cloud

    def put(self, url: PartUrl, body: PartBody) -> None:
        self._cloud.disturb("put")
        sent = b"".join(bytes(block) for block in body)
        try:
            deliver(
                self._cloud.coordinator.ports.objects, _signed(url.url), url.headers, sent, self._cloud.now()
            )
        except Refused as refusal:
            raise error_of(refusal) from None
        self._cloud.disturb("put's answer")

    def close(self) -> None:
        """Nothing is open."""


class MemoryStoredObjects:
    """Reads pieces of the bucket of a MemoryCloud."""

    def __init__(self, cloud: MemoryCloud) -> None:
        self._cloud = cloud

    def read_into(self, buffer: memoryview, url: PieceUrl, span: Span, total_bytes: int) -> None:
        self._cloud.disturb("get")
        wanted = f"bytes={span.first}-{span.first + span.size_bytes - 1}"
        try:
            found = fetch(self._cloud.coordinator.ports.objects, _signed(url.url), self._cloud.now(), wanted)
        except Refused as refusal:
            raise error_of(refusal) from None
        if len(found) != span.size_bytes:
            raise StorageUnreachable("S3 ended early")
        buffer[: span.size_bytes] = found


def _signed(url: str) -> str:
    """The address as the coordinator's signer signed it."""
    return url.replace(f"{ADDRESS}/bucket/", "memory://bucket/").removesuffix(f"&X-Amz-Signature={SIGNATURE}")


def error_of(refusal: Refused) -> UploadLost | UrlRefused | StoredRefused | PartTurnedDown:
    """What the client's adapters make of a refusal of S3."""
    if refusal.code == "NoSuchUpload":
        return UploadLost("S3 does not know the upload")
    if refusal.code == "NoSuchVersion":
        return StoredRefused("S3 has no such version any more")
    if refusal.status == 403:
        return UrlRefused(f"S3 answered 403 {refusal.code}")
    return PartTurnedDown(f"S3 answered {refusal.status} {refusal.code}")


class _Wire(BaseAdapter):
    """Hands a request of the client to the coordinator, and its answer back."""

    def __init__(self, cloud: MemoryCloud) -> None:
        super().__init__()
        self._cloud = cloud

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        assert request.method
        assert request.url
        address = urlsplit(request.url)
        path = address.path + (f"?{address.query}" if address.query else "")
        kind = f"{request.method} {address.path.rpartition('/')[2]}"
        body = request.body or b""
        self._cloud.disturb(kind)
        self._cloud.now()
        answer = self._cloud.coordinator.answered(
            request.method, path, dict(request.headers), body.encode() if isinstance(body, str) else body
        )
        self._cloud.disturb(f"{kind}'s answer")
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(dict(answer.headers))
        response._content = answer.body
        response.request = request
        response.url = request.url
        return response

    def close(self) -> None:
        """Nothing is open."""
