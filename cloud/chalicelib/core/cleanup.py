"""Cleanup: its durable intent, its bounds, and what the bucket must promise before anything is cleaned."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from msgspec import Struct

from chalicelib.core import keys
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.ids import ArtifactId
from chalicelib.core.upload import Receipt, StoredObject

CLEANED_TAG = ("reelhaul", "cleaned")
"""Name and value of the tag without which S3's lifecycle purges nothing; `clean` alone gives it."""
KEPT_TAG = ("reelhaul", "kept")
"""The tag in its place on what is wanted back."""


class Doomed(Struct, frozen=True):
    """An object that is to be cleaned: this version and no other."""

    artifact_id: ArtifactId
    key: str
    version_id: str
    etag: str
    size_bytes: int
    crc64nvme: Crc64Nvme

    def is_now(self, stored: StoredObject) -> bool:
        """Whether `stored`, the current object of the key, is exactly this one."""
        return (self.key, self.version_id, self.etag, self.size_bytes, self.crc64nvme) == (
            stored.key,
            stored.version_id,
            stored.etag,
            stored.size_bytes,
            stored.crc64nvme,
        )


class Refusal(Struct, frozen=True):
    """S3 refused to remove this version; the day's limit had counted the version before the request."""

    version_id: str
    refused_at: datetime
    reason: str


class Cleanup(Struct, frozen=True):
    """The intent on record before the first marker is written: what is cleaned, and the outputs that allow it.

    `refusal` is the last removal that S3 refused.
    """

    decided_at: datetime
    doomed: tuple[Doomed, ...]
    evidence: tuple[Receipt, ...]
    refusal: Refusal | None = None

    def rests_until(self, patience_s: int) -> datetime | None:
        """When to retry what S3 refused; None when S3 refused nothing."""
        return self.refusal.refused_at + timedelta(seconds=patience_s) if self.refusal else None

    def has_counted(self, doomed: Doomed, day: date) -> bool:
        """Whether the day's count already has this version, although S3 did not remove it."""
        refusal = self.refusal
        return refusal is not None and (refusal.version_id, refusal.refused_at.date()) == (
            doomed.version_id,
            day,
        )


class Arming(Struct, frozen=True):
    """Whether this deployment cleans at all; an operator's word, and at the same time the kill switch."""

    is_armed: bool
    changed_at: datetime
    reason: str


class Spent(Struct, frozen=True):
    """What was cleaned on one day (UTC), or may be: the breaker's measure."""

    objects: int = 0
    size_bytes: int = 0

    def leaves(self, limit: "Spent", size_bytes: int) -> bool:
        """Whether one more object of this size stays within `limit`."""
        return self.objects < limit.objects and self.size_bytes + size_bytes <= limit.size_bytes

    def with_one_more(self, size_bytes: int) -> "Spent":
        return Spent(self.objects + 1, self.size_bytes + size_bytes)


class Bucket(Struct, frozen=True):
    """What the bucket promises, and what time it is there.

    `keeps_days` has, for each prefix that is cleaned, the days for which a noncurrent version that carries CLEANED_TAG
    surely stays; None where no rule says so. `purges_untagged` are the prefixes below which a rule ends versions that
    nobody cleaned.
    """

    is_versioned: bool
    keeps_days: Mapping[str, int | None]
    at: datetime
    purges_untagged: tuple[str, ...] = ()

    def why_unfit(self, promised_days: int) -> str | None:
        """Why what is cleaned could not be restored for `promised_days` days, or None when it can."""
        if not self.is_versioned:
            return "the bucket does not keep versions"
        for prefix in keys.CLEANED:
            days = self.keeps_days.get(prefix)
            if days is None:
                return f"no lifecycle rule says how long what was cleaned below {prefix} stays"
            if prefix in self.purges_untagged:
                return f"a lifecycle rule purges versions below {prefix} that nobody cleaned"
            if days < promised_days:
                return f"noncurrent versions below {prefix} stay {days} days; {promised_days} are promised"
        return None
