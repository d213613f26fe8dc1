"""The moves of a landing, what may not become a film, and which parts are a whole file."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import PartsMismatch
from chalicelib.core.film import Film
from chalicelib.core.ids import ArtifactId, UploadId
from chalicelib.core.landing import (
    CANCELLED,
    HEARD_S,
    QUIET_S,
    SILENCE_S,
    Landed,
    Landing,
    LandingState,
    awaited_until,
    check_parts,
    fault_of,
)
from chalicelib.core.parts import LandedPart
from chalicelib.core.upload import StoredObject
from tests.support.builders import EMPTY, START

LATER = START + timedelta(hours=1)
LANDING = Landing(
    UploadId("u_landing"), "a.mp4", "incoming/x/u_landing", "video/mp4", START, START, multipart_id="m"
)
OVER = replace(LANDING, state=LandingState.CANCELLED, reason=CANCELLED, ended_at=START)
STORED = StoredObject(LANDING.key, 25, EMPTY, '"etag"', "v1", LANDING.landing_id, START)
FILM = Film(ArtifactId("original.000FILMS.a.mp4"), "v1", 1_000)


def parts(*sizes: int) -> list[LandedPart]:
    return [LandedPart(number, size, f"etag-{number}") for number, size in enumerate(sizes, start=1)]


def listed(held: list[LandedPart]) -> list[tuple[int, str]]:
    return [(part.number, part.etag) for part in held]


@pytest.mark.parametrize(("seconds", "is_due"), [(-1, False), (0, True), (1, True)])
def test_a_call_is_recorded_once_the_recorded_one_is_old(seconds: int, is_due: bool):
    assert LANDING.must_be_heard(START + timedelta(seconds=HEARD_S + seconds)) is is_due


def test_a_cancelled_landing_of_which_somebody_is_heard_is_on_its_way_again():
    assert OVER.heard(LATER) == replace(LANDING, heard_at=LATER)


def test_a_landing_about_to_be_assembled_says_since_when():
    assert LANDING.completing(LATER) == replace(LANDING, heard_at=LATER, completing_at=LATER)


def test_an_object_that_comes_after_all_ends_the_cancellation():
    assert OVER.landed_as(STORED) == replace(
        LANDING, state=LandingState.LANDED, landed=Landed("v1", '"etag"', 25, EMPTY)
    )


def test_the_end_of_a_landing_has_its_time():
    assert LANDING.done(LATER) == replace(LANDING, state=LandingState.DONE, ended_at=LATER)
    assert LANDING.refused("no film", LATER) == replace(
        LANDING, state=LandingState.REFUSED, reason="no film", ended_at=LATER
    )
    assert LANDING.cancelled(LATER) == replace(
        LANDING, state=LandingState.CANCELLED, reason=CANCELLED, ended_at=LATER, heard_at=LATER
    )


@pytest.mark.parametrize(("multipart_id", "owes"), [("m", True), (None, False)])
def test_a_landing_without_an_object_owes_the_end_of_its_parts(multipart_id: str | None, owes: bool):
    landing = replace(LANDING, multipart_id=multipart_id)

    assert landing.ended("nobody came", LATER) == replace(
        landing, state=LandingState.EXPIRED, reason="nobody came", ended_at=LATER, owes_abort=owes
    )


def test_a_landing_whose_parts_were_aborted_owes_nothing():
    assert LANDING.ended("nobody came", LATER).aborted().owes_abort is False


@pytest.mark.parametrize(
    ("film", "why"),
    [(None, "it could not be read"), (replace(FILM, fault="it ends early", is_broken=True), "it ends early")],
)
def test_without_a_size_only_a_whole_film_is_taken(film: Film | None, why: str):
    assert fault_of(LANDING, STORED, film) == (
        f"a.mp4 is not whole: {why}; send it again from its beginning, or with its size in the metadata if it is so "
        "where it comes from"
    )


def test_a_whole_film_without_a_size_is_taken():
    assert fault_of(LANDING, STORED, FILM) is None


@pytest.mark.parametrize("sizes", [(10,), (10, 5), (10, 10), (10, 10, 1)])
def test_parts_of_one_size_and_a_last_one_no_larger_are_a_whole_file(sizes: tuple[int, ...]):
    held = parts(*sizes)

    assert check_parts(LANDING, held, listed(held)) == sum(sizes)


@pytest.mark.parametrize(
    ("held", "told", "missing"),
    [
        ([], [], (1,)),
        (parts(10, 5)[1:], [(2, "etag-2")], (1,)),
        (parts(10), [(1, "etag-1"), (3, "etag-3")], (2, 3)),
    ],
)
def test_parts_that_are_missing_are_named(
    held: list[LandedPart], told: list[tuple[int, str]], missing: tuple[int, ...]
):
    with pytest.raises(PartsMismatch) as refusal:
        check_parts(LANDING, held, told)

    assert answer(refusal.value) == (f"{len(missing)} parts of a.mp4 are missing", missing, ())


@pytest.mark.parametrize("told", [[(1, "etag-1")], [(1, "etag-1"), (2, "another")]])
def test_parts_that_the_client_lists_differently_are_named(told: list[tuple[int, str]]):
    with pytest.raises(PartsMismatch) as refusal:
        check_parts(LANDING, parts(10, 5), told)

    assert answer(refusal.value) == ("1 parts of a.mp4 are not those that the client lists", (), (2,))


@pytest.mark.parametrize(
    ("sizes", "uneven"), [((10, 9, 10, 5), (2,)), ((10, 9, 5), (2,)), ((10, 11), (2,)), ((10, 10, 11), (3,))]
)
def test_parts_of_different_sizes_are_named(sizes: tuple[int, ...], uneven: tuple[int, ...]):
    held = parts(*sizes)

    with pytest.raises(PartsMismatch) as refusal:
        check_parts(LANDING, held, listed(held))

    words = (
        "the parts of a.mp4 have different sizes: it was resumed with other parts than it began with; remove it from "
        "the list and add it again"
    )
    assert answer(refusal.value) == (words, (), uneven)


@pytest.mark.parametrize("told_bytes", [14, 16])
def test_parts_of_another_size_than_the_client_told_are_no_whole_file(told_bytes: int):
    held = parts(10, 5)

    with pytest.raises(PartsMismatch) as refusal:
        check_parts(replace(LANDING, told_bytes=told_bytes), held, listed(held))

    assert answer(refusal.value) == (
        f"a.mp4 has {told_bytes} bytes where it comes from, and its parts have 15",
        (),
        (),
    )


@pytest.mark.parametrize(
    ("landings", "seconds"),
    [
        ([LANDING], SILENCE_S),
        ([replace(LANDING, state=LandingState.DONE)], QUIET_S),
        ([LANDING, replace(LANDING, state=LandingState.DONE)], QUIET_S),
        ([], None),
    ],
)
def test_more_films_are_awaited_while_one_is_on_its_way_and_a_while_after_the_last_call(
    landings: list[Landing], seconds: int | None
):
    assert awaited_until(landings) == (None if seconds is None else START + timedelta(seconds=seconds))


def answer(error: PartsMismatch) -> tuple[str, tuple[int, ...], tuple[int, ...]]:
    return str(error), tuple(error.missing), tuple(error.differing)
