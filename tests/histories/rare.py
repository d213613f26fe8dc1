"""The rare states that a good run must reach, by name; each history counts those that it reached.

A state is a coincidence in which other systems have lost data: a call that had its effect and no reply, two who do the
same, a word of a person in the middle of something. A run that never reaches one has shown nothing about it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from chalicelib.core import keys
from chalicelib.core.errors import Conflict, KeyTaken, MultipartGone
from chalicelib.core.picture import Picture
from chalicelib.core.session import Session, SessionState
from chalicelib.core.upload import UploadState

OF_CALLS = {
    "complete": "object complete, and no receipt",
    "create_multipart": "multipart upload that is not on record",
    "remove": "removal that its caller does not know of",
    "send": "order sent, and not on record as sent",
    "put": "index written, and not published",
    "write": "state written, and its writer does not know",
    "abort": "multipart upload aborted, and not on record as aborted",
    "copy_part": "part copied, and its copier does not know",
    "postpone": "session postponed, and nobody works on it",
    "tag_cleaned": "version let go, and not on record as let go",
    "spend": "breaker counted, and nothing removed",
}
"""What is so after a call had its effect and its caller did not hear of it, or died."""

OF_REFUSALS: Mapping[tuple[str, type[Exception]], str] = {
    ("complete", KeyTaken): "two complete one upload: the key is taken",
    ("complete", MultipartGone): "two complete one upload: S3 knows it no more",
    ("parts", MultipartGone): "parts are asked for after the end of their upload",
}

OTHERS = (
    "function timed out",
    "request after its caller gave up",
    "event that no function took",
    "event before its row",
    "processor dies between outputs",
    "an original is purged for good",
    "event after the session was cleaned",
    "late part taken",
    "late part of an upload that is over",
    "address of a part has expired",
    "part flipped on the wire",
    "claim while another claim is answered",
    "part that S3 has is sent again",
    "two functions write one session: api first",
    "two functions write one session: s3 event first",
    "two functions write one session: reconciler first",
    "two rounds of the reconciler at once",
    "ordered again in the middle of a cleanup",
    "cleanup decided, and its session is ordered again",
    "held in the middle of a cleanup",
    "disarmed in the middle of a cleanup",
    "restored in the middle of a cleanup",
    "restored during the last look",
    "measurements are poison",
    "session failed, and outputs come all the same",
    "older order's outputs after a newer order",
    "upload expired",
    "an original is uploaded again",
    "camera away within a part",
    "card swapped within a part",
    "look-alike card within a film",
    "object that a stranger completed",
    "card erased after an audit",
    "device killed while it writes a file",
    "device killed before a file is safe",
    "device killed before a file has its name",
    "device killed before a name is safe",
    "device killed while it tidies",
    "disk full while a file is written",
    "disk fails while a file is made safe",
    "device killed while parts are on the way",
    "two clients want one spool",
    "two devices at once",
    "table is busy while an upload is completed",
)
RARE = (*OF_CALLS.values(), *dict.fromkeys(OF_REFUSALS.values()), *OTHERS)
"""Every rare state."""

_AT_DISK = {
    "append": "device killed while it writes a file",
    "fsync": "device killed before a file is safe",
    "move": "device killed before a file has its name",
    "fsync_folder": "device killed before a name is safe",
    "remove": "device killed while it tidies",
    "remove_folder": "device killed while it tidies",
}


class Rare:
    """What rare states one history reached, each as often as it did."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._writers: dict[str, str] = {}
        self._orders: Counter[str] = Counter()

    def note(self, name: str) -> None:
        """The history is in this state."""
        self.counts[name] += 1

    def at_unheard(self, call: str) -> None:
        """A call had its effect, and its caller does not hear of it."""
        if name := OF_CALLS.get(call):
            self.counts[name] += 1

    def at_refusal(self, call: str, error: Exception, arguments: tuple[Any, ...]) -> None:
        """A port refused a call for good."""
        if name := OF_REFUSALS.get((call, type(error))):
            self.counts[name] += 1
        if isinstance(error, Conflict) and call == "write":
            session = arguments[0].session
            first = self._writers.get(session.session_id, "")
            if first in ("api", "s3 event", "reconciler"):
                self.counts[f"two functions write one session: {first} first"] += 1
            if session.cleanup and _number(session) < self._orders[session.session_id]:
                self.counts["cleanup decided, and its session is ordered again"] += 1

    def at_kill(self, call: str, is_sending: bool) -> None:
        """A device is killed at this call of its disk, camera or network."""
        place, _, kind = call.partition(" ")
        if place == "disk" and kind in _AT_DISK:
            self.counts[_AT_DISK[kind]] += 1
        if is_sending:
            self.counts["device killed while parts are on the way"] += 1

    def at_event(self, key: str, picture: Picture) -> None:
        """An event of S3 reaches its function."""
        session = picture.session
        if session.state is SessionState.CLEANED:
            self.counts["event after the session was cleaned"] += 1
        if any(each.key == key and each.state is UploadState.OPEN for each in picture.uploads):
            self.counts["event before its row"] += 1
        if key.startswith(keys.ORIGINALS):
            return
        if session.state is SessionState.FAILED:
            self.counts["session failed, and outputs come all the same"] += 1
        if session.order and f"/{session.order.number}/" not in key:
            self.counts["older order's outputs after a newer order"] += 1

    def at_order(self, session: Session) -> None:
        """Somebody orders this session again."""
        if session.cleanup and session.state is SessionState.PROCESSED:
            self.counts["ordered again in the middle of a cleanup"] += 1

    def at_write(self, writer: str, before: Picture | None, after: Picture) -> None:
        """A session was written."""
        session = after.session
        self._writers[session.session_id] = writer
        self._orders[session.session_id] = _number(session)
        if before is None:
            return
        self._see_words(before.session, session)
        uploads = {each.upload_id: each for each in before.uploads}
        for upload in after.uploads:
            known = uploads.get(upload.upload_id)
            if known is upload:
                continue
            if known is None and any(each.key == upload.key for each in before.uploads):
                self.counts["an original is uploaded again"] += upload.key.startswith(keys.ORIGINALS)
            if upload.state is UploadState.EXPIRED and known and known.state is not UploadState.EXPIRED:
                self.counts["upload expired"] += 1

    def _see_words(self, before: Session, after: Session) -> None:
        """What a person said, and what was under way."""
        is_cleaning = before.cleanup is not None and before.state is SessionState.PROCESSED
        if is_cleaning and after.held and not before.held and not after.restoring:
            self.counts["held in the middle of a cleanup"] += 1
        if is_cleaning and after.restoring and not before.restoring:
            self.counts["restored in the middle of a cleanup"] += 1
        if before.state is SessionState.CLEANED and not before.is_guarded and after.restoring:
            self.counts["restored during the last look"] += 1
        if after.failure and "poison" in after.failure and not before.failure:
            self.counts["measurements are poison"] += 1


def _number(session: Session) -> int:
    return session.order.number if session.order else 0
