"""The lake's table `papi_summary`: one row for each light and run of a session, with its verdict."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.core.measurements.columns import Column, ColumnType
from chalicelib.core.measurements.inspection.estimates import Judgement
from chalicelib.core.measurements.inspection.inspect import inspect, judge_run
from chalicelib.core.measurements.lake import Rows, Table

TABLE = Table(
    "papi_summary",
    (
        Column("light", ColumnType.WORD),
        Column("run", ColumnType.WHOLE),
        Column("direction", ColumnType.WORD),
        Column("first_frame", ColumnType.WHOLE),
        Column("last_frame", ColumnType.WHOLE),
        Column("first_s", ColumnType.NUMBER, "s"),
        Column("last_s", ColumnType.NUMBER, "s"),
        Column("frames_used", ColumnType.WHOLE),
        Column("frames_set_aside", ColumnType.WHOLE),
        Column("angle", ColumnType.NUMBER, "deg"),
        Column("standard_error", ColumnType.NUMBER, "deg"),
        Column("angle_low", ColumnType.NUMBER, "deg"),
        Column("angle_high", ColumnType.NUMBER, "deg"),
        Column("width", ColumnType.NUMBER, "deg"),
        Column("outcome", ColumnType.WORD),
        Column("wing", ColumnType.WORD),
        Column("box", ColumnType.WHOLE),
        Column("nominal_angle", ColumnType.NUMBER, "deg"),
        Column("tolerance", ColumnType.NUMBER, "deg"),
        Column("verdict", ColumnType.WORD),
        Column("method", ColumnType.WORD),
    ),
)

_OF_RUN = (
    "direction",
    "first_frame",
    "last_frame",
    "first_s",
    "last_s",
    "frames_used",
    "angle",
    "standard_error",
    "width",
    "outcome",
)


def summary_rows(lights: Mapping[str, Any], parameters: Mapping[str, Any]) -> Rows:
    """The rows of the `lights` of a summary.json, under an order with these `parameters`.

    A light without any run has one row, whose `run` is null: so a question finds that nothing was seen of it.
    """
    rows = list(_rows(lights, parameters))
    return {column.name: [row.get(column.name) for row in rows] for column in TABLE.columns}


def _rows(lights: Mapping[str, Any], parameters: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    inspection = inspect(lights, parameters)
    for name in sorted(lights):
        light = inspection.light(name)
        turn: Mapping[str, Any] = lights[name].get("transition") or {}
        for run in turn.get("runs") or [None]:
            judgement = None if light is None else light.judgement if run is None else judge_run(light, run)
            yield {
                "light": name,
                **_of_run(turn if run is None else run),
                "run": None if run is None else run.get("run"),
                "wing": light and light.wing,
                "box": light and light.box,
                "nominal_angle": light and light.nominal_angle,
                "tolerance": light and light.tolerance,
                "verdict": _verdict(judgement),
                "method": _method(turn),
            }


def _of_run(found: Mapping[str, Any]) -> Mapping[str, Any]:
    interval: Sequence[float | None] = found.get("interval") or (None, None)
    return {
        **{name: found.get(name) for name in _OF_RUN},
        "frames_set_aside": _count(found.get("frames_set_aside")),
        "angle_low": interval[0],
        "angle_high": interval[1],
    }


def _count(set_aside: Any) -> int | None:
    """How many frames were set aside, for all reasons together."""
    return sum(set_aside.values()) if isinstance(set_aside, Mapping) else set_aside


def _verdict(judgement: Judgement | None) -> str | None:
    return judgement.verdict.value if judgement else None


def _method(turn: Mapping[str, Any]) -> str | None:
    """The name and the version of the method, such as `robust logistic 1`."""
    method = turn.get("method")
    if not isinstance(method, Mapping):
        return None
    return f"{method.get('name')} {method.get('version')}"
