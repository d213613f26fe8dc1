"""One round of proof at rest: session by session, several versions at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from chalicelib.core import ids
from chalicelib.core.artifact import is_original
from chalicelib.core.evidence import ReadBack
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.picture import Picture
from chalicelib.core.session import Damage
from chalicelib.core.settle.at_rest import at_rest, earlier_versions, may_be_proven, remedy
from chalicelib.core.upload import Receipt
from chalicelib.flows.at_rest import record_damage, record_proof, record_read_back
from chalicelib.flows.store import load
from chalicelib.ports import Ports
from infra.admin.at_rest.journal import Journal
from infra.admin.at_rest.reading import End, Judgement, Pace, judge
from infra.admin.cleanup_plan import why

READING = "reading"
S3_BATCH = "s3-batch"
"""Who computes a round's checksums: this machine, or S3 itself."""

_TELL_EVERY_S = 0.2

Judge = Callable[[Receipt], Judgement]


@dataclass
class Findings:
    """How far a round is, and what it found: `unread` are documents of versions and sessions that prove nothing."""

    sessions: int = 0
    objects: int = 0
    size_bytes: int = 0
    done_sessions: int = 0
    proven: int = 0
    proven_bytes: int = 0
    unread: list[Mapping[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class _Session:
    """A session of which versions are being judged."""

    picture: Picture
    waiting: int = 0
    is_listed: bool = False
    unread: int = 0

    @property
    def session_id(self) -> SessionId:
        return self.picture.session.session_id


class Round:
    """A round over `ports`, by reading unless `judge_by` says otherwise."""

    def __init__(
        self,
        ports: Ports,
        journal: Journal,
        pace: Pace,
        workers: int,
        tell: Callable[[Findings], None],
    ) -> None:
        self._ports = ports
        self._journal = journal
        self._pace = pace
        self._workers = workers
        self._tell = tell
        self._judge: Judge = self.read
        self._by = READING
        self.tally = Findings()
        self.known: list[Mapping[str, Any]] = []

    def plan(self, sessions: Sequence[SessionId]) -> Sequence[SessionId]:
        """The sessions that are still to be proven, counted with their versions and bytes.

        `known` then has what is lost of them already.
        """
        left = [session_id for session_id in sessions if not self._journal.has_ended(session_id)]
        self.tally.sessions = len(left)
        for session_id in left:
            picture = self._load(session_id)
            receipts = self._left(picture) if picture else ()
            self.tally.objects += len(receipts)
            self.tally.size_bytes += sum(receipt.size_bytes for receipt in receipts)
            self.known += self._known(picture) if picture else []
        # Whatever cannot be read now is read again, and told, in its turn.
        self.tally.unread.clear()
        self.tally.done_sessions = 0
        return left

    def receipts(self, sessions: Iterable[SessionId]) -> Iterator[Receipt]:
        """The receipts that these sessions are to be proven by; a session that cannot be read has none."""
        for session_id in sessions:
            picture = self._ports.records.picture(session_id)
            yield from self._left(picture) if picture else ()

    def judge_by(self, judge_version: Judge, by: str) -> None:
        """From now on `judge_version` says of each receipt whether it is true; `by` is what it is called."""
        self._judge = judge_version
        self._by = by

    def prove(self, sessions: Iterable[SessionId]) -> None:
        """Judge every version of these sessions; when an error ends it, all that was found is on record."""
        executor = ThreadPoolExecutor(self._workers, thread_name_prefix="verify")
        pending: dict[Future[Judgement], tuple[_Session, Receipt]] = {}
        try:
            for session_id in sessions:
                picture = self._load(session_id)
                if picture is None:
                    continue
                session = _Session(picture)
                for receipt in self._left(picture):
                    session.waiting += 1
                    pending[executor.submit(self._judge, receipt)] = (session, receipt)
                    self._take_ended(pending, most=2 * self._workers)
                session.is_listed = True
                self._end_if_done(session)
            self._take_ended(pending, most=0)
        finally:
            self._pace.stop()
            executor.shutdown(cancel_futures=True)

    def _known(self, picture: Picture) -> Iterator[Mapping[str, Any]]:
        """What is lost of the session, except for what this very round has found."""
        found = {damage["version_id"] for damage in self._journal.damage}
        for lost in picture.lost:
            if lost.version_id not in found:
                yield {
                    **_named(picture.session.session_id),
                    "artifact_id": lost.artifact_id,
                    "version_id": lost.version_id,
                    "fault": lost.reason,
                    "remedy": remedy(picture, lost.artifact_id),
                }

    def _load(self, session_id: SessionId) -> Picture | None:
        try:
            return load(self._ports, session_id)
        except Exception as error:  # noqa: BLE001 a door for each session: one that cannot be read stops no other
            self.tally.unread.append(_document(session_id, None, why(error)))
            self.tally.done_sessions += 1
            return None

    def _left(self, picture: Picture) -> Sequence[Receipt]:
        session_id = picture.session.session_id
        found_before = {damage.version_id for damage in picture.session.damage}
        return [
            receipt
            for receipt in at_rest(picture)
            if receipt.version_id not in found_before
            and not self._journal.has_proven(session_id, receipt.version_id)
        ]

    def _take_ended(self, pending: dict[Future[Judgement], tuple[_Session, Receipt]], most: int) -> None:
        """Take what has ended until at most `most` versions are waiting or being judged."""
        while len(pending) > most:
            ended, _ = wait(pending, timeout=_TELL_EVERY_S, return_when=FIRST_COMPLETED)
            for future in ended:
                session, receipt = pending.pop(future)
                session.waiting -= 1
                self._take(session, receipt, future.result())
                self._end_if_done(session)
            self._tell(self.tally)

    def _take(self, session: _Session, receipt: Receipt, judgement: Judgement) -> None:
        if judgement.note:
            self.tally.notes.append(f"{session.session_id} {receipt.artifact_id}: {judgement.note}")
        match judgement.end:
            case End.TRUE:
                self.tally.proven += 1
                self.tally.proven_bytes += receipt.size_bytes
                self._journal.note_proven(session.session_id, receipt.version_id)
            case End.DAMAGED:
                self._record(session, receipt, judgement)
            case End.UNREAD:
                session.unread += 1
                self.tally.unread.append(_document(session.session_id, receipt, judgement.fault))

    def _record(self, session: _Session, receipt: Receipt, judgement: Judgement) -> None:
        good = next(
            (each for each in earlier_versions(session.picture, receipt) if self._is_true(each)), None
        )
        found_at = self._ports.clock.now()
        damage = Damage(receipt.version_id, judgement.fault, found_at, good.version_id if good else None)
        record_damage(self._ports, session.session_id, damage)
        document = {
            **_document(session.session_id, receipt, judgement.fault),
            "good_version_id": damage.good_version_id,
            "remedy": "an earlier version is whole: the coordinator copies it back, and holds the session"
            if good
            else remedy(session.picture, receipt.artifact_id),
        }
        self._journal.note_damage(document)

    def read(self, receipt: Receipt) -> Judgement:
        """Whether the receipt is true, by one reading of its version or two."""
        return judge(self._ports.objects, receipt, self._pace)

    def _is_true(self, receipt: Receipt) -> bool:
        return self.read(receipt).end is End.TRUE

    def _end_if_done(self, session: _Session) -> None:
        if session.waiting or not session.is_listed:
            return
        self.tally.done_sessions += 1
        read_back = self._read_back(session.picture)
        if not session.unread and may_be_proven(session.picture):
            record_proof(self._ports, session.session_id, self._journal.began_at, read_back)
            self._journal.note_end(session.session_id)
        elif read_back:
            record_read_back(self._ports, session.session_id, read_back)

    def _read_back(self, picture: Picture) -> Mapping[ArtifactId, ReadBack]:
        """The chapters that this round has proven, those of a process that was killed among them."""
        session_id, began_at = picture.session.session_id, self._journal.began_at
        return {
            receipt.artifact_id: ReadBack(receipt.version_id, max(began_at, receipt.verified_at), self._by)
            for receipt in at_rest(picture)
            if is_original(receipt.artifact_id) and self._journal.has_proven(session_id, receipt.version_id)
        }


def _document(session_id: SessionId, receipt: Receipt | None, fault: str) -> dict[str, Any]:
    return {
        **_named(session_id),
        "artifact_id": receipt.artifact_id if receipt else None,
        "key": receipt.key if receipt else None,
        "version_id": receipt.version_id if receipt else None,
        "fault": fault,
    }


def _named(session_id: SessionId) -> dict[str, Any]:
    return {"project": ids.project_of(session_id), "session_id": ids.name_of(session_id)}


def time_left(tally: Findings, read_bytes: int, passed_s: float) -> timedelta | None:
    """How long the rest takes at the rate so far; None as long as nobody can know."""
    if passed_s <= 0 or read_bytes <= 0:
        return None
    left = max(0, tally.size_bytes - read_bytes)
    return timedelta(seconds=round(left * passed_s / read_bytes))
