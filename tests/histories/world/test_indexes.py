"""A secondary index shows each item's writes late, in their order, and between two places in one, both or none."""

import pytest

from tests.histories.world.builders import Seconds
from tests.histories.world.indexes import Index


@pytest.fixture
def now() -> Seconds:
    return Seconds()


@pytest.fixture
def index(now: Seconds) -> Index[str]:
    return Index(now)


def test_what_is_not_late_is_there_at_once(index: Index[str]):
    index.put("one", "a")
    index.put("two", "b")
    index.put("one", None)

    assert index.rows() == ["b"]
    assert not index.is_late


def test_a_new_row_is_shown_when_its_time_has_come(index: Index[str], now: Seconds):
    index.put("one", "a", 5.0)

    assert (index.rows(), index.is_late) == ([], True)
    now.at = 4.9
    assert index.rows() == []
    now.at = 5.0
    assert (index.rows(), index.is_late) == (["a"], False)


def test_the_row_before_is_shown_until_then(index: Index[str], now: Seconds):
    index.put("one", "a")
    index.put("one", "b", 5.0)

    assert index.rows() == ["a"]
    now.at = 5.0
    assert index.rows() == ["b"]


def test_a_row_that_was_taken_out_is_shown_until_then(index: Index[str], now: Seconds):
    index.put("one", "a")
    index.put("one", None, 5.0)

    assert index.rows() == ["a"]
    now.at = 5.0
    assert index.rows() == []


def test_a_later_write_of_an_item_is_never_shown_first(index: Index[str], now: Seconds):
    index.put("one", "a")
    index.put("one", "b", 5.0)
    now.at = 1.0
    index.put("one", "c")

    assert index.rows() == ["a"]
    now.at = 5.0
    assert index.rows() == ["c"]


def test_writes_that_are_late_one_after_another_are_all_shown(index: Index[str], now: Seconds):
    index.put("one", "a", 2.0)
    index.put("one", "b", 4.0)
    now.at = 2.0
    assert index.rows() == ["a"]
    now.at = 4.0
    assert index.rows() == ["b"]


def test_items_are_late_by_themselves(index: Index[str]):
    index.put("one", "a", 5.0)
    index.put("two", "b")

    assert index.rows() == ["b"]


@pytest.mark.parametrize(
    ("leaves_s", "arrives_s", "between"), [(1.0, 3.0, []), (3.0, 1.0, ["a", "b"]), (0.0, 3.0, [])]
)
def test_an_item_that_moves_is_for_a_while_in_both_places_or_in_none(
    index: Index[str], now: Seconds, leaves_s: float, arrives_s: float, between: list[str]
):
    index.put("one", "a")
    index.move("one", "b", leaves_s, arrives_s)

    now.at = 0.5
    assert index.rows() == (["a"] if leaves_s else [])
    now.at = 1.0
    assert index.rows() == between
    now.at = 2.9
    assert index.rows() == between
    now.at = 3.0
    assert index.rows() == ["b"]


def test_an_item_that_was_not_there_moves_to_its_only_place(index: Index[str], now: Seconds):
    index.move("one", "b", 1.0, 3.0)

    now.at = 2.9
    assert index.rows() == []
    now.at = 3.0
    assert index.rows() == ["b"]
