"""What is owed to a session for what its processor made."""

from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

from chalicelib.core import artifact
from chalicelib.core.artifact import Kind
from chalicelib.core.ids import ArtifactId
from chalicelib.core.manifest import Stated
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle.actions import (
    Action,
    ComputeChecksum,
    DropChecksumCopy,
    Fail,
    Process,
    RecordScan,
    VerifyOutput,
)
from chalicelib.core.settle.facts import Facts
from chalicelib.core.settle.policy import Policy
from chalicelib.core.settle.scanning import may_count, owed_to_scan
from chalicelib.core.upload import StoredObject, UploadState

MOST_COMPUTED_BYTES = 8 * 2**30
"""The largest object that S3 copies to compute its CRC64NVME: one or two minutes of a round."""

Unverified: TypeAlias = Sequence[tuple[Stated, StoredObject]]
"""What the manifest states and the bucket has, without a receipt."""


def may_state_outputs(picture: Picture) -> bool:
    """Whether a processor may have stated what it wrote: its manifest is worth a look."""
    session = picture.session
    is_sent = session.order is not None and session.order.sent_at is not None
    return session.state is SessionState.STORED and is_sent


def awaits_outputs(picture: Picture) -> bool:
    """Whether somebody must look for what the processor makes."""
    return may_state_outputs(picture) and bool(picture.awaited)


def owed_for_outputs(picture: Picture, facts: Facts, now: datetime, policy: Policy) -> Iterator[Action]:
    """Receipts for what the manifest states and the bucket shows; PROCESSED once all that is required is there."""
    if picture.session.checksum_copy and not _is_copy_needed(picture):
        yield DropChecksumCopy()
    if picture.session.state is not SessionState.STORED or picture.session.order is None:
        return
    unverified = tuple(_unverified(picture, facts))
    fault = _fault(picture, facts, unverified)
    if fault:
        yield Fail(fault)
        return
    waiting = tuple(_kept_by_scans(picture, facts, unverified, policy))
    yield from _scan_records(picture, facts, waiting, now)
    kept = {stored.key for _, stored in waiting}
    yield from _pins(unverified, kept)
    yield from _checksums(unverified, kept)
    # What nobody requires is verified as well, as long as it is there: afterwards nobody looks at the manifest again.
    has_unproven = any(stored.crc64nvme is None for _, stored in unverified)
    if is_processed(picture) and not has_unproven and not _waits_for_scans(picture, waiting):
        yield Process()


def is_processed(picture: Picture) -> bool:
    """Whether everything that the order requires is verified, and the measurements among it are indexed."""
    return bool(picture.required) and not picture.awaited and why_not_indexed(picture) is None


def why_not_indexed(picture: Picture) -> str | None:
    """Which required measurements have no index of the very version that was verified; None when all have."""
    for artifact_id in picture.required:
        if artifact.kind_of(artifact_id) is not Kind.MEASUREMENTS:
            continue
        receipt = picture.receipt(artifact_id)
        index = picture.index(receipt) if receipt else None
        if index is None or not index.is_published or index.frames < 1:
            return f"{artifact_id} is not indexed"
    return None


def fault_on_record(picture: Picture) -> str | None:
    """Why the present order can never be fulfilled, as far as the record tells; None as long as it can.

    Everything below an order's prefix is written once: what is poison or was rejected there is never replaced.
    """
    for index in picture.quarantined:
        if index.artifact_id in picture.required:
            return f"{index.artifact_id} is poison: {index.quarantine}"
    for artifact_id in picture.awaited:
        lost = picture.lost_at(picture.key(artifact_id))
        if lost:
            return f"{artifact_id}: {lost.reason}"
    awaited = {picture.key(artifact_id) for artifact_id in picture.awaited}
    for scan in picture.session.scans:
        if scan.key in awaited and scan.is_infected:
            return scan.words
    for upload in picture.uploads:
        if upload.key in awaited and upload.state is UploadState.REJECTED:
            return f"{upload.artifact_id}: {upload.reason}"
    return None


def _fault(picture: Picture, facts: Facts, unverified: Unverified) -> str | None:
    """Why the present order can never be fulfilled, by the record or by what the bucket has."""
    known = fault_on_record(picture)
    if known or facts.manifest is None:
        return known
    if facts.manifest.fault:
        return facts.manifest.fault
    for stated, stored in unverified:
        if not _may_be(stated, stored):
            return _difference(stated, stored)
        unprovable = _why_not_provable(stated, stored)
        if unprovable:
            return unprovable
    return None


def _why_not_provable(stated: Stated, stored: StoredObject) -> str | None:
    """Why an object without a CRC64NVME will never have one; None when it has one, or S3 can compute it."""
    if stored.crc64nvme or stored.size_bytes <= MOST_COMPUTED_BYTES:
        return None
    return (
        f"{stated.artifact_id} was written without CRC64NVME and has {stored.size_bytes} bytes, more than the "
        f"{MOST_COMPUTED_BYTES} of which one is computed afterwards; write it with ChecksumAlgorithm CRC64NVME"
    )


def _kept_by_scans(
    picture: Picture, facts: Facts, unverified: Unverified, policy: Policy
) -> Iterator[tuple[ArtifactId, StoredObject]]:
    """The stated objects whose scan keeps them from their receipts."""
    for stated, stored in unverified:
        if not may_count(picture, stored, facts.scans.get(stored.version_id), policy):
            yield stated.artifact_id, stored


def _scan_records(
    picture: Picture, facts: Facts, waiting: Iterable[tuple[ArtifactId, StoredObject]], now: datetime
) -> Iterator[RecordScan]:
    for artifact_id, stored in waiting:
        owed = owed_to_scan(picture, artifact_id, stored, facts.scans.get(stored.version_id), now)
        if owed:
            yield owed


def _waits_for_scans(picture: Picture, waiting: Iterable[tuple[ArtifactId, StoredObject]]) -> bool:
    """Whether a stated object may still get its receipt; for what is on record as infected nobody waits."""
    scans = (picture.session.scan_of(stored.version_id) for _, stored in waiting)
    return any(scan is None or not scan.is_infected for scan in scans)


def _pins(unverified: Unverified, kept: Container[str]) -> Iterator[VerifyOutput]:
    for stated, stored in unverified:
        if stored.crc64nvme and stored.key not in kept:
            yield VerifyOutput(stated.artifact_id, stored)


def judge_computed(stated: Stated, stored: StoredObject) -> VerifyOutput | Fail:
    """Pin or fail `stored`, whose CRC64NVME has now been computed."""
    if _may_be(stated, stored):
        return VerifyOutput(stated.artifact_id, stored)
    return Fail(_difference(stated, stored))


def _checksums(unverified: Unverified, kept: Container[str]) -> Iterator[ComputeChecksum]:
    for stated, stored in unverified:
        if stored.crc64nvme is None and stored.key not in kept:
            yield ComputeChecksum(stated, stored)


def _is_copy_needed(picture: Picture) -> bool:
    """Whether the present order still waits for the output that the recorded copy is of."""
    session, copy = picture.session, picture.session.checksum_copy
    if copy is None or session.state is not SessionState.STORED or session.order is None:
        return False
    return copy.key == picture.key(copy.artifact_id) and picture.receipt(copy.artifact_id) is None


def _unverified(picture: Picture, facts: Facts) -> Iterator[tuple[Stated, StoredObject]]:
    """What stands where the manifest says, unless it has its receipt, gets it by its upload, or was lost."""
    for stated in facts.manifest.stated if facts.manifest else ():
        key = picture.key(stated.artifact_id)
        stored = facts.stored.get(key)
        if stored is None or picture.receipts_at(key) or picture.lost_at(key):
            continue
        if all(upload.upload_id != stored.upload_id for upload in picture.uploads):
            yield stated, stored


def _difference(stated: Stated, stored: StoredObject) -> str:
    return (
        f"{stated.artifact_id} has {stored.size_bytes} bytes and CRC64NVME {stored.crc64nvme}; "
        f"its manifest states {stated.size_bytes} and {stated.crc64nvme}"
    )


def _may_be(stated: Stated, stored: StoredObject) -> bool:
    """Whether the object is what is stated, as far as its CRC64NVME is known."""
    return stated.size_bytes == stored.size_bytes and stored.crc64nvme in (None, stated.crc64nvme)
