"""What every Records keeps of the audit trail: with the write that it tells of, in order, page by page."""

import secrets
import time
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.acting import Acting
from chalicelib.core.audit import Entry, Step, act, step
from chalicelib.core.errors import Conflict
from chalicelib.core.ids import SessionId, TokenId, UploadId
from chalicelib.core.session import Session
from chalicelib.core.tokens import Role, Secrets, Token
from chalicelib.ports import Change, Enlisting, Records
from tests.contracts.worlds import World
from tests.support.builders import make_chapter, make_session, make_upload

NOON = datetime(2026, 11, 21, 12, 0, 0, 250_000, tzinfo=UTC)
WHO = Acting("d_north", TokenId("t_1"), "PUT /v1/sessions/{session_id}", "r-1")


@pytest.fixture
def records(world: World) -> Records:
    return world.records


def entry_for(session: Session, at: datetime = NOON, project: str = "main") -> Entry:
    steps = (Step("session", None, None, "OPEN"), step("hold", None, "look", None))
    return Entry(at, WHO, project, steps, session.session_id, session.version)


def written(records: Records, session_id: SessionId, versions: int, chapters: int = 1) -> list[Entry]:
    """A session that was written so often, a minute apart, each time with an entry."""
    session, entries = make_session(session_id=session_id), list[Entry]()
    listed = tuple(make_chapter(number) for number in range(1, chapters + 1))
    for number in range(versions):
        entry = entry_for(session, NOON + timedelta(minutes=number))
        records.write(Change(session, chapters=listed if number == 0 else (), entry=entry))
        entries.append(entry)
        session = session.bumped()
    return entries


@pytest.mark.parametrize("chapters", [0, 1, 99])
def test_entries_are_read_as_they_were_written_the_oldest_first(
    records: Records, session_id: SessionId, chapters: int
):
    entries = written(records, session_id, 3, chapters)

    assert records.trail(session_id, 0, 10) == tuple(entries)


def test_an_entry_is_no_part_of_the_picture(records: Records, session_id: SessionId):
    written(records, session_id, 2)

    picture = records.picture(session_id)

    assert picture
    assert picture.chapters == (make_chapter(),)


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_trail_is_read_page_by_page(records: Records, session_id: SessionId, limit: int):
    entries, found, after = written(records, session_id, 5), list[Entry](), 0

    while page := records.trail(session_id, after, limit):
        assert len(page) <= limit
        found += page
        after = page[-1].version or 0

    assert found == entries


def test_a_session_without_entries_has_an_empty_trail(records: Records, session_id: SessionId):
    records.write(Change(make_session(session_id=session_id), chapters=(make_chapter(),)))

    assert records.trail(session_id, 0, 10) == ()


def test_an_entry_is_not_written_when_its_change_is_refused(records: Records, session_id: SessionId):
    entries = written(records, session_id, 2)
    late = make_session(session_id=session_id).bumped()

    with pytest.raises(Conflict):
        records.write(Change(late, entry=replace(entry_for(late), acting=Acting("d_late"))))

    assert records.trail(session_id, 0, 10) == tuple(entries)


def test_an_entry_fits_beside_48_uploads(records: Records, session_id: SessionId):
    [first] = written(records, session_id, 1)
    session = make_session(session_id=session_id).bumped()
    many = tuple(
        make_upload(upload_id=UploadId(f"u_{secrets.token_hex(8)}"), session_id=session_id) for _ in range(48)
    )

    records.write(Change(session, uploads=many, due_at=NOON, entry=entry_for(session)))

    assert records.trail(session_id, 0, 10) == (first, entry_for(session))


def demand_of_day(records: Records, project: str, day: datetime, expected: list[Entry]) -> None:
    """What is listed once it is `expected`: the index may lag behind writes."""
    deadline = time.monotonic() + 10
    while True:
        found = records.trail_of_day(project, day.date())
        if found == tuple(expected) or time.monotonic() > deadline:
            assert found == tuple(expected)
            return
        time.sleep(0.05)


def test_what_happened_in_a_project_on_a_day_is_listed_with_its_acts(records: Records):
    project = f"p{secrets.token_hex(8)}"
    session = make_session(session_id=SessionId(f"{project}/match-17"))
    midnight = datetime(2026, 11, 21, 23, 59, 59, tzinfo=UTC)
    opened = entry_for(session, midnight, project)
    held = entry_for(session.bumped(), midnight + timedelta(seconds=1), project)
    armed = act(WHO, midnight, project, step("token", "t_9", None, "revoked"))
    records.write(Change(session, chapters=(make_chapter(),), entry=opened))
    records.write(Change(session.bumped(), entry=held))
    records.note(armed)

    demand_of_day(records, project, midnight, [armed, opened])
    demand_of_day(records, project, midnight + timedelta(seconds=1), [held])
    demand_of_day(records, "elsewhere", midnight, [])


def test_what_changes_who_may_call_is_written_with_its_entry(records: Records):
    project, name = f"p{secrets.token_hex(8)}", secrets.token_hex(8)
    token = Token(TokenId(f"t_{name}"), Role.OPERATOR, project, None, None, NOON)
    made = act(WHO, NOON, project, step("token", token.token_id, None, "made"))
    rotated = act(WHO, NOON + timedelta(seconds=1), project, step("token", token.token_id, None, "rotated"))

    records.enlist(Enlisting((token,), entry=made))
    records.put_secrets(token.token_id, Secrets("ab" * 32, NOON), entry=rotated)
    with pytest.raises(Conflict):
        records.put_secrets(token.token_id, Secrets("cd" * 32, NOON), entry=replace(rotated, at=NOON))

    demand_of_day(records, project, NOON, [made, rotated])
