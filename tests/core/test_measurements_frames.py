"""What one frame may say, and what becomes of it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Poison
from chalicelib.core.measurements.frame import Unusable, decoded
from chalicelib.core.measurements.kinds import papi
from chalicelib.core.measurements.kinds.papi import LIGHTS, STATUSES
from chalicelib.core.measurements.limits import LIMITS
from chalicelib.core.measurements.work import Work
from tests.support.measurements import make_frame


def normalised(frame: Any) -> dict[str, Any]:
    accepted = papi.KIND.accept(json.dumps(frame).encode(), Work(LIMITS))
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(accepted.encodable))
    return found


def frame_of(**fields: Any) -> dict[str, Any]:
    return normalised({"frame_number": 7, "timestamp": 0.25, **fields})


def reason(**fields: Any) -> str:
    with pytest.raises(Unusable) as rejected:
        frame_of(**fields)
    return str(rejected.value)


def test_a_frame_as_it_is_meant_stays_as_it_is():
    assert normalised(make_frame(3)) == make_frame(3)


def test_number_and_time_alone_make_a_frame():
    assert normalised({"frame_number": 0, "timestamp": 0}) == {"frame_number": 0, "timestamp": 0}


def test_null_stays_null_and_absent_stays_absent():
    frame = frame_of(drone_elevation=None, papi_a=None, papi_b={"status": None, "rgb": None, "angle": None})

    assert frame == {
        "frame_number": 7,
        "timestamp": 0.25,
        "drone_elevation": None,
        "papi_a": None,
        "papi_b": {"status": None, "rgb": None, "angle": None},
    }


def test_what_is_not_known_is_kept_as_it_is_nested_too():
    unknown = {"rtk_flag": "50", "extra": {"deep": [1, {"x": None}]}, "papi_z": 7, "papi": {}, "papi_a_": 1}
    light = {"confidence": "0.9", "bbox": [1, 2], "rgb": {"r": 1, "alpha": "x"}}

    frame = frame_of(**unknown, papi_a=light)

    assert {name: frame[name] for name in unknown} == unknown
    assert frame["papi_a"] == light


def test_numbers_written_as_text_become_numbers():
    frame = normalised(
        {
            "frame_number": "12",
            "timestamp": "0.5",
            "drone_elevation": "-1e2",
            "papi_a": {"angle": "3.01", "area_pixels": "7", "rgb": {"r": "255", "g": 1, "b": None}},
        }
    )

    assert frame["frame_number"] == 12
    assert type(frame["frame_number"]) is int
    assert frame["timestamp"] == 0.5
    assert frame["drone_elevation"] == -100.0
    assert frame["papi_a"] == {"angle": 3.01, "area_pixels": 7, "rgb": {"r": 255, "g": 1, "b": None}}


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_is_written_lower_case(status: str):
    assert frame_of(papi_a={"status": status.upper()})["papi_a"]["status"] == status
    assert frame_of(papi_a={"status": status})["papi_a"]["status"] == status


def test_the_flat_form_is_nested():
    frame = frame_of(
        papi_a_status="RED",
        papi_a_rgb={"r": 1, "g": 2, "b": 3},
        papi_a_angle="3.1",
        papi_a_transition_angle_min=3.0,
        papi_d_status=None,
    )

    assert frame["papi_a"] == {
        "status": "red",
        "rgb": {"r": 1, "g": 2, "b": 3},
        "angle": 3.1,
        "transition_angle_min": 3.0,
    }
    assert frame["papi_d"] == {"status": None}
    assert not [name for name in frame if name.startswith("papi_a_")]


def test_flat_fields_join_a_nested_light_that_has_not_got_them():
    assert frame_of(papi_a={"angle": 3}, papi_a_status="red")["papi_a"] == {"angle": 3, "status": "red"}
    assert frame_of(papi_a=None, papi_a_status="red")["papi_a"] == {"status": "red"}


def test_a_field_both_nested_and_flat_is_rejected():
    assert "papi_a" in reason(papi_a={"angle": 3}, papi_a_angle=4)


@pytest.mark.parametrize(
    "number", [-1, 2**53, 2.0**53, 1.5, -1.0, "1.5", "-1", "", True, None, [], {}, "x"], ids=repr
)
def test_a_frame_number_is_a_whole_number_from_0(number: object):
    assert "frame_number" in reason(frame_number=number)


@pytest.mark.parametrize("number", [12.0, "12.0", "1.2e1", "12"], ids=repr)
def test_a_frame_number_may_be_written_as_a_whole_float_as_pandas_does(number: object):
    frame = frame_of(frame_number=number)

    assert (frame["frame_number"], type(frame["frame_number"])) == (12, int)


@pytest.mark.parametrize("number", [0.0, -0.0, 2.0**53 - 1])
def test_a_whole_float_is_bounded_like_any_frame_number(number: float):
    assert frame_of(frame_number=number)["frame_number"] == int(number)


@pytest.mark.parametrize("number", [0, 1, 2**53 - 1])
def test_a_frame_number_may_be_anything_up_to_what_every_reader_can_hold(number: int):
    assert frame_of(frame_number=number)["frame_number"] == number


@pytest.mark.parametrize("time", [-1, -0.001, 1e101, "nan", "-1", True, None, [], {}], ids=repr)
def test_a_timestamp_is_a_number_from_0(time: object):
    assert "timestamp" in reason(timestamp=time)


def test_without_number_or_time_a_frame_is_rejected():
    with pytest.raises(Unusable, match="frame_number"):
        normalised({"timestamp": 0})
    with pytest.raises(Unusable, match="timestamp"):
        normalised({"frame_number": 0})


@pytest.mark.parametrize(
    "value",
    ["", "x", "nan", "inf", "1_0", " 1", "0x1", "٣", "1e400", "9" * 5000, True, [], {}, 1e101, -(10**101)],
)
def test_a_known_number_of_an_impossible_type_is_rejected_and_named(value: object):
    assert "drone_latitude" in reason(drone_latitude=value)
    assert "papi_c.angle" in reason(papi_c={"angle": value})
    assert "papi_c.rgb.g" in reason(papi_c={"rgb": {"g": value}})


@pytest.mark.parametrize("status", ["", "green", 1, True, ["red"], {}])
def test_another_status_is_rejected_and_named(status: object):
    assert "papi_b.status" in reason(papi_b={"status": status})


@pytest.mark.parametrize("value", [1, "x", [], True])
def test_lights_and_colours_are_objects(value: object):
    assert "papi_a is" in reason(papi_a=value)
    assert "papi_a.rgb is" in reason(papi_a={"rgb": value})
    assert "papi_a is" in reason(papi_a=value, papi_a_status="red")


@pytest.mark.parametrize("value", [None, 1, "x", [], True])
def test_a_frame_is_an_object(value: object):
    with pytest.raises(Unusable, match="is not an object"):
        normalised(value)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400", b"9" * 5000])
@pytest.mark.parametrize("path", [b"%b", b'{"timestamp":%b}', b'{"unknown":[{"x":%b}]}'])
def test_numbers_that_are_none_are_unusable_wherever_they_stand(number: bytes, path: bytes):
    with pytest.raises(Unusable):
        decoded(path % number, Work(LIMITS))


def test_half_of_a_surrogate_pair_is_unusable():
    with pytest.raises(Unusable, match="surrogate"):
        decoded(b'{"a":"\\ud800"}', Work(LIMITS))


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"tru",
        b'{"a":1]',
        b'{"a":01}',
        b"{} {}",
        b'{"a":"\n"}',
        b"{a:1}",
        b"'x'",
        b'{"a":NaN[1]}',
        b'{"a":1e400,}',
        b'{"a":1e400 x}',
    ],
)
def test_what_is_not_json_is_poison(raw: bytes):
    with pytest.raises(Poison, match="not JSON"):
        decoded(raw, Work(LIMITS))


@pytest.mark.parametrize("raw", [b'"\xff"', b'{"\xff":NaN}', b'{"a":NaN,"b":"\xed\xa0\x80"}'])
def test_what_is_not_utf8_is_poison(raw: bytes):
    with pytest.raises(Poison, match="UTF-8"):
        decoded(raw, Work(LIMITS))


NOISE = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(-1e300, 1e300), st.text("1e.-redRED", max_size=5)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["r", "g", "angle", "status", "rgb", "x"]), inner, max_size=3),
    ),
    max_leaves=6,
)
NAMES = st.sampled_from(
    [
        "frame_number",
        "timestamp",
        "drone_latitude",
        *LIGHTS[:2],
        "papi_a_angle",
        "papi_a_status",
        "papi_a_x",
        "note",
    ]
)


@given(st.dictionaries(NAMES, NOISE, max_size=6))
def test_whatever_a_frame_says_it_is_normal_afterwards_or_rejected(frame: dict[str, Any]):
    frame = {"frame_number": 1, "timestamp": 2, **frame}
    try:
        once = normalised(json.loads(json.dumps(frame)))
    except Unusable:
        return

    assert normalised(json.loads(json.dumps(once))) == once
    assert "note" not in frame or once["note"] == frame["note"]
