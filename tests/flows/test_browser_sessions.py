"""Sessions whose films come from a browser: who opens them, who adds films, who takes one back."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.chapter import MOST_FILMS, Chapter
from chalicelib.core.errors import (
    Conflict,
    Finalizing,
    InvalidRequest,
    NotAFilm,
    NotFound,
    NotPermitted,
    SessionDiffers,
    StateConflict,
    TooLarge,
    TooManyRequests,
)
from chalicelib.core.evidence import Level
from chalicelib.core.ids import BROWSER, ArtifactId, SessionId, TokenId
from chalicelib.core.keys import BROWSER_FILMS
from chalicelib.core.limits import Limits, Quota
from chalicelib.core.order import wish
from chalicelib.core.session import Camera, Origin, SessionState
from chalicelib.core.tokens import ALL_PROJECTS, Principal, Role
from chalicelib.core.upload import UploadState
from chalicelib.flows import browser_sessions, completion, operations, sessions, uploads
from chalicelib.flows.reconcile import reconcile
from tests.support.builders import (
    DEVICE_ID,
    POLICY,
    SESSION_ID,
    START,
    claim_of,
    make_bodies,
    make_chapter,
    make_picture,
    memory_ports,
    recorded,
)
from tests.support.faults import Fault, When, faulty
from tests.support.memory import crc64nvme_of, deliver

OPERATOR = Principal(Role.OPERATOR, "main", None, TokenId("t_op"))
EVERYWHERE = Principal(Role.OPERATOR, ALL_PROJECTS, None, TokenId("t_all"))
ELSEWHERE = Principal(Role.OPERATOR, "club", None, TokenId("t_club"))
PROCESSOR = Principal(Role.PROCESSOR, "main", None, TokenId("t_prc"))
DEVICE = Principal(Role.DEVICE, "main", DEVICE_ID, TokenId("t_dev"))
NAMED_BROWSER = Principal(Role.DEVICE, "club", BROWSER, TokenId("t_odd"))
CAMERA = Camera("browser")
FIRST = Chapter(BROWSER_FILMS, "GX010038.MP4", 25)


def film(number: int = 1, size_bytes: int = 25, filename: str | None = None, **changes) -> Chapter:
    return Chapter(BROWSER_FILMS, filename or f"GX{number:02d}0038.MP4", size_bytes, **changes)


def confirm(ports, films=(FIRST,), principal=OPERATOR, camera=CAMERA, group=None, asked=None):
    return browser_sessions.confirm_films(ports, principal, SESSION_ID, camera, group, films, asked)


def opened(ports, each=None, principal=OPERATOR):
    each = each or film()
    view, _ = uploads.open_upload(ports, principal, SESSION_ID, each.artifact_id, each.size_bytes, None)
    return view.upload


def send(ports, upload, principal=OPERATOR):
    """All parts of `upload`, claimed, at the addresses that the coordinator signs for the caller."""
    bodies = make_bodies(upload.plan)
    wanted = [(number, crc64nvme_of(body)) for number, body in bodies.items()]
    for url in uploads.sign_parts(ports, principal, upload.upload_id, wanted, claim_of(upload.plan)):
        deliver(ports.objects, url.url, url.headers, bodies[url.number], ports.clock.now())


def brought(ports, each=None):
    """The verified upload of a film."""
    upload = opened(ports, each)
    send(ports, upload)
    return completion.complete_upload(ports, OPERATOR, upload.upload_id, None).upload


def test_an_operator_opens_a_session_of_a_browser():
    ports = memory_ports()

    picture, is_new = confirm(ports, (film(1), film(2)), group="match-17")

    assert is_new
    assert recorded(ports) == picture
    assert picture.session.origin is Origin.BROWSER
    assert (picture.session.device_id, picture.session.camera, picture.session.group) == (
        BROWSER,
        CAMERA,
        "match-17",
    )
    assert picture.chapters == (film(1), film(2))


@pytest.mark.parametrize("principal", [OPERATOR, EVERYWHERE])
def test_the_same_films_again_change_nothing(principal):
    ports = memory_ports()
    before, _ = confirm(ports)

    assert confirm(ports, principal=principal) == (before, False)


def test_a_session_whose_reply_was_lost_is_confirmed_by_the_second_request():
    ports = memory_ports()
    lossy = replace(ports, records=faulty(ports.records, Fault("write", Conflict("lost"), when=When.AFTER)))

    picture, is_new = confirm(lossy)

    assert (picture.chapters, is_new) == ((film(),), False)


@pytest.mark.parametrize("principal", [DEVICE, PROCESSOR])
def test_others_than_operators_open_none(principal):
    with pytest.raises(NotPermitted):
        confirm(memory_ports(), principal=principal)


def test_an_operator_of_another_project_opens_none_here():
    with pytest.raises(NotFound):
        confirm(memory_ports(), principal=ELSEWHERE)


@pytest.mark.parametrize("directory", ["100GOPRO", "000OLDER", "000FILMs"])
def test_a_browsers_film_is_in_the_directory_that_no_card_has(directory):
    ports = memory_ports()

    with pytest.raises(InvalidRequest, match=BROWSER_FILMS):
        confirm(ports, (Chapter(directory, "GX010038.MP4", 25),))

    assert ports.records.picture(SESSION_ID) is None


@pytest.mark.parametrize(
    ("count", "is_taken"), [(MOST_FILMS - 1, True), (MOST_FILMS, True), (MOST_FILMS + 1, False)]
)
def test_a_browsers_session_has_at_most_so_many_films(count, is_taken):
    ports = memory_ports()
    films = tuple(film(number) for number in range(1, count + 1))

    if is_taken:
        assert confirm(ports, films)[0].chapters == films
    else:
        with pytest.raises(InvalidRequest, match=str(MOST_FILMS)):
            confirm(ports, films)


def test_films_are_added_while_the_session_is_open_and_put_in_the_order_of_the_request():
    ports = memory_ports()
    confirm(ports, (film(2),))
    upload = opened(ports, film(2))

    picture, is_new = confirm(ports, (film(1), film(2), film(3)))

    assert not is_new
    assert picture.chapters == (film(1), film(2), film(3))
    assert recorded(ports) == picture
    assert recorded(ports).upload(upload.upload_id).state is UploadState.OPEN


def test_what_is_added_is_in_the_trail():
    ports = memory_ports()
    confirm(ports)
    confirm(ports, (film(1), film(2)))

    steps = [step for entry in ports.records.entries for step in entry.steps if step.thing == "film"]

    assert [(step.name, step.before, step.after) for step in steps] == [(film(2).name, None, "LISTED")]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"films": (film(2),)}, "GX010038.MP4 is on record and not in the request"),
        ({"films": (film(1, 26),)}, "chapter 1, size_bytes: 25 here, 26"),
        ({"films": (film(1, created=1), film(2))}, "chapter 1, created"),
        ({"camera": Camera("C3501324500711")}, "camera serial"),
        ({"group": "match-17"}, "group"),
    ],
)
def test_a_request_that_says_something_else_changes_nothing(changes, told):
    ports = memory_ports()
    before, _ = confirm(ports)

    with pytest.raises(SessionDiffers) as refusal:
        confirm(ports, **changes)

    assert any(told in difference for difference in refusal.value.differences)
    assert recorded(ports) == before


def test_a_stored_session_takes_no_more_films():
    ports = memory_ports()
    confirm(ports)
    brought(ports)
    before = recorded(ports)
    assert before.session.state is SessionState.STORED

    with pytest.raises(StateConflict, match="STORED and takes no more films"):
        confirm(ports, (film(1), film(2)))

    assert confirm(ports) == (before, False)


def test_the_session_of_a_device_is_none_of_a_browsers():
    ports = memory_ports(make_picture())
    before = recorded(ports)

    with pytest.raises(SessionDiffers, match="none of a browser's"):
        confirm(ports)

    assert recorded(ports) == before


def test_a_device_finds_the_name_of_a_browsers_session_taken():
    ports = memory_ports()
    confirm(ports)

    with pytest.raises(NotFound):
        sessions.confirm_session(ports, DEVICE, SESSION_ID, CAMERA, None, (film(),), None)


def test_a_film_that_two_add_at_once_is_added_once():
    ports = memory_ports()
    confirm(ports)
    racing = replace(ports, records=faulty(ports.records, Fault("write", Conflict("another was first"))))

    picture, _ = confirm(racing, (film(1), film(2)))

    assert picture.chapters == (film(1), film(2))


@pytest.mark.parametrize(("size_bytes", "is_taken"), [(99, True), (100, True), (101, False)])
def test_the_largest_file_is_a_limit_for_films_that_are_added_too(size_bytes, is_taken):
    ports = replace(memory_ports(), limits=Limits(largest_file_bytes=100))
    confirm(ports)

    if is_taken:
        assert confirm(ports, (film(), film(2, size_bytes)))[0].chapters[1].size_bytes == size_bytes
    else:
        with pytest.raises(TooLarge, match="101 bytes"):
            confirm(ports, (film(), film(2, size_bytes)))
        assert recorded(ports).chapters == (film(),)


def test_the_allow_list_holds_for_films_that_are_added():
    ports = replace(memory_ports(), limits=Limits(extensions=(".mp4",)))
    confirm(ports)

    with pytest.raises(InvalidRequest, match=r"\.mp4"):
        confirm(ports, (film(), film(filename="GS010038.360")))


@pytest.mark.parametrize(("most", "is_opened"), [(1, False), (2, True)])
def test_the_projects_limit_of_open_sessions_holds(most, is_opened):
    ports = replace(memory_ports(make_picture()), limits=Limits(project=Quota(open_sessions=most)))
    name = SessionId("main/by-browser")

    def open_session():
        return browser_sessions.confirm_films(ports, OPERATOR, name, CAMERA, None, (film(),), None)

    if is_opened:
        assert open_session()[1]
    else:
        with pytest.raises(TooManyRequests):
            open_session()


def test_the_minimum_is_added_to_the_order():
    ports = memory_ports(policy=replace(POLICY, required_outputs=(ArtifactId("output.enhanced.mp4"),)))

    picture, _ = confirm(ports, asked=wish(["measurements.frames.json"], {}))

    assert picture.required == ("measurements.frames.json", "output.enhanced.mp4")


def test_an_operator_may_order_less_with_a_reason():
    ports = memory_ports(policy=replace(POLICY, required_outputs=(ArtifactId("output.enhanced.mp4"),)))

    picture, _ = confirm(ports, asked=wish(["measurements.frames.json"], {}, "no video is wanted"))

    assert picture.required == ("measurements.frames.json",)


def test_a_film_from_a_browser_is_proven_and_stored_like_a_devices():
    ports = memory_ports()
    confirm(ports)

    upload = brought(ports)

    picture = recorded(ports)
    whole = b"".join(make_bodies(upload.plan).values())
    assert upload.receipt
    assert upload.receipt.crc64nvme == crc64nvme_of(whole)
    assert upload.key == "originals/main/match-17-north/000FILMS/GX010038.MP4"
    assert picture.session.state is SessionState.STORED
    assert picture.level is Level.READ_ONCE
    assert picture.session.safe
    assert picture.session.safe.unknown == "the films come from a browser, which knows of no camera"


def test_the_reconciler_finishes_what_a_closed_browser_left_complete():
    ports = memory_ports()
    confirm(ports)
    send(ports, opened(ports))

    reconcile(ports, 240.0)

    assert recorded(ports).session.state is SessionState.STORED


def test_no_device_is_named_silent_for_it():
    ports = memory_ports()
    confirm(ports)
    ports.clock.move_to(START + timedelta(days=1))

    reconcile(ports, 240.0)

    assert ports.records.notices(10) == ()
    assert ports.records.heard("main") == ()


@pytest.mark.parametrize("principal", [DEVICE, NAMED_BROWSER, ELSEWHERE])
def test_a_browsers_session_does_not_exist_for_others(principal):
    ports = memory_ports()
    confirm(ports)
    upload = opened(ports)

    with pytest.raises(NotFound):
        opened(ports, principal=principal)
    with pytest.raises(NotFound):
        uploads.sign_parts(ports, principal, upload.upload_id, [(1, crc64nvme_of(b"x"))])
    with pytest.raises(NotFound):
        completion.cancel_upload(ports, principal, upload.upload_id)


def test_a_processor_brings_no_film():
    ports = memory_ports()
    confirm(ports)
    upload = opened(ports)

    with pytest.raises(NotPermitted):
        opened(ports, principal=PROCESSOR)
    with pytest.raises(NotPermitted):
        completion.complete_upload(ports, PROCESSOR, upload.upload_id, None)


def test_an_operator_brings_no_chapter_of_a_devices_session():
    ports = memory_ports(make_picture())

    with pytest.raises(NotPermitted, match="for a device"):
        opened(ports, make_chapter())

    assert recorded(ports).uploads == ()


def test_an_operator_does_not_touch_the_upload_of_a_device():
    ports = memory_ports(make_picture())
    upload = opened(ports, make_chapter(), DEVICE)

    for touch in (
        lambda: uploads.sign_parts(ports, OPERATOR, upload.upload_id, [(1, crc64nvme_of(b"x"))]),
        lambda: completion.complete_upload(ports, OPERATOR, upload.upload_id, None),
        lambda: completion.cancel_upload(ports, OPERATOR, upload.upload_id),
    ):
        with pytest.raises(NotPermitted):
            touch()

    assert recorded(ports).upload(upload.upload_id) == upload


def test_a_browser_brings_no_sidecar():
    ports = memory_ports()
    confirm(ports)
    proxy = ArtifactId(film().artifact_id.replace("original.", "proxy."))

    with pytest.raises(StateConflict, match="films alone"):
        uploads.open_upload(ports, OPERATOR, SESSION_ID, proxy, 25, None)


def test_no_device_adopts_it():
    ports = memory_ports()
    confirm(ports)

    with pytest.raises(StateConflict, match="from a browser"):
        operations.adopt(ports, OPERATOR, SESSION_ID, DEVICE_ID)


def test_a_film_that_was_never_verified_is_taken_back_and_the_session_waits_for_the_others_alone():
    ports = memory_ports()
    confirm(ports, (film(1), film(2)))
    brought(ports, film(1))
    upload = opened(ports, film(2))
    completion.cancel_upload(ports, OPERATOR, upload.upload_id)

    picture = browser_sessions.withdraw_film(ports, OPERATOR, SESSION_ID, film(2).artifact_id)

    assert picture.chapters == (film(1),)
    assert picture.session.state is SessionState.STORED
    assert recorded(ports) == picture


def test_the_parts_of_a_film_that_was_taken_back_are_aborted_after_the_undo_window():
    ports = memory_ports()
    confirm(ports, (film(1), film(2)))
    upload = opened(ports, film(2))
    send(ports, upload)
    completion.cancel_upload(ports, OPERATOR, upload.upload_id)
    browser_sessions.withdraw_film(ports, OPERATOR, SESSION_ID, film(2).artifact_id)

    for seconds in (3601, 3902):
        ports.clock.move_to(START + timedelta(seconds=seconds))
        reconcile(ports, 240.0)

    assert list(ports.objects.multiparts("originals/")) == []
    assert not recorded(ports).upload(upload.upload_id).owes


def test_a_film_that_was_taken_back_may_come_again():
    ports = memory_ports()
    confirm(ports, (film(1), film(2)))
    browser_sessions.withdraw_film(ports, OPERATOR, SESSION_ID, film(2).artifact_id)

    confirm(ports, (film(1), film(2, 30)))

    assert brought(ports, film(2, 30)).receipt


def test_what_has_a_receipt_stays():
    ports = memory_ports()
    confirm(ports, (film(1), film(2)))
    brought(ports, film(1))
    before = recorded(ports)

    with pytest.raises(StateConflict, match="has a receipt"):
        browser_sessions.withdraw_film(ports, OPERATOR, SESSION_ID, film(1).artifact_id)

    assert recorded(ports) == before


def test_a_film_on_its_way_stays():
    ports = memory_ports()
    confirm(ports, (film(1), film(2)))
    opened(ports, film(2))

    with pytest.raises(StateConflict, match="cancel that first"):
        browser_sessions.withdraw_film(ports, OPERATOR, SESSION_ID, film(2).artifact_id)


def test_the_only_film_stays():
    ports = memory_ports()
    confirm(ports)

    with pytest.raises(StateConflict, match="the only film"):
        browser_sessions.withdraw_film(ports, OPERATOR, SESSION_ID, film().artifact_id)


def test_a_stored_session_keeps_its_films():
    ports = memory_ports()
    confirm(ports)
    brought(ports)

    with pytest.raises(StateConflict, match="STORED"):
        browser_sessions.withdraw_film(ports, OPERATOR, SESSION_ID, film().artifact_id)


def test_nothing_is_taken_out_of_a_devices_session():
    ports = memory_ports(make_picture(chapters=(make_chapter(1), make_chapter(2))))

    with pytest.raises(StateConflict, match="do not come from a browser"):
        browser_sessions.withdraw_film(ports, OPERATOR, SESSION_ID, make_chapter(2).artifact_id)


@pytest.mark.parametrize(
    ("principal", "error"), [(DEVICE, NotPermitted), (PROCESSOR, NotPermitted), (ELSEWHERE, NotFound)]
)
def test_others_take_nothing_back(principal, error):
    ports = memory_ports()
    confirm(ports, (film(1), film(2)))

    with pytest.raises(error):
        browser_sessions.withdraw_film(ports, principal, SESSION_ID, film(2).artifact_id)


def test_who_uploaded_what_is_no_film_hears_of_a_file_and_may_take_it_out():
    ports = memory_ports(policy=replace(POLICY, checks_films=True))
    confirm(ports, (film(1), film(2)))
    upload = opened(ports)
    send(ports, upload)
    with pytest.raises(Finalizing, match="keep the file"):
        completion.complete_upload(ports, OPERATOR, upload.upload_id, None)
    reconcile(ports, 240.0)

    with pytest.raises(NotAFilm, match="Take it out of the session"):
        opened(ports)

    picture = browser_sessions.withdraw_film(ports, OPERATOR, SESSION_ID, film().artifact_id)
    assert picture.chapters == (film(2),)
