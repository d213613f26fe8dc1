"""Haul a session's thumbnails and proxies before its films, so that the session can be watched early.

They are a kindness: nothing that goes wrong with them keeps a film from its turn for longer than a short patience. What
is left undone in one run is tried once more after the films. None of their parts outlives a run, and no part of a film
makes room for them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from edge_client.base.errors import (
    EdgeError,
    NotAFilm,
    PlanDiffers,
    Refused,
    SidecarUnfit,
    Stopped,
    Transient,
    TryLater,
    Unfinished,
    Unsettled,
)
from edge_client.haul.context import ChapterContext, HaulContext
from edge_client.haul.ports import SessionSpool
from edge_client.haul.read_ahead import ReadAhead
from edge_client.model.api import ChapterView, Receipt
from edge_client.model.files import FileFacts
from edge_client.model.plan import SessionPlan
from edge_client.model.sidecars import (
    SIDECARS,
    Kind,
    Sidecar,
    SidecarRecord,
    SidecarReport,
    decoded,
    is_sidecar,
    sidecars_of,
)

log = logging.getLogger(__name__)

# An outage that lasts longer leaves the rest for later, and so do odd answers that took longer: the films have their
# turn.
FIRST_PATIENCE_S = 60.0
# After the films nobody need wait: the camera may have left by then.
LAST_PATIENCE_S = 5.0
CHANGED = "the camera has another file under its name than when it was begun"

T = TypeVar("T")


@dataclass(frozen=True)
class SidecarContext(ChapterContext):
    """A proxy or thumbnail on its way, as if it were a chapter; `keep_receipt` has a place of its own for receipts."""

    label: str
    keep_receipt: Callable[[Receipt], None]

    @property
    def may_displace(self) -> bool:
        return False

    def show_start(self) -> None:
        self.tools.progress.sidecar(self.chapter.path, self.chapter.size_bytes, self.label)

    def keep(self, receipt: Receipt) -> None:
        self.keep_receipt(receipt)


class SidecarHaul:
    """The sidecars of one session; `left` are those that still have a turn.

    `left_alone` is why they have no turn now, None where they have it.
    """

    def __init__(
        self, context: HaulContext, folder: SessionSpool, plan: SessionPlan, left_alone: str | None
    ) -> None:
        self.left_alone = left_alone
        self._context = context
        self._folder = folder
        self._plan = plan
        self._sidecars = tuple(sidecars_of(plan))
        self._record = self._read_record()
        missing = [each for each in self._sidecars if self._record.of(each).receipt is None]
        self.left = [] if left_alone else missing

    @property
    def reports(self) -> tuple[SidecarReport, ...]:
        """What is known of each: from this run, or from an earlier one."""
        return tuple(self._record.of(each) for each in self._sidecars)

    def run(self, patience_s: float) -> None:
        """Haul what is left; what goes wrong is noted, and a longer outage leaves the rest for later.

        Raises Stopped.
        """
        if not self.left:
            return
        context = _with_patience(self._context, patience_s)
        waiting, self.left = self.left, []
        clock, lost_s = context.tools.retry.timing.monotonic, 0.0
        for place, sidecar in enumerate(waiting):
            began_s = clock()
            try:
                self._haul(context, sidecar)
            except Stopped:
                raise
            except (Refused, Transient, TryLater) as error:
                if not _is_of_this_one(error):
                    self._leave(waiting[place:], str(error))
                    break
                self._note(sidecar, _reason(error))
                lost_s += clock() - began_s
                if lost_s > FIRST_PATIENCE_S:
                    self._leave(waiting[place + 1 :], "the ones before took too long")
                    break
        self._keep_notes()

    def _leave(self, sidecars: Sequence[Sidecar], reason: str) -> None:
        """Their turn is after the films."""
        self.left = list(sidecars)
        for each in self.left:
            self._note(each, f"not hauled yet: {reason}")

    def _haul(self, context: HaulContext, sidecar: Sidecar) -> None:
        """Bring home one sidecar; of its parts none stays here."""
        facts = self._look(context, sidecar)
        file = sidecar.file_plan(facts)
        parts = self._folder.chapter(sidecar.artifact_id, self._plan.identity(file))
        self._write(sidecar, size_bytes=facts.size_bytes, etag=facts.etag)
        view = ChapterView(sidecar.artifact_id, file.path, file.size_bytes, None)

        def keep(receipt: Receipt) -> None:
            self._write(sidecar, receipt=dict(receipt.document), problem=None)

        one = SidecarContext(context, self._plan, file, view, self._folder, parts, sidecar.label, keep)
        ahead = ReadAhead(context.tools, [one], on_all_read=lambda: None, on_read_again=lambda _: None)
        try:
            ahead.run()
        finally:
            context.tools.progress.sidecar_over(file.path)
            parts.drop()
        if ahead.no_films:
            raise ahead.no_films[0]

    def _look(self, context: HaulContext, sidecar: Sidecar) -> FileFacts:
        """Size and ETag of the file on the plan's card. Raises SidecarUnfit where they are not as promised."""
        if sidecar.filename is None:
            raise SidecarUnfit(sidecar.no_name)
        camera, directory, filename = context.camera, sidecar.chapter.directory, sidecar.filename
        camera.check_first(self._plan, sidecar.chapter)
        facts = _ask(context, sidecar, lambda: camera.facts_of(directory, filename))
        if sidecar.promised_bytes not in (None, facts.size_bytes):
            raise SidecarUnfit(
                f"the camera lists it with {sidecar.promised_bytes} bytes, and it has {facts.size_bytes}"
            )
        begun = self._record.of(sidecar)
        if begun.size_bytes is not None and (begun.size_bytes, begun.etag) != (facts.size_bytes, facts.etag):
            raise SidecarUnfit(CHANGED)
        if sidecar.kind is Kind.PROXY:
            _ask(context, sidecar, lambda: camera.check_boxes(directory, filename, facts))
        return facts

    def _note(self, sidecar: Sidecar, problem: str) -> None:
        log.warning("not hauled, and no film waits for it", extra={"file": sidecar.label, "reason": problem})
        self._record = self._record.having(sidecar, problem=problem)

    def _write(self, sidecar: Sidecar, **known: object) -> None:
        """Record durably what is known."""
        self._record = self._record.having(sidecar, **known)
        self._folder.write(SIDECARS, self._record.encoded())

    def _keep_notes(self) -> None:
        """Keep what went wrong, for `status`; a disk that refuses it keeps no film."""
        try:
            if self._record != decoded(self._folder.read(SIDECARS)):
                self._folder.write(SIDECARS, self._record.encoded())
        except (Refused, TryLater) as error:
            log.warning("the notes on proxies are not kept", extra={"reason": str(error)})

    def _read_record(self) -> SidecarRecord:
        try:
            return decoded(self._folder.read(SIDECARS) if self._sidecars else None)
        except Refused as error:
            log.warning("the notes on proxies are not kept", extra={"reason": str(error)})
            return decoded(None)


def read_sidecars(folder: SessionSpool, plan: SessionPlan) -> tuple[SidecarReport, ...]:
    """What this device knows of a session's sidecars; nothing is asked."""
    sidecars = tuple(sidecars_of(plan))
    record = decoded(folder.read(SIDECARS) if sidecars else None)
    return tuple(record.of(each) for each in sidecars)


def drop_parts_of_sidecars(folder: SessionSpool) -> None:
    """Drop the parts of sidecars that a killed run left: the camera has them, and films may need the room."""
    for parts in folder.chapter_parts() if folder.part_bytes() else ():
        if is_sidecar(parts.artifact_id):
            folder.chapter(parts.artifact_id, parts.identity).drop()


def _with_patience(context: HaulContext, seconds: float) -> HaulContext:
    """The same device and camera with at most so much patience."""
    tools = context.tools
    retry = replace(tools.retry, give_up_after_s=min(seconds, tools.retry.give_up_after_s))
    impatient = replace(
        tools, coordinator=tools.coordinator.with_retry(retry), uplink=replace(tools.uplink, retry=retry)
    )
    return HaulContext(impatient, context.camera.with_patience(seconds))


def _ask(context: HaulContext, sidecar: Sidecar, call: Callable[[], T]) -> T:
    """What `call` returns, tried again; an odd answer is final, as films do not wait for it."""

    def attempt() -> T:
        try:
            return call()
        except Unfinished as error:
            raise SidecarUnfit("it is broken: its boxes are not complete") from error
        except Unsettled as error:
            raise SidecarUnfit(str(error)) from error

    return context.tools.retry.run(sidecar.label, attempt)


def _is_of_this_one(error: EdgeError) -> bool:
    """Whether the others may fare better: it was refused, or the camera answered oddly until patience ended."""
    return isinstance(error, (Refused, Unsettled)) or isinstance(error.__cause__, Unsettled)


def _reason(error: EdgeError) -> str:
    """Why a sidecar stays on the card; texts that are about films speak of other commands."""
    if isinstance(error, PlanDiffers):
        return "the card is not the one of the plan, or the file changed while it was read"
    if isinstance(error, NotAFilm):
        return str(error.__cause__ or error)
    return str(error)
