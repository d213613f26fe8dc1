import pytest

from chalicelib.core.errors import InvalidRequest
from chalicelib.core.order import MOST_PARAMETERS_BYTES, MOST_REQUIRED, Order, wish
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
