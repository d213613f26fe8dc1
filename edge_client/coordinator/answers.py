"""The coordinator's documents, read into values; what is outside the contract is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from edge_client.base.errors import CoordinatorRefusal
from edge_client.http.exchange import keeps_secrets
from edge_client.model.api import (
    ChapterView,
    Enrolled,
    HeartbeatAnswer,
    Receipt,
    SessionState,
    SessionView,
    UploadView,
)
from edge_client.model.files import CameraFile, FileIdentity, FilmNotes
from edge_client.model.haul_state import KnownChapter, StoredVersion
from edge_client.model.levels import Evidence, Level, ReadAgain
from edge_client.model.parts import PartPlan, PartUrl, PieceUrl, StoredPart, crc_value

T = TypeVar("T")

TOKEN_ID = re.compile(r"t_[A-Za-z0-9]{1,100}", re.ASCII)


@dataclass(frozen=True)
class ProofUrls:
    """Where to read ranges of a stored version."""

    version_id: str
    size_bytes: int
    urls: tuple[PieceUrl, ...]


def read_with(document: dict[str, Any], read: Callable[[dict[str, Any]], T]) -> T:
    """What `read` makes of a document. Raises CoordinatorRefusal for one that is outside the contract."""
    try:
        return read(document)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise CoordinatorRefusal(
            f"the coordinator answers outside its contract ({type(error).__name__}: {error}); "
            "upgrade the client, or have the coordinator upgraded"
        ) from error


def session(document: dict[str, Any]) -> SessionView:
    views = (
        ChapterView(
            _text(chapter["artifact_id"]),
            f"{chapter['directory']}/{chapter['filename']}",
            _whole(chapter["size_bytes"]),
            receipt(chapter["receipt"]),
        )
        for chapter in document["chapters"]
    )
    # A coordinator before proxies does not speak of them.
    return SessionView({view.path: view for view in views}, document.get("proxies") is True)


def enrolled(document: dict[str, Any]) -> Enrolled:
    token_id = _text(document["token_id"])
    if not TOKEN_ID.fullmatch(token_id):
        raise ValueError("a token's id is not one")
    device_id, name = document["device_id"], document["name"]
    return Enrolled(
        token_id,
        _text(document["role"]),
        _text(document["project"]),
        None if device_id is None else _text(device_id),
        None if name is None else _text(name),
    )


def rotated(document: dict[str, Any]) -> str | None:
    until = document["before_until"]
    return None if until is None else _text(until)


def upload(document: dict[str, Any]) -> UploadView:
    planned = document["plan"]
    plan = PartPlan(*(_whole(planned[name]) for name in ("size_bytes", "part_size_bytes", "part_count")))
    if not plan.is_sound:
        raise ValueError(f"the part plan does not add up: {plan}")
    parts = {
        _whole(p["number"]): StoredPart(_whole(p["size_bytes"]), crc_value(p["crc64nvme"]))
        for p in document["parts"]
    }
    return UploadView(
        _text(document["upload_id"]), _text(document["state"]), plan, parts, receipt(document["receipt"])
    )


def receipt(document: Mapping[str, Any] | None) -> Receipt | None:
    if document is None:
        return None
    return Receipt(
        _text(document["upload_id"]),
        _text(document["artifact_id"]),
        _whole(document["size_bytes"]),
        crc_value(document["crc64nvme"]),
        document,
    )


def part_urls(document: dict[str, Any], asked_at: float) -> dict[int, PartUrl]:
    return {
        _whole(item["number"]): PartUrl(
            _whole(item["number"]),
            _address(item["url"]),
            {_text(name).lower(): _text(value) for name, value in item["headers"].items()},
            asked_at + _whole(item["expires_in_s"]),
        )
        for item in document["part_urls"]
    }


def heartbeat_answer(document: dict[str, Any]) -> HeartbeatAnswer:
    policy = document["policy"]
    pace = None if policy["pace_bytes_s"] is None else _whole(policy["pace_bytes_s"])
    if pace is not None and pace <= 0:
        raise ValueError(f"a pace is more than {pace} bytes a second")
    server_time = datetime.fromisoformat(_text(document["server_time"]).replace("Z", "+00:00"))
    if server_time.tzinfo is None:
        raise ValueError("a time without its zone")
    return HeartbeatAnswer(policy["pause"] is True, pace, server_time)


def known_chapters(document: dict[str, Any]) -> tuple[list[KnownChapter], str | None]:
    # An operator's token may ask too; then no chapter is the asker's own.
    asked_by = None if document["asked_by"] is None else _text(document["asked_by"])
    chapters = [_known_chapter(chapter, asked_by) for chapter in document["chapters"]]
    cursor = document["cursor"]
    return chapters, None if cursor is None else _text(cursor)


def _known_chapter(chapter: Mapping[str, Any], asked_by: str | None) -> KnownChapter:
    file = CameraFile(
        _text(chapter["directory"]),
        _text(chapter["filename"]),
        _whole(chapter["size_bytes"]),
        chapter["created"],
        chapter["modified"],
    )
    device_id = _text(chapter["device_id"])
    return KnownChapter(
        FileIdentity(file, chapter["etag"], chapter["gumi"]),
        _text(chapter["session_id"]),
        _text(chapter["artifact_id"]),
        device_id,
        device_id == asked_by,
        _stored(chapter["receipt"]),
        # A coordinator before these notes does not have them.
        FilmNotes(chapter.get("unfinished") is True, _whole(chapter.get("trailing_bytes", 0))),
        evidence(chapter.get("evidence")),
    )


def evidence(document: Mapping[str, Any] | None) -> Evidence | None:
    """What is known of a chapter; None before its receipt, and of a coordinator that keeps no evidence."""
    if document is None:
        return None
    again = document["read_twice"]
    return Evidence(
        _level(_text(document["level"])),
        document["agrees"] is True,
        None
        if again is None
        else ReadAgain(
            _text(again["at"]),
            _text(again["by"]),
            _text(again["crc64nvme"]),
            _text(again["xxh128"]),
            again["agrees"] is True,
        ),
    )


def recorded_evidence(document: dict[str, Any]) -> Evidence:
    found = evidence(document)
    assert found, "a document was read"
    return found


def _level(text: str) -> Level:
    """A level of a newer coordinator that is not known here is worth one read."""
    return next((level for level in Level if level.value == text), Level.READ_ONCE)


def _stored(receipt: Mapping[str, Any] | None) -> StoredVersion | None:
    if receipt is None:
        return None
    return StoredVersion(
        _text(receipt["version_id"]), _whole(receipt["size_bytes"]), crc_value(receipt["crc64nvme"])
    )


def proof_urls(document: dict[str, Any], asked_at: float) -> ProofUrls:
    urls = (
        PieceUrl(
            _whole(item["first"]),
            _whole(item["size_bytes"]),
            _address(item["url"]),
            {_text(name).lower(): _text(value) for name, value in item["headers"].items()},
            asked_at + _whole(item["expires_in_s"]),
        )
        for item in document["proof_urls"]
    )
    return ProofUrls(_text(document["version_id"]), _whole(document["size_bytes"]), tuple(urls))


def session_state(document: dict[str, Any]) -> SessionState:
    chapters = {f"{chapter['directory']}/{chapter['filename']}": chapter for chapter in document["chapters"]}
    return SessionState(
        _text(document["state"]),
        frozenset(path for path, chapter in chapters.items() if chapter["receipt"] is not None),
        {
            path: _text(chapter["upload"]["upload_id"])
            for path, chapter in chapters.items()
            if chapter["upload"] is not None
        },
        {
            path: found
            for path, chapter in chapters.items()
            if (found := evidence(chapter.get("evidence"))) is not None
        },
    )


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"a whole number, not {type(value).__name__}")
    return value


def _address(value: object) -> str:
    text = _text(value)
    if not keeps_secrets(text):
        # Without the address: its query is as good as a password.
        raise ValueError("a presigned URL that is not https")
    return text


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"a text, not {type(value).__name__}")
    return value
