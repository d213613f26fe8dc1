"""Our API, as docs/api.md says: typed answers, problems as errors, retries at this one layer."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import requests

from edge_client.bare_http import LIBRARY_ERRORS, TIMEOUTS_S, bare_session, retry_after_s
from edge_client.errors import (
    CoordinatorBusy,
    CoordinatorRefusal,
    CoordinatorUnreachable,
    EdgeError,
    PartsMismatch,
    PlanReplaced,
    UploadGone,
    told,
)
from edge_client.plan import PartPlan, SessionPlan
from edge_client.retry import Retry
from edge_client.spool import SpooledPart
from edge_client.transfer.desk import PartUrl

PROBLEM = "urn:reelhaul:problem:"
UNPRINTABLE = re.compile(r"[^\x20-\x7e\u00a0-\uffff]")

T = TypeVar("T")


@dataclass(frozen=True)
class Token:
    """A bearer token that does not show itself."""

    text: str = field(repr=False)


@dataclass(frozen=True)
class Receipt:
    """The licence to finish a chapter; `document` is what the coordinator wrote."""

    upload_id: str
    artifact_id: str
    size_bytes: int
    crc: int
    document: Mapping[str, Any]


@dataclass(frozen=True)
class ChapterView:
    """One chapter as the session's answer shows it."""

    artifact_id: str
    path: str
    size_bytes: int
    receipt: Receipt | None


@dataclass(frozen=True)
class StoredPart:
    """A part that S3 holds."""

    size_bytes: int
    crc: int


@dataclass(frozen=True)
class UploadView:
    """One upload: its plan, what S3 holds of it, and its receipt once it is verified."""

    upload_id: str
    state: str
    plan: PartPlan
    parts: Mapping[int, StoredPart]
    receipt: Receipt | None


@dataclass(frozen=True)
class Beat:
    """A heartbeat as the wire has it."""

    bytes_down: int
    bytes_up: int
    rate_down_bytes_s: int | None
    rate_up_bytes_s: int | None
    spool_bytes: int
    disk_free_bytes: int
    clock: str


@dataclass(frozen=True)
class HeartbeatAnswer:
    """What the coordinator wants of the device, and the time that it has."""

    pause: bool
    pace_bytes_s: float | None
    server_time: datetime


def crc_text(crc: int) -> str:
    """A CRC64NVME as the wire has it: base64 of eight big-endian bytes."""
    return base64.b64encode(crc.to_bytes(8, "big")).decode()


def crc_value(text: str) -> int:
    """The CRC64NVME of its wire form. Raises ValueError."""
    raw = base64.b64decode(text, validate=True)
    if len(raw) != 8:
        raise ValueError(f"a CRC64NVME has 8 bytes, not {len(raw)}")
    return int.from_bytes(raw, "big")


class Coordinator:
    """The coordinator's calls. Each is idempotent and tried again until it is answered or patience ends."""

    def __init__(self, base_url: str, token: Token, version: str, retry: Retry) -> None:
        self._base_url = base_url.rstrip("/")
        self._retry = retry
        self._session = bare_session()
        self._headers = {"Authorization": f"Bearer {token.text}", "Reelhaul-Client-Version": version}

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def put_session(self, plan: SessionPlan) -> dict[str, ChapterView]:
        """Create or confirm the session: its chapters by `directory/filename`."""
        body = {"camera": asdict(plan.camera), "chapters": [asdict(chapter) for chapter in plan.chapters]}
        return self._call("PUT", f"/v1/sessions/{plan.session_id}", body, _chapters)

    def open_upload(self, session_id: str, artifact_id: str, size_bytes: int) -> UploadView:
        """The upload of one chapter: opened now, open since before, or already verified."""
        body = {"artifact_id": artifact_id, "size_bytes": size_bytes}
        return self._call("POST", f"/v1/sessions/{session_id}/uploads", body, _upload)

    def upload(self, upload_id: str) -> UploadView:
        """The upload as it is now."""
        return self._call("GET", f"/v1/uploads/{upload_id}", None, _upload)

    def part_urls(self, upload_id: str, parts: Sequence[SpooledPart]) -> dict[int, PartUrl]:
        """Presigned PUTs for at most 32 parts, by part number. Raises UploadGone."""
        asked = [{"number": part.span.number, "crc64nvme": crc_text(part.crc)} for part in parts]
        path = f"/v1/uploads/{upload_id}/part-urls"

        def attempt() -> dict[int, PartUrl]:
            asked_at = self._retry.timing.monotonic()
            return self._once("POST", path, {"parts": asked}, lambda answer: _part_urls(answer, asked_at))

        urls = self._retry.run(f"POST {path}", attempt)
        if missing := {part.span.number for part in parts} - urls.keys():
            raise CoordinatorRefusal(f"the coordinator gave no URL for parts {sorted(missing)}")
        return urls

    def complete(self, upload_id: str, crc: int) -> UploadView:
        """The upload, verified and with its receipt. Raises PartsMismatch, UploadGone.

        After a lost reply the upload itself is asked first: it may be complete.
        """
        tries = 0

        def attempt() -> UploadView:
            nonlocal tries
            tries += 1
            seen = self._once("GET", f"/v1/uploads/{upload_id}", None, _upload) if tries > 1 else None
            if seen is None or seen.receipt is None:
                seen = self._once(
                    "POST", f"/v1/uploads/{upload_id}/complete", {"crc64nvme": crc_text(crc)}, _upload
                )
            if seen.receipt is None:
                raise CoordinatorBusy(f"the upload is {seen.state}, not yet verified")
            return seen

        return self._retry.run("completing the upload", attempt)

    def heartbeat(self, session_id: str, beat: Beat) -> HeartbeatAnswer:
        """What the coordinator answers to one heartbeat; a single try. Raises EdgeError."""
        return self._once("POST", f"/v1/sessions/{session_id}/progress", asdict(beat), _heartbeat_answer)

    def _call(self, method: str, path: str, body: object, read: Callable[[dict[str, Any]], T]) -> T:
        return self._retry.run(f"{method} {path}", lambda: self._once(method, path, body, read))

    def _once(self, method: str, path: str, body: object, read: Callable[[dict[str, Any]], T]) -> T:
        self._retry.tally.called()
        try:
            response = self._session.request(
                method,
                self._base_url + path,
                json=body,
                headers=self._headers,
                timeout=TIMEOUTS_S,
                allow_redirects=False,
            )
        except LIBRARY_ERRORS as error:
            # Not `from error`: it carries the request with its token.
            raise CoordinatorUnreachable(f"no answer from the coordinator ({told(error)})") from None
        return _read(answered(response), read)


def _read(document: dict[str, Any], read: Callable[[dict[str, Any]], T]) -> T:
    try:
        return read(document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CoordinatorRefusal(
            f"the coordinator answers outside its contract ({type(error).__name__}: {error})"
        ) from error


def answered(response: requests.Response) -> dict[str, Any]:
    """The JSON object of a good answer; for any other the error that says what to do next."""
    status = response.status_code
    document = _json_object(response)
    if status in (200, 201) and document is not None:
        return document
    if status == 429 or status >= 500:
        raise CoordinatorBusy(_words(document, status), retry_after_s(response))
    if document is None or status < 400:
        raise CoordinatorUnreachable(
            f"something that is not the coordinator answers ({status}); a captive portal, or another address?"
        )
    raise _problem(document, status, response)


def _problem(document: dict[str, Any], status: int, response: requests.Response) -> EdgeError:
    words = _words(document, status)
    if not str(document.get("type", "")).startswith(PROBLEM):
        return CoordinatorRefusal(f"{words}; is this the coordinator's address?")
    match document.get("action"):
        case "retry":
            return CoordinatorBusy(words, retry_after_s(response))
        case "resign":
            return PartsMismatch(
                words, _numbers(document.get("missing")) | _numbers(document.get("differing"))
            )
        case "reopen":
            return UploadGone(words)
        case "replan":
            return PlanReplaced(words)
        case _:
            return CoordinatorRefusal(words)


def _json_object(response: requests.Response) -> dict[str, Any] | None:
    try:
        document = response.json()
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _words(document: dict[str, Any] | None, status: int) -> str:
    """What the coordinator says of an error, fit for a terminal."""
    known = document or {}
    parts = [known.get(name) for name in ("title", "detail", "message", "Message", "differences")]
    said = ": ".join(
        ", ".join(map(str, part)) if isinstance(part, list) else str(part) for part in parts if part
    )
    return f"the coordinator answers {status} {UNPRINTABLE.sub('?', said)[:500]}".rstrip()


def _numbers(value: object) -> frozenset[int]:
    return frozenset(n for n in value if isinstance(n, int)) if isinstance(value, list) else frozenset()


def _chapters(document: dict[str, Any]) -> dict[str, ChapterView]:
    views = (
        ChapterView(
            _text(chapter["artifact_id"]),
            f"{chapter['directory']}/{chapter['filename']}",
            _whole(chapter["size_bytes"]),
            _receipt(chapter["receipt"]),
        )
        for chapter in document["chapters"]
    )
    return {view.path: view for view in views}


def _upload(document: dict[str, Any]) -> UploadView:
    planned = document["plan"]
    plan = PartPlan(*(_whole(planned[name]) for name in ("size_bytes", "part_size_bytes", "part_count")))
    if not plan.is_sound:
        raise ValueError(f"the part plan does not add up: {plan}")
    parts = {
        _whole(p["number"]): StoredPart(_whole(p["size_bytes"]), crc_value(p["crc64nvme"]))
        for p in document["parts"]
    }
    return UploadView(
        _text(document["upload_id"]), _text(document["state"]), plan, parts, _receipt(document["receipt"])
    )


def _receipt(document: Mapping[str, Any] | None) -> Receipt | None:
    if document is None:
        return None
    return Receipt(
        _text(document["upload_id"]),
        _text(document["artifact_id"]),
        _whole(document["size_bytes"]),
        crc_value(document["crc64nvme"]),
        document,
    )


def _part_urls(document: dict[str, Any], asked_at: float) -> dict[int, PartUrl]:
    return {
        _whole(item["number"]): PartUrl(
            _whole(item["number"]),
            _text(item["url"]),
            {_text(name).lower(): _text(value) for name, value in item["headers"].items()},
            asked_at + _whole(item["expires_in_s"]),
        )
        for item in document["part_urls"]
    }


def _heartbeat_answer(document: dict[str, Any]) -> HeartbeatAnswer:
    policy = document["policy"]
    pace = None if policy["pace_bytes_s"] is None else _whole(policy["pace_bytes_s"])
    if pace is not None and pace <= 0:
        raise ValueError(f"a pace is more than {pace} bytes a second")
    server_time = datetime.fromisoformat(_text(document["server_time"]).replace("Z", "+00:00"))
    return HeartbeatAnswer(policy["pause"] is True, pace, server_time)


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"a whole number, not {type(value).__name__}")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"a text, not {type(value).__name__}")
    return value
