import pytest

from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import ArtifactId
from chalicelib.core.order import MOST_PARAMETERS_BYTES, MOST_REQUIRED, Order, add_minimum, leave_out, wish
from chalicelib.core.session import SessionState
from tests.support.builders import START, make_session

WISH = wish(["output.enhanced.mp4", "measurements.lights.json"], {"segments": 3})


@pytest.mark.parametrize(
    "text", ["output.a", "output.enhanced.mp4", "measurements.lights.json.gz", "output." + "a" * 100]
)
def test_outputs_and_measurements_may_be_required(text: str):
    assert wish([text], {}).required == (text,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "output.",
        "output",
        "output..a",
        "output.a/b",
        "output.a b",
        "output.ä",
        "output." + "a" * 101,
        "original.100GOPRO.GX010038.MP4",
        "intermediate.audio.wav",
        "Output.a",
        "output.a\n",
    ],
)
def test_nothing_else_may_be_required(text: str):
    with pytest.raises(InvalidRequest, match=r"output\.NAME or measurements\.NAME"):
        wish([text], {})


@pytest.mark.parametrize(
    ("count", "taken"), [(0, False), (1, True), (MOST_REQUIRED, True), (MOST_REQUIRED + 1, False)]
)
def test_an_order_requires_1_to_50_artifacts(count: int, taken: bool):
    names = [f"output.part-{number}" for number in range(count)]

    if taken:
        assert len(wish(names, {}).required) == count
    else:
        with pytest.raises(InvalidRequest, match="1 to 50 required artifacts"):
            wish(names, {})


def test_an_artifact_required_twice_is_refused():
    with pytest.raises(InvalidRequest, match="none twice"):
        wish(["output.a", "output.a"], {})


@pytest.mark.parametrize(("extra", "taken"), [(-1, True), (0, True), (1, False)])
def test_parameters_have_at_most_16_kib(extra: int, taken: bool):
    overhead = len('{"a": ""}')
    parameters = {"a": "x" * (MOST_PARAMETERS_BYTES - overhead + extra)}

    if taken:
        assert len(wish(["output.a"], parameters).parameters) == MOST_PARAMETERS_BYTES + extra
    else:
        with pytest.raises(InvalidRequest, match="16384 bytes"):
            wish(["output.a"], parameters)


def test_equal_parameters_in_another_order_are_the_same_wish():
    assert wish(["output.a"], {"b": 1, "a": 2}) == wish(["output.a"], {"a": 2, "b": 1})


def test_each_order_of_a_session_has_the_next_number():
    once = make_session().ordered(WISH, START)

    assert once.order == Order(1, WISH, START)
    assert once.ordered(WISH, START).order == Order(2, WISH, START)


def test_a_failed_session_that_is_ordered_again_may_be_stored_again():
    failed = make_session(state=SessionState.STORED).ordered(WISH, START).failed("no light found")

    assert (failed.state, failed.failure) == (SessionState.FAILED, "no light found")
    again = failed.ordered(WISH, START)
    assert (again.state, again.failure) == (SessionState.OPEN, None)


@pytest.mark.parametrize(
    ("session", "owed"),
    [
        (make_session(state=SessionState.STORED).ordered(WISH, START), True),
        (make_session(state=SessionState.OPEN).ordered(WISH, START), False),
        (make_session(state=SessionState.STORED), False),
        (make_session(state=SessionState.STORED, order=Order(1, WISH, START, START)), False),
        (make_session(state=SessionState.STORED, held="check first").ordered(WISH, START), False),
        (make_session(state=SessionState.STORED).ordered(WISH, START).failed("broken"), False),
    ],
)
def test_an_order_is_owed_to_a_stored_session_that_is_not_held_and_was_not_sent(session, owed: bool):
    assert session.owes_order is owed


VIDEO, REPORT = ArtifactId("output.enhanced.mp4"), ArtifactId("output.report.pdf")


def test_what_the_minimum_requires_is_added_behind_what_was_asked():
    asked = wish([REPORT], {"n": 1})

    found = add_minimum(asked, (VIDEO, REPORT))

    assert found.asks_as(wish([REPORT, VIDEO], {"n": 1}))
    assert found.added == (VIDEO,)


def test_the_same_order_is_the_same_wish_whoever_named_what_is_required():
    assert add_minimum(wish([REPORT], {}), (VIDEO,)).asks_as(add_minimum(wish([REPORT, VIDEO], {}), (VIDEO,)))


@pytest.mark.parametrize(("asked", "is_taken"), [(48, True), (49, True), (50, False)])
def test_an_order_has_at_most_50_artifacts_with_those_of_the_minimum(asked: int, is_taken: bool):
    wanted = wish([f"output.{number}" for number in range(asked)], {})

    if is_taken:
        assert len(add_minimum(wanted, (VIDEO,)).required) == asked + 1
    else:
        with pytest.raises(InvalidRequest, match="with those that the deployment requires"):
            add_minimum(wanted, (VIDEO,))


def test_what_an_operator_leaves_out_goes_on_record_with_the_reason():
    found = leave_out(wish([REPORT], {}, "a rehearsal"), (VIDEO, REPORT))

    assert (found.required, found.left_out, found.below_minimum_reason) == (
        (REPORT,),
        (VIDEO,),
        "a rehearsal",
    )


def test_nothing_is_left_out_without_a_reason():
    with pytest.raises(InvalidRequest, match=r"requires output.enhanced.mp4 as well.*below_minimum_reason"):
        leave_out(wish([REPORT], {}), (VIDEO,))


@pytest.mark.parametrize("minimum", [(), (REPORT,)])
def test_a_reason_that_excuses_nothing_is_refused(minimum: tuple[ArtifactId, ...]):
    with pytest.raises(InvalidRequest, match="leaves out nothing"):
        leave_out(wish([REPORT], {}, "to be safe"), minimum)


def test_an_order_that_leaves_nothing_out_needs_no_reason():
    assert leave_out(wish([REPORT, VIDEO], {}), (VIDEO,)) == wish([REPORT, VIDEO], {})
