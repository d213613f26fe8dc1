"""What can be owed: decisions as data, and who may carry out which."""

from collections.abc import Mapping
from enum import Enum

from msgspec import Struct

from chalicelib.core.cleanup import Doomed
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.film import Film
from chalicelib.core.ids import ArtifactId, UploadId
from chalicelib.core.manifest import Stated
from chalicelib.core.measurements.index import Index
from chalicelib.core.parts import StoredPart
from chalicelib.core.scan import Scan
from chalicelib.core.upload import Receipt, StoredObject


class Complete(Struct, frozen=True):
    """Promise `crc64nvme`, then have S3 assemble `parts`."""

    upload_id: UploadId
    crc64nvme: Crc64Nvme
    parts: tuple[StoredPart, ...]


class Verify(Struct, frozen=True):
    """Write the receipt: `stored` is what was promised. `film` is what was read of it, if it was."""

    upload_id: UploadId
    stored: StoredObject
    film: Film | None = None


class Withdraw(Struct, frozen=True):
    """Take back a promise that nobody is keeping, so that parts can be sent or the upload cancelled again."""

    upload_id: UploadId


class Expire(Struct, frozen=True):
    """End the upload without an object."""

    upload_id: UploadId
    reason: str


class Reject(Struct, frozen=True):
    """End the upload: its object is not what was promised, or it is no film."""

    upload_id: UploadId
    reason: str
    is_no_film: bool = False


class GiveUp(Struct, frozen=True):
    """Record that the undo window is over: only from then on nobody opens the upload again, and it may be aborted."""

    upload_id: UploadId


class Abort(Struct, frozen=True):
    """End the multipart upload in S3, so that its parts cost nothing."""

    upload_id: UploadId


class Remove(Struct, frozen=True):
    """Write a delete marker over a rejected object; None when the object is gone already."""

    upload_id: UploadId
    stored: StoredObject | None


class CopyParts(Struct, frozen=True):
    """Have S3 copy these parts of the version that the upload brings back."""

    upload_id: UploadId
    numbers: tuple[int, ...]


class Rest(Struct, frozen=True):
    """Inspect these uploads later: nothing that they wait for has happened."""

    upload_ids: tuple[UploadId, ...]


class Doubt(Struct, frozen=True):
    """Look again later, and report it: the object may be what was promised, but S3 does not show its CRC64NVME."""

    upload_id: UploadId


class Wake(Struct, frozen=True):
    """Have the reconciler inspect a resting upload at once: there is something to do for it after all."""

    upload_id: UploadId


class Land(Struct, frozen=True):
    """Record what landed: `stored` is whole, as far as anybody can tell."""

    landing_id: UploadId
    stored: StoredObject


class RefuseLanding(Struct, frozen=True):
    """Record that what landed does not become a film; it stays where it is until S3 expires it."""

    landing_id: UploadId
    reason: str


class EndLanding(Struct, frozen=True):
    """Record that nothing lands any more: only from then on its parts may be aborted."""

    landing_id: UploadId
    reason: str


class AbortLanding(Struct, frozen=True):
    """End the multipart upload of a landing that is over."""

    landing_id: UploadId


class MoveLanding(Struct, frozen=True):
    """Give what landed its place in the session, and open the upload into which S3 copies it."""

    landing_id: UploadId


class DropLanding(Struct, frozen=True):
    """Write a delete marker over exactly what landed: its copy has a receipt. `stored` is what the key has now."""

    landing_id: UploadId
    stored: StoredObject | None


class Store(Struct, frozen=True):
    """Every chapter has its receipt: the session is STORED."""


class SendOrder(Struct, frozen=True):
    """Put the session's order on the processing queue; a crash in between sends it again under its number."""


class VerifyOutput(Struct, frozen=True):
    """Write the receipt of what a processor wrote itself: `stored` is what its manifest states."""

    artifact_id: ArtifactId
    stored: StoredObject


class RecordScan(Struct, frozen=True):
    """Record what the scan of a version has come to; an infected one holds the session."""

    scan: Scan


class ComputeChecksum(Struct, frozen=True):
    """Have S3 compute the CRC64NVME of `stored` by copying it to parts that are dropped; then pin it, or fail."""

    stated: Stated
    stored: StoredObject


class DropChecksumCopy(Struct, frozen=True):
    """End the copy by which S3 computes a CRC64NVME that is not needed any more."""


class IndexMeasurements(Struct, frozen=True):
    """Index the frames of this version of measurements, or quarantine it."""

    receipt: Receipt


class IndexLargeMeasurements(Struct, frozen=True):
    """Index a file so large that it needs a function of its own."""

    receipt: Receipt


class RequestIndex(Struct, frozen=True):
    """Have the function for large measurements index this version: its event was lost, or the function failed."""

    receipt: Receipt


class Quarantine(Struct, frozen=True):
    """Give up indexing this version of measurements, for `reason`."""

    receipt: Receipt
    reason: str


class RemoveIndex(Struct, frozen=True):
    """Remove all objects of an index that a newer one has replaced, those in the lake too."""

    index: Index


class RemoveRemains(Struct, frozen=True):
    """Remove what attempts at a version may have written that nobody will index any more; then forget them."""

    version_id: str
    artifact_id: ArtifactId | None
    """None when no receipt of the version is left: then there is nothing to look for."""


class Fail(Struct, frozen=True):
    """Give the session up until it is ordered again; nothing of it is ever cleaned."""

    reason: str


class Process(Struct, frozen=True):
    """Every required output is verified, the measurements among them indexed: the session is PROCESSED."""


class Inspect(Struct, frozen=True):
    """Read how long these films last, and record it: versions never change."""

    receipts: tuple[Receipt, ...]


class PlanCleanup(Struct, frozen=True):
    """Record what is to be cleaned, and the outputs that allow it, before the first marker is written."""

    doomed: tuple[Doomed, ...]
    evidence: tuple[Receipt, ...]


class Clean(Struct, frozen=True):
    """Write a delete marker over exactly this object."""

    doomed: Doomed


class Finish(Struct, frozen=True):
    """Everything that the intent names is confirmed to be gone: the session is CLEANED."""


class ConfirmOutputs(Struct, frozen=True):
    """The last look before the purge found every required output in its place."""


class Recall(Struct, frozen=True):
    """Have all that was cleaned brought back, for `reason`."""

    artifact_ids: tuple[ArtifactId, ...]
    reason: str


class Scrubbed(Struct, frozen=True):
    """Record that every original that should exist was inspected and is as it was verified."""


class Repair(Struct, frozen=True):
    """Restore originals that are gone although reelhaul did not remove them, and hold the session for `reason`."""

    artifact_ids: tuple[ArtifactId, ...]
    reason: str


class Lose(Struct, frozen=True):
    """Record that the bytes of a verified version are damaged: its receipt proves nothing any more.

    `good_version_id` is an earlier version with the right bytes, from which the artifact is to be copied back.
    """

    receipt: Receipt
    reason: str
    good_version_id: str | None


class StartRestore(Struct, frozen=True):
    """Open an upload whose parts S3 copies from the version that was cleaned."""

    artifact_id: ArtifactId


class Displace(Struct, frozen=True):
    """Hide a foreign object under a delete marker: it has the key of a verified original. Its version stays."""

    artifact_id: ArtifactId
    stored: StoredObject


class EndRestore(Struct, frozen=True):
    """The restore of the artifact is over; `stands` is its old version where that was never gone."""

    artifact_id: ArtifactId
    stands: str | None


Action = (
    Complete
    | Verify
    | Withdraw
    | Expire
    | Reject
    | GiveUp
    | Abort
    | Remove
    | CopyParts
    | Rest
    | Doubt
    | Wake
    | Land
    | RefuseLanding
    | EndLanding
    | AbortLanding
    | MoveLanding
    | DropLanding
    | Store
    | SendOrder
    | VerifyOutput
    | RecordScan
    | ComputeChecksum
    | DropChecksumCopy
    | IndexMeasurements
    | IndexLargeMeasurements
    | RequestIndex
    | Quarantine
    | RemoveIndex
    | RemoveRemains
    | Fail
    | Process
    | Inspect
    | PlanCleanup
    | Clean
    | Finish
    | ConfirmOutputs
    | Recall
    | Scrubbed
    | Repair
    | Lose
    | StartRestore
    | Displace
    | EndRestore
)


class Actor(Enum):
    """Who asks; ALLOWED has what each may carry out."""

    API = "api"
    EVENT = "event"
    MADE_EVENT = "event of what was made"
    """Of outputs and measurements: the manifest, which comes last and lets measurements be verified, is an output."""
    RECONCILER = "reconciler"
    OPERATOR = "operator"
    """An operator's command: it settles as the reconciler does, but leaves index and lake to the functions."""


_RECORDS = (Wake, Doubt, Verify, Store, SendOrder, VerifyOutput, RecordScan, Fail, Process)
"""The actions that only record, or send to the queue."""

# A large file would take the whole round, and every round would begin it again.
_ON_A_ROUND = tuple(each for each in Action.__args__ if each is not IndexLargeMeasurements)
# What a command does is in no metric, and the alarm of a loss or an infection must be heard.
_ONLY_OF_THE_RECONCILER = (IndexMeasurements, RemoveIndex, RemoveRemains, Lose, RecordScan)

ALLOWED: Mapping[Actor, tuple[type, ...]] = {
    Actor.API: (*_RECORDS, Complete, Withdraw, Expire, Land, RefuseLanding, MoveLanding),
    Actor.EVENT: _RECORDS,
    Actor.MADE_EVENT: (*_RECORDS, IndexMeasurements, IndexLargeMeasurements, Quarantine),
    Actor.RECONCILER: _ON_A_ROUND,
    Actor.OPERATOR: tuple(each for each in _ON_A_ROUND if each not in _ONLY_OF_THE_RECONCILER),
}
