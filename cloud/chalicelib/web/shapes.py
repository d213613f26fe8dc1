"""What is said on the wire: bodies as Structs on their way in, core's values as JSON on their way out.

`docs/api.md` is the contract. Texts and numbers are bounded here, so that every item fits into its record.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from msgspec import Meta, Struct

from chalicelib.core import crc, parts
from chalicelib.core.chapter import Chapter
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.parts import PartPlan, StoredPart
from chalicelib.core.session import Camera, Picture, Progress
from chalicelib.core.upload import Receipt, UploadState
from chalicelib.flows.intake import UploadView
from chalicelib.ports import PartUrl

Value = TypeVar("Value")

_LARGEST = 2**63 - 1

Text = Annotated[str, Meta(max_length=200, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]
Size = Annotated[int, Meta(ge=1, le=_LARGEST)]
Count = Annotated[int, Meta(ge=0, le=_LARGEST)]
Epoch = Annotated[int, Meta(ge=-_LARGEST, le=_LARGEST)]
Moment = Annotated[datetime, Meta(tz=True)]


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """A body of a call."""


class CameraGiven(Request, frozen=True):
    serial: Text
    model: Text | None = None
    firmware: Text | None = None

    def value(self) -> Camera:
        return Camera(self.serial, self.model, self.firmware)


class ChapterGiven(Request, frozen=True):
    directory: Text
    filename: Text
    size_bytes: Size
    created: Epoch | None = None
    modified: Epoch | None = None
    etag: Text | None = None
    gumi: Text | None = None

    def value(self) -> Chapter:
        return Chapter(
            self.directory, self.filename, self.size_bytes, self.created, self.modified, self.etag, self.gumi
        )


class SessionGiven(Request, frozen=True):
    camera: CameraGiven
    chapters: tuple[ChapterGiven, ...]
    group: Text | None = None

    def recorded_by(self) -> Camera:
        return _placed("$.camera", self.camera.value)

    def listed(self) -> list[Chapter]:
        return [_placed(f"$.chapters[{place}]", given.value) for place, given in enumerate(self.chapters)]


class UploadAsked(Request, frozen=True):
    artifact_id: Text
    size_bytes: Size
    part_size_bytes: Size | None = None


class PartAsked(Request, frozen=True):
    number: Size
    crc64nvme: Text

    def value(self) -> tuple[int, Crc64Nvme]:
        return self.number, crc.crc64nvme(self.crc64nvme)


class PartUrlsAsked(Request, frozen=True):
    parts: tuple[PartAsked, ...]

    def wanted(self) -> list[tuple[int, Crc64Nvme]]:
        return [_placed(f"$.parts[{place}]", asked.value) for place, asked in enumerate(self.parts)]


class CompleteAsked(Request, frozen=True):
    crc64nvme: Text | None = None

    def claim(self) -> Crc64Nvme | None:
        return None if self.crc64nvme is None else crc.crc64nvme(self.crc64nvme)


class ProgressGiven(Request, frozen=True):
    bytes_down: Count
    bytes_up: Count
    spool_bytes: Count
    disk_free_bytes: Count
    clock: Moment
    rate_down_bytes_s: Count | None = None
    rate_up_bytes_s: Count | None = None

    def progress(self, heard_at: datetime) -> Progress:
        return Progress(
            self.bytes_down,
            self.bytes_up,
            self.rate_down_bytes_s,
            self.rate_up_bytes_s,
            self.spool_bytes,
            self.disk_free_bytes,
            _in_utc(self.clock),
            heard_at,
        )


def session(picture: Picture) -> dict[str, Any]:
    """The session as GET answers it."""
    known = picture.session
    return {
        "session_id": known.session_id,
        "state": known.state.value,
        "version": known.version,
        "project": known.project,
        "device_id": known.device_id,
        "group": known.group,
        "camera": _camera(known.camera),
        "created_at": moment(known.created_at),
        "chapters": [_chapter(picture, chapter) for chapter in picture.chapters],
        "missing": list(picture.missing),
        "progress": _progress(picture.progress) if picture.progress else None,
    }


def upload(view: UploadView) -> dict[str, Any]:
    """The upload as every call about it answers it."""
    known = view.upload
    return {
        "upload_id": known.upload_id,
        "session_id": known.session_id,
        "artifact_id": known.artifact_id,
        "state": known.state.value,
        "plan": plan(known.plan),
        "parts": [_part(part) for part in view.parts],
        "missing": _missing(view),
        "opened_at": moment(known.opened_at),
        "expires_at": moment(known.expires_at),
        "receipt": _receipt(known.receipt) if known.receipt else None,
        "reason": known.reason,
    }


def plan(cut: PartPlan) -> dict[str, int]:
    return {
        "size_bytes": cut.size_bytes,
        "part_size_bytes": cut.part_size_bytes,
        "part_count": cut.part_count,
    }


def part_urls(urls: tuple[PartUrl, ...], now: datetime) -> dict[str, Any]:
    return {"part_urls": [_part_url(url, now) for url in urls]}


def heartbeat(pause: bool, pace_bytes_s: int | None, now: datetime) -> dict[str, Any]:
    """What a device should do, and what time it is here."""
    return {
        "policy": {"pause": pause, "pace_bytes_s": pace_bytes_s},
        "server_time": moment(now),
    }


def moment(at: datetime) -> str:
    """`at` in RFC 3339, UTC, whole seconds (rounded down, so that no deadline is told too late)."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _camera(camera: Camera) -> dict[str, Any]:
    return {"serial": camera.serial, "model": camera.model, "firmware": camera.firmware}


def _chapter(picture: Picture, chapter: Chapter) -> dict[str, Any]:
    latest = picture.latest_upload(chapter.artifact_id)
    receipt = picture.receipt(chapter.artifact_id)
    return {
        "artifact_id": chapter.artifact_id,
        "directory": chapter.directory,
        "filename": chapter.filename,
        "size_bytes": chapter.size_bytes,
        "upload": {"upload_id": latest.upload_id, "state": latest.state.value} if latest else None,
        "receipt": _receipt(receipt) if receipt else None,
    }


def _receipt(receipt: Receipt) -> dict[str, Any]:
    return {
        "upload_id": receipt.upload_id,
        "artifact_id": receipt.artifact_id,
        "key": receipt.key,
        "version_id": receipt.version_id,
        "size_bytes": receipt.size_bytes,
        "crc64nvme": receipt.crc64nvme,
        "verified_at": moment(receipt.verified_at),
    }


def _progress(progress: Progress) -> dict[str, Any]:
    return {
        "bytes_down": progress.bytes_down,
        "bytes_up": progress.bytes_up,
        "rate_down_bytes_s": progress.rate_down_bytes_s,
        "rate_up_bytes_s": progress.rate_up_bytes_s,
        "spool_bytes": progress.spool_bytes,
        "disk_free_bytes": progress.disk_free_bytes,
        "clock": moment(progress.clock),
        "heard_at": moment(progress.heard_at),
    }


def _part(part: StoredPart) -> dict[str, Any]:
    return {"number": part.number, "size_bytes": part.size_bytes, "crc64nvme": part.crc64nvme}


def _missing(view: UploadView) -> list[int]:
    """Nothing is missing of an upload that has ended or is being completed: S3 lists no parts of it any more."""
    if view.upload.state is not UploadState.OPEN or view.upload.promise:
        return []
    return list(parts.missing(view.upload.plan, view.parts))


def _part_url(url: PartUrl, now: datetime) -> dict[str, Any]:
    return {
        "number": url.number,
        "url": url.url,
        "headers": url.headers,
        "expires_at": moment(url.expires_at),
        "expires_in_s": int((url.expires_at - now).total_seconds()),
    }


def _placed(place: str, value: Callable[[], Value]) -> Value:
    """What `value` makes; the InvalidRequest it raises names the place."""
    try:
        return value()
    except InvalidRequest as error:
        raise InvalidRequest(f"{place}: {error}") from error


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise InvalidRequest("$.clock: this moment is outside the years 1 to 9999 in UTC") from error
