"""The table in memory: the same versions, the same conflicts, the same order as the real one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.core.chapter import Chapter
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import DeviceId, SessionId, TokenId, UploadId
from chalicelib.core.session import Picture, Progress, Session
from chalicelib.core.tokens import Device, Token
from chalicelib.core.upload import Upload
from chalicelib.ports import MOST_UPLOADS_A_CHANGE, Change, Due


@dataclass
class _Entry:
    """What is recorded of one session."""

    session: Session
    chapters: tuple[Chapter, ...]
    uploads: dict[UploadId, Upload] = field(default_factory=dict)
    due_at: datetime | None = None


class MemoryRecords:
    """The table. Beside the port's methods it has `arrange`, which records a picture of any version."""

    def __init__(self) -> None:
        self._entries: dict[SessionId, _Entry] = {}
        self._progress: dict[SessionId, Progress] = {}
        self._tokens: dict[TokenId, Token] = {}
        self._devices: dict[DeviceId, Device] = {}

    def picture(self, session_id: SessionId) -> Picture | None:
        entry = self._entries.get(session_id)
        if entry is None:
            return None
        return Picture(
            entry.session, entry.chapters, _by_opening(entry.uploads.values()), self._progress.get(session_id)
        )

    def session_of(self, upload_id: UploadId) -> SessionId | None:
        owners = (name for name, entry in self._entries.items() if upload_id in entry.uploads)
        return next(owners, None)
