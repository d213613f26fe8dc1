from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.core.crc import Crc64Nvme, fold
from chalicelib.core.errors import StateConflict
from chalicelib.core.ids import UploadId
from chalicelib.core.order import wish
from chalicelib.core.parts import StoredPart
from chalicelib.core.session import SessionState
from chalicelib.core.settle import (
    Abort,
    Complete,
    Doubt,
    Expire,
    Facts,
    GiveUp,
    Observation,
    Reject,
    Remove,
    Rest,
    SendOrder,
    Store,
    Verify,
    Wake,
    Withdraw,
    due_at,
    settle,
)
from chalicelib.core.settle.scrubbing import scrub_at
from chalicelib.core.upload import Receipt, StoredObject, Upload, UploadState, Way
from tests.support.builders import (
    POLICY,
    START,
    UPLOAD_ID,
    make_bodies,
    make_chapter,
    make_picture,
    make_session,
    make_upload,
)
from tests.support.memory import crc64nvme_of

OTHER = UploadId("u_other")
LATE = START + timedelta(days=6)


def all_parts(upload: Upload) -> tuple[StoredPart, ...]:
    bodies = make_bodies(upload.plan)
    return tuple(
        StoredPart(number, len(body), crc64nvme_of(body), f'"{number}"') for number, body in bodies.items()
    )


def whole(upload: Upload) -> Crc64Nvme:
    return fold((part.crc64nvme, part.size_bytes) for part in all_parts(upload))


def promised(upload: Upload) -> Upload:
    return upload.promised(whole(upload), START)


def stored_of(upload: Upload, **changes) -> StoredObject:
    stored = StoredObject(
        upload.key, upload.plan.size_bytes, whole(upload), '"e"', "v1", upload.upload_id, START
    )
    return replace(stored, **changes)


def owed(upload: Upload, seen: Observation, now: datetime = START, *others: Upload):
    """What is owed, beside a rest."""
    actions = settle(make_picture(upload, *others), Facts({upload.upload_id: seen}), now, POLICY)
    return tuple(action for action in actions if not isinstance(action, Rest))


def verified(upload: Upload) -> Upload:
    return promised(upload).verified(stored_of(upload), START)


def test_the_promised_object_is_verified():
    upload = promised(make_upload())

    assert owed(upload, Observation(None, stored_of(upload))) == (Verify(UPLOAD_ID, stored_of(upload)),)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size_bytes": 24},
        {"crc64nvme": "AAAAAAAAAAA="},
        {"size_bytes": 24, "crc64nvme": None},
        {"size_bytes": 26, "crc64nvme": None},
    ],
)
def test_an_object_of_ours_that_is_not_what_was_promised_is_rejected(wrong):
    upload = promised(make_upload())
    [action] = owed(upload, Observation(None, stored_of(upload, **wrong)))

    assert isinstance(action, Reject)
    assert "promised were 25" in action.reason


@pytest.mark.parametrize("move", [lambda upload: upload, Upload.completed], ids=["open", "completed"])
def test_what_was_promised_is_rejected_when_its_device_has_read_something_else(move):
    upload = move(promised(make_upload())).claimed(Crc64Nvme("AAAAAAAAAAA="))
    [action] = owed(upload, Observation(None, stored_of(upload)))

    assert isinstance(action, Reject)
    assert "its device read CRC64NVME AAAAAAAAAAA=" in action.reason
    with pytest.raises(StateConflict, match="its device read"):
        upload.verified(stored_of(upload), START)


def test_what_was_promised_and_claimed_alike_is_verified():
    upload = promised(make_upload()).claimed(whole(make_upload()))

    assert owed(upload, Observation(None, stored_of(upload))) == (Verify(UPLOAD_ID, stored_of(upload)),)


@pytest.mark.parametrize(("seconds", "ended"), [(-1, False), (0, True), (1, True)])
def test_nothing_expires_while_s3_may_be_assembling_what_was_promised(seconds: int, ended: bool):
    upload = make_upload().promised(whole(make_upload()), LATE).claimed(Crc64Nvme("AAAAAAAAAAA="))
    now = LATE + timedelta(seconds=POLICY.finalize_patience_s + seconds)
    actions = owed(upload, Observation(all_parts(upload), None), now)

    assert [type(action) for action in actions] == ([Expire] if ended else [])


@pytest.mark.parametrize("move", [lambda upload: upload, Upload.completed], ids=["open", "completed"])
@pytest.mark.parametrize("now", [START, LATE, LATE + timedelta(days=400)])
def test_an_object_whose_checksum_s3_does_not_tell_is_kept_and_told_however_long_it_takes(
    move, now: datetime
):
    upload = move(promised(make_upload()))

    assert owed(upload, Observation(None, stored_of(upload, crc64nvme=None)), now) == (Doubt(UPLOAD_ID),)
    with pytest.raises(StateConflict):
        upload.verified(stored_of(upload, crc64nvme=None), now)


def test_an_object_in_doubt_is_told_of_again_only_when_its_rest_is_over():
    upload = promised(make_upload()).doubted(START, START + timedelta(seconds=300))
    seen = Observation(None, stored_of(upload, crc64nvme=None))

    assert owed(upload, seen, START + timedelta(seconds=299)) == ()
    assert owed(upload, seen, START + timedelta(seconds=300)) == (Doubt(UPLOAD_ID),)


def test_an_object_in_doubt_is_judged_as_soon_as_its_checksum_is_told():
    upload = promised(make_upload()).doubted(START, START + timedelta(seconds=300))
    wake, verification = owed(upload, Observation(None, stored_of(upload)))
    _, rejection = owed(upload, Observation(None, stored_of(upload, crc64nvme="AAAAAAAAAAA=")))

    assert (wake, verification) == (Wake(UPLOAD_ID), Verify(UPLOAD_ID, stored_of(upload)))
    assert isinstance(rejection, Reject)
    assert upload.verified(stored_of(upload), START).unproven_since is None


def test_an_object_in_doubt_whose_device_read_something_else_is_rejected():
    upload = promised(make_upload()).claimed(Crc64Nvme("AAAAAAAAAAA="))
    [action] = owed(upload, Observation(None, stored_of(upload, crc64nvme=None)))

    assert isinstance(action, Reject)


def test_an_object_of_ours_without_a_recorded_promise_is_rejected():
    upload = make_upload()

    assert owed(upload, Observation(None, stored_of(upload))) == (
        Reject(UPLOAD_ID, "its object was completed without a recorded promise"),
    )


def test_exactly_the_plans_parts_are_completed_as_their_fold():
    upload = make_upload().claimed(whole(make_upload()))

    assert owed(upload, Observation(all_parts(upload), None)) == (
        Complete(UPLOAD_ID, whole(upload), all_parts(upload)),
    )


def test_parts_that_nobody_claims_wait_until_the_deadline_and_are_not_completed():
    upload = make_upload()
    seen = Observation(all_parts(upload), None)

    assert owed(upload, seen, upload.expires_at - timedelta(seconds=1)) == ()
    assert owed(upload, seen, upload.expires_at) == (
        Expire(UPLOAD_ID, "its deadline passed before its sender had claimed what its parts make"),
    )


@pytest.mark.parametrize("lacking", [1, 2, 3])
def test_nothing_is_completed_while_a_part_is_missing(lacking: int):
    upload = make_upload().claimed(whole(make_upload()))
    parts = tuple(part for part in all_parts(upload) if part.number != lacking)

    assert owed(upload, Observation(parts, None)) == ()


@pytest.mark.parametrize("size_bytes", [4, 6])
def test_nothing_is_completed_while_a_part_has_another_size_than_planned(size_bytes: int):
    upload = make_upload().claimed(whole(make_upload()))
    *rest, last = all_parts(upload)

    assert owed(upload, Observation((*rest, replace(last, size_bytes=size_bytes)), None)) == ()


def test_nothing_is_completed_with_a_part_beyond_the_plan():
    upload = make_upload().claimed(whole(make_upload()))
    parts = (*all_parts(upload), StoredPart(4, 5, Crc64Nvme("AAAAAAAAAAA="), '"4"'))

    assert owed(upload, Observation(parts, None)) == ()


def test_parts_that_their_device_disowns_are_never_completed():
    upload = make_upload().claimed(Crc64Nvme("AAAAAAAAAAA="))

    assert owed(upload, Observation(all_parts(upload), None)) == ()
    assert isinstance(owed(upload, Observation(all_parts(upload), None), LATE)[0], Expire)


def test_parts_that_fold_to_their_devices_claim_are_completed():
    upload = make_upload().claimed(whole(make_upload()))

    assert isinstance(owed(upload, Observation(all_parts(upload), None))[0], Complete)


def test_a_foreign_object_on_the_key_is_kept_and_nothing_is_completed_over_it():
    upload = make_upload().claimed(whole(make_upload()))

    assert owed(upload, Observation(all_parts(upload), stored_of(upload, upload_id=None))) == ()


def test_all_parts_are_completed_even_after_the_deadline():
    upload = make_upload().claimed(whole(make_upload()))

    assert isinstance(owed(upload, Observation(all_parts(upload), None), LATE)[0], Complete)


@pytest.mark.parametrize(("seconds", "expired"), [(-1, False), (0, True), (1, True)])
def test_an_upload_with_missing_parts_expires_at_its_deadline(seconds: int, expired: bool):
    upload = make_upload()
    end = (Expire(UPLOAD_ID, "its deadline passed before every part had arrived"),)

    for each in (upload, upload.claimed(whole(upload))):
        actions = owed(each, Observation((), None), upload.expires_at + timedelta(seconds=seconds))
        assert actions == (end if expired else ())


def test_an_upload_without_parts_and_object_expires_at_once():
    assert owed(make_upload(), Observation(None, None)) == (
        Expire(UPLOAD_ID, "its multipart upload is gone from S3"),
    )


@pytest.mark.parametrize(("seconds", "given_up"), [(-1, False), (0, True), (1, True)])
def test_a_promised_upload_has_patience_while_s3_may_be_assembling(seconds: int, given_up: bool):
    upload = promised(make_upload())
    now = START + timedelta(seconds=POLICY.finalize_patience_s + seconds)

    assert [type(action) for action in owed(upload, Observation(None, None), now)] == (
        [Expire] if given_up else []
    )


def test_a_completed_upload_whose_object_vanished_is_rejected_after_patience():
    upload = promised(make_upload()).completed()
    now = START + timedelta(seconds=POLICY.finalize_patience_s)

    assert owed(upload, Observation(None, None), now) == (
        Reject(UPLOAD_ID, "its object vanished before it was verified"),
    )


def test_a_second_upload_of_a_verified_artifact_expires():
    second = make_upload(upload_id=OTHER, opened_at=START + timedelta(seconds=1), claim=whole(make_upload()))
    first = verified(make_upload())

    actions = owed(second, Observation(all_parts(second), stored_of(first)), START, first)

    assert Expire(OTHER, "another upload of this artifact is verified") in actions
    assert not any(isinstance(action, Complete) for action in actions)


def test_a_completed_upload_of_an_artifact_that_another_verified_is_rejected_for_it_cannot_expire():
    second = promised(make_upload(upload_id=OTHER, opened_at=START + timedelta(seconds=1))).completed()
    first = verified(make_upload())
    reject = Reject(OTHER, "another upload of this artifact is verified")

    assert reject in owed(second, Observation(None, stored_of(first)), START, first)
    assert second.rejected(reject.reason, START).state is UploadState.REJECTED


@pytest.mark.parametrize(("seconds", "given_up"), [(-1, False), (0, True), (1, True)])
def test_a_cancelled_upload_is_given_up_when_its_undo_window_is_over(seconds: int, given_up: bool):
    upload = make_upload().cancelled(START)
    now = START + timedelta(seconds=POLICY.undo_s + seconds)

    assert owed(upload, Observation((), None), now) == ((GiveUp(UPLOAD_ID),) if given_up else ())


def test_a_cancelled_upload_is_aborted_only_once_that_it_was_given_up_is_recorded():
    upload = make_upload().cancelled(START)

    assert owed(upload.given_up(), Observation((), None)) == (Abort(UPLOAD_ID),)


@pytest.mark.parametrize(("seconds", "withdrawn"), [(-1, False), (0, True), (1, True)])
def test_a_promise_that_nobody_keeps_is_withdrawn_once_s3_has_had_its_time(seconds: int, withdrawn: bool):
    upload = make_upload().promised(whole(make_upload()), START).claimed(Crc64Nvme("AAAAAAAAAAA="))
    now = START + timedelta(seconds=POLICY.finalize_patience_s + seconds)

    assert owed(upload, Observation(all_parts(upload), None), now) == (
        (Withdraw(UPLOAD_ID),) if withdrawn else ()
    )


def test_nobody_withdraws_what_was_never_promised():
    now = START + timedelta(seconds=POLICY.finalize_patience_s)

    assert owed(make_upload(), Observation((), None), now) == ()


def test_an_expired_upload_is_aborted_once():
    upload = make_upload().expired("late", START)

    assert owed(upload, Observation((), None)) == (Abort(UPLOAD_ID),)
    assert owed(upload.aborted(), Observation((), None)) == ()


def test_a_rejected_uploads_object_is_removed_and_its_parts_aborted():
    upload = make_upload().rejected("wrong", START)
    stored = stored_of(upload)

    assert owed(upload, Observation(None, stored)) == (Remove(UPLOAD_ID, stored), Abort(UPLOAD_ID))


def test_another_uploads_object_is_never_removed_with_a_rejected_one():
    upload = make_upload().rejected("wrong", START)

    for stranger in (OTHER, None):
        seen = Observation(None, stored_of(upload, upload_id=stranger))
        assert Remove(UPLOAD_ID, None) in owed(upload, seen)


def test_nothing_is_completed_on_a_key_whose_rejected_object_is_still_to_be_removed():
    upload = make_upload().claimed(whole(make_upload()))
    earlier = make_upload(upload_id=OTHER).rejected("wrong", START)

    assert owed(upload, Observation(all_parts(upload), None), START, earlier) == ()


@pytest.mark.parametrize(("seconds", "free"), [(-1, False), (0, True), (1, True)])
def test_a_key_is_free_once_no_marker_of_a_removal_can_be_on_its_way(seconds: int, free: bool):
    upload = make_upload().claimed(whole(make_upload()))
    earlier = make_upload(upload_id=OTHER).rejected("wrong", START).removed(START)
    now = START + timedelta(seconds=POLICY.in_flight_s + seconds)
    actions = owed(upload, Observation(all_parts(upload), None), now, earlier)

    assert [type(action) for action in actions] == ([Complete] if free else [])


def test_a_removal_on_another_key_delays_nothing():
    upload = make_upload().claimed(whole(make_upload()))
    elsewhere = make_upload(make_chapter(2), upload_id=OTHER).rejected("wrong", START).removed(START)
    [action] = owed(upload, Observation(all_parts(upload), None), START, elsewhere)

    assert isinstance(action, Complete)


def test_of_an_upload_that_was_not_looked_at_nothing_is_decided():
    assert settle(make_picture(make_upload()), Facts(), LATE, POLICY) == ()


def test_a_session_is_stored_when_its_last_chapter_has_its_receipt():
    one, two = make_chapter(1), make_chapter(2)
    first = verified(make_upload(one))
    second = verified(make_upload(two, upload_id=OTHER))

    assert settle(make_picture(first, chapters=[one, two]), Facts(), START, POLICY) == ()
    assert settle(make_picture(first, second, chapters=[one, two]), Facts(), START, POLICY) == (Store(),)


def test_a_stored_session_is_owed_nothing():
    picture = make_picture(verified(make_upload()), state=SessionState.STORED)

    assert settle(picture, Facts(), START, POLICY) == ()
    assert due_at(picture, START, POLICY) == scrub_at(picture, POLICY)


def test_a_stored_sessions_order_is_sent_when_it_is_owed():
    ordered = make_session(state=SessionState.STORED).ordered(wish(["output.a"], {}), START)
    picture = replace(make_picture(verified(make_upload())), session=ordered)

    assert settle(picture, Facts(), START, POLICY) == (SendOrder(),)
    assert due_at(picture, START, POLICY) == START
    held = replace(picture, session=replace(ordered, held="look first"))
    assert settle(held, Facts(), START, POLICY) == ()
    assert due_at(held, START, POLICY) == scrub_at(held, POLICY)


@pytest.mark.parametrize(
    ("upload", "due"),
    [
        (make_upload(), START),
        (make_upload().cancelled(START), START + timedelta(seconds=POLICY.undo_s)),
        (make_upload().cancelled(START).given_up(), START),
        (make_upload().expired("late", START), START),
        (make_upload().expired("late", START).aborted(), None),
        (make_upload().rejected("wrong", START).aborted(), START),
    ],
)
def test_the_reconciler_is_due_when_anything_is_owed(upload: Upload, due: datetime | None):
    assert due_at(make_picture(upload), START, POLICY) == due


def test_the_undo_window_never_outlasts_the_deadline():
    upload = make_upload(expires_at=START + timedelta(seconds=10)).cancelled(START)

    assert due_at(make_picture(upload), START, POLICY) == START + timedelta(seconds=10)


def test_a_rejected_output_stays_where_it_is():
    upload = make_upload(key="outputs/main/match-17-north/1/enhanced.mp4").rejected("wrong", START)

    assert owed(upload, Observation(None, stored_of(upload))) == (Abort(UPLOAD_ID),)


def test_an_upload_of_what_its_processor_wrote_itself_meanwhile_expires():
    key = "outputs/main/match-17-north/1/enhanced.mp4"
    upload = make_upload(key=key, claim=whole(make_upload()))
    pinned = Receipt(None, upload.artifact_id, key, "v1", 25, whole(upload), START)
    picture = make_picture(upload).with_receipt(pinned)
    seen = Observation(all_parts(upload), stored_of(upload, upload_id=None))

    assert Expire(UPLOAD_ID, "another upload of this artifact is verified") in settle(
        picture, Facts({UPLOAD_ID: seen}), START, POLICY
    )


CRCS = st.sampled_from(["AAAAAAAAAAA=", whole(make_upload()), None])
PARTS = st.one_of(
    st.none(),
    st.just(all_parts(make_upload())),
    st.lists(st.sampled_from(all_parts(make_upload())), unique=True).map(tuple),
    st.permutations(all_parts(make_upload())).map(tuple),
)
OBJECTS = st.one_of(
    st.none(),
    st.builds(
        lambda size, crc, upload_id: stored_of(
            make_upload(), size_bytes=size, crc64nvme=crc, upload_id=upload_id
        ),
        st.sampled_from([24, 25]),
        CRCS,
        st.sampled_from([UPLOAD_ID, OTHER, None]),
    ),
)
UPLOADS = st.builds(
    lambda state, promise, claim, abort, removal: make_upload(
        state=state,
        promise=promise,
        promised_at=START if promise else None,
        claim=claim,
        ended_at=START,
        owes_abort=abort,
        owes_removal=removal,
    ),
    st.sampled_from([state for state in UploadState if state is not UploadState.VERIFIED]),
    CRCS,
    CRCS,
    st.booleans(),
    st.booleans(),
)


@given(UPLOADS, PARTS, OBJECTS, st.integers(min_value=-10, max_value=7 * 86_400))
def test_whatever_is_recorded_and_seen_a_receipt_needs_proof_and_a_completion_every_part(
    upload, parts, stored, seconds
):
    now = START + timedelta(seconds=seconds)

    for action in owed(upload, Observation(parts, stored), now):
        match action:
            case Verify():
                assert action.stored == stored
                assert upload.is_live
                assert upload.is_kept_by(action.stored)
                assert upload.claim in (None, upload.promise)
            case Complete():
                assert upload.is_live
                assert stored is None
                assert action.parts == all_parts(upload)
                assert action.crc64nvme == whole(upload)
                assert upload.claim == action.crc64nvme
            case Remove():
                assert action.stored is None or action.stored.upload_id == upload.upload_id
                assert upload.owes_removal
            case Expire():
                assert upload.is_live
                assert stored is None or stored.upload_id != upload.upload_id
            case Abort():
                assert not upload.is_live
                assert upload.owes_abort
            case GiveUp():
                assert upload.can_be_undone
            case Withdraw():
                assert upload.promise is not None
                assert stored is None or stored.upload_id != upload.upload_id


@pytest.mark.parametrize(("seconds", "is_removed"), [(-1, False), (0, True), (1, True)])
def test_what_may_still_come_by_one_put_is_removed_only_once_its_address_is_dead(
    seconds: int, is_removed: bool
):
    """A marker that comes before its object would not hide the object."""
    upload = make_upload(way=Way.ONE_PUT, multipart_id="")
    ended = upload.signed(whole(upload), START).expired("late", START)
    now = START + timedelta(seconds=POLICY.finalize_patience_s + seconds)

    assert owed(ended, Observation(None, None), now) == ((Remove(UPLOAD_ID, None),) if is_removed else ())


def test_a_rejected_upload_of_parts_is_removed_at_once_whatever_was_promised():
    rejected = promised(make_upload()).rejected("wrong", START)
    stored = stored_of(rejected)

    assert owed(rejected, Observation(None, stored)) == (Remove(UPLOAD_ID, stored), Abort(UPLOAD_ID))


def test_an_upload_that_ends_says_why():
    late = make_upload()
    [expired] = owed(late, Observation((), None), late.expires_at)
    [lost] = owed(make_upload(), Observation(None, None))
    completed = promised(make_upload()).completed()
    [vanished] = owed(completed, Observation(None, None), LATE)

    assert expired == Expire(UPLOAD_ID, "its deadline passed before every part had arrived")
    assert lost == Expire(UPLOAD_ID, "its multipart upload is gone from S3")
    assert vanished == Reject(UPLOAD_ID, "its object vanished before it was verified")


def test_an_object_that_is_rejected_says_what_differs():
    upload = promised(make_upload())
    other = crc64nvme_of(b"other")

    def reason(upload: Upload, **changes) -> str:
        [action] = owed(upload, Observation(None, stored_of(upload, **changes)))
        assert isinstance(action, Reject)
        assert action.upload_id == UPLOAD_ID
        return action.reason

    assert reason(make_upload()) == "its object was completed without a recorded promise"
    assert reason(upload, size_bytes=24) == (
        f"its object has 24 bytes and CRC64NVME {whole(upload)}, promised were 25 and {whole(upload)}"
    )
    assert reason(replace(upload, claim=other)) == (
        f"its device read CRC64NVME {other}, promised was {whole(upload)}: a part is not what was read"
    )


def test_an_upload_beside_a_verified_one_says_why_it_ends():
    upload = make_upload(upload_id=OTHER)

    assert owed(upload, Observation((), None), START, verified(make_upload()))[0] == Expire(
        OTHER, "another upload of this artifact is verified"
    )
