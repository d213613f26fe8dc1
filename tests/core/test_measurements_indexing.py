"""One pass over a file: which frames are in the index, how it is written, what its summary says."""

import gzip
import json
from typing import Any

import pytest

from chalicelib.core.errors import Poison
from chalicelib.core.measurements import blocks
from chalicelib.core.measurements.indexing import Indexing
from chalicelib.core.measurements.limits import BLOCK_BYTES, LIMITS, Limits
from tests.support.measurements import (
    as_document,
    as_lines,
    as_list,
    in_chunks,
    make_frame,
    make_frames,
    zipped,
)


class Indexed:
    """An index that was made, and what stands in it."""

    def __init__(self, content: bytes, limits: Limits = LIMITS) -> None:
        self.indexing = Indexing("revision", limits)
        self.members = [block.member for block in self.indexing.blocks_of(in_chunks(content, 5000))]
        self.content = b"".join(self.members)
        self.frames = [json.loads(line) for line in gzip.decompress(self.content).splitlines()]
        self.blocks = blocks.decoded(self.indexing.blocks()).blocks
        self.summary = json.loads(self.indexing.summary())

    @property
    def numbers(self) -> list[int]:
        return [frame["frame_number"] for frame in self.frames]


def poison_of(content: bytes, **limits: int) -> str:
    with pytest.raises(Poison) as poison:
        Indexed(content, Limits(**limits))
    return str(poison.value)


def light_frames(*lights: Any) -> bytes:
    """One frame a light; each is `papi_a` of its frame."""
    return as_list([make_frame(number, papi_a=light) for number, light in enumerate(lights)])


@pytest.mark.parametrize(
    "write", [as_list, as_document, as_lines, lambda frames: zipped(as_document(frames), 3)]
)
def test_every_form_makes_the_same_index(write):
    indexed = Indexed(write(make_frames(7)))

    assert indexed.frames == make_frames(7)
    assert indexed.content == Indexed(as_list(make_frames(7))).content


@pytest.mark.parametrize(
    ("count", "counts"), [(299, [299]), (300, [300]), (301, [300, 1]), (600, [300, 300])]
)
def test_a_block_has_300_frames(count: int, counts: list[int]):
    indexed = Indexed(as_list(make_frames(count)))

    assert [block.count for block in indexed.blocks] == counts
    assert len(indexed.members) == len(counts)
    assert indexed.numbers == list(range(count))


@pytest.mark.parametrize(("more_bytes", "counts"), [(-1, [33]), (0, [32, 1]), (1, [32, 1])])
def test_a_block_ends_early_where_its_frames_have_a_mebibyte_of_text(more_bytes: int, counts: list[int]):
    frames: list[dict[str, Any]] = [
        {"frame_number": number, "timestamp": 0, "a": "x" * 32_700} for number in range(100, 132)
    ]
    missing = BLOCK_BYTES - sum(len(json.dumps(frame)) for frame in frames)
    frames[0]["a"] += "x" * (missing + more_bytes)

    indexed = Indexed(as_list([*frames, {"frame_number": 132, "timestamp": 0}]))

    assert [block.count for block in indexed.blocks] == counts


def test_blocks_say_where_they_lie_and_what_is_in_them():
    frames = make_frames(301)
    frames[5]["timestamp"], frames[9]["timestamp"] = 99.5, 0
    indexed = Indexed(as_list(frames))

    first, second = indexed.blocks
    assert (first.first_frame, first.last_frame, first.first_s, first.last_s) == (0, 299, 0, 99.5)
    assert (second.first_frame, second.last_frame) == (300, 300)
    assert (first.offset, second.offset) == (0, first.length_bytes)
    for block in indexed.blocks:
        alone = gzip.decompress(indexed.content[block.offset : block.last_byte + 1]).splitlines()
        assert [json.loads(line) for line in alone] == frames[block.first_frame : block.last_frame + 1]


def test_the_same_file_makes_the_same_bytes():
    one, other = Indexed(as_list(make_frames(301))), Indexed(as_list(make_frames(301)))

    assert one.content == other.content
    assert one.indexing.summary() == other.indexing.summary()
    assert one.indexing.blocks() == other.indexing.blocks()


def test_frames_may_have_gaps():
    assert Indexed(as_list([make_frame(number) for number in (3, 4, 90)])).numbers == [3, 4, 90]


def test_a_frame_that_comes_twice_or_late_is_rejected_with_its_place():
    indexed = Indexed(as_list([make_frame(number) for number in (0, 2, 2, 1, 3)]))

    assert indexed.numbers == [0, 2, 3]
    assert [reject["frame"] for reject in indexed.summary["first_rejects"]] == [3, 4]
    assert "not above the 2" in indexed.summary["first_rejects"][0]["reason"]
    assert (indexed.indexing.frames, indexed.indexing.rejected) == (3, 2)


def test_a_rejected_frame_sets_no_mark_for_those_after_it():
    indexed = Indexed(as_list([make_frame(0), make_frame(50, papi_a=1), make_frame(1)]))

    assert indexed.numbers == [0, 1]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400", "9" * 5000])
@pytest.mark.parametrize("write", [as_list, as_document, as_lines])
def test_a_frame_with_a_number_that_is_none_is_rejected_alone(number: str, write):
    text = write(
        [
            make_frame(0),
            make_frame(1, drone_elevation="HERE"),
            make_frame(2, note=[{"x": "HERE"}]),
            make_frame(3),
        ]
    )

    indexed = Indexed(text.replace(b'"HERE"', number.encode()))

    assert indexed.numbers == [0, 3]
    assert indexed.indexing.rejected == 2


def test_numbers_that_begin_once_more_are_told_as_chapters_counted_from_0_again():
    indexed = Indexed(as_list([*make_frames(5), *make_frames(3)]))

    reasons = [reject["reason"] for reject in indexed.summary["first_rejects"]]
    assert [reason.rpartition(": ")[2] for reason in reasons] == ["chapters counted from 0 again"] * 3
    assert reasons[0].startswith("frame_number 0 is not above the 4 before")


@pytest.mark.parametrize("numbers", [(0, 0), (0, 1, 1), (0, 5, 3)])
def test_a_frame_that_comes_twice_or_late_is_no_other_chapter(numbers: tuple[int, ...]):
    indexed = Indexed(as_list([make_frame(number) for number in numbers]))

    (reject,) = indexed.summary["first_rejects"]
    assert reject["reason"] == f"frame_number {numbers[-1]} is not above the {numbers[-2]} before"


def test_only_the_first_20_rejects_are_told_but_all_are_counted():
    bad = [make_frame(number, papi_a=1) for number in range(100, 121)]
    indexed = Indexed(as_list([*make_frames(30), *bad]))

    assert indexed.summary["rejected"] == 21
    assert [reject["frame"] for reject in indexed.summary["first_rejects"]] == list(range(31, 51))


def test_no_usable_frame_is_poison():
    for content in (b"[]", b'{"frames":[]}', b"[1]", b"{}", as_list([make_frame(0, papi_a=1)])):
        assert "no frame" in poison_of(content)


@pytest.mark.parametrize(("good", "bad"), [(10, 10), (11, 10), (1, 18), (50, 50)])
def test_half_of_the_frames_may_be_rejected_and_of_very_few_more(good: int, bad: int):
    frames = [*make_frames(good), *(make_frame(number, papi_a=1) for number in range(bad))]

    assert Indexed(as_list(frames)).indexing.rejected == bad


@pytest.mark.parametrize(("good", "bad"), [(9, 11), (1, 19), (49, 51)])
def test_more_than_half_of_the_frames_rejected_is_poison(good: int, bad: int):
    frames = [*make_frames(good), *(make_frame(number, papi_a=1) for number in range(bad))]

    assert f"{bad} of {good + bad} frames are rejected; frame {good + 1}: papi_a" in poison_of(
        as_list(frames)
    )


def test_a_file_has_at_most_so_many_frames_rejected_ones_too():
    content = as_list([make_frame(0), 1, make_frame(1)])
    for most in (3, 4):
        assert Indexed(content, Limits(frames=most)).numbers == [0, 1]

    assert "more than 2 frames" in poison_of(content, frames=2)


def test_an_index_has_at_most_so_many_bytes():
    content = as_list(make_frames(301))
    size = len(Indexed(content).content)
    for most in (size, size + 1):
        assert Indexed(content, Limits(index_bytes=most)).content

    assert f"larger than {size - 1}" in poison_of(content, index_bytes=size - 1)


def test_broken_json_is_poison_with_the_place_of_the_frame():
    assert "frame 2 of the file: this is not JSON" in poison_of(
        b'[{"frame_number":0,"timestamp":0},{"a":tru}]'
    )


def test_a_summary_counts_frames_and_times():
    summary = Indexed(as_list(make_frames(31, start=30))).summary

    assert summary["kind"] == "papi"
    assert summary["revision"] == "revision"
    assert (summary["frames"], summary["rejected"], summary["first_rejects"]) == (31, 0, [])
    assert (summary["first_frame"], summary["last_frame"]) == (30, 60)
    assert (summary["first_s"], summary["last_s"], summary["duration_s"]) == (1.0, 2.0, 1.0)


def test_a_summary_has_extremes_and_means_of_what_was_there():
    lights = [{"angle": 1, "intensity": None}, {"angle": 4.0}, {}, None, {"angle": "2.5"}]
    summary = Indexed(light_frames(*lights)).summary

    papi_a = summary["lights"]["papi_a"]
    assert papi_a["frames"] == 4
    assert papi_a["numbers"] == {"angle": {"count": 3, "min": 1, "max": 4.0, "mean": 2.5}}
    assert summary["numbers"]["drone_elevation"]["count"] == 5
    assert "gimbal_pitch" not in summary["numbers"]
    assert set(summary["lights"]) == {"papi_a", "papi_b", "papi_c", "papi_d"}


def test_a_summary_has_the_shares_of_the_colours_where_there_is_a_sum():
    rgbs = [
        {"r": 60, "g": 30, "b": 10},
        {"r": 0, "g": 0, "b": 0},
        {"r": 1, "g": 2},
        {"r": -1, "g": 2, "b": 3},
        None,
    ]
    numbers = Indexed(light_frames(*({"rgb": rgb} for rgb in rgbs))).summary["lights"]["papi_a"]["numbers"]

    assert {name: spread["mean"] for name, spread in numbers.items()} == {
        "red_chromaticity": 0.6,
        "green_chromaticity": 0.3,
        "blue_chromaticity": 0.1,
    }
    assert {spread["count"] for spread in numbers.values()} == {1}


def test_a_summary_counts_the_statuses_of_each_light():
    lights = [{"status": "red"}, {"status": "RED"}, {"status": "white"}, {"status": None}, {}]

    assert Indexed(light_frames(*lights)).summary["lights"]["papi_a"]["statuses"] == {
        "not_visible": 0,
        "red": 2,
        "white": 1,
        "transition": 0,
    }


def test_a_summary_has_the_turn_of_each_light_from_the_frames_that_have_it():
    """Every third frame lacks the light; it counts neither as used nor as set aside."""
    frames = make_frames(1800)
    for frame in frames[::3]:
        del frame["papi_b"]
    lights = Indexed(as_document(frames)).summary["lights"]

    for name in ("papi_a", "papi_b"):
        turn = lights[name]["transition"]
        assert turn["frames_used"] + turn["frames_set_aside"] == lights[name]["frames"]
    assert lights["papi_b"]["frames"] == 1200
    assert lights["papi_b"]["transition"]["angle"] == pytest.approx(3.17, abs=0.01)


def test_a_light_that_never_turns_has_no_angle():
    lights = [{"status": "red", "angle": 2 + number / 100} for number in range(100)]
    turn = Indexed(light_frames(*lights)).summary["lights"]["papi_a"]["transition"]

    assert (turn["outcome"], turn["angle"], turn["interval"]) == ("no transition seen", None, None)


def test_means_of_the_greatest_numbers_stay_numbers():
    greatest = 9.9e99
    summary = Indexed(
        light_frames(*[{"angle": greatest, "rgb": {"r": greatest, "g": greatest, "b": 1}}] * 400)
    ).summary

    assert summary["lights"]["papi_a"]["numbers"]["angle"]["mean"] == pytest.approx(greatest)


def test_a_climb_before_the_lights_shows_where_each_turns():
    lights = Indexed(as_document(make_frames(1800))).summary["lights"]

    turns = [lights[name]["transition"] for name in ("papi_a", "papi_b", "papi_c", "papi_d")]
    assert [turn["angle"] for turn in turns] == pytest.approx([3.5, 3.17, 2.83, 2.5], abs=0.01)
    assert [len(turn["runs"]) for turn in turns] == [1, 1, 1, 1]
    assert {run["direction"] for turn in turns for run in turn["runs"]} == {"climb"}
