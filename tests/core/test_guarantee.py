"""The guarantee clock: from the camera's last write to the last receipt, or why nobody knows."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core import guarantee
from chalicelib.core.guarantee import WITHIN_S, last_closed_at, safe_now
from chalicelib.core.picture import Picture, Progress
from chalicelib.core.safe import Safe
from chalicelib.core.statistics import histogram
from chalicelib.core.statistics.contribution import contribution
from chalicelib.core.storage import Storage
from chalicelib.core.upload import Receipt, UploadState
from tests.support.builders import EMPTY, START, make_chapter, make_session, make_upload

AHEAD_S = 7_204
"""A camera in another time zone, whose clock is four seconds fast."""
LASTED_S = 531
CLOSED = START - timedelta(seconds=90)
BEGAN = int(CLOSED.timestamp()) + AHEAD_S - LASTED_S
YEAR = timedelta(days=366)


def progress(ahead_s: int | None = AHEAD_S, lasted_s: int | None = LASTED_S, **changes: object) -> Progress:
    heard = Progress(5, 3, None, 7, 2, 100, START, START, ahead_s, lasted_s)
    return replace(heard, **changes)


def picture(told: Progress | None, began: int | None = BEGAN, safe_after_s: int = 200) -> Picture:
    """Two chapters with receipts, the last of which the camera closed 90 seconds before the session was confirmed."""
    chapters = (make_chapter(1, created=5), make_chapter(2, created=began, modified=began))
    uploads = []
    for place, chapter in enumerate(chapters):
        upload = make_upload(chapter, upload_id=f"u_{place}", state=UploadState.VERIFIED)
        at = CLOSED + timedelta(seconds=safe_after_s - 30 * place)
        receipt = Receipt(upload.upload_id, chapter.artifact_id, upload.key, f"v{place}", 25, EMPTY, at)
        uploads.append(replace(upload, receipt=receipt))
    return Picture(make_session(), chapters, tuple(uploads), told)


def test_the_clock_runs_from_the_last_chapters_end_to_the_last_receipt():
    safe = safe_now(picture(progress(retried_parts=3)))

    assert safe == Safe(CLOSED + timedelta(seconds=200), CLOSED, None, 3)
    assert safe.after_s == 200


@pytest.mark.parametrize(
    ("told", "began", "why"),
    [
        (None, BEGAN, "did not tell what the camera's clock shows"),
        (progress(ahead_s=None), BEGAN, "did not tell what the camera's clock shows"),
        (progress(lasted_s=None), BEGAN, "does not say how long"),
        (progress(), None, "does not say when the last chapter began"),
    ],
)
def test_what_nobody_told_is_unknown_and_never_guessed(told: Progress | None, began: int | None, why: str):
    safe = safe_now(picture(told, began))

    assert (safe.closed_at, safe.after_s) == (None, None)
    assert why in str(safe.unknown)


def test_a_clock_that_is_exactly_right_is_known():
    assert last_closed_at(picture(progress(ahead_s=0), BEGAN - AHEAD_S)) == (CLOSED, None)


@pytest.mark.parametrize(
    ("closed_at", "known"),
    [
        (START + timedelta(seconds=60), True),
        (START + timedelta(seconds=61), False),
        (START - YEAR, True),
        (START - YEAR - timedelta(seconds=1), False),
    ],
)
def test_a_chapter_from_the_future_or_of_another_year_was_dated_by_a_clock_that_was_set_since(
    closed_at: datetime, known: bool
):
    began = int(closed_at.timestamp()) + AHEAD_S - LASTED_S

    found, unknown = last_closed_at(picture(progress(), began))

    assert (found == closed_at, unknown is None) == (known, known)


def test_a_receipt_that_comes_before_the_end_by_what_clocks_differ_took_no_time():
    assert safe_now(picture(progress(), BEGAN + 140, safe_after_s=100)).after_s == 0


def test_an_imported_session_has_no_clock():
    imported = picture(progress())
    imported = replace(imported, session=replace(imported.session, storage=Storage("older", START)))

    assert last_closed_at(imported) == (None, "the session was imported")
    assert "safe_unknown" not in contribution(imported)


def test_what_a_heartbeat_does_not_tell_stays_as_an_earlier_one_told_it():
    before = progress(retried_parts=4)
    now = progress(ahead_s=None, lasted_s=None, bytes_up=9)

    assert guarantee.with_what_was_told(now, before) == replace(before, bytes_up=9)
    assert guarantee.with_what_was_told(now, None) == now
    assert guarantee.with_what_was_told(progress(ahead_s=0), before).camera_ahead_s == 0


@pytest.mark.parametrize(
    ("waiting_bytes", "told", "clear_after_s"),
    [
        (70, progress(), 10),
        (0, progress(), None),
        (70, None, None),
        (70, progress(rate_up_bytes_s=None), None),
        (70, progress(rate_up_bytes_s=0), None),
    ],
)
def test_when_all_is_up_is_predicted_from_a_rate_that_was_measured_or_not_at_all(
    waiting_bytes: int, told: Progress | None, clear_after_s: int | None
):
    expected = START + timedelta(seconds=clear_after_s) if clear_after_s else None

    assert guarantee.clear_at(waiting_bytes, told) == expected


@pytest.mark.parametrize(
    ("after_s", "end_s"),
    [(0, 19), (19, 19), (20, 22), (299, 300), (300, 300), (301, 357), (614_400, 614_400)],
)
def test_a_time_counts_in_the_first_bucket_that_ends_no_earlier(after_s: int, end_s: int):
    assert histogram.bucket(after_s) == f"safe_{end_s}"


def test_a_time_beyond_all_buckets_counts_as_later():
    counts = {histogram.bucket(614_401): 1}

    assert counts == {"safe_later": 1}
    assert (histogram.timed(counts), histogram.share_within(counts)) == (1, 0)
    assert histogram.quantile_s(counts, 0.5) is None


def test_the_ends_of_the_buckets_rise_by_a_fifth_and_one_is_what_is_promised():
    steps = [later / before for before, later in zip(histogram.ENDS_S, histogram.ENDS_S[1:], strict=False)]

    assert WITHIN_S in histogram.ENDS_S
    assert min(steps) > 1.1
    assert max(steps) < 1.25


def test_shares_and_quantiles_are_read_off_the_buckets():
    times = [20] * 50 + [250] * 40 + [300] * 5 + [301] * 4 + [5_000]
    counts: dict[str, int] = {}
    for after_s in times:
        counts[histogram.bucket(after_s)] = counts.get(histogram.bucket(after_s), 0) + 1

    assert histogram.share_within(counts) == 0.95
    assert [histogram.quantile_s(counts, share) for share in (0.5, 0.9, 0.95, 0.99)] == [22, 252, 300, 357]


def test_of_no_session_there_is_no_share_and_no_quantile():
    assert (histogram.share_within({}), histogram.quantile_s({}, 0.5)) == (None, None)
    assert histogram.quantile_s({"safe_unknown": 3}, 0.5) is None


def test_a_safe_session_counts_in_its_bucket_with_what_was_sent_again():
    known = picture(progress())
    safe = replace(known, session=known.session.stored(safe_now(picture(progress(retried_parts=3)))))

    counts = contribution(safe)

    assert (counts["safe_212"], counts["parts_retried"], counts["parts_retried_told"]) == (1, 3, 1)


def test_a_safe_session_of_which_nobody_knows_counts_as_unknown():
    known = picture(None)

    assert contribution(replace(known, session=known.session.stored(safe_now(known))))["safe_unknown"] == 1
    assert contribution(replace(known, session=known.session.stored()))["safe_unknown"] == 1
    assert "safe_unknown" not in contribution(known)


def test_when_a_session_was_safe_for_the_first_time_stays_on_record():
    first, again = Safe(START), Safe(START + timedelta(days=1))

    assert make_session().stored(first).stored(again).safe == first
