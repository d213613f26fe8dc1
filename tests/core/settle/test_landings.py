"""What is owed to what lands: judged, given its place, copied, and removed only once its copy is proven."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.chapter import MOST_FILMS, Chapter
from chalicelib.core.film import Film, NoFilm
from chalicelib.core.ids import UploadId
from chalicelib.core.keys import BROWSER_FILMS
from chalicelib.core.landing import (
    CANCELLED,
    FORM_S,
    QUIET_S,
    SILENCE_S,
    Landed,
    Landing,
    LandingState,
)
from chalicelib.core.session import SessionState
from chalicelib.core.settle import (
    AbortLanding,
    Action,
    DropLanding,
    EndLanding,
    Facts,
    Land,
    LandingSeen,
    MoveLanding,
    RefuseLanding,
    Store,
    due_landings,
    look_again_at,
    must_judge,
)
from chalicelib.core.upload import StoredObject
from tests.core.settle.cases import (
    CHAPTERS,
    OTHER_CRC,
    POLICY,
    START,
    Case,
    crc_of,
    intended,
    open_gates,
    stored_session,
    upload_of,
    verified,
)
from tests.support.builders import make_picture

FIRST, SECOND = UploadId("l_1"), UploadId("l_2")
COPY = UploadId("u_copy")
SIZE = 25
LATER = START + timedelta(days=2)


def landing(landing_id: UploadId = FIRST, **changes) -> Landing:
    """A landing of parts, on its way since START."""
    usual = Landing(
        landing_id,
        f"{landing_id}.mp4",
        f"incoming/{landing_id}",
        "video/mp4",
        START,
        START,
        told_bytes=SIZE,
        multipart_id="multipart",
    )
    return replace(usual, **changes)


def object_of(each: Landing, **changes) -> StoredObject:
    """What landed."""
    stored = StoredObject(
        each.key, SIZE, None, '"etag"', f"version-of-{each.landing_id}", each.landing_id, START
    )
    return replace(stored, **changes)


def film_of(each: Landing) -> Chapter:
    return Chapter(BROWSER_FILMS, each.filename, SIZE)


def whole(each: Landing) -> Film:
    return Film(film_of(each).artifact_id, object_of(each).version_id, 1_000)


def landed(landing_id: UploadId = FIRST, **changes) -> Landing:
    """A landing whose object is on record."""
    return replace(landing(landing_id).landed_as(object_of(landing(landing_id))), **changes)


def moved(landing_id: UploadId = FIRST, **changes) -> Landing:
    return replace(landed(landing_id).moved(COPY), **changes)


def case_of(*landings: Landing, now: datetime = START, chapters: tuple[Chapter, ...] = (), **session) -> Case:
    """A session of a browser whose landings were looked at, with nothing on their keys."""
    picture = replace(make_picture(chapters=chapters, **session), landings=landings)
    seen = {each.landing_id: LandingSeen(None) for each in landings}
    return Case(picture, Facts(landings=seen), now, replace(POLICY, checks_films=True))


def showing(case: Case, each: Landing, film: Film | NoFilm | None = None, **changes) -> Case:
    """This case with the landing's object in S3."""
    return case.told(
        landings={**case.facts.landings, each.landing_id: LandingSeen(object_of(each, **changes), film)}
    )


def copied(case: Case, each: Landing, **changes) -> Case:
    """This case with the upload that copies what landed."""
    artifact_id = film_of(each).artifact_id
    case = case.recorded(chapters=(*case.picture.chapters, film_of(each)))
    return case.uploaded(upload_of(case.picture, artifact_id, SIZE, upload_id=COPY, **changes))


def proven(case: Case, each: Landing, **changes) -> Case:
    """This case with a receipt for what the upload copied."""
    case = copied(case, each)
    return case.uploaded(verified(case.picture.upload(COPY), **changes))


# what arrived


def test_what_landed_whole_is_recorded_as_it_is():
    case = showing(case_of(landing()), landing(), whole(landing()))

    assert case.only(Land) == Land(FIRST, object_of(landing()))


@pytest.mark.parametrize("state", [LandingState.ARRIVING, LandingState.CANCELLED])
def test_what_arrives_after_a_cancel_is_not_lost(state: LandingState):
    each = landing(state=state, reason=CANCELLED, ended_at=START)

    assert showing(case_of(each), each, whole(each)).kinds() == ["Land"]


@pytest.mark.parametrize(
    "changes", [{"upload_id": UploadId("u_other")}, {"upload_id": None}, {"key": "incoming/x"}]
)
def test_an_object_of_somebody_else_is_not_what_landed(changes):
    assert showing(case_of(landing()), landing(), whole(landing()), **changes).kinds() == []


@pytest.mark.parametrize("checks_films", [True, False])
@pytest.mark.parametrize("told_bytes", [SIZE, None])
def test_bytes_that_could_not_be_read_are_read_at_the_next_look(checks_films: bool, told_bytes: int | None):
    each = landing(told_bytes=told_bytes)
    case = showing(case_of(each), each)
    case = replace(case, policy=replace(case.policy, checks_films=checks_films))

    must_wait = checks_films or told_bytes is None
    assert must_judge(each, case.policy) is must_wait
    assert case.kinds() == ([] if must_wait else ["Land"])


@pytest.mark.parametrize("state", [LandingState.LANDED, LandingState.MOVED, LandingState.DONE])
def test_bytes_are_judged_once(state: LandingState):
    assert not must_judge(landed(state=state, told_bytes=None), POLICY)


def test_what_is_no_film_is_refused_and_stays():
    case = showing(case_of(landing()), landing(), NoFilm("text"))

    assert case.only(RefuseLanding) == RefuseLanding(FIRST, "l_1.mp4 is not a film: text")


@pytest.mark.parametrize(("told", "is_refused"), [(SIZE - 1, True), (SIZE, False), (SIZE + 1, True)])
def test_another_size_than_was_told_is_refused(told: int, is_refused: bool):
    each = landing(told_bytes=told)
    case = showing(case_of(each), each, whole(each))

    assert case.kinds() == (["RefuseLanding"] if is_refused else ["Land"])


def test_a_broken_film_is_refused_only_where_no_size_was_told():
    broken = replace(whole(landing()), is_broken=True, fault="no moov")
    untold = landing(told_bytes=None)

    assert showing(case_of(landing()), landing(), broken).kinds() == ["Land"]
    assert "not whole: no moov" in showing(case_of(untold), untold, broken).only(RefuseLanding).reason


# what does not arrive


@pytest.mark.parametrize(("seconds", "is_over"), [(-1, False), (0, True), (1, True)])
def test_a_landing_ends_when_its_client_was_not_heard_for_a_day(seconds: int, is_over: bool):
    each = landing(heard_at=START + timedelta(hours=1))
    case = case_of(each, now=each.heard_at + timedelta(seconds=SILENCE_S + seconds))

    ended = (EndLanding(FIRST, "its client was not heard from any more"),)
    assert case.owed() == (ended if is_over else ())


@pytest.mark.parametrize(("seconds", "is_over"), [(-1, False), (0, True), (1, True)])
def test_a_form_ends_two_hours_after_it_was_opened(seconds: int, is_over: bool):
    each = landing(multipart_id=None, heard_at=START + timedelta(hours=1))
    case = case_of(each, now=START + timedelta(seconds=FORM_S + seconds))

    assert case.kinds() == (["EndLanding"] if is_over else [])


@pytest.mark.parametrize(("seconds", "is_over"), [(-1, False), (0, True), (1, True)])
def test_a_cancel_ends_with_its_undo_window(seconds: int, is_over: bool):
    cancelled_at = START + timedelta(hours=3)
    each = landing().cancelled(cancelled_at)
    case = case_of(each, now=cancelled_at + timedelta(seconds=POLICY.undo_s + seconds))

    assert case.owed() == ((EndLanding(FIRST, CANCELLED),) if is_over else ())


def test_an_undo_window_of_which_nobody_knows_since_when_begins_with_the_landing():
    each = landing(state=LandingState.CANCELLED)
    ends_at = START + timedelta(seconds=POLICY.undo_s)

    assert case_of(each, now=ends_at - timedelta(seconds=1)).kinds() == []
    assert case_of(each, now=ends_at).only(EndLanding).reason == ""


def test_parts_are_aborted_only_after_the_end_is_on_record():
    ended = landing().ended("its client was not heard from any more", LATER)

    assert case_of(ended, now=LATER).only(AbortLanding) == AbortLanding(FIRST)
    assert case_of(ended.aborted(), now=LATER).kinds() == []


def test_of_a_landing_that_was_not_looked_at_nothing_is_decided():
    case = case_of(landing(), landed(SECOND), now=LATER).told(landings={SECOND: LandingSeen(None)})

    assert case.only(MoveLanding).landing_id == SECOND


# its place


def test_what_landed_gets_its_place_in_an_open_session():
    assert case_of(landed()).only(MoveLanding) == MoveLanding(FIRST)


def test_one_film_at_a_time_gets_its_place_and_everything_else_continues():
    ended = landing(UploadId("l_3")).ended("silence", START)
    case = case_of(landed(FIRST), landed(SECOND), ended)

    assert case.owed() == (MoveLanding(FIRST), AbortLanding(ended.landing_id))


def test_a_film_that_waits_for_another_upload_keeps_no_other_from_its_place():
    each = landed(FIRST)
    case = copied(case_of(each, landed(SECOND)), each)

    assert MoveLanding(SECOND) in case.owed()
    assert MoveLanding(FIRST) not in case.owed()


def test_a_film_of_the_size_that_the_session_waits_for_gets_its_place():
    each = landed()

    assert case_of(each, chapters=(film_of(each),)).kinds() == ["MoveLanding"]


@pytest.mark.parametrize("size_bytes", [SIZE - 1, SIZE + 1])
def test_a_film_of_another_size_than_the_session_waits_for_is_refused_and_stays(size_bytes: int):
    each = landed()
    waits_for = replace(film_of(each), size_bytes=size_bytes)
    refusal = case_of(each, chapters=(waits_for,)).only(RefuseLanding)

    assert refusal.landing_id == FIRST
    assert f"waits for a film l_1.mp4 of {size_bytes} bytes, and this one has {SIZE}" in refusal.reason


def test_the_same_film_again_gets_its_place_although_the_session_takes_no_more_films():
    each = landed()
    case = proven(case_of(each, state=SessionState.STORED), each)

    assert case.only(MoveLanding) == MoveLanding(FIRST)


def test_another_film_of_a_name_that_is_verified_is_refused_and_stays():
    each = landed(landed=Landed("version", '"etag"', SIZE, OTHER_CRC))
    case = proven(case_of(each), each)

    assert "another film of the name l_1.mp4" in case.only(RefuseLanding).reason


@pytest.mark.parametrize("state", [state for state in SessionState if state is not SessionState.OPEN])
def test_a_session_that_is_not_open_takes_no_film(state: SessionState):
    refusals = [
        action for action in case_of(landed(), state=state).owed() if isinstance(action, RefuseLanding)
    ]

    assert [each.landing_id for each in refusals] == [FIRST]
    assert f"the session is {state.value} and takes no more films" in refusals[0].reason


@pytest.mark.parametrize(("films", "kind"), [(-1, MoveLanding), (0, RefuseLanding), (1, RefuseLanding)])
def test_a_session_has_no_more_films_than_one_transaction_writes(films: int, kind: type[Action]):
    chapters = tuple(Chapter(BROWSER_FILMS, f"{n}.mp4", SIZE) for n in range(MOST_FILMS + films))
    case = case_of(landed(), chapters=chapters)

    assert isinstance(case.only(kind), kind)


def test_a_film_that_a_full_session_waits_for_gets_its_place():
    each = landed()
    others = tuple(Chapter(BROWSER_FILMS, f"{n}.mp4", SIZE) for n in range(MOST_FILMS - 1))

    assert case_of(each, chapters=(*others, film_of(each))).kinds() == ["MoveLanding"]


# once it moved


def test_what_landed_is_removed_exactly_once_its_copy_has_a_receipt():
    each = moved()
    case = showing(proven(case_of(each), each), each)

    assert DropLanding(FIRST, object_of(each)) in case.owed()


def test_what_is_gone_already_needs_no_marker():
    each = moved()

    assert DropLanding(FIRST, None) in proven(case_of(each), each).owed()


def test_what_landed_stays_while_its_copy_is_under_way():
    each = moved()

    assert [a for a in copied(case_of(each), each).owed() if isinstance(a, DropLanding | RefuseLanding)] == []


@pytest.mark.parametrize("end", ["rejected", "expired"])
def test_what_landed_stays_when_its_copy_ended_without_a_receipt(end: str):
    each = moved()
    case = copied(case_of(each), each)
    upload = case.picture.upload(COPY)
    case = case.uploaded(getattr(upload, end)("the copy failed", START))

    [refusal] = [action for action in case.owed() if isinstance(action, RefuseLanding | DropLanding)]
    assert refusal == RefuseLanding(FIRST, "its copy ended without a receipt: the copy failed")


@pytest.mark.parametrize(
    "known",
    [
        Landed("v", '"e"', SIZE, OTHER_CRC),
        Landed("v", '"e"', SIZE + 1, None),
        Landed("v", '"e"', SIZE - 1, None),
    ],
    ids=["another checksum", "a byte more", "a byte fewer"],
)
def test_a_receipt_for_other_bytes_removes_nothing(known: Landed):
    each = moved(landed=known)

    assert not [a for a in proven(case_of(each), each).owed() if isinstance(a, DropLanding)]


def test_a_receipt_for_the_checksum_that_landed_removes_it():
    crc = crc_of(film_of(landing()).artifact_id)
    each = moved(landed=Landed("v", '"e"', SIZE, crc))

    assert DropLanding(FIRST, None) in proven(case_of(each), each).owed()


def test_of_films_that_moved_each_is_judged_by_its_own_copy():
    """The copy of the first has its receipt; that of the second is under way."""
    first, second = moved(FIRST), moved(SECOND, upload_id=UploadId("u_other"))
    case = proven(case_of(first, second), first)
    other = film_of(second)
    case = case.recorded(chapters=(*case.picture.chapters, other))
    case = case.uploaded(upload_of(case.picture, other.artifact_id, SIZE, upload_id=UploadId("u_other")))

    dropped = [action.landing_id for action in case.owed() if isinstance(action, DropLanding)]
    assert dropped == [FIRST]


# when to look


def due(case: Case) -> list[UploadId]:
    return [each.landing_id for each in due_landings(case.picture, case.now, case.policy)]


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_a_landing_is_due_when_its_client_counts_as_gone(seconds: int):
    case = case_of(landing(), now=START + timedelta(seconds=SILENCE_S + seconds))

    assert due(case) == ([FIRST] if seconds >= 0 else [])
    assert case.due() == START + timedelta(seconds=SILENCE_S)


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_a_cancelled_landing_is_due_when_it_can_be_undone_no_longer(seconds: int):
    each = landing().cancelled(START)
    case = case_of(each, now=START + timedelta(seconds=POLICY.undo_s + seconds))

    assert due(case) == ([FIRST] if seconds >= 0 else [])
    assert case.due() == START + timedelta(seconds=POLICY.undo_s)


@pytest.mark.parametrize(
    "each",
    [landing(multipart_id=None), landing(completing_at=START), landed(), landing().ended("silence", START)],
    ids=["a form", "being completed", "landed", "parts to be aborted"],
)
def test_what_no_call_reports_is_due_at_once(each: Landing):
    case = case_of(each)

    assert due(case) == [FIRST]
    assert case.due() == case.now
    assert look_again_at(case.picture, case.now, case.policy) == case.now


@pytest.mark.parametrize("state", [LandingState.DONE, LandingState.REFUSED, LandingState.EXPIRED])
def test_a_landing_that_is_over_is_never_due(state: LandingState):
    case = case_of(landing(state=state))

    assert due(case) == []
    assert case.due() is None


def test_a_landing_whose_copy_is_under_way_is_due_with_that_copy():
    each = moved()
    case = copied(case_of(each), each, look_at=LATER)

    assert due(case) == []
    assert case.due() == LATER


@pytest.mark.parametrize("is_live", [True, False])
def test_a_copy_of_another_film_that_is_under_way_keeps_no_landing_waiting(is_live: bool):
    each = moved(upload_id=UploadId("u_ended"))
    case = copied(case_of(each), each)
    if not is_live:
        case = case.uploaded(case.picture.upload(COPY).rejected("no", START))

    assert due(case) == [FIRST]


# whether more films may come


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_a_session_is_stored_once_its_clients_were_quiet_for_a_while(seconds: int):
    each = landed(state=LandingState.DONE)
    case = proven(case_of(each, now=START + timedelta(seconds=QUIET_S + seconds)), each)

    assert (Store() in case.owed()) is (seconds >= 0)
    assert case.due() == START + timedelta(seconds=QUIET_S)


def test_a_session_is_not_stored_while_a_film_waits_for_its_place():
    each, other = landed(state=LandingState.DONE), landed(SECOND)
    case = proven(case_of(each, other, now=LATER), each)

    assert Store() not in case.owed()
    assert Store() in case.recorded(landings=(each,)).owed()


def test_a_session_without_landings_is_stored_at_once():
    case = stored_session().session(state=SessionState.OPEN)

    assert case.kinds() == ["Store"]
    assert case.due() == case.now


@pytest.mark.parametrize(
    "change",
    [
        lambda case: case.session(state=SessionState.STORED),
        lambda case: case.recorded(chapters=()),
        lambda case: case.recorded(chapters=(*case.picture.chapters, CHAPTERS[0])),
    ],
    ids=["stored already", "no film", "a film is missing"],
)
def test_only_an_open_session_whose_films_are_all_home_is_due_to_be_stored(change: Callable[[Case], Case]):
    each = landed(state=LandingState.DONE)
    case = change(proven(case_of(each), each))

    assert START + timedelta(seconds=QUIET_S) not in (case.due(), case.at(1).due())


# beside a cleanup


def test_while_originals_are_removed_nothing_is_decided_about_landings():
    for case in (open_gates(), intended()):
        ended = landing().ended("silence", START)
        with_landing = case.recorded(landings=(ended,)).told(landings={FIRST: LandingSeen(None)})

        assert set(with_landing.kinds()) <= {"PlanCleanup", "Clean"}
        assert with_landing.owed() == case.owed()
