"""Notices: what people are told of a session or a device, each with what they can do next."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum

from msgspec import Struct

from chalicelib.core import ids
from chalicelib.core.artifact import is_original, is_sidecar
from chalicelib.core.ids import DeviceId, SessionId
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.upload import UploadState

MOST_DETAIL = 600
"""Characters of a notice's detail; the rest of a longer one is in the record."""

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")


class NoticeKind(Enum):
    """What a notice is about; a subscription may choose by it."""

    STORED = "session.stored"
    PROCESSED = "session.processed"
    FAILED = "session.failed"
    HELD = "session.held"
    LOST = "original.lost"
    DIFFERS = "evidence.differs"
    REJECTED = "upload.rejected"
    SILENT = "device.silent"
    HEARD = "device.heard"
    SUMMARY = "week.summary"


NEXT: Mapping[NoticeKind, str] = {
    NoticeKind.STORED: "Nothing is to be done: what is ordered goes to the processors. Erase a card only when "
    "`reelhaul audit` calls it safe.",
    NoticeKind.PROCESSED: "Look at the outputs. The originals stay until the grace is over and cleanup is armed; "
    "`reelhaul-admin hold` keeps them longer.",
    NoticeKind.FAILED: "Read the reason and end its cause; then `reelhaul-admin order` orders the session again. "
    "Its originals stay.",
    NoticeKind.HELD: "Read the reason. Nothing of it is processed or cleaned until `reelhaul-admin hold --release`.",
    NoticeKind.LOST: "Do not erase the card. Haul the session again: the chapter needs another receipt.",
    NoticeKind.DIFFERS: "Keep the card: two reads of it differ, and it is unknown which is right. Read it a third "
    "time; then `reelhaul-admin accept --evidence` lets cleanup pass, or the card stays.",
    NoticeKind.REJECTED: "Keep the card: this file has no receipt. Read the reason; the next haul sends the file "
    "again unless it is no film, and when it is rejected twice somebody must look at the device.",
    NoticeKind.SILENT: "See whether the device has power and its uplink, and whether its `reelhaul` service runs. "
    "The card keeps every chapter that has no receipt: do not erase it.",
    NoticeKind.HEARD: "Nothing is to be done: the device continues where it was.",
    NoticeKind.SUMMARY: "Look at what failed, is held, lost or silent: `reelhaul-admin ensure --dry-run` names each "
    "session that waits for somebody.",
}
"""What the reader can do next."""

_WORDS: Mapping[NoticeKind, str] = {
    NoticeKind.STORED: "is stored",
    NoticeKind.PROCESSED: "is processed",
    NoticeKind.FAILED: "failed",
    NoticeKind.HELD: "is held",
    NoticeKind.LOST: "has lost an original",
    NoticeKind.DIFFERS: "has two reads that differ",
    NoticeKind.REJECTED: "has a rejected file",
    NoticeKind.SILENT: "is silent",
    NoticeKind.HEARD: "is heard again",
    NoticeKind.SUMMARY: "in the week that ended",
}
_OF_IMPORTS = (NoticeKind.LOST, NoticeKind.DIFFERS)
_OF_DEVICES = (NoticeKind.SILENT, NoticeKind.HEARD)


class Notice(Struct, frozen=True):
    """One thing to tell. `notice_id` is the same however often it is sent."""

    notice_id: str
    kind: NoticeKind
    project: str
    at: datetime
    detail: str
    session_id: SessionId | None = None
    device_id: DeviceId | None = None


class Announcement(Struct, frozen=True):
    """A notice as it is sent: for people `subject` and `text`, for programs `document`."""

    kind: NoticeKind
    project: str
    subject: str
    text: str
    document: Mapping[str, str | None]


def notices_of(before: Picture, after: Picture, now: datetime) -> tuple[Notice, ...]:
    """What is to be told of a write that makes `after` of `before`; nothing for most.

    An import tells of nothing but loss and what may be one: it brings sessions by the thousand, and somebody watches.
    """
    session = after.session
    return tuple(
        Notice(
            f"{session.session_id}@{session.version}/{place}",
            kind,
            session.project,
            now,
            plain_detail(detail),
            session.session_id,
            session.device_id,
        )
        for place, (kind, detail) in enumerate(_changes(before, after))
        if kind in _OF_IMPORTS or not session.has_import_order
    )


def announcement(notice: Notice, device_name: str | None) -> Announcement:
    """The notice as it is sent, with the device's name where it is known."""
    device = f"{device_name} ({notice.device_id})" if device_name else notice.device_id
    subject = f"{_about(notice, device_name)} {_WORDS[notice.kind]}"
    lines = [
        f"{subject}: {notice.detail}" if notice.detail else subject,
        f"Next: {NEXT[notice.kind]}",
        "",
        f"Project: {notice.project}",
        *([f"Session: {ids.name_of(notice.session_id)}"] if notice.session_id else []),
        *([f"Device: {device}"] if device else []),
        f"Time: {notice.at:%Y-%m-%d %H:%M:%S} UTC",
    ]
    document = {
        "notice_id": notice.notice_id,
        "kind": notice.kind.value,
        "project": notice.project,
        "session_id": ids.name_of(notice.session_id) if notice.session_id else None,
        "device_id": notice.device_id,
        "device": device_name,
        "at": f"{notice.at:%Y-%m-%dT%H:%M:%SZ}",
        "detail": notice.detail,
        "next": NEXT[notice.kind],
    }
    return Announcement(notice.kind, notice.project, subject, "\n".join(lines) + "\n", document)


def _about(notice: Notice, device_name: str | None) -> str:
    if notice.kind in _OF_DEVICES:
        return f"device {device_name or notice.device_id}"
    return f"session {notice.session_id}" if notice.session_id else f"project {notice.project}"


def plain_detail(text: str) -> str:
    """`text` in one line without addresses, whose queries may be secrets, and of at most MOST_DETAIL characters."""
    without = _ADDRESS.sub("[address]", text)
    line = " ".join("".join(char if char.isprintable() else " " for char in without).split())
    return line if len(line) <= MOST_DETAIL else f"{line[: MOST_DETAIL - 1]}…"


def _changes(before: Picture, after: Picture) -> Iterator[tuple[NoticeKind, str]]:
    was, now = before.session, after.session
    # Only a card brings a lost original back. What can be made or copied again holds its session, and that is told.
    lost = [
        each
        for each in now.lost[len(was.lost) :]
        if is_original(each.artifact_id) and each.artifact_id not in now.restoring
    ]
    for each in lost:
        yield NoticeKind.LOST, f"{each.artifact_id}: {each.reason}"
    if now.held and now.held != was.held and not lost:
        yield NoticeKind.HELD, now.held
    for known in now.evidence:
        before_it = was.evidence_of(known.artifact_id).differences
        for difference in known.differences:
            if all(each.read != difference.read for each in before_it):
                yield (
                    NoticeKind.DIFFERS,
                    f"{known.artifact_id}: {difference.words}, read by {difference.read.by}",
                )
    if now.state is not was.state:
        yield from _of_state(before, after)
    rejected = {each.upload_id for each in before.uploads if each.state is UploadState.REJECTED}
    # Nothing waits for a sidecar, and the card of one is not to be kept for it.
    for upload in (each for each in after.uploads if not is_sidecar(each.artifact_id)):
        if upload.state is UploadState.REJECTED and upload.upload_id not in rejected:
            yield NoticeKind.REJECTED, f"{upload.artifact_id}: {upload.reason or 'no reason is on record'}"


def _of_state(before: Picture, after: Picture) -> Iterator[tuple[NoticeKind, str]]:
    session = after.session
    if session.state is SessionState.FAILED:
        yield NoticeKind.FAILED, session.failure or ""
    # A restore makes a cleaned session PROCESSED again.
    if session.state is SessionState.PROCESSED and before.session.state is not SessionState.CLEANED:
        yield NoticeKind.PROCESSED, ", ".join(after.required)
    if session.state is SessionState.STORED and not _is_ordered_again(after):
        count, size_bytes = len(after.chapters), sum(chapter.size_bytes for chapter in after.chapters)
        yield NoticeKind.STORED, f"{count} chapter{'s' * (count > 1)}, {size_bytes:,} bytes"


def _is_ordered_again(picture: Picture) -> bool:
    """Whether the session was stored before its present order, which made it OPEN for a moment."""
    order = picture.session.order
    last = max((receipt.verified_at for receipt in picture.originals), default=None)
    return order is not None and last is not None and last < order.ordered_at
