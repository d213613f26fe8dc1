from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.cleanup import Cleanup, Doomed
from chalicelib.core.errors import InvalidRequest, StateConflict
from chalicelib.core.ids import ArtifactId
from chalicelib.core.order import Order, wish
from chalicelib.core.session import Camera, Session, SessionState
from tests.support.builders import EMPTY, START, make_session

WISH = wish(["output.a"], {})
LATER = START + timedelta(days=3)
ONE, TWO = ArtifactId("original.100GOPRO.GX010038.MP4"), ArtifactId("original.100GOPRO.GX020038.MP4")
OPEN, STORED, PROCESSED, CLEANED, FAILED = SessionState


def doomed(artifact_id: ArtifactId, version_id: str) -> Doomed:
    return Doomed(artifact_id, "originals/s/d/f", version_id, '"e"', 5, EMPTY)


INTENT = Cleanup(START, (doomed(ONE, "v1"), doomed(TWO, "v2")), ())


def session(state: SessionState = PROCESSED, **changes: Any) -> Session:
    return make_session(state=state, **{"order": Order(1, WISH, START, START), **changes})


@pytest.mark.parametrize(
    ("before", "after"), [(OPEN, OPEN), (STORED, STORED), (FAILED, OPEN), (PROCESSED, OPEN)]
)
def test_an_order_begins_anew_what_was_over(before: SessionState, after: SessionState):
    ordered = session(before, failure="no light found", processed_at=START).ordered(WISH, LATER)

    assert (ordered.state, ordered.failure, ordered.processed_at) == (after, None, None)
    assert ordered.order == Order(2, WISH, LATER)


@pytest.mark.parametrize(
    "cleaned",
    [session(CLEANED), session(cleanup=INTENT), session(restoring=(ONE,)), session(CLEANED, cleanup=INTENT)],
)
def test_what_is_cleaned_or_being_cleaned_or_being_restored_is_not_ordered(cleaned: Session):
    with pytest.raises(StateConflict, match="restore them first"):
        cleaned.ordered(WISH, LATER)


def test_an_order_does_not_release_a_held_session():
    assert session(held="look first").ordered(WISH, LATER).held == "look first"


@pytest.mark.parametrize("before", [OPEN, STORED])
def test_a_session_fails_with_its_reason(before: SessionState):
    failed = session(before).failed("no light found")

    assert (failed.state, failed.failure) == (FAILED, "no light found")
    assert failed.failed("another reason") == failed


@pytest.mark.parametrize("before", [PROCESSED, CLEANED])
def test_what_is_verified_whole_cannot_fail(before: SessionState):
    with pytest.raises(StateConflict, match="hold it to keep its originals"):
        session(before).failed("late")


def test_the_grace_of_a_processed_session_begins_when_it_is_processed():
    processed = session(STORED).processed(LATER)

    assert (processed.state, processed.processed_at) == (PROCESSED, LATER)


def test_an_intent_changes_nothing_but_that_it_stands():
    intending = session(processed_at=START).intending(INTENT)

    assert intending == session(processed_at=START, cleanup=INTENT)


def test_after_a_cleanup_the_session_knows_which_versions_are_gone():
    before = session(cleanup=INTENT, cleaned=("v0", "v1"), is_guarded=True)
    cleaned = before.after_cleanup(LATER)

    assert (cleaned.state, cleaned.cleaned_at, cleaned.is_guarded) == (CLEANED, LATER, False)
    assert cleaned.cleaned == ("v0", "v1", "v2")
    assert cleaned.cleanup == INTENT


@pytest.mark.parametrize(
    "before", [session(CLEANED, cleanup=INTENT, cleaned_at=START), session(cleanup=INTENT)]
)
def test_whatever_a_cleanup_may_have_removed_counts_as_gone_when_it_is_called_off(before: Session):
    back = before.bringing_back([ONE], "restored: wanted", LATER)

    assert (back.state, back.held, back.cleanup, back.cleaned_at) == (
        PROCESSED,
        "restored: wanted",
        None,
        None,
    )
    assert (back.restoring, back.restoring_since, back.processed_at) == ((ONE,), LATER, LATER)
    assert back.cleaned == ("v1", "v2")


def test_more_can_be_wanted_back_and_nothing_twice():
    back = session(CLEANED, cleanup=INTENT).bringing_back([ONE], "first", START)

    assert back.bringing_back([TWO, ONE], "second", LATER).restoring == (ONE, TWO)


def test_what_was_brought_back_as_a_copy_leaves_its_old_version_gone():
    back = session(CLEANED, cleanup=INTENT).bringing_back([ONE, TWO], "wanted", START)

    for stands in ("v3", None):
        brought = back.brought_back(ONE, stands)
        assert (brought.restoring, brought.cleaned) == ((TWO,), ("v1", "v2"))


def test_what_was_never_gone_counts_as_gone_no_longer():
    back = session(cleanup=INTENT).bringing_back([ONE, TWO], "wanted", START)

    assert back.brought_back(ONE, "v1").cleaned == ("v2",)


def test_a_restored_session_is_held_until_somebody_releases_it():
    back = session(CLEANED, cleanup=INTENT).bringing_back([ONE], "wanted", START).brought_back(ONE, "v3")

    assert back.held == "wanted"
    assert (back.released(LATER).held, back.released(LATER).processed_at) == (None, LATER)


@pytest.mark.parametrize(
    ("before", "began_at"),
    [
        (session(held="look first", processed_at=START), LATER),
        (session(held=None, processed_at=START), START),
        (session(STORED, held="look first", processed_at=None), None),
        (session(CLEANED, held="look first", processed_at=START), START),
    ],
)
def test_a_release_begins_a_new_grace_for_what_was_held(before: Session, began_at):
    assert before.released(LATER).processed_at == began_at
    assert before.released(LATER).held is None


def test_a_guarded_session_is_still_cleaned():
    assert session(CLEANED).guarded() == session(CLEANED, is_guarded=True)


def test_a_session_is_stored_and_bumped_without_other_changes():
    assert session(OPEN).stored() == session(STORED)
    assert session().bumped() == replace(session(), version=2)


@pytest.mark.parametrize("serial", ["", "a" * 41, "a b", "ü", "a-b"])
def test_a_cameras_serial_has_letters_and_digits_alone(serial: str):
    with pytest.raises(InvalidRequest, match="1 to 40 letters and digits"):
        Camera(serial)


@pytest.mark.parametrize("group", ["", "a" * 101, "a\nb"])
def test_a_group_is_a_line_of_text(group: str):
    with pytest.raises(InvalidRequest, match="1 to 100 characters"):
        make_session(group=group)
