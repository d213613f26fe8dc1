"""What every Records does, whatever it stands on."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import fields, replace

from chalicelib.core.acting import COORDINATOR
from chalicelib.core.audit import Entry, Step
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import BROWSER, ArtifactId, DeviceId, SessionId, TokenId, UploadId
from chalicelib.core.order import Order, Wish
from chalicelib.core.parts import PartPlan
from chalicelib.core.picture import MOST_CHAPTERS, Picture, Progress
from chalicelib.core.rounds import LastRound
from chalicelib.core.session import Camera, Session, SessionState
from chalicelib.core.storage import OldKey, Storage
from chalicelib.core.tokens import Device, Role, Token
from chalicelib.core.upload import Receipt, Source, UploadState
from chalicelib.ports import Change, Due, Enlisting, Records, Unproven
from tests.contracts.worlds import World
from tests.support.builders import make_chapter, make_session, make_upload

NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
LARGEST_OBJECT_BYTES = 10_000 * 5 * 2**30
CRC = Crc64Nvme("rosUhgp5mIg=")


@pytest.fixture
def records(world: World) -> Records:
    return world.records


@pytest.fixture
def session(session_id: SessionId) -> Session:
    return make_session(session_id=session_id, created_at=NOON)


@pytest.fixture
def recorded(records: Records, session: Session) -> Session:
    """A session of version 1 with one chapter."""
    records.write(Change(session, chapters=(make_chapter(),)))
    return session


def picture_of(records: Records, session: Session) -> Picture:
    found = records.picture(session.session_id)
    assert found is not None
    return found


def assert_all_is_said(value: Any) -> None:
    """No field has the value that says nothing, so that none can be lost unseen."""
    said = {field.name: getattr(value, field.name) for field in fields(value)}
    assert [name for name, each in said.items() if each in (None, (), False)] == []


def demand_due(
    records: Records, expected: list[SessionId], until: datetime = NOON, limit: int = 100
) -> tuple[Due, ...]:
    """What is due once it is `expected`: the index may lag behind writes."""
    deadline = time.monotonic() + 10
    while True:
        found = records.due(until, limit)
        if [due.session_id for due in found] == expected or time.monotonic() > deadline:
            assert [due.session_id for due in found] == expected
            return found
        time.sleep(0.05)


def test_a_session_that_was_never_written_has_no_picture(records: Records, session_id: SessionId):
    assert records.picture(session_id) is None


def test_a_new_session_is_read_as_it_was_written(records: Records, session_id: SessionId):
    session = make_session(
        session_id=session_id,
        camera=Camera("C3501324500711", "HERO12 Black", "H23.01.02.32.00"),
        group="Schöne Landung ✈",
        created_at=NOON,
    )
    chapter = make_chapter(
        size_bytes=LARGEST_OBJECT_BYTES,
        created=1656931398,
        modified=0,
        etag='"62c2a1c6.15728640"',
        gumi="2f3a",
        unfinished=True,
        trailing_bytes=LARGEST_OBJECT_BYTES - 1,
    )

    records.write(Change(session, chapters=(chapter,)))

    assert records.picture(session_id) == Picture(session, (chapter,))


def test_an_imported_session_without_chapters_is_read_as_it_was_written(
    records: Records, session_id: SessionId
):
    keys = (OldKey(ArtifactId("output.enhanced.mp4"), "videos/enhanced/1/Flug über Köln.mp4"),)
    storage = Storage("s3://older", NOON, "1", keys, ("original",), NOON - MOMENT)
    assert_all_is_said(storage)
    order = Order(1, Wish((keys[0].artifact_id,)), NOON, is_import=True)
    session = make_session(session_id=session_id, storage=storage, order=order)

    records.write(Change(session))

    assert records.picture(session_id) == Picture(session, ())


def test_an_import_of_files_alone_is_read_as_it_was_written(records: Records, session_id: SessionId):
    session = make_session(session_id=session_id, storage=Storage("/srv/older", NOON))

    records.write(Change(session))

    assert records.picture(session_id) == Picture(session, ())


def test_what_is_absent_is_read_as_none(records: Records, session_id: SessionId):
    session = make_session(session_id=session_id, camera=Camera("C35"), group=None)
    chapter = make_chapter()

    records.write(Change(session, chapters=(chapter,)))

    assert records.picture(session_id) == Picture(session, (chapter,))


def test_a_session_takes_as_many_chapters_as_a_recording_can_have_in_their_order(
    records: Records, session: Session
):
    chapters = tuple(make_chapter(number) for number in range(MOST_CHAPTERS, 0, -1))

    records.write(Change(session, chapters=chapters))

    assert picture_of(records, session).chapters == chapters


@pytest.mark.parametrize("after", [(2, 1, 3), (2,), (3, 2)])
def test_the_films_of_a_browsers_session_are_written_again_all_of_them(
    records: Records, session: Session, after: tuple[int, ...]
):
    ours = replace(session, device_id=BROWSER)
    made = Entry(NOON, COORDINATOR, "main", (Step("session", None, None, "OPEN"),), ours.session_id, 1)
    records.write(Change(ours, chapters=(make_chapter(1), make_chapter(2)), entry=made))
    films = tuple(make_chapter(number) for number in after)

    records.write(Change(ours.bumped(), chapters=films, chapters_before=2))

    assert records.picture(ours.session_id) == Picture(ours.bumped(), films)
    assert records.trail(ours.session_id, 0, 10) == (made,)


def test_a_session_is_not_mixed_with_one_whose_name_begins_alike(records: Records, session: Session):
    longer = replace(session, session_id=SessionId(f"{session.session_id}-2"))
    records.write(Change(longer, chapters=(make_chapter(2),)))
    records.write(Change(session, chapters=(make_chapter(1),)))

    assert picture_of(records, session) == Picture(session, (make_chapter(1),))


def test_every_field_of_an_upload_is_read_as_it_was_written(records: Records, recorded: Session):
    plan = PartPlan(LARGEST_OBJECT_BYTES, 5 * 2**30)
    upload = make_upload(
        session_id=recorded.session_id,
        plan=plan,
        multipart_id="VXBsb2FkIElE.-_~" * 8,
        opened_at=NOON,
        expires_at=NOON + timedelta(days=6),
        state=UploadState.VERIFIED,
        claim=CRC,
        promise=CRC,
        promised_at=NOON + MOMENT,
        reason='weil "das" so ist',
        ended_at=NOON + 2 * MOMENT,
        can_be_undone=True,
        owes_abort=True,
        owes_removal=True,
        removed_at=NOON,
        copies="L4kqtJlcpXroDTDmpUMLUo",
        looks=3,
        look_at=NOON + 3 * MOMENT,
        unproven_since=NOON + 4 * MOMENT,
        is_no_film=True,
        source=Source("incoming/main/a/u_landed", "L4kqtJlcpXroDTDmpUMLUo"),
    )
    receipt = Receipt(
        upload.upload_id, upload.artifact_id, upload.key, "3HL4kqtJlcpXro", plan.size_bytes, CRC, NOON
    )
    upload = replace(upload, receipt=receipt)
    assert_all_is_said(upload)

    records.write(Change(recorded.bumped(), uploads=(upload,)))

    assert picture_of(records, recorded).uploads == (upload,)


def test_uploads_stand_in_the_order_of_their_opening(records: Records, recorded: Session):
    names = ["u_c", "u_a", "u_b", "u_d"]
    opened = [NOON, NOON + MOMENT, NOON, NOON - timedelta(seconds=1)]
    uploads = [
        make_upload(session_id=recorded.session_id, upload_id=UploadId(name), opened_at=opened_at)
        for name, opened_at in zip(names, opened, strict=True)
    ]

    records.write(Change(recorded.bumped(), uploads=tuple(uploads)))

    found = picture_of(records, recorded).uploads
    assert [upload.upload_id for upload in found] == ["u_d", "u_b", "u_c", "u_a"]


def test_an_upload_written_again_replaces_itself_and_leaves_the_others(records: Records, recorded: Session):
    first, second = (
        make_upload(session_id=recorded.session_id, upload_id=UploadId(name)) for name in ("u_1", "u_2")
    )
    records.write(Change(recorded.bumped(), uploads=(first, second)))
    cancelled = first.cancelled(NOON)

    records.write(Change(recorded.bumped().bumped(), uploads=(cancelled,)))

    assert picture_of(records, recorded).uploads == (cancelled, second)


def test_a_field_that_became_none_is_gone(records: Records, recorded: Session):
    promised = make_upload(session_id=recorded.session_id).promised(CRC, NOON)
    records.write(Change(recorded.bumped(), uploads=(promised,)))

    records.write(Change(recorded.bumped().bumped(), uploads=(promised.unpromised(),)))

    assert picture_of(records, recorded).upload(promised.upload_id).promise is None


def test_a_picture_is_whole_however_large(records: Records, recorded: Session):
    # Four of them are more than the megabyte that a page of a query holds.
    uploads = tuple(
        make_upload(session_id=recorded.session_id, upload_id=UploadId(f"u_{number}"), reason="x" * 300_000)
        for number in range(4)
    )
    for version, upload in enumerate(uploads, start=2):
        records.write(Change(replace(recorded, version=version), uploads=(upload,)))

    assert picture_of(records, recorded).uploads == uploads


def test_a_write_takes_forty_nine_uploads(records: Records, recorded: Session):
    uploads = tuple(
        make_upload(session_id=recorded.session_id, upload_id=UploadId(f"u_{number:02d}"))
        for number in range(49)
    )

    records.write(Change(recorded.bumped(), uploads=uploads, due_at=NOON))

    assert picture_of(records, recorded).uploads == uploads


def test_the_next_version_is_recorded(records: Records, recorded: Session):
    stored = recorded.stored().bumped()

    records.write(Change(stored))

    found = picture_of(records, recorded)
    assert (found.session.version, found.session.state) == (2, SessionState.STORED)
    assert found.chapters == (make_chapter(),)


@pytest.mark.parametrize("version", [1, 2, 4])
def test_any_version_but_the_next_is_a_conflict_and_changes_nothing(
    records: Records, recorded: Session, version: int
):
    records.write(Change(recorded.bumped(), due_at=NOON))
    before = picture_of(records, recorded)
    upload = make_upload(session_id=recorded.session_id, upload_id=UploadId("u_loser"))
    late = Change(replace(recorded, version=version, group="changed"), uploads=(upload,))

    with pytest.raises(Conflict):
        records.write(late)

    assert picture_of(records, recorded) == before
    assert records.session_of(upload.upload_id) is None
    demand_due(records, [recorded.session_id])


def test_a_second_session_of_the_same_name_is_a_conflict(records: Records, recorded: Session):
    with pytest.raises(Conflict):
        records.write(Change(replace(recorded, group="another"), chapters=(make_chapter(2),)))

    assert picture_of(records, recorded) == Picture(recorded, (make_chapter(),))


def test_a_later_version_of_a_session_that_does_not_exist_is_a_conflict(records: Records, session: Session):
    with pytest.raises(Conflict):
        records.write(Change(session.bumped()))

    assert records.picture(session.session_id) is None


def test_an_upload_names_its_session(records: Records, recorded: Session):
    upload = make_upload(session_id=recorded.session_id)

    records.write(Change(recorded.bumped(), uploads=(upload,)))

    assert records.session_of(upload.upload_id) == recorded.session_id


def test_an_upload_that_was_never_written_names_none(records: Records):
    assert records.session_of(UploadId("u_never")) is None


def test_a_new_session_is_not_due(records: Records, recorded: Session):
    assert records.due(NOON + timedelta(days=1), 10) == ()


@pytest.mark.parametrize(("early_by", "is_due"), [(-MOMENT, False), (0 * MOMENT, True), (MOMENT, True)])
def test_a_session_is_due_from_its_due_time_on(
    records: Records, recorded: Session, early_by: timedelta, is_due: bool
):
    records.write(Change(recorded.bumped(), due_at=NOON))
    demand_due(records, [recorded.session_id], until=NOON + timedelta(days=1))

    found = records.due(NOON + early_by, 10)

    assert found == ((Due(recorded.session_id, NOON),) if is_due else ())


def test_a_due_time_may_be_on_a_whole_second(records: Records, recorded: Session):
    whole = NOON.replace(microsecond=0)

    records.write(Change(recorded.bumped(), due_at=whole))

    assert demand_due(records, [recorded.session_id], until=whole) == (Due(recorded.session_id, whole),)


def make_due(records: Records, session: Session, *due_ats: datetime) -> list[SessionId]:
    """New sessions, one for each of `due_ats`."""
    names = [SessionId(f"{session.session_id}-{place}") for place in range(len(due_ats))]
    for name, due_at in zip(names, due_ats, strict=True):
        made = replace(session, session_id=name)
        records.write(Change(made))
        records.write(Change(made.bumped(), due_at=due_at))
    return names


def test_the_longest_due_come_first(records: Records, session: Session):
    later, earliest, early = make_due(records, session, NOON, NOON - timedelta(days=400), NOON - MOMENT)

    demand_due(records, [earliest, early, later])


@pytest.mark.parametrize("limit", [2, 3, 4])
def test_no_more_than_the_limit_are_due(records: Records, session: Session, limit: int):
    names = make_due(records, session, NOON - 2 * MOMENT, NOON - MOMENT, NOON)

    demand_due(records, names[:limit], limit=limit)


def test_a_session_with_nothing_left_to_do_is_no_longer_due(records: Records, recorded: Session):
    records.write(Change(recorded.bumped(), due_at=NOON))

    records.write(Change(recorded.bumped().bumped(), due_at=None))

    demand_due(records, [])


def test_a_session_is_due_once_at_the_last_time_written(records: Records, recorded: Session):
    records.write(Change(recorded.bumped(), due_at=NOON - timedelta(hours=1)))

    records.write(Change(recorded.bumped().bumped(), due_at=NOON))

    assert demand_due(records, [recorded.session_id]) == (Due(recorded.session_id, NOON),)


def test_a_postponed_session_is_due_later(records: Records, recorded: Session):
    records.write(Change(recorded.bumped(), due_at=NOON))

    records.postpone(Due(recorded.session_id, NOON), NOON + timedelta(minutes=5))

    demand_due(records, [])
    demand_due(records, [recorded.session_id], until=NOON + timedelta(minutes=5))


def test_postponing_leaves_the_session_and_its_version_alone(records: Records, recorded: Session):
    records.write(Change(recorded.bumped(), due_at=NOON))
    before = picture_of(records, recorded)

    records.postpone(Due(recorded.session_id, NOON), NOON + timedelta(minutes=5))

    assert picture_of(records, recorded) == before


def test_postponing_what_is_due_at_another_time_by_now_changes_nothing(records: Records, recorded: Session):
    records.write(Change(recorded.bumped(), due_at=NOON))

    records.postpone(Due(recorded.session_id, NOON - MOMENT), NOON + timedelta(days=1))

    demand_due(records, [recorded.session_id])


def test_postponing_what_is_no_longer_due_does_not_make_it_due(records: Records, recorded: Session):
    records.write(Change(recorded.bumped(), due_at=NOON))
    records.write(Change(recorded.bumped().bumped(), due_at=None))

    records.postpone(Due(recorded.session_id, NOON), NOON + timedelta(minutes=5))

    demand_due(records, [], until=NOON + timedelta(days=1))


def make_progress(**changes) -> Progress:
    progress = Progress(
        15_728_640, 10_485_760, 31_000_000, None, 5_242_880, 91_268_055_040, NOON, NOON + MOMENT
    )
    return replace(progress, **changes)


def demand_unproven(
    records: Records,
    until: datetime,
    wanted: list[SessionId],
    limit: int = 100,
    after: Unproven | None = None,
) -> tuple[Unproven, ...]:
    """The sessions that are unproven, once they are `wanted`: the index may lag behind writes."""
    deadline = time.monotonic() + 10
    while True:
        found = records.unproven(until, limit, after)
        if [each.session_id for each in found] == wanted or time.monotonic() > deadline:
            assert [each.session_id for each in found] == wanted
            return found
        time.sleep(0.05)


def test_a_session_is_unproven_from_its_beginning_and_then_from_its_last_proof(
    records: Records, recorded: Session
):
    demand_unproven(records, NOON - MOMENT, [])
    [found] = demand_unproven(records, NOON, [recorded.session_id])
    assert found == Unproven(recorded.session_id, NOON)

    later = NOON + timedelta(days=90)
    records.write(Change(recorded.proven(later).bumped()))

    demand_unproven(records, later - MOMENT, [])
    [found] = demand_unproven(records, later, [recorded.session_id])
    assert found.since == later


def test_an_unproven_session_is_not_due_for_that(records: Records, recorded: Session):
    demand_unproven(records, NOON, [recorded.session_id])

    demand_due(records, [], NOON + timedelta(days=365))


def test_unproven_sessions_come_the_longest_first_and_page_by_page(records: Records, session: Session):
    names = [SessionId(f"{session.session_id}{end}") for end in ("-b", "-a", "")]
    for place, name in enumerate(names):
        created_at = NOON + timedelta(days=min(place, 1))
        records.write(Change(replace(session, session_id=name, created_at=created_at)))
    until = NOON + timedelta(days=1)
    in_order = [names[0], names[2], names[1]]

    demand_unproven(records, until, in_order)
    first = demand_unproven(records, until, in_order[:1], limit=1)
    second = demand_unproven(records, until, in_order[1:2], limit=1, after=first[-1])
    demand_unproven(records, until, in_order[2:], limit=5, after=second[-1])


def test_the_last_round_is_read_as_it_was_put(records: Records):
    last = LastRound(NOON, NOON + MOMENT, 1, 2, 3, 4, True, True, 5)

    assert_all_is_said(last)
    records.put_last_round(replace(last, settled=0, finished=False))
    records.put_last_round(last)

    assert records.last_round() == last


def test_the_last_heartbeat_stands_in_the_picture_and_leaves_the_version_alone(
    records: Records, recorded: Session
):
    records.put_progress(recorded.session_id, make_progress(bytes_up=0, rate_down_bytes_s=None))
    records.put_progress(recorded.session_id, make_progress())

    found = picture_of(records, recorded)

    assert (found.progress, found.session.version) == (make_progress(), 1)


def test_a_heartbeat_alone_makes_no_session(records: Records, session_id: SessionId):
    records.put_progress(session_id, make_progress())

    assert records.picture(session_id) is None


def make_token(**changes) -> Token:
    token = Token(TokenId("t_contract"), Role.DEVICE, "main", DeviceId("d_contract"), "ab" * 32, NOON)
    return replace(token, **changes)


@pytest.mark.parametrize(
    "token", [make_token(), make_token(role=Role.OPERATOR, project="*", device_id=None, revoked_at=NOON)]
)
def test_a_token_is_read_as_it_was_put(records: Records, token: Token):
    records.enlist(Enlisting(tokens=(token,)))

    assert records.token(token.token_id) == token


def test_a_token_put_again_replaces_the_one_before(records: Records):
    records.enlist(Enlisting(tokens=(make_token(),)))
    revoked = make_token(revoked_at=NOON)

    records.enlist(Enlisting(tokens=(revoked,)))

    assert records.token(revoked.token_id) == revoked


def test_a_token_that_was_never_put_is_none(records: Records):
    assert records.token(TokenId("t_never")) is None


def test_a_device_is_read_as_it_was_put(records: Records):
    device = Device(DeviceId("d_contract"), "Jetson, north end", "main", NOON)

    records.enlist(Enlisting(device=device))

    assert records.device(device.device_id) == device


def test_a_device_that_was_never_put_is_none(records: Records):
    assert records.device(DeviceId("d_never")) is None


def test_of_many_writers_of_one_version_only_the_first_wins(records: Records, recorded: Session):
    first, *others = [replace(recorded.bumped(), group=f"writer {number}") for number in range(4)]
    records.write(Change(first))

    for late in others:
        with pytest.raises(Conflict):
            records.write(Change(late))

    assert picture_of(records, recorded).session == first


@pytest.mark.parametrize("sent_at", [None, NOON])
def test_a_sessions_order_failure_and_hold_are_kept(
    records: Records, recorded: Session, sent_at: datetime | None
):
    parameters = '{"größe": "日本 🎥 \\"\\n", "x": 1.5}'
    wish = Wish((ArtifactId("output.enhanced.mp4"), ArtifactId("measurements.lights")), parameters)
    session = replace(
        recorded,
        version=2,
        state=SessionState.FAILED,
        order=Order(3, wish, NOON - MOMENT, sent_at),
        failure="no light — ever",
        held="ask 北",
    )

    records.write(Change(session))

    assert picture_of(records, session).session == session


def test_what_a_session_no_longer_has_is_gone(records: Records, recorded: Session):
    failed = replace(recorded, version=2, failure="no light", held="wait")
    records.write(Change(failed))

    records.write(Change(replace(failed, version=3, failure=None, held=None)))

    assert picture_of(records, failed).session == replace(recorded, version=3)
