"""Session by session: settled as the reconciler would, or only looked at; and what each still waits for."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from msgspec import Struct, field
from msgspec.structs import replace

from chalicelib.core.events import Event, Measure
from chalicelib.core.ids import SessionId
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Actor, Rest, settle
from chalicelib.core.settle.gates import lost_evidence
from chalicelib.flows.deadline import Deadline
from chalicelib.flows.observe import About, observe, observe_cleanup, observe_evidence
from chalicelib.flows.reconcile import TURN_S
from chalicelib.flows.settle import settle_in_time
from chalicelib.flows.store import load
from chalicelib.ports import Ports
from infra.admin.cleanup_plan import closed_gates, watched, why
from infra.admin.console import DONE, OWED, REFUSED, Say
from infra.admin.waiting import Owed, kept_by, still_owed


class KeptMetrics:
    """Metrics that are kept: what the flows report is what was done."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, event: Event, value: int = 1) -> None:
        self.counts[event.value] += value

    def measure(self, measure: Measure, value: float) -> None:
        """A size is nothing that was done."""


class Ensured(Struct, frozen=True):
    """What became of one session. `done` is counted in the words of the flows, in a dry run `would` in those of settle.

    `kept` are the closed gates that time or an operator opens. `fault` is why it could not be settled.
    """

    session_id: SessionId
    state: str | None = None
    done: Mapping[str, int] = field(default_factory=dict)
    would: Mapping[str, int] = field(default_factory=dict)
    owed: tuple[Owed, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)
    fault: str | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether the session is as it should be, with nothing else to report."""
        return not (self.done or self.would or self.owed or self.fault)


class Walk(Struct, frozen=True):
    """What became of all. Not `finished` when a limit or a person ended it before every session had its turn."""

    sessions: tuple[Ensured, ...]
    finished: bool

    @property
    def failed(self) -> int:
        return sum(each.fault is not None for each in self.sessions)

    @property
    def owing(self) -> int:
        return sum(bool(each.owed or each.would) for each in self.sessions)

    @property
    def code(self) -> int:
        if self.failed:
            return REFUSED
        return OWED if self.owing or not self.finished else DONE


def walked(
    ports: Ports,
    each: Callable[[Ports, SessionId], Ensured],
    named: Sequence[SessionId],
    limit: int | None,
    progress: Say,
) -> Walk:
    """Every session, or those that are `named`, one after the other; all are listed before the first is touched."""
    wanted = list(dict.fromkeys(named)) or sorted(ports.records.sessions())
    found: list[Ensured] = []
    given_something = 0
    try:
        for session_id in watched(wanted, len(wanted), progress):
            if given_something == limit:
                break
            found.append(each(ports, session_id))
            given_something += bool(found[-1].done or found[-1].would)
    except KeyboardInterrupt:
        progress("stopped; what was begun is finished by the reconciler")
    return Walk(tuple(found), finished=len(found) == len(wanted))


def ensured(ports: Ports, session_id: SessionId) -> Ensured:
    """Settle the session as the reconciler does, for at most one of its turns, and report it.

    Nothing is indexed here, where no writer of the lake need be: the function is asked to do it.
    """
    metrics = KeptMetrics()
    turn = Deadline(ports.clock, ports.clock.now() + timedelta(seconds=TURN_S))
    try:
        picture = settle_in_time(replace(ports, metrics=metrics), session_id, turn, actor=Actor.OPERATOR)
        return replace(_told(ports, picture), done=dict(metrics.counts))
    except Exception as error:  # noqa: BLE001 a door for each session: one that fails never stops the others
        return Ensured(session_id, done=dict(metrics.counts), fault=why(error))


def foreseen(ports: Ports, session_id: SessionId) -> Ensured:
    """The session as it is, and what settle would do first.

    The session is inspected as for an event: as the reconciler, it might have S3 compute a checksum, which is a write.
    A later look does not count as something to do.
    """
    try:
        picture = load(ports, session_id)
        facts = observe_cleanup(ports, picture, observe(ports, picture, Actor.EVENT, About()))
        owed = settle(picture, facts, ports.clock.now(), ports.policy)
        would = Counter(_words(type(action).__name__) for action in owed if not isinstance(action, Rest))
        return replace(_told(ports, picture), would=dict(would))
    except Exception as error:  # noqa: BLE001 a door for each session
        return Ensured(session_id, fault=why(error))


def _told(ports: Ports, picture: Picture) -> Ensured:
    """What the session waits for. A CLEANED one's outputs are always checked: after the purge only they are left."""
    session = picture.session
    closed: Mapping[str, str] = {}
    if session.state is SessionState.PROCESSED:
        closed, _ = closed_gates(ports, picture)
    lost: tuple[str, ...] = ()
    if session.state is SessionState.CLEANED:
        lost = lost_evidence(picture, observe_evidence(ports.objects, picture))
    owed = still_owed(picture, closed, lost)
    return Ensured(session.session_id, session.state.value, owed=owed, kept=kept_by(closed))


def _words(name: str) -> str:
    """`SendOrder` as `send order`."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()
