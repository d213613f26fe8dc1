"""Find the state of a card's files: read the camera, and compare with S3 what another device hauled.

A receipt of another device says what that device read. It speaks for this card once 16 MiB of the stored object, at
unpredictable places, are the bytes of the file on this card.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from edge_client.base.errors import (
    CONFIRM_AFTER_S,
    GaveUp,
    PlanDiffers,
    Refused,
    SpoolFault,
    SpoolFull,
    Unproven,
    Unsettled,
    UrlRefused,
)
from edge_client.base.logs import Repeats
from edge_client.haul.context import HaulContext, HaulTools
from edge_client.model.files import CameraFile, FileIdentity
from edge_client.model.haul_state import (
    FileState,
    HaulState,
    KnownChapter,
    Proof,
    RecordingState,
    StoredVersion,
    by_path,
    file_state,
    lacks_etag,
    may_be_late,
    same_chapters,
)
from edge_client.model.parts import PIECE_BYTES, PieceUrl, Span, sample
from edge_client.model.plan import ChapterPlan
from edge_client.model.recordings import Recording

log = logging.getLogger(__name__)

MOST_URLS = 32
MOST_REFUSALS = 5


class Proving:
    """Inspects the files of one camera's card; it changes nothing except the remembered proofs."""

    def __init__(self, context: HaulContext, serial: str) -> None:
        self._tools = context.tools
        self._camera = context.camera
        self._serial = serial
        self._buffer = memoryview(bytearray(PIECE_BYTES))
        self._outage: str | None = None
        self._not_proven = Repeats("not proven", over="proven", given_up="not proven")
        self._not_remembered = Repeats(
            "a proof is not remembered", over="remembered", given_up="a proof is not remembered"
        )

    def states(self, card: Sequence[Recording], known: Sequence[KnownChapter]) -> tuple[RecordingState, ...]:
        """The state of each recording of the card. Raises what keeps the camera from being read at all."""
        found = by_path(known)
        try:
            return tuple(
                RecordingState(
                    recording,
                    tuple(self._file(file, found.get(file.path, ())) for file in recording.files),
                    self._serial,
                )
                for recording in card
            )
        finally:
            for file in (file for recording in card for file in recording.files):
                self._not_proven.give_up(file.path, self._now())
                self._not_remembered.give_up(file.path, self._now())

    def _now(self) -> float:
        return self._tools.retry.timing.monotonic()

    def _file(self, file: CameraFile, known: Sequence[KnownChapter]) -> FileState:
        listed = file_state(FileIdentity(file), known)
        if listed.state not in (HaulState.HAULED, HaulState.UNPROVEN) and not may_be_late(file, known):
            return listed
        try:
            card = self._look_twice(file, known)
        except (Refused, Unsettled) as error:
            return FileState(file, HaulState.UNREADABLE, None, f"unreadable: {error}")
        served = file_state(card, known)
        if served.state is HaulState.UNPROVEN:
            claims = [chapter for chapter in same_chapters(card, known) if chapter.stored]
            served = self._judge(card, claims)
        return replace(served, file=file)

    def _look_twice(self, file: CameraFile, known: Sequence[KnownChapter]) -> FileIdentity:
        """The file as the camera serves it; asked once more where one answer says that no record is of it."""
        card = self._camera.look(file)
        if file_state(card, known).state is not HaulState.OTHER_CONTENT and not lacks_etag(card, known):
            return card
        self._tools.retry.timing.sleep(CONFIRM_AFTER_S)
        return self._camera.look(file)

    def _judge(self, card: FileIdentity, claims: Sequence[KnownChapter]) -> FileState:
        """The state of a file that only other devices claim to have hauled; one true claim is enough."""
        for chapter in claims:
            if self._tools.spool.proofs.has(Proof(self._serial, card, chapter)):
                return FileState(card.file, HaulState.PROVEN, chapter)
        failed = list[FileState]()
        for chapter in claims:
            found = self._prove(card, chapter)
            if found.state is HaulState.PROVEN:
                return found
            failed.append(found)
        # A claim that could not be compared may still be true; the compared ones are false.
        return min(failed, key=lambda each: each.state is not HaulState.UNPROVEN)

    def _prove(self, card: FileIdentity, chapter: KnownChapter) -> FileState:
        where = f"session {chapter.session_id} of device {chapter.device_id}"
        try:
            is_equal = self._is_stored_as(card, chapter)
        except Unproven as error:
            self._not_proven.say(card.file.path, str(error), self._now())
            return FileState(card.file, HaulState.UNPROVEN, chapter, f"{where} has it, not proven: {error}")
        if not is_equal:
            log.error("another file is home", extra={"file": card.file.path, "session": chapter.session_id})
            reason = (
                f"another file of the same name is home, in {where}: its bytes are not those of this card"
            )
            return FileState(card.file, HaulState.OTHER_CONTENT, chapter, reason)
        self._remember(Proof(self._serial, card, chapter))
        return FileState(card.file, HaulState.PROVEN, chapter)

    def _remember(self, proof: Proof) -> None:
        try:
            self._tools.spool.proofs.add(proof)
        except (SpoolFault, SpoolFull) as error:
            self._not_remembered.say(proof.card.file.path, str(error), self._now())

    def _is_stored_as(self, card: FileIdentity, chapter: KnownChapter) -> bool:
        """Whether all compared bytes are equal. Raises Unproven when they cannot be compared."""
        stored, size_bytes = chapter.stored, card.file.size_bytes
        if self._outage or stored is None:
            raise Unproven(self._outage or "it is not verified")
        if stored.size_bytes != size_bytes:
            return False
        spans = sample(size_bytes, self._tools.below)
        reader = _Pieces(self._tools, chapter, stored, spans)
        self._tools.progress.proof(card.file.path, sum(span.size_bytes for span in spans))
        try:
            for span in spans:
                self._tools.retry.timing.check()
                piece = self._buffer[: span.size_bytes]
                self._fetch(reader, piece, span)
                if not self._is_on_card(card, span, piece):
                    return False
                self._tools.progress.compared(span.size_bytes)
        finally:
            self._tools.progress.proof_over()
        return True

    def _fetch(self, reader: _Pieces, piece: memoryview, span: Span) -> None:
        try:
            reader.read_into(piece, span)
        except GaveUp as error:
            # The next file would wait for the same network.
            self._outage = str(error)
            raise Unproven(self._outage) from error
        except Refused as error:
            raise Unproven(str(error)) from error

    def _is_on_card(self, card: FileIdentity, span: Span, piece: memoryview) -> bool:
        file = card.file
        plan = ChapterPlan(
            file.directory,
            file.filename,
            file.size_bytes,
            file.created,
            file.modified,
            card.etag,
            card.gumi,
        )

        def attempt(failed: int) -> bool:
            if failed:
                self._camera.check_file(plan)
            comparison = _Comparison(piece)
            self._camera.read_part(plan, span, comparison.take)
            return comparison.is_equal

        try:
            return self._tools.retry.attempts(file.path, attempt)
        except PlanDiffers as error:
            raise Unproven(f"the file changed while it was compared ({error})") from error
        except Unsettled as error:
            raise Unproven(str(error)) from error


class _Pieces:
    """The pieces of one stored version; it requests addresses when they are needed, some at a time."""

    def __init__(
        self, tools: HaulTools, chapter: KnownChapter, stored: StoredVersion, spans: Sequence[Span]
    ) -> None:
        self._tools = tools
        self._chapter = chapter
        self._stored = stored
        self._spans = spans
        self._urls: dict[int, PieceUrl] = {}
        self._refusals = 0

    def read_into(self, piece: memoryview, span: Span) -> None:
        """Fill `piece` with the bytes of `span`. Raises Refused, GaveUp."""
        self._tools.retry.run(f"a piece of {self._chapter.path} from S3", lambda: self._read(piece, span))

    def _read(self, piece: memoryview, span: Span) -> None:
        url = self._urls.get(span.first)
        if url is None or url.good_until <= self._tools.retry.timing.monotonic():
            left = [each for each in self._spans if each.number >= span.number]
            self._urls = self._tools.coordinator.proof_urls(self._chapter, self._stored, left[:MOST_URLS])
            url = self._urls[span.first]
        try:
            self._tools.storage.read_into(piece, url, span, self._stored.size_bytes)
        except UrlRefused as error:
            self._urls, self._refusals = {}, self._refusals + 1
            if self._refusals >= MOST_REFUSALS:
                raise Unproven(f"{error}, {self._refusals} times") from error
            raise


class _Comparison:
    """Compares what arrives, block by block, with what is expected."""

    def __init__(self, due: memoryview) -> None:
        self._left = due
        self.is_equal = True

    def take(self, block: memoryview) -> None:
        due, self._left = self._left[: len(block)], self._left[len(block) :]
        self.is_equal = self.is_equal and due == block
