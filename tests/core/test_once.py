from msgspec import Struct

from chalicelib.core.once import once


class Sum(Struct, frozen=True, dict=True):
    parts: tuple[int, ...]
    asked: list[tuple[int, ...]]

    @once
    def total(self) -> int:
        """All of it."""
        self.asked.append(self.parts)
        return sum(self.parts)


def test_a_fact_is_worked_out_at_the_first_question_and_once_for_each_value():
    asked: list[tuple[int, ...]] = []
    first, second = Sum((1, 2), asked), Sum((3,), asked)

    assert asked == []
    assert [first.total, second.total, first.total, second.total] == [3, 3, 3, 3]
    assert asked == [(1, 2), (3,)]


def test_what_was_worked_out_makes_no_value_another_one():
    known, unasked = Sum((1, 2), []), Sum((1, 2), [])

    assert known.total == 3
    known.asked.clear()
    assert known == unasked
