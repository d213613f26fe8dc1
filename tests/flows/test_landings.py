"""Films of clients without checksums: what lands becomes a proven original, and nothing is lost on the way."""

from typing import Any, cast

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import (
    Conflict,
    Finalizing,
    InvalidRequest,
    KeyTaken,
    MultipartGone,
    NotAFilm,
    NotFound,
    NotPermitted,
    PartsMismatch,
    PartsRefused,
    StateConflict,
    StorageBusy,
    TooLarge,
    TooManyRequests,
    UploadGone,
    VersionGone,
)
from chalicelib.core.ids import UploadId
from chalicelib.core.landing import FORM_S, HEARD_S, QUIET_S, SILENCE_S, Landing, LandingState
from chalicelib.core.limits import Limits
from chalicelib.core.order import Wish
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Actor, Policy
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload import UploadState
from chalicelib.flows import landings
from chalicelib.flows.landings import MOST_AT_ONCE, Wanted
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.settle import settle_session
from chalicelib.ports import Change
from tests.support.builders import (
    SESSION_ID,
    MemoryPorts,
    make_picture,
    memory_ports,
    recorded,
)
from tests.support.faults import Fault, When, faulty, lost_races
from tests.support.films import make_film
from tests.support.memory import MemoryRecords, crc64nvme_of, post

OPERATOR = Principal(Role.OPERATOR, "main", None)
POLICY = Policy(part_size_bytes=10)
FILM = make_film(70, 230)
PART = 40
NAME = "GX010042.MP4"
WANTED = Wanted(NAME, "video/mp4")
KEY = f"originals/{SESSION_ID}/000FILMS/{NAME}"


@pytest.fixture
def ports() -> MemoryPorts:
    return memory_ports(policy=POLICY)


def begin(ports: MemoryPorts, wanted: Wanted = WANTED, wish: Wish | None = None) -> Landing:
    return landings.open_parts(ports, OPERATOR, SESSION_ID, wanted, wish)


def cut(body: bytes = FILM, size: int = PART) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


def send(ports: MemoryPorts, landing: Landing, bodies: list[bytes], first: int = 1) -> list[tuple[int, str]]:
    """The parts as a stock client sends them; what it lists at the end."""
    assert landing.multipart_id
    etags = [
        ports.objects.put_part(landing.key, landing.multipart_id, number, body).strip('"')
        for number, body in enumerate(bodies, start=first)
    ]
    return list(enumerate(etags, start=first))


def finish(ports: MemoryPorts, landing: Landing, listed: list[tuple[int, str]]) -> Landing:
    return landings.complete(ports, OPERATOR, SESSION_ID, landing.landing_id, listed)


def land(ports: MemoryPorts, body: bytes = FILM, wanted: Wanted = WANTED) -> Landing:
    landing = begin(ports, wanted)
    return finish(ports, landing, send(ports, landing, cut(body)))


def look(ports: MemoryPorts, landing: Landing) -> Landing:
    return recorded(ports).landing(landing.landing_id)


def round_of(ports: MemoryPorts) -> Picture:
    reconcile(ports, 240)
    return recorded(ports)


def test_the_first_film_begins_its_session_ordered_as_the_deployment_says(ports: MemoryPorts):
    begin(ports, wish=Wish(()))

    session = recorded(ports).session
    assert (session.state, session.device_id) == (SessionState.OPEN, "browser")
    assert session.order
    assert session.order.number == 1
    assert recorded(ports).chapters == ()


def test_what_lands_part_by_part_is_copied_into_its_place_and_gets_a_receipt(ports: MemoryPorts):
    landing = land(ports)

    picture = round_of(ports)

    [film] = picture.chapters
    receipt = picture.receipt(film.artifact_id)
    assert receipt
    assert (film.name, film.size_bytes) == (f"000FILMS/{NAME}", len(FILM))
    assert (receipt.key, receipt.crc64nvme) == (KEY, crc64nvme_of(FILM))
    assert ports.objects.body(KEY) == FILM
    assert look(ports, landing).state is LandingState.DONE


def test_what_landed_is_hidden_once_its_copy_has_a_receipt_and_its_version_stays(ports: MemoryPorts):
    landing = land(ports)
    assert ports.objects.head(landing.key)

    round_of(ports)

    assert ports.objects.head(landing.key) is None
    assert [each.body for each in ports.objects.versions(landing.key) if each.stored] == [FILM]


def test_complete_answers_at_once_and_the_reconciler_does_the_rest(ports: MemoryPorts):
    landing = land(ports)

    assert landing.state is LandingState.MOVED
    assert ports.objects.head(KEY) is None


def test_complete_asked_again_answers_the_same(ports: MemoryPorts):
    landing = begin(ports)
    listed = send(ports, landing, cut())
    first = finish(ports, landing, listed)

    assert finish(ports, landing, listed) == first
    round_of(ports)
    assert finish(ports, landing, listed).state is LandingState.DONE


def test_what_lands_by_a_form_is_found_without_its_client(ports: MemoryPorts):
    form = landings.open_form(ports, OPERATOR, SESSION_ID, WANTED, None)
    post(ports.objects, form.fields, FILM, ports.clock.now())

    picture = round_of(ports)

    assert [each.state for each in picture.landings] == [LandingState.DONE]
    assert ports.objects.body(KEY) == FILM


def test_a_form_is_for_its_own_key_its_type_and_100_mib(ports: MemoryPorts):
    form = landings.open_form(ports, OPERATOR, SESSION_ID, WANTED, None)

    [landing] = recorded(ports).landings
    assert form.fields["key"] == landing.key == f"incoming/{SESSION_ID}/{landing.landing_id}"
    assert form.fields["Content-Type"] == "video/mp4"
    assert form.fields["x-amz-meta-upload-id"] == landing.landing_id


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param((50, 50, 70), id="larger parts after a resume"),
        pytest.param((70, 70, 50, 50), id="smaller parts after a resume"),
        pytest.param((50, 60), id="a last part that is larger than the others"),
    ],
)
def test_parts_of_several_sizes_are_refused_and_all_of_them_stay(ports: MemoryPorts, sizes: tuple[int, ...]):
    landing = begin(ports)
    listed = send(ports, landing, [b"x" * size for size in sizes])

    with pytest.raises(PartsMismatch, match="different sizes"):
        finish(ports, landing, listed)

    assert landing.multipart_id
    assert [
        each.size_bytes for each in ports.objects.landed_parts(landing.key, landing.multipart_id)
    ] == list(sizes)
    assert look(ports, landing).state is LandingState.ARRIVING


def test_a_resume_that_looks_even_but_left_bytes_out_is_refused_by_the_films_boxes(ports: MemoryPorts):
    landing = begin(ports)
    bodies = cut(FILM, PART)
    short = [*bodies[:2], bodies[-1]]  # the last part is that of another, larger cut
    listed = send(ports, landing, short)

    with pytest.raises(NotAFilm, match="not whole"):
        finish(ports, landing, listed)

    assert look(ports, landing).state is LandingState.REFUSED
    assert ports.objects.body(landing.key) == b"".join(short)
    assert recorded(ports).chapters == ()
    with pytest.raises(NotAFilm):
        finish(ports, landing, listed)


def test_every_truncation_of_a_film_is_refused(ports: MemoryPorts):
    for size in range(1, len(FILM)):
        landing = begin(ports)
        with pytest.raises(NotAFilm):
            finish(ports, landing, send(ports, landing, cut(FILM[:size], 1000)))

    assert round_of(ports).chapters == ()


def test_a_part_that_is_missing_is_named(ports: MemoryPorts):
    landing = begin(ports)
    listed = [*send(ports, landing, cut()[:1]), *send(ports, landing, cut()[2:], first=3)]

    with pytest.raises(PartsMismatch) as refused:
        finish(ports, landing, listed)

    assert refused.value.missing == (2,)


@pytest.mark.parametrize("change", ["etag", "lacking", "more"])
def test_a_list_that_differs_from_what_s3_has_is_refused(ports: MemoryPorts, change: str):
    landing = begin(ports)
    listed = send(ports, landing, cut())
    changed = {
        "etag": [(1, "0" * 32), *listed[1:]],
        "lacking": listed[:-1],
        "more": [*listed, (len(listed) + 1, "0" * 32)],
    }

    with pytest.raises(PartsMismatch):
        finish(ports, landing, changed[change])

    assert look(ports, landing).state is LandingState.ARRIVING
    assert finish(ports, landing, listed).state is LandingState.MOVED


@pytest.mark.parametrize("difference", [-1, 1])
def test_another_size_than_the_client_told_is_refused(ports: MemoryPorts, difference: int):
    landing = begin(ports, Wanted(NAME, "video/mp4", len(FILM) + difference))

    with pytest.raises(PartsMismatch, match="bytes where it comes from"):
        finish(ports, landing, send(ports, landing, cut()))


def test_a_broken_film_of_the_size_that_the_client_told_is_footage(ports: MemoryPorts):
    broken = FILM[:-3]

    land(ports, broken, Wanted(NAME, "video/mp4", len(broken)))

    picture = round_of(ports)
    assert [each.is_broken for each in picture.broken_films] == [True]
    assert ports.objects.body(KEY) == broken


def test_a_form_of_another_size_than_the_client_told_never_becomes_a_film(ports: MemoryPorts):
    wanted = Wanted(NAME, "video/mp4", len(FILM) + 1)
    form = landings.open_form(ports, OPERATOR, SESSION_ID, wanted, None)
    post(ports.objects, form.fields, FILM, ports.clock.now())

    picture = round_of(ports)

    [landing] = picture.landings
    assert landing.state is LandingState.REFUSED
    assert ports.objects.body(landing.key) == FILM


def test_what_is_no_film_is_refused(ports: MemoryPorts):
    body = b"<html>" + b"x" * 100

    with pytest.raises(NotAFilm, match="not a film"):
        land(ports, body, Wanted(NAME, "video/mp4", len(body)))


@pytest.mark.parametrize("name", ["notes.txt", "GX010042", ".mp4.exe", "a/b.MP4"])
def test_only_films_are_taken(ports: MemoryPorts, name: str):
    with pytest.raises(InvalidRequest):
        begin(ports, Wanted(name, "video/mp4"))


def test_a_told_size_above_the_limit_is_refused_before_a_byte_is_sent(ports: MemoryPorts):
    limited = replace(ports, limits=Limits(largest_file_bytes=len(FILM) - 1))

    with pytest.raises(TooLarge):
        begin(limited, Wanted(NAME, "video/mp4", len(FILM)))


@pytest.mark.parametrize(("most", "is_taken"), [(len(FILM) - 1, False), (len(FILM), True)])
def test_the_limit_of_a_files_size_holds_for_what_arrived(ports: MemoryPorts, most: int, is_taken: bool):
    limited = replace(ports, limits=Limits(largest_file_bytes=most))
    landing = begin(limited)
    listed = send(limited, landing, cut())

    if is_taken:
        assert finish(limited, landing, listed).landed
    else:
        with pytest.raises(TooLarge):
            finish(limited, landing, listed)


def test_no_more_than_99_films_of_a_session_are_on_their_way(ports: MemoryPorts):
    for number in range(MOST_AT_ONCE):
        begin(ports, Wanted(f"GX01{number:04d}.MP4", "video/mp4"))

    with pytest.raises(TooManyRequests):
        begin(ports)


def test_a_session_of_a_device_takes_no_film_of_a_browser():
    ports = memory_ports(make_picture(), policy=POLICY)

    with pytest.raises(StateConflict, match="do not come from a browser"):
        begin(ports)


@pytest.mark.parametrize("role", [Role.DEVICE, Role.PROCESSOR, Role.VIEWER])
def test_only_operators_land_films(ports: MemoryPorts, role: Role):
    with pytest.raises(NotPermitted):
        landings.open_parts(ports, Principal(role, "main", None), SESSION_ID, WANTED, None)


def test_a_session_of_another_project_does_not_exist_for_the_caller(ports: MemoryPorts):
    landing = begin(ports)

    with pytest.raises(NotFound):
        landings.load_landing(ports, Principal(Role.OPERATOR, "other", None), SESSION_ID, landing.landing_id)


def test_a_cancel_is_undone_by_any_further_call(ports: MemoryPorts):
    landing = begin(ports)
    listed = send(ports, landing, cut())
    landings.cancel(ports, recorded(ports), landing)
    assert look(ports, landing).state is LandingState.CANCELLED
    ports.clock.advance(POLICY.undo_s - 1)
    reconcile(ports, 240)

    assert landings.list_parts(ports, recorded(ports), look(ports, landing))
    assert finish(ports, landing, listed).state is LandingState.MOVED


def test_a_cancelled_landing_loses_its_parts_only_after_the_undo_window(ports: MemoryPorts):
    landing = begin(ports)
    send(ports, landing, cut())
    landings.cancel(ports, recorded(ports), landing)
    ports.clock.advance(POLICY.undo_s)

    round_of(ports)

    assert look(ports, landing).state is LandingState.EXPIRED
    assert list(ports.objects.multiparts("incoming/")) == []
    with pytest.raises(UploadGone):
        landings.sign_part(ports, recorded(ports), look(ports, landing), 1)


def test_a_cancel_after_a_lost_answer_of_complete_loses_nothing(ports: MemoryPorts):
    """Stock Uppy 5 answers a failed complete with DELETE; the object may be whole by then."""
    landing = begin(ports)
    listed = send(ports, landing, cut())
    broken = faulty(ports.objects, Fault("complete_landing", StorageBusy("S3"), when=When.AFTER))
    with pytest.raises(StorageBusy):
        finish(replace(ports, objects=broken), landing, listed)
    landings.cancel(ports, recorded(ports), look(ports, landing))
    ports.clock.advance(POLICY.undo_s)

    round_of(ports)

    assert look(ports, landing).state is LandingState.DONE
    assert ports.objects.body(KEY) == FILM


def test_a_cancel_of_what_has_arrived_changes_nothing(ports: MemoryPorts):
    landing = land(ports)

    landings.cancel(ports, recorded(ports), landing)

    assert look(ports, landing) == landing


@pytest.mark.parametrize("call", [1, 2, 4])
@pytest.mark.parametrize("when", When)
@pytest.mark.parametrize(
    "method",
    ["create_multipart", "copy_part", "complete", "remove", "head", "read_range", "complete_landing"],
)
def test_a_fault_at_any_call_is_made_good_by_the_reconciler(
    ports: MemoryPorts, method: str, when: When, call: int
):
    landing = begin(ports)
    listed = send(ports, landing, cut())
    broken = faulty(ports.objects, Fault(method, StorageBusy("S3"), call=call, when=when))
    tried = replace(ports, objects=broken)
    try:
        finish(tried, landing, listed)
        settle_session_in_vain(tried)
    except (StorageBusy, Finalizing):
        pass

    for _ in range(3):
        ports.clock.advance(400)
        reconcile(ports, 240)
    if look(ports, landing).state is LandingState.ARRIVING:
        finish(ports, landing, listed)
        reconcile(ports, 240)

    assert look(ports, landing).state is LandingState.DONE
    assert ports.objects.body(KEY) == FILM


def settle_session_in_vain(ports: MemoryPorts) -> None:
    settle_session(ports, SESSION_ID, Actor.RECONCILER)


def test_what_landed_stays_while_its_copy_has_no_receipt(ports: MemoryPorts):
    landing = land(ports)
    ports.objects.rot(landing.key)  # S3 copies other bytes than it told the checksum of

    round_of(ports)

    assert look(ports, landing).state is LandingState.MOVED
    assert ports.objects.head(landing.key)
    assert ports.objects.head(KEY) is None


def test_what_landed_stays_when_its_copy_is_rejected(ports: MemoryPorts):
    landing = land(ports)
    ports.clock.advance(POLICY.upload_ttl_s)
    ports.objects.rot(landing.key)

    picture = round_of(ports)
    picture = round_of(ports)

    assert picture.upload(look(ports, landing).upload_id or UploadId("")).state is UploadState.EXPIRED
    assert look(ports, landing).state is LandingState.REFUSED
    assert ports.objects.head(landing.key)


def test_another_object_that_came_to_the_landing_meanwhile_is_not_removed(ports: MemoryPorts):
    form = landings.open_form(ports, OPERATOR, SESSION_ID, WANTED, None)
    post(ports.objects, form.fields, FILM, ports.clock.now())
    [opened] = recorded(ports).landings
    settle_session(ports, SESSION_ID, Actor.API, landing_id=opened.landing_id)
    post(ports.objects, form.fields, b"sent again, and cut short", ports.clock.now())

    round_of(ports)

    assert look(ports, opened).state is LandingState.DONE
    assert ports.objects.body(KEY) == FILM
    assert ports.objects.head(opened.key)


def test_the_same_film_again_is_the_same_film(ports: MemoryPorts):
    land(ports)
    round_of(ports)
    again = land(ports)

    picture = round_of(ports)

    assert look(ports, again).state is LandingState.DONE
    assert len(picture.chapters) == 1
    assert len(picture.uploads) == 1


def test_another_film_of_the_same_name_is_refused_and_kept(ports: MemoryPorts):
    land(ports)
    round_of(ports)
    other = make_film(71, 230)

    with pytest.raises(NotAFilm, match="another film of the name"):
        land(ports, other)

    [refused] = [each for each in recorded(ports).landings if each.state is LandingState.REFUSED]
    assert ports.objects.body(refused.key) == other
    assert ports.objects.body(KEY) == FILM


def test_several_films_of_a_session_each_get_their_receipt(ports: MemoryPorts):
    names = [f"GX01000{number}.MP4" for number in range(4)]
    for name in names:
        form = landings.open_form(ports, OPERATOR, SESSION_ID, Wanted(name, "video/mp4"), None)
        post(ports.objects, form.fields, FILM, ports.clock.now())

    picture = round_of(ports)

    assert [each.filename for each in picture.chapters] == names
    assert picture.missing == ()


def test_a_session_is_not_stored_while_films_may_still_come(ports: MemoryPorts):
    first, second = begin(ports), begin(ports, Wanted("GX020042.MP4", "video/mp4"))
    finish(ports, first, send(ports, first, cut()))
    ports.clock.advance(QUIET_S)
    assert round_of(ports).session.state is SessionState.OPEN

    finish(ports, second, send(ports, second, cut(make_film(71, 230))))
    ports.clock.advance(QUIET_S - 1)
    picture = round_of(ports)
    assert (picture.session.state, picture.missing) == (SessionState.OPEN, ())

    ports.clock.advance(1)
    assert round_of(ports).session.state is SessionState.STORED


def test_a_client_that_began_again_with_the_same_file_keeps_no_session_open(ports: MemoryPorts):
    begin(ports)
    land(ports)
    ports.clock.advance(QUIET_S)

    assert round_of(ports).session.state is SessionState.STORED


@pytest.mark.parametrize(("after_s", "state"), [(-1, LandingState.ARRIVING), (0, LandingState.EXPIRED)])
def test_a_landing_whose_client_went_silent_ends_after_a_day(
    ports: MemoryPorts, after_s: int, state: LandingState
):
    landing = begin(ports)
    send(ports, landing, cut())
    ports.clock.advance(SILENCE_S + after_s)

    round_of(ports)

    assert look(ports, landing).state is state
    assert bool(list(ports.objects.multiparts("incoming/"))) == (state is LandingState.ARRIVING)


@pytest.mark.parametrize(("after_s", "state"), [(-1, LandingState.ARRIVING), (0, LandingState.EXPIRED)])
def test_a_form_that_nobody_sent_ends_after_two_hours(ports: MemoryPorts, after_s: int, state: LandingState):
    landings.open_form(ports, OPERATOR, SESSION_ID, WANTED, None)
    ports.clock.advance(FORM_S + after_s)

    [landing] = round_of(ports).landings

    assert landing.state is state


def test_a_client_that_is_heard_from_has_another_day(ports: MemoryPorts):
    landing = begin(ports)
    ports.clock.advance(SILENCE_S - 1)
    landings.sign_part(ports, recorded(ports), look(ports, landing), 1)
    ports.clock.advance(SILENCE_S - 1)

    round_of(ports)

    assert look(ports, landing).state is LandingState.ARRIVING


def test_part_after_part_is_signed_without_a_write(ports: MemoryPorts):
    landing = begin(ports)
    version = recorded(ports).session.version

    for number in (1, 2, 3):
        landings.sign_part(ports, recorded(ports), look(ports, landing), number)

    assert recorded(ports).session.version == version


@pytest.mark.parametrize("number", [0, 10_001])
def test_a_parts_number_is_1_to_10000(ports: MemoryPorts, number: int):
    landing = begin(ports)

    with pytest.raises(InvalidRequest):
        landings.sign_part(ports, recorded(ports), landing, number)


def test_a_stored_session_takes_no_more_films(ports: MemoryPorts):
    land(ports)
    ports.clock.advance(QUIET_S)
    assert round_of(ports).session.state is SessionState.STORED

    with pytest.raises(StateConflict, match="takes no more films"):
        begin(ports, Wanted("GX020042.MP4", "video/mp4"))


def test_two_who_write_the_session_at_once_both_have_their_landings(ports: MemoryPorts):
    begin(ports, Wanted("GX020042.MP4", "video/mp4"))
    broken = faulty(ports.records, Fault("write", Conflict("another"), call=1, when=When.BEFORE))

    begin(replace(ports, records=broken))

    assert len(recorded(ports).landings) == 2
    assert len(list(ports.objects.multiparts("incoming/"))) == 2


def test_a_landing_whose_write_lost_its_answer_alone_keeps_its_parts(ports: MemoryPorts):
    begin(ports, Wanted("GX020042.MP4", "video/mp4"))
    lossy = faulty(ports.records, Fault("write", Conflict("the answer was lost"), when=When.AFTER))

    again = begin(replace(ports, records=lossy))

    on_record = {each.multipart_id for each in recorded(ports).landings}
    assert again.multipart_id in on_record
    assert {each.multipart_id for each in ports.objects.multiparts("incoming/")} == on_record


def test_two_who_begin_the_same_session_at_once_share_it(ports: MemoryPorts):
    class Rival:
        """A table in which another client begins the session just before this one."""

        def __getattr__(self, name: str) -> Any:
            return getattr(ports.records, name)

        def write(self, change: Change) -> None:
            if ports.records.picture(SESSION_ID) is None:
                begin(ports, Wanted("GX020042.MP4", "video/mp4"))
            ports.records.write(change)

    begin(replace(ports, records=cast(MemoryRecords, Rival())))

    assert [each.filename for each in recorded(ports).landings] == ["GX020042.MP4", NAME]


def test_what_has_arrived_lists_no_parts(ports: MemoryPorts):
    landing = land(ports)

    assert landings.list_parts(ports, recorded(ports), landing) == ()


def test_parts_that_s3_has_ended_are_gone_for_who_lists_them(ports: MemoryPorts):
    landing = begin(ports)
    ports.objects.abort(landing.key, landing.multipart_id or "")

    with pytest.raises(UploadGone, match="S3 ended this upload; begin again"):
        landings.list_parts(ports, recorded(ports), landing)


def test_a_landing_of_a_session_that_is_not_there_does_not_exist(ports: MemoryPorts):
    with pytest.raises(NotFound):
        landings.load_landing(ports, OPERATOR, SESSION_ID, UploadId("u_none"))


def test_who_is_heard_of_while_others_write_the_session_may_ask_again(ports: MemoryPorts):
    landing = begin(ports)
    ports.clock.advance(HEARD_S)

    with pytest.raises(StorageBusy, match="ask again"):
        landings.sign_part(lost_races(ports, 1), recorded(ports), landing, 1)

    assert look(ports, landing) == landing


def test_a_form_has_no_parts_to_sign(ports: MemoryPorts):
    landings.open_form(ports, OPERATOR, SESSION_ID, WANTED, None)
    [form] = recorded(ports).landings

    with pytest.raises(StateConflict, match="one form, and has no parts"):
        landings.sign_part(ports, recorded(ports), form, 1)


def test_no_part_of_what_has_arrived_is_signed(ports: MemoryPorts):
    landing = land(ports)

    with pytest.raises(UploadGone, match="has arrived; nothing more is needed"):
        landings.sign_part(ports, recorded(ports), landing, 1)


def test_who_completes_before_any_part_has_arrived_hears_that(ports: MemoryPorts):
    landing = begin(ports)

    with pytest.raises(PartsMismatch, match=f"no part of {NAME} has arrived"):
        finish(ports, landing, [(1, "0" * 32)])

    assert look(ports, landing) == landing


def test_who_completes_what_is_over_hears_why(ports: MemoryPorts):
    landing = begin(ports)
    ports.clock.advance(SILENCE_S)
    reason = round_of(ports).landing(landing.landing_id).reason

    with pytest.raises(UploadGone, match=f"this upload is over: {reason}; begin again"):
        finish(ports, landing, [(1, "0" * 32)])


def test_who_completes_while_s3_assembles_may_ask_again(ports: MemoryPorts):
    landing = begin(ports)
    listed = send(ports, landing, cut())
    ports.objects.abort(landing.key, landing.multipart_id or "")

    with pytest.raises(Finalizing, match="still assembling this film"):
        finish(ports, landing, listed)


@pytest.mark.parametrize("error", [MultipartGone("no such upload"), KeyTaken("an object is there")])
def test_a_landing_that_another_call_has_assembled_is_taken_as_it_is(ports: MemoryPorts, error: Exception):
    landing = begin(ports)
    listed = send(ports, landing, cut())
    taken = faulty(ports.objects, Fault("complete_landing", error, when=When.AFTER))

    assert finish(replace(ports, objects=taken), landing, listed).state is LandingState.MOVED
    assert ports.objects.body(landing.key) == FILM


def test_parts_of_a_landing_that_s3_refuses_to_assemble_are_to_be_sent_again(ports: MemoryPorts):
    landing = begin(ports)
    listed = send(ports, landing, cut())
    refusing = faulty(ports.objects, Fault("complete_landing", PartsRefused("too small", "EntityTooSmall")))

    with pytest.raises(PartsMismatch, match=r"S3 refused to assemble the parts of .* \(EntityTooSmall\)"):
        finish(replace(ports, objects=refusing), landing, listed)

    assert finish(ports, landing, listed).state is LandingState.MOVED


def test_what_landed_and_is_gone_while_it_is_read_is_judged_by_the_next_look(ports: MemoryPorts):
    landing = begin(ports)
    listed = send(ports, landing, cut())
    gone = faulty(ports.objects, Fault("read_range", VersionGone("gone")))

    with pytest.raises(Finalizing):
        finish(replace(ports, objects=gone), landing, listed)

    assert finish(ports, landing, listed).state is LandingState.MOVED
