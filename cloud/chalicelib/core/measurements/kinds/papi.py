"""The kind `papi`: the lights beside a runway, as a drone before them sees each from its angle."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec

from chalicelib.core.measurements.columns import Column, ColumnType, FrameColumns
from chalicelib.core.measurements.frame import (
    GREATEST,
    GREATEST_EXACT,
    NUMBER,
    TIME,
    Unusable,
    frame_number,
    make_numbers,
    timestamp,
)
from chalicelib.core.measurements.spread import Spread

STATUSES = ("not_visible", "red", "white", "transition")
LIGHTS = tuple(f"papi_{letter}" for letter in "abcdefgh")
FRAME_NUMBERS = (
    Column("drone_latitude", ColumnType.NUMBER, "deg", "position"),
    Column("drone_longitude", ColumnType.NUMBER, "deg", "position"),
    Column("drone_elevation", ColumnType.NUMBER, "m", "elevation"),
    Column("gimbal_pitch", ColumnType.NUMBER, "deg", "gimbal"),
    Column("gimbal_roll", ColumnType.NUMBER, "deg", "gimbal"),
    Column("gimbal_yaw", ColumnType.NUMBER, "deg", "gimbal"),
)
LIGHT_NUMBERS = (
    Column("intensity", ColumnType.NUMBER, "", "intensity"),
    Column("angle", ColumnType.NUMBER, "deg", "angle"),
    Column("horizontal_angle", ColumnType.NUMBER, "deg", "horizontal angle"),
    Column("distance_ground", ColumnType.NUMBER, "m", "distance"),
    Column("distance_direct", ColumnType.NUMBER, "m", "distance"),
    Column("area_pixels", ColumnType.NUMBER, "px", "area"),
)
COLOURS = ("r", "g", "b")
CHROMATICITIES = ("red_chromaticity", "green_chromaticity", "blue_chromaticity")

_ONE_LIGHT = (
    Column("status", ColumnType.WORD, plot="status"),
    *LIGHT_NUMBERS,
    *(Column(f"rgb.{colour}", ColumnType.NUMBER, "", "colour") for colour in COLOURS),
    *(Column(name, ColumnType.NUMBER, "", "chromaticity", derived=True) for name in CHROMATICITIES),
)
"""The columns of one light."""

_FRAME_FIELDS = tuple(column.name for column in FRAME_NUMBERS)
_LIGHT_FIELDS = tuple(column.name for column in LIGHT_NUMBERS)
_KNOWN_OF_LIGHT = frozenset(("status", "rgb", *_LIGHT_FIELDS))
_FIELDS = frozenset((NUMBER, TIME, *_FRAME_FIELDS, *LIGHTS))
_FLAT = re.compile(r"(papi_[a-h])_(.+)", re.DOTALL)
_ABSENT: Mapping[str, Any] = {}


_Number = Annotated[float, msgspec.Meta(gt=-GREATEST, lt=GREATEST)] | None


class _Rgb(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    r: _Number = None
    g: _Number = None
    b: _Number = None


class _Light(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    status: Literal["not_visible", "red", "white", "transition"] | None = None
    rgb: _Rgb | None = None
    intensity: _Number = None
    angle: _Number = None
    horizontal_angle: _Number = None
    distance_ground: _Number = None
    distance_direct: _Number = None
    area_pixels: _Number = None


_USUAL_FIELDS: list[tuple[str, Any] | tuple[str, Any, Any]] = [
    (NUMBER, Annotated[int, msgspec.Meta(ge=0, le=GREATEST_EXACT)]),
    (TIME, Annotated[float, msgspec.Meta(ge=0, lt=GREATEST)]),
    *((name, _Number, None) for name in _FRAME_FIELDS),
    *((name, _Light | None, None) for name in LIGHTS),
]
_usual = msgspec.json.Decoder(
    msgspec.defstruct("_Usual", _USUAL_FIELDS, forbid_unknown_fields=True, gc=False)
)
"""Decodes a frame that needs no change and holds nothing unknown: eight times as fast as to look at each field here."""


class PapiSummary:
    """The numbers of all frames, and what is known of each light."""

    def __init__(self) -> None:
        self._frames = Counter[str]()
        self._statuses = {light: Counter[str]() for light in LIGHTS}
        self._turning = {light: Spread() for light in LIGHTS}

    def take(self, frames: Sequence[Mapping[str, Any]], columns: FrameColumns) -> None:
        """Count in these frames."""
        for light in LIGHTS:
            has = [frame.get(light) is not None for frame in frames]
            count = sum(has)
            if not count:
                continue
            self._frames[light] += count
            statuses = columns.words.get(f"{light}.status") or [None] * len(frames)
            self._statuses[light].update([status for status in statuses if status])
            angles = columns.numbers.get(f"{light}.angle") or [None] * len(frames)
            turning = zip(statuses, angles, strict=True)
            self._turning[light].take(
                [angle for status, angle in turning if status == "transition" and angle is not None]
            )

    def document(self, spreads: Mapping[str, Spread], _metadata: Mapping[str, Any]) -> Mapping[str, Any]:
        """`numbers` of the frames, and `lights`, those that occur."""
        return {
            "numbers": _documents(spreads, {name: name for name in _FRAME_FIELDS}),
            "lights": {light: self._light(light, spreads) for light in LIGHTS if self._frames[light]},
        }

    def _light(self, light: str, spreads: Mapping[str, Spread]) -> Mapping[str, Any]:
        names = {name: f"{light}.{name}" for name in (*_LIGHT_FIELDS, *CHROMATICITIES)}
        return {
            "frames": self._frames[light],
            "statuses": {status: self._statuses[light][status] for status in STATUSES},
            "numbers": _documents(spreads, names),
            "transition": self._transition(light),
        }

    def _transition(self, light: str) -> Mapping[str, Any]:
        found = self._turning[light]
        least, greatest = (found.least, found.greatest) if found.count else (None, None)
        return {
            "frames": self._statuses[light]["transition"],
            "angle_min": least,
            "angle_max": greatest,
            "angle_middle": (found.least + found.greatest) / 2 if found.count else None,
            "method": "frames whose status is transition; angle_middle is the mean of angle_min and angle_max",
        }


class Papi:
    """The kind itself: what a frame of it may say, and how its values are read."""

    name: Final = "papi"
    fields: Final = _FIELDS
    columns: Final = (
        *FRAME_NUMBERS,
        *(
            Column(f"{light}.{column.name}", column.type, column.unit, column.plot, column.derived)
            for light in LIGHTS
            for column in _ONE_LIGHT
        ),
    )
    lake: Final = tuple(column for column in columns if not column.derived)

    def normalise(self, raw: bytes, frame: Any) -> str | None:
        """Give lights the form of objects, numbers that of numbers, statuses lower case."""
        try:
            _usual.decode(raw)
        except msgspec.ValidationError:
            _normalise(frame)
            return _extra(frame)
        return None

    def columns_of(
        self, frames: Sequence[Mapping[str, Any]], extra: Sequence[str | None] | None = None
    ) -> FrameColumns:
        """The values of normalised frames by column."""
        numbers: dict[str, Sequence[float | None]] = {
            name: [frame.get(name) for frame in frames] for name in _FRAME_FIELDS
        }
        words: dict[str, Sequence[str | None]] = {}
        for light in LIGHTS:
            held = [frame.get(light) or _ABSENT for frame in frames]
            if not any(held):
                continue
            words[f"{light}.status"] = [each.get("status") for each in held]
            for name in _LIGHT_FIELDS:
                numbers[f"{light}.{name}"] = [each.get(name) for each in held]
            numbers.update(_colours(light, [each.get("rgb") or _ABSENT for each in held]))
        frame_numbers = [frame[NUMBER] for frame in frames]
        times = [frame[TIME] for frame in frames]
        return FrameColumns(frame_numbers, times, numbers, words, extra or [None] * len(frames))

    def lake_values(self, columns: FrameColumns) -> Mapping[str, Sequence[Any]]:
        """One list a column."""
        values = {**columns.numbers, **columns.words}
        return {column.lake_name: values[column.name] for column in self.lake if column.name in values}

    def summary(self) -> PapiSummary:
        """A summary of no frame so far."""
        return PapiSummary()


KIND = Papi()


def _normalise(frame: Any) -> None:
    if type(frame) is not dict:
        raise Unusable("this is not an object")
    for name in [name for name in frame if name not in _FIELDS]:
        flat = _FLAT.fullmatch(name)
        if flat:
            _nest(frame, name, flat[1], flat[2])
    frame[NUMBER] = frame_number(frame.get(NUMBER))
    frame[TIME] = timestamp(frame.get(TIME))
    make_numbers(frame, _FRAME_FIELDS)
    for name in LIGHTS:
        light = frame.get(name)
        if light is not None:
            _normalise_light(light, name)


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


def _normalise_light(light: Any, name: str) -> None:
    if type(light) is not dict:
        raise Unusable(f"{name} is not an object")
    make_numbers(light, _LIGHT_FIELDS, f"{name}.")
    status = light.get("status")
    if status is not None and status not in STATUSES:
        light["status"] = _status(status, name)
    rgb = light.get("rgb")
    if rgb is not None:
        if type(rgb) is not dict:
            raise Unusable(f"{name}.rgb is not an object")
        make_numbers(rgb, COLOURS, f"{name}.rgb.")


def _status(value: Any, name: str) -> str:
    status = value.lower() if type(value) is str else None
    if status not in STATUSES:
        raise Unusable(f"{name}.status is none of {', '.join(STATUSES)}")
    return status


def _extra(frame: Mapping[str, Any]) -> str | None:
    """The JSON object of the members of a normalised frame that no column holds; None without any."""
    found = {name: value for name, value in frame.items() if name not in _FIELDS}
    for name in LIGHTS:
        light = frame.get(name) or _ABSENT
        unknown = {field: value for field, value in light.items() if field not in _KNOWN_OF_LIGHT}
        rgb = {field: value for field, value in (light.get("rgb") or _ABSENT).items() if field not in COLOURS}
        if rgb:
            unknown["rgb"] = rgb
        if unknown:
            found[name] = unknown
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")) if found else None


def _colours(light: str, rgbs: Sequence[Mapping[str, Any]]) -> Mapping[str, Sequence[float | None]]:
    """The colour of each frame, and its shares of r + g + b."""
    if not any(rgbs):
        return {}
    red, green, blue = ([rgb.get(colour) for rgb in rgbs] for colour in COLOURS)
    shares = [_shares(*rgb) for rgb in zip(red, green, blue, strict=True)]
    columns = (red, green, blue, *zip(*shares, strict=True))
    names = (*(f"rgb.{colour}" for colour in COLOURS), *CHROMATICITIES)
    return {f"{light}.{name}": column for name, column in zip(names, columns, strict=True)}


_NO_SHARES = (None, None, None)


def _shares(red: float | None, green: float | None, blue: float | None) -> tuple[float | None, ...]:
    """Red, green and blue as shares of their sum; None where there is no such sum."""
    if red is None or green is None or blue is None or red < 0 or green < 0 or blue < 0:
        return _NO_SHARES
    total = red + green + blue
    return (red / total, green / total, blue / total) if total else _NO_SHARES


def _documents(spreads: Mapping[str, Spread], names: Mapping[str, str]) -> Mapping[str, Any]:
    """The spreads of those columns that have a value; `names` maps a name in the document to its column."""
    return {name: spreads[column].document() for name, column in names.items() if column in spreads}
