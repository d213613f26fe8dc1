"""The walk: choose, plan, confirm the session, and bring home each of its chapters."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

from edge_client.base.errors import (
    CardFault,
    ChapterGap,
    CoordinatorRefusal,
    EdgeError,
    NotAFilm,
    PlanDiffers,
    Postponed,
    Refused,
    SessionStuck,
    SessionUnknown,
    TryLater,
    Unsettled,
)
from edge_client.base.progress import Amount
from edge_client.haul.chapter import ChapterReport
from edge_client.haul.context import ChapterContext, HaulContext
from edge_client.haul.ports import SessionSpool
from edge_client.haul.read_ahead import ReadAhead
from edge_client.haul.select_sessions import Choosing, ChosenSession
from edge_client.haul.sidecars import (
    FIRST_PATIENCE_S,
    LAST_PATIENCE_S,
    SidecarHaul,
    drop_parts_of_sidecars,
)
from edge_client.haul.status import needs_camera
from edge_client.haul.stuck import (
    STUCK,
    Record,
    StuckSessions,
    read_record,
    stuck_error,
)
from edge_client.model.api import ChapterView, SessionView
from edge_client.model.files import CameraFile
from edge_client.model.listing import READER, Listed
from edge_client.model.plan import PLAN, ChapterPlan, SessionPlan, decoded
from edge_client.model.selection import (
    ByFile,
    ByNumber,
    Choice,
    New,
    is_all_home,
    refuse_other_choice,
    why_nothing,
)
from edge_client.model.sidecars import SidecarReport

log = logging.getLogger(__name__)

REPORT = "report.json"

T = TypeVar("T")

Planned = Sequence[tuple[SessionSpool, SessionPlan]]
"""The sessions of the spool whose plans can be read."""


@dataclass(frozen=True)
class Report:
    """What became of one session; `left_out` are files that were asked for and are not in its frozen plan.

    `no_sidecars` is why its proxies and thumbnails had no turn in this run, None where they had it or there are none.
    """

    session: str
    chapters: tuple[ChapterReport, ...]
    left_out: tuple[str, ...]
    retries: int
    seconds: float
    api_calls: int
    peak_rss_mib: float
    sidecars: tuple[SidecarReport, ...] = ()
    no_sidecars: str | None = None

    def document(self) -> dict[str, Any]:
        """The report as JSON shows it."""
        return asdict(self)


@dataclass(frozen=True)
class HaulOptions:
    """How sessions are hauled: new ones in this `group`; proxies and thumbnails stay on the card unless `sidecars`."""

    group: str | None = None
    sidecars: bool = True


@dataclass(frozen=True)
class Each(Generic[T]):
    """What came of each session, what a person must look at, and what ended the run before its end, if it did."""

    done: tuple[T, ...]
    refusals: tuple[EdgeError, ...] = ()
    unfinished: TryLater | None = None


class Haul:
    """One run of the command: what is chosen, planned and hauled, session by session.

    A session that is planned in another group is refused.
    """

    def __init__(
        self,
        context: HaulContext,
        choice: Choice,
        session_id: str | None,
        options: HaulOptions = HaulOptions(),
    ) -> None:
        self._context = context
        self._tools = context.tools
        self._camera = context.camera
        self._choice = choice
        self._session_id = session_id
        self._options = options
        # Not known while it is not known what the card has.
        self._sessions_left: int | None = None

    def plans(self) -> Each[SessionPlan]:
        """What a haul would plan now, and what it would refuse; no session is written (a dry run)."""
        return self._each(self._plan)

    def run(self) -> Each[Report]:
        """Haul everything chosen. One session's refusal does not keep the others; an outage ends the run."""
        with self._tools.spool.hold(), self._tools.progress.run():
            planned = self._tools.spool.plans().readable
            self._drop_leftovers(planned)
            if self._session_id is not None:
                self._sessions_left = 0
                return Each((self._haul_named(self._session_id),))
            done = self._finish_read(planned) if isinstance(self._choice, New) else ()
            try:
                each = self._each(self._haul_derived)
            except TryLater as error:
                if not done:
                    raise
                each = Each((), (), error)
            self._record_stuck(each)
            return replace(each, done=(*done, *each.done))

    def _finish_read(self, planned: Planned) -> tuple[Report, ...]:
        """Bring home the sessions that need no camera any more where none answers: it may have left for good."""
        done = list[Report]()
        read = [
            (folder, plan)
            for folder, plan in planned
            if len(folder.receipts()) < len(plan.chapters)
            and not needs_camera(folder, plan, None, self._tools.coordinator)
        ]
        for folder, plan in read if read and not self._camera.answers() else ():
            try:
                done.append(self._haul(folder, plan, ()))
            except (Refused, Unsettled) as error:
                # Chosen again below, where its card is there, and refused where a person learns of it.
                log.warning("not yet home", extra={"session": plan.session_id, "reason": str(error)})
        return tuple(done)

    def _drop_leftovers(self, planned: Planned) -> None:
        """Drop parts whose chapter has its receipt here, as a run was ended after that, and those of no film."""
        for folder, plan in planned:
            drop_parts_of_sidecars(folder)
            homes = folder.receipted() if folder.part_bytes() else ()
            for chapter in plan.chapters:
                if chapter.artifact_id in homes:
                    folder.chapter(chapter.artifact_id, plan.identity(chapter)).drop()

    def _plan(self, one: ChosenSession) -> SessionPlan:
        """The plan of a session; where it needs nothing of the card, the one on disk."""
        if self._tools.spool.has(one.name) and (raw := self._tools.spool.session(one.name).read(PLAN)):
            planned = self._decode(raw, one.name)
            if not one.files:
                return planned
        return self._freeze(one)

    def _decode(self, raw: bytes, session_id: str) -> SessionPlan:
        """The plan of a session on disk. Raises PlanUnreadable, PlanDiffers for one in another group."""
        plan = decoded(raw, session_id)
        plan.refuse_other_group(self._options.group)
        return plan

    def _record_stuck(self, each: Each[Report]) -> None:
        """Record what this run found; a person learns of it where the run ends with 1."""
        for error in each.refusals:
            if isinstance(error, SessionStuck):
                folder = self._tools.spool.session(error.session_id)
                Record(error.files, is_told=each.unfinished is None).write(folder)

    def _haul_named(self, session_id: str) -> Report:
        """The session with a name of the user's: a plan on disk needs no list from the camera."""
        folder = self._tools.spool.session(session_id)
        raw = folder.read(PLAN)
        if raw is None:
            listed, [one], _ = self._choose()
            _refuse_unread_chapters(listed, one)
            return self._haul(folder, self._freeze_in_the_end(folder, one), one.files)
        plan = self._decode(raw, session_id)
        if isinstance(self._choice, (ByNumber, ByFile)):
            refuse_other_choice(plan, self._choice)
        with self._noting_stuck(folder, plan):
            return self._haul(folder, plan, ())

    def _haul_derived(self, one: ChosenSession) -> Report:
        """The session that is named after its recording."""
        files = one.exactly()
        folder = self._tools.spool.session(one.name)
        raw = folder.read(PLAN)
        if raw is None:
            # Frozen from what the camera serves. The list that chose it may be older than that.
            return self._haul(folder, self._freeze_durably(folder, one), files)
        plan = self._decode(raw, one.name)
        with self._noting_stuck(folder, plan):
            if read_record(folder).files or plan.lacks_in(files):
                StuckSessions(self._context).note(folder, plan)
            if stuck := read_record(folder).files:
                # What it has on the card is hauled all the same.
                return self._haul(folder, plan, files, stuck)
            self._camera.refuse_other_files(plan, files)
            return self._haul(folder, plan, files)

    @contextmanager
    def _noting_stuck(self, folder: SessionSpool, plan: SessionPlan) -> Iterator[None]:
        """Record it when the session was refused because the card no longer has what it needs."""
        try:
            yield
        except (PlanDiffers, Unsettled):
            StuckSessions(self._context).note(folder, plan)
            raise

    def _each(self, do: Callable[[ChosenSession], T]) -> Each[T]:
        """What `do` makes of each chosen session; one session's refusal does not keep the others."""
        listed, sessions, refusals = self._choose()
        self._tools.progress.chosen({one.name: self._amount(one) for one in sessions})
        done = list[T]()
        for refusal in refusals:
            log.error("not hauled", extra={"reason": str(refusal)})
        if not sessions:
            _say_nothing_to_haul(listed, self._choice, bool(refusals))
        try:
            queue = deque(sessions)
            while queue:
                one = queue.popleft()
                self._sessions_left = len(queue)
                try:
                    _refuse_unread_chapters(listed, one)
                    done.append(do(one))
                except Postponed as error:
                    if queue:
                        log.info("later, after the others", extra={"session": one.name, "reason": str(error)})
                    queue.append(one)
                except SessionStuck as error:
                    if self._is_told(error, refusals):
                        # The unit need not fail every time for what a person has been told.
                        log.warning("a session cannot end", extra={"reason": str(error)})
                        self._tools.progress.left_out(one.name)
                    else:
                        self._refuse(one, error, refusals)
                except (Refused, Unsettled) as error:
                    self._refuse(one, error, refusals)
        except TryLater as error:
            return Each(tuple(done), tuple(refusals), error)
        return Each(tuple(done), tuple(refusals))

    def _refuse(self, one: ChosenSession, error: EdgeError, refusals: list[EdgeError]) -> None:
        log.error("session refused", extra={"session": one.name, "reason": str(error)})
        self._tools.progress.left_out(one.name)
        refusals.append(error)

    def _is_told(self, error: SessionStuck, refusals: Sequence[EdgeError]) -> bool:
        """Whether this run or an earlier one has ended with 1 for the session, and so a person knows of it."""
        told_now = any(
            isinstance(each, SessionStuck) and each.session_id == error.session_id for each in refusals
        )
        return told_now or read_record(self._tools.spool.session(error.session_id)).is_told

    def _choose(self) -> tuple[Listed, list[ChosenSession], list[EdgeError]]:
        """The list, the sessions chosen from it, and what a person must look at besides."""
        listed = self._camera.read_list()
        unread = _unread(listed, self._choice)
        if unread and isinstance(self._choice, ByFile):
            raise unread[0]
        sessions, refusals = Choosing(self._context, self._choice, self._session_id).sessions(listed.files)
        return listed, sessions, [*unread, *refusals]

    def _amount(self, one: ChosenSession) -> Amount:
        """The bytes of a session, and how many the receipts in the spool prove; the coordinator is asked later."""
        size_bytes = sum(file.size_bytes for file in one.files)
        return Amount(size_bytes, min(size_bytes, self._tools.spool.home_bytes(one.name)))

    def _haul(
        self,
        folder: SessionSpool,
        plan: SessionPlan,
        asked_for: tuple[CameraFile, ...],
        stuck: Mapping[str, str] | None = None,
    ) -> Report:
        """Bring home one session. Raises SessionStuck after all but its `stuck` chapters are home.

        Raises NotAFilm after all but those are home that the coordinator found to be no films.
        """
        tally, timing = self._tools.retry.tally, self._tools.retry.timing
        began_s, retries, api_calls = timing.monotonic(), tally.retries, tally.api_calls
        for chapter in plan.chapters:
            for note in chapter.notes.texts:
                log.warning("noted", extra={"chapter": chapter.path, "note": note})
        session = self._confirm(plan)
        views = session.chapters
        if any(view.receipt is None for view in views.values()):
            # Before it is needed: a chapter that only waits in the spool may go up for hours first.
            self._camera.wake()
        to_haul = [chapter for chapter in plan.chapters if not stuck or chapter.path not in stuck]
        self._tools.progress.session(plan.session_id, _known_amount(to_haul, views))
        sidecars = SidecarHaul(self._context, folder, plan, self._no_sidecars(folder, plan, session))
        contexts = [self._chapter_context(folder, plan, chapter, views) for chapter in to_haul]
        ahead = ReadAhead(
            self._tools,
            contexts,
            partial(self._say_camera_free, plan, stuck),
            partial(self._say_camera_needed, plan),
        )
        with self._tools.heartbeat(plan.session_id, partial(self._camera.told_of, plan.chapters[-1])):
            sidecars.run(FIRST_PATIENCE_S)
            chapters = ahead.run()
            if sidecars.left:
                # It may have been told that it is not needed any more, and have left.
                self._camera.wake()
                sidecars.run(LAST_PATIENCE_S)
        if ahead.no_films:
            raise NotAFilm("; ".join(str(each) for each in ahead.no_films))
        if stuck:
            raise stuck_error(plan.session_id, stuck)
        folder.remove(STUCK)
        report = Report(
            session=plan.session_id,
            chapters=tuple(chapters),
            left_out=plan.without(asked_for),
            retries=tally.retries - retries,
            seconds=round(timing.monotonic() - began_s, 3),
            api_calls=tally.api_calls - api_calls,
            peak_rss_mib=self._tools.peak_rss_mib(),
            sidecars=sidecars.reports,
            no_sidecars=sidecars.left_alone,
        )
        folder.write(REPORT, json.dumps(report.document()).encode())
        self._tools.progress.home(plan.session_id)
        if report.left_out:
            log.error("not in the session's plan, so not hauled", extra=_left_out(report))
        return report

    def _say_camera_free(self, plan: SessionPlan, stuck: Mapping[str, str] | None) -> None:
        """Everything of the session is read. Where nothing else of the run needs the camera it may sleep."""
        if stuck or self._sessions_left is None:
            # The card of these chapters must still come; or the run has yet to look at the card.
            return
        if not self._sessions_left:
            self._camera.let_sleep()
        self._tools.progress.camera_free(plan.session_id, self._sessions_left)

    def _say_camera_needed(self, plan: SessionPlan, reason: str) -> None:
        self._camera.wake()
        self._tools.progress.camera_needed(plan.session_id, reason)

    def _no_sidecars(self, folder: SessionSpool, plan: SessionPlan, session: SessionView) -> str | None:
        """Why the session's proxies and thumbnails have no turn; None where they have it, or there are none."""
        if not plan.proxies:
            return None
        if not self._options.sidecars:
            return "proxies are switched off on this device"
        if not session.takes_proxies:
            return "the coordinator takes no proxies"
        if all(view.receipt for view in session.chapters.values()):
            return "the films are home, so the camera is not asked"
        if not needs_camera(folder, plan, None, self._tools.coordinator):
            return "the films are read, so the camera is not asked"
        return None

    def _confirm(self, plan: SessionPlan) -> SessionView:
        try:
            return self._tools.coordinator.put_session(plan)
        except SessionUnknown as error:
            raise CoordinatorRefusal(
                f"session {plan.session_id} is not this device's; to haul it all the same, give a SESSION of your own"
            ) from error

    def _chapter_context(
        self,
        folder: SessionSpool,
        plan: SessionPlan,
        chapter: ChapterPlan,
        views: Mapping[str, ChapterView],
    ) -> ChapterContext:
        view = views.get(chapter.path)
        if view is None or view.size_bytes != chapter.size_bytes:
            raise CoordinatorRefusal(f"the coordinator's session has no {chapter.path} of this size")
        parts = folder.chapter(view.artifact_id, plan.identity(chapter))
        return ChapterContext(self._context, plan, chapter, view, folder, parts)

    def _freeze(self, one: ChosenSession) -> SessionPlan:
        plan = self._camera.freeze(one.name, one.number, one.exactly(), one.as_they_are, one.camera)
        proxies = self._camera.promised_proxies(one.exactly())
        return replace(plan, group=self._options.group, proxies=proxies)

    def _freeze_durably(self, folder: SessionSpool, one: ChosenSession) -> SessionPlan:
        """Write a new plan, durably, before the first byte is read."""
        plan = self._freeze(one)
        folder.write(PLAN, plan.encoded())
        return plan

    def _freeze_in_the_end(self, folder: SessionSpool, one: ChosenSession) -> SessionPlan:
        """Write a new plan where no other session could come first."""
        while True:
            try:
                return self._freeze_durably(folder, one)
            except Postponed:
                # Once for each file of the session.
                continue


def _say_nothing_to_haul(listed: Listed, choice: Choice, has_refusals: bool) -> None:
    """One line that says why, so that a card that is home does not look like an empty one or a wrong choice."""
    if is_all_home(listed, choice, has_refusals):
        log.info("everything on this card is home")
    else:
        log.warning("nothing to haul", extra={"reason": why_nothing(listed, choice, has_refusals)})


def _known_amount(chapters: Sequence[ChapterPlan], views: Mapping[str, ChapterView]) -> Amount:
    """The bytes of these chapters, and how many the coordinator has receipts for."""
    home = {path for path, view in views.items() if view.receipt}
    return Amount(
        sum(chapter.size_bytes for chapter in chapters),
        sum(chapter.size_bytes for chapter in chapters if chapter.path in home),
    )


def _unread(listed: Listed, choice: Choice) -> list[EdgeError]:
    """A refusal that names the unreadable entries of the list, if they may be chosen files."""
    if isinstance(choice, ByNumber):
        return []
    paths = choice.paths if isinstance(choice, ByFile) else None
    unread = [each for each in listed.unreadable if paths is None or each.label in paths]
    told = "; ".join(f"{each.label}: {each.reason}" for each in unread)
    return (
        [CardFault(f"entries of the camera's list cannot be read, so not hauled: {told}; {READER}")]
        if unread
        else []
    )


def _refuse_unread_chapters(listed: Listed, one: ChosenSession) -> None:
    """Raises ChapterGap when a whole recording is wanted and one of its chapters cannot be read."""
    if one.recording and (unread := listed.unreadable_of(one.recording)):
        told = "; ".join(f"{each.label}: {each.reason}" for each in unread)
        raise ChapterGap(
            f"{one.recording.label} has chapters that cannot be read: {told}; "
            "to haul the others, name their files with --file"
        )


def _left_out(report: Report) -> dict[str, object]:
    return {
        "session": report.session,
        "files": ", ".join(report.left_out),
        "next": "name them with --file and a SESSION of their own",
    }
