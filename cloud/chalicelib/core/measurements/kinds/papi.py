"""The kind `papi`: the lights beside a runway, as a drone before them sees each from its angle."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from types import SimpleNamespace
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from chalicelib.core.measurements.columns import Column, ColumnType, FrameColumns
from chalicelib.core.measurements.frame import (
    FRAME_STEPS,
    GREATEST,
    GREATEST_EXACT,
    NUMBER,
    SESSION,
    TIME,
    Accepted,
    Unusable,
    decoded,
    extra_of,
    frame_number,
    make_numbers,
    timestamp,
)
from chalicelib.core.measurements.spread import Spread
from chalicelib.core.measurements.transition import LightTurns
from chalicelib.core.measurements.work import Work

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

_Number = Annotated[float, msgspec.Meta(gt=-GREATEST, lt=GREATEST)] | None | UnsetType
_Status = Literal["not_visible", "red", "white", "transition"] | None | UnsetType


def _frame_type(*, forbid_unknown_fields: bool) -> Any:
    """A frame whose fields are all as they are meant; a field that is absent is UNSET, and null is None."""

    def struct(name: str, fields: Iterable[tuple[str, Any] | tuple[str, Any, Any]]) -> Any:
        return msgspec.defstruct(name, fields, forbid_unknown_fields=forbid_unknown_fields, gc=False)

    rgb = struct("Rgb", [(colour, _Number, UNSET) for colour in COLOURS])
    light = struct(
        "Light",
        [
            ("status", _Status, UNSET),
            ("rgb", rgb | None | UnsetType, UNSET),
            *((name, _Number, UNSET) for name in _LIGHT_FIELDS),
        ],
    )
    return struct(
        "Frame",
        [
            (NUMBER, Annotated[int, msgspec.Meta(ge=0, le=GREATEST_EXACT)]),
            (TIME, Annotated[float, msgspec.Meta(ge=0, lt=GREATEST)]),
            *((name, _Number, UNSET) for name in _FRAME_FIELDS),
            *((name, light | None | UnsetType, UNSET) for name in LIGHTS),
        ],
    )


_Frame = _frame_type(forbid_unknown_fields=False)
_usual = msgspec.json.Decoder(_frame_type(forbid_unknown_fields=True))
"""Decodes a frame that needs no change and holds nothing unknown: nearly all frames are such."""
_indexed = msgspec.json.Decoder(_Frame)
_NO_RGB = SimpleNamespace(**dict.fromkeys(COLOURS, UNSET))
_NO_LIGHT = SimpleNamespace(**dict.fromkeys(("status", "rgb", *_LIGHT_FIELDS), UNSET))
_values_of_light = [(name, attrgetter(name)) for name in _LIGHT_FIELDS]
_status_of = attrgetter("status")
_BYTES_A_STEP = 64
"""msgspec decodes a frame of 1 KB in 2 microseconds."""


class PapiSummary:
    """The numbers of all frames, and what is known of each light."""

    def __init__(self) -> None:
        self._frames = Counter[str]()
        self._statuses = {light: Counter[str]() for light in LIGHTS}
        self._turns = {light: LightTurns() for light in LIGHTS}

    def take(self, columns: FrameColumns) -> None:
        """Count in the frames with these values."""
        for light, has in columns.objects.items():
            statuses = columns.words.get(f"{light}.status") or [None] * len(has)
            angles = columns.numbers.get(f"{light}.angle") or [None] * len(has)
            seen: list[Sequence[Any]] = [columns.frame_numbers, columns.times, angles, statuses]
            if not all(has):
                seen = [[value for value, held in zip(each, has, strict=True) if held] for each in seen]
            self._frames[light] += len(seen[0])
            self._statuses[light].update([status for status in statuses if status])
            self._turns[light].take(*seen)

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
            "transition": self._turns[light].document(),
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

    def accept(self, raw: bytes, work: Work) -> Accepted:
        """Give lights the form of objects, numbers that of numbers, statuses lower case."""
        try:
            usual: Any = _usual.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _accept_unusual(decoded(raw, work))
        work.spend(FRAME_STEPS + len(raw) // _BYTES_A_STEP)
        return Accepted(usual.frame_number, usual)

    def members_of(self, frames: Sequence[Accepted]) -> set[str]:
        """Every member of these frames."""
        unusual = [each.encodable for each in frames if type(each.encodable) is dict]
        usual = [each.encodable for each in frames if type(each.encodable) is not dict]
        known = {name for name in _FIELDS if any(getattr(each, name) is not UNSET for each in usual)}
        return known.union(*unusual)

    def columns_of(self, frames: Sequence[Accepted]) -> FrameColumns:
        """The values of accepted frames by column."""
        structs = [
            msgspec.convert(each.encodable, _Frame) if type(each.encodable) is dict else each.encodable
            for each in frames
        ]
        return _columns(structs, [each.extra for each in frames])

    def read(self, lines: Sequence[bytes]) -> FrameColumns:
        """The same of frames in the index."""
        return _columns([_indexed.decode(line) for line in lines], [None] * len(lines))

    def lake_values(self, columns: FrameColumns) -> Mapping[str, Sequence[Any]]:
        """One list a column."""
        values = {**columns.numbers, **columns.words}
        return {column.lake_name: values[column.name] for column in self.lake if column.name in values}

    def summary(self) -> PapiSummary:
        """A summary of no frame so far."""
        return PapiSummary()


KIND = Papi()


def _accept_unusual(frame: Any) -> Accepted:
    """A frame that needs a change, or holds what no column does."""
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
    return Accepted(frame[NUMBER], frame, frame.get(SESSION), extra_of(_unknown(frame)))


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


def _unknown(frame: Mapping[str, Any]) -> Mapping[str, Any]:
    """The members of a normalised frame that no column holds."""
    found = {name: value for name, value in frame.items() if name not in _FIELDS}
    for name in LIGHTS:
        light = frame.get(name) or {}
        unknown = {field: value for field, value in light.items() if field not in _KNOWN_OF_LIGHT}
        rgb = {field: value for field, value in (light.get("rgb") or {}).items() if field not in COLOURS}
        if rgb:
            unknown["rgb"] = rgb
        if unknown:
            found[name] = unknown
    return found


def _columns(frames: Sequence[Any], extra: Sequence[str | None]) -> FrameColumns:
    numbers: dict[str, Sequence[float | None]] = {}
    words: dict[str, Sequence[str | None]] = {}
    objects: dict[str, Sequence[bool]] = {}
    for name in _FRAME_FIELDS:
        _note(numbers, name, frames, attrgetter(name))
    for light in LIGHTS:
        lights = [getattr(frame, light) for frame in frames]
        has = [each is not None and each is not UNSET for each in lights]
        if not any(has):
            continue
        objects[light] = has
        held = lights if all(has) else [each or _NO_LIGHT for each in lights]
        _note(words, f"{light}.status", held, _status_of)
        for name, value_of in _values_of_light:
            _note(numbers, f"{light}.{name}", held, value_of)
        numbers.update(_colours(light, [each.rgb for each in held]))
    frame_numbers = [frame.frame_number for frame in frames]
    return FrameColumns(frame_numbers, [frame.timestamp for frame in frames], numbers, words, objects, extra)


def _note(
    columns: dict[str, Sequence[Any]], name: str, holders: Sequence[Any], value_of: Callable[[Any], Any]
) -> None:
    """Add the column `name`, unless no holder has a value for it."""
    values = [None if value is UNSET else value for value in map(value_of, holders)]
    if values.count(None) < len(values):
        columns[name] = values


def _colours(light: str, rgbs: Sequence[Any]) -> Mapping[str, Sequence[float | None]]:
    """The colour of each frame, and its shares of r + g + b."""
    columns: dict[str, Sequence[float | None]] = {}
    held = [rgb or _NO_RGB for rgb in rgbs]
    for colour in COLOURS:
        _note(columns, colour, held, attrgetter(colour))
    if len(columns) == len(COLOURS):
        columns.update(zip(CHROMATICITIES, _share_columns(*columns.values()), strict=True))
    named = {colour: f"rgb.{colour}" for colour in COLOURS}
    return {f"{light}.{named.get(name, name)}": values for name, values in columns.items()}


def _share_columns(*colours: Sequence[float | None]) -> Iterable[Sequence[float | None]]:
    """Red, green and blue of each frame as shares of their sum; None where a colour is missing or the sum is 0."""
    sums = [_sum(*rgb) for rgb in zip(*colours, strict=True)]
    return (
        [value / total if total else None for value, total in zip(colour, sums, strict=True)]  # type: ignore[operator]
        for colour in colours
    )


def _sum(red: float | None, green: float | None, blue: float | None) -> float | None:
    """r + g + b, or None where one of them is missing or below 0."""
    if red is None or green is None or blue is None or red < 0 or green < 0 or blue < 0:
        return None
    return red + green + blue


def _documents(spreads: Mapping[str, Spread], names: Mapping[str, str]) -> Mapping[str, Any]:
    """The spreads of those columns that have a value; `names` maps a name in the document to its column."""
    return {name: spreads[column].document() for name, column in names.items() if column in spreads}
