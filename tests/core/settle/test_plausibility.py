"""Whether outputs can be what their order requires: by the length of the chapters, as the bucket has them."""

import pytest
from msgspec.structs import replace

from chalicelib.core.film import Film
from chalicelib.core.ids import ArtifactId
from chalicelib.core.order import wish
from chalicelib.core.settle import Inspect
from chalicelib.core.settle.cleaning import FILMS_AT_ONCE
from chalicelib.core.settle.plausibility import known_films
from tests.core.settle.cases import (
    LASTING_MS,
    LIGHTS,
    NOW,
    ORDER,
    ORIGINALS,
    POLICY,
    VIDEO,
    Case,
    open_gates,
    receipt_of,
    stored_of,
)
from tests.core.settle.closings import reindexed

GATE = "outputs-plausible"
TABLE = ArtifactId("output.table.csv")
TOTAL_MS = sum(LASTING_MS)


def why(case: Case) -> str:
    assert case.closed().keys() == {GATE}
    assert case.kinds() == []
    return case.closed()[GATE]


def unlooked() -> Case:
    """The session whose every other gate is open, and none of whose films was read."""
    return open_gates().session(films=())


def requiring(*artifact_ids: ArtifactId) -> Case:
    """The session of which these outputs are required and stand; its films are not read."""
    case = unlooked().session(order=replace(ORDER, wish=wish(artifact_ids, {})))
    for artifact_id in artifact_ids:
        if case.picture.receipt(artifact_id) is None:
            receipt = receipt_of(case.picture, artifact_id)
            case = case.recorded(receipts=(*case.picture.receipts, receipt)).seen(
                receipt.key, stored_of(receipt)
            )
    return case


def test_films_are_read_once_nothing_else_keeps_the_session():
    case = unlooked()

    assert case.closed().keys() == {GATE}
    assert case.only(Inspect).receipts == tuple(case.receipt(each) for each in (*ORIGINALS, VIDEO))


@pytest.mark.parametrize(
    "keep",
    [
        lambda case: case.session(held="look first"),
        lambda case: case.told(arming=None),
        lambda case: case.at(-1),
        lambda case: case.gone(VIDEO),
    ],
)
def test_no_film_is_read_while_anything_else_keeps_the_session(keep):
    assert keep(unlooked()).kinds() == []


def test_what_was_read_is_not_read_again():
    case = open_gates()
    known = case.session(films=case.picture.session.films[:1])

    assert [each.artifact_id for each in known.only(Inspect).receipts] == [ORIGINALS[1], VIDEO]


def test_a_few_films_are_read_between_two_looks():
    many = [ArtifactId(f"output.cut-{number}.mp4") for number in range(FILMS_AT_ONCE + 1)]

    assert len(requiring(*many).only(Inspect).receipts) == FILMS_AT_ONCE


@pytest.mark.parametrize("duration_ms", [8_999, 9_000, 9_001])
def test_a_video_lasts_at_least_its_share_of_the_chapters(duration_ms: int):
    case = open_gates().film(VIDEO, duration_ms=duration_ms)

    assert (case.closed() == {}) is (duration_ms >= 9_000)


def test_a_video_may_last_longer_than_its_chapters():
    assert open_gates().film(VIDEO, duration_ms=TOTAL_MS * 10).closed() == {}


@pytest.mark.parametrize("span_ms", [4_999, 5_000, 5_001])
def test_measurements_cover_at_least_their_share_of_the_chapters(span_ms: int):
    assert (reindexed(open_gates(), span_ms=span_ms).closed() == {}) is (span_ms >= 5_000)


@pytest.mark.parametrize("frames", [9, 10, 11])
def test_measurements_have_their_frames_for_each_minute(frames: int):
    assert (reindexed(open_gates(), frames=frames).closed() == {}) is (frames >= 10)


@pytest.mark.parametrize(
    ("changed", "policy"),
    [
        (lambda case: case.film(VIDEO, duration_ms=1), {"least_video_percent": 0}),
        (lambda case: reindexed(case, span_ms=0), {"least_measured_percent": 0}),
        (lambda case: reindexed(case, frames=1), {"least_frames_a_minute": 0}),
        (lambda case: case.film(VIDEO, duration_ms=2_000), {"least_video_percent": 20}),
    ],
)
def test_the_settings_say_how_much_is_plausible(changed, policy):
    case = changed(open_gates())

    assert case.closed().keys() == {GATE}
    assert replace(case, policy=replace(POLICY, **policy)).closed() == {}


@pytest.mark.parametrize("artifact_id", ORIGINALS)
def test_a_chapter_whose_length_cannot_be_told_keeps_the_session(artifact_id: ArtifactId):
    case = open_gates().film(artifact_id, duration_ms=None, fault="it has 0 moov boxes")

    assert "cannot be told: it has 0 moov boxes" in why(case)


def test_no_setting_makes_half_a_film_a_whole_one():
    lenient = replace(POLICY, least_video_percent=0, least_measured_percent=0, least_frames_a_minute=0)
    case = replace(open_gates(), policy=lenient).film(VIDEO, duration_ms=None, fault="it has 0 moov boxes")

    assert why(case) == f"{VIDEO} is not a whole film: it has 0 moov boxes"


def test_everything_that_is_doubtful_is_told_in_words():
    case = reindexed(open_gates().film(VIDEO, duration_ms=3_000), span_ms=100, frames=4)

    assert why(case).split("; ") == [
        f"{VIDEO} lasts 3.0 s of the 10.0 s of the chapters, less than 90 %",
        f"{LIGHTS} covers 0.1 s of the 10.0 s of the chapters, less than 50 %",
        f"{LIGHTS} has 4 frames for 10.0 s of chapters, less than 60 a minute",
    ]


def test_outputs_of_other_kinds_are_only_verified_and_the_chapters_read_for_their_boxes():
    case = requiring(TABLE)
    receipts = [case.receipt(each) for each in ORIGINALS]
    films = tuple(Film(each.artifact_id, each.version_id, None, "it tells no length") for each in receipts)

    assert [each.artifact_id for each in case.only(Inspect).receipts] == [*ORIGINALS]
    assert case.session(films=films).closed() == {}


def test_an_operators_word_does_not_stand_for_a_look_at_the_originals():
    case = open_gates().session(films=())
    accepted = case.after(case.picture.session.accepted("I watched it"))

    assert [each.artifact_id for each in accepted.only(Inspect).receipts] == [*ORIGINALS, VIDEO]


def test_measurements_alone_are_compared_with_the_chapters():
    case = requiring(LIGHTS)

    assert [each.artifact_id for each in case.only(Inspect).receipts] == [*ORIGINALS]


def test_an_operators_word_opens_the_gate_and_no_other():
    case = open_gates().film(VIDEO, duration_ms=1)
    accepted = case.after(case.picture.session.accepted("the approach alone; I watched it"))

    assert accepted.closed() == {}
    assert accepted.session(held="look first").closed().keys() == {"not-held"}


def test_an_operators_word_is_for_the_present_order_alone():
    accepted = open_gates().picture.session.accepted("I watched it")

    ordered = accepted.ordered(ORDER.wish, NOW)

    assert ordered.order
    assert ordered.order.accepted is None


def test_what_was_read_of_versions_that_are_no_longer_is_forgotten():
    case = open_gates()
    [first, *others] = case.picture.session.films
    stale = case.session(films=(replace(first, version_id="cleaned-long-ago"), *others))

    assert known_films(stale.picture, (first,)) == (first, *others)


def test_a_video_alone_is_compared_with_the_chapters():
    case = requiring(VIDEO).inspected(*LASTING_MS, TOTAL_MS * POLICY.least_video_percent // 100 - 1)

    assert why(case).startswith(f"{VIDEO} lasts 9.0 s")


def test_measurements_alone_that_cover_too_little_keep_the_session():
    case = requiring(LIGHTS).session(films=open_gates().picture.session.films[:2])
    case = reindexed(case, span_ms=TOTAL_MS * POLICY.least_measured_percent // 100 - 1)

    assert why(case).startswith(f"{LIGHTS} covers 5.0 s")


@pytest.mark.parametrize(("frames", "is_open"), [(69_999, False), (70_000, True), (70_001, True)])
def test_of_nineteen_hours_no_frame_may_be_missing(frames: int, is_open: bool):
    case = open_gates().inspected(40_000_000, 30_000_000, 70_000_000)
    case = reindexed(case, frames=frames, span_ms=70_000_000)

    assert (case.closed() == {}) is is_open


def test_long_films_are_told_to_the_tenth_of_a_second():
    case = open_gates().inspected(6_000_000, 4_000_000, 5_000_000)
    case = reindexed(case, span_ms=10_000_000, frames=10_000)

    assert why(case) == f"{VIDEO} lasts 5000.0 s of the 10000.0 s of the chapters, less than 90 %"


def test_a_doubt_ends_after_1000_characters():
    assert len(why(open_gates().film(VIDEO, duration_ms=None, fault="no moov " * 200))) == 1000


def test_a_film_that_was_read_twice_is_known_once():
    case = open_gates()
    films = case.picture.session.films

    assert known_films(case.picture, [films[0]]) == films
