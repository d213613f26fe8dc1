"""What one session adds to the counters: a function of its record alone, so that anybody can count it again."""

from collections.abc import Mapping

from chalicelib.core import keys
from chalicelib.core.attention import needs
from chalicelib.core.evidence import Level
from chalicelib.core.ids import DeviceId
from chalicelib.core.picture import Picture
from chalicelib.core.session import Origin, SessionState
from chalicelib.core.statistics import histogram
from chalicelib.core.statistics.counts import NEEDY, WAITING_CHAPTERS, Counting, Counts, without_zeros
from chalicelib.core.upload import Upload

SESSIONS: Mapping[SessionState, str] = {state: f"sessions_{state.value.lower()}" for state in SessionState}
HELD = "sessions_held"

CHAPTERS = "chapters"
WAITING_BYTES = "bytes_waiting"
LOST_CHAPTERS = "chapters_lost"
READ_TWICE_CHAPTERS = "chapters_read_twice"
READ_BACK_CHAPTERS = "chapters_read_back"
DIFFERING_CHAPTERS = "chapters_differing"

STANDING_BYTES: Mapping[str, str] = {
    keys.ORIGINALS: "bytes_originals",
    keys.INTERMEDIATES: "bytes_intermediates",
    keys.OUTPUTS: "bytes_outputs",
    keys.MEASUREMENTS: "bytes_measurements",
    keys.PROXIES: "bytes_proxies",
}
"""The bytes of current objects with a receipt, by the prefix of their keys."""

HIDDEN_BYTES = "bytes_hidden"
"""Of versions with a receipt that are hidden in S3 and, as far as the record shows, still there."""
FREED_BYTES = "bytes_freed"
"""Of cleaned versions after the last look, a day before S3 purges them."""

OPEN_UPLOADS = "uploads_open"
OPEN_BYTES = "bytes_uploading"
REPEATED_UPLOADS = "uploads_repeated"
ORPHANED_BYTES = "bytes_orphaned"
"""What uploads that ended were planned to have, as long as S3 may keep their parts: they have no more than that."""


RETRIED_PARTS = "parts_retried"
RETRIES_TOLD = "parts_retried_told"
"""How many safe sessions have a device that told how many parts it sent again."""


def contribution(picture: Picture) -> Counts:
    """What the session counts for, as it is on record."""
    return without_zeros(
        {
            SESSIONS[picture.session.state]: 1,
            HELD: int(picture.session.held is not None),
            NEEDY: int(bool(needs(picture))),
            **_of_chapters(picture),
            **_of_objects(picture),
            **_of_uploads(picture),
            **_of_guarantee(picture),
        }
    )


def counting(picture: Picture, recorded_device: DeviceId | None = None) -> Counting | None:
    """What to count of a session that is about to be recorded as `picture`; None when nothing changes.

    `recorded_device` is whose session it is on record, None for a new one.
    """
    after = contribution(picture)
    former = None if recorded_device == picture.session.device_id else recorded_device
    return None if after == picture.counted and former is None else Counting(picture.counted, after, former)


def _of_chapters(picture: Picture) -> Counts:
    missing = set(picture.missing)
    waiting = [chapter for chapter in picture.chapters if chapter.artifact_id in missing]
    return {
        CHAPTERS: len(picture.chapters),
        WAITING_CHAPTERS: len(waiting),
        WAITING_BYTES: sum(chapter.size_bytes for chapter in waiting),
        LOST_CHAPTERS: len(picture.lost),
        **_of_evidence(picture),
    }


def _of_evidence(picture: Picture) -> Counts:
    """Chapters by their level, each counted once; those of which nothing is counted were read once, or not yet."""
    if not picture.session.evidence:
        return {}
    known = (picture.evidence(chapter.artifact_id) for chapter in picture.chapters)
    levels = [each.level for each in known if each]
    return {
        READ_TWICE_CHAPTERS: levels.count(Level.READ_TWICE),
        READ_BACK_CHAPTERS: levels.count(Level.READ_BACK),
        DIFFERING_CHAPTERS: len(picture.differing),
    }


def _of_objects(picture: Picture) -> Counts:
    """The bytes of every version with a receipt: the last one of a key stands, until a cleanup removed it."""
    session = picture.session
    is_past_its_last_look = session.state is SessionState.CLEANED and session.is_guarded
    found = dict.fromkeys((*STANDING_BYTES.values(), HIDDEN_BYTES, FREED_BYTES), 0)
    for key, receipts in picture.receipts_by_key.items():
        for receipt in receipts:
            is_cleaned = receipt.version_id in session.cleaned
            if is_cleaned and is_past_its_last_look:
                found[FREED_BYTES] += receipt.size_bytes
            elif is_cleaned or receipt is not receipts[-1]:
                found[HIDDEN_BYTES] += receipt.size_bytes
            else:
                found[_standing(key)] += receipt.size_bytes
    return found


def _standing(key: str) -> str:
    return STANDING_BYTES[f"{key.partition('/')[0]}/"]


def _of_uploads(picture: Picture) -> Counts:
    live = [upload for upload in picture.uploads if upload.is_live]
    left_behind = [upload for upload in picture.uploads if upload.can_be_undone or upload.owes_abort]
    return {
        OPEN_UPLOADS: len(live),
        OPEN_BYTES: _planned_bytes(live),
        REPEATED_UPLOADS: _repeated(picture.uploads),
        ORPHANED_BYTES: _planned_bytes(left_behind),
    }


def _of_guarantee(picture: Picture) -> Counts:
    """How long a session took that a device hauled, once it was safe."""
    safe = picture.session.safe
    if picture.session.origin is not Origin.DEVICE:
        return {}
    if safe is None:
        # Safe since before that was recorded.
        return {
            histogram.UNKNOWN: int(bool(picture.chapters) and not picture.missing and _is_stored(picture))
        }
    took = histogram.UNKNOWN if safe.after_s is None else histogram.bucket(safe.after_s)
    return {
        took: 1,
        RETRIED_PARTS: safe.retried_parts or 0,
        RETRIES_TOLD: int(safe.retried_parts is not None),
    }


def _is_stored(picture: Picture) -> bool:
    """Whether it was recorded that every chapter has its receipt; the moment before, that is still to come."""
    return picture.session.state is not SessionState.OPEN


def _planned_bytes(uploads: list[Upload]) -> int:
    return sum(upload.plan.size_bytes for upload in uploads)


def _repeated(uploads: tuple[Upload, ...]) -> int:
    """How many uploads came after another one of the same key; what a restore copies is none."""
    sent = [upload.key for upload in uploads if upload.copies is None]
    return len(sent) - len(set(sent))
