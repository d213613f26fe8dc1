"""The safety net, which is the main path on a timer: settle all that is due, abort what nobody knows."""

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct, field
from msgspec.structs import asdict

from chalicelib.core import keys
from chalicelib.core.events import Event, Measure
from chalicelib.core.ids import SessionId
from chalicelib.core.picture import Picture
from chalicelib.core.rounds import MOST_COUNTED, LastRound
from chalicelib.core.settle import Rest, due_uploads, look_again_at
from chalicelib.core.upload import Upload
from chalicelib.flows.actions import carry_out
from chalicelib.flows.announce import announce
from chalicelib.flows.deadline import Deadline, OutOfTime, punctual
from chalicelib.flows.push import tell_pages
from chalicelib.flows.settle import settle_in_time
from chalicelib.flows.store import load
from chalicelib.flows.watch_devices import watch_devices
from chalicelib.ports import Due, ObjectStore, OpenMultipart, Ports

log = logging.getLogger(__name__)

BATCH = 25
"""Sessions asked for at a time; a round continues until nothing is due or its time is over."""

TURN_S = 60
"""The seconds of one turn: a session with hours of work gets further turns once every other had its own."""

SWEEP_SHARE = 1 / 8
"""The share of a round's time that sessions leave to the sweep of orphans."""


class Round(Struct, frozen=True):
    """What one reconcile did."""

    settled: int
    failed: int
    aborted_orphans: int
    finished: bool
    """False when time ran out with sessions still due; the next round continues with the longest due."""
    unfinished: int = 0
    """Sessions whose work did not fit into the round; what is done is kept, and the next round continues it."""
    swept: bool = True
    """False when time ran out before the sweep saw every open multipart upload; the next round continues it."""
    unproven: int = 0
    """Sessions that nobody has proven at rest in time; at most MOST_COUNTED are counted."""


class _End(Enum):
    """What became of one session that was due."""

    SETTLED = "settled"
    FAILED = "failed"
    UNFINISHED = "its time was over first"
    ELSEWHERE = "another has it, or wrote it since"


class _Turns(Struct):
    """The turns of one round: what became of each session that had one."""

    ends: dict[SessionId, _End] = field(default_factory=dict)
    finished: bool = True

    def of(self, end: _End) -> set[SessionId]:
        return {session_id for session_id, its_end in self.ends.items() if its_end is end}


def reconcile(ports: Ports, time_limit_s: float) -> Round:
    """One round: every session due by now is settled, longest due first, for at most `time_limit_s` and a call more.

    A session becomes due again, after all others, before it is settled: so even one that crashes the function cannot
    starve them, and only one of two overlapping rounds settles it. Each gets TURN_S; the rest of the round goes to
    those with more to do.
    """
    started_at = ports.clock.now()
    end = Deadline(ports.clock, started_at + timedelta(seconds=time_limit_s))
    turns_end = end.earlier(time_limit_s * SWEEP_SHARE)
    _look_at_devices(ports, started_at, turns_end)
    _announce(ports, turns_end)
    turns = _Turns()
    _give_each_a_turn(ports, turns, started_at, turns_end)
    _give_further_turns(ports, turns, turns_end)
    aborted, swept = _sweep_orphans(ports, end)
    counts = Counter(turns.ends.values())
    done = Round(
        counts[_End.SETTLED],
        counts[_End.FAILED],
        aborted,
        turns.finished,
        counts[_End.UNFINISHED],
        swept,
        _count_unproven(ports, started_at),
    )
    return _report(ports, done, started_at)


def _look_at_devices(ports: Ports, now: datetime, end: Deadline) -> None:
    """Look at the devices that are due, before what may take long: somebody waits for the name of a silent one."""
    try:
        watch_devices(ports, now, end)
    except Exception:  # a door: devices that cannot be read must not stop the round
        log.exception("devices not read")
        ports.metrics.count(Event.RECONCILE_FAILED)


def _announce(ports: Ports, end: Deadline) -> None:
    """Send what waits before anything else: not even a session that takes the function down keeps it back."""
    try:
        announce(ports, end)
    except Exception:  # a door: notices that cannot be read must not stop the round
        log.exception("notices not read")
        ports.metrics.count(Event.NOTICE_FAILED)


def _give_each_a_turn(ports: Ports, turns: _Turns, started_at: datetime, end: Deadline) -> None:
    while due := _next_due(ports, started_at, turns):
        for item in due:
            if end.is_over():
                turns.finished = False
                return
            turns.ends[item.session_id] = _settle_due(ports, item, end.at_most(TURN_S))


def _next_due(ports: Ports, started_at: datetime, turns: _Turns) -> list[Due]:
    # The index may be older than what this round wrote: a session that it settled may come before one that it did not.
    due = ports.records.due(started_at, BATCH + len(turns.ends))
    return [item for item in due if item.session_id not in turns.ends]


def _give_further_turns(ports: Ports, turns: _Turns, end: Deadline) -> None:
    while (wanted := turns.of(_End.UNFINISHED)) and not end.is_over():
        due = ports.records.due(ports.clock.now(), BATCH + len(turns.ends))
        taken = [_give_another_turn(ports, turns, item, end) for item in due if item.session_id in wanted]
        if not any(taken):
            return


def _give_another_turn(ports: Ports, turns: _Turns, item: Due, end: Deadline) -> bool:
    """Give the session another turn, and say whether it had one; not if another round has taken the session."""
    if end.is_over():
        return False
    its_end = _settle_due(ports, item, end.at_most(TURN_S))
    if its_end is _End.ELSEWHERE:
        return False
    turns.ends[item.session_id] = its_end
    return True


def _settle_due(ports: Ports, item: Due, turn: Deadline) -> _End:
    try:
        postponed = Due(item.session_id, ports.clock.now())
        if not ports.records.postpone(item, postponed.due_at):
            return _End.ELSEWHERE
        picture = settle_in_time(ports, item.session_id, turn)
        if turn.is_over():
            return _End.UNFINISHED
        _let_rest(ports, postponed, picture)
    except Exception:  # a door for each session: one that fails must not starve the rest
        log.exception("session not settled", extra={"session_id": item.session_id})
        ports.metrics.count(Event.RECONCILE_FAILED)
        _settle_each_upload(ports, item.session_id, turn)
        return _End.FAILED
    finally:
        tell_pages(ports)  # a round may take minutes
    return _End.SETTLED


def _let_rest(ports: Ports, postponed: Due, picture: Picture) -> None:
    """A session that only waits for a cleanup need not be looked at in every round."""
    next_at = look_again_at(picture, ports.clock.now(), ports.policy)
    if next_at and next_at > postponed.due_at:
        ports.records.postpone(postponed, next_at)


def _settle_each_upload(ports: Ports, session_id: SessionId, turn: Deadline) -> None:
    """What can be done for a session of which something fails: one upload's fault keeps no other from its end."""
    try:
        due = due_uploads(load(ports, session_id), ports.clock.now(), ports.policy)
    except Exception:  # the same door
        log.exception("session not read", extra={"session_id": session_id})
        return
    for upload in due:
        if not turn.is_over():
            _settle_upload(ports, upload, turn)


def _settle_upload(ports: Ports, upload: Upload, turn: Deadline) -> None:
    about = {"session_id": upload.session_id, "upload_id": upload.upload_id}
    try:
        settle_in_time(ports, upload.session_id, turn, upload.upload_id)
    except Exception:  # a door for each upload
        log.exception("upload not settled", extra=about)
        _let_upload_rest(ports, upload)


def _let_upload_rest(ports: Ports, upload: Upload) -> None:
    """Let a failed upload rest: one that fails in every round must not keep the session's others from their turn."""
    try:
        picture = load(ports, upload.session_id)
        if picture.upload(upload.upload_id).is_live:
            carry_out(ports, picture, Rest((upload.upload_id,)))
    except Exception:  # the same door
        log.exception("upload not put off", extra={"upload_id": upload.upload_id})


def _sweep_orphans(ports: Ports, end: Deadline) -> tuple[int, bool]:
    """Abort orphans. Return how many, and whether all were seen; if not, the next sweep continues there."""
    began_behind = reached = ports.records.swept_until()
    aborted = 0
    try:
        for multipart in _multiparts(punctual(ports, end).objects, began_behind):
            if _is_old(ports, multipart) and _is_orphan(ports, multipart):
                _abort_orphan(ports, multipart)
                aborted += 1
            reached = multipart.key
    except OutOfTime:
        ports.records.put_swept_until(reached)
        return aborted, False
    if began_behind:
        ports.records.put_swept_until("")
    return aborted, True


def _multiparts(objects: ObjectStore, behind: str) -> Iterator[OpenMultipart]:
    """Every open multipart upload of any session after the key `behind`, kind by kind."""
    kinds = list(keys.OF_SESSIONS)
    first = next((place for place, kind in enumerate(kinds) if behind.startswith(kind)), 0)
    for place, kind in enumerate(kinds[first:]):
        yield from objects.multiparts(kind, behind if place == 0 else "")


def _is_old(ports: Ports, multipart: OpenMultipart) -> bool:
    # Processors also upload on their own, without us: we must not end their uploads early.
    is_ours = multipart.key.startswith(keys.OPENED_HERE)
    age_s = ports.policy.orphan_age_s if is_ours else ports.policy.upload_ttl_s
    return multipart.initiated_at <= ports.clock.now() - timedelta(seconds=age_s)


def _abort_orphan(ports: Ports, multipart: OpenMultipart) -> None:
    ports.objects.abort(multipart.key, multipart.multipart_id)
    log.warning("orphaned multipart upload aborted", extra={"key": multipart.key})
    ports.metrics.count(Event.MULTIPART_ORPHANED)


def _is_orphan(ports: Ports, multipart: OpenMultipart) -> bool:
    """Whether no upload that still needs this multipart upload is recorded; read consistently, right before."""
    session_id = keys.session_of(multipart.key)
    picture = ports.records.picture(session_id) if session_id else None
    if picture is None:
        return True
    copy = picture.session.checksum_copy
    if copy and copy.multipart_id == multipart.multipart_id:
        return False
    return not any(
        upload.multipart_id == multipart.multipart_id and upload.owes for upload in picture.uploads
    )


def _count_unproven(ports: Ports, now: datetime) -> int:
    overdue_since = now - timedelta(seconds=ports.policy.at_rest_s)
    return len(ports.records.unproven(overdue_since, MOST_COUNTED))


def _report(ports: Ports, done: Round, started_at: datetime) -> Round:
    """Log and count the round, and record it: who asks later sees that the reconciler still runs."""
    ports.records.put_last_round(LastRound(began_at=started_at, ended_at=ports.clock.now(), **asdict(done)))
    log.info("reconciled", extra=asdict(done))
    ports.metrics.measure(Measure.ROUND_TIME, (ports.clock.now() - started_at).total_seconds())
    ports.metrics.count(Event.RECONCILE_SETTLED, done.settled)
    if done.unfinished:
        ports.metrics.count(Event.RECONCILE_UNFINISHED, done.unfinished)
    if done.unproven:
        ports.metrics.count(Event.PROOF_OVERDUE, done.unproven)
    return done
