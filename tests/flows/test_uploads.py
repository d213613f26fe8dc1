from datetime import timedelta
from typing import cast

import pytest
from msgspec.structs import replace

from chalicelib.core.errors import (
    Conflict,
    Finalizing,
    InvalidRequest,
    NotFound,
    NotPermitted,
    PartsRefused,
    PlanDiffers,
    SessionDiffers,
    StorageBusy,
    TooLarge,
    UploadGone,
)
from chalicelib.core.ids import DeviceId, UploadId
from chalicelib.core.picture import Progress
from chalicelib.core.session import Camera
from chalicelib.core.tokens import ALL_PROJECTS, Principal, Role
from chalicelib.core.upload import UploadState
from chalicelib.flows import completion, sessions, uploads
from chalicelib.flows.reconcile import reconcile
from chalicelib.flows.store import ATTEMPTS
from chalicelib.flows.uploads import UploadView
from tests.core.settle.cases import verified
from tests.support.builders import (
    DEVICE_ID,
    EMPTY,
    PART_SIZE_BYTES,
    SESSION_ID,
    START,
    UPLOAD_ID,
    make_chapter,
    make_claimed,
    make_picture,
    make_session_id,
    make_upload,
    memory_ports,
    recorded,
    send_parts,
)
from tests.support.counted import counted
from tests.support.faults import Fault, When, faulty, lost_races
from tests.support.memory import MemoryRecords, crc64nvme_of

NORTH = Principal(Role.DEVICE, "main", DEVICE_ID)
SOUTH = Principal(Role.DEVICE, "main", DeviceId("d_south"))
ELSEWHERE = Principal(Role.DEVICE, "club", DEVICE_ID)
OPERATOR = Principal(Role.OPERATOR, ALL_PROJECTS, None)
CAMERA = Camera("C3501324500711")
CHAPTER = make_chapter()
CRC = crc64nvme_of(b"x")


def confirm(ports, principal=NORTH, camera=CAMERA, group=None, chapters=(CHAPTER,)):
    return sessions.confirm_session(ports, principal, SESSION_ID, camera, group, chapters, None)


def opened(ports, principal=NORTH, size_bytes=25, part_size_bytes=None):
    return uploads.open_upload(ports, principal, SESSION_ID, CHAPTER.artifact_id, size_bytes, part_size_bytes)


def test_a_new_session_is_recorded_with_its_chapters_in_order():
    ports = memory_ports()
    two = (make_chapter(2), make_chapter(1))

    picture, is_new = confirm(ports, chapters=two)

    assert is_new
    assert ports.records.picture(SESSION_ID) == picture
    assert picture.chapters == two
    assert (picture.session.device_id, picture.session.project) == (DEVICE_ID, "main")


def test_the_same_request_again_confirms_the_session_and_writes_nothing():
    ports = memory_ports()
    first, _ = confirm(ports)

    again, is_new = confirm(ports)

    assert (again, is_new) == (first, False)


def test_a_session_whose_reply_was_lost_is_confirmed_by_the_second_request():
    ports = memory_ports()
    lossy = replace(ports, records=faulty(ports.records, Fault("write", Conflict("lost"), when=When.AFTER)))

    picture, is_new = confirm(lossy)

    assert (picture.chapters, is_new) == ((CHAPTER,), False)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"camera": Camera("C0000000000000")}, "camera serial"),
        ({"group": "match-17"}, "group"),
        ({"chapters": (CHAPTER, make_chapter(2))}, "number of chapters"),
        ({"chapters": (make_chapter(2),)}, "chapter 1, name"),
        ({"chapters": (make_chapter(size_bytes=26),)}, "chapter 1, size_bytes"),
        ({"chapters": (make_chapter(etag='"other"'),)}, "chapter 1, etag"),
        ({"chapters": (make_chapter(created=1),)}, "chapter 1, created"),
        ({"chapters": (make_chapter(unfinished=True),)}, "chapter 1, unfinished"),
    ],
)
def test_a_session_that_says_something_else_is_refused_and_stays_as_it_was(changes, told):
    ports = memory_ports()
    before, _ = confirm(ports)

    with pytest.raises(SessionDiffers) as refusal:
        confirm(ports, **changes)

    assert any(told in difference for difference in refusal.value.differences)
    assert ports.records.picture(SESSION_ID) == before


@pytest.mark.parametrize(
    ("before", "now", "differs"),
    [("a", "b", True), ("a", "a", False), ("a", None, False), (None, "a", False), (None, None, False)],
)
def test_a_file_id_differs_only_where_both_are_told(before, now, differs: bool):
    ports = memory_ports()
    confirm(ports, chapters=(make_chapter(gumi=before),))

    if differs:
        with pytest.raises(SessionDiffers) as refusal:
            confirm(ports, chapters=(make_chapter(gumi=now),))
        assert refusal.value.differences == ("chapter 1, gumi: a here, b in the request",)
    else:
        assert not confirm(ports, chapters=(make_chapter(gumi=now),))[1]


def test_how_many_bytes_follow_the_last_box_is_no_other_file_and_stays_as_it_was_first_told():
    ports = memory_ports()
    confirm(ports, chapters=(make_chapter(trailing_bytes=5),))

    picture, is_new = confirm(ports, chapters=(make_chapter(),))

    assert (picture.chapters[0].trailing_bytes, is_new) == (5, False)


@pytest.mark.parametrize(("count", "taken"), [(0, False), (1, True), (98, True), (99, True), (100, False)])
def test_a_session_has_1_to_99_chapters(count: int, taken: bool):
    ports = memory_ports()
    chapters = tuple(make_chapter(filename=f"GX{number:06d}.MP4") for number in range(count))

    if taken:
        assert len(confirm(ports, chapters=chapters)[0].chapters) == count
    else:
        with pytest.raises(InvalidRequest, match="1 to 99 chapters"):
            confirm(ports, chapters=chapters)


def test_a_chapter_named_twice_is_refused():
    with pytest.raises(InvalidRequest, match=r"named twice: 100GOPRO/GX010038\.MP4"):
        confirm(memory_ports(), chapters=(CHAPTER, CHAPTER))


def test_a_chapter_that_no_plan_can_hold_is_refused_before_anything_is_recorded():
    ports = memory_ports()

    with pytest.raises(TooLarge):
        confirm(ports, chapters=(make_chapter(size_bytes=10**15),))

    assert ports.records.picture(SESSION_ID) is None


@pytest.mark.parametrize("principal", [SOUTH, ELSEWHERE])
def test_a_session_of_another_device_or_project_does_not_exist_for_the_caller(principal: Principal):
    ports = memory_ports()
    confirm(ports)

    for call in (
        lambda: confirm(ports, principal=principal),
        lambda: sessions.view_session(ports, principal, SESSION_ID),
        lambda: opened(ports, principal=principal),
    ):
        with pytest.raises(NotFound, match="the token has no access to it"):
            call()


def test_an_operator_sees_every_session_but_hauls_none():
    ports = memory_ports()
    picture, _ = confirm(ports)

    assert sessions.view_session(ports, OPERATOR, SESSION_ID) == picture
    for call in (lambda: confirm(ports, principal=OPERATOR), lambda: opened(ports, principal=OPERATOR)):
        with pytest.raises(NotPermitted, match="for a device"):
            call()


def test_an_unknown_session_is_not_found():
    with pytest.raises(NotFound):
        sessions.view_session(memory_ports(), NORTH, make_session_id("nowhere"))


def test_a_new_upload_has_the_coordinators_plan_and_a_multipart_upload_that_names_it():
    ports = memory_ports(make_picture())

    view, is_new = opened(ports)

    assert is_new
    assert (view.upload.plan.part_size_bytes, view.upload.plan.part_count) == (PART_SIZE_BYTES, 3)
    assert ports.objects.parts(view.upload.key, view.upload.multipart_id) == ()
    assert view.upload.expires_at == START + timedelta(seconds=ports.policy.upload_ttl_s)
    assert ports.records.due(START, 10)[0].session_id == SESSION_ID


def test_opening_again_answers_the_open_upload_and_what_s3_holds_of_it():
    ports = memory_ports(make_picture())
    first, _ = opened(ports)
    send_parts(ports.objects, first.upload, 2)

    again, is_new = opened(ports)

    assert (again.upload, is_new) == (first.upload, False)
    assert [part.number for part in again.parts] == [2]


def test_of_two_who_open_at_once_both_get_one_upload_and_no_orphan_stays():
    ports = memory_ports(make_picture())

    class Racing:
        """The table as a caller sees it whose rival opens between its look and its write."""

        def __init__(self) -> None:
            self.rival: UploadView | None = None

        def __getattr__(self, name):
            return getattr(ports.records, name)

        def write(self, change):
            if self.rival is None:
                self.rival = opened(ports)[0]
            ports.records.write(change)

    records = Racing()
    view, is_new = opened(replace(ports, records=cast(MemoryRecords, records)))

    assert records.rival
    assert (view.upload, is_new) == (records.rival.upload, False)
    assert [multipart.multipart_id for multipart in ports.objects.multiparts("originals/")] == [
        view.upload.multipart_id
    ]


def test_an_upload_whose_recording_conflicts_with_itself_is_not_taken_back():
    ports = memory_ports(make_picture())
    lost = Fault("write", Conflict("repeated after a lost reply"), when=When.AFTER)

    view, is_new = opened(replace(ports, records=faulty(ports.records, lost)))

    assert (view.upload.state, is_new) == (UploadState.OPEN, False)
    assert ports.objects.parts(view.upload.key, view.upload.multipart_id) == ()


def test_an_upload_that_is_undone_while_the_reconciler_looks_keeps_its_parts():
    upload = make_upload().cancelled(START)
    ports = memory_ports(make_picture(upload))
    send_parts(ports.objects, upload, 1)

    class Slow(MemoryRecords):
        """The table of a caller who decided just before the window closed, and writes after the reconciler ran."""

        def __getattribute__(self, name):
            return getattr(ports.records, name) if name != "write" else super().__getattribute__(name)

        def write(self, change):
            ports.clock.advance(ports.policy.undo_s)
            reconcile(ports, 60)
            ports.records.write(change)

    view, is_new = opened(replace(ports, records=Slow()))

    assert is_new
    assert view.upload.upload_id != UPLOAD_ID
    assert recorded(ports).upload(UPLOAD_ID).state is UploadState.CANCELLED


def test_who_never_wins_the_session_is_asked_to_come_back():
    ports = memory_ports(make_picture())

    with pytest.raises(StorageBusy, match="ask again"):
        opened(lost_races(ports, ATTEMPTS))

    assert list(ports.objects.multiparts("originals/")) == []


def test_who_cancels_and_never_wins_the_session_is_asked_to_come_back():
    ports = memory_ports(make_picture(make_upload()))

    with pytest.raises(StorageBusy, match="ask again"):
        completion.cancel_upload(lost_races(ports, ATTEMPTS), NORTH, UPLOAD_ID)

    assert recorded(ports).upload(UPLOAD_ID).is_live


@pytest.mark.parametrize(
    "principal", [Principal(Role.DEVICE, "main", None), Principal(Role.DEVICE, ALL_PROJECTS, DEVICE_ID)]
)
def test_a_token_of_no_device_or_of_no_project_opens_no_session(principal: Principal):
    ports = memory_ports()

    with pytest.raises(InvalidRequest, match="enrol the device again"):
        confirm(ports, principal)

    assert ports.records.picture(SESSION_ID) is None


@pytest.mark.parametrize("size_bytes", [24, 26])
def test_a_size_that_is_not_the_chapters_is_answered_with_the_plan(size_bytes: int):
    with pytest.raises(PlanDiffers, match="has 25 bytes") as refusal:
        opened(memory_ports(make_picture()), size_bytes=size_bytes)

    assert refusal.value.size_bytes == 25


@pytest.mark.parametrize("part_size_bytes", [9, 11])
def test_a_part_size_that_is_not_the_plans_is_answered_with_the_plan(part_size_bytes: int):
    with pytest.raises(PlanDiffers, match="parts have 10 bytes") as refusal:
        opened(memory_ports(make_picture()), part_size_bytes=part_size_bytes)

    assert refusal.value.part_size_bytes == 10


def test_an_open_upload_keeps_its_plan_when_the_setting_changes():
    ports = memory_ports(make_picture())
    first, _ = opened(ports)

    again, _ = opened(replace(ports, policy=replace(ports.policy, part_size_bytes=20)))

    assert again.upload.plan == first.upload.plan


def test_a_new_upload_after_a_failed_one_takes_the_setting_of_the_day():
    expired = make_upload().expired("late", START)
    ports = memory_ports(make_picture(expired))

    view, _ = opened(replace(ports, policy=replace(ports.policy, part_size_bytes=20)))

    assert view.upload.plan.part_size_bytes == 20


def test_an_artifact_that_is_not_of_the_session_is_not_found():
    ports = memory_ports(make_picture())

    with pytest.raises(NotFound, match="no artifact"):
        uploads.open_upload(ports, NORTH, SESSION_ID, make_chapter(9).artifact_id, 25, None)


def test_an_upload_whose_deadline_has_passed_makes_room_for_a_new_one():
    upload = make_upload()
    ports = memory_ports(make_picture(upload), now=upload.expires_at)

    view, is_new = opened(ports)

    assert is_new
    assert view.upload.upload_id != upload.upload_id
    assert recorded(ports).upload(UPLOAD_ID).state is UploadState.EXPIRED


def test_an_upload_whose_multipart_upload_is_gone_makes_room_for_a_new_one():
    upload = make_upload()
    ports = memory_ports(make_picture(upload))
    ports.objects.abort(upload.key, upload.multipart_id)

    view, is_new = opened(ports)

    assert (is_new, view.upload.state) == (True, UploadState.OPEN)


def test_opening_an_upload_that_has_all_that_was_claimed_answers_it_verified():
    upload = make_claimed()
    ports = memory_ports(make_picture(upload))
    send_parts(ports.objects, upload)

    view, is_new = opened(ports)

    assert (view.upload.state, is_new) == (UploadState.VERIFIED, False)
    assert view.upload.receipt


def test_opening_an_upload_whose_parts_s3_refuses_answers_it_open_with_its_parts():
    upload = make_claimed()
    ports = memory_ports(make_picture(upload))
    send_parts(ports.objects, upload)
    refusing = faulty(ports.objects, Fault("complete", PartsRefused("changed", "InvalidPart")))

    view, _ = opened(replace(ports, objects=refusing))

    assert (view.upload.state, view.upload.promise) == (UploadState.OPEN, None)
    assert len(view.parts) == 3


@pytest.mark.parametrize(("seconds", "same"), [(-1, True), (0, False), (1, False)])
def test_a_cancelled_upload_opens_again_with_its_parts_within_the_undo_window(seconds: int, same: bool):
    upload = make_upload()
    ports = memory_ports(make_picture(upload))
    send_parts(ports.objects, upload, 1, 3)
    completion.cancel_upload(ports, NORTH, UPLOAD_ID)
    ports.clock.advance(ports.policy.undo_s + seconds)

    view, is_new = opened(ports)

    assert (view.upload.upload_id == UPLOAD_ID, is_new) == (same, not same)
    assert [part.number for part in view.parts] == ([1, 3] if same else [])


def test_every_part_url_binds_number_length_and_crc():
    ports = memory_ports(make_picture(make_upload()))

    urls = uploads.sign_parts(ports, NORTH, UPLOAD_ID, [(1, CRC), (3, CRC)])

    assert [(url.number, url.headers["content-length"]) for url in urls] == [(1, "10"), (3, "5")]
    assert {url.headers["x-amz-checksum-crc64nvme"] for url in urls} == {CRC}
    assert urls[0].expires_at == START + timedelta(seconds=ports.policy.part_url_ttl_s)


@pytest.mark.parametrize(("count", "taken"), [(0, False), (1, True), (31, True), (32, True), (33, False)])
def test_1_to_32_part_urls_are_signed_at_a_time(count: int, taken: bool):
    upload = make_upload(make_chapter(size_bytes=1000))
    ports = memory_ports(make_picture(upload, chapters=[make_chapter(size_bytes=1000)]))
    wanted = [(number, CRC) for number in range(1, count + 1)]

    if taken:
        assert len(uploads.sign_parts(ports, NORTH, UPLOAD_ID, wanted)) == count
    else:
        with pytest.raises(InvalidRequest, match="1 to 32 parts"):
            uploads.sign_parts(ports, NORTH, UPLOAD_ID, wanted)


def test_a_claim_is_on_record_before_the_last_parts_can_leave():
    ports = memory_ports(make_picture(make_upload()))

    uploads.sign_parts(ports, NORTH, UPLOAD_ID, [(3, CRC)], CRC)
    assert recorded(ports).upload(UPLOAD_ID).claim == CRC

    uploads.sign_parts(ports, NORTH, UPLOAD_ID, [(3, CRC)])
    assert recorded(ports).upload(UPLOAD_ID).claim == CRC


def test_the_same_claim_is_written_once_and_another_one_replaces_it():
    ports = memory_ports(make_picture(make_upload()))
    watched, calls = counted(ports)

    for claim, writes in ((CRC, 1), (CRC, 1), (EMPTY, 2)):
        uploads.sign_parts(watched, NORTH, UPLOAD_ID, [(3, CRC)], claim)
        assert (recorded(ports).upload(UPLOAD_ID).claim, calls["write"]) == (claim, writes)


def test_a_claim_that_loses_a_race_is_recorded_all_the_same():
    ports = memory_ports(make_picture(make_upload()))
    rivals = faulty(ports.records, Fault("write", Conflict("rival")))

    uploads.sign_parts(replace(ports, records=rivals), NORTH, UPLOAD_ID, [(3, CRC)], CRC)

    assert recorded(ports).upload(UPLOAD_ID).claim == CRC


@pytest.mark.parametrize("number", [-1, 0, 4])
def test_a_part_outside_the_plan_is_not_signed(number: int):
    ports = memory_ports(make_picture(make_upload()))

    with pytest.raises(InvalidRequest, match=r"outside 1\.\.3"):
        uploads.sign_parts(ports, NORTH, UPLOAD_ID, [(number, CRC)])


def test_a_part_asked_for_twice_is_not_signed():
    ports = memory_ports(make_picture(make_upload()))

    with pytest.raises(InvalidRequest, match="no number twice"):
        uploads.sign_parts(ports, NORTH, UPLOAD_ID, [(1, CRC), (1, CRC)])


@pytest.mark.parametrize(
    ("upload", "error"),
    [
        (make_upload().promised(CRC, START), Finalizing),
        (make_upload().promised(CRC, START).completed(), Finalizing),
        (make_upload().cancelled(START), UploadGone),
        (make_upload().expired("late", START), UploadGone),
        (make_upload().rejected("wrong", START), UploadGone),
        (make_upload(expires_at=START), UploadGone),
        (verified(make_upload()), UploadGone),
    ],
)
def test_no_part_is_signed_for_an_upload_that_is_not_open_for_it(upload, error):
    with pytest.raises(error):
        uploads.sign_parts(memory_ports(make_picture(upload)), NORTH, UPLOAD_ID, [(1, CRC)])


@pytest.mark.parametrize("principal", [SOUTH, ELSEWHERE])
def test_no_part_is_signed_for_an_upload_of_another_device_or_project(principal: Principal):
    ports = memory_ports(make_picture(make_upload()))

    with pytest.raises(NotFound, match="no upload with this id"):
        uploads.sign_parts(ports, principal, UPLOAD_ID, [(1, CRC)])


def test_an_unknown_upload_is_not_found():
    with pytest.raises(NotFound, match="no upload with this id"):
        uploads.sign_parts(memory_ports(make_picture()), NORTH, UploadId("u_none"), [(1, CRC)])


def test_a_heartbeat_is_recorded_with_the_servers_time_and_outside_the_version():
    ports = memory_ports(make_picture())
    device_clock = START - timedelta(days=3650)
    progress = Progress(5, 3, None, 7, 2, 100, clock=device_clock, heard_at=device_clock)

    sessions.record_progress(ports, NORTH, SESSION_ID, progress)

    picture = recorded(ports)
    assert picture.progress == replace(progress, heard_at=START)
    assert picture.session.version == 1
