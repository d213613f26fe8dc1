"""The rows of the lake's summary: one for each light and run, with its verdict."""

from typing import Any

from chalicelib.core.measurements.papi_summary import TABLE, summary_rows

METHOD = {"name": "robust logistic", "version": 1, "parameters": {}}
ASKED = {
    "inspection": {
        "side": "left",
        "numbering": "icao",
        "nominal_angles": {"1": 2.5, "2": 3.0},
        "tolerance_arcmin": 6,
    }
}


def fit(angle: float | None, **said: Any) -> dict[str, Any]:
    interval = None if angle is None else [angle - 0.01, angle + 0.01]
    return {
        "angle": angle,
        "standard_error": None if angle is None else 0.005,
        "interval": interval,
        "width": 0.05,
        "frames_used": 90,
        "frames_set_aside": {"wrong_status": 1, "not_visible": 2, "no_angle": 3, "no_status": 4},
        "outcome": "no transition seen" if angle is None else "fitted",
        **said,
    }


def run(number: int, angle: float | None, direction: str = "climb") -> dict[str, Any]:
    place = {"first_frame": number * 100, "last_frame": number * 100 + 99, "first_s": 1.0, "last_s": 4.3}
    return fit(angle, run=number, direction=direction, **place)


def light(angle: float | None, *runs: dict[str, Any]) -> dict[str, Any]:
    return {"transition": fit(angle, frames_set_aside=10, runs=list(runs), further_runs=0, method=METHOD)}


def rows(lights: dict[str, Any], parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    found = summary_rows(lights, parameters or {})
    assert list(found) == [column.name for column in TABLE.columns]
    return [dict(zip(found, each, strict=True)) for each in zip(*found.values(), strict=True)]


LIGHTS = {
    "papi_a": light(2.5, run(1, 2.5), run(2, 3.5, "descent")),
    "papi_b": light(3.0, run(1, 3.0)),
}


def test_a_row_is_a_light_and_a_run():
    found = rows(LIGHTS)

    assert [(row["light"], row["run"], row["direction"]) for row in found] == [
        ("papi_a", 1, "climb"),
        ("papi_a", 2, "descent"),
        ("papi_b", 1, "climb"),
    ]
    assert found[0] == {
        "light": "papi_a",
        "run": 1,
        "direction": "climb",
        "first_frame": 100,
        "last_frame": 199,
        "first_s": 1.0,
        "last_s": 4.3,
        "frames_used": 90,
        "frames_set_aside": 10,
        "angle": 2.5,
        "standard_error": 0.005,
        "angle_low": 2.49,
        "angle_high": 2.51,
        "width": 0.05,
        "outcome": "fitted",
        "wing": None,
        "box": None,
        "nominal_angle": None,
        "tolerance": None,
        "verdict": "not enough data",
        "method": "robust logistic 1",
    }


def test_each_run_has_a_verdict_of_its_own_against_what_the_order_asks():
    found = rows(LIGHTS, ASKED)

    assert [
        (row["wing"], row["box"], row["nominal_angle"], row["tolerance"], row["verdict"]) for row in found
    ] == [
        ("left", 1, 2.5, 0.1, "pass"),
        ("left", 1, 2.5, 0.1, "fail"),
        ("left", 2, 3.0, 0.1, "pass"),
    ]


def test_a_light_of_which_nothing_was_seen_has_a_row_that_says_so():
    (row,) = rows({"papi_a": light(None)})

    assert (row["run"], row["outcome"], row["angle"], row["angle_low"]) == (
        None,
        "no transition seen",
        None,
        None,
    )


def test_no_light_is_no_row():
    assert rows({}) == []


def test_an_order_that_cannot_be_read_costs_the_verdict_alone():
    (row,) = rows({"papi_a": light(2.5, run(1, 2.5))}, {"inspection": "?"})

    assert (row["angle"], row["verdict"]) == (2.5, "not enough data")
