"""What S3's lifecycle does to the bucket as days pass: `Lifecycle`.

    lifecycle = Lifecycle(bucket, chance)
    lifecycle.run(now)      everything whose time is over happens now; answers what happened

Run it once a day of the history, or more often. The rules are those of storage.yaml, and for what is cleaned the days
that the bucket promises (`MemoryObjectStore.promise`). A time is over at the first midnight (UTC) that is not before so
many days have passed; what is over happens at some later run where `chance` says `lifecycle late`.
A version is judged as it is at that moment: a tag that was taken away in time saves it.
Source: docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html (how days are counted)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from chalicelib.core import keys
from chalicelib.core.cleanup import CLEANED_TAG
from chalicelib.core.lifecycle import MULTIPART_DAYS
from tests.histories.world.chance import Chance
from tests.support.memory import MemoryObjectStore
from tests.support.memory.object_store import Version

REPLACED_DAYS = {keys.INDEX: 7, keys.LAKE: 7, keys.INCOMING: 7}
"""For how long a noncurrent version below these prefixes is kept, tagged or not."""
LANDING_DAYS = 30
"""After which a current object below incoming/ gets a delete marker."""


@dataclass(frozen=True)
class Deed:
    """What the lifecycle did: `purge` or `expire` a version, `drop` a lone marker, or `abort` an upload."""

    verb: str
    key: str
    name: str
    """The id of the version or of the multipart upload."""


class Lifecycle:
    """The lifecycle of one bucket."""

    def __init__(self, bucket: MemoryObjectStore, chance: Chance) -> None:
        self._bucket = bucket
        self._chance = chance

    def run(self, now: datetime) -> list[Deed]:
        """Everything that is over by `now` and not late."""
        done = self._abort_forgotten(now)
        for key in self._bucket.written_keys():
            done += self._purge(key, now)
            done += self._expire(key, now)
            done += self._drop_lone_marker(key)
        return done

    def _abort_forgotten(self, now: datetime) -> list[Deed]:
        forgotten = [
            each
            for each in self._bucket.multiparts("")
            if _is_over(each.initiated_at, MULTIPART_DAYS, now) and self._is_in_time()
        ]
        for each in forgotten:
            self._bucket.abort(each.key, each.multipart_id)
        return [Deed("abort", each.key, each.multipart_id) for each in forgotten]

    def _purge(self, key: str, now: datetime) -> list[Deed]:
        versions = self._bucket.versions(key)
        doomed = [
            version
            for version, successor in pairwise(versions)
            if self._is_doomed(key, version, successor.at, now) and self._is_in_time()
        ]
        for version in doomed:
            self._bucket.forget_version(key, version.version_id)
        return [Deed("purge", key, version.version_id) for version in doomed]

    def _is_doomed(self, key: str, version: Version, hidden_at: datetime, now: datetime) -> bool:
        for prefix, days in REPLACED_DAYS.items():
            if key.startswith(prefix):
                return _is_over(hidden_at, days, now)
        for prefix, kept_days in self._bucket.promise.keeps_days.items():
            if key.startswith(prefix):
                return (
                    kept_days is not None
                    and self._is_cleaned(key, version)
                    and _is_over(hidden_at, kept_days, now)
                )
        return False

    def _is_cleaned(self, key: str, version: Version) -> bool:
        """Whether it carries the tag; a delete marker carries none."""
        return (
            version.stored is not None and CLEANED_TAG in self._bucket.tags(key, version.version_id).items()
        )

    def _expire(self, key: str, now: datetime) -> list[Deed]:
        stored = self._bucket.head(key) if key.startswith(keys.INCOMING) else None
        if stored is None or not _is_over(stored.modified_at, LANDING_DAYS, now) or not self._is_in_time():
            return []
        self._bucket.mark_deleted(key)
        return [Deed("expire", key, stored.version_id)]

    def _drop_lone_marker(self, key: str) -> list[Deed]:
        versions = self._bucket.versions(key)
        if len(versions) != 1 or versions[0].stored or not self._is_in_time():
            return []
        self._bucket.forget_version(key, versions[0].version_id)
        return [Deed("drop", key, versions[0].version_id)]

    def _is_in_time(self) -> bool:
        return not self._chance.strikes("lifecycle late")


def _is_over(since: datetime, days: int, now: datetime) -> bool:
    ends = since + timedelta(days=days)
    midnight = ends.replace(hour=0, minute=0, second=0, microsecond=0)
    return now >= (midnight if midnight == ends else midnight + timedelta(days=1))
