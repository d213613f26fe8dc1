"""One frame of any kind: decoded, and its numbers as they are meant."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, NoReturn

import msgspec

from chalicelib.core.errors import Poison
from chalicelib.core.measurements.limits import MOST_DEPTH
from chalicelib.core.measurements.text import TooDeep, end_of_value
from chalicelib.core.measurements.work import Work

NUMBER, TIME = "frame_number", "timestamp"
"""The members that every frame has."""

SESSION = "session_id"
"""The member in which a document, its metadata or a frame names its session."""

GREATEST_EXACT = 2**53 - 1
GREATEST = 1e100
"""No measured value is further from 0; below it no sum over a file leaves what a float can hold."""

_NUMERIC = re.compile(r"-?(0|[1-9][0-9]{0,39})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?")
_NUMBERS = (float, int)
"""Compared by identity: a bool is an int to Python, and no number here."""

FRAME_STEPS = 50
"""The steps of one frame in addition to its values: to cut it out, to decode it, to accept or reject it."""

_decoder = msgspec.json.Decoder()


class Accepted(NamedTuple):
    """A frame as it goes into the index: `encodable` is what JSON is written of.

    `session` is the session that it names, or None. `extra` is the JSON object of what its kind has no columns for.
    """

    number: int
    encodable: Any
    session: Any = None
    extra: str | None = None


class Unusable(Exception):
    """This frame is rejected, and the text says why; the others are not touched by it."""


def decoded(raw: bytes, work: Work) -> Any:
    """The value that `raw` is the JSON of.

    Raises Unusable for numbers and characters that JSON or UTF-8 cannot hold, although the brackets are right. Raises
    Poison for a value that is deeper than MOST_DEPTH, is not JSON at all, or is more work than `work` has left.
    """
    brackets = raw.count(b"{") + raw.count(b"[")
    work.spend(FRAME_STEPS + brackets + raw.count(b","))
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
    work.spend(FRAME_STEPS + raw.count(b","))
    constants: list[str] = []
    try:
        # Python's own decoder takes NaN and halves of surrogate pairs; len, so that it makes no numbers.
        json.loads(raw.decode(), parse_constant=constants.append, parse_float=len, parse_int=len)
    except UnicodeDecodeError as error:
        raise Poison("this is not UTF-8") from error
    except ValueError as error:
        raise Poison("this is not JSON") from error
    raise Unusable(f"{constants[0]} is not a number" if constants else reason)


def frame_number(value: Any) -> int:
    """The number of a frame. Raises Unusable."""
    found = number(value, NUMBER) if value is not None else None
    # pandas writes a column of whole numbers as 12.0 as soon as one value of it is missing.
    if found is None or not 0 <= found <= GREATEST_EXACT or found != int(found):
        raise Unusable("frame_number is not a whole number from 0 to 2**53 - 1")
    return int(found)


def timestamp(value: Any) -> int | float:
    """The time of a frame in seconds. Raises Unusable."""
    found = number(value, TIME) if value is not None else None
    if found is None or found < 0:
        raise Unusable("timestamp is not a number from 0 on")
    return found


def make_numbers(holder: dict[str, Any], names: Iterable[str], path: str = "") -> None:
    """Turn every one of `names` that `holder` has into a number; null stays null. Raises Unusable."""
    for name in names:
        value = holder.get(name)
        if value is None or (type(value) in _NUMBERS and -GREATEST < value < GREATEST):
            continue
        holder[name] = number(value, f"{path}{name}")


def number(value: Any, path: str) -> int | float:
    """`value` as the number that it is, or that its text says. Raises Unusable, naming `path`."""
    if is_numeric(value):
        value = json.loads(value)
    if type(value) not in _NUMBERS:
        raise Unusable(f"{path} is not a number")
    if not -GREATEST < value < GREATEST:
        raise Unusable(f"{path} is out of range")
    found: int | float = value
    return found


def is_numeric(value: Any) -> bool:
    """Whether a value is the text of a number."""
    return type(value) is str and _NUMERIC.fullmatch(value) is not None


def extra_of(members: Mapping[str, Any]) -> str | None:
    """The JSON object of members that no column holds; None without any."""
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")) if members else None
