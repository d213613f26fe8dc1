"""A session: an ordered set of chapters from one camera that belong together."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from chalicelib.core.chapter import Chapter
from chalicelib.core.errors import InvalidRequest, NotFound
from chalicelib.core.ids import ArtifactId, DeviceId, SessionId, UploadId
from chalicelib.core.order import Order, Wish
from chalicelib.core.upload import Receipt, Upload

_GROUP = re.compile(r"[^\x00-\x1f\x7f]{1,100}")

MOST_CHAPTERS = 99
"""A recording's chapters are numbered 01 to 99; with their session they fill one DynamoDB transaction."""


class SessionState(Enum):
    OPEN = "OPEN"
    STORED = "STORED"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Camera:
    """The camera that a device reads from."""

    serial: str
    model: str | None = None
    firmware: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.serial) <= 40 or not self.serial.isalnum() or not self.serial.isascii():
            raise InvalidRequest("a camera's serial has 1 to 40 letters and digits")


@dataclass(frozen=True)
class Session:
    """The session's own item; every write of the session's state checks and bumps `version`.

    `failure` is why a FAILED one failed. `held` is why an operator holds it: a held session is not sent to processing.
    """

    session_id: SessionId
    project: str
    device_id: DeviceId
    camera: Camera
    group: str | None
    created_at: datetime
    state: SessionState = SessionState.OPEN
    version: int = 1
    order: Order | None = None
    failure: str | None = None
    held: str | None = None

    def __post_init__(self) -> None:
        if self.group is not None and not _GROUP.fullmatch(self.group):
            raise InvalidRequest("a group has 1 to 100 characters, none of them a control character")

    def bumped(self) -> "Session":
        return replace(self, version=self.version + 1)

    def stored(self) -> "Session":
        """This session with every chapter verified."""
        return replace(self, state=SessionState.STORED)

    def ordered(self, wish: Wish, now: datetime) -> "Session":
        """This session with a new order for `wish`; a failed one may be tried again."""
        number = self.order.number + 1 if self.order else 1
        # OPEN, and not what it was before it failed: settle finds out at once whether it is STORED.
        state = SessionState.OPEN if self.state is SessionState.FAILED else self.state
        return replace(self, state=state, order=Order(number, wish, now), failure=None)

    def failed(self, reason: str) -> "Session":
        """This session given up by its processor or an operator, until it is ordered again."""
        return replace(self, state=SessionState.FAILED, failure=reason)

    @property
    def owes_order(self) -> bool:
        """Whether its order should go to the queue."""
        unsent = self.order is not None and self.order.sent_at is None
        return unsent and self.held is None and self.state is SessionState.STORED


@dataclass(frozen=True)
class Progress:
    """A device's last heartbeat for a session, in bytes and bytes per second; `heard_at` is the server's clock."""

    bytes_down: int
    bytes_up: int
    rate_down_bytes_s: int | None
    rate_up_bytes_s: int | None
    spool_bytes: int
    disk_free_bytes: int
    clock: datetime
    heard_at: datetime


@dataclass(frozen=True)
class Picture:
    """All that is recorded of one session, read in one consistent query.

    `chapters` stand in the order of recording, `uploads` in the order of opening.
    """

    session: Session
    chapters: tuple[Chapter, ...]
    uploads: tuple[Upload, ...] = ()
    progress: Progress | None = None

    def chapter(self, artifact_id: ArtifactId) -> Chapter:
        """The chapter whose original is `artifact_id`. Raises NotFound."""
        for chapter in self.chapters:
            if chapter.artifact_id == artifact_id:
                return chapter
        raise NotFound(f"session {self.session.session_id} has no artifact of this id")

    def upload(self, upload_id: UploadId) -> Upload:
        """Raises NotFound."""
        for upload in self.uploads:
            if upload.upload_id == upload_id:
                return upload
        raise NotFound("there is no upload of this id")

    def latest_upload(self, artifact_id: ArtifactId) -> Upload | None:
        """The upload that speaks for an artifact: the verified one, else the last opened."""
        uploads = [upload for upload in self.uploads if upload.artifact_id == artifact_id]
        verified = [upload for upload in uploads if upload.receipt]
        return next(reversed(verified or uploads), None)

    def receipt(self, artifact_id: ArtifactId) -> Receipt | None:
        """The receipt of an artifact, once it has one."""
        upload = self.latest_upload(artifact_id)
        return upload.receipt if upload else None

    @property
    def missing(self) -> tuple[ArtifactId, ...]:
        """The chapters without a receipt."""
        ids = (chapter.artifact_id for chapter in self.chapters)
        return tuple(artifact_id for artifact_id in ids if not self.receipt(artifact_id))

    def with_upload(self, upload: Upload) -> "Picture":
        """This picture with `upload` in the place of the one with its id, or added."""
        others = [known for known in self.uploads if known.upload_id != upload.upload_id]
        uploads = sorted([*others, upload], key=lambda each: (each.opened_at, each.upload_id))
        return replace(self, uploads=tuple(uploads))


def chapters(given: Iterable[Chapter]) -> tuple[Chapter, ...]:
    """`given` as a session's chapters. Raises InvalidRequest for none, more than 99, or one named twice."""
    listed = tuple(given)
    if not 1 <= len(listed) <= MOST_CHAPTERS:
        raise InvalidRequest(f"a session has 1 to {MOST_CHAPTERS} chapters, not {len(listed)}")
    names = [chapter.name for chapter in listed]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidRequest(f"a chapter is named twice: {', '.join(twice)}")
    return listed


def differences(picture: Picture, session: Session, listed: Sequence[Chapter]) -> tuple[str, ...]:
    """What `session` with the chapters `listed` says otherwise than the picture; empty when it confirms it."""
    known = picture.session
    found = [
        f"{name}: {before} here, {now} in the request"
        for name, before, now in (
            ("camera serial", known.camera.serial, session.camera.serial),
            ("group", known.group, session.group),
            ("number of chapters", len(picture.chapters), len(listed)),
        )
        if before != now
    ]
    return (*found, *_chapter_differences(picture.chapters, listed))


def _chapter_differences(known: Sequence[Chapter], listed: Sequence[Chapter]) -> list[str]:
    fields = ("name", "size_bytes", "created", "modified", "etag", "gumi")
    return [
        f"chapter {place}, {field}: {getattr(before, field)} here, {getattr(now, field)} in the request"
        for place, (before, now) in enumerate(zip(known, listed, strict=False), start=1)
        for field in fields
        if _differs(field, before, now)
    ]


def _differs(field: str, before: Chapter, now: Chapter) -> bool:
    said, says = getattr(before, field), getattr(now, field)
    # A camera that would not tell its file's id today has not told another one.
    unsaid = field == "gumi" and None in (said, says)
    return bool(said != says) and not unsaid
