"""The table in memory: the same versions, the same conflicts, the same order as the real one."""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime

from msgspec import Struct, field
from msgspec.structs import replace

from chalicelib.core.attention import Need, Needy, needs
from chalicelib.core.audit import Entry
from chalicelib.core.chapter import Chapter
from chalicelib.core.cleanup import Arming, Spent
from chalicelib.core.enrolment import Code
from chalicelib.core.errors import Conflict
from chalicelib.core.heard import Heard
from chalicelib.core.ids import (
    CodeId,
    DeviceId,
    PageSessionId,
    SessionId,
    ShareId,
    TokenId,
    UploadId,
    project_of,
)
from chalicelib.core.landing import Landing
from chalicelib.core.limits import Window
from chalicelib.core.listing import Summary, summary
from chalicelib.core.measurements.index import Index
from chalicelib.core.notices import Notice
from chalicelib.core.page_sessions import Known, PageSession
from chalicelib.core.picture import Picture, Progress
from chalicelib.core.rounds import LastRound
from chalicelib.core.session import Session
from chalicelib.core.shares import Share
from chalicelib.core.silence import AT_ONCE, Watch
from chalicelib.core.statistics.contribution import contribution
from chalicelib.core.statistics.counts import (
    Counter,
    CounterKey,
    Counting,
    Counts,
    Waiting,
    counter_changes,
    day_of,
    total,
    without_zeros,
)
from chalicelib.core.tokens import Device, PageSessionKey, Secrets, Token
from chalicelib.core.upload import Receipt, Upload
from chalicelib.core.upload_passes import UploadPass
from chalicelib.ports import (
    Change,
    Due,
    Enlisting,
    Listed,
    ListedBy,
    ListedDevice,
    ListEntry,
    RecordedRow,
    Unproven,
    Watched,
)


class _Entry(Struct, frozen=True):
    """What is recorded of one session under its version."""

    session: Session
    chapters: tuple[Chapter, ...] = ()
    uploads: dict[UploadId, Upload] = field(default_factory=dict)
    receipts: dict[str, Receipt] = field(default_factory=dict)
    indexes: dict[tuple[str, str], Index] = field(default_factory=dict)
    due_at: datetime | None = None
    summary: Summary | None = None
    counted: Counts = field(default_factory=dict)
    landings: dict[UploadId, Landing] = field(default_factory=dict)


class MemoryRecords:
    """The table. Beside the port's methods it has `arrange`, which records a picture of any version, and
    `forget_counts`."""

    def __init__(self) -> None:
        self._entries: dict[SessionId, _Entry] = {}
        self._progress: dict[SessionId, Progress] = {}
        self._pictures: dict[SessionId, tuple[_Entry, Progress | None, Picture]] = {}
        """What was answered last, and what it was made of: as long as nobody writes, the answer is the same."""
        self._tokens: dict[TokenId, Token] = {}
        self._devices: dict[DeviceId, Device] = {}
        self._secrets: dict[TokenId, Secrets] = {}
        self.entries: list[Entry] = []
        self._upload_passes: dict[TokenId, UploadPass] = {}
        self._page_sessions: dict[tuple[TokenId, PageSessionId], PageSession] = {}
        self._shares: dict[ShareId, Share] = {}
        self._codes: dict[CodeId, Code] = {}
        self._enlisting = threading.Lock()
        self._arming: Arming | None = None
        self._spent: dict[date, Spent] = {}
        self._spending = threading.Lock()
        self._windows: dict[Window, int] = {}
        self._arming_lock = threading.Lock()
        self._swept_until = ""
        self._last_round: LastRound | None = None
        self._counters: dict[CounterKey, Counter] = {}
        self._waiting: dict[SessionId, Session] = {}
        self._needy: dict[SessionId, Needy] = {}
        self._watches: dict[tuple[str, DeviceId], tuple[Watch, datetime | None]] = {}
        self._projects: set[str] = set()
        self._summaries: set[tuple[str, str]] = set()
        self._notices: dict[tuple[datetime, str], Notice] = {}
        self._heard: dict[tuple[str, DeviceId], Heard] = {}

    def picture(self, session_id: SessionId) -> Picture | None:
        entry = self._entries.get(session_id)
        if entry is None:
            return None
        progress = self._progress.get(session_id)
        known = self._pictures.get(session_id)
        if known and known[0] is entry and known[1] is progress:
            return known[2]
        found = _picture(entry, progress)
        self._pictures[session_id] = (entry, progress, found)
        return found

    def session_of(self, upload_id: UploadId) -> SessionId | None:
        owners = (name for name, entry in self._entries.items() if upload_id in entry.uploads)
        return next(owners, None)

    def write(self, change: Change) -> None:
        session = change.session
        before = self._entries.get(session.session_id)
        if session.version != (before.session.version + 1 if before else 1):
            raise Conflict(f"session {session.session_id} was written by another")
        known = before or _Entry(session)
        uploads = known.uploads | {upload.upload_id: upload for upload in change.uploads}
        chapters = change.chapters or known.chapters
        receipts = known.receipts | {receipt.key: receipt for receipt in change.receipts}
        indexes = known.indexes | {(each.artifact_id, each.revision): each for each in change.indexes}
        landings = known.landings | {each.landing_id: each for each in change.landings}
        counted = change.counting.after if change.counting else known.counted
        self._entries[session.session_id] = _Entry(
            session, chapters, uploads, receipts, indexes, change.due_at, change.summary, counted, landings
        )
        if change.counting:
            self._count(session, change.counting)
        self._list_needy(session, change.needs, change.counting)
        self._notices |= {(notice.at, notice.notice_id): notice for notice in change.notices}
        self.entries += [change.entry] if change.entry else []

    def _count(self, session: Session, counting: Counting) -> None:
        for key, changes in counter_changes(session, counting):
            before = self.counter(key)
            counts = total((before.counts, changes))
            self._counters[key] = Counter(counts, before.writes + 1)
        if counting.lists_as_waiting:
            self._waiting[session.session_id] = session
        elif counting.ends_waiting:
            self._waiting.pop(session.session_id, None)

    def _list_needy(self, session: Session, needs: tuple[Need, ...], counting: Counting | None) -> None:
        named = (session.session_id, session.created_at, session.state, session.device_id, session.group)
        if needs:
            self._needy[session.session_id] = Needy(*named, needs)
        elif counting and counting.ends_needing:
            self._needy.pop(session.session_id, None)

    def needy(self, project: str, limit: int) -> tuple[Needy, ...]:
        own = (each for each in self._needy.values() if project_of(each.session_id) == project)
        return tuple(sorted(own, key=lambda each: (each.created_at, each.session_id), reverse=True)[:limit])

    def due(self, until: datetime, limit: int) -> tuple[Due, ...]:
        found = sorted(
            (entry.due_at, session_id)
            for session_id, entry in self._entries.items()
            if entry.due_at and entry.due_at <= until
        )
        return tuple(Due(session_id, due_at) for due_at, session_id in found[:limit])

    def postpone(self, due: Due, until: datetime) -> bool:
        entry = self._entries.get(due.session_id)
        if entry is None or entry.due_at != due.due_at:
            return False
        self._entries[due.session_id] = replace(entry, due_at=until)
        return True

    def sessions(self) -> Iterator[SessionId]:
        yield from list(self._entries)

    def sessions_of_camera(
        self, serial: str, project: str, after: Listed | None, limit: int
    ) -> tuple[Listed, ...]:
        sessions = [entry.session for entry in self._entries.values()]
        places = sorted(
            ((each.created_at, each.session_id) for each in sessions if _is_of(each, serial, project)),
            reverse=True,
        )
        found = [place for place in places if after is None or place < (after.created_at, after.session_id)]
        return tuple(Listed(session_id, created_at) for created_at, session_id in found[:limit])

    def unproven(self, until: datetime, limit: int, after: Unproven | None = None) -> tuple[Unproven, ...]:
        sessions = (entry.session for entry in self._entries.values())
        listed = sorted((each.unproven_since, each.session_id) for each in sessions)
        found = [
            place
            for place in listed
            if place[0] <= until and (after is None or place > (after.since, after.session_id))
        ]
        return tuple(Unproven(session_id, since) for since, session_id in found[:limit])

    def last_round(self) -> LastRound | None:
        return self._last_round

    def put_last_round(self, last: LastRound) -> None:
        self._last_round = last

    def list_sessions(
        self,
        by: ListedBy,
        created_from: datetime | None,
        created_to: datetime | None,
        after: Listed | None,
        limit: int,
    ) -> tuple[ListEntry, ...]:
        sessions = sorted(
            (entry.session for entry in self._entries.values() if _is_in(by, entry.session)),
            key=lambda each: (each.created_at, each.session_id),
            reverse=True,
        )
        knows_states = by.group is None and by.serial is None
        found = [
            ListEntry(Listed(each.session_id, each.created_at), each.state if knows_states else None)
            for each in sessions
            if (created_from is None or created_from <= each.created_at)
            and (created_to is None or each.created_at < created_to)
        ]
        return tuple([each for each in found if after is None or each.listed.place < after.place][:limit])

    def rows(self, session_ids: Sequence[SessionId]) -> Mapping[SessionId, RecordedRow]:
        known = {each: self._entries[each] for each in session_ids if each in self._entries}
        return {
            each: RecordedRow(entry.session, entry.summary, self._progress.get(each))
            for each, entry in known.items()
        }

    def list_devices(
        self, project: str, after: ListedDevice | None, limit: int
    ) -> tuple[tuple[Device, Heard | None], ...]:
        found = sorted(
            (each for each in self._devices.values() if each.project == project),
            key=lambda each: (each.enrolled_at, each.device_id),
            reverse=True,
        )
        left = [
            each
            for each in found
            if after is None or (each.enrolled_at, each.device_id) < (after.enrolled_at, after.device_id)
        ]
        return tuple((each, self._heard.get((project, each.device_id))) for each in left[:limit])

    def complete_lists(self) -> int:
        return 0

    def counts(
        self, project: str, device_id: DeviceId | None, first: date | None, last: date | None
    ) -> Counts:
        return total(
            counter.counts
            for key, counter in self._counters.items()
            if (key.project, key.device_id) == (project, device_id) and _is_within(key.day, first, last)
        )

    def counts_by_day(self, project: str) -> dict[date, Counts]:
        found: dict[date, list[Counts]] = {}
        for key, counter in self._counters.items():
            if (key.project, key.device_id) == (project, None):
                found.setdefault(key.day, []).append(counter.counts)
        return {day: total(counts) for day, counts in found.items()}

    def counter_keys(self) -> Iterator[CounterKey]:
        yield from list(self._counters)

    def counter(self, key: CounterKey) -> Counter:
        return self._counters.get(key, Counter({}, 0))

    def replace_counter(self, key: CounterKey, before: Counter, counts: Counts) -> bool:
        if self.counter(key).writes != before.writes:
            return False
        self._counters[key] = Counter(without_zeros(counts), before.writes + 1)
        return True

    def waiting(self, project: str, first: date | None, last: date | None, limit: int) -> tuple[Waiting, ...]:
        found = sorted(
            (each.created_at, each.session_id, each.device_id)
            for each in self._waiting.values()
            if each.project == project and _is_within(day_of(each), first, last)
        )
        return tuple(Waiting(name, created_at, device) for created_at, name, device in found[:limit])

    def arming(self) -> Arming | None:
        return self._arming

    def put_arming(self, arming: Arming) -> None:
        with self._arming_lock:
            self._arming = arming

    def replace_arming(self, before: Arming | None, after: Arming) -> bool:
        with self._arming_lock:
            if self._arming != before:
                return False
            self._arming = after
        return True

    def spent(self, day: date) -> Spent | None:
        return self._spent.get(day)

    def spend(self, day: date, size_bytes: int, limit: Spent) -> bool:
        with self._spending:
            spent = self._spent.get(day, Spent())
            if not spent.leaves(limit, size_bytes):
                return False
            self._spent[day] = spent.with_one_more(size_bytes)
        return True

    def use(self, window: Window, amount: int, most: int) -> bool:
        with self._spending:
            used = self._windows.get(window, 0)
            if used + amount > most:
                return False
            self._windows[window] = used + amount
        return True

    def give_back(self, window: Window, amount: int) -> None:
        with self._spending:
            self._windows[window] = self._windows.get(window, 0) - amount

    def used(self, window: Window) -> int:
        return self._windows.get(window, 0)

    def swept_until(self) -> str:
        return self._swept_until

    def put_swept_until(self, key: str) -> None:
        self._swept_until = key

    def notices(self, limit: int) -> tuple[Notice, ...]:
        return tuple(notice for _, notice in sorted(self._notices.items())[:limit])

    def forget_notice(self, notice: Notice) -> None:
        self._notices.pop((notice.at, notice.notice_id), None)

    def add_project(self, project: str) -> None:
        self._projects.add(project)

    def projects(self) -> tuple[str, ...]:
        return tuple(sorted(self._projects))

    def put_summary(self, week: str, notice: Notice) -> bool:
        if (notice.project, week) in self._summaries:
            return False
        self._summaries.add((notice.project, week))
        self._notices[notice.at, notice.notice_id] = notice
        return True

    def put_watch(self, watch: Watch, look_at: datetime) -> None:
        key = (watch.project, watch.device_id)
        before, _ = self._watches.get(key, (watch, None))
        after = replace(watch, silent_since=before.silent_since)
        self._watches[key] = (after, AT_ONCE if before.silent_since else look_at)

    def watched(self, until: datetime, limit: int) -> tuple[Watched, ...]:
        due = sorted(
            (due_at, *key) for key, (_, due_at) in self._watches.items() if due_at and due_at <= until
        )
        return tuple(Watched(project, device_id) for _, project, device_id in due[:limit])

    def watch(self, project: str, device_id: DeviceId) -> Watch | None:
        found = self._watches.get((project, device_id))
        return found[0] if found else None

    def replace_watch(
        self, before: Watch, after: Watch, look_at: datetime | None, notices: Sequence[Notice]
    ) -> bool:
        known = self.watch(before.project, before.device_id)
        if known is None or (known.heard_at, known.silent_since) != (before.heard_at, before.silent_since):
            return False
        self._watches[before.project, before.device_id] = (after, look_at)
        self._notices |= {(notice.at, notice.notice_id): notice for notice in notices}
        return True

    def put_progress(self, session_id: SessionId, progress: Progress) -> None:
        self._progress[session_id] = progress

    def heard(self, project: str) -> tuple[Heard, ...]:
        of_project = (each for (name, _), each in self._heard.items() if name == project)
        return tuple(sorted(of_project, key=lambda each: each.device_id))

    def put_heard(self, project: str, heard: Heard) -> None:
        self._heard[project, heard.device_id] = heard

    def token(self, token_id: TokenId) -> Token | None:
        token = self._tokens.get(token_id)
        return replace(token, secrets=self._secrets.get(token_id)) if token else None

    def put_upload_pass(self, made: UploadPass) -> None:
        self._upload_passes[made.pass_id] = made

    def upload_pass(self, pass_id: TokenId) -> UploadPass | None:
        return self._upload_passes.get(pass_id)

    def put_page_session(self, made: PageSession, entry: Entry | None = None) -> None:
        self._page_sessions[made.token_id, made.page_session_id] = made
        self.entries += [entry] if entry else []

    def page_session(self, key: PageSessionKey) -> Known:
        found = self._page_sessions.get((key.token_id, key.page_session_id))
        share = self.share(key.share_id) if key.share_id else None
        return Known(found, self.token(key.token_id), share)

    def renew_page_session(self, found: PageSession, seen_at: datetime) -> None:
        with self._enlisting:
            place = (found.token_id, found.page_session_id)
            known = self._page_sessions.get(place)
            if known and known.seen_at == found.seen_at:
                self._page_sessions[place] = replace(known, seen_at=seen_at)

    def forget_page_session(self, key: PageSessionKey) -> None:
        self._page_sessions.pop((key.token_id, key.page_session_id), None)

    def page_sessions(self, token_id: TokenId) -> tuple[PageSession, ...]:
        found = (each for each in self._page_sessions.values() if each.token_id == token_id)
        return tuple(sorted(found, key=lambda each: (each.created_at, each.page_session_id)))

    def put_share(self, share: Share, entry: Entry) -> None:
        self._shares[share.share_id] = share
        self.entries.append(entry)

    def share(self, share_id: ShareId) -> Share | None:
        return self._shares.get(share_id)

    def shares(self, session_id: SessionId) -> tuple[Share, ...]:
        found = (each for each in self._shares.values() if each.session_id == session_id)
        return tuple(sorted(found, key=lambda each: (each.created_at, each.share_id), reverse=True))

    def tokens(self, project: str | None = None) -> tuple[Token, ...]:
        known = [self.token(token_id) for token_id in self._tokens]
        found = [each for each in known if each and project in (None, each.project)]
        return tuple(sorted(found, key=lambda each: (each.project, each.device_id or "", each.token_id)))

    def note(self, entry: Entry) -> None:
        self.entries.append(entry)

    def trail(self, session_id: SessionId, after: int, limit: int) -> tuple[Entry, ...]:
        found = [
            each for each in self.entries if each.session_id == session_id and (each.version or 0) > after
        ]
        return tuple(sorted(found, key=lambda each: each.version or 0)[:limit])

    def trail_of_day(self, project: str, day: date) -> tuple[Entry, ...]:
        found = [each for each in self.entries if (each.project, each.at.date()) == (project, day)]
        return tuple(sorted(found, key=lambda each: (each.at, each.session_id or "", each.version or 0)))

    def enlist(self, enlisting: Enlisting) -> None:
        with self._enlisting:
            self._tokens |= {token.token_id: replace(token, secrets=None) for token in enlisting.tokens}
            if enlisting.device:
                self._devices[enlisting.device.device_id] = enlisting.device
            if enlisting.code:
                self._codes[enlisting.code.code_id] = enlisting.code
            self.entries += [enlisting.entry] if enlisting.entry else []

    def put_secrets(
        self, token_id: TokenId, secrets: Secrets, code: Code | None = None, entry: Entry | None = None
    ) -> None:
        with self._enlisting:
            known = self._secrets.get(token_id)
            if secrets.version != (known.version + 1 if known else 1):
                raise Conflict(f"another made a secret of {token_id}")
            if code:
                unspent = self._codes.get(code.code_id)
                if unspent is None or unspent.exchanged_at:
                    raise Conflict(f"another exchanged {code.code_id}")
                self._codes[code.code_id] = code
            self._secrets[token_id] = secrets
            self.entries += [entry] if entry else []

    def code(self, code_id: CodeId) -> Code | None:
        return self._codes.get(code_id)

    def device(self, device_id: DeviceId) -> Device | None:
        return self._devices.get(device_id)

    def arrange(self, picture: Picture, due_at: datetime | None = None) -> None:
        """Have `picture` recorded and counted as it is, whatever was recorded before."""
        session_id = picture.session.session_id
        if known := self._entries.get(session_id):
            self._count(known.session, Counting(known.counted, {}))
            self._needy.pop(session_id, None)
        counted = Counting({}, contribution(picture))
        self._count(picture.session, counted)
        self._list_needy(picture.session, needs(picture), counted)
        uploads = {upload.upload_id: upload for upload in picture.uploads}
        receipts = {receipt.key: receipt for receipt in picture.receipts}
        indexes: dict[tuple[str, str], Index] = {
            (each.artifact_id, each.revision): each for each in picture.indexes
        }
        self._entries[session_id] = _Entry(
            picture.session,
            picture.chapters,
            uploads,
            receipts,
            indexes,
            due_at,
            summary(picture),
            counted.after,
            {each.landing_id: each for each in picture.landings},
        )
        if picture.progress:
            self._progress[session_id] = picture.progress

    def forget_counts(self) -> None:
        """Have no session counted, as if all of them were older than the counters."""
        self._entries = {name: replace(entry, counted={}) for name, entry in self._entries.items()}
        self._counters.clear()
        self._waiting.clear()
        self._needy.clear()


def _is_within(day: date, first: date | None, last: date | None) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)


def _is_of(session: Session, serial: str, project: str) -> bool:
    return (session.camera.serial, session.project) == (serial, project)


def _is_in(by: ListedBy, session: Session) -> bool:
    asked = (
        (by.group, session.group),
        (by.serial, session.camera.serial),
        (by.device_id, session.device_id),
    )
    return session.project == by.project and all(wanted in (None, found) for wanted, found in asked)


def _picture(entry: _Entry, progress: Progress | None) -> Picture:
    return Picture(
        entry.session,
        entry.chapters,
        _by_opening(entry.uploads.values()),
        progress,
        tuple(receipt for _, receipt in sorted(entry.receipts.items())),
        tuple(index for _, index in sorted(entry.indexes.items())),
        entry.counted,
        tuple(sorted(entry.landings.values(), key=lambda each: (each.opened_at, each.landing_id))),
    )


def _by_opening(uploads: Iterable[Upload]) -> tuple[Upload, ...]:
    return tuple(sorted(uploads, key=lambda upload: (upload.opened_at, upload.upload_id)))
