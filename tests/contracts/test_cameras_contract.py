"""What every Records lists of a camera: which sessions, in which order, of whose project, page by page."""

import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.aws import items
from chalicelib.core.session import Camera, Session
from chalicelib.ports import Change, Listed, Records
from tests.contracts.worlds import AwsWorld, World
from tests.support.builders import make_chapter, make_session, make_session_id

NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
FOREVER = Listed(make_session_id("z"), datetime(9999, 12, 31, tzinfo=UTC))


@pytest.fixture
def records(world: World) -> Records:
    return world.records


@pytest.fixture
def serial() -> str:
    """A camera of the test's own."""
    return f"C{secrets.token_hex(8)}"


def record(
    records: Records, serial: str, name: str, created_at: datetime = NOON, project: str = "main"
) -> Listed:
    """A new session of the camera; its name is the test's own as well."""
    session_id = make_session_id(f"{serial}-{name}", project)
    session = make_session(session_id=session_id, camera=Camera(serial), created_at=created_at)
    records.write(Change(session, chapters=(make_chapter(),)))
    return Listed(session_id, created_at)


def demand_listed(
    records: Records,
    serial: str,
    expected: list[Listed],
    project: str = "main",
    after: Listed | None = None,
    limit: int = 100,
) -> None:
    """What is listed once it is `expected`: the index may lag behind writes."""
    deadline = time.monotonic() + 10
    while True:
        found = records.sessions_of_camera(serial, project, after, limit)
        if found == tuple(expected) or time.monotonic() > deadline:
            assert found == tuple(expected)
            return
        time.sleep(0.05)


def test_a_camera_that_nobody_hauled_from_has_no_sessions(records: Records, serial: str):
    assert records.sessions_of_camera(serial, "main", None, 10) == ()


def test_the_newest_session_comes_first(records: Records, serial: str):
    older = record(records, serial, "older", NOON - timedelta(days=400))
    newest = record(records, serial, "newest", NOON + MOMENT)
    newer = record(records, serial, "newer", NOON)

    demand_listed(records, serial, [newest, newer, older])


def test_a_session_may_be_from_a_whole_second(records: Records, serial: str):
    whole = record(records, serial, "whole", NOON.replace(microsecond=0))
    later = record(records, serial, "later", NOON.replace(microsecond=1))

    demand_listed(records, serial, [later, whole])
    demand_listed(records, serial, [whole], after=later)


@pytest.mark.parametrize("limit", [2, 3, 4])
def test_no_more_than_the_limit_are_listed(records: Records, serial: str, limit: int):
    known = [record(records, serial, f"at-{place}", NOON - place * MOMENT) for place in range(3)]

    demand_listed(records, serial, known[:limit], limit=limit)


def test_pages_of_any_size_list_every_session_once_though_they_are_of_one_moment(
    records: Records, serial: str
):
    known = [record(records, serial, name) for name in ("d", "c-1", "c", "b", "a")]
    demand_listed(records, serial, known)

    for limit in range(1, 7):
        assert list(walked(records, serial, limit)) == known


def walked(records: Records, serial: str, limit: int, project: str = "main") -> Iterator[Listed]:
    """Every session of the camera, page by page."""
    page = records.sessions_of_camera(serial, project, None, limit)
    while page:
        yield from page
        page = records.sessions_of_camera(serial, project, page[-1], limit)


@pytest.mark.parametrize(
    ("before", "is_listed"), [(FOREVER, True), (Listed(make_session_id("A"), NOON - MOMENT), False)]
)
def test_a_list_goes_on_behind_a_session_that_is_not_in_it(
    records: Records, serial: str, before: Listed, is_listed: bool
):
    known = record(records, serial, "known")
    demand_listed(records, serial, [known])

    demand_listed(records, serial, [known] if is_listed else [], after=before)


def test_sessions_of_other_cameras_are_not_listed(records: Records, serial: str):
    record(records, f"{serial}0", "of-a-longer-serial")
    record(records, serial[:-1], "of-a-shorter-serial")
    known = record(records, serial, "of-this-one")

    demand_listed(records, serial, [known])


def test_of_a_project_only_its_own_sessions_are_listed(records: Records, serial: str):
    ours = record(records, serial, "same-name", NOON)
    theirs = record(records, serial, "same-name", NOON + MOMENT, project="club")

    demand_listed(records, serial, [ours], project="main")
    demand_listed(records, serial, [theirs], project="club")
    demand_listed(records, serial, [], project="mai")
    demand_listed(records, serial, [], project="main-2")


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_however_many_of_another_project_lie_between_a_page_is_full(
    records: Records, serial: str, limit: int
):
    ours = []
    for place in range(12):
        project = "main" if place % 5 == 3 else "club"
        made = record(records, serial, f"at-{place:02}", NOON - place * MOMENT, project)
        ours += [made] if project == "main" else []
    demand_listed(records, serial, ours, project="main")

    demand_listed(records, serial, ours[:limit], project="main", limit=limit)
    assert list(walked(records, serial, limit, "main")) == ours


def test_sessions_of_another_project_cost_the_list_of_a_camera_nothing(local_world: AwsWorld, serial: str):
    """Counted where it is paid: queries, and the entries that each of them read."""
    ours = record(local_world.records, serial, "ours")
    demand_listed(local_world.records, serial, [ours])
    alone = entries_read(local_world, serial)
    for place in range(30):
        record(local_world.records, serial, f"theirs-{place:02}", NOON + place * MOMENT, project="club")
    demand_listed(local_world.records, serial, [ours])

    assert entries_read(local_world, serial) == alone == [1]
    local_world.wipe_records()


def entries_read(world: AwsWorld, serial: str) -> list[int]:
    """How many entries each query for one whole list read."""
    read: list[int] = []

    def count(parsed: dict[str, Any], **_: Any) -> None:
        read.append(parsed["ScannedCount"])

    events = world.clients.dynamodb.meta.events
    events.register("after-call.dynamodb.Query", count, "count")
    try:
        world.records.sessions_of_camera(serial, "main", None, 10)
    finally:
        events.unregister("after-call.dynamodb.Query", count, "count")
    return read


def test_a_session_is_listed_once_however_often_it_is_written(records: Records, serial: str):
    known = record(records, serial, "written")
    session = session_of(records, known)

    records.write(Change(session.stored().bumped(), due_at=NOON))

    demand_listed(records, serial, [known])


def test_a_session_from_before_there_was_the_index_is_listed_once_it_is_written_again(
    local_world: AwsWorld, serial: str
):
    records = local_world.records
    known = record(records, serial, "old")
    local_world.clients.dynamodb.update_item(
        TableName=local_world.name,
        Key=items.attributes(items.session_key(known.session_id, items.SESSION_SK)),
        UpdateExpression="REMOVE camera_pk, camera_sk",
    )
    demand_listed(records, serial, [])

    records.write(Change(replace(session_of(records, known).bumped(), group="written again")))

    demand_listed(records, serial, [known])
    local_world.wipe_records()


def session_of(records: Records, known: Listed) -> Session:
    found = records.picture(known.session_id)
    assert found
    return found.session
