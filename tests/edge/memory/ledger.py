"""A coordinator that knows of a hauled card without a haul: its receipts, and the second reads that it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import cast

from edge_client.base.errors import EdgeError
from edge_client.haul.ports import Coordinator
from edge_client.model.files import CameraFile, FileIdentity
from edge_client.model.haul_state import KnownChapter, StoredVersion
from edge_client.model.levels import Evidence, Level, ReadAgain, WholeRead
from edge_client.model.parts import Span, crc_text
from edge_client.model.plan import ChapterPlan
from tests.edge.memory.camera import MemoryCamera

Place = tuple[str, str]


@dataclass
class Ledger:
    """The chapters by session and artifact, and every second read that was told; `faults` are raised at the next."""

    chapters: dict[Place, KnownChapter] = field(default_factory=dict)
    told: list[tuple[str, WholeRead]] = field(default_factory=list)
    faults: list[EdgeError | None] = field(default_factory=list)
    at_evidence: Callable[[], None] = lambda: None

    def haul(self, camera: MemoryCamera, path: str, is_own: bool = True) -> None:
        """Give a file of the card its receipt, for what one read of it gave."""
        file, (directory, filename) = camera.files[path], path.split("/")
        size_bytes = len(file.content)
        plan = ChapterPlan(directory, filename, size_bytes, file.created, file.modified, file.etag, file.gumi)
        stored = StoredVersion("v1", size_bytes, camera.crc_of(plan, Span(1, 0, size_bytes)))
        place = f"session-{filename.removesuffix('.MP4')}", plan.artifact_id
        listed = CameraFile(directory, filename, size_bytes, file.created, file.modified)
        self.chapters[place] = KnownChapter(
            FileIdentity(listed, file.etag, file.gumi),
            *place,
            "d_own" if is_own else "d_other",
            is_own,
            stored,
            evidence=Evidence(Level.READ_ONCE, agrees=True),
        )

    def known_chapters(self, serial: str) -> tuple[KnownChapter, ...]:
        return tuple(self.chapters.values())

    def add_evidence(self, session_id: str, artifact_id: str, read: WholeRead) -> Evidence:
        if self.faults and (fault := self.faults.pop(0)):
            raise fault
        chapter = self.chapters[session_id, artifact_id]
        assert chapter.stored
        assert chapter.evidence
        self.told.append((chapter.path, read))
        agrees = read.crc == chapter.stored.crc
        stays = chapter.evidence.agrees and agrees
        again = ReadAgain(read.read_at, "d_own", crc_text(read.crc), read.xxh128, agrees)
        level = Level.READ_TWICE if stays else Level.READ_ONCE
        found = Evidence(level, stays, again if stays or not agrees else chapter.evidence.read_twice)
        self.chapters[session_id, artifact_id] = replace(chapter, evidence=found)
        self.at_evidence()
        return found

    def settle(self, path: str) -> None:
        """An operator accepts what differs of a film."""
        for place, chapter in self.chapters.items():
            if chapter.path == path and chapter.evidence:
                self.chapters[place] = replace(chapter, evidence=replace(chapter.evidence, agrees=True))

    def coordinator(self) -> Coordinator:
        """It as a coordinator: nothing else of one is asked."""
        return cast(Coordinator, self)
