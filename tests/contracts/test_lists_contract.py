"""What every Records lists: which sessions, in which order, between which times, with which facts of each."""

import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.aws import items
from chalicelib.core.chapter import Chapter
from chalicelib.core.ids import DeviceId
from chalicelib.core.listing import Summary
from chalicelib.core.picture import Progress
from chalicelib.core.session import Camera, Session, SessionState
from chalicelib.core.times import sortable
from chalicelib.core.tokens import Device
from chalicelib.ports import Change, Enlisting, Listed, ListedBy, ListEntry, RecordedRow, Records
from tests.contracts.worlds import AwsWorld, World
from tests.support.builders import make_chapter, make_session, make_session_id

NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
SUMMARY = Summary(chapters=1, size_bytes=25, verified=0, verified_bytes=0, stored_at=None)


@pytest.fixture
def records(world: World) -> Records:
    return world.records


@pytest.fixture
def project() -> str:
    """A project of the test's own."""
    return f"p{secrets.token_hex(8)}"


def record(records: Records, project: str, name: str, created_at: datetime = NOON, **facts: Any) -> Listed:
    """A new session of the project."""
    session = make_session(session_id=make_session_id(name, project), created_at=created_at, **facts)
    records.write(Change(session, chapters=(make_chapter(),), summary=SUMMARY))
    return Listed(session.session_id, created_at)


def listed(
    records: Records,
    by: ListedBy,
    created_from: datetime | None = None,
    created_to: datetime | None = None,
    after: Listed | None = None,
    limit: int = 100,
) -> list[Listed]:
    found = records.list_sessions(by, created_from, created_to, after, limit)
    return [each.listed for each in found]


def demand(records: Records, by: ListedBy, expected: list[Listed], **asked: Any) -> None:
    """The list once it is `expected`: an index may lag behind writes."""
    deadline = time.monotonic() + 10
    while (found := listed(records, by, **asked)) != expected and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == expected


FACTS: dict[str, dict[str, Any]] = {
    "project": {},
    "group": {"group": "match-17"},
    "camera": {"camera": Camera("C35")},
    "device": {"device_id": DeviceId("d_south")},
}
OTHER: dict[str, Any] = {"group": "match-18", "camera": Camera("C36"), "device_id": DeviceId("d_other")}


def by_of(kind: str, project: str) -> ListedBy:
    named = {
        "project": {},
        "group": {"group": "match-17"},
        "camera": {"serial": "C35"},
        "device": {"device_id": DeviceId("d_south")},
    }
    return ListedBy(project, **named[kind])  # type: ignore[arg-type]  # the names of its fields


@pytest.mark.parametrize("kind", FACTS)
def test_a_list_has_its_sessions_alone_the_newest_first(records: Records, project: str, kind: str):
    older = record(records, project, "older", NOON - timedelta(days=400), **FACTS[kind])
    newest = record(records, project, "newest", NOON + MOMENT, **FACTS[kind])
    same = [record(records, project, name, NOON, **FACTS[kind]) for name in ("c", "b", "a")]
    record(records, f"{project}-2", "of-another-project", NOON, **FACTS[kind])
    if kind != "project":
        record(records, project, "with-another-fact", NOON, **OTHER)

    demand(records, by_of(kind, project), [newest, *same, older])
    demand(records, by_of(kind, project[:-1]), [])


@pytest.mark.parametrize("kind", FACTS)
def test_pages_of_any_size_have_every_session_once(records: Records, project: str, kind: str):
    known = [record(records, project, name, **FACTS[kind]) for name in ("d", "c-1", "c", "b", "a")]
    by = by_of(kind, project)
    demand(records, by, known)

    for limit in range(1, 7):
        assert list(walked(records, by, limit)) == known
        assert list(walked(records, by, limit, created_from=NOON, created_to=NOON + MOMENT)) == known


def walked(records: Records, by: ListedBy, limit: int, **between: Any) -> Iterator[Listed]:
    page = listed(records, by, limit=limit, **between)
    while page:
        assert len(page) <= limit
        yield from page
        page = listed(records, by, after=page[-1], limit=limit, **between)


@pytest.mark.parametrize("kind", FACTS)
def test_the_first_moment_is_in_and_the_last_is_out(records: Records, project: str, kind: str):
    by = by_of(kind, project)
    before, at, later = (
        record(records, project, f"at-{place}", NOON + place * MOMENT, **FACTS[kind]) for place in (-1, 0, 1)
    )
    demand(records, by, [later, at, before])

    assert listed(records, by, created_from=NOON) == [later, at]
    assert listed(records, by, created_to=NOON) == [before]
    assert listed(records, by, created_from=NOON, created_to=NOON + MOMENT) == [at]
    assert listed(records, by, created_from=NOON, created_to=NOON) == []
    assert listed(records, by, created_from=NOON + MOMENT, created_to=NOON) == []
    assert listed(records, by, created_from=NOON, after=later) == [at]
    assert listed(records, by, created_from=NOON, after=at) == []
    assert listed(records, by, created_to=NOON, after=later) == [before]


@pytest.mark.parametrize(("kind", "knows"), [("project", True), ("device", True), ("group", False)])
def test_some_lists_tell_the_state_of_each_session(records: Records, project: str, kind: str, knows: bool):
    known = record(records, project, "known", **FACTS[kind])
    demand(records, by_of(kind, project), [known])

    records.write(Change(session_of(records, known).stored().bumped(), summary=SUMMARY))

    deadline = time.monotonic() + 10
    expected = (ListEntry(known, SessionState.STORED if knows else None),)
    while (found := records.list_sessions(by_of(kind, project), None, None, None, 9)) != expected:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def session_of(records: Records, known: Listed) -> Session:
    picture = records.picture(known.session_id)
    assert picture
    return picture.session


def test_a_row_is_the_session_as_it_was_written_last_with_its_heartbeat(records: Records, project: str):
    known = record(records, project, "known")
    progress = Progress(1, 2, None, None, 3, 4, NOON, NOON)
    stored = replace(SUMMARY, verified=1, verified_bytes=25, stored_at=NOON)
    session = session_of(records, known).stored().bumped()

    records.write(Change(session, summary=stored))
    records.put_progress(known.session_id, progress)

    assert records.rows([known.session_id]) == {known.session_id: RecordedRow(session, stored, progress)}


def test_rows_are_of_what_is_recorded_however_many_are_asked_for(records: Records, project: str):
    known = [record(records, project, f"at-{place:03}") for place in range(51)]
    missing = [make_session_id(f"missing-{place}", project) for place in range(20)]

    found = records.rows([*missing, *(each.session_id for each in known), known[0].session_id])

    assert set(found) == {each.session_id for each in known}
    assert records.rows([]) == records.rows(missing) == {}


def test_what_an_older_version_recorded_is_in_every_list_once_they_are_completed(
    local_world: AwsWorld, project: str
):
    records = local_world.records
    facts = {"group": "match-17", "camera": Camera("C35"), "device_id": DeviceId("d_south")}
    known = [record(records, project, name, NOON, **facts) for name in ("b", "a")]
    records.enlist(Enlisting(device=Device(DeviceId("d_south"), "south", project, NOON)))
    as_an_older_version_would(local_world, known)
    assert listed(records, ListedBy(project)) == []

    assert records.complete_lists() == 3

    for kind in FACTS:
        demand(records, by_of(kind, project), known)
        assert list(walked(records, by_of(kind, project), 1)) == known
    assert session_of(records, known[0]).group == "match-17"
    assert records.device(DeviceId("d_south")) == Device(DeviceId("d_south"), "south", project, NOON)
    assert records.complete_lists() == 0
    local_world.wipe_records()


def test_what_an_older_version_recorded_of_a_device_is_listed_before_lists_are_completed(
    local_world: AwsWorld, project: str
):
    records = local_world.records
    known = [
        record(records, project, f"at-{place}", NOON - place * MOMENT, device_id=DeviceId("d_south"))
        for place in range(3)
    ]
    as_an_older_version_would(local_world, known)

    assert list(walked(records, by_of("device", project), 1)) == known
    local_world.wipe_records()


def as_an_older_version_would(world: AwsWorld, known: list[Listed]) -> None:
    """Take from the items what lists were taught to need."""
    table, dynamodb = world.name, world.clients.dynamodb
    for each in known:
        session = session_of(world.records, each)
        group = items.group_item(session)
        if group:
            dynamodb.delete_item(TableName=table, Key=group)
        dynamodb.update_item(
            TableName=table,
            Key=items.attributes(items.session_key(each.session_id, items.SESSION_SK)),
            UpdateExpression="REMOVE list_pk, list_sk, summary SET device_sk = :created",
            ExpressionAttributeValues=items.attributes({":created": sortable(each.created_at)}),
        )
    device = items.attributes(items.device_key("d_south"))
    if world.records.device(DeviceId("d_south")):
        dynamodb.update_item(TableName=table, Key=device, UpdateExpression="REMOVE list_pk, list_sk")


def test_a_session_with_as_many_chapters_as_there_can_be_has_a_group(records: Records, project: str):
    session = make_session(session_id=make_session_id("long", project), group="match-17", created_at=NOON)

    records.write(Change(session, chapters=tuple(chapters(99)), summary=SUMMARY))

    demand(records, by_of("group", project), [Listed(session.session_id, NOON)])


def chapters(count: int) -> Iterator[Chapter]:
    return (make_chapter(number) for number in range(1, count + 1))


@pytest.mark.parametrize("rows", [1, 10])
def test_a_page_costs_one_query_and_a_read_of_each_row_however_many_sessions_there_are(
    local_world: AwsWorld, project: str, rows: int
):
    for place in range(30):
        record(local_world.records, project, f"at-{place:02}", NOON - place * MOMENT)
    read: list[int] = []

    def count(parsed: dict[str, Any], **_: Any) -> None:
        read.append(parsed["ScannedCount"])

    events = local_world.clients.dynamodb.meta.events
    events.register("after-call.dynamodb.Query", count, "count")
    try:
        listed(local_world.records, ListedBy(project), limit=rows)
    finally:
        events.unregister("after-call.dynamodb.Query", count, "count")
        local_world.wipe_records()

    assert read == [rows]
