"""Columns of frame measurements: what a kind measures, in which unit, and the values of many frames by column."""

from collections.abc import Mapping, Sequence
from enum import Enum

from msgspec import Struct

from chalicelib.core.once import once


class ColumnType(Enum):
    """What a column holds."""

    NUMBER = "number"
    WHOLE = "whole number"
    WORD = "word"
    """One of few texts, again and again."""
    TEXT = "text"
    TIME = "time"
    """An instant, UTC."""
    NUMBERS = "numbers by name"


class Column(Struct, frozen=True, dict=True):
    """One value of a frame, `name` as the API, CSV and overview say it: `papi_a.angle` is `angle` of `papi_a`.

    `unit` is empty for what has none. Columns of one `plot` are drawn together; None is not drawn. `derived` values
    are computed from others, so the index and the lake do not repeat them.
    """

    name: str
    type: ColumnType
    unit: str = ""
    plot: str | None = None
    derived: bool = False

    @once
    def lake_name(self) -> str:
        """The name as SQL takes it without quotes."""
        return self.name.replace(".", "_")


class FrameColumns(Struct, frozen=True):
    """The values of frames in a row, by column; each column has one value a frame, None where the frame has none.

    A column without any value in these frames may be absent. `objects` says of those that occur whether a frame has
    them, with or without values in them. `extra` is the JSON object of what a frame has beyond the columns, or None.
    """

    frame_numbers: Sequence[int]
    times: Sequence[float]
    numbers: Mapping[str, Sequence[float | None]]
    words: Mapping[str, Sequence[str | None]]
    objects: Mapping[str, Sequence[bool]]
    extra: Sequence[str | None]
