"""One frame measurement: decoded, and every known field as it is meant; docs/measurements.md tells the fields."""

import json
import re
from typing import Any, NoReturn

import msgspec

from chalicelib.core.errors import Poison
from chalicelib.core.measurements.limits import MOST_DEPTH
from chalicelib.core.measurements.text import TooDeep, end_of_value
from chalicelib.core.measurements.work import Work

STATUSES = ("not_visible", "red", "white", "transition")
LIGHTS = tuple(f"papi_{letter}" for letter in "abcdefgh")
FRAME_NUMBERS = (
    "drone_latitude",
    "drone_longitude",
    "drone_elevation",
    "gimbal_pitch",
    "gimbal_roll",
    "gimbal_yaw",
)
LIGHT_NUMBERS = (
    "intensity",
    "angle",
    "horizontal_angle",
    "distance_ground",
    "distance_direct",
    "area_pixels",
)
COLOURS = ("r", "g", "b")

FIELDS = frozenset(("frame_number", "timestamp", *FRAME_NUMBERS, *LIGHTS))
"""Every member of a frame that `docs/measurements.md` names."""

_FLAT = re.compile(r"(papi_[a-h])_(.+)", re.DOTALL)
_NUMERIC = re.compile(r"-?(0|[1-9][0-9]{0,39})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")
_GREATEST_EXACT = 2**53 - 1
_GREATEST = 1e100
"""No measured value is further from 0; below it no sum over a file leaves what a float can hold."""

_NUMBERS = (float, int)
"""Compared by identity: a bool is an int to Python, and no number here."""

_FRAME_STEPS = 50
"""The steps of one frame in addition to its values: to cut it out, to decode it, to accept or reject it."""

_decoder = msgspec.json.Decoder()


class Unusable(Exception):
    """This frame is rejected, and the text says why; the others are not touched by it."""


def decoded(raw: bytes, work: Work) -> Any:
    """The value that `raw` is the JSON of.

    Raises Unusable for numbers and characters that JSON or UTF-8 cannot hold, although the brackets are right. Raises
    Poison for a value that is deeper than MOST_DEPTH, is not JSON at all, or is more work than `work` has left.
    """
    brackets = raw.count(b"{") + raw.count(b"[")
    work.spend(_FRAME_STEPS + brackets + raw.count(b","))
    if brackets > MOST_DEPTH:  # almost no frame has that many in total, nested or not
        _demand_shallow(raw, work)
    try:
        return _decoder.decode(raw)
    except msgspec.ValidationError:
        return _not_decoded(raw, "a number is out of range", work)
    except UnicodeDecodeError as error:
        raise Poison("this is not UTF-8") from error
    except msgspec.DecodeError:
        return _not_decoded(raw, "a text holds half of a surrogate pair", work)


def _demand_shallow(raw: bytes, work: Work) -> None:
    try:
        end_of_value(raw, len(raw) - len(raw.lstrip()), work)
    except TooDeep as error:
        raise Poison(f"this is nested deeper than {MOST_DEPTH}") from error


def _not_decoded(raw: bytes, reason: str, work: Work) -> NoReturn:
    """Raises Unusable for what is JSON but for a NaN or for `reason`, and Poison for what is broken anywhere."""
    work.spend(_FRAME_STEPS + raw.count(b","))
    constants: list[str] = []
    try:
        # Python's own decoder takes NaN and halves of surrogate pairs; len, so that it makes no numbers.
        json.loads(raw.decode(), parse_constant=constants.append, parse_float=len, parse_int=len)
    except UnicodeDecodeError as error:
        raise Poison("this is not UTF-8") from error
    except ValueError as error:
        raise Poison("this is not JSON") from error
    raise Unusable(f"{constants[0]} is not a number" if constants else reason)


def normalised(frame: Any) -> dict[str, Any]:
    """`frame` with every known field as it is meant, lights as objects; what is not known stays as it is.

    Changes `frame`. Raises Unusable, naming the field.
    """
    if type(frame) is not dict:
        raise Unusable("this is not an object")
    for name in [name for name in frame if name not in FIELDS]:
        flat = _FLAT.fullmatch(name)
        if flat:
            _nest(frame, name, flat[1], flat[2])
    frame["frame_number"] = _frame_number(frame.get("frame_number"))
    frame["timestamp"] = _timestamp(frame.get("timestamp"))
    _numbers(frame, FRAME_NUMBERS, "")
    for name in LIGHTS:
        light = frame.get(name)
        if light is not None:
            _light(light, name)
    return frame


def _nest(frame: dict[str, Any], name: str, light_name: str, field: str) -> None:
    """`papi_a_angle` of the flat form as `angle` of `papi_a`."""
    light = frame.get(light_name)
    if light is None:
        light = frame[light_name] = {}
    if type(light) is not dict:
        raise Unusable(f"{light_name} is not an object")
    if field in light:
        raise Unusable(f"{light_name} has one field twice, nested and flat")
    light[field] = frame.pop(name)


def _frame_number(value: Any) -> int:
    number = _number(value, "frame_number") if value is not None else None
    # pandas writes a column of whole numbers as 12.0 as soon as one value of it is missing.
    if number is None or not 0 <= number <= _GREATEST_EXACT or number != int(number):
        raise Unusable("frame_number is not a whole number from 0 to 2**53 - 1")
    return int(number)


def _timestamp(value: Any) -> int | float:
    number = _number(value, "timestamp") if value is not None else None
    if number is None or number < 0:
        raise Unusable("timestamp is not a number from 0 on")
    return number


def _light(light: Any, name: str) -> None:
    if type(light) is not dict:
        raise Unusable(f"{name} is not an object")
    _numbers(light, LIGHT_NUMBERS, f"{name}.")
    status = light.get("status")
    if status is not None and status not in STATUSES:
        light["status"] = _status(status, name)
    rgb = light.get("rgb")
    if rgb is not None:
        if type(rgb) is not dict:
            raise Unusable(f"{name}.rgb is not an object")
        _numbers(rgb, COLOURS, f"{name}.rgb.")


def _status(value: Any, name: str) -> str:
    status = value.lower() if type(value) is str else None
    if status not in STATUSES:
        raise Unusable(f"{name}.status is none of {', '.join(STATUSES)}")
    return status


def _numbers(holder: dict[str, Any], names: tuple[str, ...], path: str) -> None:
    """Every one of `names` that `holder` has, as a number; null stays null."""
    for name in names:
        value = holder.get(name)
        if value is None or (type(value) in _NUMBERS and -_GREATEST < value < _GREATEST):
            continue
        holder[name] = _number(value, f"{path}{name}")


def _number(value: Any, path: str) -> int | float:
    if type(value) is str and _NUMERIC.fullmatch(value):
        value = json.loads(value)
    if type(value) not in _NUMBERS:
        raise Unusable(f"{path} is not a number")
    if not -_GREATEST < value < _GREATEST:
        raise Unusable(f"{path} is out of range")
    number: int | float = value
    return number
