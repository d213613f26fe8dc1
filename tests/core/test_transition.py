"""Runs of a film, what is set aside, what is no transition, and what the document of a light's turn says."""

import json
import random
import time
import tracemalloc
from collections.abc import Sequence
from itertools import repeat
from typing import Any

import pytest

from chalicelib.core.measurements.transition import MOST_RUNS, LightTurns
from tests.support.flights import ARCMIN, make_flight

RUN_FIELDS = {
    *("run", "direction", "first_frame", "last_frame", "first_s", "last_s", "angle_min", "angle_max"),
    *("angle", "standard_error", "interval", "width", "frames_used", "frames_set_aside", "outcome"),
}
FIELDS = {
    *("angle", "standard_error", "interval", "width", "frames_used", "frames_set_aside", "outcome"),
    *("runs", "further_runs", "method"),
}


def find(angles: Sequence[Any], statuses: Sequence[Any], block: int = 300) -> dict[str, Any]:
    turns = LightTurns()
    for start in range(0, len(angles), block):
        numbers = range(start, min(start + block, len(angles)))
        turns.take(
            numbers,
            [number / 25 for number in numbers],
            angles[start : start + block],
            statuses[start : start + block],
        )
    return dict(turns.document())


def climb(frames: int = 500, start: float = 2.0, end: float = 4.5) -> list[float]:
    return [start + (end - start) * number / (frames - 1) for number in range(frames)]


def seen(angles: Sequence[float], turns_at: float = 3.0, half_zone: float = 1.5 * ARCMIN) -> list[str]:
    return [
        "red" if angle < turns_at - half_zone else "white" if angle > turns_at + half_zone else "transition"
        for angle in angles
    ]


def test_a_climb_is_one_run_with_its_angle_its_error_and_its_width():
    angles = climb()

    found = find(angles, seen(angles))

    assert set(found) == FIELDS
    assert found["outcome"] == "fitted"
    assert found["angle"] == pytest.approx(3.0, abs=0.2 * ARCMIN)
    assert found["interval"][0] < found["angle"] < found["interval"][1]
    assert found["width"] == pytest.approx(3 * ARCMIN, abs=0.4 * ARCMIN)
    assert (found["frames_used"], found["frames_set_aside"], found["further_runs"]) == (500, 0, 0)
    assert found["method"]["version"] == 1
    (run,) = found["runs"]
    assert set(run) == RUN_FIELDS
    assert (run["run"], run["direction"]) == (1, "climb")
    assert (run["first_frame"], run["last_frame"], run["first_s"], run["last_s"]) == (0, 499, 0.0, 499 / 25)
    assert (run["angle_min"], run["angle_max"]) == (2.0, 4.5)
    assert run["angle"] == pytest.approx(found["angle"])


def test_each_climb_and_descent_is_a_run_and_the_headline_is_their_weighted_mean():
    flight = make_flight(3, 0.01, frames=1500, stops_deg=(2.0, 4.5, 2.0, 4.5))

    found = find(flight.angles, flight.statuses)

    runs = found["runs"]
    assert [run["direction"] for run in runs] == ["climb", "descent", "climb"]
    assert [run["outcome"] for run in runs] == ["fitted"] * 3
    assert runs[0]["first_frame"] == 0
    assert [run["first_frame"] for run in runs[1:]] == [run["last_frame"] + 1 for run in runs[:-1]]
    assert runs[-1]["last_frame"] == 1499
    assert abs(runs[0]["last_frame"] - 500) < 20
    weights = [run["standard_error"] ** -2 for run in runs]
    mean = sum(weight * run["angle"] for weight, run in zip(weights, runs, strict=True)) / sum(weights)
    assert found["angle"] == pytest.approx(mean)
    assert found["standard_error"] >= sum(weights) ** -0.5 * 0.999


def test_runs_that_differ_by_more_than_their_errors_make_the_headline_less_certain():
    up, down = climb(), climb(500, 4.5, 2.0)
    alike = find([*up, *down], [*seen(up), *seen(down)])

    differing = find([*up, *down], [*seen(up), *seen(down, turns_at=3.1)])

    assert differing["angle"] == pytest.approx(3.05, abs=0.2 * ARCMIN)
    assert differing["standard_error"] == pytest.approx(0.05, rel=0.1)
    assert alike["standard_error"] < 0.005


@pytest.mark.parametrize(("turned_back", "runs"), [(0.28, 1), (0.32, 2)])
def test_a_run_ends_where_the_path_has_come_back_by_three_tenths_of_a_degree(turned_back: float, runs: int):
    angles = [*climb(500, 2.0, 4.0), *climb(150, 4.0, 4.0 - turned_back), *([4.0 - turned_back] * 15)]

    found = find(angles, seen(angles))

    assert len(found["runs"]) == runs
    assert found["angle"] == pytest.approx(3.0, abs=0.2 * ARCMIN)


@pytest.mark.parametrize("status", ["red", "white", "transition"])
def test_a_film_of_one_status_has_no_transition(status: str):
    found = find(climb(), [status] * 500)

    assert found["outcome"] == "no transition seen"
    assert [found[name] for name in ("angle", "standard_error", "interval", "width")] == [None] * 4
    assert [run["outcome"] for run in found["runs"]] == ["no transition seen"]


@pytest.mark.parametrize("shown", ["red", "white"])
def test_wrong_frames_in_a_film_of_one_status_are_no_transition(shown: str):
    flight = make_flight(7, 0.03, turns_at=5.0 if shown == "red" else 1.0)

    assert find(flight.angles, flight.statuses)["outcome"] == "no transition seen"


def test_white_below_red_is_no_transition_of_such_a_light():
    angles = climb()
    upside_down = {"red": "white", "white": "red", "transition": "transition"}

    found = find(angles, [upside_down[status] for status in seen(angles)])

    assert found["outcome"] == "no transition seen"


def test_a_light_that_is_never_seen_in_transition_turns_all_the_same():
    flight = make_flight(5, 0.01, width_arcmin=0.0)
    statuses = ["red" if status == "transition" else status for status in flight.statuses]

    found = find(flight.angles, statuses)

    assert found["outcome"] == "fitted"
    assert found["interval"][0] <= 3.0 <= found["interval"][1]


def test_a_light_that_goes_no_further_than_transition_has_not_turned():
    angles = climb(300, 2.0, 3.0)

    assert find(angles, seen(angles))["outcome"] == "no transition seen"


@pytest.mark.parametrize(("frames", "outcome"), [(19, "not enough frames"), (20, "fitted")])
def test_a_run_needs_twenty_frames(frames: int, outcome: str):
    angles = climb(frames, 2.9, 3.1)

    assert find(angles, seen(angles, half_zone=0.0))["outcome"] == outcome


@pytest.mark.parametrize(
    ("whites", "outcome"), [(3, "no transition seen"), (4, "not enough frames"), (5, "fitted")]
)
def test_a_run_needs_five_frames_on_each_side(whites: int, outcome: str):
    angles = climb(45 + whites)

    assert find(angles, ["red"] * 45 + ["white"] * whites)["outcome"] == outcome


def test_frames_that_contradict_the_curve_are_set_aside():
    flight = make_flight(11, 0.03)

    found = find(flight.angles, flight.statuses)

    assert len(flight.wrong) == 15
    assert found["runs"][0]["frames_set_aside"]["wrong_status"] == pytest.approx(15, abs=1)
    assert found["frames_used"] + found["frames_set_aside"] == 500


def test_what_is_missing_is_counted_once_and_by_what_is_missing():
    angles: list[float | None] = [*climb()]
    statuses: list[str | None] = [*seen(climb())]
    angles[10:17] = [None] * 7
    statuses[30:35] = ["not_visible"] * 5
    statuses[40:43] = [None] * 3
    angles[42] = None

    found = find(angles, statuses)

    assert found["runs"][0]["frames_set_aside"] == {
        "wrong_status": 0,
        "not_visible": 5,
        "no_angle": 7,
        "no_status": 3,
    }
    assert (found["frames_used"], found["frames_set_aside"]) == (485, 15)


def test_an_angle_that_jumps_counts_as_none():
    angles = climb()
    whole = find(angles, seen(angles))
    statuses = seen(angles)
    for jump in (50, 199, 205, 300):
        angles[jump] = 0.0

    found = find(angles, statuses)

    assert found["runs"][0]["frames_set_aside"]["no_angle"] == 4
    assert found["angle"] == pytest.approx(whole["angle"], abs=0.2 * ARCMIN)
    assert found["runs"][0]["angle_min"] == 2.0


@pytest.mark.parametrize("angle", [None, 1e100, -1e100, 90.5])
def test_a_film_without_a_possible_angle_has_not_enough_frames(angle: float | None):
    found = find([angle] * 100, ["red"] * 100)

    assert found["outcome"] == "not enough frames"
    assert found["runs"][0]["frames_set_aside"]["no_angle"] == 100
    assert (found["runs"][0]["angle_min"], found["runs"][0]["direction"]) == (None, "level")


def test_a_light_without_a_frame_has_no_run():
    found = LightTurns().document()

    assert (found["outcome"], found["runs"], found["frames_used"]) == ("not enough frames", [], 0)


def test_the_size_of_the_blocks_changes_nothing():
    flight = make_flight(2, 0.01, frames=800, stops_deg=(2.0, 4.5, 2.0))

    assert find(flight.angles, flight.statuses, block=7) == find(flight.angles, flight.statuses, block=300)


def test_the_document_can_be_asked_for_twice():
    flight = make_flight(2)
    turns = LightTurns()
    turns.take(flight.frame_numbers, flight.times, flight.angles, flight.statuses)

    assert turns.document() == turns.document()


def test_a_gap_in_the_film_is_no_jump_of_the_drone():
    flight = make_flight(6, frames=1000)
    kept = [number for number in range(1000) if not 300 <= number < 380]
    turns = LightTurns()
    turns.take(
        kept,
        [flight.times[at] for at in kept],
        [flight.angles[at] for at in kept],
        [flight.statuses[at] for at in kept],
    )

    low, high = turns.document()["interval"]

    assert low <= 3.0 <= high


def test_a_hole_in_the_film_at_the_turn_widens_the_interval_over_it():
    flight = make_flight(6, 0.01)
    kept = [at for at in range(500) if not 2.95 < 2 + 2.5 * at / 499 < 3.05]
    whole = find(flight.angles, flight.statuses)

    turns = LightTurns()
    turns.take(
        kept,
        [flight.times[at] for at in kept],
        [flight.angles[at] for at in kept],
        [flight.statuses[at] for at in kept],
    )
    found = turns.document()

    assert found["interval"][0] <= 3.0 <= found["interval"][1]
    assert found["standard_error"] > 4 * whole["standard_error"]


def make_odd_columns(seed: int) -> tuple[list[int], list[float], list[Any], list[Any]]:
    """Angles of any size that creep, jump, repeat or are missing, and statuses with and without sense."""
    chance = random.Random(seed)
    size, start, span = (
        chance.choice([1, 15, 19, 40, 300, 700]),
        chance.uniform(-90, 90),
        10 ** chance.uniform(-9, 1),
    )
    wrong, missing = chance.choice([0, 0.01, 0.3, 1]), chance.choice([0, 0, 0.1, 0.9])
    turns_at, zone = (
        start + span * chance.uniform(-0.2, 1.2),
        10 ** chance.uniform(-9, 0) * chance.choice([0, 1]),
    )
    noise, digits = chance.choice([0, 1e-3, 0.02]), chance.choice([0, 3, 17])
    path = chance.choice(["climb", "one place", "two places", "steps", "chance", "beyond measure"])
    number = 0
    columns: tuple[list[int], list[float], list[Any], list[Any]] = ([], [], [], [])
    for at in range(size):
        number += 1 if chance.random() > 0.01 else chance.randint(1, 2**40)
        place = {
            "climb": span * at / size,
            "one place": 0.0,
            "two places": span * chance.choice([0, 1]),
            "steps": span * (at // 30),
            "chance": span * chance.gauss(0, 1),
            "beyond measure": chance.choice([1e99, -1e99, 5e-324, -0.0, 40.0]),
        }[path]
        angle = round(start + place + noise * chance.gauss(0, 1), digits)
        status: str | None = seen([angle], turns_at, zone)[0]
        if chance.random() < wrong:
            status = chance.choice(["red", "white", "transition", "not_visible", None])
        columns[0].append(number)
        columns[1].append(chance.choice([at / 25, 0, 1e99]))
        columns[2].append(None if chance.random() < missing else angle)
        columns[3].append(status)
    return columns


@pytest.mark.parametrize("seed", range(12))
def test_odd_films_have_a_document_of_finite_numbers_in_which_every_frame_is_counted(seed: int):
    for odd in range(seed * 30, seed * 30 + 30):
        columns = make_odd_columns(odd)
        turns = LightTurns()
        turns.take(*columns)

        found = turns.document()

        json.dumps(found, allow_nan=False)
        assert found["further_runs"] > 0 or found["frames_used"] + found["frames_set_aside"] == len(
            columns[0]
        )
        if found["outcome"] == "fitted":
            assert found["interval"][0] <= found["angle"] <= found["interval"][1]


def test_a_drone_that_hovers_long_before_it_climbs_is_measured_as_one_that_does_not():
    flight = make_flight(4, 0.01)
    waiting = make_flight(5, 0.01, frames=30_000, stops_deg=(2.0, 2.0))

    found = find([*waiting.angles, *flight.angles], [*waiting.statuses, *flight.statuses])

    assert found["angle"] == pytest.approx(find(flight.angles, flight.statuses)["angle"], abs=0.2 * ARCMIN)
    assert found["frames_used"] + found["frames_set_aside"] == 30_500


def test_a_drone_that_hovers_at_the_turn_is_measured_in_bounded_runs():
    flight = make_flight(8, 0.01, frames=12_000, stops_deg=(2.97, 3.03), sway_arcmin=2.0)

    found = find(flight.angles, flight.statuses)

    assert found["outcome"] == "fitted"
    assert found["interval"][0] <= 3.0 <= found["interval"][1]


@pytest.mark.parametrize(("climbs", "further"), [(MOST_RUNS, 0), (MOST_RUNS + 1, 1)])
def test_twenty_runs_are_fitted_and_the_others_counted(climbs: int, further: int):
    stops = [2.6 if stop % 2 == 0 else 3.4 for stop in range(climbs + 1)]
    flight = make_flight(1, frames=160 * climbs, stops_deg=stops)

    found = find(flight.angles, flight.statuses)

    assert len(found["runs"]) == MOST_RUNS
    assert found["further_runs"] == further


def test_runs_without_a_turn_leave_room_for_those_with_one():
    waves = [2.0 + 0.4 * (leg % 2) for leg in range(MOST_RUNS + 6)]
    flight = make_flight(1, frames=160 * len(waves), stops_deg=[*waves, 2.0, 4.5])

    found = find(flight.angles, flight.statuses)

    assert found["outcome"] == "fitted"
    assert found["runs"][-1]["outcome"] == "fitted"
    assert found["further_runs"] == len(waves) - MOST_RUNS


def test_hostile_angles_cost_little_memory_and_time():
    angles = [((number * 7919) % 100_003) / 100_003 * 178 - 89 for number in range(300)]
    statuses = ["red", "white", "transition"] * 100
    turns = LightTurns()
    tracemalloc.start()
    began = time.process_time()

    for start in range(0, 90_000, 300):
        shifted = [angle * (1 + start * 1e-9) for angle in angles]
        turns.take(range(start, start + 300), [*repeat(1.0, 300)], shifted, statuses)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert turns.document()["further_runs"] >= 0
    assert peak < 12 * 2**20
    assert time.process_time() - began < 60


def test_what_is_held_of_a_long_run_is_bounded():
    angles = climb(60_000)
    statuses = seen(angles)
    turns = LightTurns()
    tracemalloc.start()
    for start in range(0, 60_000, 300):
        block = slice(start, start + 300)
        turns.take(range(start, start + 300), [*repeat(1.0, 300)], angles[block], statuses[block])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    found = turns.document()

    assert peak < 2 * 2**20
    assert found["angle"] == pytest.approx(3.0, abs=0.2 * ARCMIN)
    assert (len(found["runs"]), found["frames_used"]) == (1, 60_000)
