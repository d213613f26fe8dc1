"""What is read before a second read leaves nothing of the first one in the memory of a camera, however it forgets."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_client.model.flushing import Film, Flush, Flushed, Stretch, flushed_in, plan_flush

CACHE_BYTES = 10
Byte = tuple[str, int]


class Memory:
    """The bytes that a camera still has, each with the time of the read that fetched it from the card."""

    def __init__(self, keeps_what_was_used_last: bool) -> None:
        self._by_use = keeps_what_was_used_last
        self._kept: OrderedDict[Byte, int] = OrderedDict()

    def read(self, byte: Byte, now: int) -> int:
        """When this byte left the card: now, or earlier where the camera still has it."""
        if byte not in self._kept:
            self._kept[byte] = now
        elif self._by_use:
            self._kept.move_to_end(byte)
        left_at = self._kept[byte]
        while len(self._kept) > CACHE_BYTES:
            self._kept.popitem(last=False)
        return left_at


def films(prefix: str, sizes: list[int]) -> list[Film]:
    return [Film(f"{prefix}{number}", size_bytes) for number, size_bytes in enumerate(sizes)]


def bytes_of(stretches: Iterator[Stretch]) -> Iterator[Byte]:
    for each in stretches:
        for place in range(each.first, each.first + each.size_bytes):
            yield each.key, place


def whole(some: list[Film]) -> Iterator[Stretch]:
    return (Stretch(film.key, 0, film.size_bytes) for film in some)


SIZES = st.lists(st.integers(1, 25), min_size=1, max_size=6)


@given(SIZES, st.lists(st.integers(1, 25), max_size=4), st.booleans(), st.randoms(use_true_random=False))
def test_no_byte_of_the_first_read_is_served_again(due_sizes, other_sizes, keeps_what_was_used_last, chance):
    due, others = films("due", due_sizes), films("other", other_sizes)
    planned = plan_flush(due, others, CACHE_BYTES)
    if planned is None:
        return
    memory = Memory(keeps_what_was_used_last)
    first = [*due, *others]
    chance.shuffle(first)
    for byte in bytes_of(whole(first)):
        memory.read(byte, 1)
    for byte in bytes_of(iter(planned.stretches)):
        memory.read(byte, 2)

    left_at = [memory.read(byte, 3) for byte in bytes_of(whole(due))]

    assert 1 not in left_at


def plan(due: list[int], others: list[int]) -> Flush | None:
    return plan_flush(films("due", due), films("other", others), CACHE_BYTES)


@pytest.mark.parametrize(("size_bytes", "is_enough"), [(18, False), (19, True), (20, True)])
def test_other_films_are_enough_where_they_make_twice_the_memory_with_a_film_of_one_byte(
    size_bytes: int, is_enough: bool
):
    assert (plan([1], [size_bytes]) is not None) is is_enough


@pytest.mark.parametrize(("size_bytes", "is_enough"), [(29, False), (30, True), (31, True)])
def test_three_times_the_memory_is_enough_where_all_is_due(size_bytes: int, is_enough: bool):
    assert (plan([size_bytes], []) is not None) is is_enough
    assert (plan([size_bytes - 5, 5], []) is not None) is is_enough


def test_the_flush_reads_the_end_of_what_is_due_and_then_the_others():
    found = plan([20, 12], [5])

    assert found
    assert found.stretches == (Stretch("due0", 17, 3), Stretch("due1", 0, 12), Stretch("other0", 0, 5))
    assert found.size_bytes == 2 * CACHE_BYTES


class TestFlushed:
    FLUSHED = Flushed(("a", "b", "c"), {"b": 2, "c": 0}, 3)

    def test_holds_for_the_end_of_what_was_due_alone(self):
        held = {
            keys: self.FLUSHED.holds_for([Film(key, 9) for key in keys])
            for keys in ("abc", "bc", "c", "", "ab", "ac", "abcd", "bcd")
        }

        assert [keys for keys, holds in held.items() if holds] == ["abc", "bc", "c"]

    @pytest.mark.parametrize(("read_bytes", "is_apart"), [(4, False), (5, True), (6, True)])
    def test_counts_a_film_that_took_part_only_after_so_many_other_bytes(
        self, read_bytes: int, is_apart: bool
    ):
        flushed = replace(self.FLUSHED, read_bytes=read_bytes)

        assert flushed.is_apart(Film("b", 9), CACHE_BYTES) is is_apart
        assert flushed.is_apart(Film("a", 9), CACHE_BYTES)

    def test_counts_what_was_read_since(self):
        after = self.FLUSHED.after(Film("a", 9)).after(Film("c", 8))

        assert (after.due, after.read_bytes) == ((), 17)

    def test_is_kept_as_a_document(self):
        assert flushed_in(self.FLUSHED.document()) == self.FLUSHED

    @pytest.mark.parametrize("change", [{"read_bytes": -1}, {"others_bytes": "3"}, {"shared": {"b": None}}])
    def test_is_not_read_from_a_document_that_is_spoilt(self, change: dict[str, object]):
        with pytest.raises(ValueError, match="an amount that is none"):
            flushed_in({**self.FLUSHED.document(), **change})
