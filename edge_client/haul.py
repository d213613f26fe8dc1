"""The walk: choose, plan, confirm the session, and bring home each of its chapters."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import TypeVar

from edge_client.chapter_haul import ChapterHaul, ChapterReport
from edge_client.chapters import (
    ByFile,
    ByNumber,
    CameraFile,
    Everything,
    Recording,
    chosen,
    recordings,
    session_name,
    whole,
)
from edge_client.coordinator import ChapterView
from edge_client.errors import CoordinatorRefusal, EdgeError, Refused, Unsettled
from edge_client.plan import ChapterPlan, SessionPlan, decoded
from edge_client.spool import SessionSpool
from edge_client.visit import Tools, Visit

log = logging.getLogger(__name__)

PLAN = "plan.json"
REPORT = "report.json"

Choice = ByNumber | ByFile | Everything
T = TypeVar("T")


@dataclass(frozen=True)
class Report:
    """What became of one session."""

    session: str
    chapters: tuple[ChapterReport, ...]
    retries: int
    seconds: float
    api_calls: int
    peak_rss_mib: float

    def encoded(self) -> bytes:
        return json.dumps(asdict(self)).encode()


@dataclass(frozen=True)
class ChosenSession:
    """A session to be hauled: its files, and the recording that it is named after, if it is."""

    name: str
    files: tuple[CameraFile, ...]
    recording: Recording | None


@dataclass(frozen=True)
class Outcome:
    """What a run brought home, and which sessions a person must look at."""

    reports: tuple[Report, ...]
    refusals: tuple[EdgeError, ...]


class Haul:
    """One run of the command: what is chosen, planned and brought home, session by session."""

    def __init__(self, tools: Tools, choice: Choice, session_id: str | None) -> None:
        self._tools = tools
        self._choice = choice
        self._session_id = session_id

    def plans(self) -> tuple[list[SessionPlan], list[EdgeError]]:
        """What a haul would plan now, and what it would refuse; nothing is written (a dry run)."""
        with self._visit() as visit:
            return _one_by_one(self._sessions(visit), lambda one: visit.freeze(one.name, self._exactly(one)))

    def run(self) -> Outcome:
        """Haul everything chosen. One session's refusal does not keep the others; an outage ends the run."""
        with self._visit() as visit:
            if self._session_id is not None:
                return Outcome((self._named(visit, self._session_id),), ())
            reports, refusals = _one_by_one(self._sessions(visit), lambda one: self._derived(visit, one))
            return Outcome(tuple(reports), tuple(refusals))

    @contextmanager
    def _visit(self) -> Iterator[Visit]:
        with ExitStack() as stack:
            yield Visit(self._tools, stack)

    def _named(self, visit: Visit, session_id: str) -> Report:
        """The session with a name of the user's: a plan on disk needs no list from the camera."""
        with self._tools.spool.session(session_id) as folder:
            raw = folder.read(PLAN)
            if raw is None:
                [session] = self._sessions(visit)
                return self._session(visit, folder, _frozen(visit, folder, session_id, session.files))
            plan = decoded(raw)
            if not isinstance(self._choice, Everything):
                plan.refuse_other_choice(self._choice)
            return self._session(visit, folder, plan)

    def _derived(self, visit: Visit, session: ChosenSession) -> Report:
        """The session that is named after its recording."""
        files = self._exactly(session)
        with self._tools.spool.session(session.name) as folder:
            raw = folder.read(PLAN)
            plan = decoded(raw) if raw is not None else _frozen(visit, folder, session.name, files)
            planned = {chapter.path for chapter in plan.chapters}
            if later := [file.path for file in files if file.path not in planned]:
                log.warning("not in the plan, so not hauled", extra={"session": session.name, "files": later})
            return self._session(visit, folder, plan)

    def _sessions(self, visit: Visit) -> list[ChosenSession]:
        """The sessions that are chosen, each with its files."""
        files = visit.files()
        if self._session_id is not None and not isinstance(self._choice, Everything):
            return [ChosenSession(self._session_id, chosen(files, self._choice), None)]
        found = recordings(files if isinstance(self._choice, Everything) else chosen(files, self._choice))
        if not found:
            return []
        serial = visit.identity(found[0].files[0]).serial
        return [ChosenSession(session_name(serial, one), one.files, one) for one in found]

    def _exactly(self, session: ChosenSession) -> tuple[CameraFile, ...]:
        """The session's files. Raises ChapterGap when everything is wanted and a chapter is not there."""
        if isinstance(self._choice, Everything) and session.recording:
            return whole(session.recording).files
        return session.files

    def _session(self, visit: Visit, folder: SessionSpool, plan: SessionPlan) -> Report:
        """Bring home one session."""
        tally, timing = self._tools.retry.tally, self._tools.retry.timing
        began_s, retries, api_calls = timing.monotonic(), tally.retries, tally.api_calls
        views = self._tools.coordinator.put_session(plan)
        chapters = tuple(self._chapter(visit, folder, plan, chapter, views) for chapter in plan.chapters)
        report = Report(
            session=plan.session_id,
            chapters=chapters,
            retries=tally.retries - retries,
            seconds=round(timing.monotonic() - began_s, 3),
            api_calls=tally.api_calls - api_calls,
            peak_rss_mib=self._tools.peak_rss_mib(),
        )
        folder.write(REPORT, report.encoded())
        return report

    def _chapter(
        self,
        visit: Visit,
        folder: SessionSpool,
        plan: SessionPlan,
        chapter: ChapterPlan,
        views: dict[str, ChapterView],
    ) -> ChapterReport:
        view = views.get(chapter.path)
        if view is None or view.size_bytes != chapter.size_bytes:
            raise CoordinatorRefusal(f"the coordinator's session has no {chapter.path} of this size")
        parts = folder.chapter(view.artifact_id, plan.identity(chapter))
        return ChapterHaul(self._tools, visit, plan, chapter, view, folder, parts).run()


def _frozen(
    visit: Visit, folder: SessionSpool, session_id: str, files: tuple[CameraFile, ...]
) -> SessionPlan:
    """A new plan, durable before the first byte is read."""
    plan = visit.freeze(session_id, files)
    folder.write(PLAN, plan.encoded())
    return plan


def _one_by_one(
    sessions: list[ChosenSession], do: Callable[[ChosenSession], T]
) -> tuple[list[T], list[EdgeError]]:
    """What `do` makes of each session; one session's refusal does not keep the others."""
    done, refusals = list[T](), list[EdgeError]()
    for session in sessions:
        try:
            done.append(do(session))
        except (Refused, Unsettled) as error:
            log.error("session refused", extra={"session": session.name, "reason": str(error)})
            refusals.append(error)
    return done, refusals
