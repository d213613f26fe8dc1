"""Pure: what the spool has of a session's chapters, and what S3 has of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_client.model.api import StoredSession, UploadView
from edge_client.model.parts import ChapterParts, PartPlan, Span, SpooledPart, fold_crcs
from edge_client.model.plan import ChapterPlan, SessionPlan
from edge_client.model.sidecars import is_sidecar

ENDED = ("CANCELLED", "EXPIRED", "REJECTED")


@dataclass(frozen=True)
class Holding:
    """One chapter: its parts here and its upload as far as S3 keeps it.

    `is_verified` when there is a receipt anywhere; `is_accepted` when it is here too, so it was held against the parts.
    """

    chapter: ChapterPlan
    found: ChapterParts | None
    upload: UploadView | None
    is_verified: bool
    is_accepted: bool

    @property
    def spooled(self) -> tuple[SpooledPart, ...]:
        return self.found.parts if self.found else ()

    @property
    def acknowledged(self) -> tuple[SpooledPart, ...]:
        """The parts here that S3 has, with their very bytes."""
        return tuple(part for part in self.spooled if self._is_stored(part))

    @property
    def unsent(self) -> tuple[SpooledPart, ...]:
        """The parts here that are not known to be in S3. A receipt says so only once it was held against them."""
        return () if self.is_accepted else tuple(part for part in self.spooled if not self._is_stored(part))

    @property
    def is_whole(self) -> bool:
        """Whether every byte of the chapter is here or in S3: then it can be hauled without the card."""
        spans = [part.span for part in self.spooled]
        if self.upload:
            spans += [self.upload.plan.span(number) for number in self.upload.parts]
        return _reach(spans) >= self.chapter.size_bytes

    @property
    def needs_no_camera(self) -> bool:
        """Whether it can end without its camera: it has its receipt, or a last look found these very bytes right."""
        if self.found is None or self.found.confirmed_crc is None:
            return self.is_verified
        return self.is_verified or self.found.confirmed_crc == self._whole_crc

    @property
    def _whole_crc(self) -> int | None:
        """The CRC64NVME of the chapter: of the parts here, and of those in S3 for the others.

        None when it is not whole, or its parts are not all of one part plan.
        """
        here = {part.span: part.crc for part in self.spooled}
        if self.upload:
            plan = self.upload.plan
            stored = {plan.span(number): part.crc for number, part in self.upload.parts.items()}
            here = stored | {part.span: part.crc for part in self.spooled if _fits(part, plan)}
        end_bytes, found = 0, list[tuple[int, int]]()
        for span in sorted(here, key=lambda span: span.first):
            if span.first != end_bytes:
                return None
            end_bytes += span.size_bytes
            found.append((here[span], span.size_bytes))
        return fold_crcs(found) if end_bytes == self.chapter.size_bytes else None

    def _is_stored(self, part: SpooledPart) -> bool:
        if self.upload is None or part.span.number not in self.upload.parts:
            return False
        stored = self.upload.parts[part.span.number]
        is_span = self.upload.plan.span(part.span.number) == part.span
        return is_span and (stored.size_bytes, stored.crc) == (part.span.size_bytes, part.crc)


@dataclass(frozen=True)
class Holdings:
    """All chapters of a plan, and parts that belong to none of them; `is_asked` whether the coordinator answered.

    Parts of proxies and thumbnails are left out: they are of no film.
    """

    chapters: tuple[Holding, ...]
    others: tuple[ChapterParts, ...]
    is_asked: bool

    @property
    def unverified(self) -> tuple[Holding, ...]:
        return tuple(one for one in self.chapters if not one.is_verified)


def holdings(
    plan: SessionPlan,
    found: Sequence[ChapterParts],
    receipts: Iterable[str],
    stored: StoredSession | None,
) -> Holdings:
    """What there is of the plan: `receipts` are the artifact ids that have one here; `stored` None is not asked."""
    by_identity = {parts.identity: parts for parts in found if not is_sidecar(parts.artifact_id)}
    known, homes = stored or StoredSession(), set(receipts)
    chapters = tuple(
        Holding(
            chapter,
            by_identity.pop(plan.identity(chapter), None),
            _kept(known.uploads.get(chapter.path)),
            chapter.path in known.verified or chapter.artifact_id in homes,
            chapter.artifact_id in homes,
        )
        for chapter in plan.chapters
    )
    return Holdings(chapters, tuple(by_identity.values()), stored is not None)


def ranges(parts: Iterable[SpooledPart]) -> str:
    """The bytes of these parts as people read them, neighbours as one range."""
    merged: list[tuple[int, int]] = []
    for first, end in sorted((part.span.first, part.span.first + part.span.size_bytes) for part in parts):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((first, end))
    return ", ".join(f"{first} to {end - 1}" for first, end in merged)


def _fits(part: SpooledPart, plan: PartPlan) -> bool:
    return part.span.number <= plan.part_count and plan.span(part.span.number) == part.span


def _kept(upload: UploadView | None) -> UploadView | None:
    return None if upload is None or upload.state in ENDED else upload


def _reach(spans: Iterable[Span]) -> int:
    """How many bytes from the first one on these spans have without a gap."""
    reach = 0
    for first, end in sorted((span.first, span.first + span.size_bytes) for span in spans):
        if first > reach:
            break
        reach = max(reach, end)
    return reach
