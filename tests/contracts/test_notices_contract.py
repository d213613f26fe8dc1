"""Notices wait in every Records as their change left them; every Notifier brings them to those who subscribed."""

from datetime import timedelta

import pytest

from chalicelib.core.errors import Conflict
from chalicelib.core.ids import DeviceId, SessionId
from chalicelib.core.notices import MOST_DETAIL, Announcement, Notice, NoticeKind, announcement
from chalicelib.ports import Change
from tests.contracts.test_records_contract import NOON, picture_of
from tests.contracts.worlds import Topic, World
from tests.support.builders import make_chapter, make_session


def make_notice(number: int = 0, seconds: float = 0, kind: NoticeKind = NoticeKind.HELD) -> Notice:
    at = NOON + timedelta(seconds=seconds)
    session_id = SessionId("main/match-17")
    return Notice(f"main/match-17@{number}/0", kind, "main", at, "why", session_id, DeviceId("d_north"))


@pytest.fixture
def session_id() -> SessionId:
    return SessionId("main/match-17")


def tell(world: World, session_id: SessionId, *notices: Notice) -> None:
    """Record a new session with these notices."""
    session = make_session(session_id=session_id)
    world.records.write(Change(session, chapters=(make_chapter(),), notices=notices))


def test_no_notice_waits_in_an_empty_table(world: World):
    assert world.records.notices(10) == ()


def test_notices_wait_whole_with_the_change_that_they_tell_of(world: World, session_id: SessionId):
    tell(world, session_id, make_notice())

    assert world.records.notices(10) == (make_notice(),)
    assert picture_of(world.records, make_session(session_id=session_id)).session.version == 1


def test_a_notice_without_session_and_device_waits_as_it_is(world: World, session_id: SessionId):
    bare = Notice("weekly/2026-48", NoticeKind.HELD, "main", NOON, "")

    tell(world, session_id, bare)

    assert world.records.notices(10) == (bare,)


def test_notices_come_by_their_time_and_no_more_than_asked(world: World, session_id: SessionId):
    first, second, third = (
        make_notice(number, seconds) for number, seconds in ((3, -0.5), (2, 0), (1, 0.25))
    )
    tell(world, session_id, second, third, first)

    assert world.records.notices(3) == (first, second, third)
    assert world.records.notices(2) == (first, second)


def test_a_change_that_comes_too_late_leaves_no_notice(world: World, session_id: SessionId):
    tell(world, session_id)
    late = make_session(session_id=session_id)

    with pytest.raises(Conflict):
        world.records.write(Change(late, notices=(make_notice(),)))

    assert world.records.notices(10) == ()


def test_a_forgotten_notice_waits_no_longer_and_is_forgotten_twice_in_peace(
    world: World, session_id: SessionId
):
    tell(world, session_id, make_notice(1), make_notice(2))

    for _ in range(2):
        world.records.forget_notice(make_notice(1))

    assert world.records.notices(10) == (make_notice(2),)


def make_announcement(kind: NoticeKind = NoticeKind.FAILED, detail: str = "Größe 日本 🎥") -> Announcement:
    notice = Notice("n", kind, "club", NOON, detail, SessionId("club/match-17"), DeviceId("d_north"))
    return announcement(notice, "jetson-north")


def test_a_program_that_subscribed_gets_the_document(topic: Topic):
    documents = topic.subscribe({})
    made = make_announcement()

    topic.notifier.publish(made)

    [document] = documents()
    assert {name: document.get(name) for name in made.document} == dict(made.document)


def test_each_announcement_arrives(topic: Topic):
    documents = topic.subscribe({})

    for kind in NoticeKind:
        topic.notifier.publish(make_announcement(kind))

    assert sorted(each["kind"] for each in documents()) == sorted(kind.value for kind in NoticeKind)


def test_a_subscription_chooses_by_kind_and_project(topic: Topic):
    chosen = topic.subscribe({"kind": ["original.lost"], "project": ["club"]})
    of_another_project = topic.subscribe({"project": ["main"]})

    for kind in (NoticeKind.STORED, NoticeKind.LOST):
        topic.notifier.publish(make_announcement(kind))

    assert [each["kind"] for each in chosen()] == ["original.lost"]
    assert of_another_project() == []


def test_the_longest_detail_that_there_is_arrives(topic: Topic):
    documents = topic.subscribe({})

    topic.notifier.publish(make_announcement(detail="é" * MOST_DETAIL))

    assert documents()[0]["detail"] == "é" * MOST_DETAIL
