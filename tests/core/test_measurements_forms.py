"""A file's shapes: whichever it has and however its bytes arrive, its frames are those that json.loads finds."""

import codecs
import gzip
import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import Poison
from chalicelib.core.measurements.forms import File
from chalicelib.core.measurements.frame import Unusable, decoded
from chalicelib.core.measurements.kinds import KINDS
from chalicelib.core.measurements.limits import LIMITS, MOST_DEPTH, Limits
from chalicelib.core.measurements.work import Work
from tests.support.measurements import (
    as_document,
    as_lines,
    as_list,
    in_chunks,
    make_frames,
    zipped,
)

TEXTS = st.one_of(
    st.text('ab"\\{}[],:\n\0ü😀', max_size=8),
    st.sampled_from(['"', "\\", "},{", "}, {", '"},{"', "]", "[", '\\"', "\n", "frames", "kind", "ü", "😀"]),
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**6), 10**6),
        st.floats(allow_nan=False, allow_infinity=False),
        TEXTS,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(TEXTS.filter(lambda t: t != "kind"), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(TEXTS.filter(lambda text: text not in ("frames", "kind")), VALUES, max_size=4)
SIZES = st.integers(1, 200)


def found(content: bytes, chunk_bytes: int = 1000, **limits: int) -> list[Any]:
    file = File(in_chunks(content, chunk_bytes), Limits(**limits))
    return [decoded(raw, Work(LIMITS)) for raw in file.frames()]


def frames_or_reason(content: bytes, window: int) -> list[Any] | str:
    try:
        return found(content, 7, window_bytes=window)
    except (Poison, Unusable) as refused:
        return str(refused)


def poison_of(content: bytes, **limits: int) -> str:
    with pytest.raises(Poison) as poison:
        found(content, **limits)
    return str(poison.value)


@given(st.lists(VALUES, max_size=12), SIZES, SIZES, st.sampled_from([None, 0, 3]), st.booleans())
def test_the_frames_of_a_list_are_those_that_json_finds(
    values: list[Any], chunk: int, window: int, indent: int | None, zip_it: bool
):
    text = json.dumps(values, indent=indent, ensure_ascii=chunk % 2 == 0).encode()

    assert found(zipped(text) if zip_it else text, chunk, window_bytes=window) == json.loads(text)


@given(st.lists(VALUES, max_size=9), OBJECTS, OBJECTS, SIZES, SIZES, st.sampled_from([None, 0, 3]))
def test_the_frames_of_a_document_are_those_that_json_finds_in_any_order_of_members(
    values: list[Any], before: dict, after: dict, chunk: int, window: int, indent: int | None
):
    # What follows the frames may not repeat what precedes them, or json would see another order.
    text = json.dumps({**before, "frames": values, **after}, indent=indent).encode()

    assert found(text, chunk, window_bytes=window) == values


@given(
    st.lists(OBJECTS, min_size=1, max_size=9), SIZES, SIZES, st.sampled_from([b"\n", b"\r\n", b"\n\n  \n"])
)
def test_the_frames_of_json_lines_are_those_that_json_finds_in_each(
    objects: list[Any], chunk: int, window: int, newline: bytes
):
    text = newline.join(json.dumps(found).encode() for found in objects)

    assert found(text, chunk, window_bytes=window) == objects
    assert found(text + newline, chunk, window_bytes=window) == objects


@given(st.binary(max_size=200), SIZES)
def test_any_bytes_are_frames_or_poison(content: bytes, window: int):
    outcome = frames_or_reason(content, window)

    # Whatever passes is whole JSON, so that it can be written down again; whatever does not says why.
    assert outcome if isinstance(outcome, str) else json.loads(json.dumps(outcome)) == outcome


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_document_is_frames_that_json_finds_or_poison(data: st.DataObject):
    whole = as_document([{"a": [{"b": 1}, {"c": "},{"}]}, {"d": None}, {"e": 'x"\\'}], metadata={"k": [1.5]})
    at = data.draw(st.integers(0, len(whole)))
    damage = data.draw(
        st.one_of(st.just(b""), st.binary(max_size=3), st.sampled_from([b"}", b"]", b'"', b",", b"NaN"]))
    )
    drop = data.draw(st.integers(0, 5))
    content = whole[:at] + damage + whole[at + drop :]
    window = data.draw(SIZES)
    file = File(in_chunks(content, 9), Limits(window_bytes=window))
    try:
        frames = [decoded(raw, Work(LIMITS)) for raw in file.frames()]
    except (Poison, Unusable):
        return

    expected = json.loads(content)
    assert frames == expected.get("frames", [expected])


@pytest.mark.parametrize("members", [1, 2, 7])
def test_a_zipped_file_may_have_several_members(members: int):
    frames = make_frames(20)

    assert found(zipped(as_list(frames), members), 100) == frames


def test_a_byte_order_mark_is_not_part_of_the_text():
    frames = make_frames(2)

    for text in (as_list(frames), as_document(frames), as_lines(frames)):
        assert found(codecs.BOM_UTF8 + text, 1) == frames
        assert found(zipped(codecs.BOM_UTF8 + text), 1) == frames


def test_one_frame_alone_is_json_lines():
    assert found(b'{"frame_number":0}') == [{"frame_number": 0}]


def test_a_first_line_with_a_nan_is_a_line_all_the_same():
    file = File([b'{"frame_number":NaN}\n{"frame_number":1}\n'], LIMITS)

    assert len(list(file.frames())) == 2


def test_a_document_may_name_its_kind_last():
    file = File([as_document([{}], kind="generic")], LIMITS)

    assert len(list(file.frames())) == 1
    assert file.kind is KINDS["generic"]


@pytest.mark.parametrize("kind", ["gpmf", ""])
def test_an_unknown_kind_is_poison(kind: str):
    assert "unknown kind" in poison_of(as_document([{}], kind=kind))


@pytest.mark.parametrize(
    "kind", [b"NaN", b"-Infinity", b"1e999", b'"\\ud800"', b"7", b"1.5", b"true", b'["papi"]', b'{"papi":1}']
)
def test_a_kind_that_is_no_text_is_poison_and_nothing_of_this_process_is_in_the_reason(kind: bytes):
    assert poison_of(b'{"kind":%b,"frames":[{}]}' % kind) == "`kind` is not text; known: papi, generic"


def test_no_kind_and_a_kind_of_null_are_the_usual_one():
    assert found(as_document([{}], kind=None)) == [{}]


def test_a_nan_beside_the_frames_does_no_harm():
    assert found(b'{"metadata":{"min":NaN},"frames":[{}]}') == [{}]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"17", "begins with"),
        (b"frames", "begins with"),
        (b"PK\x03\x04", "begins with"),
        ("[{}]".encode("utf-16"), "begins with"),
        (b'{"metadata":{}\n}', "no member"),
        (b'{"frames":null\n}', "there must be ["),
        (b'{"frames":{}\n}', "there must be ["),
        (b'{"frames":[],"frames":[]}\n\n', "two members"),
        (b'{"frames":[] "x":1}', "there must be"),
        (b'{"frames":[],}', "missing"),
        (b'{7:1,"frames":[]}', "no name"),
        (b"[{}", "too early"),
        (b"[{},", "too early"),
        (b"[{", "too early"),
        (b'[{"a":"', "too early"),
        (b'{"frames":[{}]', "too early"),
        (b'{"frames"', "too early"),
        (b"[{},]", "missing"),
        (b"[,{}]", "missing"),
        (b"[{} {}]", "there must be"),
        (b"[{}] x", "follows the end"),
        (b"[{}][{}]", "follows the end"),
        (b'{"frames":[{}]}{}', "follows the end"),
        (b'{"m":tru,"frames":[]}', "not JSON"),
        (b'{"m":"\xff","frames":[]}', "not UTF-8"),
    ],
)
def test_what_is_broken_is_poison_and_says_how(content: bytes, reason: str):
    assert reason in poison_of(content)
    assert reason in poison_of(content, window_bytes=1)


@pytest.mark.parametrize("kept", [2, 10, 60, -9, -1])
def test_a_zipped_file_that_ends_early_is_poison(kept: int):
    assert "too early" in poison_of(zipped(as_list(make_frames(3)))[:kept])


def test_a_zipped_file_with_something_behind_it_is_poison():
    assert "follows" in poison_of(zipped(b"[{}]") + b"garbage")


def test_a_zipped_file_that_was_damaged_is_poison():
    content = bytearray(zipped(as_list(make_frames(30))))
    content[-6] ^= 1

    assert "broken" in poison_of(bytes(content))


def test_a_zip_within_a_zip_is_poison():
    assert "begins with" in poison_of(zipped(zipped(b"[{}]")))


def framed(size_bytes: int) -> bytes:
    """A frame of so many bytes."""
    return b'{"a":"' + b"x" * (size_bytes - 8) + b'"}'


@pytest.mark.parametrize("around", [b"[%b]", b"[%b,{}]", b"%b\n", b'{"frames":[%b]}'])
def test_a_frame_has_at_most_so_many_bytes(around: bytes):
    for size in (99, 100):
        assert found(around % framed(size), frame_bytes=100)[0]
    with pytest.raises(Poison):
        found(around % framed(101), frame_bytes=100)


def test_a_frame_among_many_has_at_most_so_many_bytes():
    assert "longer than 100" in poison_of(b"[{},%b,{},{}]" % framed(101), frame_bytes=100)
    assert len(found(b"[{},%b,{},{}]" % framed(100), frame_bytes=100)) == 4


def test_a_member_beside_the_frames_has_at_most_so_many_bytes():
    document = b'{"frames":[],"m":%b\n}'
    for size in (99, 100):
        assert found(document % framed(size), member_bytes=100) == []
    assert "longer than 100" in poison_of(document % framed(101), member_bytes=100)


def test_a_document_has_at_most_so_many_members():
    for count in (2, 3):
        assert found(as_document([{}], **{f"m{n}": 1 for n in range(count - 1)}), members=3) == [{}]
    assert "more than 3 members" in poison_of(as_document([{}], a=1, b=1, c=1), members=3)


def test_a_text_has_at_most_so_many_bytes_zipped_or_not():
    text = b"[{}]" + b" " * 96
    for content in (text, zipped(text)):
        assert found(content, text_bytes=101) == [{}]
        assert found(content, text_bytes=100) == [{}]
        assert "longer than 99" in poison_of(content, text_bytes=99)


def test_a_zipped_file_has_at_most_so_many_members():
    content = zipped(b"[{}]  ", members=3)

    assert found(content, zipped_members=3) == [{}]
    assert "more than 2 members" in poison_of(content, zipped_members=2)


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize(
    "around", [b"[%b]", b"[{},{},%b,{}]", b'{"frames":[%b]}', b'{"m":%b,"frames":[{}]}', b"%b"]
)
@pytest.mark.parametrize("depth", [8_000, 100_000])
def test_a_bomb_of_brackets_is_refused_at_once(opening: bytes, around: bytes, depth: int):
    bomb = opening * depth + b"1" + (b"]" if opening == b"[" else b"}") * depth
    started = time.perf_counter()

    assert poison_of(around % bomb)
    assert poison_of(around % bomb[: len(bomb) // 2])
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("around", [b"[%b,{}]", b"[%b,{},{}]", b"{}\n%b\n", b'{"frames":[%b]}'])
def test_a_frame_that_is_too_deep_is_refused_wherever_it_stands(around: bytes):
    frame = b'{"a":' + b"[" * MOST_DEPTH + b"]" * MOST_DEPTH + b"}"

    assert f"deeper than {MOST_DEPTH}" in poison_of(around % frame)
    assert found(around % frame.replace(b"[]", b"1"))


def test_depth_is_refused_above_the_cap_only():
    def nested(depth: int) -> bytes:
        return b'[{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}]"

    for depth in (MOST_DEPTH - 1, MOST_DEPTH):
        assert found(nested(depth))
    assert f"deeper than {MOST_DEPTH}" in poison_of(nested(MOST_DEPTH + 1))


@pytest.mark.parametrize(
    "unit", [b" ", b'{"a":[', b"1,", b'"', b"\\", b"}", b"[", b":{", b'{"a":1},', b"x"], ids=repr
)
def test_a_zip_bomb_is_refused_with_little_memory(unit: bytes):
    content = gzip.compress(b"[" + unit * (2_000_000 // len(unit)))
    tracemalloc.start()
    try:
        for _ in File(in_chunks(content, 2**16), Limits(text_bytes=600_000)).frames():
            pass
        pytest.fail("not refused")
    except Poison:
        pass
    finally:
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()

    assert peak_bytes < 8 * 2**20


def test_memory_does_not_grow_with_length():
    frame = json.dumps(make_frames(1)[0]).encode()

    def chunks(count: int):
        yield b"[" + frame
        for _ in range(count - 1):
            yield b"," + frame
        yield b"]"

    def peak_bytes(count: int) -> int:
        tracemalloc.start()
        try:
            assert sum(1 for _ in File(chunks(count), LIMITS).frames()) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak_bytes(8_000) < 1.2 * peak_bytes(2_000)
