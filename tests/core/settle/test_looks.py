"""At which uploads the reconciler looks, and when it looks again: often at first, and never later than an hour."""

from datetime import datetime, timedelta

import pytest

from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.ids import UploadId
from chalicelib.core.settle import (
    Complete,
    Expire,
    Facts,
    Observation,
    Policy,
    Rest,
    Wake,
    due_at,
    due_uploads,
    rest_until,
    settle,
)
from chalicelib.core.settle.uploads import LOOKS_AT_ONCE
from chalicelib.core.upload import Upload
from tests.core.settle.test_uploads import all_parts, stored_of, whole
from tests.support.builders import POLICY, START, UPLOAD_ID, make_chapter, make_picture, make_upload

SECOND = timedelta(seconds=1)
NOTHING = Observation((), None)


def later(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def decided(upload: Upload, seen: Observation, now: datetime = START):
    return settle(make_picture(upload), Facts({upload.upload_id: seen}), now, POLICY)


@pytest.mark.parametrize(
    ("looks", "wait_s"),
    [(0, 300), (1, 600), (2, 1_200), (3, 2_400), (4, 3_600), (5, 3_600), (100_000, 3_600)],
)
def test_the_wait_doubles_with_each_look_up_to_an_hour(looks: int, wait_s: int):
    upload = make_upload(looks=looks)

    assert rest_until(upload, make_picture(upload), START, POLICY) == later(wait_s)


def test_an_upload_for_which_there_is_nothing_to_do_is_put_to_rest():
    assert decided(make_upload(), NOTHING) == (Rest((UPLOAD_ID,)),)


def test_an_upload_that_ended_is_never_put_to_rest():
    assert decided(make_upload().cancelled(START), NOTHING) == ()


@pytest.mark.parametrize(("seconds", "due"), [(-1, False), (0, True), (1, True)])
def test_an_upload_that_rests_is_looked_at_when_its_rest_is_over(seconds: int, due: bool):
    picture = make_picture(make_upload().rested(later(300)))

    assert bool(due_uploads(picture, later(300 + seconds), POLICY)) is due
    assert due_at(picture, START, POLICY) == later(300)


def test_what_is_owed_to_an_upload_that_rests_wakes_it():
    upload = make_upload().claimed(whole(make_upload())).rested(later(300))
    [wake, completion] = decided(upload, Observation(all_parts(upload), None))

    assert wake == Wake(UPLOAD_ID)
    assert isinstance(completion, Complete)
    assert (upload.woken().looks, upload.woken().look_at) == (0, None)


def test_the_rest_of_an_upload_is_over_once_another_of_its_artifact_is_verified():
    first = make_upload().promised(whole(make_upload()), START)
    first = first.verified(stored_of(first), START)
    second = make_upload(upload_id=UploadId("u_second"), opened_at=later(1)).rested(later(300))

    assert due_at(make_picture(first, second), later(2), POLICY) == later(2)
    assert due_uploads(make_picture(first, second), later(2), POLICY) == (second,)


def test_an_upload_that_rests_already_is_not_put_to_rest_again():
    assert decided(make_upload().rested(later(300)), NOTHING) == ()


@pytest.mark.parametrize(
    "move",
    [
        lambda upload: upload.claimed(Crc64Nvme("AAAAAAAAAAA=")),
        lambda upload: upload.promised(Crc64Nvme("AAAAAAAAAAA="), START),
        lambda upload: upload.promised(Crc64Nvme("AAAAAAAAAAA="), START).unpromised(),
        lambda upload: upload.cancelled(START).reopened(),
    ],
)
def test_whatever_is_heard_of_an_upload_makes_it_due_now(move):
    upload = move(make_upload(looks=3, look_at=later(3_600)))

    assert due_at(make_picture(upload), START, POLICY) == START
    assert upload.looks == 0


def test_no_rest_outlasts_the_deadline_of_an_upload():
    upload = make_upload(expires_at=later(100))

    assert rest_until(upload, make_picture(upload), START, POLICY) == later(100)
    [action] = decided(upload.rested(later(100)), NOTHING, later(100))
    assert isinstance(action, Expire)


def test_no_rest_outlasts_the_time_in_which_s3_may_be_assembling():
    upload = make_upload(looks=3).promised(whole(make_upload()), START)
    upload = upload.rested(START)
    after = rest_until(make_upload(looks=9, promised_at=START), make_picture(upload), later(1), POLICY)

    assert after == later(POLICY.finalize_patience_s)


def test_no_rest_outlasts_the_time_in_which_a_removal_keeps_the_key():
    earlier = make_upload(upload_id=UploadId("u_earlier")).rejected("wrong", START).removed(START)
    upload = make_upload(looks=9)

    assert rest_until(upload, make_picture(earlier, upload), later(1), POLICY) == later(POLICY.in_flight_s)


def many(count: int) -> list[Upload]:
    return [
        make_upload(
            make_chapter(number),
            upload_id=UploadId(f"u_{number:02d}"),
            opened_at=later(number),
            look_at=later(1_000 - number),
        )
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize("count", [LOOKS_AT_ONCE - 1, LOOKS_AT_ONCE, LOOKS_AT_ONCE + 1])
def test_at_so_many_uploads_of_a_session_is_looked_at_once(count: int):
    found = due_uploads(make_picture(*many(count)), later(1_000), POLICY)

    assert len(found) == min(count, LOOKS_AT_ONCE)


def test_whoever_was_heard_of_comes_first_and_then_whoever_is_due_for_longest():
    *others, heard_of = many(LOOKS_AT_ONCE + 5)
    found = due_uploads(make_picture(*others, heard_of.woken()), later(1_000), POLICY)

    assert found[0].upload_id == heard_of.upload_id
    assert [each.look_at for each in found[1:]] == sorted(each.look_at for each in others if each.look_at)[
        : LOOKS_AT_ONCE - 1
    ]


def test_an_orphan_is_older_than_any_function_runs_and_far_younger_than_an_upload_may_become():
    usual = Policy()

    assert usual.orphan_age_s == 3_600
    assert usual.in_flight_s < usual.orphan_age_s < usual.upload_ttl_s


def test_a_time_that_is_reached_ends_no_rest():
    """The deadline has passed, and S3 may still be assembling: the next look is at the end of that."""
    upload = make_upload(expires_at=START)

    assert rest_until(upload, make_picture(upload), START, POLICY) == later(POLICY.look_s)


@pytest.mark.parametrize(("seconds", "is_due"), [(-1, False), (0, True), (1, True)])
def test_a_cancelled_upload_is_looked_at_when_it_can_be_undone_no_longer(seconds: int, is_due: bool):
    picture = make_picture(make_upload().cancelled(START))

    assert bool(due_uploads(picture, later(POLICY.undo_s + seconds), POLICY)) is is_due
