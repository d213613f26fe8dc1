"""How far a run is: what the haul reports, counted for the display and for heartbeats, and the picture of it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import NamedTuple, Protocol

from edge_client.base.retry import Wait

# Rates are those of the last minute: parts come in bursts, and an ETA must not follow each of them.
WINDOW_S = 60.0
MARK_EVERY_S = 1.0
# An earlier rate would be that of a buffer that fills.
LEAST_S = 2.0
# After so long without a byte nothing has a rate, and the next one is measured from there. A block of 256 KiB takes as
# long at 32 kB/s: a slower link never has a rate.
STALLED_S = 8.0
# After so long without a byte a person learns who must answer.
QUIET_S = 5.0


@dataclass(frozen=True)
class Amount:
    """The bytes of one session, and how many of them S3 has."""

    size_bytes: int
    sent_bytes: int


class Progress(Protocol):
    """What the haul reports; called from several threads."""

    def run(self) -> AbstractContextManager[None]:
        """While the block runs, a haul is under way and the display shows it."""

    def chosen(self, sessions: Mapping[str, Amount]) -> None:
        """These sessions are to be hauled, as far as the camera's list and the spool tell."""

    def session(self, session_id: str, amount: Amount) -> None:
        """A session begins; the coordinator has said what of it is home."""

    def home(self, session_id: str) -> None:
        """A session is home."""

    def left_out(self, session_id: str) -> None:
        """A session is refused: it leaves the total."""

    def chapter(self, path: str, size_bytes: int) -> None:
        """A chapter begins; those before it may still be on their way."""

    def sidecar(self, path: str, size_bytes: int, label: str) -> None:
        """A proxy or thumbnail begins, which counts for no session; `label` says of which chapter it is."""

    def sidecar_over(self, path: str) -> None:
        """It has its receipt, or stays on the card for now."""

    def round(self, path: str, read_bytes: int, sent_bytes: int) -> None:
        """A round over the chapter's parts begins: so much is read already, and so much is in S3."""

    def fetched(self, path: str, size_bytes: int) -> None:
        """Bytes of the chapter came from the camera; negative when they must come again."""

    def ready(self, path: str, size_bytes: int) -> None:
        """A part of the chapter is whole and may be sent."""

    def sent(self, path: str, size_bytes: int) -> None:
        """Bytes of the chapter went to S3; negative when they must go again."""

    def camera_free(self, session_id: str, sessions_left: int) -> None:
        """Everything of the session is read, so it needs the camera no longer; other sessions of the run may."""

    def camera_needed(self, session_id: str, reason: str) -> None:
        """The session needs the camera all the same."""

    def verifying(self, path: str) -> None:
        """S3 has all of the chapter: the coordinator completes the upload and verifies it."""

    def verified(self, path: str, seconds: float) -> None:
        """A chapter has its receipt."""

    def proof(self, path: str, size_bytes: int) -> None:
        """A comparison of this many bytes of a file of the card with what another device hauled has begun."""

    def second_read(self, path: str, size_bytes: int) -> None:
        """A second read of so many bytes of the card has begun; `compared` counts them and `proof_over` ends it."""

    def compared(self, size_bytes: int) -> None:
        """This many more bytes are equal, or were read again."""

    def proof_over(self) -> None:
        """The comparison has ended, with or without success."""


@dataclass(frozen=True)
class Whole:
    """All that the run hauls: sessions, bytes, and the rate at which S3 gets them; None while nothing moves."""

    sessions: int
    sessions_home: int
    size_bytes: int
    sent_bytes: int
    rate_bytes_s: float | None

    @property
    def left_bytes(self) -> int:
        return max(0, self.size_bytes - self.sent_bytes)

    @property
    def eta_s(self) -> float | None:
        """The seconds until S3 has everything, at this rate."""
        return self.left_bytes / self.rate_bytes_s if self.rate_bytes_s else None


@dataclass(frozen=True)
class Meter:
    """How far one leg of a file is; the rate is None while nothing moves."""

    done_bytes: int
    rate_bytes_s: float | None


@dataclass(frozen=True)
class FileProgress:
    """One file on its way: read from the camera, and sent to S3."""

    path: str
    size_bytes: int
    read: Meter
    sent: Meter


@dataclass(frozen=True)
class Comparison:
    """A file that is compared with what another device hauled, or that is read again."""

    path: str
    size_bytes: int
    compared_bytes: int
    is_second_read: bool = False
    rate_bytes_s: float | None = None


class Doing(Enum):
    """What a run does at a moment."""

    PREPARING = auto()
    MOVING = auto()
    QUIET = auto()
    RETRYING = auto()
    VERIFYING = auto()


@dataclass(frozen=True)
class Activity:
    """What the run does, for how many seconds; `source` is who must answer, `next_try_s` when it is asked again."""

    doing: Doing
    seconds: float
    source: str = ""
    reason: str = ""
    next_try_s: float | None = None


@dataclass(frozen=True)
class Picture:
    """Everything that a display shows at a moment.

    `file` is what is being sent, and `ahead` what is read meanwhile, if that is another one.
    """

    activity: Activity
    whole: Whole | None = None
    file: FileProgress | None = None
    comparison: Comparison | None = None
    ahead: FileProgress | None = None
    is_camera_free: bool = False


def percent(part_bytes: int, size_bytes: int) -> int:
    """How many percent are done: between 0 and 100, and 100 only when nothing is left."""
    return max(0, min(100, 100 * part_bytes // max(size_bytes, 1)))


@dataclass(frozen=True)
class Figures:
    """Bytes of both legs since the session began, and their rates since the last look, in bytes a second.

    `retried_parts` is how often a part had to go up again of which some bytes had gone.
    """

    bytes_down: int
    bytes_up: int
    rate_down_bytes_s: int | None
    rate_up_bytes_s: int | None
    retried_parts: int = 0


class Display(Protocol):
    """Shows a run to a person."""

    def session(self, session_id: str) -> None:
        """A session begins."""

    def chapter(self, path: str, size_bytes: int) -> None:
        """A chapter begins."""

    def verified(self, path: str, seconds: float) -> None:
        """A chapter has its receipt."""

    def camera_free(self, session_id: str, sessions_left: int) -> None:
        """The session needs the camera no longer; so many others of the run may."""

    def camera_needed(self, session_id: str, reason: str) -> None:
        """The session needs the camera all the same."""

    def proof(self, path: str, size_bytes: int) -> None:
        """A comparison begins."""

    def second_read(self, path: str, size_bytes: int) -> None:
        """A second read begins."""

    def draw(self, picture: Picture | None) -> None:
        """How far the run is, several times a second; None: nothing is under way."""


class _Mark(NamedTuple):
    at: float
    read_bytes: int
    sent_bytes: int


class Movement:
    """The bytes that have moved over both legs in this run, and their rates over the last minute.

    A rate begins with the first byte of either leg, so that a burst to S3 counts the time in which it was read.
    """

    def __init__(self, now: float) -> None:
        self.read_at = self.sent_at = now
        self.read_bytes = self.sent_bytes = 0
        self._marks = deque[_Mark]()

    def add(self, now: float, read_bytes: int = 0, sent_bytes: int = 0) -> None:
        """Count bytes that have moved; negative for bytes that must move again."""
        self.read_bytes += read_bytes
        self.sent_bytes += sent_bytes
        if read_bytes + sent_bytes <= 0:
            return
        if self.is_stalled(now):
            self._marks.clear()
        if read_bytes:
            self.read_at = now
        if sent_bytes:
            self.sent_at = now
        if not self._marks or now - self._marks[-1].at >= MARK_EVERY_S:
            self._marks.append(_Mark(now, self.read_bytes, self.sent_bytes))
        while len(self._marks) > 1 and self._marks[1].at <= now - WINDOW_S:
            self._marks.popleft()

    @property
    def moved_at(self) -> float:
        """When the last byte moved, on either leg."""
        return max(self.read_at, self.sent_at)

    def is_stalled(self, now: float) -> bool:
        """Whether nothing has moved for a while."""
        return now - self.moved_at >= STALLED_S

    def rates(self, now: float) -> tuple[float | None, float | None]:
        """The bytes a second that are read and sent; None for what does not move, or has only just begun.

        They are counted up to the last byte: in the silence of a verification an ETA must not grow.
        """
        if not self._marks or self.is_stalled(now) or self.moved_at - self._marks[0].at < LEAST_S:
            return None, None
        first = self._marks[0]
        lasted_s = self.moved_at - first.at
        return (
            max(0, self.read_bytes - first.read_bytes) / lasted_s or None,
            max(0, self.sent_bytes - first.sent_bytes) / lasted_s or None,
        )


@dataclass
class _Session:
    size_bytes: int = 0
    sent_bytes: int = 0
    is_home: bool = False


@dataclass
class _File:
    path: str
    size_bytes: int
    read_bytes: int = 0
    ready_bytes: int = 0
    sent_bytes: int = 0
    is_verifying: bool = False
    is_film: bool = True

    @property
    def who_must_answer(self) -> str:
        """Who must act. When everything is read and nothing may be sent, the last look at the camera is due."""
        if self.is_verifying:
            return "the coordinator"
        return "the camera" if self.sent_bytes >= self.ready_bytes < self.size_bytes else "S3"


class ProgressCounter:
    """Counts what the haul reports, and keeps the display up to date; safe between threads.

    `waits_for` is what the program itself knows that it waits for.
    """

    def __init__(
        self, display: Display, monotonic: Callable[[], float], waits_for: Callable[[], Wait | None]
    ) -> None:
        self._display = display
        self._monotonic = monotonic
        self._waits_for = waits_for
        self._lock = threading.Lock()
        self._drawing = threading.Lock()
        self._movement = Movement(monotonic())
        self._sessions: dict[str, _Session] | None = None
        self._session = _Session()
        self._files: dict[str, _File] = {}
        self._is_camera_free = False
        self._comparison: Comparison | None = None
        self._is_running = False
        self._step_at = monotonic()
        self._down_bytes = self._up_bytes = self._retried_parts = 0
        self._seen: _Mark | None = None

    @contextmanager
    def run(self) -> Iterator[None]:
        """While the block runs, the display shows the run; after it the display shows nothing."""
        with self._lock:
            self._sessions, self._files, self._is_running = None, {}, True
            self._step()
        try:
            yield
        finally:
            with self._lock:
                self._is_running = False
                self._comparison = None
            self.show()

    def show(self) -> None:
        """Draw the run as it is now."""
        with self._drawing:
            self._display.draw(self.picture())

    def hide(self) -> None:
        """Draw nothing: the program ends."""
        with self._drawing:
            self._display.draw(None)

    def chosen(self, sessions: Mapping[str, Amount]) -> None:
        """These sessions are to be hauled."""
        with self._lock:
            self._sessions = {
                name: _Session(amount.size_bytes, amount.sent_bytes) for name, amount in sessions.items()
            }

    def session(self, session_id: str, amount: Amount) -> None:
        """A session begins."""
        with self._lock:
            self._session = _Session(amount.size_bytes, amount.sent_bytes)
            self._sessions = {**(self._sessions or {}), session_id: self._session}
            self._down_bytes = self._up_bytes = self._retried_parts = 0
            self._seen = None
            self._files = {}
            self._is_camera_free = False
            self._step()
        self._display.session(session_id)

    def home(self, session_id: str) -> None:
        """A session is home."""
        with self._lock:
            if self._sessions and session_id in self._sessions:
                session = self._sessions[session_id]
                session.is_home, session.sent_bytes = True, session.size_bytes

    def left_out(self, session_id: str) -> None:
        """A session is refused: it leaves the total."""
        with self._lock:
            (self._sessions or {}).pop(session_id, None)
            self._files = {}
            self._step()

    def chapter(self, path: str, size_bytes: int) -> None:
        """A chapter begins."""
        with self._lock:
            self._files[path] = _File(path, size_bytes)
            self._step()
        self._display.chapter(path, size_bytes)

    def sidecar(self, path: str, size_bytes: int, label: str) -> None:
        """A proxy or thumbnail begins."""
        with self._lock:
            self._files[path] = _File(label, size_bytes, is_film=False)
            self._step()
        self._display.chapter(label, size_bytes)

    def sidecar_over(self, path: str) -> None:
        """A proxy or thumbnail has its receipt, or stays on the card for now."""
        with self._lock:
            self._files.pop(path, None)
            self._step()

    def round(self, path: str, read_bytes: int, sent_bytes: int) -> None:
        """A round begins with so many bytes of the chapter read and sent; these have not moved now."""
        with self._lock:
            if file := self._files.get(path):
                self._count(path, read_bytes - file.read_bytes, sent_bytes - file.sent_bytes)
                file.ready_bytes = sent_bytes
                self._step()

    def fetched(self, path: str, size_bytes: int) -> None:
        """Count bytes that came from the camera; negative when they must come again."""
        with self._lock:
            self._count(path, size_bytes, 0)
            self._movement.add(self._monotonic(), read_bytes=size_bytes)

    def ready(self, path: str, size_bytes: int) -> None:
        """Count bytes that may be sent."""
        with self._lock:
            if file := self._files.get(path):
                file.ready_bytes += size_bytes

    def sent(self, path: str, size_bytes: int) -> None:
        """Count bytes that went to S3; negative when they must go again."""
        with self._lock:
            self._retried_parts += size_bytes < 0
            self._count(path, 0, size_bytes)
            self._movement.add(self._monotonic(), sent_bytes=size_bytes)

    def _count(self, path: str, read_bytes: int, sent_bytes: int) -> None:
        self._down_bytes += read_bytes
        self._up_bytes += sent_bytes
        file = self._files.get(path)
        if file is None or file.is_film:
            self._session.sent_bytes += sent_bytes
        if file:
            file.read_bytes += read_bytes
            file.sent_bytes += sent_bytes
            file.is_verifying = False

    def verifying(self, path: str) -> None:
        """The coordinator completes the upload and verifies it."""
        with self._lock:
            if file := self._files.get(path):
                file.is_verifying = True
            self._step()

    def verified(self, path: str, seconds: float) -> None:
        """A chapter has its receipt."""
        with self._lock:
            file = self._files.pop(path, None)
            if file and file.is_film:
                # Its receipt may have come before a round had counted what S3 has.
                self._session.sent_bytes += file.size_bytes - file.sent_bytes
            self._step()
        self._display.verified(file.path if file else path, seconds)

    def camera_free(self, session_id: str, sessions_left: int) -> None:
        """Everything of the session is read."""
        with self._lock:
            self._is_camera_free = not sessions_left
        self._display.camera_free(session_id, sessions_left)

    def camera_needed(self, session_id: str, reason: str) -> None:
        """The session needs the camera all the same."""
        with self._lock:
            self._is_camera_free = False
        self._display.camera_needed(session_id, reason)

    def proof(self, path: str, size_bytes: int) -> None:
        """A comparison of a file of the card with what another device hauled has begun."""
        with self._lock:
            self._comparison = Comparison(path, size_bytes, 0)
            self._step()
        self._display.proof(path, size_bytes)

    def second_read(self, path: str, size_bytes: int) -> None:
        """A second read of so many bytes of the card has begun."""
        with self._lock:
            self._comparison = Comparison(path, size_bytes, 0, is_second_read=True)
            self._step()
        self._display.second_read(path, size_bytes)

    def compared(self, size_bytes: int) -> None:
        """This many more bytes are equal, or were read again."""
        with self._lock:
            if one := self._comparison:
                self._comparison = replace(one, compared_bytes=one.compared_bytes + size_bytes)
                if one.is_second_read:
                    self._movement.add(self._monotonic(), read_bytes=size_bytes)
            self._step()

    def proof_over(self) -> None:
        """The comparison has ended, with or without success."""
        with self._lock:
            self._comparison = None
            self._step()
        self.show()

    def _step(self) -> None:
        self._step_at = self._monotonic()

    def picture(self) -> Picture | None:
        """How far the run is now, or None when nothing is under way."""
        with self._lock:
            if not self._is_running and self._comparison is None:
                return None
            now = self._monotonic()
            activity = self._activity(now)
            is_waiting = activity.doing in (Doing.QUIET, Doing.RETRYING)
            read_rate, sent_rate = (None, None) if is_waiting else self._movement.rates(now)
            comparison = self._comparison
            if comparison and comparison.is_second_read:
                comparison = replace(comparison, rate_bytes_s=read_rate)
            sending, reading = self._sending(), self._reading()
            return Picture(
                activity,
                self._whole(sent_rate),
                _leg_by_leg(sending, read_rate, sent_rate) if sending else None,
                comparison,
                _leg_by_leg(reading, read_rate, None) if reading and reading is not sending else None,
                self._is_camera_free,
            )

    def _sending(self) -> _File | None:
        """The first file that S3 lacks bytes of; where there is none, the first one on its way."""
        files = list(self._files.values())
        return next((file for file in files if not file.is_verifying), files[0] if files else None)

    def _reading(self) -> _File | None:
        return next((file for file in self._files.values() if file.read_bytes < file.size_bytes), None)

    def _whole(self, rate_bytes_s: float | None) -> Whole | None:
        if self._sessions is None:
            return None
        sessions = self._sessions.values()
        return Whole(
            len(sessions),
            sum(one.is_home for one in sessions),
            sum(one.size_bytes for one in sessions),
            sum(max(0, min(one.sent_bytes, one.size_bytes)) for one in sessions),
            rate_bytes_s,
        )

    def _activity(self, now: float) -> Activity:
        quiet_s = now - max(self._movement.moved_at, self._step_at)
        wait = self._waits_for()
        sending = self._sending()
        if sending and sending.is_verifying:
            return _waiting(Doing.VERIFYING, self._step_at, wait, now)
        if wait and not self._has_moved_since(wait, now):
            return _waiting(Doing.RETRYING, wait.since, wait, now)
        if sending is None:
            return Activity(Doing.PREPARING, now - self._step_at)
        if quiet_s >= QUIET_S:
            return Activity(Doing.QUIET, quiet_s, sending.who_must_answer)
        return Activity(Doing.MOVING, quiet_s)

    def _has_moved_since(self, wait: Wait, now: float) -> bool:
        """Whether its leg moves all the same: another part is on its way, or the next try goes well."""
        # While the coordinator is waited for, other chapters may be read and sent.
        moved_at = {"the camera": self._movement.read_at, "S3": self._movement.sent_at}.get(
            wait.source, self._movement.moved_at
        )
        if wait.next_try_at is None:
            return False
        return now - moved_at < QUIET_S or wait.next_try_at < moved_at

    def figures(self) -> Figures:
        """Where both legs are; the rates are null at the first look. What did not move now has no rate."""
        with self._lock:
            now = _Mark(self._monotonic(), self._movement.read_bytes, self._movement.sent_bytes)
            before, self._seen = self._seen, now
            down_bytes, up_bytes, retried = self._down_bytes, self._up_bytes, self._retried_parts
        rate_down = rate_up = None
        if before and now.at > before.at:
            seconds = now.at - before.at
            rate_down = max(0, round((now.read_bytes - before.read_bytes) / seconds))
            rate_up = max(0, round((now.sent_bytes - before.sent_bytes) / seconds))
        return Figures(max(0, down_bytes), max(0, up_bytes), rate_down, rate_up, retried)


def _leg_by_leg(file: _File, read_rate: float | None, sent_rate: float | None) -> FileProgress:
    # A leg at its end has no rate, though the last minute had one.
    read = Meter(file.read_bytes, read_rate if file.read_bytes < file.size_bytes else None)
    sent = Meter(file.sent_bytes, sent_rate if file.sent_bytes < file.size_bytes else None)
    return FileProgress(file.path, file.size_bytes, read, sent)


def _waiting(doing: Doing, since: float, wait: Wait | None, now: float) -> Activity:
    if wait is None:
        return Activity(doing, now - since)
    next_try_s = None if wait.next_try_at is None else max(0.0, wait.next_try_at - now)
    return Activity(doing, now - since, wait.source, wait.reason, next_try_s)
