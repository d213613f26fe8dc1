"""When the reconciler looks next: whatever is owed is due, and what only waits is left to rest."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.session import ChecksumCopy, SessionState
from chalicelib.core.settle import look_again_at
from chalicelib.core.settle.scrubbing import scrub_at
from tests.core.settle.cases import (
    LIGHTS,
    NOW,
    ORDER,
    ORIGINALS,
    POLICY,
    PROCESSED_AT,
    SPARE,
    START,
    VIDEO,
    Case,
    cleaned,
    index_of,
    intended,
    made_session,
    open_gates,
    receipt_of,
    stored_session,
    upload_of,
)

GRACE_ENDS_AT = PROCESSED_AT + timedelta(seconds=POLICY.grace_s)
PATIENCE = timedelta(seconds=POLICY.cleanup_patience_s)
UNSENT = replace(ORDER, sent_at=None)
COPY = ChecksumCopy(VIDEO, "outputs/x", "version", "multipart", 8)


def again_at(case: Case) -> datetime | None:
    return look_again_at(case.picture, case.now, case.policy)


def poisoned(case: Case, artifact_id) -> Case:
    receipt = receipt_of(case.picture, artifact_id)
    picture = case.picture
    if picture.receipt(artifact_id) is None:
        picture = picture.with_receipt(receipt)
    others = tuple(each for each in picture.indexes if each.artifact_id != artifact_id)
    return replace(
        case, picture=replace(picture, indexes=(*others, index_of(receipt, quarantine="not JSON")))
    )


def unindexed(case: Case) -> Case:
    return replace(case, picture=case.picture.with_receipt(receipt_of(case.picture, SPARE)))


AT_ONCE: dict[str, Callable[[], Case]] = {
    "every chapter verified": lambda: stored_session().session(state=SessionState.OPEN),
    "an order to be sent": lambda: stored_session().session(order=UNSENT),
    "outputs awaited": stored_session,
    "everything made": made_session,
    "everything made before the order was sent": lambda: made_session().session(order=UNSENT),
    "poison among what is required": lambda: poisoned(made_session(), LIGHTS),
    "poison while held": lambda: poisoned(made_session(), LIGHTS).session(held="look first", order=UNSENT),
    "measurements to be indexed": lambda: unindexed(stored_session()).session(
        order=UNSENT, held="look first"
    ),
    "measurements of a processed session to be indexed": lambda: unindexed(open_gates()).at(-10),
    "something wanted back": lambda: open_gates().session(restoring=ORIGINALS, held="restored"),
    "a checksum that S3 computes for nobody any more": lambda: made_session().session(
        state=SessionState.FAILED, failure="no light found", checksum_copy=COPY
    ),
    "an intent on record": intended,
    "an intent on record, held": lambda: intended().session(held="look first"),
    "a live upload": lambda: open_gates().at(-10).uploaded(upload_of(open_gates().picture, SPARE)),
}

NEVER: dict[str, Callable[[], Case]] = {
    "stored and not ordered": lambda: stored_session().session(order=None),
    "held before its order was sent": lambda: stored_session().session(order=UNSENT, held="look first"),
    "held, with poison that nobody requires": lambda: poisoned(stored_session(), SPARE).session(
        order=UNSENT, held="look first"
    ),
    "failed": lambda: made_session().session(state=SessionState.FAILED, failure="no light found"),
    "processed and held": lambda: open_gates().session(held="look first"),
    "processed with poison": lambda: poisoned(open_gates(), SPARE),
    "processed, nobody knows since when": lambda: open_gates().session(processed_at=None),
    "cleaned and guarded": lambda: cleaned().session(is_guarded=True),
}


@pytest.mark.parametrize("make", AT_ONCE.values(), ids=AT_ONCE)
def test_what_is_owed_anything_is_due_at_once_and_stays_due(make: Callable[[], Case]):
    case = make()

    assert case.due() == case.now
    assert again_at(case) == case.now


@pytest.mark.parametrize("make", NEVER.values(), ids=NEVER)
def test_what_waits_for_a_person_is_due_for_nothing_but_a_look_at_its_originals(make: Callable[[], Case]):
    case = make()

    assert case.owed() == ()
    assert case.due() == again_at(case) == scrub_at(case.picture, case.policy)


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_a_processed_session_is_due_when_its_grace_ends(seconds: int):
    assert open_gates().at(seconds).due() == GRACE_ENDS_AT


@pytest.mark.parametrize(
    ("seconds", "again"),
    [
        (-1, GRACE_ENDS_AT),
        (0, GRACE_ENDS_AT + PATIENCE),
        (1, GRACE_ENDS_AT + timedelta(seconds=1) + PATIENCE),
    ],
)
def test_what_could_not_be_cleaned_after_its_grace_is_looked_at_again_with_patience(
    seconds: int, again: datetime
):
    assert again_at(open_gates().at(seconds)) == again


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_a_cleaned_session_is_due_for_its_last_look(seconds: int):
    last_look = NOW + timedelta(seconds=POLICY.last_look_s)
    case = cleaned().at(seconds, last_look)

    assert case.due() == again_at(case) == last_look


def test_the_last_look_is_a_day_before_what_is_promised_ends():
    assert POLICY.last_look_s == (POLICY.restorable_days - 1) * 86_400
    assert replace(POLICY, restorable_days=1).last_look_s == 0


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_an_upload_that_can_be_undone_is_due_at_the_end_of_its_window(seconds: int):
    ends_at = START + timedelta(seconds=POLICY.undo_s)
    case = open_gates().session(held="look first")
    case = case.uploaded(upload_of(case.picture, SPARE).cancelled(START)).at(seconds, ends_at)

    assert case.due() == again_at(case) == ends_at


def test_the_earliest_time_counts():
    case = open_gates().at(-10)
    cancelled = upload_of(case.picture, SPARE).cancelled(NOW - timedelta(minutes=50))

    assert case.uploaded(cancelled).due() == GRACE_ENDS_AT
    early = upload_of(case.picture, SPARE).cancelled(NOW - timedelta(minutes=70))
    assert case.uploaded(early).due() == NOW - timedelta(minutes=10)


def test_a_release_begins_a_new_grace():
    case = open_gates().session(held="look first", scrubbed_at=NOW)
    released = case.after(case.picture.session.released(NOW))

    assert released.due() == NOW + timedelta(seconds=POLICY.grace_s)
    assert set(released.closed()) == {"grace-over"}


def test_ordering_a_processed_session_again_ends_its_grace():
    case = open_gates()
    again = case.after(case.picture.session.ordered(ORDER.wish, NOW))

    assert again.kinds() == ["Store"]
    assert again.due() == NOW
    assert VIDEO in again.picture.awaited


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_originals_are_due_for_a_look_within_a_week_of_the_last_one(seconds: int):
    looked_at = NOW - timedelta(days=6)
    case = stored_session().session(order=None, scrubbed_at=looked_at).at(seconds, NOW)

    assert case.due() == NOW
    assert again_at(case) == (NOW if seconds < 0 else case.now + PATIENCE)


def test_originals_that_were_cleaned_or_are_being_cleaned_are_not_looked_at():
    assert scrub_at(cleaned().picture, POLICY) is None
    assert scrub_at(intended().picture, POLICY) is None
