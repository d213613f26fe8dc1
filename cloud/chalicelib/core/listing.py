"""What lists of sessions tell of each, and which sessions a caller wants to see in one."""

from datetime import datetime

from msgspec import Struct

from chalicelib.core.ids import DeviceId, SessionId, name_of
from chalicelib.core.picture import Picture, Progress
from chalicelib.core.session import Session, SessionState


class Summary(Struct, frozen=True):
    """A session's chapters in figures, recorded with each write of the session.

    `stored_at` is the time of the last receipt, once every chapter has one.
    """

    chapters: int
    size_bytes: int
    verified: int
    verified_bytes: int
    stored_at: datetime | None = None


class Row(Struct, frozen=True):
    """What a list tells of one session."""

    session: Session
    summary: Summary
    progress: Progress | None


class Wanted(Struct, frozen=True):
    """Which sessions of a project to list; what is None does not matter.

    `text` is part of the session's name, in any case. They were created from `created_from` (in) to `created_to` (out).
    """

    state: SessionState | None = None
    device_id: DeviceId | None = None
    serial: str | None = None
    group: str | None = None
    text: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None

    @property
    def is_of_one_index(self) -> bool:
        """Whether everything that is asked for is a fact by which the table lists sessions."""
        facts = (self.group, self.serial, self.device_id)
        return self.state is None and self.text is None and sum(fact is not None for fact in facts) <= 1

    def may_have(self, session_id: SessionId, state: SessionState | None) -> bool:
        """Whether the session may be one of these, by its name and by its state, where that is known."""
        if self.text is not None and self.text.lower() not in name_of(session_id).lower():
            return False
        return None in (state, self.state) or state is self.state

    def has(self, session: Session) -> bool:
        """Whether `session` is one of these, as far as its own facts tell; the index tells of times."""
        asked = (
            (self.state, session.state),
            (self.device_id, session.device_id),
            (self.serial, session.camera.serial),
            (self.group, session.group),
        )
        return self.may_have(session.session_id, session.state) and all(
            wanted in (None, found) for wanted, found in asked
        )


def summary(picture: Picture) -> Summary:
    """The session's chapters in figures."""
    chapters, verified = picture.chapters, picture.originals
    is_stored = chapters and len(verified) == len(chapters)
    return Summary(
        chapters=len(chapters),
        size_bytes=sum(chapter.size_bytes for chapter in chapters),
        verified=len(verified),
        verified_bytes=sum(receipt.size_bytes for receipt in verified),
        stored_at=max(receipt.verified_at for receipt in verified) if is_stored else None,
    )
