"""The scan of what processors and browsers bring: what its tag says of a version, and what was recorded of it.

GuardDuty Malware Protection for S3 gives each version below the prefixes that it protects one tag. A version that has
no tag was not scanned: not yet, or never.
Source: docs.aws.amazon.com/guardduty/latest/ug/monitoring-malware-protection-s3-scans-gdu.html
"""

from datetime import datetime

from msgspec import Struct

from chalicelib.core.ids import ArtifactId

TAG = "GuardDutyMalwareScanStatus"
CLEAN = "NO_THREATS_FOUND"
INFECTED = "THREATS_FOUND"
INCONCLUSIVE = ("UNSUPPORTED", "ACCESS_DENIED", "FAILED")
"""What the tag says where the scan tells nothing of the bytes; any other value counts as one of these."""


class ScanTag(Struct, frozen=True):
    """What the tag of a version said when it was read; `finding` is None where the version had none."""

    finding: str | None


class Scan(Struct, frozen=True):
    """A version that has no receipt because of its scan, or has one because an operator `accepted` it.

    `finding` is what its tag said, None as long as it had none; `since` is when that was first seen.
    """

    artifact_id: ArtifactId
    key: str
    version_id: str
    finding: str | None
    since: datetime
    accepted: str | None = None

    @property
    def is_infected(self) -> bool:
        return self.finding == INFECTED

    @property
    def words(self) -> str:
        """Why the version has no receipt, as a person reads it."""
        since = f"since {self.since:%Y-%m-%d %H:%M} UTC"
        if self.is_infected:
            return f"{self.artifact_id} is infected ({self.finding}, {since}): it is never read or counted"
        if self.finding is None:
            return f"{self.artifact_id} waits for the scan {since}"
        return (
            f"the scan of {self.artifact_id} came to nothing ({self.finding[:40]}, {since}): "
            "an operator accepts it, or orders the session again"
        )
