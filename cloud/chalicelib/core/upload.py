"""An upload: one attempt to bring one object into the bucket, and the moves it may make.

    OPEN --completed--> COMPLETED --verified--> VERIFIED
     |  `-------------- verified -----------------^      (the event overtook the reply)
     |--cancelled--> CANCELLED --reopened (undo)--> OPEN
     |--expired----> EXPIRED
     `--rejected---> REJECTED  (also from COMPLETED)

A move to the present state changes nothing. VERIFIED, EXPIRED and REJECTED are final.
"""

from datetime import datetime
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core import keys
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import StateConflict
from chalicelib.core.ids import ArtifactId, SessionId, UploadId
from chalicelib.core.parts import PartPlan

CANCELLED = "cancelled by the device"


class UploadState(Enum):
    OPEN = "OPEN"
    COMPLETED = "COMPLETED"
    VERIFIED = "VERIFIED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


class Way(Enum):
    """How an object comes: in parts of a multipart upload, or whole, by one PUT."""

    PARTS = "parts"
    ONE_PUT = "one-put"


_MOVES = {
    UploadState.OPEN: {
        UploadState.COMPLETED,
        UploadState.VERIFIED,
        UploadState.CANCELLED,
        UploadState.EXPIRED,
        UploadState.REJECTED,
    },
    UploadState.COMPLETED: {UploadState.VERIFIED, UploadState.REJECTED},
    UploadState.CANCELLED: {UploadState.OPEN},
    UploadState.VERIFIED: set(),
    UploadState.EXPIRED: set(),
    UploadState.REJECTED: set(),
}


class StoredObject(Struct, frozen=True):
    """The current object of a key as a HEAD shows it; `upload_id` is the one in its metadata (rule 5)."""

    key: str
    size_bytes: int
    crc64nvme: Crc64Nvme | None
    etag: str
    version_id: str
    upload_id: UploadId | None
    modified_at: datetime


class Receipt(Struct, frozen=True):
    """The proof for one verified object: the licence to finish a chapter and to drop its parts.

    `upload_id` is None for what a processor wrote itself and its manifest states.
    """

    upload_id: UploadId | None
    artifact_id: ArtifactId
    key: str
    version_id: str
    size_bytes: int
    crc64nvme: Crc64Nvme
    verified_at: datetime

    def stands_as(self, stored: StoredObject) -> bool:
        """Whether `stored` is the version that was verified, even when S3 does not show its CRC64NVME.

        A version never changes. A version to be removed must still show its checksum: `is_kept_by`.
        """
        return self.is_kept_by(replace(stored, crc64nvme=stored.crc64nvme or self.crc64nvme))

    def is_kept_by(self, stored: StoredObject) -> bool:
        """Whether `stored`, the current object of the key, is exactly the version that was verified."""
        return (self.key, self.version_id, self.size_bytes, self.crc64nvme) == (
            stored.key,
            stored.version_id,
            stored.size_bytes,
            stored.crc64nvme,
        )


class Source(Struct, frozen=True):
    """A version of another key, which S3 copies into an upload's parts."""

    key: str
    version_id: str


class Upload(Struct, frozen=True):
    """One upload.

    `claim` is what its sender says the whole is: nothing else is completed. `promise` is the whole object's
    CRC64NVME, folded from the parts and recorded before S3 is asked to complete: what an object must show to be
    verified. `can_be_undone` is a cancelled upload's only; `owes_abort` and `owes_removal` are what an ended one
    owes S3: ending the multipart upload, and a delete marker on a rejected object; `removed_at` is when that was
    done. `copies` is the version of its key that a restore brings back, `source` what landed elsewhere: such an
    upload's parts come from S3 itself. `looks` is how often the reconciler has found nothing to do since a client
    was last heard from, `look_at` when it looks next; None means now. `unproven_since` is set while S3 shows the
    object without its CRC64NVME. `is_no_film` is a rejected one's whose bytes are all that was promised, and no
    film: the same bytes would be rejected again. One that comes by one PUT has no multipart upload: `multipart_id`
    is empty, and each signed address renews `promise` and `promised_at`.
    """

    upload_id: UploadId
    session_id: SessionId
    artifact_id: ArtifactId
    key: str
    plan: PartPlan
    multipart_id: str
    opened_at: datetime
    expires_at: datetime
    state: UploadState = UploadState.OPEN
    claim: Crc64Nvme | None = None
    promise: Crc64Nvme | None = None
    promised_at: datetime | None = None
    receipt: Receipt | None = None
    reason: str | None = None
    ended_at: datetime | None = None
    can_be_undone: bool = False
    owes_abort: bool = False
    owes_removal: bool = False
    removed_at: datetime | None = None
    copies: str | None = None
    looks: int = 0
    look_at: datetime | None = None
    unproven_since: datetime | None = None
    is_no_film: bool = False
    way: Way = Way.PARTS
    source: Source | None = None

    @property
    def is_one_put(self) -> bool:
        return self.way is Way.ONE_PUT

    @property
    def is_copied(self) -> bool:
        """Whether S3 copies its parts, and no client sends them."""
        return self.copies is not None or self.source is not None

    @property
    def is_live(self) -> bool:
        """Whether bytes may still become this upload's object."""
        return self.state in (UploadState.OPEN, UploadState.COMPLETED)

    @property
    def owes(self) -> bool:
        """Whether the reconciler has anything left to do for it."""
        return self.is_live or self.can_be_undone or self.owes_abort or self.owes_removal

    def is_past(self, now: datetime) -> bool:
        return now >= self.expires_at

    def is_resting(self, now: datetime) -> bool:
        """Whether the reconciler leaves it alone for now."""
        return self.is_live and self.look_at is not None and now < self.look_at

    def rested(self, until: datetime) -> "Upload":
        """This upload after one more look that found nothing to do; the next one is at `until`."""
        return replace(self, looks=self.looks + 1, look_at=until)

    def doubted(self, now: datetime, until: datetime) -> "Upload":
        """This upload after a look at an object that may be what was promised; the next look is at `until`."""
        return replace(self.rested(until), unproven_since=self.unproven_since or now)

    def woken(self) -> "Upload":
        """This upload after a client was heard from: the reconciler inspects it now."""
        return replace(self, looks=0, look_at=None)

    def claimed(self, crc: Crc64Nvme) -> "Upload":
        """This upload, never to be completed as anything but `crc`: that is what its sender read."""
        return replace(self.woken(), claim=crc)

    @property
    def is_disowned(self) -> bool:
        """Whether its sender claims another whole than the promised one."""
        return None not in (self.claim, self.promise) and self.claim != self.promise

    def promised(self, crc: Crc64Nvme, now: datetime) -> "Upload":
        """This upload about to be completed as `crc`."""
        return replace(self.woken(), promise=crc, promised_at=now)

    def signed(self, crc: Crc64Nvme, now: datetime) -> "Upload":
        """This upload about to be sent whole by one PUT: its address takes no other bytes than those of `crc`."""
        return replace(self, claim=crc).promised(crc, now)

    def unpromised(self) -> "Upload":
        """This upload once nobody is completing it any more: parts may be sent again."""
        return replace(self.woken(), promise=None, promised_at=None)

    def completed(self) -> "Upload":
        """This upload after S3 said that the object exists."""
        return self._moved(UploadState.COMPLETED)

    def verified(self, stored: StoredObject, now: datetime) -> "Upload":
        """This upload with its receipt for `stored`, which must be what was promised and what its device read.

        Raises StateConflict otherwise: a receipt is never written for anything else.
        """
        if self.state is UploadState.VERIFIED:
            return self
        crc = self.promise
        if crc is None or self.is_disowned or not self.is_kept_by(stored):
            raise StateConflict(
                f"{stored.key} is not what upload {self.upload_id} promised or its device read"
            )
        receipt = Receipt(
            self.upload_id, self.artifact_id, stored.key, stored.version_id, stored.size_bytes, crc, now
        )
        return replace(self._moved(UploadState.VERIFIED), receipt=receipt)

    def is_kept_by(self, stored: StoredObject) -> bool:
        """Whether `stored` is this upload's object with the promised size and CRC."""
        return (
            self.promise is not None
            and stored.upload_id == self.upload_id
            and stored.key == self.key
            and stored.size_bytes == self.plan.size_bytes
            and stored.crc64nvme == self.promise
        )

    def may_be_kept_by(self, stored: StoredObject) -> bool:
        """Whether `stored` matches this upload and only lacks its CRC64NVME: unknown is not wrong."""
        return stored.crc64nvme is None and self.is_kept_by(replace(stored, crc64nvme=self.promise))

    def cancelled(self, now: datetime, reason: str = CANCELLED) -> "Upload":
        """This upload given up by its device, or for it; its parts stay until the undo window is over."""
        if self.state is UploadState.CANCELLED:
            return self
        return replace(self._moved(UploadState.CANCELLED), ended_at=now, can_be_undone=True, reason=reason)

    def reopened(self) -> "Upload":
        """This cancelled upload, open again with the parts it had and the deadline it had."""
        return replace(self._moved(UploadState.OPEN), ended_at=None, can_be_undone=False, reason=None)

    def given_up(self) -> "Upload":
        """This cancelled upload, never to be opened again: its parts may be aborted."""
        return replace(self, can_be_undone=False, **self._owed_in_s3())

    def expired(self, reason: str, now: datetime) -> "Upload":
        """This upload ended without an object; a new one can be opened."""
        return replace(self._moved(UploadState.EXPIRED), reason=reason, ended_at=now, **self._owed_in_s3())

    def _owed_in_s3(self) -> dict[str, bool]:
        """What its end without a verified object owes: the end of the multipart upload, or the removal of its PUT."""
        return {"owes_removal": self.promise is not None} if self.is_one_put else {"owes_abort": True}

    def rejected(self, reason: str, now: datetime) -> "Upload":
        """This upload ended with an object that is not what was promised."""
        upload = self._moved(UploadState.REJECTED)
        # What a processor made is never removed: its session fails, and another order makes it elsewhere.
        owes_removal = keys.may_be_removed(self.key)
        owes_abort = not self.is_one_put
        return replace(upload, reason=reason, ended_at=now, owes_abort=owes_abort, owes_removal=owes_removal)

    def rejected_as_no_film(self, reason: str, now: datetime) -> "Upload":
        """This upload ended with an object that is what was promised, and no film."""
        return replace(self.rejected(reason, now), is_no_film=True)

    def aborted(self) -> "Upload":
        return replace(self, owes_abort=False)

    def removed(self, now: datetime) -> "Upload":
        """This rejected upload once its object is gone; delete markers of other removers may still arrive."""
        return replace(self, owes_removal=False, removed_at=now)

    def _moved(self, state: UploadState) -> "Upload":
        if state is self.state:
            return self
        if state not in _MOVES[self.state]:
            raise StateConflict(
                f"upload {self.upload_id} is {self.state.value} and cannot become {state.value}"
            )
        return replace(self.woken(), state=state, unproven_since=None)
