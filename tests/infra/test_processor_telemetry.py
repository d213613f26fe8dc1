"""The sample processor gives lights the angles of the flight that an order tells, and invents none."""

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from examples.processor import film as processor_film
from examples.processor.errors import CannotProcess
from examples.processor.order import Order
from examples.processor.telemetry import telemetry_of
from infra.local.demo import inspection
from infra.local.footage import Film, chapter_bytes, truth

FILM = Film(width=160, height=96, fps=10, chapters=2, frames_per_chapter=15)
ORDER = Order("main", "flight", 3, (), (), "outputs/main/flight/3/", "measurements/main/flight/3/")


def angles_of(parameters: dict[str, Any], folder: Path) -> list[Any]:
    """The angle of papi_b on each frame that the processor measures."""
    chapters = [folder / f"{number}.mp4" for number in (1, 2)]
    for number, path in enumerate(chapters, start=1):
        path.write_bytes(chapter_bytes(FILM, number))
    made = processor_film.process(replace(ORDER, parameters=parameters), chapters, folder)
    document = json.loads(gzip.decompress(made.measurements.read_bytes()))
    return [frame["papi_b"]["angle"] for frame in document["frames"]]


def test_each_frame_has_the_angle_of_its_time(tmp_path: Path):
    found = angles_of({"telemetry": inspection.flight(FILM)}, tmp_path)

    assert found == pytest.approx([truth(number, FILM).elevation_deg for number in range(30)], abs=2e-6)


def test_without_a_flight_there_is_no_angle(tmp_path: Path):
    assert angles_of({}, tmp_path) == [None] * 30


@pytest.mark.parametrize(
    ("time_s", "angle"), [(0.9, None), (1, 2.0), (2, 2.5), (3, 3.0), (3.5, 2.0), (4, 1.0), (4.1, None)]
)
def test_the_angle_changes_evenly_between_points_and_is_unknown_outside(time_s: float, angle: float | None):
    flight = telemetry_of({"telemetry": {"angles": [[1, 2.0], [3, 3.0], [4, 1]]}})

    assert flight.angle(time_s) == angle


@pytest.mark.parametrize(
    "told",
    [
        *(
            [],
            {},
            "climb",
            {"angles": None},
            {"angles": []},
            {"angles": [[0, 2]]},
            {"angles": [[0, 2], [0, 3]]},
        ),
        *({"angles": [[1, 2], [0, 3]]}, {"angles": [[0, 2], [1]]}, {"angles": [[0, 2], [1, "3"]]}),
        *(
            {"angles": [[0, 2], [1, None]]},
            {"angles": [[0, 2], [1, True]]},
            {"angles": [[0, 2], [1, float("inf")]]},
        ),
    ],
)
def test_a_flight_that_cannot_be_is_the_orders_own_fault(told: Any):
    with pytest.raises(CannotProcess, match="ascending times"):
        telemetry_of({"telemetry": told})


def test_the_demo_asks_what_its_lights_are_set_to():
    asked = inspection.asked()

    assert asked["nominal_angles"] == {"1": 2.5, "2": 2.8333, "3": 3.1667, "4": 3.5}
    assert (asked["side"], asked["numbering"]) == ("left", "icao")


def test_the_demos_flight_fits_into_an_order():
    flight = inspection.flight(Film())

    assert flight["angles"][0] == [0.0, 2.2]
    assert flight["angles"][-1] == [round(1079 / 30, 6), 3.8]
    assert len(json.dumps(flight)) < 2000
