"""What an order asks of the lights of a runway, and the verdict on what was measured of them."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import InvalidRequest
from chalicelib.core.measurements.inspection.asked import asked_of
from chalicelib.core.measurements.inspection.estimates import Judgement, Measured, Verdict, judge
from chalicelib.core.measurements.inspection.inspect import Inspection, inspect, judge_run
from chalicelib.core.order import wish

ANGLES = (2.5, 2.8333, 3.1667, 3.5)
"""A left wing from the left: the lowest light is farthest from the runway."""

ICAO = {"1": 2.5, "2": 2.8333, "3": 3.1667, "4": 3.5}
FAA = {"1": 3.5, "2": 3.1667, "3": 2.8333, "4": 2.5}
LEFT: dict[str, Any] = {"side": "left", "numbering": "icao", "nominal_angles": ICAO, "tolerance_arcmin": 3}

PASS, FAIL, UNDECIDED = Verdict.PASS, Verdict.FAIL, Verdict.NOT_ENOUGH_DATA


def make_turn(angle: float = 3.0, half_deg: float = 0.01, **changes: Any) -> dict[str, Any]:
    """The transition of a light that turned at `angle`."""
    return {
        "angle": angle,
        "standard_error": half_deg / 2,
        "interval": [angle - half_deg, angle + half_deg],
        "width": 0.05,
        "frames_used": 500,
        "frames_set_aside": 3,
        "outcome": "fitted",
        "runs": [],
        **changes,
    }


def make_lights(*turns: Any) -> dict[str, Any]:
    """The `lights` of a summary, from the left; a number is an angle, None is a light that no frame has."""
    made = {}
    for letter, turn in zip("abcdefgh", turns, strict=False):
        if turn is not None:
            known = turn if isinstance(turn, Mapping) else make_turn(turn)
            made[f"papi_{letter}"] = {"frames": 500, "statuses": {}, "numbers": {}, "transition": known}
    return made


def inspected(lights: Mapping[str, Any] | None = None, **asked: Any) -> Inspection:
    return inspect(make_lights(*ANGLES) if lights is None else lights, {"inspection": asked})


def boxes(found: Inspection) -> list[tuple[str | None, int | None]]:
    """Wing and box of each light, from the left."""
    return [(light.wing, light.box) for light in found.lights]


def verdicts(found: Inspection) -> list[Verdict]:
    return [light.judgement.verdict for light in found.lights]


class TestWhatAnOrderAsks:
    def test_is_nothing_by_default(self):
        assert asked_of({}).document() == {}
        assert asked_of({"inspection": None}).document() == {}
        assert asked_of({"inspection": {}}).document() == {}

    def test_is_all_of_it_or_any_part(self):
        whole = {
            "side": "both",
            "numbering": "faa",
            "nominal_angles": {"1": 2.5, "2": 3.5},
            "tolerance_arcmin": 3.0,
            "glide_path_angle": 3.0,
            "glide_path_tolerance_arcmin": 1.5,
            "symmetry_tolerance_arcmin": 2.0,
        }

        assert asked_of({"inspection": whole, "speed_kmh": 7}).document() == whole
        for name, value in whole.items():
            assert asked_of({"inspection": {name: value}}).document() == {name: value}

    @pytest.mark.parametrize(
        ("asked", "named"),
        [
            ([], "inspection"),
            ("left", "inspection"),
            ({"Side": "left"}, "Side"),
            ({"side": "up"}, "side"),
            ({"side": 1}, "side"),
            ({"numbering": "FAA"}, "numbering"),
            ({"tolerance": 3}, "tolerance"),
            ({"tolerance_arcmin": 0}, "tolerance_arcmin"),
            ({"tolerance_arcmin": -1}, "tolerance_arcmin"),
            ({"tolerance_arcmin": 600.1}, "tolerance_arcmin"),
            ({"tolerance_arcmin": "3"}, "tolerance_arcmin"),
            ({"tolerance_arcmin": True}, "tolerance_arcmin"),
            ({"tolerance_arcmin": math.nan}, "tolerance_arcmin"),
            ({"glide_path_angle": 0}, "glide_path_angle"),
            ({"glide_path_angle": 90}, "glide_path_angle"),
            ({"glide_path_tolerance_arcmin": [3]}, "glide_path_tolerance_arcmin"),
            ({"symmetry_tolerance_arcmin": {}}, "symmetry_tolerance_arcmin"),
            ({"symmetry_tolerance_arcmin": 3, "side": "left"}, "symmetry_tolerance_arcmin"),
            ({"symmetry_tolerance_arcmin": 3, "side": "right"}, "symmetry_tolerance_arcmin"),
            ({"nominal_angles": []}, "nominal_angles"),
            ({"nominal_angles": {}}, "nominal_angles"),
            ({"nominal_angles": {"0": 3}}, "nominal_angles"),
            ({"nominal_angles": {"2": 3}}, "nominal_angles"),
            ({"nominal_angles": {"1": 3, "3": 3}}, "nominal_angles"),
            ({"nominal_angles": {"01": 3}}, "nominal_angles"),
            ({"nominal_angles": {"papi_a": 3}}, "nominal_angles"),
            ({"nominal_angles": {"1": "3"}}, "nominal_angles"),
            ({"nominal_angles": {"1": None}}, "nominal_angles"),
            ({"nominal_angles": {"1": 0}}, "nominal_angles"),
            ({"nominal_angles": {str(box): 3 for box in range(1, 10)}}, "nominal_angles"),
            ({"nominal_angles": {str(box): 3 for box in range(1, 6)}, "side": "both"}, "nominal_angles"),
        ],
    )
    def test_is_refused_with_the_field_named_when_it_is_ordered(self, asked: Any, named: str):
        with pytest.raises(InvalidRequest, match=rf"parameters\.inspection: .*{named}|inspection: Expected"):
            wish(["output.a"], {"inspection": asked})

    @pytest.mark.parametrize(("count", "side"), [(1, "left"), (8, "right"), (4, "both"), (1, "both")])
    def test_names_as_many_boxes_as_there_may_be(self, count: int, side: str):
        angles = {str(box): 3.0 for box in range(1, count + 1)}

        assert asked_of({"inspection": {"side": side, "nominal_angles": angles}}).nominal_angles == angles

    def test_leaves_all_other_parameters_to_the_processor(self):
        assert (
            wish(["output.a"], {"inspections": [], "side": 7}).parameters == '{"inspections": [], "side": 7}'
        )

    def test_that_an_older_order_has_and_nobody_can_read_gives_no_verdict_and_its_reason(self):
        found = inspect(make_lights(*ANGLES), {"inspection": {"side": "up"}})

        assert verdicts(found) == [UNDECIDED] * 4
        assert found.judgement.verdict is UNDECIDED
        assert "cannot be read" in found.judgement.reason
        assert "side" in found.judgement.reason


class TestBoxes:
    @pytest.mark.parametrize(
        ("side", "numbering", "expected"),
        [
            ("left", "faa", [4, 3, 2, 1]),
            ("left", "icao", [1, 2, 3, 4]),
            ("right", "faa", [1, 2, 3, 4]),
            ("right", "icao", [4, 3, 2, 1]),
        ],
    )
    def test_of_faa_begin_next_to_the_runway_and_of_icao_at_the_other_end(
        self, side: str, numbering: str, expected: list[int]
    ):
        assert boxes(inspected(side=side, numbering=numbering)) == [(side, box) for box in expected]

    @pytest.mark.parametrize(("numbering", "left"), [("faa", [2, 1]), ("icao", [1, 2])])
    def test_of_two_wings_mirror_each_other(self, numbering: str, left: list[int]):
        found = inspected(side="both", numbering=numbering)

        mirrored = [("right", box) for box in reversed(left)]
        assert boxes(found) == [*(("left", box) for box in left), *mirrored]

    def test_are_unknown_without_a_numbering(self):
        found = inspected(side="left", nominal_angles=ICAO, tolerance_arcmin=3)

        assert boxes(found) == [("left", None)] * 4
        assert {light.judgement.reason for light in found.lights} == {"the order names no numbering"}

    def test_and_wings_are_unknown_without_a_side(self):
        found = inspected(numbering="faa", nominal_angles=FAA, tolerance_arcmin=3)

        assert boxes(found) == [(None, None)] * 4
        assert {light.judgement.reason for light in found.lights} == {"the order names no side"}

    @pytest.mark.parametrize("count", [3, 5])
    def test_are_unknown_when_the_film_shows_another_number_of_lights(self, count: int):
        found = inspected(make_lights(*[3.0] * count), **LEFT)

        assert {light.box for light in found.lights} == {None}
        assert found.judgement.verdict is UNDECIDED
        assert f"4 boxes and the film shows {count} lights" in found.judgement.reason

    def test_are_unknown_when_two_wings_cannot_be_equal(self):
        found = inspected(make_lights(3, 3, 3), side="both", numbering="faa")

        assert boxes(found) == [(None, None)] * 3
        assert found.symmetry.reason == "3 lights cannot be two equal wings"

    def test_count_a_light_that_no_frame_has(self):
        found = inspected(make_lights(2.5, None, 3.1667, 3.5), **LEFT)

        assert [light.box for light in found.lights] == [1, 2, 3, 4]
        assert verdicts(found) == [PASS, UNDECIDED, PASS, PASS]
        assert found.lights[1].judgement.reason == "no frame has this light"
        assert found.judgement.verdict is UNDECIDED


class TestVerdictOnAnAngle:
    """Nominal 2.83 degrees, 3 arc minutes: the limits are 2.78 and 2.88 degrees, as people write them."""

    @pytest.mark.parametrize(
        ("low", "high", "expected"),
        [
            (2.78, 2.88, PASS),
            (2.7800001, 2.8799999, PASS),
            (2.83, 2.83, PASS),
            (2.7799999, 2.88, UNDECIDED),
            (2.78, 2.8800001, UNDECIDED),
            (2.7, 2.9, UNDECIDED),
            (2.7, 2.78, UNDECIDED),
            (2.88, 2.9, UNDECIDED),
            (2.7, 2.7799999, FAIL),
            (2.8800001, 2.9, FAIL),
            (-1.0, 0.0, FAIL),
        ],
    )
    def test_is_pass_within_fail_outside_and_undecided_across_a_limit(
        self, low: float, high: float, expected: Verdict
    ):
        assert judge(Measured((low + high) / 2, 0.01, (low, high)), 2.83, 3).verdict is expected

    def test_says_so_in_words(self):
        limits = "3 arc minutes of 2.83 degrees"

        assert reason(2.82, 2.84) == f"the whole interval lies within {limits}"
        assert reason(2.92, 2.94) == f"the whole interval lies outside {limits}"
        assert reason(2.82, 2.94).startswith(f"the interval lies partly within {limits} and partly outside: ")

    def test_needs_an_interval(self):
        assert judge(Measured(2.83), 2.83, 3) == Judgement(UNDECIDED, "the angle has no interval")

    @given(
        low=st.floats(0, 10), width=st.floats(0, 1), nominal=st.floats(0.1, 10), tolerance=st.floats(0.1, 60)
    )
    def test_is_never_pass_with_an_end_outside_nor_fail_with_one_within(
        self, low: float, width: float, nominal: float, tolerance: float
    ):
        far = [abs(end - nominal) * 60 - tolerance for end in (low, low + width)]
        verdict = judge(Measured(low, 0.1, (low, low + width)), nominal, tolerance).verdict

        rounding = 1e-9
        assert verdict is not PASS or max(far) <= rounding
        assert verdict is not FAIL or min(far) >= -rounding


def reason(low: float, high: float) -> str:
    return judge(Measured((low + high) / 2, 0.01, (low, high)), 2.83, 3).reason


class TestLights:
    def test_pass_by_either_numbering_when_the_order_says_which(self):
        assert verdicts(inspected(**LEFT)) == [PASS] * 4
        assert verdicts(inspected(**{**LEFT, "numbering": "faa", "nominal_angles": FAA})) == [PASS] * 4

    def test_fail_under_the_other_numbering(self):
        assert verdicts(inspected(**{**LEFT, "numbering": "faa"})) == [FAIL] * 4

    def test_have_their_deviation_and_tolerance_in_degrees(self):
        found = inspected(make_lights(2.55, 2.8333, 3.1667, 3.5), **LEFT).lights[0]

        assert found.deviation == pytest.approx(0.05)
        assert (found.tolerance, found.nominal_angle, found.width) == (0.05, 2.5, 0.05)

    @pytest.mark.parametrize("outcome", ["no transition seen", "not enough frames"])
    def test_without_a_fit_have_no_angle_and_the_reason(self, outcome: str):
        turn = make_turn(angle=2.5, outcome=outcome)
        found = inspected(make_lights(turn, *ANGLES[1:]), **LEFT)

        assert found.lights[0].measured == Measured()
        assert found.lights[0].judgement == Judgement(UNDECIDED, outcome)
        assert found.judgement == Judgement(UNDECIDED, f"light papi_a: {outcome}")

    def test_of_an_older_index_need_another_index(self):
        old = {"frames": 3, "angle_min": 2.4, "angle_max": 2.6, "angle_middle": 2.5, "method": "…"}
        found = inspected(make_lights(old, old, old, old), **LEFT)

        assert {light.judgement.reason for light in found.lights} == {
            "this index is older than the fits; have the measurements indexed again"
        }

    @pytest.mark.parametrize(
        ("absent", "said"),
        [
            ("nominal_angles", "the order names no nominal angles"),
            ("tolerance_arcmin", "the order names no tolerance"),
        ],
    )
    def test_without_anything_to_hold_them_against_get_no_verdict(self, absent: str, said: str):
        found = inspected(**{name: value for name, value in LEFT.items() if name != absent})

        assert {light.judgement.reason for light in found.lights} == {said}
        assert [light.measured.angle for light in found.lights] == list(ANGLES)

    def test_are_judged_run_by_run(self):
        light = inspected(**LEFT).lights[0]

        assert judge_run(light, make_turn(2.5)).verdict is PASS
        assert judge_run(light, make_turn(2.7)).verdict is FAIL
        assert judge_run(light, make_turn(2.55)).verdict is UNDECIDED
        assert judge_run(light, make_turn(2.5, outcome="no transition seen")).reason == "no transition seen"
        assert judge_run(inspected().lights[0], make_turn(2.5)).reason == "the order names no nominal angles"


class TestGlidePath:
    ASKED: Mapping[str, Any] = {**LEFT, "glide_path_angle": 3.0, "glide_path_tolerance_arcmin": 3}

    def test_is_the_mean_of_the_two_middle_lights(self):
        [path] = inspected(
            make_lights(9, make_turn(2.8, 0.03), make_turn(3.2, 0.04), 9), side="left"
        ).glide_paths

        assert path.lights == ("papi_b", "papi_c")
        assert path.measured.angle == pytest.approx(3.0)
        assert path.measured.standard_error == pytest.approx(math.hypot(0.015, 0.02) / 2)
        assert path.measured.interval == pytest.approx((3.0 - 0.025, 3.0 + 0.025))
        assert path.judgement is None

    def test_has_one_for_each_wing(self):
        found = inspected(make_lights(1, 2, 3, 4, 11, 12, 13, 14), side="both")

        assert [(path.wing, path.measured.angle) for path in found.glide_paths] == [
            ("left", 2.5),
            ("right", 12.5),
        ]

    def test_keeps_the_sides_of_lopsided_intervals_apart(self):
        low, high = make_turn(2.8, interval=[2.77, 2.8]), make_turn(3.2, interval=[3.16, 3.2])
        [path] = inspected(make_lights(low, high), side="left").glide_paths

        assert path.measured.interval == pytest.approx((3.0 - 0.025, 3.0))

    @pytest.mark.parametrize(
        ("turns", "said"),
        [
            ((3, 3, 3), "3 lights have no two in their middle"),
            ((3, make_turn(outcome="not enough frames"), 3, 3), "the angle of papi_b is not known"),
            (
                (3, None, make_turn(outcome="not enough frames"), 3),
                "the angle of papi_b and of papi_c is not known",
            ),
        ],
    )
    def test_is_unknown_without_two_middle_lights(self, turns: tuple[Any, ...], said: str):
        [path] = inspected(
            make_lights(*turns), side="left", glide_path_angle=3, glide_path_tolerance_arcmin=3
        ).glide_paths

        assert path.measured == Measured()
        assert path.judgement == Judgement(UNDECIDED, said)

    def test_is_unknown_without_a_side(self):
        found = inspected(glide_path_angle=3, glide_path_tolerance_arcmin=3)

        assert found.glide_paths == ()
        assert "glide path: the order names no side" in found.judgement.reason

    @pytest.mark.parametrize(("angle", "expected"), [(3.0, PASS), (3.2, FAIL), (3.05, UNDECIDED)])
    def test_is_part_of_the_whole_when_the_order_asks(self, angle: float, expected: Verdict):
        found = inspected(**{**self.ASKED, "glide_path_angle": angle})

        assert verdicts(found) == [PASS] * 4
        assert found.glide_paths[0].judgement is not None
        assert found.glide_paths[0].judgement.verdict is expected
        assert found.judgement.verdict is expected

    @pytest.mark.parametrize(
        ("absent", "said"),
        [
            ("glide_path_angle", "the order names no glide-path angle"),
            ("glide_path_tolerance_arcmin", "the order names no glide-path tolerance"),
        ],
    )
    def test_with_half_a_demand_is_not_decided(self, absent: str, said: str):
        found = inspected(**{name: value for name, value in self.ASKED.items() if name != absent})

        assert found.glide_paths[0].judgement == Judgement(UNDECIDED, said)
        assert found.judgement.verdict is UNDECIDED


class TestDifferences:
    def test_are_between_neighbours_by_the_number_of_the_box(self):
        found = inspected(**{**LEFT, "numbering": "faa", "nominal_angles": FAA}).differences

        assert [each.boxes for each in found] == [(1, 2), (2, 3), (3, 4)]
        assert found[0].lights == ("papi_d", "papi_c")
        assert [each.measured.angle for each in found] == pytest.approx([-0.3333, -0.3334, -0.3333])
        assert [each.nominal for each in found] == pytest.approx([-0.3333, -0.3334, -0.3333])

    def test_are_from_the_left_without_boxes_and_never_across_the_runway(self):
        found = inspected(make_lights(1, 2, 11, 14), side="both").differences

        assert [(each.lights, each.measured.angle) for each in found] == [
            (("papi_a", "papi_b"), 1.0),
            (("papi_c", "papi_d"), 3.0),
        ]

    def test_turn_the_sides_of_a_lopsided_interval(self):
        low, high = make_turn(2.0, interval=[1.7, 2.0]), make_turn(3.0, interval=[3.0, 3.4])
        [found] = inspected(make_lights(low, high), side="left").differences

        assert found.measured.interval == pytest.approx((1.0, 1.5))


class TestSymmetry:
    def test_holds_mirrored_boxes_against_each_other(self):
        found = inspected(make_lights(2.5, 3.5, 3.51, 2.52), side="both", numbering="icao").symmetry

        assert [(pair.box, pair.lights) for pair in found.pairs] == [
            (1, ("papi_a", "papi_d")),
            (2, ("papi_b", "papi_c")),
        ]
        assert [pair.measured.angle for pair in found.pairs] == pytest.approx([-0.02, -0.01])
        assert (found.judgement, found.reason) == (None, "the order names no symmetry tolerance")

    def test_of_one_wing_is_nothing_with_the_reason(self):
        found = inspected(side="left").symmetry

        assert found.document() == {"pairs": [], "verdict": None, "reason": "there is one wing"}

    @pytest.mark.parametrize(
        ("right", "expected"), [((3.5, 2.5), PASS), ((3.5, 2.7), FAIL), ((3.5, 2.55), UNDECIDED)]
    )
    def test_is_part_of_the_whole_when_the_order_asks(self, right: tuple[float, ...], expected: Verdict):
        turns = [make_turn(angle, 0.02) for angle in (2.5, 3.5, *right)]
        asked = {**LEFT, "nominal_angles": {"1": 2.5, "2": 3.5}, "tolerance_arcmin": 60}
        found = inspected(make_lights(*turns), **{**asked, "side": "both", "symmetry_tolerance_arcmin": 3})

        assert verdicts(found) == [PASS] * 4
        assert found.symmetry.judgement is not None
        assert found.symmetry.judgement.verdict is expected
        assert found.judgement.verdict is expected

    def test_that_is_asked_and_cannot_be_decided_leaves_the_whole_undecided(self):
        found = inspected(symmetry_tolerance_arcmin=3, nominal_angles=ICAO)

        assert found.symmetry.judgement == Judgement(UNDECIDED, "the order names no side")


class TestTheWhole:
    def test_passes_when_every_light_does(self):
        assert inspected(**LEFT).judgement.verdict is PASS

    def test_fails_with_one_light_though_others_are_undecided(self):
        undecided = make_turn(outcome="not enough frames")
        found = inspected(make_lights(2.7, undecided, 3.1667, 3.5), **LEFT)

        assert verdicts(found) == [FAIL, UNDECIDED, PASS, PASS]
        assert found.judgement.verdict is FAIL
        assert found.judgement.reason.startswith("light papi_a: the whole interval lies outside")

    def test_tells_one_reason_once_for_all_lights_that_have_it(self):
        found = inspected(make_lights(*[make_turn(outcome="no transition seen")] * 4), **LEFT)

        assert (
            found.judgement.reason
            == "light papi_a, light papi_b, light papi_c, light papi_d: no transition seen"
        )

    def test_is_undecided_while_one_light_is(self):
        found = inspected(make_lights(2.55, *ANGLES[1:]), **LEFT)

        assert found.judgement.verdict is UNDECIDED

    @pytest.mark.parametrize("parameters", [{}, {"inspection": LEFT}])
    def test_is_undecided_without_lights(self, parameters: Mapping[str, Any]):
        found = inspect({}, parameters)

        assert found.judgement == Judgement(UNDECIDED, "there are no lights in the measurements")
        assert (found.lights, found.glide_paths, found.differences) == ((), (), ())

    def test_is_a_document_with_a_light_found_by_its_name(self):
        found = inspected(**LEFT)
        document = found.document()

        assert document["verdict"] == "pass"
        assert document["asked"] == {**LEFT, "tolerance_arcmin": 3.0}
        assert [light["light"] for light in document["lights"]] == ["papi_a", "papi_b", "papi_c", "papi_d"]
        assert found.light("papi_b") is found.lights[1]
        assert found.light("papi_h") is None
