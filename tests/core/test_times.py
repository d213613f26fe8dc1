"""Times as text."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.times import rfc3339, sortable

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (NOON - MOMENT, "2026-11-21T11:59:59Z"),
        (NOON, "2026-11-21T12:00:00Z"),
        (NOON + SECOND - MOMENT, "2026-11-21T12:00:00Z"),
        (NOON.astimezone(timezone(timedelta(hours=9))), "2026-11-21T12:00:00Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
    ],
)
def test_a_time_is_told_in_utc_and_never_too_late(at: datetime, text: str):
    assert rfc3339(at) == text


def test_times_sort_as_texts_whatever_their_fraction_and_zone():
    moments = [
        NOON - MOMENT,
        NOON,
        (NOON + MOMENT).astimezone(timezone(timedelta(hours=-5))),
        NOON + SECOND,
        datetime(2027, 1, 1, tzinfo=timezone(timedelta(hours=9))),
    ]

    texts = [sortable(moment) for moment in moments]

    assert texts == sorted(texts)
    assert {len(text) for text in texts} == {27}


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_sortable_time_is_read_back_exactly(at: datetime):
    assert datetime.fromisoformat(sortable(at)) == at
