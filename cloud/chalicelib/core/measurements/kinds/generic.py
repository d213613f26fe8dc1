"""The kind `generic`: any numbers per frame and time, with their units in the file's metadata."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from chalicelib.core.errors import Poison
from chalicelib.core.measurements.columns import Column, ColumnType, FrameColumns
from chalicelib.core.measurements.frame import (
    NUMBER,
    SESSION,
    TIME,
    Accepted,
    Unusable,
    decoded,
    extra_of,
    frame_number,
    is_numeric,
    number,
    timestamp,
)
from chalicelib.core.measurements.spread import Spread
from chalicelib.core.measurements.work import Work

MOST_NUMBERS = 100
"""How many different numbers the frames of one file may have."""
LONGEST_NAME = 100
"""Characters of a number's name."""

UNITS = "units"
"""The member of a file's metadata that has the unit of each number by its name."""

_FIELDS = frozenset((NUMBER, TIME))
_NUMBERS = (float, int)
_decoder = msgspec.json.Decoder(dict[str, Any])


class GenericSummary:
    """The numbers of all frames with their units."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def take(self, columns: FrameColumns) -> None:
        """Raises Poison for more than MOST_NUMBERS different numbers, or a name that is too long."""
        self._names.update(columns.numbers)
        _demand_few(self._names)
        long = [name for name in self._names if len(name) > LONGEST_NAME]
        if long:
            raise Poison(f"the name of a number is longer than {LONGEST_NAME} characters: {long[0][:40]!a}…")

    def document(self, spreads: Mapping[str, Spread], metadata: Mapping[str, Any]) -> Mapping[str, Any]:
        """`numbers`, and `units` of those that the metadata name; a unit that is not text counts as none."""
        given = metadata.get(UNITS)
        units = given if isinstance(given, dict) else {}
        return {
            "numbers": {name: spread.document() for name, spread in sorted(spreads.items())},
            "units": {name: units[name] for name in sorted(spreads) if isinstance(units.get(name), str)},
        }


class Generic:
    """The kind itself: every number that is a member of a frame is a column."""

    name: Final = "generic"
    fields: Final = _FIELDS
    columns: Final[tuple[Column, ...]] = ()
    lake: Final = (Column("numbers", ColumnType.NUMBERS),)

    def accept(self, raw: bytes, work: Work) -> Accepted:
        """Give every member that is the text of a number the form of a number."""
        frame = decoded(raw, work)
        if type(frame) is not dict:
            raise Unusable("this is not an object")
        frame[NUMBER] = frame_number(frame.get(NUMBER))
        frame[TIME] = timestamp(frame.get(TIME))
        extra = {}
        for name, value in frame.items():
            if type(value) in _NUMBERS or is_numeric(value):
                frame[name] = number(value, name[:LONGEST_NAME])
            elif value is not None:
                extra[name] = value
        return Accepted(frame[NUMBER], frame, frame.get(SESSION), extra_of(extra))

    def members_of(self, frames: Sequence[Accepted]) -> set[str]:
        """Every member of these frames."""
        return set().union(*(each.encodable for each in frames))

    def columns_of(self, frames: Sequence[Accepted]) -> FrameColumns:
        """A column for each number that occurs in these frames. Raises Poison for more than MOST_NUMBERS."""
        return _columns([each.encodable for each in frames], [each.extra for each in frames])

    def read(self, lines: Sequence[bytes]) -> FrameColumns:
        """The same of frames in the index."""
        return _columns([_decoder.decode(line) for line in lines], [None] * len(lines))

    def lake_values(self, columns: FrameColumns) -> Mapping[str, Sequence[Any]]:
        """The numbers of a frame by name; a name without a value is left out."""
        rows: list[dict[str, float]] = [{} for _ in columns.frame_numbers]
        for name, values in columns.numbers.items():
            for row, value in zip(rows, values, strict=True):
                if value is not None:
                    row[name] = float(value)
        return {"numbers": rows}

    def summary(self) -> GenericSummary:
        """A summary of no frame so far."""
        return GenericSummary()


KIND = Generic()


def _columns(frames: Sequence[Mapping[str, Any]], extra: Sequence[str | None]) -> FrameColumns:
    names: set[str] = set()
    for frame in frames:
        names.update(name for name, value in frame.items() if type(value) in _NUMBERS)
        # Frame by frame: a block can have 300,000 names, and each would be a column.
        _demand_few(names - _FIELDS)
    numbers = {
        name: [value if type(value := frame.get(name)) in _NUMBERS else None for frame in frames]
        for name in sorted(names - _FIELDS)
    }
    frame_numbers = [frame[NUMBER] for frame in frames]
    return FrameColumns(frame_numbers, [frame[TIME] for frame in frames], numbers, {}, {}, extra)


def _demand_few(names: Collection[str]) -> None:
    if len(names) > MOST_NUMBERS:
        raise Poison(f"the frames have more than {MOST_NUMBERS} different numbers")
