"""What is told of a week, and when it is time for it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from chalicelib.core.notices import announcement
from chalicelib.core.statistics import histogram
from chalicelib.core.summary import summary, week_to_sum_up

MONDAY = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("later", "week"),
    [
        (timedelta(seconds=-1), None),
        (timedelta(0), "2026-W49"),
        (timedelta(seconds=1), "2026-W49"),
        (timedelta(hours=18, seconds=-1), "2026-W49"),
        (timedelta(hours=18), None),
        (timedelta(days=7), "2026-W50"),
        (timedelta(days=35), "2027-W01"),
    ],
)
def test_a_week_is_summed_up_on_monday_from_six_on(later: timedelta, week: str | None):
    assert week_to_sum_up(MONDAY + later) == week


def test_six_is_six_in_utc():
    assert week_to_sum_up(MONDAY.astimezone(timezone(timedelta(hours=9)))) == "2026-W49"


def test_a_week_without_sessions_is_told_in_plain_zeros():
    told = announcement(summary("club", "2026-W49", {}, {}, 0, MONDAY), None)

    assert told.subject == "project club in the week that ended"
    assert told.document["detail"] == (
        "0 sessions were recorded in 7 days. Of all sessions, 0 chapters (0 bytes) wait on devices, 0 failed, "
        "0 are held, and 0 chapters are lost. 0 devices are silent that were hauling."
    )
    assert "Session:" not in told.text
    assert "Device:" not in told.text


def test_a_week_is_told_by_states_with_the_guarantee_and_with_what_waits_of_all():
    week = {
        "sessions_processed": 10,
        "sessions_failed": 2,
        histogram.bucket(200): 3,
        histogram.bucket(400): 1,
    }
    waiting = {
        "sessions_failed": 5,
        "sessions_held": 4,
        "chapters_waiting": 7,
        "bytes_waiting": 8_000_000_000,
    }
    detail = summary("club", "2026-W49", week, {**waiting, "chapters_lost": 1}, 2, MONDAY).detail

    assert "12 sessions were recorded in 7 days (10 PROCESSED, 2 FAILED)" in detail
    assert "3 of 4 were safe within five minutes after their last chapter" in detail
    assert (
        "7 chapters (8,000,000,000 bytes) wait on devices, 5 failed, 4 are held, and 1 chapters are lost"
        in detail
    )
    assert "2 devices are silent" in detail
    assert "differ" not in detail


def test_a_week_tells_of_cards_that_must_be_kept():
    detail = summary("club", "2026-W49", {}, {"chapters_differing": 3}, 0, MONDAY).detail

    assert "Of 3 chapters two reads differ: keep their cards." in detail
