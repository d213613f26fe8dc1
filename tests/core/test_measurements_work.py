"""What a file may cost, in steps: what is small when it is stored stays cheap, whatever it unzips to."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.core.errors import Poison
from chalicelib.core.measurements.indexing import Indexing
from chalicelib.core.measurements.limits import INDEXED_IN_PASSING_BYTES, LIMITS, Limits
from chalicelib.core.measurements.text import end_of_value
from chalicelib.core.measurements.work import Work
from tests.support.measurements import (
    as_document,
    as_lines,
    as_list,
    in_chunks,
    make_frame,
    make_frames,
    zipped,
)

MIB = 2**20
FIRST = json.dumps(make_frame(0)).encode() + b"\n"
AT_THE_CAPS = b'{"a":' + b"[" * 19 + b"]" * 19 + b"}"
"""As deep as a frame may be."""

FULL_OF_BRACKETS = b'{"a":[' + b"[]," * 21_000 + b"0]}"
"""As long as a frame may be, nearly."""


def indexed(content: bytes, limits: Limits = LIMITS) -> Indexing:
    indexing = Indexing("revision", limits)
    for _ in indexing.blocks_of(in_chunks(content, 4096)):
        pass
    return indexing


def steps_of(content: bytes) -> int:
    return indexed(content).work.steps


class Bomb:
    """A file that unzips to a thousand times its size: `first`, then `unit` for a GiB. `read_bytes` were asked for."""

    def __init__(self, first: bytes, unit: bytes) -> None:
        self._first = gzip.compress(first)
        self._rest = gzip.compress(unit * (MIB // len(unit)))
        self.read_bytes = 0

    def chunks(self) -> Iterator[bytes]:
        for member in (self._first, *[self._rest] * 1024):
            self.read_bytes += len(member)
            yield member


@pytest.mark.parametrize(
    ("first", "unit"),
    [
        (FIRST, b"\n"),
        (FIRST, b"\r\n"),
        (FIRST, b" \n\t\n"),
        (b"[" + FIRST, b" "),
        (b"[" + FIRST, b"," + AT_THE_CAPS),
        (b"[" + FIRST, b"," + FULL_OF_BRACKETS),
        (FIRST, AT_THE_CAPS + b"\n"),
        (FIRST, FULL_OF_BRACKETS + b"\n"),
        (FIRST, b'{"frame_number":NaN}\n'),
        (b"[" + FIRST, b',{"frame_number":NaN}'),
        (b"[" + FIRST, b",{}"),
        (FIRST, b"{}\n"),
        (b"[" + FIRST, b',{"a":[' + b"1," * 30_000 + b"1]}"),
        (b'{"m":"', b"x"),
    ],
    ids=lambda text: repr(text[:30]),
)
def test_a_gigabyte_in_a_few_hundred_kib_is_poison_long_before_it_is_read(first: bytes, unit: bytes):
    bomb = Bomb(first, unit)
    limits = Limits(first_steps=LIMITS.first_steps // 10)
    indexing = Indexing("revision", limits)

    with pytest.raises(Poison):
        for _ in indexing.blocks_of(bomb.chunks()):
            pass

    # A loop takes its steps window by window, so the last of them may go a window beyond.
    most = limits.first_steps + limits.steps_a_byte * bomb.read_bytes
    assert indexing.work.steps <= most + limits.window_bytes * 4
    assert bomb.read_bytes < 100 * 1024


@pytest.mark.parametrize("blank", [b"\n", b" \n", b"\r\n"])
def test_blank_lines_are_work(blank: bytes):
    few, many = (steps_of(FIRST + blank * count) for count in (1000, 11_000))

    assert many - few >= 2 * 10_000


def test_each_bracket_and_string_that_is_scanned_is_a_step():
    work = Work(LIMITS)

    assert end_of_value(b'{"a":[[],[]]}', 0, work) == 13
    assert work.steps == len(["{", '"a"', "[", "[", "]", "[", "]", "]", "}"])


def test_brackets_are_work():
    def nested(count: int) -> bytes:
        return as_list([make_frame(0, note=[[]] * count)])

    assert steps_of(nested(2000)) - steps_of(nested(1000)) >= 1000


@pytest.mark.parametrize(("more", "is_poison"), [(-1, True), (0, False), (1, False)])
@pytest.mark.parametrize(
    "write", [as_lines, as_list, as_document, lambda frames: zipped(as_lines(frames), 3)]
)
def test_a_file_may_cost_so_many_steps(write: Any, more: int, is_poison: bool):
    content = write(make_frames(20))
    limits = Limits(first_steps=steps_of(content) + more, steps_a_byte=0)

    if is_poison:
        with pytest.raises(Poison, match="costs more work than a file of its size may"):
            indexed(content, limits)
    else:
        assert indexed(content, limits).frames == 20


@pytest.mark.parametrize(("steps_a_byte", "is_poison"), [(0, True), (40, False)])
def test_each_byte_as_it_is_stored_justifies_more_steps(steps_a_byte: int, is_poison: bool):
    limits = Limits(first_steps=100, steps_a_byte=steps_a_byte)

    if is_poison:
        with pytest.raises(Poison, match="of 100 after"):
            indexed(as_lines(make_frames(100)), limits)
    else:
        assert indexed(as_lines(make_frames(100)), limits).frames == 100


def test_what_the_reconciler_indexes_in_passing_is_a_small_part_of_its_round():
    assert LIMITS.first_steps + LIMITS.steps_a_byte * INDEXED_IN_PASSING_BYTES < 21_000_000


def test_no_file_whatever_its_size_may_cost_more_than_the_cap():
    with pytest.raises(Poison, match="of 100 after"):
        indexed(as_lines(make_frames(100)), Limits(steps=100))


def with_a_nan(frame: dict[str, Any]) -> dict[str, Any]:
    return {**frame, "note": float("nan")}


SAME = {**make_frame(0), "note": "the same in every frame" * 10}


@pytest.mark.parametrize(
    "frames",
    [
        make_frames(3000),
        [{**SAME, "frame_number": number, "timestamp": number} for number in range(3000)],
        [*make_frames(1600), *map(with_a_nan, make_frames(1400, start=1600))],
    ],
    ids=["usual", "all the same", "scanned bracket by bracket"],
)
@pytest.mark.parametrize("write", [as_lines, as_list], ids=["lines", "list"])
def test_what_processors_write_is_far_below_what_its_size_justifies(frames: list[Any], write: Any):
    content = gzip.compress(write(frames), 9)

    steps = steps_of(content)

    assert steps < LIMITS.steps_a_byte / 2 * len(content)
    assert steps * LIMITS.frames / len(frames) < LIMITS.steps
