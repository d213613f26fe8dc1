"""The lifecycle ends what storage.yaml says, at midnight after its days and not before, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core import keys
from chalicelib.core.lifecycle import MULTIPART_DAYS
from infra.aws import template
from tests.histories.world.builders import Struck
from tests.histories.world.lifecycle import LANDING_DAYS, REPLACED_DAYS, Deed, Lifecycle
from tests.support.builders import UPLOAD_ID
from tests.support.memory import MemoryObjectStore, MovableClock

ORIGINAL = "originals/main/match/100GOPRO/GX010038.MP4"
INDEX = "index/main/match/lights/1/overview.json"
LANDING = "incoming/main/match/u_1"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
GRACE_DAYS = 14


def midnight_after(days: int) -> datetime:
    return datetime(2026, 11, 22, tzinfo=UTC) + days * DAY


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(NOON)


@pytest.fixture
def bucket(clock: MovableClock) -> MemoryObjectStore:
    return MemoryObjectStore(clock)


@pytest.fixture
def chance() -> Struck:
    return Struck()


@pytest.fixture
def lifecycle(bucket: MemoryObjectStore, chance: Struck) -> Lifecycle:
    return Lifecycle(bucket, chance)


def clean(bucket: MemoryObjectStore, key: str = ORIGINAL) -> str:
    """The id of a version that was cleaned."""
    bucket.put_object(key, b"x")
    stored = bucket.head(key)
    assert stored
    bucket.tag_cleaned(key, stored.version_id)
    bucket.remove(key, stored.etag)
    return stored.version_id


def test_its_days_are_those_of_the_template():
    rules = template.load()["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    by_prefix = {rule.get("Prefix"): rule for rule in rules}

    for prefix, days in REPLACED_DAYS.items():
        assert by_prefix[prefix]["NoncurrentVersionExpiration"]["NoncurrentDays"] == days
    assert by_prefix[keys.INCOMING]["ExpirationInDays"] == LANDING_DAYS
    assert rules[0]["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] == MULTIPART_DAYS
    assert rules[-1]["ExpiredObjectDeleteMarker"] is True


def test_what_was_cleaned_is_purged_at_the_midnight_after_its_days_and_then_its_marker_goes(
    bucket: MemoryObjectStore, lifecycle: Lifecycle
):
    version_id = clean(bucket)
    marker = bucket.versions(ORIGINAL)[-1]

    assert lifecycle.run(midnight_after(GRACE_DAYS) - MOMENT) == []
    assert lifecycle.run(midnight_after(GRACE_DAYS)) == [
        Deed("purge", ORIGINAL, version_id),
        Deed("drop", ORIGINAL, marker.version_id),
    ]
    assert bucket.versions(ORIGINAL) == ()


def test_days_that_end_at_midnight_end_then(
    bucket: MemoryObjectStore, lifecycle: Lifecycle, clock: MovableClock
):
    clock.move_to(datetime(2026, 11, 22, tzinfo=UTC))
    clean(bucket)

    assert lifecycle.run(midnight_after(GRACE_DAYS) - MOMENT) == []
    assert lifecycle.run(midnight_after(GRACE_DAYS))


def test_days_count_from_when_the_version_was_hidden(
    bucket: MemoryObjectStore, lifecycle: Lifecycle, clock: MovableClock
):
    bucket.put_object(ORIGINAL, b"x")
    stored = bucket.head(ORIGINAL)
    assert stored
    bucket.tag_cleaned(ORIGINAL, stored.version_id)
    assert lifecycle.run(NOON + 100 * DAY) == []
    clock.move_to(NOON + 100 * DAY)
    bucket.mark_deleted(ORIGINAL)

    assert lifecycle.run(midnight_after(100 + GRACE_DAYS) - MOMENT) == []
    assert len(lifecycle.run(midnight_after(100 + GRACE_DAYS))) == 2


def test_a_version_that_nobody_cleaned_or_whose_tag_was_taken_away_stays(
    bucket: MemoryObjectStore, lifecycle: Lifecycle
):
    version_id = clean(bucket)
    bucket.untag_cleaned(ORIGINAL, version_id)
    bucket.put_object(f"{ORIGINAL}.other", b"x")
    bucket.mark_deleted(f"{ORIGINAL}.other")

    assert lifecycle.run(NOON + 1000 * DAY) == []
    assert bucket.read_range(ORIGINAL, version_id, 0, 0) == b"x"


def test_no_more_is_purged_where_no_rule_says_so(bucket: MemoryObjectStore, lifecycle: Lifecycle):
    bucket.promise = type(bucket.promise)(is_versioned=True, keeps_days={keys.ORIGINALS: None}, at=NOON)
    clean(bucket)

    assert lifecycle.run(NOON + 1000 * DAY) == []


def test_old_revisions_of_the_index_are_purged_without_a_tag(bucket: MemoryObjectStore, lifecycle: Lifecycle):
    bucket.put_object(INDEX, b"old")
    bucket.put_object(INDEX, b"new")
    old, new = bucket.versions(INDEX)

    assert lifecycle.run(midnight_after(7) - MOMENT) == []
    assert lifecycle.run(midnight_after(7)) == [Deed("purge", INDEX, old.version_id)]
    assert bucket.versions(INDEX) == (new,)


def test_a_landing_is_hidden_after_its_days(bucket: MemoryObjectStore, lifecycle: Lifecycle):
    bucket.land(LANDING, b"x", UPLOAD_ID)
    [landed] = bucket.versions(LANDING)

    assert lifecycle.run(midnight_after(LANDING_DAYS) - MOMENT) == []
    assert lifecycle.run(midnight_after(LANDING_DAYS)) == [Deed("expire", LANDING, landed.version_id)]
    assert bucket.head(LANDING) is None


def test_an_upload_that_was_forgotten_is_aborted(bucket: MemoryObjectStore, lifecycle: Lifecycle):
    multipart_id = bucket.create_multipart(ORIGINAL, UPLOAD_ID)

    assert lifecycle.run(midnight_after(MULTIPART_DAYS) - MOMENT) == []
    assert lifecycle.run(midnight_after(MULTIPART_DAYS)) == [Deed("abort", ORIGINAL, multipart_id)]
    assert list(bucket.multiparts("")) == []


def test_what_is_late_happens_in_a_later_run(bucket: MemoryObjectStore, lifecycle: Lifecycle, chance: Struck):
    bucket.create_multipart(ORIGINAL, UPLOAD_ID)
    clean(bucket, f"{ORIGINAL}.other")
    chance.faults = {"lifecycle late"}
    assert lifecycle.run(NOON + 100 * DAY) == []

    chance.faults = set()
    assert len(lifecycle.run(NOON + 100 * DAY)) == 3
