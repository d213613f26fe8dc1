"""The scan gate: what others than devices bring gets no receipt before the scan of exactly that version is clean.

Without a receipt nothing is read, indexed or counted, so that the receipt is the only gate that there must be.
"""

from datetime import datetime, timedelta

from chalicelib.core import keys
from chalicelib.core.ids import ArtifactId
from chalicelib.core.picture import Picture
from chalicelib.core.scan import CLEAN, Scan, ScanTag
from chalicelib.core.settle.actions import RecordScan
from chalicelib.core.settle.policy import Policy
from chalicelib.core.upload import StoredObject, Upload


def must_be_scanned(key: str, policy: Policy) -> bool:
    """Whether an object of this key needs a clean scan: all but originals, which devices bring."""
    return policy.scan_gate and key.startswith(keys.SCANNED)


def must_read_scan(upload: Upload, stored: StoredObject, policy: Policy) -> bool:
    """Whether the scan of the upload's object decides about its receipt; what a restore copies had its receipt."""
    is_new = upload.is_live and upload.copies is None and upload.is_kept_by(stored)
    return is_new and must_be_scanned(upload.key, policy)


def may_count(picture: Picture, stored: StoredObject, tag: ScanTag | None, policy: Policy) -> bool:
    """Whether this very version may get a receipt. What was once found infected never does."""
    if not must_be_scanned(stored.key, policy):
        return True
    known = picture.session.scan_of(stored.version_id)
    if tag is None or tag.finding is None:
        return known is not None and known.accepted is not None and not known.is_infected
    if known and known.is_infected:
        return False
    return tag.finding == CLEAN or (known is not None and known.accepted is not None and _same(known, tag))


def owed_to_scan(
    picture: Picture, artifact_id: ArtifactId, stored: StoredObject, tag: ScanTag | None, now: datetime
) -> RecordScan | None:
    """The record of what the scan of a version without a receipt has come to; None where it is on record."""
    if tag is None:
        return None
    known = picture.session.scan_of(stored.version_id)
    if known and (known.is_infected or _same(known, tag)):
        return None
    return RecordScan(Scan(artifact_id, stored.key, stored.version_id, tag.finding, now))


def is_overdue(scan: Scan, now: datetime, policy: Policy) -> bool:
    """Whether a scan that has not come has been waited for so long that an operator may do without it."""
    return now >= scan.since + timedelta(seconds=policy.scan_patience_s)


def _same(known: Scan, tag: ScanTag) -> bool:
    return known.finding == tag.finding
