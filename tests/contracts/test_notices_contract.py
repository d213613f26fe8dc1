"""Notices wait as their change left them, devices are watched, and every Notifier brings what it is told."""

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from chalicelib.core.errors import Conflict
from chalicelib.core.ids import DeviceId, SessionId
from chalicelib.core.notices import MOST_DETAIL, Announcement, Notice, NoticeKind, announcement
from chalicelib.core.silence import Watch
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


NORTH = DeviceId("d_north")
MINUTE = timedelta(minutes=1)


def make_watch(**changes: Any) -> Watch:
    return structs.replace(Watch("main", NORTH, SessionId("main/match-17"), NOON), **changes)


def due(world: World, expected: list[DeviceId], until: datetime = NOON + MINUTE) -> None:
    """Demand who is due; on AWS the index follows within moments."""
    for _ in range(50):
        found = [each.device_id for each in world.records.watched(until, 10)]
        if found == expected:
            return
        time.sleep(0.1)
    assert found == expected


def test_a_device_that_never_sent_a_heartbeat_has_no_watch(world: World):
    assert world.records.watch("main", NORTH) is None
    assert world.records.watched(NOON, 10) == ()


def test_the_last_heartbeat_of_a_device_is_kept_and_those_of_others_beside_it(world: World):
    later = make_watch(heard_at=NOON + MINUTE, session_id=SessionId("main/match-18"))
    for watch in (make_watch(), later, make_watch(project="club")):
        world.records.put_watch(watch, NOON + MINUTE)

    assert world.records.watch("main", NORTH) == later
    assert world.records.watch("club", NORTH) == make_watch(project="club")


@pytest.mark.parametrize(("moments", "is_due"), [(-1, False), (0, True), (1, True)])
def test_a_device_is_due_from_its_time_on(world: World, moments: int, is_due: bool):
    world.records.put_watch(make_watch(), NOON)

    due(world, [NORTH] if is_due else [], NOON + moments * timedelta(microseconds=1))


def test_the_longest_due_come_first_and_no_more_than_asked(world: World):
    for place, name in enumerate(("d_c", "d_a", "d_b")):
        world.records.put_watch(make_watch(device_id=DeviceId(name)), NOON + place * MINUTE / 4)

    due(world, [DeviceId("d_c"), DeviceId("d_a"), DeviceId("d_b")])
    assert [each.device_id for each in world.records.watched(NOON + MINUTE, 2)] == ["d_c", "d_a"]


def test_another_heartbeat_moves_the_time(world: World):
    world.records.put_watch(make_watch(), NOON)
    world.records.put_watch(make_watch(heard_at=NOON + MINUTE), NOON + 2 * MINUTE)

    due(world, [])
    due(world, [NORTH], NOON + 2 * MINUTE)


def test_a_silent_device_is_due_no_more_and_at_once_when_it_is_heard(world: World):
    world.records.put_watch(make_watch(), NOON)
    silent = make_watch().silenced()

    assert world.records.replace_watch(make_watch(), silent, None, [make_notice()])
    due(world, [])
    assert world.records.watch("main", NORTH) == silent
    assert world.records.notices(10) == (make_notice(),)

    for minutes in (60, 61):
        world.records.put_watch(make_watch(heard_at=NOON + minutes * MINUTE), NOON + 90 * MINUTE)
    due(world, [NORTH])
    heard = world.records.watch("main", NORTH)
    assert heard == make_watch(heard_at=NOON + 61 * MINUTE, silent_since=NOON)

    assert world.records.replace_watch(heard, heard.heard_again(), NOON + 90 * MINUTE, [])
    due(world, [])
    due(world, [NORTH], NOON + 90 * MINUTE)
    world.records.put_watch(make_watch(heard_at=NOON + 62 * MINUTE), NOON + 91 * MINUTE)
    due(world, [NORTH], NOON + 91 * MINUTE)


def test_what_was_heard_or_named_meanwhile_is_not_replaced_and_nothing_is_told(world: World):
    world.records.put_watch(make_watch(heard_at=NOON + MINUTE), NOON)
    assert not world.records.replace_watch(make_watch(), make_watch().silenced(), None, [make_notice()])

    now = make_watch(heard_at=NOON + MINUTE)
    assert world.records.replace_watch(now, now.silenced(), None, [])
    assert not world.records.replace_watch(now, now.silenced(), None, [make_notice()])

    assert world.records.notices(10) == ()


def test_a_device_without_a_watch_is_not_replaced(world: World):
    assert not world.records.replace_watch(make_watch(), make_watch().silenced(), None, [])
    assert world.records.watch("main", NORTH) is None


def test_each_project_that_was_added_is_listed_once_by_name(world: World):
    assert world.records.projects() == ()

    for project in ("main", "club", "main"):
        world.records.add_project(project)

    assert world.records.projects() == ("club", "main")


def test_a_week_of_a_project_is_summed_up_once(world: World):
    ours = Notice("main@2026-W49/summary", NoticeKind.SUMMARY, "main", NOON, "why")
    again = structs.replace(ours, at=NOON + MINUTE)
    theirs = structs.replace(ours, notice_id="club@2026-W49/summary", project="club")

    assert world.records.put_summary("2026-W49", ours)
    assert not world.records.put_summary("2026-W49", again)
    assert world.records.put_summary("2026-W49", theirs)
    assert sorted(each.project for each in world.records.notices(10)) == ["club", "main"]
    assert world.records.put_summary("2026-W50", again)
