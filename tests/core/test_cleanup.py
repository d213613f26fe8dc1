from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.cleanup import Bucket, Cleanup, Doomed, Refusal, Spent
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.ids import ArtifactId
from chalicelib.core.keys import CLEANED, INTERMEDIATES, ORIGINALS
from chalicelib.core.upload import Receipt, StoredObject
from tests.support.builders import EMPTY, START

CRC = Crc64Nvme("rosUhgp5mIg=")
STORED = StoredObject("originals/s/d/f", 25, CRC, '"e"', "v1", None, START)
DOOMED = Doomed(ArtifactId("original.d.f"), "originals/s/d/f", "v1", '"e"', 25, CRC)
RECEIPT = Receipt(None, DOOMED.artifact_id, DOOMED.key, "v1", 25, CRC, START)
LIMIT = Spent(objects=3, size_bytes=100)


@pytest.mark.parametrize(("objects", "leaves"), [(0, True), (2, True), (3, False), (4, False)])
def test_a_day_leaves_room_until_its_objects_are_spent(objects: int, leaves: bool):
    assert Spent(objects).leaves(LIMIT, 1) is leaves


@pytest.mark.parametrize(("size_bytes", "leaves"), [(0, True), (39, True), (40, True), (41, False)])
def test_a_day_leaves_room_for_what_fits_into_its_bytes(size_bytes: int, leaves: bool):
    assert Spent(0, 60).leaves(LIMIT, size_bytes) is leaves


def test_what_is_spent_adds_up():
    assert Spent().with_one_more(5).with_one_more(7) == Spent(2, 12)


@pytest.mark.parametrize("days", [14, 15, 3_650])
def test_a_bucket_that_keeps_versions_as_long_as_promised_is_fit(days: int):
    assert Bucket(True, dict.fromkeys(CLEANED, days), START).why_unfit(14) is None


def test_a_bucket_that_keeps_no_versions_is_unfit():
    assert (
        Bucket(False, dict.fromkeys(CLEANED, 99), START).why_unfit(1) == "the bucket does not keep versions"
    )


@pytest.mark.parametrize("prefix", CLEANED)
def test_a_bucket_that_keeps_versions_a_day_too_few_is_unfit_and_says_where(prefix: str):
    keeps = {**dict.fromkeys(CLEANED, 14), prefix: 13}

    assert Bucket(True, keeps, START).why_unfit(14) == (
        f"noncurrent versions below {prefix} stay 13 days; 14 are promised"
    )


@pytest.mark.parametrize(
    "keeps", [{ORIGINALS: 14}, {INTERMEDIATES: 14}, {}, {ORIGINALS: 14, INTERMEDIATES: None}]
)
def test_a_bucket_of_which_no_rule_speaks_is_unfit(keeps):
    assert "no lifecycle rule says" in (Bucket(True, keeps, START).why_unfit(1) or "")


OTHERS: list[dict[str, Any]] = [
    {"key": "originals/s/d/g"},
    {"version_id": "v2"},
    {"etag": '"f"'},
    {"size_bytes": 24},
    {"crc64nvme": EMPTY},
    {"crc64nvme": None},
]


@pytest.mark.parametrize("changes", OTHERS)
def test_what_is_doomed_is_exactly_one_object(changes):
    assert DOOMED.is_now(STORED)
    assert not DOOMED.is_now(replace(STORED, **changes))


@pytest.mark.parametrize("changes", [each for each in OTHERS if "etag" not in each])
def test_a_receipt_is_kept_by_exactly_the_version_that_was_verified(changes):
    assert RECEIPT.is_kept_by(STORED)
    assert not RECEIPT.is_kept_by(replace(STORED, **changes))


@pytest.mark.parametrize(
    ("days", "version_id", "is_counted"),
    [(-1, "v1", False), (0, "v1", True), (1, "v1", False), (0, "v2", False)],
)
def test_a_refused_removal_was_counted_on_its_own_day(days: int, version_id: str, is_counted: bool):
    cleanup = Cleanup(START, (DOOMED,), (), Refusal(version_id, START, "AccessDenied"))

    assert cleanup.has_counted(DOOMED, (START + timedelta(days=days)).date()) is is_counted


def test_a_removal_that_was_never_refused_is_counted_when_it_is_made():
    assert not Cleanup(START, (DOOMED,), ()).has_counted(DOOMED, START.date())


def test_a_cleanup_rests_only_after_a_refusal():
    refused = Cleanup(START, (DOOMED,), (), Refusal("v1", START, "AccessDenied"))

    assert Cleanup(START, (DOOMED,), ()).rests_until(60) is None
    assert refused.rests_until(60) == START + timedelta(seconds=60)
