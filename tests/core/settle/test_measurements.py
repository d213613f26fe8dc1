"""What is owed to measurements that nobody looked into yet."""

from datetime import timedelta

import pytest

from chalicelib.core.measurements.index import IndexAttempts
from chalicelib.core.measurements.limits import INDEXED_IN_PASSING_BYTES, MOST_ATTEMPTS
from chalicelib.core.session import SessionState
from chalicelib.core.settle import (
    IndexLargeMeasurements,
    IndexMeasurements,
    Policy,
    Quarantine,
    RequestIndex,
)
from chalicelib.core.upload import Receipt
from tests.core.settle.cases import LIGHTS, Case, made_session, receipt_of

IN_FLIGHT_S = Policy().in_flight_s
KINDS = (IndexMeasurements, IndexLargeMeasurements, RequestIndex, Quarantine)


def unindexed(
    size_bytes: int = 5, attempts: int | None = None, last_ago_s: float = 0
) -> tuple[Case, Receipt]:
    """A session all of which is made, with measurements of this size; `attempts` were made, the last so long ago."""
    case = made_session().recorded(indexes=())
    receipt = receipt_of(case.picture, LIGHTS, size_bytes)
    others = tuple(each for each in case.picture.receipts if each.artifact_id != LIGHTS)
    case = case.recorded(receipts=(*others, receipt))
    if attempts is None:
        return case, receipt
    last_at = case.now - timedelta(seconds=last_ago_s)
    return case.session(attempts=(IndexAttempts(receipt.version_id, attempts, last_at),)), receipt


def owed(case: Case) -> list[object]:
    return [action for action in case.owed() if isinstance(action, KINDS)]


@pytest.mark.parametrize("more", [-1, 0])
def test_a_small_file_is_indexed_by_whoever_looks(more: int):
    case, receipt = unindexed(INDEXED_IN_PASSING_BYTES + more)

    assert owed(case) == [IndexMeasurements(receipt)]


def test_a_large_file_is_the_functions_and_the_reconciler_asks_for_it():
    case, receipt = unindexed(INDEXED_IN_PASSING_BYTES + 1)

    assert owed(case) == [IndexLargeMeasurements(receipt), RequestIndex(receipt)]


@pytest.mark.parametrize(
    ("ago_s", "is_asked_for"), [(IN_FLIGHT_S - 1, False), (IN_FLIGHT_S, True), (IN_FLIGHT_S + 1, True)]
)
@pytest.mark.parametrize("attempts", [0, 1, 2])
def test_a_large_file_is_asked_for_once_nobody_can_be_at_it(attempts: int, ago_s: float, is_asked_for: bool):
    case, receipt = unindexed(INDEXED_IN_PASSING_BYTES + 1, attempts, ago_s)

    assert owed(case) == [IndexLargeMeasurements(receipt), *[RequestIndex(receipt)] * is_asked_for]


@pytest.mark.parametrize("size_bytes", [5, INDEXED_IN_PASSING_BYTES + 1])
@pytest.mark.parametrize("attempts", [MOST_ATTEMPTS, MOST_ATTEMPTS + 1])
def test_after_three_attempts_that_came_to_nothing_a_file_is_quarantined(size_bytes: int, attempts: int):
    case, receipt = unindexed(size_bytes, attempts, IN_FLIGHT_S)

    assert owed(case) == [Quarantine(receipt, f"{attempts} attempts to index it came to nothing")]


def test_as_long_as_the_third_attempt_may_be_running_nothing_is_done():
    case, _ = unindexed(5, MOST_ATTEMPTS, IN_FLIGHT_S - 1)

    assert owed(case) == []


@pytest.mark.parametrize("attempts", [1, MOST_ATTEMPTS - 1])
def test_before_that_another_attempt_may_begin_at_any_time(attempts: int):
    case, receipt = unindexed(5, attempts)

    assert owed(case) == [IndexMeasurements(receipt)]


def test_attempts_at_another_version_count_for_nothing():
    case, receipt = unindexed()
    case = case.session(attempts=(IndexAttempts("another", MOST_ATTEMPTS, case.now),))

    assert owed(case) == [IndexMeasurements(receipt)]


@pytest.mark.parametrize("state", [SessionState.OPEN, SessionState.FAILED, SessionState.CLEANED])
def test_nothing_is_indexed_of_a_session_that_nobody_processes(state: SessionState):
    case, _ = unindexed()

    assert owed(case.session(state=state)) == []
