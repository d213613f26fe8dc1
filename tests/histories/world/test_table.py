"""The table's faults do what DynamoDB and the SDK do, and without them it is the table in memory."""

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.cleanup import Arming, Spent
from chalicelib.core.errors import Conflict, StorageBusy
from chalicelib.core.ids import DeviceId
from chalicelib.core.limits import Window, Windowed
from chalicelib.core.session import Session, SessionState
from chalicelib.core.silence import AT_ONCE, Watch
from chalicelib.core.statistics.counts import Counter, CounterKey
from chalicelib.core.tokens import Device
from chalicelib.ports import Change, Due, Enlisting, Listed, ListedBy, Records, Unproven, Watched
from tests.histories.world.builders import Seconds, Struck
from tests.histories.world.table import LATEST_S, SimulatedTable
from tests.support.builders import DEVICE_ID, SESSION_ID, START, make_chapter, make_session
from tests.support.memory import MemoryRecords

LATER = START + timedelta(seconds=60)
PROJECT = make_session().project
LISTS = {
    "project": ListedBy(PROJECT),
    "camera": ListedBy(PROJECT, serial=make_session().camera.serial),
    "device": ListedBy(PROJECT, device_id=DEVICE_ID),
}
WATCH = Watch(PROJECT, DEVICE_ID, SESSION_ID, START)
ARMING = Arming(True, START, "why")
KEY = CounterKey(PROJECT, START.date(), shard=1)


@pytest.fixture
def chance() -> Struck:
    return Struck()


@pytest.fixture
def now() -> Seconds:
    return Seconds()


@pytest.fixture
def table(now: Seconds, chance: Struck) -> SimulatedTable:
    return SimulatedTable(MemoryRecords(), now, chance)


def test_it_has_every_method_of_the_port(table: SimulatedTable):
    assert [name for name in vars(Records) if not name.startswith("_") and not hasattr(table, name)] == []


def record(table: SimulatedTable, **changes: Any) -> Session:
    session = make_session(**changes)
    table.write(Change(session, chapters=(make_chapter(),), due_at=START))
    return session


def rewrite(table: SimulatedTable, session: Session, due: bool = True) -> Session:
    after = session.bumped()
    table.write(Change(after, due_at=LATER if due else None))
    return after


class TestAnIndexThatIsLate:
    def test_shows_no_new_session_until_then(self, table: SimulatedTable, now: Seconds, chance: Struck):
        chance.faults = {"index late"}
        session = record(table)

        lists = [table.list_sessions(by, None, None, None, 9) for by in LISTS.values()]
        assert (table.due(LATER, 9), table.unproven(LATER, 9), lists) == ((), (), [()] * 3)
        assert table.sessions_of_camera(session.camera.serial, PROJECT, None, 9) == ()
        found = table.picture(SESSION_ID)
        assert found
        assert found.session == session

        now.at = LATEST_S / 2
        assert table.due(LATER, 9) == (Due(SESSION_ID, START),)
        assert table.unproven(LATER, 9) == (Unproven(SESSION_ID, START),)
        assert table.sessions_of_camera(session.camera.serial, PROJECT, None, 9) == (
            Listed(SESSION_ID, START),
        )
        for by in LISTS.values():
            assert len(table.list_sessions(by, None, None, None, 9)) == 1

    def test_shows_a_session_as_it_was(self, table: SimulatedTable, chance: Struck):
        session = record(table)
        chance.faults = {"index late"}
        rewrite(table, session)
        changed = SessionState.STORED

        table.write(Change(make_session(version=3, state=changed), due_at=None))

        assert table.due(LATER, 9) == (Due(SESSION_ID, START),)
        [entry] = table.list_sessions(LISTS["project"], None, None, None, 9)
        assert entry.state is SessionState.OPEN
        assert table.plain.due(LATER, 9) == ()

    def test_still_shows_what_is_not_due_any_more(self, table: SimulatedTable, now: Seconds, chance: Struck):
        session = record(table)
        chance.faults = {"index late"}
        rewrite(table, session, due=False)

        assert table.due(LATER, 9) == (Due(SESSION_ID, START),)
        now.at = LATEST_S / 2
        assert table.due(LATER, 9) == ()

    def test_still_shows_what_was_postponed(self, table: SimulatedTable, now: Seconds, chance: Struck):
        record(table)
        chance.faults = {"index late"}

        assert table.postpone(Due(SESSION_ID, START), LATER)

        assert table.due(LATER, 9) == (Due(SESSION_ID, START),)
        assert not table.postpone(Due(SESSION_ID, START), LATER)
        now.at = LATEST_S / 2
        assert table.due(LATER, 9) == (Due(SESSION_ID, LATER),)

    def test_shows_a_watch_as_it_was(self, table: SimulatedTable, now: Seconds, chance: Struck):
        table.put_watch(WATCH, START)
        chance.faults = {"index late"}

        assert table.replace_watch(WATCH, WATCH.silenced(), None, ())

        assert table.watched(LATER, 9) == (Watched(PROJECT, DEVICE_ID),)
        now.at = LATEST_S / 2
        assert table.watched(LATER, 9) == ()

    def test_shows_a_device_that_was_silent_once_it_is_due_at_once(
        self, table: SimulatedTable, now: Seconds, chance: Struck
    ):
        table.put_watch(WATCH, START)
        table.replace_watch(WATCH, WATCH.silenced(), None, ())
        chance.faults = {"index late"}
        table.put_watch(WATCH, LATER)

        assert table.watched(AT_ONCE, 9) == ()
        now.at = LATEST_S / 2
        assert table.watched(AT_ONCE, 9) == (Watched(PROJECT, DEVICE_ID),)

    def test_shows_no_new_device_and_every_known_one_as_it_is(
        self, table: SimulatedTable, now: Seconds, chance: Struck
    ):
        older = Device(DeviceId("d_old"), "old", PROJECT, START)
        renamed = Device(DeviceId("d_old"), "renamed", PROJECT, START)
        table.enlist(Enlisting(device=older))
        chance.faults = {"index late"}
        table.enlist(Enlisting(device=Device(DEVICE_ID, "new", PROJECT, LATER)))
        table.enlist(Enlisting(device=renamed))

        assert [device for device, _ in table.list_devices(PROJECT, None, 9)] == [renamed]
        now.at = LATEST_S / 2
        assert len(table.list_devices(PROJECT, None, 9)) == 2

    def test_orders_and_cuts_as_the_table_does(self, table: SimulatedTable, chance: Struck):
        chance.part = 0
        plain = [record(table, session_id=f"{PROJECT}/s{number}") for number in (3, 1, 2)]
        expected = (
            table.due(START, 2),
            table.unproven(LATER, 2, Unproven(plain[1].session_id, START)),
            table.list_sessions(LISTS["project"], START, LATER, Listed(plain[0].session_id, START), 1),
        )
        chance.faults, chance.part = {"index late"}, 1.0
        record(table, session_id=f"{PROJECT}/late", group="g")

        assert table.due(START, 2) == expected[0]
        assert table.unproven(LATER, 2, Unproven(plain[1].session_id, START)) == expected[1]
        after = Listed(plain[0].session_id, START)
        assert table.list_sessions(LISTS["project"], START, LATER, after, 1) == expected[2]
        assert table.list_sessions(LISTS["project"], LATER, None, None, 9) == ()
        assert table.list_sessions(LISTS["project"], None, START, None, 9) == ()


class TestAGroup:
    BY = ListedBy(PROJECT, group="g")

    def test_names_a_session_that_was_never_written(self, table: SimulatedTable, chance: Struck):
        chance.faults = {"session without write"}

        with pytest.raises(StorageBusy):
            record(table, group="g")

        assert table.picture(SESSION_ID) is None
        assert [each.listed for each in table.list_sessions(self.BY, None, None, None, 9)] == [
            Listed(SESSION_ID, START)
        ]
        chance.faults = set()
        record(table, group="g")
        assert len(table.list_sessions(self.BY, None, None, None, 9)) == 1

    def test_names_a_session_with_the_time_of_one_that_lost(self, table: SimulatedTable):
        record(table, group="g")

        with pytest.raises(Conflict):
            record(table, group="g", created_at=LATER)

        found = [each.listed for each in table.list_sessions(self.BY, None, None, None, 9)]
        assert found == [Listed(SESSION_ID, LATER), Listed(SESSION_ID, START)]


class TestAThrottle:
    @pytest.mark.parametrize(
        "call",
        [
            lambda table: table.picture(SESSION_ID),
            lambda table: table.session_of("u"),
            lambda table: table.due(START, 1),
            lambda table: table.arming(),
            lambda table: rewrite(table, make_session()),
            lambda table: table.put_arming(ARMING),
            lambda table: table.put_heard(PROJECT, None),
            lambda table: table.postpone(Due(SESSION_ID, START), LATER),
        ],
    )
    def test_is_busy_and_nothing_happened(self, table: SimulatedTable, chance: Struck, call: Any):
        session = record(table)
        chance.faults = {"throttled"}

        with pytest.raises(StorageBusy):
            call(table)

        assert table.plain.arming() is None
        assert table.plain.due(LATER, 9) == (Due(SESSION_ID, START),)
        assert table.plain.heard(PROJECT) == ()
        found = table.plain.picture(SESSION_ID)
        assert found
        assert found.session == session


class TestAnAnswerThatIsLost:
    def test_leaves_the_write_done(self, table: SimulatedTable, chance: Struck):
        session = record(table)
        chance.faults = {"no answer"}

        with pytest.raises(StorageBusy):
            rewrite(table, session)
        with pytest.raises(StorageBusy):
            table.put_arming(ARMING)
        with pytest.raises(StorageBusy):
            table.postpone(Due(SESSION_ID, LATER), START)

        found = table.plain.picture(SESSION_ID)
        assert found
        assert found.session.version == 2
        assert table.plain.arming() == ARMING
        assert table.due(START, 9) == (Due(SESSION_ID, START),)

    def test_of_a_write_on_a_condition_is_false_when_the_sdk_asks_again(
        self, table: SimulatedTable, chance: Struck
    ):
        record(table)
        chance.faults = {"asked again"}

        assert not table.postpone(Due(SESSION_ID, START), LATER)
        assert not table.replace_arming(None, ARMING)
        assert not table.replace_counter(KEY, Counter({}, 0), {"a": 1})

        assert table.plain.due(LATER, 9) == (Due(SESSION_ID, LATER),)
        assert table.plain.arming() == ARMING
        assert table.plain.counter(KEY) == Counter({"a": 1}, 1)

    def test_of_a_count_counts_twice_and_of_what_is_given_back_once_when_the_sdk_asks_again(
        self, table: SimulatedTable, chance: Struck
    ):
        window = Window("d", Windowed.calls_a_minute, START)
        chance.faults = {"asked again"}

        assert table.use(window, 2, 4)
        assert table.used(window) == 4
        assert not table.use(window, 1, 4)
        table.give_back(window, 2)
        assert table.used(window) == 2
        assert not table.use(window, 2, 4)
        assert table.used(window) == 4
        assert table.spend(START.date(), 5, Spent(9, 10))
        assert table.spent(START.date()) == Spent(2, 10)


class TestATransactionConflict:
    def test_is_a_conflict_though_nobody_wrote(self, table: SimulatedTable, chance: Struck):
        session = record(table)
        chance.faults = {"transaction conflict"}

        with pytest.raises(Conflict):
            rewrite(table, session)
        with pytest.raises(Conflict):
            table.put_watch(WATCH, START)
        with pytest.raises(Conflict):
            table.enlist(Enlisting())

        chance.faults = set()
        assert rewrite(table, session).version == 2

    def test_answers_false_where_others_may_be_first(self, table: SimulatedTable, chance: Struck):
        record(table)
        table.put_watch(WATCH, START)
        chance.faults = {"transaction conflict"}

        assert not table.postpone(Due(SESSION_ID, START), LATER)
        assert not table.replace_counter(KEY, Counter({}, 0), {})
        assert not table.replace_watch(WATCH, WATCH.silenced(), None, ())

        assert table.plain.due(START, 9) == (Due(SESSION_ID, START),)
        assert table.plain.watch(PROJECT, DEVICE_ID) == WATCH


def test_a_picture_that_is_never_whole_is_busy(table: SimulatedTable, chance: Struck):
    record(table)
    chance.faults = {"read in pieces"}

    with pytest.raises(StorageBusy):
        table.picture(SESSION_ID)
