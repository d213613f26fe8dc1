"""Parts of other chapters that make room for the one in hand, where nothing else does.

1. Parts that S3 has, of a chapter that is not whole, or whose file is on the card.
2. One part of a chapter that can never be whole: the camera of its session has neither listed nor served the file, and
   spool and S3 together lack bytes of it. The last part goes first, and a warning names its bytes.

A chapter that is whole in spool and S3 is sent, and never makes room unless the card has it too. What is not known is
kept: no answer from the coordinator, another camera, a camera that does not show the file.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from edge_client.base.errors import EdgeError, SpoolFull, SpoolHeld
from edge_client.haul.context import HaulContext
from edge_client.haul.holdings import Holding, ranges
from edge_client.haul.ports import SessionSpool
from edge_client.haul.stuck import StuckSessions, read_record
from edge_client.haul.whereabouts import Whereabouts
from edge_client.model.parts import SpooledPart
from edge_client.model.plan import ChapterPlan, SessionPlan

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Candidate:
    """Another chapter with parts in the spool, and where its file is."""

    plan: SessionPlan
    folder: SessionSpool
    held: Holding
    where: Whereabouts

    @property
    def redundant(self) -> tuple[SpooledPart, ...]:
        """The parts that are in S3 as well and need not be here."""
        may_go = not self.held.is_whole or self.where is Whereabouts.ON_CARD
        return self.held.acknowledged if may_go else ()

    @property
    def useless(self) -> tuple[SpooledPart, ...]:
        """The parts of a chapter that can never be whole."""
        return self.held.unsent if self.where.is_lost and not self.held.is_whole else ()

    def drop(self, parts: tuple[SpooledPart, ...]) -> None:
        found = self.held.found
        assert found, "it has parts"
        chapter = self.folder.chapter(found.artifact_id, found.identity)
        for part in parts:
            chapter.drop_part(part)


class Yielding:
    """Makes room for one chapter of one session."""

    def __init__(self, context: HaulContext, plan: SessionPlan, chapter: ChapterPlan) -> None:
        self._context = context
        self._tools = context.tools
        self._own = (plan.session_id, chapter.path)

    def make_room(self) -> bool:
        """Drop parts that may go; whether there were any."""
        candidates = list(self._candidates())
        for one in candidates:
            if one.redundant:
                one.drop(one.redundant)
                log.info("parts that S3 has make room", extra=_describe(one, one.redundant))
                return True
        for one in candidates:
            if one.useless:
                last = max(one.useless, key=lambda part: part.span.first)
                log.warning(
                    "a part of a film that can never be whole makes room", extra=_describe(one, (last,))
                )
                one.drop((last,))
                return True
        return False

    def refusal(self, full: SpoolFull) -> EdgeError:
        """What to raise when nothing makes room: for a person where a session that cannot end holds it."""
        stuck = [
            plan.session_id
            for folder, plan in self._tools.spool.plans().readable
            if plan.session_id != self._own[0] and folder.part_bytes() and read_record(folder).files
        ]
        if not stuck:
            return full
        return SpoolHeld(
            f"{full}; {', '.join(stuck)} cannot end: put the card back that has it and haul again, or "
            f"`reelhaul forget {stuck[0]}`"
        )

    def _candidates(self) -> Iterator[Candidate]:
        stuck = StuckSessions(self._context)
        for folder, plan in self._tools.spool.plans().readable:
            if folder.part_bytes() and (found := stuck.note(folder, plan)):
                for one in found.held.unverified:
                    if one.spooled and (plan.session_id, one.chapter.path) != self._own:
                        yield Candidate(plan, folder, one, found.where[one.chapter.path])


def _describe(one: Candidate, parts: tuple[SpooledPart, ...]) -> dict[str, object]:
    return {"session": one.plan.session_id, "file": one.held.chapter.path, "bytes": ranges(parts)}
