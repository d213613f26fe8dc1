"""Ranges of an index: which bytes are asked for, which frames are answered."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.answers import counted_bytes, written
from chalicelib.core.errors import InvalidRequest, TooLarge
from chalicelib.core.measurements import blocks
from chalicelib.core.measurements.blocks import Blocks
from chalicelib.core.measurements.indexing import Indexing
from chalicelib.core.measurements.limits import LIMITS
from chalicelib.core.measurements.ranges import (
    MOST_BLOCKS,
    MOST_FRAMES_BYTES,
    Frames,
    Wanted,
    frames_of,
    span_of,
)
from tests.support.measurements import as_list

LONG = msgspec.json.encode(1e15)
"""18 letters for what a file may say in four."""
ASTRAL = "\U0001f3a5"
COUNT = 2900
"""Frames of the usual index: numbers 0, 2, 4 ..., half a second apart."""


class Content:
    """What an index holds, and the answer to a question."""

    def __init__(self, frames: list[dict[str, Any]], file: bytes | None = None) -> None:
        indexing = Indexing("revision")
        self.frames = frames
        self.content = b"".join(block.member for block in indexing.blocks_of([file or as_list(frames)]))
        self.blocks: Blocks = blocks.decoded(indexing.blocks())

    def answer(self, wanted: Wanted) -> Frames:
        span = span_of(self.blocks, wanted)
        if span is None:
            return Frames((), None)
        return frames_of(self.content[span.first_byte : span.last_byte + 1], span, wanted)

    def within(self, most_bytes: int, columns: tuple[str, ...] | None = None) -> Frames:
        """The answer that may have no more bytes."""
        wanted = Wanted(columns=columns)
        span = span_of(self.blocks, wanted)
        assert span is not None
        return frames_of(self.content, span, wanted, most_bytes)

    def all_of(self, **bounds: Any) -> list[Any]:
        """Every frame of a range, asked for until there are no more."""
        answer = self.answer(Wanted(**bounds))
        found = list(answer.frames)
        while answer.next_frame is not None:
            answer = self.answer(Wanted(**{**bounds, "from_frame": answer.next_frame}))
            found += answer.frames
        return found


def small(number: int, time_s: float) -> dict[str, Any]:
    return {"frame_number": number, "timestamp": time_s, "drone_elevation": number / 7, "note": None}


USUAL = Content([small(2 * place, place / 2) for place in range(COUNT)])
JUMPING = Content([small(place, (place * 7919) % 1000 / 10) for place in range(COUNT)])
"""Its times do not ascend."""

NUMBERS = st.none() | st.integers(0, 2 * COUNT + 10)
TIMES = st.none() | st.floats(0, COUNT / 2 + 10) | st.integers(0, COUNT // 2)


@given(st.sampled_from([USUAL, JUMPING]), TIMES, TIMES, NUMBERS, NUMBERS, st.integers(200, 2000))
def test_a_range_is_what_a_look_at_every_frame_finds(
    content: Content, from_s, to_s, from_frame, to_frame, limit: int
):
    bounds = {"from_s": from_s, "to_s": to_s, "from_frame": from_frame, "to_frame": to_frame}
    try:
        Wanted(**bounds)
    except InvalidRequest:
        return

    assert content.all_of(**bounds, limit=limit) == [
        frame
        for frame in content.frames
        if (from_s is None or frame["timestamp"] >= from_s)
        and (to_s is None or frame["timestamp"] < to_s)
        and (from_frame is None or frame["frame_number"] >= from_frame)
        and (to_frame is None or frame["frame_number"] < to_frame)
    ]


def test_the_first_bound_is_in_and_the_last_is_out():
    assert [frame["timestamp"] for frame in USUAL.answer(Wanted(from_s=10, to_s=11)).frames] == [10, 10.5]
    assert [frame["frame_number"] for frame in USUAL.answer(Wanted(from_frame=4, to_frame=8)).frames] == [
        4,
        6,
    ]


@pytest.mark.parametrize(("limit", "next_frame"), [(9, 18), (10, None), (11, None)])
def test_an_answer_says_where_to_go_on_when_it_was_cut(limit: int, next_frame: int | None):
    answer = USUAL.answer(Wanted(from_s=0, to_s=5, limit=limit))

    assert len(answer.frames) == min(limit, 10)
    assert answer.next_frame == next_frame


@pytest.mark.parametrize(("limit", "next_frame"), [(299, 598), (300, 600), (301, 602)])
def test_an_answer_goes_on_over_the_border_of_a_block(limit: int, next_frame: int):
    answer = USUAL.answer(Wanted(limit=limit))

    assert (len(answer.frames), answer.next_frame) == (limit, next_frame)


@pytest.mark.parametrize("from_frame", [0, 2, 598, 600])
def test_2000_frames_in_a_row_come_in_one_answer(from_frame: int):
    assert len(USUAL.answer(Wanted(from_frame=from_frame)).frames) == 2000


def test_one_range_of_bytes_holds_all_blocks_of_a_range_and_no_others():
    first, second, third, *_ = USUAL.blocks.blocks
    span = span_of(USUAL.blocks, Wanted(from_frame=second.first_frame, to_frame=third.first_frame + 1))

    assert span is not None
    assert span.blocks == (second, third)
    assert (span.first_byte, span.last_byte) == (first.length_bytes, third.offset + third.length_bytes - 1)


def test_a_block_is_not_read_for_the_bound_that_is_out():
    first, second, *_ = USUAL.blocks.blocks

    for wanted in (Wanted(to_frame=second.first_frame), Wanted(to_s=second.first_s)):
        span = span_of(USUAL.blocks, wanted)
        assert span is not None
        assert span.blocks == (first,)


def test_no_answer_reads_more_than_8_blocks():
    span = span_of(JUMPING.blocks, Wanted(from_s=5, to_s=5.05))

    assert span is not None
    assert len(span.blocks) == MOST_BLOCKS
    assert span.next_frame == JUMPING.blocks.blocks[MOST_BLOCKS].first_frame


@pytest.mark.parametrize(
    "wanted", [Wanted(from_frame=2 * COUNT), Wanted(from_s=COUNT), Wanted(from_s=1, to_frame=1)]
)
def test_a_range_without_frames_is_empty(wanted: Wanted):
    assert USUAL.answer(wanted) == Frames((), None)


def test_columns_are_those_asked_for_and_always_number_and_time():
    (frame,) = USUAL.answer(Wanted(from_frame=2, to_frame=3, columns=("note", "papi_a", "timestamp"))).frames

    assert frame == {"frame_number": 2, "timestamp": 0.5, "note": None}


@pytest.mark.parametrize("note", ["x" * 60_000, '"' * 30_000, "\\" * 30_000, "ü" * 9_000, ASTRAL * 4_500])
def test_an_answer_fits_into_what_lambda_may_answer(note: str):
    frames = [{**small(number, number), "note": note} for number in range(140)]
    content = Content(frames)

    answer = content.answer(Wanted())

    size_bytes = counted_bytes(written(answer.frames))
    largest = max(counted_bytes(written(frame)) for frame in frames)
    assert MOST_FRAMES_BYTES - largest < size_bytes <= MOST_FRAMES_BYTES
    assert content.all_of() == frames
    assert len(content.answer(Wanted(columns=("drone_elevation",))).frames) == 140


QUOTED = Content([{**small(number, number), "note": '"ü'} for number in range(3)])


@pytest.mark.parametrize("fitting", [2, 3])
@pytest.mark.parametrize(("spare_bytes", "lacking"), [(-1, 1), (0, 0), (1, 0)])
def test_an_answer_goes_on_with_the_frame_that_did_not_fit(fitting: int, spare_bytes: int, lacking: int):
    most_bytes = sum(counted_bytes(written(frame)) for frame in QUOTED.frames[:fitting]) + spare_bytes

    answer = QUOTED.within(most_bytes)

    found = fitting - lacking
    assert (len(answer.frames), answer.next_frame) == (found, found if found < len(QUOTED.frames) else None)


@pytest.mark.parametrize("columns", [None, ("note",)])
def test_a_frame_that_fits_into_no_answer_is_refused_with_what_to_do(columns: tuple[str, ...] | None):
    size_bytes = counted_bytes(written(Wanted(columns=columns).shown(QUOTED.frames[0])))

    assert len(QUOTED.within(size_bytes, columns).frames) == 1
    with pytest.raises(TooLarge, match=r"frame 0 alone.*name the columns"):
        QUOTED.within(size_bytes - 1, columns)


def test_no_frame_that_an_index_takes_is_too_large_for_an_answer():
    longest = LIMITS.frame_bytes - 200
    worst = (ASTRAL * (longest // 4), "ü" * (longest // 2), '"' * (longest // 2), [1e15] * (longest // 5))

    for note in worst:
        raw = msgspec.json.encode([{**small(0, 0), "note": note}]).replace(LONG, b"1e15")
        (frame,) = Content([json.loads(raw)], raw).answer(Wanted()).frames
        assert counted_bytes(written(frame)) < MOST_FRAMES_BYTES / 10


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", 0),
        ("limit", 2001),
        ("from_s", -0.1),
        ("to_s", float("nan")),
        ("from_s", float("inf")),
        ("from_frame", -1),
        ("to_frame", -1),
        ("columns", ()),
        ("columns", ("x",) * 51),
    ],
)
def test_a_parameter_that_cannot_be_is_named(name: str, value: Any):
    with pytest.raises(InvalidRequest, match=name):
        Wanted(**{name: value})


@pytest.mark.parametrize("unit", ["s", "frame"])
@pytest.mark.parametrize("end", [4, 5])
def test_a_range_ends_above_where_it_begins(unit: str, end: int):
    def wanted(end: int) -> Wanted:
        bounds: dict[str, Any] = {f"from_{unit}": 5, f"to_{unit}": end}
        return Wanted(**bounds)

    with pytest.raises(InvalidRequest, match=f"to_{unit} must be above"):
        wanted(end)
    assert wanted(6)


@pytest.mark.parametrize("limit", [1, 2000])
def test_a_limit_is_1_to_2000(limit: int):
    assert Wanted(limit=limit, columns=("x",) * 50).limit == limit
