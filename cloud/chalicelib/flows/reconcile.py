"""The safety net, which is the main path on a timer: settle whatever is due, abort what nobody knows."""

import logging
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import Enum

from chalicelib.core import keys
from chalicelib.core.ids import SessionId
from chalicelib.core.picture import Picture
from chalicelib.core.settle import Actor, Rest, due_uploads, look_again_at
from chalicelib.core.upload import Upload
from chalicelib.flows.acts import carry_out
from chalicelib.flows.recording import loaded
from chalicelib.flows.settling import settle_session
from chalicelib.ports import Due, OpenMultipart, Ports

log = logging.getLogger(__name__)

BATCH = 25
"""Sessions asked for at a time; a round goes on until nothing is due or its time is over."""


@dataclass(frozen=True)
class Round:
    """What one reconcile did."""

    settled: int
    failed: int
    aborted_orphans: int
    finished: bool
    """False when time ran out with sessions still due; the next round goes on with the longest due."""


class _End(Enum):
    """What became of one session that was due."""

    SETTLED = "settled"
    FAILED = "failed"
    ELSEWHERE = "another has it, or wrote it since"


def reconcile(ports: Ports, time_limit_s: float) -> Round:
    """One round: every session due by now is settled, longest due first, for at most about `time_limit_s`.

    A session is due again, behind all others, before it is settled: not even one that takes the function down can
    starve them, and of two rounds that overlap one has it.
    """
    started_at = ports.clock.now()
    deadline = started_at + timedelta(seconds=time_limit_s)
    ended: Counter[_End] = Counter()
    seen: set[SessionId] = set()
    while due := _next_due(ports, started_at, seen):
        for item in due:
            if ports.clock.now() >= deadline:
                return _reported(ports, _round(ended, 0, finished=False))
            seen.add(item.session_id)
            ended[_settled(ports, item)] += 1
    return _reported(ports, _round(ended, _abort_orphans(ports), finished=True))


def _round(ended: Counter[_End], aborted: int, finished: bool) -> Round:
    return Round(ended[_End.SETTLED], ended[_End.FAILED], aborted, finished)


def _next_due(ports: Ports, started_at: datetime, seen: set[SessionId]) -> list[Due]:
    # The index may lag behind what this round wrote: whom we have seen may stand before whom we have not.
    due = ports.records.due(started_at, BATCH + len(seen))
    return [item for item in due if item.session_id not in seen]


def _settled(ports: Ports, item: Due) -> _End:
    try:
        postponed = Due(item.session_id, ports.clock.now())
        if not ports.records.postpone(item, postponed.due_at):
            return _End.ELSEWHERE
        picture = settle_session(ports, item.session_id, Actor.RECONCILER)
        _let_rest(ports, postponed, picture)
    except Exception:  # a door for each session: one that fails must not starve the rest
        log.exception("session not settled", extra={"session_id": item.session_id})
        ports.metrics.count("reconcile.failed")
        _settle_each_upload(ports, item.session_id)
        return _End.FAILED
    return _End.SETTLED


def _let_rest(ports: Ports, postponed: Due, picture: Picture) -> None:
    """Whoever only waits for a cleanup need not be looked at in every round."""
    next_at = look_again_at(picture, ports.clock.now(), ports.policy)
    if next_at and next_at > postponed.due_at:
        ports.records.postpone(postponed, next_at)


def _settle_each_upload(ports: Ports, session_id: SessionId) -> None:
    """What can be done for a session of which something fails: one upload's fault keeps no other from its end."""
    try:
        due = due_uploads(loaded(ports, session_id), ports.clock.now(), ports.policy)
    except Exception:  # the same door
        log.exception("session not read", extra={"session_id": session_id})
        return
    for upload in due:
        _settle_upload(ports, upload)


def _settle_upload(ports: Ports, upload: Upload) -> None:
    about = {"session_id": upload.session_id, "upload_id": upload.upload_id}
    try:
        settle_session(ports, upload.session_id, Actor.RECONCILER, upload.upload_id)
    except Exception:  # a door for each upload
        log.exception("upload not settled", extra=about)
        _let_upload_rest(ports, upload)


def _let_upload_rest(ports: Ports, upload: Upload) -> None:
    """Uploads that fail in every round must not keep others of their session from their turn."""
    try:
        picture = loaded(ports, upload.session_id)
        if picture.upload(upload.upload_id).is_live:
            carry_out(ports, picture, Rest((upload.upload_id,)))
    except Exception:  # the same door
        log.exception("upload not put off", extra={"upload_id": upload.upload_id})


def _abort_orphans(ports: Ports) -> int:
    now, policy = ports.clock.now(), ports.policy
    aborted = 0
    for prefix in keys.OF_SESSIONS:
        # Processors may upload by themselves where we complete nothing of theirs: theirs are not ours to end early.
        is_ours = prefix in keys.CLEANED
        age_s = policy.orphan_age_s if is_ours else policy.upload_ttl_s
        for multipart in ports.footage.multiparts(prefix):
            if multipart.initiated_at <= now - timedelta(seconds=age_s) and _is_orphan(ports, multipart):
                _abort_orphan(ports, multipart)
                aborted += 1
    return aborted


def _abort_orphan(ports: Ports, multipart: OpenMultipart) -> None:
    ports.footage.abort(multipart.key, multipart.multipart_id)
    log.warning("orphaned multipart upload aborted", extra={"key": multipart.key})
    ports.metrics.count("multipart.orphaned")


def _is_orphan(ports: Ports, multipart: OpenMultipart) -> bool:
    """Whether no upload that still needs this multipart upload is recorded; read consistently, right before."""
    session_id = keys.session_of(multipart.key)
    picture = ports.records.picture(session_id) if session_id else None
    if picture is None:
        return True
    return not any(
        upload.multipart_id == multipart.multipart_id and upload.owes for upload in picture.uploads
    )


def _reported(ports: Ports, done: Round) -> Round:
    log.info("reconciled", extra=asdict(done))
    ports.metrics.count("reconcile.settled", done.settled)
    return done
