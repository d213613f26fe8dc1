"""Pure: what the client and the coordinator tell one another, as docs/api.md has it, in values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from edge_client.model.levels import Evidence
from edge_client.model.parts import PartPlan, StoredPart


@dataclass(frozen=True)
class Token:
    """A bearer token that does not show itself."""

    text: str = field(repr=False)


@dataclass(frozen=True)
class Enrolled:
    """Who this machine is for the coordinator; the secret of its token is in no answer."""

    token_id: str
    role: str
    project: str
    device_id: str | None
    name: str | None


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
class SessionView:
    """A session as the coordinator confirms it: its chapters by path, and whether it takes proxies and thumbnails."""

    chapters: Mapping[str, ChapterView]
    takes_proxies: bool = False


@dataclass(frozen=True)
class UploadView:
    """One upload: its plan, what S3 holds of it, and its receipt once it is verified."""

    upload_id: str
    state: str
    plan: PartPlan
    parts: Mapping[int, StoredPart]
    receipt: Receipt | None


@dataclass(frozen=True)
class SessionState:
    """A session's state, and by `directory/filename` the chapters with receipts and each one's latest upload.

    `evidence` is what is known of those with receipts; a coordinator that keeps none says nothing of it.
    """

    state: str
    verified: frozenset[str]
    uploads: Mapping[str, str] = field(default_factory=dict)
    evidence: Mapping[str, Evidence] = field(default_factory=dict)


@dataclass(frozen=True)
class StoredSession:
    """What S3 has of a session, by `directory/filename`: chapters with a receipt, and the uploads of the others."""

    verified: frozenset[str] = frozenset()
    uploads: Mapping[str, UploadView] = field(default_factory=dict)


@dataclass(frozen=True)
class CameraReport:
    """What a device knows of the camera: what its clock shows, as an epoch, and how long the last chapter plays."""

    camera_clock: int | None = None
    last_chapter_s: int | None = None


@dataclass(frozen=True)
class HeartbeatReport:
    """A heartbeat as the wire has it; what is None from `camera_clock` on is left out."""

    bytes_down: int
    bytes_up: int
    rate_down_bytes_s: int | None
    rate_up_bytes_s: int | None
    spool_bytes: int
    disk_free_bytes: int
    clock: str
    camera_clock: int | None = None
    last_chapter_s: int | None = None
    retried_parts: int | None = None

    def document(self) -> dict[str, Any]:
        """What is sent: a coordinator of an older release takes nothing that it does not know."""
        return {
            name: value for name, value in asdict(self).items() if value is not None or name not in _NEWER
        }


_NEWER = ("camera_clock", "last_chapter_s", "retried_parts")


@dataclass(frozen=True)
class HeartbeatAnswer:
    """What the coordinator wants of the device, and the time that it has."""

    pause: bool
    pace_bytes_s: float | None
    server_time: datetime
