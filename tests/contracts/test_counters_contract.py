"""What every table does of counters, whatever it stands on: they change with the session, or not at all."""

from datetime import UTC, date, datetime, timedelta

import pytest
from msgspec.structs import replace

from chalicelib.core.attention import Need, NeedKind
from chalicelib.core.errors import Conflict
from chalicelib.core.heard import Heard
from chalicelib.core.ids import DeviceId
from chalicelib.core.picture import Picture, Progress
from chalicelib.core.safe import Safe
from chalicelib.core.session import Session
from chalicelib.core.statistics.counts import Counter, CounterKey, Counting, Counts, counter_keys
from chalicelib.ports import Change, Records
from tests.contracts.worlds import World
from tests.support.builders import make_chapter, make_session, make_session_id
from tests.support.counters import demand_sums

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
TODAY = NOON.date()
DAY = timedelta(days=1)
NORTH, SOUTH = DeviceId("d_north"), DeviceId("d_south")
WAITS: Counts = {"sessions_open": 1, "chapters_waiting": 2}
IS_SAFE: Counts = {"sessions_stored": 1, "bytes_originals": 50}


@pytest.fixture
def records(world: World) -> Records:
    return world.records


def write(records: Records, name: str, counts: Counts, **changes: object) -> Session:
    """A new session that counts for `counts`."""
    session = make_session(
        **{"session_id": make_session_id(name), "created_at": NOON, "device_id": NORTH, **changes}
    )
    records.write(Change(session, chapters=(make_chapter(),), counting=Counting({}, counts)))
    return session


def picture_of(records: Records, session: Session) -> Picture:
    found = records.picture(session.session_id)
    assert found
    return found


def test_what_a_session_counts_for_is_read_back_with_it(records: Records):
    session = write(records, "a", WAITS)

    assert picture_of(records, session).counted == WAITS


def test_a_session_that_was_never_counted_counts_for_nothing(records: Records):
    records.write(Change(make_session()))

    assert picture_of(records, make_session()).counted == {}
    assert list(records.counter_keys()) == []


def test_a_write_that_counts_nothing_leaves_what_was_counted(records: Records):
    session = write(records, "a", WAITS)

    records.write(Change(session.bumped()))

    assert picture_of(records, session).counted == WAITS
    assert records.counts("main", None, None, None) == WAITS


def test_a_session_counts_for_its_project_and_for_its_device(records: Records):
    write(records, "a", WAITS)
    write(records, "b", IS_SAFE, device_id=SOUTH)

    assert records.counts("main", None, None, None) == {**WAITS, **IS_SAFE}
    assert records.counts("main", NORTH, None, None) == WAITS
    assert records.counts("main", SOUTH, None, None) == IS_SAFE
    assert records.counts("main", DeviceId("d_east"), None, None) == {}
    assert records.counts("club", None, None, None) == {}


def test_projects_whose_names_begin_alike_share_nothing(records: Records):
    write(records, "a", WAITS, session_id=make_session_id("a", "club"))
    write(records, "a", IS_SAFE, session_id=make_session_id("a", "club-2"))

    assert records.counts("club", None, None, None) == WAITS
    assert records.counts("club", NORTH, None, None) == WAITS


@pytest.mark.parametrize("device_id", [None, NORTH])
@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (None, None, 3),
        (TODAY, None, 2),
        (TODAY + DAY, None, 1),
        (None, TODAY, 2),
        (None, TODAY - DAY, 1),
        (TODAY, TODAY, 1),
        (TODAY - DAY, TODAY + DAY, 3),
        (TODAY + 2 * DAY, None, 0),
        (TODAY + DAY, TODAY, 0),
    ],
)
def test_days_are_those_of_creation_and_both_bounds_are_in(
    records: Records, first: date | None, last: date | None, found: int, device_id: DeviceId | None
):
    for number in range(3):
        write(records, f"s{number}", {"chapters": 1}, created_at=NOON + (number - 1) * DAY)

    assert records.counts("main", device_id, first, last) == ({"chapters": found} if found else {})


def test_a_counter_changes_by_the_difference_and_forgets_what_is_zero(records: Records):
    session, other = write(records, "a", WAITS), write(records, "b", WAITS)

    records.write(Change(session.bumped(), counting=Counting(WAITS, IS_SAFE)))

    assert records.counts("main", None, None, None) == {**WAITS, **IS_SAFE}
    records.write(Change(other.bumped(), counting=Counting(WAITS, {})))
    assert records.counts("main", None, None, None) == IS_SAFE
    demand_sums(records)


def test_a_write_that_is_too_late_counts_nothing(records: Records):
    session = write(records, "a", WAITS)
    records.write(Change(session.bumped()))

    with pytest.raises(Conflict):
        records.write(Change(replace(session, version=2), counting=Counting(WAITS, IS_SAFE)))

    assert picture_of(records, session).counted == WAITS
    assert records.counts("main", None, None, None) == WAITS
    assert len(records.waiting("main", None, None, 9)) == 1


@pytest.mark.parametrize("after", [WAITS, IS_SAFE, {**WAITS, "chapters_waiting": 1}, {}])
@pytest.mark.parametrize("before", [WAITS, {}])
def test_a_session_with_another_device_counts_there_and_no_longer_here(
    records: Records, before: Counts, after: Counts
):
    session = write(records, "a", before)
    write(records, "other", WAITS)
    moved = replace(session.bumped(), device_id=SOUTH)

    records.write(Change(moved, counting=Counting(before, after, NORTH)))

    assert records.counts("main", SOUTH, None, None) == after
    assert records.counts("main", NORTH, None, None) == WAITS
    waiting = {each.session_id: each.device_id for each in records.waiting("main", None, None, 9)}
    assert waiting.get(session.session_id) == (SOUTH if after.get("chapters_waiting") else None)
    demand_sums(records)


def test_every_counter_is_listed_and_counts_its_writes(records: Records):
    session = write(records, "a", WAITS)
    records.write(Change(session.bumped(), counting=Counting(WAITS, IS_SAFE)))

    assert set(records.counter_keys()) == set(counter_keys(session))
    for key in counter_keys(session):
        assert records.counter(key) == Counter(IS_SAFE, 2)


def test_a_counter_that_was_never_written_is_empty(records: Records):
    assert records.counter(CounterKey("main", TODAY, shard=3)) == Counter({}, 0)


def test_a_counter_is_replaced_only_as_it_was_read(records: Records):
    session = write(records, "a", WAITS)
    key = counter_keys(session)[0]
    read = records.counter(key)
    records.write(Change(session.bumped(), counting=Counting(WAITS, IS_SAFE)))

    assert not records.replace_counter(key, read, {"chapters": 9})
    assert records.counter(key).counts == IS_SAFE
    assert records.replace_counter(key, records.counter(key), {"chapters": 9, "sessions_open": 0})
    assert records.counter(key) == Counter({"chapters": 9}, 3)


def test_a_counter_that_should_be_there_is_made_unless_another_made_it(records: Records):
    key = CounterKey("main", TODAY, device_id=NORTH)

    assert records.replace_counter(key, Counter({}, 0), WAITS)
    assert not records.replace_counter(key, Counter({}, 0), IS_SAFE)
    assert records.counts("main", NORTH, None, None) == WAITS


def test_sessions_that_wait_are_listed_by_their_creation_until_all_is_safe(records: Records):
    later = write(records, "a", WAITS, created_at=NOON + DAY)
    earlier = write(records, "z", WAITS)
    write(records, "b", IS_SAFE)
    write(records, "c", WAITS, session_id=make_session_id("c", "club"))

    found = records.waiting("main", None, None, 9)

    assert [(each.session_id, each.created_at) for each in found] == [
        (earlier.session_id, NOON),
        (later.session_id, NOON + DAY),
    ]
    assert records.waiting("main", None, None, 1) == found[:1]
    assert records.waiting("main", TODAY + DAY, None, 9) == found[1:]
    assert records.waiting("main", None, TODAY, 9) == found[:1]
    records.write(Change(earlier.bumped(), counting=Counting(WAITS, IS_SAFE)))
    assert records.waiting("main", None, None, 9) == found[1:]


def test_a_session_whose_last_chapter_but_one_is_safe_still_waits(records: Records):
    session = write(records, "a", WAITS)

    records.write(Change(session.bumped(), counting=Counting(WAITS, {"chapters_waiting": 1})))

    assert len(records.waiting("main", None, None, 9)) == 1


def test_each_device_of_a_project_is_heard_with_its_last_heartbeat(records: Records):
    first = Heard(NORTH, make_session_id("a"), NOON, 700, 5, 9)
    last = Heard(NORTH, make_session_id("b"), NOON + DAY)
    other = Heard(SOUTH, make_session_id("c"), NOON, 0, 0, 0)
    for project, heard in (("main", other), ("main", first), ("main", last), ("club", first)):
        records.put_heard(project, heard)

    assert records.heard("main") == (last, other)
    assert records.heard("club") == (first,)
    assert records.heard("club-2") == ()


def test_when_a_session_was_safe_is_kept(records: Records):
    session = write(records, "a", WAITS)
    known = Safe(NOON, NOON - DAY, None, 0)
    unknown = Safe(NOON, None, "nobody told")

    records.write(Change(replace(session, safe=known).bumped()))
    assert picture_of(records, session).session.safe == known
    records.write(Change(replace(session, safe=unknown, version=3)))
    assert picture_of(records, session).session.safe == unknown


def test_what_a_heartbeat_tells_of_the_camera_is_kept(records: Records):
    session = write(records, "a", WAITS)
    told = Progress(1, 2, 3, 4, 5, 6, NOON, NOON, -7_200, 0, 3)

    records.put_progress(session.session_id, told)

    assert picture_of(records, session).progress == told


def test_counts_of_a_project_are_told_by_the_day_of_creation(records: Records):
    write(records, "a", WAITS)
    write(records, "b", IS_SAFE)
    write(records, "c", WAITS, created_at=NOON - 400 * DAY, device_id=SOUTH)
    write(records, "d", WAITS, session_id=make_session_id("d", "club"))

    assert records.counts_by_day("main") == {
        TODAY: {**WAITS, **IS_SAFE},
        TODAY - 400 * DAY: WAITS,
    }
    assert records.counts_by_day("other") == {}


def in_need(records: Records, session: Session, *needs: Need) -> None:
    """Write the next version of the session with these needs."""
    known = picture_of(records, session)
    after: Counts = {"sessions_needy": 1} if needs else {}
    change = Change(known.session.bumped(), needs=needs, counting=Counting(known.counted, after))
    records.write(change)


FAILED = Need(NeedKind.FAILED, "no light")
LOST = Need(NeedKind.LOST, "original.a: purged", 3)


def test_sessions_that_need_a_person_are_listed_until_they_need_none(records: Records):
    earlier = write(records, "a", {}, created_at=NOON - DAY, group="match-17")
    later = write(records, "b", {})
    other = write(records, "c", {}, session_id=make_session_id("c", "club"))
    for each in (earlier, later, other):
        in_need(records, each, FAILED)
    in_need(records, earlier, LOST, FAILED)

    found = records.needy("main", 9)

    assert [(each.session_id, each.created_at, each.group) for each in found] == [
        (later.session_id, NOON, None),
        (earlier.session_id, NOON - DAY, "match-17"),
    ]
    assert [each.needs for each in found] == [(FAILED,), (LOST, FAILED)]
    assert records.needy("main", 1) == found[:1]
    in_need(records, later)
    assert records.needy("main", 9) == found[1:]


def test_a_write_that_is_too_late_lists_nobody_as_in_need(records: Records):
    session = write(records, "a", {})
    records.write(Change(session.bumped()))

    with pytest.raises(Conflict):
        records.write(Change(session.bumped(), needs=(FAILED,), counting=Counting({}, {"sessions_needy": 1})))

    assert records.needy("main", 9) == ()
