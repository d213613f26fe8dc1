"""Everything that can end a haul or make it wait, as one tree.

    EdgeError
    ├── SettingsFault            exit 2   arguments or environment cannot work; every fault is named at once
    ├── Refused                  exit 1   a person must look; trying again changes nothing
    │   ├── RecordingUnknown              no such recording or file on this camera, or more than one
    │   ├── ChapterGap                    a recording lacks a chapter
    │   ├── PlanDiffers                   camera, size or ETag are not those of the frozen plan
    │   ├── PlanUnreadable                the frozen plan on disk cannot be read
    │   ├── CardFault                     the camera's card is out, broken or was changed
    │   │   └── FilmBroken                a film is not finished, and does not change
    │   ├── SidecarUnfit                  a proxy or thumbnail is not as promised: it stays on the card
    │   ├── CameraUntrusted               another certificate or login than that of a camera in its home network
    │   ├── RequestForbidden              a camera request that is not on the list of allowed ones
    │   ├── CoordinatorRefusal            the coordinator said stop, or answered outside its contract
    │   │   ├── SessionUnknown            it has no such session or upload, or not for us
    │   │   └── NotAFilm                  it found that a file is no film, and does not store it
    │   ├── PartRefused                   S3 refuses a part again and again
    │   ├── StoredRefused                 S3 does not have what a receipt is for
    │   ├── ReceiptDiffers                the receipt is not for the bytes that were read
    │   ├── ForgetRefused                 forgetting this session would lose footage, or it can still come home
    │   ├── SessionStuck                  the card no longer has a file of a session that is not home
    │   ├── SpoolHeld                     a session that cannot end holds the room
    │   ├── SpoolTooSmall                 the spool's budget does not hold two parts
    │   └── SpoolFault                    the spool does not keep what is written to it, or is not ours
    │       └── PartUnkept                the disk lost a part that was being written: read again, a few times
    ├── Transient                         tried again, until `--give-up-after`
    │   ├── CameraUnreachable, CameraBusy, ReadBroken
    │   ├── CoordinatorUnreachable, CoordinatorBusy
    │   ├── StorageUnreachable
    │   ├── UrlRefused, PartTurnedDown    ask for a fresh URL | check the part and send it again
    │   └── Unsettled        exit 1       tried again for a minute, then a person must look
    │       ├── NothingListed             the list is empty, but the camera counts videos
    │       ├── FileInDoubt               one answer is not of the planned file: asked once more before it is believed
    │       ├── Unfinished                the boxes of a film are not complete
    │       └── CameraUnsupported         an older camera or something else answers: after a few seconds
    ├── RoundLost                         ends a round over a chapter's parts; the next one looks again
    │   ├── UploadGone                    the coordinator says that the upload is over: open a new one
    │   ├── PlanReplaced                  the coordinator has another part plan: take that
    │   ├── UploadLost                    S3 does not know the upload: ask the coordinator what became of it
    │   ├── PartsMismatch                 the coordinator names parts to send again
    │   ├── PartsDiffer                   parts are not of the file that the camera has: read them again
    │   └── PartCorrupt                   a part in the spool is not what was written: read it again
    ├── GivesWay                          no room for a chapter while another one has parts to send: that one first
    ├── Postponed                         a film is not ready at the first look: others come first
    ├── Unproven                          a stored file cannot be compared with the card: it stays on the card
    └── TryLater                 exit 75  nothing is wrong that time would not mend
        ├── GaveUp                        an outage outlasted `--give-up-after`
        ├── SpoolFull                     no room on the disk
        ├── SpoolBusy                     another client holds the spool or the camera
        ├── CameraMoved                   the camera or its card changed while it was planned: plan afresh
        └── Stopped                       SIGINT or SIGTERM

No message holds a token or a presigned URL: what `requests` raises names whole URLs, so messages have only its type.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping

SETTLE_S = 60.0
# One answer of a camera may be wrong: what contradicts a plan is asked once more, so much later.
CONFIRM_AFTER_S = 1.0
STARTS_S = 5.0


class EdgeError(Exception):
    """The root; its text is for the person at the terminal."""


class SettingsFault(EdgeError):
    """Settings that cannot work; `faults` has one text for each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class Refused(EdgeError):
    """A person must look."""


class RecordingUnknown(Refused):
    """The camera has no such recording or file, or the choice is not exact."""


class ChapterGap(Refused):
    """A recording lacks one of its chapters."""


class PlanDiffers(Refused):
    """What is there now is not what the plan froze."""


class PlanUnreadable(Refused):
    """The plan on disk cannot be read."""


class CardFault(Refused):
    """The camera's card is out, broken or was changed."""


class FilmBroken(CardFault):
    """A film is not finished, and does not change."""


class SidecarUnfit(Refused):
    """A proxy or a thumbnail is not what the camera promised; no film waits for it."""


class CameraUntrusted(Refused):
    """A camera in its home network has another certificate, or takes another login. After the `; ` is what helps."""


class RequestForbidden(Refused):
    """A camera request that is not on the list of allowed ones."""


class CoordinatorRefusal(Refused):
    """The coordinator said stop, or answered outside its contract."""


class SessionUnknown(CoordinatorRefusal):
    """The coordinator has no such session or upload, or not for this device."""


class NotAFilm(CoordinatorRefusal):
    """The coordinator looked into a file that came whole: it is no film, not even a broken one."""


class PartRefused(Refused):
    """S3 refuses a part again and again."""


class StoredRefused(Refused):
    """S3 does not have the version that a receipt is for."""


class ReceiptDiffers(Refused):
    """The receipt is not for the bytes that were read."""


class ForgetRefused(Refused):
    """The spool keeps the session: it can still be hauled, or footage would be lost."""


class SessionStuck(Refused):
    """The card no longer has a file of a session, and what was read of it is not enough; `files` says why, by path."""

    def __init__(self, message: str, session_id: str, files: Mapping[str, str]) -> None:
        super().__init__(message)
        self.session_id = session_id
        self.files = files


class SpoolHeld(Refused):
    """No room, and a session that cannot end holds it: trying again changes nothing."""


class SpoolTooSmall(Refused):
    """The spool's budget does not hold two parts."""


class SpoolFault(Refused):
    """The spool does not keep what is written to it, or is not ours."""


class PartUnkept(SpoolFault):
    """The disk lost a part while it was written: it is read again, a few times, and then a person must look."""


class Transient(EdgeError):
    """Worth another try; `retry_after_s` is the least wait that the other side asked for, `source` who must answer."""

    patience_s: float | None = None
    source = "the camera"

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class CameraUnreachable(Transient):
    """No answer from the camera, or none that is HTTP."""


class CameraBusy(Transient):
    """The camera is recording, writing or starting."""


class ReadBroken(Transient):
    """A ranged read did not bring exactly the bytes that were asked for."""


class CoordinatorUnreachable(Transient):
    """No answer from the coordinator, or one of somebody else (a captive portal)."""

    source = "the coordinator"


class CoordinatorBusy(Transient):
    """The coordinator asks to try again later."""

    source = "the coordinator"


class StorageUnreachable(Transient):
    """S3 did not take a part: no answer, a stall, or a passing error."""

    source = "S3"


class UrlRefused(Transient):
    """S3 does not take this presigned URL (any more): ask for another."""

    source = "S3"


class PartTurnedDown(Transient):
    """S3 says that the bytes or the request are wrong: check the part and send it again."""

    source = "S3"


class Unsettled(Transient):
    """Wrong now, but cameras settle: tried again for a minute, then a person must look."""

    patience_s = SETTLE_S


class NothingListed(Unsettled):
    """An empty list of a camera that counts videos."""


class Unfinished(Unsettled):
    """The boxes of a film are not complete; `size_bytes` and `etag` are those of the file that was looked at."""

    def __init__(self, message: str, size_bytes: int, etag: str | None) -> None:
        super().__init__(message)
        self.size_bytes = size_bytes
        self.etag = etag


class CameraUnsupported(Unsettled):
    """This client cannot read what answers. A camera that starts has a few seconds to say otherwise."""

    patience_s = STARTS_S


class FileInDoubt(Unsettled):
    """One answer is not of the planned file."""

    def __init__(self, message: str) -> None:
        super().__init__(message, CONFIRM_AFTER_S)


class RoundLost(EdgeError):
    """Ends one round over a chapter's parts."""


class UploadGone(RoundLost):
    """The coordinator says that this upload is over: open a new one."""


class PlanReplaced(RoundLost):
    """The coordinator has another part plan."""


class UploadLost(RoundLost):
    """S3 does not know the upload: it may be complete or gone, the coordinator knows."""


class PartsMismatch(RoundLost):
    """Parts that the coordinator misses or that have another length or CRC."""

    def __init__(self, message: str, numbers: frozenset[int]) -> None:
        super().__init__(message)
        self.numbers = numbers


class PartsDiffer(RoundLost):
    """Parts were read from another file than the one that the camera has."""


class PartCorrupt(RoundLost):
    """A part in the spool is not what was written."""


class GivesWay(EdgeError):
    """There is no room for a chapter's next part while another chapter of the session has parts to send."""


class Postponed(EdgeError):
    """A film is not ready at the first look of this run: look again once the others are done."""


class Unproven(EdgeError):
    """The client cannot compare the card with what another device hauled."""


class TryLater(EdgeError):
    """Time alone mends this: try again later."""


class GaveUp(TryLater):
    """An outage outlasted `--give-up-after`."""


class SpoolFull(TryLater):
    """No room on the disk; nothing was deleted."""


class SpoolBusy(TryLater):
    """Another client holds the spool or the camera."""


class CameraMoved(TryLater):
    """The camera or its card changed while it was planned; nothing was planned."""


class Stopped(TryLater):
    """SIGINT or SIGTERM."""


def describe(error: BaseException) -> str:
    """The type of a library's error and of its root cause, without their texts, which may hold a presigned URL."""
    root = error
    while inner := [
        one for one in (*root.args, getattr(root, "reason", None)) if isinstance(one, BaseException)
    ]:
        root = inner[0]
    if isinstance(root, ssl.SSLCertVerificationError):
        return (
            f"the certificate there cannot be trusted: {root.verify_message}; "
            "is it a captive portal, or is this device's clock off?"
        )
    return type(error).__name__ if root is error else f"{type(error).__name__}, {type(root).__name__}"


def place_of(error: BaseException) -> str:
    """Where in the program an error was raised, for what nobody expected: without its text, which may hold a URL."""
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    return f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
