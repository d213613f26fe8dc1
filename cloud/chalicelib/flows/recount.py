"""Prove the counters: walk every session, count it again, and compare; others may write at the same time.

Each write of a session that counts writes its counters in the same transaction. So whatever others do, what a counter
has beyond its sessions stays what it is, and between two reads of a counter that show the same number of writes no
session of it was counted. Such a pair of reads around the reads of its sessions is the proof.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from chalicelib.core.errors import Conflict, StorageBusy
from chalicelib.core.ids import SessionId
from chalicelib.core.picture import Picture
from chalicelib.core.statistics.contribution import contribution
from chalicelib.core.statistics.counts import Counter, CounterKey, Counts, counter_keys, difference, total
from chalicelib.flows.store import ATTEMPTS, load, save
from chalicelib.ports import Ports

log = logging.getLogger(__name__)

LANDED_S = 1.0
"""A transaction lands on all its items within milliseconds; after so long, one that passed before can be read whole."""

_LOOKS = 4
"""How often a counter that others keep writing is looked at before it is left."""

Pause = Callable[[float], None]
Mend = Callable[[CounterKey, Counter, Counts], bool]


class Drift(Struct, frozen=True):
    """A counter that has something else than its sessions count for: `surplus` is what it has beyond that."""

    key: CounterKey
    surplus: Counts


class Recount(Struct, frozen=True):
    """What a walk found. `uncounted` are sessions that count for something else than was counted of them.

    `moving` are counters that were written at every look, so that nothing was proven of them. `is_mended` is whether
    what was found was put right.
    """

    sessions: int
    counters: int
    uncounted: tuple[SessionId, ...]
    drifts: tuple[Drift, ...]
    moving: tuple[CounterKey, ...]
    is_mended: bool


def recount(ports: Ports, pause: Pause) -> Recount:
    """What differs; nothing is written."""
    return _Walk(ports, pause).run(lambda *_: False, lambda _: None, is_mended=False)


def mend(ports: Ports, pause: Pause) -> Recount:
    """What differed, put right: sessions are counted by a write of theirs, counters replaced as they were proven."""

    def replace_counter(key: CounterKey, before: Counter, counts: Counts) -> bool:
        return ports.records.replace_counter(key, before, counts)

    return _Walk(ports, pause).run(replace_counter, lambda picture: _count(ports, picture), is_mended=True)


def _count(ports: Ports, picture: Picture) -> None:
    """Have the session counted by its next version, which changes nothing else. Raises StorageBusy."""
    session_id = picture.session.session_id
    for _ in range(ATTEMPTS):
        picture = load(ports, session_id)
        if picture.counted == contribution(picture):
            return
        try:
            save(ports, picture)
        except Conflict:
            log.info("session written by another", extra={"session_id": session_id})
        else:
            return
    raise StorageBusy(f"session {session_id} is being written by others; run the command again")


class _Walk:
    """One walk: which sessions are of which counter, as far as they were seen."""

    def __init__(self, ports: Ports, pause: Pause) -> None:
        self._ports = ports
        self._pause = pause
        self._seen: set[SessionId] = set()
        self._members: defaultdict[CounterKey, list[SessionId]] = defaultdict(list)

    def run(self, replace_counter: Mend, count: Callable[[Picture], None], *, is_mended: bool) -> Recount:
        uncounted = []
        for picture in self._unseen():
            if picture.counted != contribution(picture):
                uncounted.append(picture.session.session_id)
                count(picture)
        keys = {*self._ports.records.counter_keys(), *self._members}
        suspects = {key for key in sorted(keys, key=_order) if not self._is_proven(key)}
        drifts: dict[CounterKey, Drift] = {}
        for _ in range(_LOOKS):
            if not suspects:
                break
            suspects = self._look(suspects, drifts, replace_counter, is_mended)
        return Recount(
            len(self._seen),
            len(keys),
            tuple(uncounted),
            tuple(drifts[key] for key in sorted(drifts, key=_order)),
            tuple(sorted(suspects, key=_order)),
            is_mended,
        )

    def _is_proven(self, key: CounterKey) -> bool:
        """Whether a counter agrees with its sessions, and was not written while they were read."""
        before = self._read(key)
        surplus = self._surplus(key, before, self._members[key])
        return not surplus and self._read(key).writes == before.writes

    def _look(
        self,
        suspects: Iterable[CounterKey],
        drifts: dict[CounterKey, Drift],
        replace_counter: Mend,
        is_mended: bool,
    ) -> set[CounterKey]:
        """The suspects of which this look proves nothing; a counter is read before its sessions and after them."""
        before = {key: self._read(key) for key in suspects}
        self._pause(LANDED_S)
        # A session that was opened since the walk began counts in a counter that was read before.
        for _ in self._unseen():
            pass
        surplus = {key: self._surplus(key, counter, self._of_day(key)) for key, counter in before.items()}
        self._pause(LANDED_S)
        left = set()
        for key, counter in before.items():
            if self._read(key).writes != counter.writes:
                left.add(key)
            elif surplus[key]:
                right = total((counter.counts, difference(surplus[key], {})))
                if is_mended and not replace_counter(key, counter, right):
                    left.add(key)
                else:
                    drifts[key] = Drift(key, surplus[key])
        return left

    def _unseen(self) -> Iterator[Picture]:
        """The sessions that this walk has not seen; from now on it has."""
        for session_id in sorted(self._ports.records.sessions()):
            if session_id in self._seen:
                continue
            picture = self._ports.records.picture(session_id)
            if picture is None:
                continue
            self._seen.add(session_id)
            for key in counter_keys(picture.session):
                self._members[key].append(session_id)
            yield picture

    def _read(self, key: CounterKey) -> Counter:
        return self._ports.records.counter(key)

    def _of_day(self, key: CounterKey) -> list[SessionId]:
        """The sessions that may count in a counter: one that changed its device counts in another one than it did."""
        if key.device_id is None:
            return self._members[key]
        of_day = [each for each in self._members if (each.project, each.day) == (key.project, key.day)]
        return list(dict.fromkeys(session_id for each in of_day for session_id in self._members[each]))

    def _surplus(self, key: CounterKey, counter: Counter, sessions: Iterable[SessionId]) -> Counts:
        """What a counter has more than what was counted of those of these sessions that count in it now."""
        pictures = (self._ports.records.picture(session_id) for session_id in sessions)
        its = (each.counted for each in pictures if each and key in counter_keys(each.session))
        return difference(total(its), counter.counts)


def _order(key: CounterKey) -> tuple[str, str, str, int]:
    return key.project, key.day.isoformat(), key.device_id or "", -1 if key.shard is None else key.shard
