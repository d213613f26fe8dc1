"""For how long a lifecycle configuration surely keeps what was cleaned, rule by rule."""

from typing import Any

import pytest

from chalicelib.core.lifecycle import kept_days, purges_untagged

ORIGINALS = "originals/"
ON = {"Status": "Enabled"}
TAG = {"Key": "keep", "Value": "no"}
CLEANED = {"Key": "reelhaul", "Value": "cleaned"}
ABORT = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}
LONE_MARKERS = {"Expiration": {"ExpiredObjectDeleteMarker": True}}
TO_GLACIER = [{"Days": 30, "StorageClass": "GLACIER"}]
NONCURRENT_TO_GLACIER = [{"NoncurrentDays": 30, "StorageClass": "GLACIER"}]


def below(prefix: str) -> dict[str, Any]:
    return {**ON, "Filter": {"Prefix": prefix}}


def after(days: int) -> dict[str, Any]:
    return {"NoncurrentVersionExpiration": {"NoncurrentDays": days}}


def cleaned(prefix: str) -> dict[str, Any]:
    return {**ON, "Filter": {"And": {"Prefix": prefix, "Tags": [CLEANED]}}}


USUAL = {**below(ORIGINALS), **after(14)}
"""One rule for the very prefix."""


@pytest.mark.parametrize(
    ("rule", "days"),
    [
        pytest.param(USUAL, 14, id="the very prefix"),
        pytest.param({**below(""), **after(14)}, 14, id="the whole bucket, by an empty prefix"),
        pytest.param({**ON, "Filter": {}, **after(14)}, 14, id="the whole bucket, by an empty filter"),
        pytest.param({**ON, **after(14)}, 14, id="the whole bucket, without a filter"),
        pytest.param({**below("orig"), **after(14)}, 14, id="a shorter prefix"),
        pytest.param(
            {**ON, "Prefix": ORIGINALS, **after(14)}, 14, id="the prefix beside the filter, as of old"
        ),
        pytest.param({**ON, "Prefix": "", **after(14)}, 14, id="the whole bucket, as of old"),
        pytest.param({**cleaned(ORIGINALS), **after(14)}, 14, id="only what was cleaned, of the prefix"),
        pytest.param({**ON, "Filter": {"Tag": CLEANED}, **after(14)}, 14, id="only what was cleaned"),
        pytest.param({**USUAL, **ABORT}, 14, id="with an end for open uploads"),
        pytest.param({**USUAL, **LONE_MARKERS}, 14, id="with an end for lone delete markers"),
        pytest.param(
            {
                **below(ORIGINALS),
                "NoncurrentVersionExpiration": {"NoncurrentDays": 14, "NewerNoncurrentVersions": 3},
            },
            14,
            id="which keeps some versions longer",
        ),
    ],
)
def test_a_rule_that_covers_the_prefix_promises_its_days(rule: dict[str, Any], days: int):
    assert kept_days([rule], ORIGINALS) == days


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([], id="no rule"),
        pytest.param([{**USUAL, "Status": "Disabled"}], id="a disabled rule"),
        pytest.param([{**below("intermediates/"), **after(14)}], id="another prefix"),
        pytest.param([{**ON, "Prefix": "outputs/", **after(14)}], id="another prefix, as of old"),
        pytest.param([{**below("originals/match-17/"), **after(14)}], id="only some of the prefix"),
        pytest.param([{**ON, "Filter": {"Tag": TAG}, **after(14)}], id="only what has a tag"),
        pytest.param(
            [{**ON, "Filter": {"And": {"Prefix": ORIGINALS, "Tags": [CLEANED, TAG]}}, **after(14)}],
            id="only what was cleaned and has another tag",
        ),
        pytest.param(
            [{**ON, "Filter": {"And": {"ObjectSizeLessThan": 9, "Tags": [CLEANED]}}, **after(14)}],
            id="only small objects that were cleaned",
        ),
        pytest.param([{**ON, "Filter": {"ObjectSizeGreaterThan": 1}, **after(14)}], id="only large objects"),
        pytest.param([{**ON, "Filter": {"ObjectSizeLessThan": 9}, **after(14)}], id="only small objects"),
        pytest.param(
            [{**ON, "Filter": {"And": {"Prefix": ORIGINALS, "Tags": [TAG]}}, **after(14)}],
            id="only what has a tag, of the prefix",
        ),
        pytest.param(
            [{**ON, "Filter": {"And": {"Prefix": ORIGINALS, "ObjectSizeGreaterThan": 1}}, **after(14)}],
            id="only large objects, of the prefix",
        ),
        pytest.param([{**below(ORIGINALS), **ABORT}], id="a rule about open uploads"),
        pytest.param([{**below(ORIGINALS), **LONE_MARKERS}], id="a rule about lone delete markers"),
        pytest.param([{**below(ORIGINALS), "Transitions": TO_GLACIER}], id="a rule that only archives"),
    ],
)
def test_without_a_rule_that_covers_all_of_the_prefix_nothing_is_promised(rules: list[dict[str, Any]]):
    assert kept_days(rules, ORIGINALS) is None


@pytest.mark.parametrize(
    ("other", "days"),
    [
        pytest.param({**below(""), **after(13)}, 13, id="a shorter rule for the bucket"),
        pytest.param({**below(""), **after(14)}, 14, id="as long a rule for the bucket"),
        pytest.param({**below(""), **after(15)}, 14, id="a longer rule for the bucket"),
        pytest.param({**below("originals/match-17/"), **after(1)}, 1, id="a shorter rule for one session"),
        pytest.param({**below("originals/match-17/"), **after(90)}, 14, id="a longer rule for one session"),
        pytest.param({**ON, "Filter": {"Tag": TAG}, **after(2)}, 2, id="a shorter rule for a tag"),
        pytest.param(
            {**ON, "Filter": {"And": {"Prefix": ORIGINALS, "Tags": [TAG]}}, **after(2)},
            2,
            id="a shorter rule for a tag below the prefix",
        ),
        pytest.param(
            {**ON, "Filter": {"And": {"Prefix": "outputs/", "Tags": [TAG]}}, **after(2)},
            14,
            id="a shorter rule for a tag below another prefix",
        ),
        pytest.param({**ON, "Prefix": "originals/a", **after(3)}, 3, id="a shorter rule, as of old"),
        pytest.param({**below("outputs/"), **after(1)}, 14, id="a shorter rule for another prefix"),
        pytest.param({**below(""), **after(1), "Status": "Disabled"}, 14, id="a disabled shorter rule"),
        pytest.param({**below(""), **ABORT}, 14, id="a rule about open uploads"),
        pytest.param({**below(""), **LONE_MARKERS}, 14, id="a rule about lone delete markers"),
        pytest.param({**below(""), "Expiration": {"Days": 365}}, 0, id="an end of current objects"),
        pytest.param({**below("originals/a"), "Expiration": {"Date": "2030-01-01"}}, 0, id="an end on a day"),
        pytest.param({**below(""), "Transitions": TO_GLACIER}, 0, id="an archive of current objects"),
        pytest.param(
            {**below(""), "NoncurrentVersionTransitions": NONCURRENT_TO_GLACIER},
            0,
            id="an archive of noncurrent versions",
        ),
        pytest.param(
            {**below("outputs/"), "Expiration": {"Days": 1}}, 14, id="an end of objects of another prefix"
        ),
        pytest.param(
            {**below(""), "NoncurrentVersionExpiration": {"NewerNoncurrentVersions": 3}},
            0,
            id="an end by the number of versions alone",
        ),
    ],
)
def test_of_rules_that_overlap_the_shortest_counts(other: dict[str, Any], days: int):
    assert kept_days([USUAL, other], ORIGINALS) == days
    assert kept_days([other, USUAL], ORIGINALS) == days


def test_each_prefix_has_its_own_days():
    rules = [USUAL, {**below("intermediates/"), **after(3)}]

    assert [kept_days(rules, prefix) for prefix in (ORIGINALS, "intermediates/")] == [14, 3]


@pytest.mark.parametrize(
    ("rule", "purges"),
    [
        pytest.param({**cleaned(ORIGINALS), **after(14)}, False, id="only what was cleaned"),
        pytest.param({**ON, "Filter": {"Tag": CLEANED}, **after(14)}, False, id="the same of all the bucket"),
        pytest.param(
            {**ON, "Filter": {"And": {"Prefix": ORIGINALS, "Tags": [CLEANED, TAG]}}, **after(1)},
            False,
            id="only some of what was cleaned",
        ),
        pytest.param({**USUAL}, True, id="all of the prefix"),
        pytest.param({**below(""), **after(99)}, True, id="all of the bucket"),
        pytest.param({**below("originals/a"), **after(99)}, True, id="some of the prefix"),
        pytest.param({**ON, "Filter": {"Tag": TAG}, **after(99)}, True, id="what has another tag"),
        pytest.param(
            {**ON, "Filter": {"Tag": {**CLEANED, "Value": "kept"}}, **after(99)}, True, id="another value"
        ),
        pytest.param({**ON, "Filter": {"ObjectSizeLessThan": 9}, **after(99)}, True, id="small objects"),
        pytest.param({**USUAL, "Status": "Disabled"}, False, id="a disabled rule"),
        pytest.param({**below("outputs/"), **after(1)}, False, id="another prefix"),
        pytest.param({**below(""), **ABORT, **LONE_MARKERS}, False, id="open uploads and lone markers"),
    ],
)
def test_a_rule_that_ends_versions_which_nobody_cleaned_is_seen(rule: dict[str, Any], purges: bool):
    assert purges_untagged([rule], ORIGINALS) is purges
    assert purges_untagged([{**cleaned(ORIGINALS), **after(14)}, rule], ORIGINALS) is purges
