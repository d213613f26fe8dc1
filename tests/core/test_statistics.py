"""What one session counts for, and what the counters change by."""

from datetime import date, datetime, timedelta, timezone

import pytest
from msgspec.structs import replace

from chalicelib.core.cleanup import Cleanup, Doomed
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.evidence import Difference, Evidence, ReadBack, SecondRead, Xxh128
from chalicelib.core.ids import ArtifactId, DeviceId
from chalicelib.core.picture import Picture
from chalicelib.core.session import Lost, SessionState
from chalicelib.core.statistics.contribution import SESSIONS, contribution, counting
from chalicelib.core.statistics.counts import (
    SHARDS,
    Counting,
    counter_keys,
    difference,
    shard_of,
    total,
)
from chalicelib.core.upload import Receipt, Upload, UploadState
from tests.support.builders import (
    EMPTY,
    START,
    make_chapter,
    make_picture,
    make_session,
    make_session_id,
    make_upload,
)

FIRST, SECOND = make_chapter(1), make_chapter(2, size_bytes=40)
READ = SecondRead(START, DeviceId("d_north"), EMPTY, Xxh128("ab" * 16))
DIFFERENCE = Difference(replace(READ, crc64nvme=Crc64Nvme("AAAAAAAAAAI=")), EMPTY)


def make_receipt(upload: Upload, version_id: str = "v1") -> Receipt:
    return Receipt(
        upload.upload_id, upload.artifact_id, upload.key, version_id, upload.plan.size_bytes, EMPTY, START
    )


def verified(upload: Upload, version_id: str = "v1") -> Upload:
    return replace(upload, state=UploadState.VERIFIED, receipt=make_receipt(upload, version_id))


def made(kind: str, size_bytes: int, order: int = 1) -> Receipt:
    key = f"{kind}s/main/match-17-north/{order}/x" if kind != "measurements" else "measurements/main/m/1/x"
    return Receipt(None, ArtifactId(f"{kind}.x"), key, f"{kind}-{order}", size_bytes, EMPTY, START)


def test_a_new_session_counts_as_open_with_all_its_chapters_waiting():
    assert contribution(make_picture(chapters=(FIRST, SECOND))) == {
        "sessions_open": 1,
        "chapters": 2,
        "chapters_waiting": 2,
        "bytes_waiting": 65,
    }


def test_a_chapter_with_a_receipt_does_not_wait_and_its_bytes_are_held():
    counts = contribution(make_picture(verified(make_upload(FIRST)), chapters=(FIRST, SECOND)))

    assert (counts["chapters_waiting"], counts["bytes_waiting"], counts["bytes_originals"]) == (1, 40, 25)


@pytest.mark.parametrize("state", SessionState)
def test_a_session_counts_in_its_state_alone(state: SessionState):
    counts = contribution(make_picture(state=state))

    assert [each for each in SessionState if SESSIONS[each] in counts] == [state]


def test_a_held_session_counts_as_held_beside_its_state():
    assert contribution(make_picture(held="wait"))["sessions_held"] == 1


def test_a_live_upload_counts_with_the_bytes_of_its_plan():
    counts = contribution(make_picture(make_upload()))

    assert (counts["uploads_open"], counts["bytes_uploading"]) == (1, 25)


@pytest.mark.parametrize(
    "ended",
    [
        make_upload().expired("late", START),
        make_upload().rejected("wrong", START),
        make_upload().cancelled(START),
        make_upload().cancelled(START).given_up(),
    ],
)
def test_the_parts_of_an_ended_upload_are_orphaned_until_they_are_aborted(ended: Upload):
    before = contribution(make_picture(ended))
    after = contribution(make_picture(replace(ended, can_be_undone=False).aborted()))

    assert (before["bytes_orphaned"], after.get("bytes_orphaned")) == (25, None)
    assert "uploads_open" not in before


def test_an_upload_after_another_of_its_chapter_is_a_repeated_one_and_a_restore_is_none():
    ended, again = make_upload().expired("late", START), make_upload(upload_id="u_second")
    copy = make_upload(upload_id="u_copy", copies="v1")

    assert contribution(make_picture(ended, again, copy))["uploads_repeated"] == 1


def test_outputs_measurements_and_intermediates_of_every_order_are_held():
    receipts = (made("output", 5), made("output", 7, 2), made("measurements", 11), made("intermediate", 13))

    counts = contribution(Picture(make_session(), (FIRST,), receipts=receipts))

    assert (counts["bytes_outputs"], counts["bytes_measurements"]) == (12, 11)
    assert counts["bytes_intermediates"] == 13


def test_what_was_cleaned_is_hidden_until_the_last_look_and_freed_after_it():
    upload = verified(make_upload())
    session = make_session(state=SessionState.CLEANED, cleaned=("v1",))

    hidden = contribution(Picture(session, (FIRST,), (upload,)))
    freed = contribution(Picture(session.guarded(), (FIRST,), (upload,)))

    assert (hidden.get("bytes_originals"), hidden["bytes_hidden"], hidden.get("bytes_freed")) == (
        None,
        25,
        None,
    )
    assert (freed.get("bytes_originals"), freed.get("bytes_hidden"), freed["bytes_freed"]) == (None, None, 25)


def test_what_an_intent_names_is_held_until_it_is_confirmed_to_be_gone():
    upload = verified(make_upload())
    doomed = Doomed(upload.artifact_id, upload.key, "v1", "etag", 25, EMPTY)
    session = make_session(state=SessionState.PROCESSED, cleanup=Cleanup(START, (doomed,), ()))

    assert contribution(Picture(session, (FIRST,), (upload,)))["bytes_originals"] == 25


def test_a_restored_original_is_held_beside_the_hidden_version_that_it_was_copied_from():
    first = verified(make_upload())
    copy = verified(make_upload(upload_id="u_copy", copies="v1", opened_at=START + timedelta(1)), "v2")
    session = make_session(state=SessionState.PROCESSED, cleaned=("v1",))

    counts = contribution(Picture(session, (FIRST,), (first, copy)))

    assert (counts["bytes_originals"], counts["bytes_hidden"]) == (25, 25)


def test_a_lost_version_is_not_held_and_its_chapter_waits_again():
    upload = verified(make_upload())
    session = make_session(lost=(Lost(FIRST.artifact_id, "v1", "purged", START),))

    counts = contribution(Picture(session, (FIRST,), (upload,)))

    assert "bytes_originals" not in counts
    assert (counts["chapters_lost"], counts["chapters_waiting"]) == (1, 1)


@pytest.mark.parametrize(
    ("evidence", "counted"),
    [
        (Evidence(FIRST.artifact_id), {}),
        (Evidence(FIRST.artifact_id, READ), {"chapters_read_twice": 1}),
        (Evidence(FIRST.artifact_id, READ, (), ReadBack("v1", START, "reading")), {"chapters_read_back": 1}),
        (Evidence(FIRST.artifact_id, None, (), ReadBack("v1", START, "reading")), {}),
        (Evidence(FIRST.artifact_id, READ, (DIFFERENCE,)), {"chapters_differing": 1}),
        (
            Evidence(FIRST.artifact_id, READ, (replace(DIFFERENCE, accepted="it plays"),)),
            {"chapters_read_twice": 1},
        ),
    ],
)
def test_a_chapter_counts_by_its_level_once(evidence: Evidence, counted: dict[str, int]):
    session = make_session(evidence=(evidence,))

    counts = contribution(Picture(session, (FIRST,), (verified(make_upload()),)))

    known = {"chapters_read_twice", "chapters_read_back", "chapters_differing"}
    assert {name: figure for name, figure in counts.items() if name in known} == counted


def test_nothing_is_counted_when_a_session_counts_for_what_it_did():
    picture = make_picture()

    assert counting(replace(picture, counted=contribution(picture))) is None
    assert counting(picture) == Counting({}, contribution(picture))


def test_a_difference_brings_the_one_to_the_other():
    before, after = {"a": 1, "b": 5}, {"b": 2, "c": 3}

    assert difference(before, after) == {"a": -1, "b": -3, "c": 3}
    assert total((before, difference(before, after))) == after


@pytest.mark.parametrize(
    ("before", "after", "begins", "ends"),
    [(0, 0, False, False), (0, 1, True, False), (2, 1, False, False), (1, 0, False, True)],
)
def test_a_session_begins_to_wait_once_and_ends_waiting_once(
    before: int, after: int, begins: bool, ends: bool
):
    counted = Counting({"chapters_waiting": before}, {"chapters_waiting": after})

    assert (counted.begins_to_wait, counted.ends_waiting) == (begins, ends)


def test_a_session_counts_under_the_day_in_utc_on_which_it_was_created():
    late = datetime(2026, 11, 22, 0, 30, tzinfo=timezone(timedelta(hours=1)))

    keys = counter_keys(make_session(created_at=late, device_id=DeviceId("d_north")))

    assert {key.day for key in keys} == {date(2026, 11, 21)}
    assert [(key.shard is None, key.device_id) for key in keys] == [(False, None), (True, "d_north")]


def test_sessions_spread_over_all_shards():
    shards = [shard_of(make_session_id(f"match-{number}")) for number in range(400)]

    assert set(shards) == set(range(SHARDS))
    assert max(shards.count(shard) for shard in range(SHARDS)) < 2 * 400 / SHARDS
