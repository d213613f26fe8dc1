"""What every Records and every bucket keep apart: two projects that give a session the same name."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.core.errors import Conflict
from chalicelib.core.ids import SessionId, UploadId, name_of
from chalicelib.core.picture import Picture, Progress
from chalicelib.core.session import Session
from chalicelib.ports import Change, Due
from tests.contracts.worlds import World
from tests.support.builders import make_chapter, make_session, make_session_id, make_upload

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
OURS, THEIRS = make_chapter(1), make_chapter(2)


@pytest.fixture
def ours(session_id: SessionId) -> Session:
    return make_session(session_id=session_id)


@pytest.fixture
def theirs(session_id: SessionId) -> Session:
    """The session of another project that has the same name."""
    return make_session(session_id=make_session_id(name_of(session_id), "club"))


def test_a_name_that_another_project_has_is_free(world: World, ours: Session, theirs: Session):
    world.records.write(Change(theirs, chapters=(THEIRS,)))
    assert world.records.picture(ours.session_id) is None

    world.records.write(Change(ours, chapters=(OURS,)))

    assert world.records.picture(ours.session_id) == Picture(ours, (OURS,))
    assert world.records.picture(theirs.session_id) == Picture(theirs, (THEIRS,))


def test_what_is_written_of_one_leaves_the_other_as_it_was(world: World, ours: Session, theirs: Session):
    world.records.write(Change(theirs, chapters=(THEIRS,)))
    world.records.write(Change(ours, chapters=(OURS,)))
    upload = make_upload(OURS, session_id=ours.session_id)

    world.records.write(Change(ours.bumped(), uploads=(upload,), due_at=NOON))
    world.records.put_progress(ours.session_id, Progress(1, 2, None, None, 3, 4, NOON, NOON))

    assert world.records.picture(theirs.session_id) == Picture(theirs, (THEIRS,))
    with pytest.raises(Conflict):
        world.records.write(Change(ours.bumped()))
    world.records.write(Change(theirs.bumped()))


def test_an_upload_leads_to_the_session_of_its_own_project(world: World, ours: Session, theirs: Session):
    for session, upload_id in ((ours, UploadId("u_ours")), (theirs, UploadId("u_theirs"))):
        world.records.write(Change(session, chapters=(OURS,)))
        upload = make_upload(OURS, session_id=session.session_id, upload_id=upload_id)
        world.records.write(Change(session.bumped(), uploads=(upload,)))

    assert world.records.session_of(UploadId("u_ours")) == ours.session_id
    assert world.records.session_of(UploadId("u_theirs")) == theirs.session_id


def test_each_is_due_and_postponed_for_itself(world: World, ours: Session, theirs: Session):
    for session in (ours, theirs):
        world.records.write(Change(session, chapters=(OURS,), due_at=NOON))

    assert world.records.postpone(Due(ours.session_id, NOON), NOON + timedelta(days=1))

    demand_due(world, [Due(theirs.session_id, NOON)])


def demand_due(world: World, expected: list[Due]) -> None:
    """The index may lag behind writes."""
    deadline = time.monotonic() + 10
    while list(world.records.due(NOON, 10)) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(world.records.due(NOON, 10)) == expected


def test_a_walk_meets_both(world: World, ours: Session, theirs: Session):
    for session in (ours, theirs):
        world.records.write(Change(session, chapters=(OURS,)))

    assert sorted(world.records.sessions()) == sorted([ours.session_id, theirs.session_id])


def test_an_original_that_is_removed_leaves_the_other_projects_where_it_is(
    world: World, ours: Session, theirs: Session
):
    keys = [OURS.key(session.session_id) for session in (ours, theirs)]
    for key in keys:
        world.put_object(key, b"the same bytes")
    stored = world.objects.head(keys[0])
    assert stored

    world.objects.remove(keys[0], stored.etag)

    assert world.objects.head(keys[0]) is None
    assert world.body(keys[1]) == b"the same bytes"


def test_open_multipart_uploads_are_listed_by_project(world: World, ours: Session, theirs: Session):
    opened = {
        session.project: world.objects.create_multipart(OURS.key(session.session_id), UploadId("u_one"))
        for session in (ours, theirs)
    }

    for project, multipart_id in opened.items():
        prefix = f"originals/{project}/{ours.name}/"
        listed = [each.multipart_id for each in world.objects.multiparts(prefix)]
        assert listed == [multipart_id]
    for session in (ours, theirs):
        world.objects.abort(OURS.key(session.session_id), opened[session.project])
