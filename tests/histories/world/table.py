"""The table as DynamoDB answers it: `SimulatedTable` in place of `MemoryRecords` among the ports of a history.

    table = SimulatedTable(MemoryRecords(), now_s, chance)
    ports = replace(ports, records=cast(Any, table))

All writes must come through it; `table.plain` is what is recorded, for whoever checks. Its faults, by the names that
`chance` is asked for:

    throttled              any call: StorageBusy, and nothing happened
    no answer              any write: it is done, and StorageBusy is raised, for no try of the SDK was answered
    asked again            a write without a token whose first reply was lost: the SDK repeats it. postpone,
                           replace_counter and replace_arming are done and answer False; spend and use count twice if
                           there is room and else answer False; give_back counts once, for the table knows its call
    transaction conflict   another writes one of the items at that moment, nothing happens: write, enlist, put_secrets,
                           put_watch and those that write two items raise Conflict; postpone, replace_counter,
                           replace_watch and put_summary answer False
    session without write  a new session is in the list of its group, and then its write fails (StorageBusy)
    read in pieces         picture: others write between its pages in each of the adapter's tries (StorageBusy)
    index late             an index shows what was written up to `LATEST_S` later

Each secondary index is late by itself, and so is the list of a group, which is read without consistency. What reads
them: due, unproven, watched, list_sessions, sessions_of_camera, list_devices. `trail_of_day` is read of an index too,
and is never late here: nothing is decided by it. All other reads are consistent and see all of a transaction or none:
`picture` because the adapter reads again until it is whole (`DynamoRecords.picture`), the others because they are of
items that no promise ties together. A transaction is not repeated: DynamoDB knows the SDK's token for ten minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, TypeVar

from chalicelib.core.cleanup import Arming, Spent
from chalicelib.core.errors import Conflict, StorageBusy
from chalicelib.core.heard import Heard
from chalicelib.core.ids import SessionId
from chalicelib.core.limits import Window
from chalicelib.core.notices import Notice
from chalicelib.core.picture import Picture
from chalicelib.core.session import Session
from chalicelib.core.silence import AT_ONCE, Watch
from chalicelib.core.statistics.counts import Counter, CounterKey, Counts
from chalicelib.core.tokens import Device
from chalicelib.ports import (
    Change,
    Due,
    Enlisting,
    Listed,
    ListedBy,
    ListedDevice,
    ListEntry,
    Records,
    Unproven,
    Watched,
)
from tests.histories.world.chance import Chance
from tests.histories.world.indexes import Index
from tests.support.memory import MemoryRecords

LATEST_S = 30.0
"""Mostly an index is late by less than a second; DynamoDB promises no bound."""

Answer = TypeVar("Answer")

_TRANSACTIONS = frozenset(("put_secrets", "put_share", "put_page_session"))
"""They write several items at once, and no index that a flow reads."""

_WRITES = _TRANSACTIONS | frozenset(
    (
        *("put_last_round", "put_arming", "put_swept_until", "forget_notice", "add_project", "put_progress"),
        *("put_heard", "note", "put_upload_pass", "renew_page_session", "forget_page_session"),
        "complete_lists",
    )
)


class SimulatedTable:
    """The port `Records` over `plain`; `now_s` is the time in seconds."""

    def __init__(self, plain: MemoryRecords, now_s: Callable[[], float], chance: Chance) -> None:
        self.plain = plain
        self._chance = chance
        self._work: Index[Due] = Index(now_s)
        self._at_rest: Index[Unproven] = Index(now_s)
        self._silence: Index[tuple[datetime, Watched]] = Index(now_s)
        self._devices: Index[Device] = Index(now_s)
        self._listed: Index[Session] = Index(now_s)
        self._by_camera: Index[Session] = Index(now_s)
        self._by_device: Index[Session] = Index(now_s)
        self._by_group: Index[Session] = Index(now_s)
        self._phantoms: set[tuple[SessionId, datetime]] = set()

    def __getattr__(self, name: str) -> Any:
        """Whatever reads or writes nothing that an index shows."""
        if name not in vars(Records):
            raise AttributeError(name)
        method = getattr(self.plain, name)
        found = self._writing(method, name in _TRANSACTIONS) if name in _WRITES else self._reading(method)
        # The next call finds it without this detour.
        setattr(self, name, found)
        return found

    def picture(self, session_id: SessionId) -> Picture | None:
        self._throttle()
        if self._chance.strikes("read in pieces"):
            raise StorageBusy(f"session {session_id} is being written by others; ask again")
        return self.plain.picture(session_id)

    def write(self, change: Change) -> None:
        session = change.session
        self._throttle()
        is_new = session.version == 1
        if is_new and session.group is not None:
            self._put_into_group(session)
            if self._chance.strikes("session without write"):
                raise StorageBusy("no answer from storage")
        self._conflict()
        self.plain.write(change)
        self._phantoms.discard((session.session_id, session.created_at))
        self._show_session(session)
        self._show_work(session.session_id, change.due_at, is_new)
        self._lose_answer()

    def postpone(self, due: Due, until: datetime) -> bool:
        self._throttle()
        if self._meets_another() or not self.plain.postpone(due, until):
            return False
        self._work.move(due.session_id, Due(due.session_id, until), self._lag_s(), self._lag_s())
        return self._answer_true()

    def replace_counter(self, key: CounterKey, before: Counter, counts: Counts) -> bool:
        self._throttle()
        if self._meets_another() or not self.plain.replace_counter(key, before, counts):
            return False
        return self._answer_true()

    def replace_arming(self, before: Arming | None, after: Arming) -> bool:
        self._throttle()
        return self.plain.replace_arming(before, after) and self._answer_true()

    def spend(self, day: date, size_bytes: int, limit: Spent) -> bool:
        return self._counting(lambda: self.plain.spend(day, size_bytes, limit))

    def use(self, window: Window, amount: int, most: int) -> bool:
        return self._counting(lambda: self.plain.use(window, amount, most))

    def give_back(self, window: Window, amount: int) -> None:
        self._throttle()
        self.plain.give_back(window, amount)
        self._lose_answer()

    def put_summary(self, week: str, notice: Notice) -> bool:
        self._throttle()
        if self._meets_another() or not self.plain.put_summary(week, notice):
            return False
        self._lose_answer()
        return True

    def put_watch(self, watch: Watch, look_at: datetime) -> None:
        self._throttle()
        self._conflict()
        self.plain.put_watch(watch, look_at)
        known = self.plain.watch(watch.project, watch.device_id)
        self._show_watch(watch, AT_ONCE if known and known.silent_since else look_at)
        self._lose_answer()

    def replace_watch(
        self, before: Watch, after: Watch, look_at: datetime | None, notices: Sequence[Notice]
    ) -> bool:
        self._throttle()
        if self._meets_another() or not self.plain.replace_watch(before, after, look_at, notices):
            return False
        self._show_watch(after, look_at)
        self._lose_answer()
        return True

    def enlist(self, enlisting: Enlisting) -> None:
        self._throttle()
        self._conflict()
        self.plain.enlist(enlisting)
        if device := enlisting.device:
            self._devices.put(device.device_id, device, self._lag_s())
        self._lose_answer()

    def due(self, until: datetime, limit: int) -> tuple[Due, ...]:
        self._throttle()
        if not self._work.is_late:
            return self.plain.due(until, limit)
        found = (each for each in self._work.rows() if each.due_at <= until)
        return tuple(sorted(found, key=lambda each: (each.due_at, each.session_id))[:limit])

    def unproven(self, until: datetime, limit: int, after: Unproven | None = None) -> tuple[Unproven, ...]:
        self._throttle()
        if not self._at_rest.is_late:
            return self.plain.unproven(until, limit, after)
        first = (after.since, after.session_id) if after else None
        places = sorted((each.since, each.session_id) for each in self._at_rest.rows())
        found = [each for each in places if each[0] <= until and (first is None or each > first)]
        return tuple(Unproven(session_id, since) for since, session_id in found[:limit])

    def watched(self, until: datetime, limit: int) -> tuple[Watched, ...]:
        self._throttle()
        if not self._silence.is_late:
            return self.plain.watched(until, limit)
        rows = sorted((at, each.project, each.device_id) for at, each in self._silence.rows())
        found = [Watched(project, device_id) for at, project, device_id in rows if at <= until]
        return tuple(found[:limit])

    def list_sessions(
        self,
        by: ListedBy,
        created_from: datetime | None,
        created_to: datetime | None,
        after: Listed | None,
        limit: int,
    ) -> tuple[ListEntry, ...]:
        self._throttle()
        index = self._list_of(by)
        if not index.is_late and not (index is self._by_group and self._phantoms):
            return self.plain.list_sessions(by, created_from, created_to, after, limit)
        rows = [each for each in index.rows() if each.project == by.project and _names(by, each)]
        rows.sort(key=lambda each: (each.created_at, each.session_id), reverse=True)
        knows_states = by.group is None and by.serial is None
        found = [
            ListEntry(Listed(each.session_id, each.created_at), each.state if knows_states else None)
            for each in rows
            if (created_from is None or created_from <= each.created_at)
            and (created_to is None or each.created_at < created_to)
            and (after is None or (each.created_at, each.session_id) < after.place)
        ]
        return tuple(found[:limit])

    def sessions_of_camera(
        self, serial: str, project: str, after: Listed | None, limit: int
    ) -> tuple[Listed, ...]:
        entries = self.list_sessions(ListedBy(project, serial=serial), None, None, after, limit)
        return tuple(each.listed for each in entries)

    def list_devices(
        self, project: str, after: ListedDevice | None, limit: int
    ) -> tuple[tuple[Device, Heard | None], ...]:
        self._throttle()
        if not self._devices.is_late:
            return self.plain.list_devices(project, after, limit)
        # What the index says is which devices there are; what they are is read of the table.
        shown = {each.device_id for each in self._devices.rows()}
        known = self.plain.list_devices(project, after, limit + len(self.plain.tokens()))
        return tuple([each for each in known if each[0].device_id in shown][:limit])

    def _list_of(self, by: ListedBy) -> Index[Session]:
        if by.group is not None:
            return self._by_group
        if by.serial is not None:
            return self._by_camera
        return self._listed if by.device_id is None else self._by_device

    def _put_into_group(self, session: Session) -> None:
        """It is there whatever becomes of the session's write, also of one that another has made already."""
        place = (session.session_id, session.created_at)
        known = self.plain.rows([session.session_id]).get(session.session_id)
        if known is None or known.session.created_at != session.created_at:
            self._phantoms.add(place)
        self._by_group.put(place, session, self._lag_s())

    def _show_session(self, session: Session) -> None:
        name = session.session_id
        for index in (self._listed, self._by_camera, self._by_device):
            index.put(name, session, self._lag_s())
        at_rest = Unproven(name, session.unproven_since)
        self._at_rest.move(name, at_rest, self._lag_s(), self._lag_s())

    def _show_work(self, session_id: SessionId, due_at: datetime | None, is_new: bool) -> None:
        if due_at:
            self._work.move(session_id, Due(session_id, due_at), self._lag_s(), self._lag_s())
        elif not is_new:
            self._work.put(session_id, None, self._lag_s())

    def _show_watch(self, watch: Watch, look_at: datetime | None) -> None:
        watched = Watched(watch.project, watch.device_id)
        if look_at:
            self._silence.move(watched, (look_at, watched), self._lag_s(), self._lag_s())
        else:
            self._silence.put(watched, None, self._lag_s())

    def _lag_s(self) -> float:
        return self._chance.between(0.0, LATEST_S) if self._chance.strikes("index late") else 0.0

    def _throttle(self) -> None:
        if self._chance.strikes("throttled"):
            raise StorageBusy("ThrottlingException; the same call succeeds later")

    def _meets_another(self) -> bool:
        return self._chance.strikes("transaction conflict")

    def _conflict(self) -> None:
        if self._meets_another():
            raise Conflict("TransactionConflict; load and decide again")

    def _lose_answer(self) -> None:
        if self._chance.strikes("no answer"):
            raise StorageBusy("no answer from storage")

    def _answer_true(self) -> bool:
        """What is answered to a write on a condition that was done, and maybe asked again."""
        self._lose_answer()
        return not self._chance.strikes("asked again")

    def _counting(self, count: Callable[[], bool]) -> bool:
        self._throttle()
        if not count():
            return False
        answer = count() if self._chance.strikes("asked again") else True
        self._lose_answer()
        return answer

    def _reading(self, method: Callable[..., Answer]) -> Callable[..., Answer]:
        def read(*arguments: Any, **named: Any) -> Answer:
            self._throttle()
            return method(*arguments, **named)

        return read

    def _writing(self, method: Callable[..., Answer], is_transaction: bool) -> Callable[..., Answer]:
        def write(*arguments: Any, **named: Any) -> Answer:
            self._throttle()
            if is_transaction:
                self._conflict()
            answer = method(*arguments, **named)
            self._lose_answer()
            return answer

        return write


def _names(by: ListedBy, session: Session) -> bool:
    """Whether the list `by` is one that the session is in."""
    wanted = (by.group, by.serial, by.device_id)
    found = (session.group, session.camera.serial, session.device_id)
    return all(each in (None, its) for each, its in zip(wanted, found, strict=True))
