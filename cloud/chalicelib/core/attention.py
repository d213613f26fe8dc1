"""What of a session only a person can end: derived from its record alone, each in words that say why."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from enum import Enum

from msgspec import Struct

from chalicelib.core import artifact
from chalicelib.core.ids import DeviceId, SessionId
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.upload import UploadState

MOST_DETAIL = 300
"""Characters of a need's detail; the session has the rest."""

MOST_REJECTIONS = 2
"""So many rejected uploads of one chapter say that sending it again does not help."""


class NeedKind(Enum):
    """Why a session needs a person, the gravest first."""

    LOST = "lost"
    DIFFERS = "differs"
    INFECTED = "infected"
    REJECTED = "rejected"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    UNSCANNED = "unscanned"
    UNPROVEN = "unproven"
    REFUSED = "refused"
    HELD = "held"


class Need(Struct, frozen=True):
    """One reason; `count` is of how many artifacts it holds, and `detail` tells of the first one."""

    kind: NeedKind
    detail: str
    count: int = 1


class Needy(Struct, frozen=True):
    """A session that needs a person, as it was written last."""

    session_id: SessionId
    created_at: datetime
    state: SessionState
    device_id: DeviceId
    group: str | None
    needs: tuple[Need, ...]


def needs(picture: Picture) -> tuple[Need, ...]:
    """Every reason why the session needs a person, one of a kind, the gravest first; nothing for most sessions."""
    found: dict[NeedKind, Need] = {}
    for kind, detail in _reasons(picture):
        first = found.get(kind)
        found[kind] = Need(
            kind, first.detail if first else detail[:MOST_DETAIL], first.count + 1 if first else 1
        )
    return tuple(found[kind] for kind in NeedKind if kind in found) if found else ()


def _reasons(picture: Picture) -> Iterator[tuple[NeedKind, str]]:
    session = picture.session
    grave = tuple(_of_bytes(picture))
    yield from grave
    yield from _of_uploads(picture)
    if session.state is SessionState.FAILED:
        yield NeedKind.FAILED, session.failure or "no reason is on record"
    for index in picture.quarantined:
        yield NeedKind.QUARANTINED, f"{index.artifact_id}: {index.quarantine}"
    refusal = session.cleanup.refusal if session.cleanup else None
    if refusal and session.state is not SessionState.CLEANED:
        yield NeedKind.REFUSED, refusal.reason
    # A loss or a find of the scan holds its session in the same words: the hold is left out.
    if session.held and not any(detail.endswith(session.held) for _, detail in grave):
        yield NeedKind.HELD, session.held


def _of_bytes(picture: Picture) -> Iterator[tuple[NeedKind, str]]:
    """What is wrong with bytes: lost, read in two ways, infected or never scanned."""
    for lost in picture.lost:
        if lost.artifact_id not in picture.session.restoring:
            yield NeedKind.LOST, f"{lost.artifact_id}: {lost.reason}"
    for known in picture.differing:
        yield NeedKind.DIFFERS, f"{known.artifact_id}: {known.open_differences[0].words}"
    for scan in picture.scans():
        if scan.finding is not None and scan.accepted is None:
            yield (NeedKind.INFECTED if scan.is_infected else NeedKind.UNSCANNED), scan.words


def _of_uploads(picture: Picture) -> Iterator[tuple[NeedKind, str]]:
    yield from _rejections(picture)
    for upload in picture.uploads:
        if upload.is_live and upload.unproven_since:
            since = f"{upload.unproven_since:%Y-%m-%d %H:%M} UTC"
            yield NeedKind.UNPROVEN, f"{upload.artifact_id}: S3 gives no checksum of it since {since}"


def _rejections(picture: Picture) -> Iterator[tuple[NeedKind, str]]:
    """The chapters without a receipt that were rejected again and again."""
    rejected = [
        each
        for each in picture.uploads
        if each.state is UploadState.REJECTED
        and artifact.is_original(each.artifact_id)
        and each.artifact_id in picture.missing
    ]
    if not rejected:
        return
    times = Counter(each.artifact_id for each in rejected)
    last = {each.artifact_id: each for each in rejected}
    for artifact_id, count in times.items():
        if count >= MOST_REJECTIONS:
            reason = last[artifact_id].reason or "no reason is on record"
            yield NeedKind.REJECTED, f"{artifact_id}, {count} times: {reason}"
