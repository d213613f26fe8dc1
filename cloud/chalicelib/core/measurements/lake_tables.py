"""The tables of the lake: one of frames for each kind, and `papi_summary` with a row for each light and run."""

from collections.abc import Mapping

from chalicelib.core.measurements.columns import Column, ColumnType
from chalicelib.core.measurements.kinds import KINDS, Kind
from chalicelib.core.measurements.lake import LakeColumn, LakeType, Table

FRAME_NUMBER = LakeColumn("frame_number", LakeType.WHOLE)
TIME = LakeColumn("time_s", LakeType.NUMBER, "s")
EXTRA = LakeColumn("extra", LakeType.TEXT)
"""The JSON object of what a frame has beyond the columns."""

_TYPES: Mapping[ColumnType, LakeType] = {
    ColumnType.NUMBER: LakeType.NUMBER,
    ColumnType.WHOLE: LakeType.WHOLE,
    ColumnType.WORD: LakeType.WORD,
    ColumnType.TEXT: LakeType.TEXT,
    ColumnType.TIME: LakeType.MOMENT,
    ColumnType.NUMBERS: LakeType.NUMBERS,
}


def _column(column: Column) -> LakeColumn:
    return LakeColumn(column.lake_name, _TYPES[column.type], column.unit)


def _frames(kind: Kind) -> Table:
    """The table of the frames of one kind, in which every frame is a row."""
    return Table(
        kind.name, (FRAME_NUMBER, TIME, *(_column(column) for column in kind.lake), EXTRA), TIME.name
    )


SUMMARY = Table(
    "papi_summary",
    (
        LakeColumn("light", LakeType.WORD),
        LakeColumn("run", LakeType.WHOLE),
        LakeColumn("direction", LakeType.WORD),
        LakeColumn("first_frame", LakeType.WHOLE),
        LakeColumn("last_frame", LakeType.WHOLE),
        LakeColumn("first_s", LakeType.NUMBER, "s"),
        LakeColumn("last_s", LakeType.NUMBER, "s"),
        LakeColumn("frames_used", LakeType.WHOLE),
        LakeColumn("frames_set_aside", LakeType.WHOLE),
        LakeColumn("angle", LakeType.NUMBER, "deg"),
        LakeColumn("standard_error", LakeType.NUMBER, "deg"),
        LakeColumn("angle_low", LakeType.NUMBER, "deg"),
        LakeColumn("angle_high", LakeType.NUMBER, "deg"),
        LakeColumn("width", LakeType.NUMBER, "deg"),
        LakeColumn("outcome", LakeType.WORD),
        LakeColumn("wing", LakeType.WORD),
        LakeColumn("box", LakeType.WHOLE),
        LakeColumn("nominal_angle", LakeType.NUMBER, "deg"),
        LakeColumn("tolerance", LakeType.NUMBER, "deg"),
        LakeColumn("verdict", LakeType.WORD),
        LakeColumn("method", LakeType.WORD),
    ),
)
"""What was found of each light in each run; the last columns hold it against what the order asked."""

FRAMES: Mapping[str, Table] = {kind.name: _frames(kind) for kind in KINDS.values()}
"""By kind."""

TABLES: Mapping[str, Table] = {**FRAMES, SUMMARY.kind: SUMMARY}
