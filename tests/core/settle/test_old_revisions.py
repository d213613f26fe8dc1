"""What is owed to indexes that are older than this release, or that another one has replaced."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.ids import ArtifactId
from chalicelib.core.measurements.index import FORMAT, Index, IndexAttempts, revision_of
from chalicelib.core.session import SessionState
from chalicelib.core.settle import (
    IndexLargeMeasurements,
    IndexMeasurements,
    Policy,
    Quarantine,
    RemoveIndex,
    RemoveRemains,
    RequestIndex,
    Store,
)
from chalicelib.core.upload import Receipt
from tests.core.settle.cases import LIGHTS, ORDER, Case, index_of, made_session, open_gates, receipt_of
from tests.support.builders import START

SUPERSEDED_S = Policy().superseded_s
IN_FLIGHT_S = Policy().in_flight_s
KINDS = (IndexLargeMeasurements, IndexMeasurements, Quarantine, RemoveIndex, RemoveRemains, RequestIndex)
EVERY_STATE = tuple(state for state in SessionState if state is not SessionState.OPEN)


def owed(case: Case) -> list[object]:
    return [action for action in case.owed() if isinstance(action, KINDS)]


def older(index: Index, **changes: object) -> Index:
    """The index of the same version in the format before."""
    return replace(index, revision="0123456789abcdef", format=FORMAT - 1, **changes)


def indexed(*indexes: Index, state: SessionState = SessionState.PROCESSED) -> Case:
    """A session whose measurements have these indexes."""
    return open_gates().recorded(indexes=indexes).session(state=state)


def lights(case: Case) -> Receipt:
    return case.receipt(LIGHTS)


PRESENT = index_of(lights(made_session()))
OLD = older(PRESENT)


@pytest.mark.parametrize("state", EVERY_STATE)
def test_an_index_of_an_older_format_is_made_once_more_by_the_function_in_any_state(state: SessionState):
    case = indexed(OLD, state=state)

    assert owed(case) == [IndexLargeMeasurements(lights(case)), RequestIndex(lights(case))]
    assert case.due() == case.now
    assert case.picture.index(lights(case)) == OLD


@pytest.mark.parametrize("state", EVERY_STATE)
def test_an_index_of_the_present_format_is_left_alone(state: SessionState):
    case = indexed(PRESENT, state=state)

    assert owed(case) == []


def test_readers_get_the_newest_that_can_be_read():
    poison = replace(PRESENT, quarantine="no longer taken")
    case = indexed(OLD, PRESENT)

    assert case.picture.index(lights(case)) == PRESENT
    assert indexed(PRESENT, OLD).picture.index(lights(case)) == PRESENT
    assert indexed(OLD, poison).picture.index(lights(case)) == OLD
    assert indexed(poison).picture.index(lights(case)) == poison


def test_what_turns_out_to_be_poison_keeps_its_older_index_and_is_not_tried_again():
    case = indexed(OLD, replace(PRESENT, quarantine="no longer taken"))

    assert (owed(case), case.picture.quarantined) == ([], ())


def test_three_attempts_at_a_newer_format_that_came_to_nothing_end_it_and_leave_the_older_one():
    case = indexed(OLD)
    attempts = (IndexAttempts(PRESENT.version_id, 3, case.now - timedelta(seconds=IN_FLIGHT_S)),)

    (action,) = owed(case.session(attempts=attempts))

    assert isinstance(action, Quarantine)


def test_an_index_of_a_newer_release_that_was_taken_back_is_not_read():
    newer = replace(PRESENT, revision="f" * 16, format=FORMAT + 1)
    case = indexed(newer)

    assert case.picture.index(lights(case)) is None
    assert owed(case) == [IndexMeasurements(lights(case))]


@pytest.mark.parametrize(("ago_s", "is_removed"), [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize("state", [*EVERY_STATE, SessionState.OPEN])
def test_an_old_revision_is_removed_some_time_after_the_newer_one_was_published(
    ago_s: int, is_removed: bool, state: SessionState
):
    case = indexed(OLD, state=state)
    published_at = case.now - timedelta(seconds=SUPERSEDED_S + ago_s)
    case = case.recorded(indexes=(OLD, replace(PRESENT, indexed_at=published_at)))

    assert owed(case) == [RemoveIndex(OLD)] * is_removed
    due = case.due()
    assert due is not None
    assert due <= published_at + timedelta(seconds=SUPERSEDED_S)


def test_what_is_published_now_is_never_removed():
    for indexes in ([PRESENT], [OLD], [PRESENT, OLD], [OLD, replace(PRESENT, quarantine="poison")]):
        case = indexed(*indexes).at(10 * SUPERSEDED_S)

        present = case.picture.index(lights(case))

        assert RemoveIndex(present) not in case.owed()  # type: ignore[arg-type]


def ordered_again(case: Case, *indexes: Index, made: bool, number: int = 2) -> Case:
    """The session with another order, which has made its measurements or not yet."""
    session = replace(case.picture.session, order=replace(ORDER, number=number))
    case = case.after(session)
    receipts = case.picture.receipts
    if made:
        receipts = (*receipts, second(case))
    return case.recorded(indexes=indexes, receipts=receipts)


def second(case: Case) -> Receipt:
    return receipt_of(case.picture, LIGHTS, version_id="version-of-the-second-order")


SECOND = replace(PRESENT, version_id="version-of-the-second-order", revision="2" * 16)


def test_an_earlier_orders_index_remains_until_the_later_one_has_its_own():
    long_ago = indexed(PRESENT).at(10 * SUPERSEDED_S)

    assert RemoveIndex(PRESENT) not in owed(ordered_again(long_ago, PRESENT, made=False))
    assert RemoveIndex(PRESENT) not in owed(ordered_again(long_ago, PRESENT, made=True))
    poison = replace(SECOND, quarantine="poison")
    assert RemoveIndex(PRESENT) not in owed(ordered_again(long_ago, PRESENT, poison, made=True))
    assert owed(ordered_again(long_ago, PRESENT, SECOND, made=True)) == [RemoveIndex(PRESENT)]


def test_an_earlier_orders_index_that_came_late_replaces_nothing():
    case = indexed(PRESENT).at(10 * SUPERSEDED_S)
    late = replace(PRESENT, indexed_at=case.now)

    assert owed(ordered_again(case, late, SECOND, made=True)) == []
    later = ordered_again(case, late, SECOND, made=True).at(SUPERSEDED_S)
    assert owed(later) == [RemoveIndex(late)]


def test_an_index_of_other_measurements_replaces_nothing():
    other = replace(PRESENT, artifact_id=ArtifactId("measurements.other"), revision="3" * 16)
    case = indexed(PRESENT, other).at(10 * SUPERSEDED_S)

    assert owed(case) == []


def removing(case: Case, index: Index, since: datetime | None = None) -> Index:
    return replace(index, removing_since=since or case.now)


def test_a_removal_that_was_begun_is_ended_at_once():
    case = indexed(PRESENT)
    begun = removing(case, OLD)

    assert owed(case.recorded(indexes=(PRESENT, begun))) == [RemoveIndex(begun)]
    assert case.recorded(indexes=(PRESENT, begun)).due() == case.now
    ended = replace(begun, removed_at=case.now)
    assert owed(case.recorded(indexes=(PRESENT, ended))) == []


def test_what_is_being_removed_is_read_by_nobody_and_made_anew_only_once_it_is_gone():
    """A release that was taken back needs what the newer one has begun to remove."""
    case = indexed(PRESENT)
    newer = replace(PRESENT, revision="f" * 16, format=FORMAT + 1)
    begun = removing(case, replace(PRESENT, revision=revision_of(PRESENT.version_id)))

    case = case.recorded(indexes=(newer, begun))
    assert case.picture.index(lights(case)) is None
    assert owed(case) == [RemoveIndex(begun)]

    case = case.recorded(indexes=(newer, replace(begun, removed_at=case.now)))
    assert owed(case) == [IndexMeasurements(lights(case))]


@pytest.mark.parametrize(("ago_s", "is_over"), [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize(
    "indexes", [[PRESENT], [replace(PRESENT, quarantine="3 attempts")]], ids=["published", "poison"]
)
def test_what_attempts_left_that_nobody_continues_is_removed_once_none_can_be_running(
    indexes: Sequence[Index], ago_s: int, is_over: bool
):
    case = indexed(*indexes)
    last_at = case.now - timedelta(seconds=IN_FLIGHT_S + ago_s)
    case = case.session(attempts=(IndexAttempts(PRESENT.version_id, 3, last_at),))

    assert owed(case) == [RemoveRemains(PRESENT.version_id, LIGHTS)] * is_over
    due = case.due()
    assert due is not None
    assert due <= last_at + timedelta(seconds=IN_FLIGHT_S)


def test_the_attempts_of_an_earlier_order_are_forgotten_with_what_they_left():
    case = ordered_again(indexed(PRESENT), SECOND, made=True)
    attempts = (IndexAttempts(PRESENT.version_id, 1, START), IndexAttempts("unknown", 1, START))

    assert owed(case.session(attempts=attempts)) == [
        RemoveRemains(PRESENT.version_id, LIGHTS),
        RemoveRemains("unknown", None),
    ]


def test_attempts_at_what_is_still_to_be_indexed_are_kept():
    case = indexed().session(state=SessionState.FAILED)
    attempts = (IndexAttempts(PRESENT.version_id, 1, START),)

    assert owed(case.session(attempts=attempts)) == []


def test_a_removal_comes_after_all_else():
    case = indexed(OLD, PRESENT).at(SUPERSEDED_S).session(state=SessionState.OPEN, processed_at=None)

    assert [type(action) for action in case.owed()] == [Store, RemoveIndex]
