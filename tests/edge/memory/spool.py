"""A spool in memory: what is on the device's disk, and the client's side of it.

A test makes the disk fail by its `faults`, by its room, and by what it does to parts and documents past the client. The
kinds of calls are the methods of the ports; `append` and `commit` are a writer's, `blocks` is a reader's.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from awscrt.checksums import crc64nvme

from edge_client.base.errors import (
    EdgeError,
    PartCorrupt,
    PlanUnreadable,
    SpoolBusy,
    SpoolFault,
    SpoolFull,
    SpoolTooSmall,
)
from edge_client.model.files import FileIdentity
from edge_client.model.flushing import Flushed, flushed_in
from edge_client.model.haul_state import Proof
from edge_client.model.levels import Reread, reread_in
from edge_client.model.parts import ChapterParts, PartPlan, Span, SpooledPart
from edge_client.model.plan import PLAN, SessionPlan, decoded
from edge_client.spool.spool import SAFE_NAME
from tests.edge.memory.scripted import Scripted

AMPLE_BYTES = 10**12


@dataclass
class KeptChapter:
    """One chapter on the disk: its parts, files of an unknown form, and what was recorded of the whole."""

    parts: dict[SpooledPart, bytes] = field(default_factory=dict)
    odd_files: list[bytes] = field(default_factory=list)
    has_confirmation: bool = False
    confirmed_crc: int | None = None
    suspects: frozenset[int] | None = None
    are_suspects_legible: bool = True

    @property
    def part_bytes(self) -> int:
        return sum(map(len, [*self.parts.values(), *self.odd_files]))

    def find(self, number: int) -> SpooledPart:
        """The part of this number."""
        [part] = [part for part in self.parts if part.span.number == number]
        return part

    def change(self, number: int) -> None:
        """The disk changes the last byte of a part."""
        part = self.find(number)
        *kept, last = self.parts[part]
        self.parts[part] = bytes([*kept, last ^ 1])

    def cut(self, number: int) -> None:
        """The disk loses the last byte of a part."""
        part = self.find(number)
        self.parts[part] = self.parts[part][:-1]

    def lose(self, number: int) -> None:
        """Somebody removes a part."""
        del self.parts[self.find(number)]

    def spoil_confirmation(self) -> None:
        self.has_confirmation, self.confirmed_crc = True, None

    def spoil_suspects(self) -> None:
        self.suspects, self.are_suspects_legible = frozenset(), False


@dataclass
class KeptSession:
    """One session on the disk."""

    documents: dict[str, bytes] = field(default_factory=dict)
    receipts: dict[str, bytes] = field(default_factory=dict)
    chapters: dict[tuple[str, str], KeptChapter] = field(default_factory=dict)

    @property
    def part_bytes(self) -> int:
        return sum(chapter.part_bytes for chapter in list(self.chapters.values()))


@dataclass
class MemoryDisk(Scripted):
    """The device's disk; it outlives the clients that use it. `others_bytes` is what others than the spool take."""

    capacity_bytes: int = AMPLE_BYTES
    others_bytes: int = 0
    sessions: dict[str, KeptSession] = field(default_factory=dict)
    forgotten: dict[str, KeptSession] = field(default_factory=dict)
    proofs: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    broken_films: dict[str, dict[str, Any]] = field(default_factory=dict)
    rereads: dict[tuple[str, str], str] = field(default_factory=dict)
    flushed: str = ""
    reserved_bytes: int = 0
    is_held: bool = False
    is_reread: bool = False

    @property
    def spool_bytes(self) -> int:
        """What parts take, and those that are being written."""
        return sum(session.part_bytes for session in list(self.sessions.values())) + self.reserved_bytes

    @property
    def free_bytes(self) -> int:
        return max(0, self.capacity_bytes - self.others_bytes - self.spool_bytes)

    def kept(self, session_id: str) -> KeptSession:
        """What the disk has of a session; something empty when it has nothing."""
        return self.sessions.get(session_id, KeptSession())

    def make(self, session_id: str) -> KeptSession:
        """The session, with a place on the disk from now on."""
        return self.sessions.setdefault(session_id, KeptSession())

    def chapter(self, session_id: str, artifact_id: str, identity: str | None = None) -> KeptChapter:
        """What the disk has of a chapter; without an identity there must be exactly one."""
        chapters = self.sessions[session_id].chapters
        [key] = [key for key in chapters if key[0] == artifact_id and identity in (None, key[1])]
        return chapters[key]


class MemoryBudget:
    """The spool's budget. Without one of the user's it is the whole disk."""

    def __init__(self, disk: MemoryDisk, wanted_bytes: int | None) -> None:
        self._disk = disk
        self._wanted_bytes = wanted_bytes

    @property
    def budget_bytes(self) -> int:
        return self._disk.capacity_bytes if self._wanted_bytes is None else self._wanted_bytes

    @property
    def held_bytes(self) -> int:
        return self._disk.spool_bytes

    def lack(self, size_bytes: int) -> str | None:
        self._disk.disturb("lack")
        if self.held_bytes + size_bytes > self.budget_bytes:
            return f"the spool holds {self.held_bytes} bytes of its budget of {self.budget_bytes} bytes"
        if size_bytes > self._disk.free_bytes:
            return f"the spool's disk has {self._disk.free_bytes} bytes free"
        return None

    def demand(self, size_bytes: int) -> None:
        if size_bytes <= self.budget_bytes:
            return
        words = f"the spool may hold {self.budget_bytes} bytes, and {size_bytes} are needed for two parts"
        raise SpoolFull(words) if self._wanted_bytes is None else SpoolTooSmall(words)

    def whole_parts(self, part_size_bytes: int) -> int:
        return self.budget_bytes // part_size_bytes


class MemoryPartWriter:
    """A part that is being written."""

    def __init__(self, chapter: MemoryChapterSpool, span: Span) -> None:
        self._chapter = chapter
        self._span = span
        self._taken = bytearray()

    def write(self, data: memoryview) -> None:
        self._chapter.disk.disturb("append")
        self._taken += data

    def commit(self) -> SpooledPart:
        self._chapter.disk.disturb("commit")
        if len(self._taken) != self._span.size_bytes:
            raise SpoolFault(
                f"part {self._span.number} has {len(self._taken)} of {self._span.size_bytes} bytes"
            )
        part = SpooledPart(self._span, crc64nvme(self._taken))
        self._chapter.keep(part, bytes(self._taken))
        return part


class MemoryPartReader:
    """The bytes of one part; the last block is given away only when the CRC of all is the part's."""

    def __init__(self, chapter: MemoryChapterSpool, part: SpooledPart) -> None:
        self._chapter = chapter
        self._part = part

    def blocks(self, buffer: memoryview) -> Iterator[memoryview]:
        number, size_bytes = self._part.span.number, self._part.span.size_bytes
        self._chapter.disk.disturb("blocks")
        if self._part not in self._chapter.kept.parts:
            raise PartCorrupt(f"part {number} cannot be read from the spool")
        if len(self._chapter.kept.parts[self._part]) != size_bytes:
            raise PartCorrupt(f"part {number} changed its length on the spool's disk")
        for first in range(0, size_bytes, len(buffer)):
            # Looked up again: the disk may change a part while it is read.
            content = self._chapter.kept.parts.get(self._part, b"")
            block = content[first : first + len(buffer)]
            is_last = first + len(buffer) >= size_bytes
            if not block or (is_last and crc64nvme(content) != self._part.crc):
                raise PartCorrupt(f"part {number} changed on the spool's disk")
            buffer[: len(block)] = block
            yield buffer[: len(block)]


class MemoryChapterSpool:
    """The parts of one chapter. It replaces and drops by number those that it wrote or that `parts` has found."""

    def __init__(self, disk: MemoryDisk, session_id: str, key: tuple[str, str], budget: MemoryBudget) -> None:
        self.disk = disk
        self.budget = budget
        self._session_id = session_id
        self._key = key
        self._known: dict[int, SpooledPart] = {}

    @property
    def exists(self) -> bool:
        return self._key in self.disk.kept(self._session_id).chapters

    def parts(self, plan: PartPlan) -> dict[int, SpooledPart]:
        self.disk.disturb("parts")
        found = [part for part in self._sorted() if self._fits(part, plan)]
        self._known = {part.span.number: part for part in found}
        return dict(self._known)

    @contextmanager
    def open_writer(self, span: Span) -> Iterator[MemoryPartWriter]:
        self.disk.disturb("writing")
        self._make()
        if reason := self.budget.lack(span.size_bytes):
            raise SpoolFull(f"no room for {span.size_bytes} bytes: {reason}; nothing was deleted")
        self.disk.reserved_bytes += span.size_bytes
        try:
            yield MemoryPartWriter(self, span)
        finally:
            self.disk.reserved_bytes -= span.size_bytes

    def keep(self, part: SpooledPart, content: bytes) -> None:
        """A writer's part is there, whole; then the one that it replaces goes."""
        older = self._known.get(part.span.number)
        self._make().parts[part] = content
        self._known[part.span.number] = part
        if older not in (None, part):
            self.kept.parts.pop(older, None)

    def crc_within(self, part: SpooledPart, first: int, size_bytes: int) -> int | None:
        self.disk.disturb("crc_within")
        found = self.kept.parts.get(part, b"")[first : first + size_bytes]
        return crc64nvme(found) if len(found) == size_bytes else None

    def confirmed_crc(self) -> int | None:
        self.disk.disturb("confirmed_crc")
        return self.kept.confirmed_crc

    def confirm(self, whole_crc: int) -> None:
        self.disk.disturb("confirm")
        kept = self._make()
        kept.has_confirmation, kept.confirmed_crc = True, whole_crc
        kept.suspects, kept.are_suspects_legible = None, True

    def suspects(self, plan: PartPlan) -> frozenset[int]:
        self.disk.disturb("suspects")
        if not self.kept.are_suspects_legible:
            return frozenset(range(1, plan.part_count + 1))
        return self.kept.suspects or frozenset()

    def suspect(self, numbers: Collection[int]) -> None:
        self.disk.disturb("suspect")
        if numbers:
            kept = self._make()
            kept.suspects = (kept.suspects or frozenset()) | frozenset(numbers)

    def reader(self, part: SpooledPart) -> MemoryPartReader:
        return MemoryPartReader(self, part)

    def drop_part(self, part: SpooledPart) -> None:
        self.disk.disturb("drop_part")
        if self._known.get(part.span.number) == part:
            del self._known[part.span.number]
        self.kept.parts.pop(part, None)

    def drop_number(self, number: int) -> None:
        if part := self._known.get(number):
            self.drop_part(part)

    def drop_useless(self, plan: PartPlan) -> bool:
        self.disk.disturb("drop_useless")
        kept = self.kept
        useless = [part for part in kept.parts if not self._fits(part, plan)]
        is_any = bool(useless or kept.odd_files)
        for part in useless:
            del kept.parts[part]
        kept.odd_files.clear()
        return is_any

    def drop(self) -> None:
        self.disk.disturb("drop")
        self._known.clear()
        self.disk.kept(self._session_id).chapters.pop(self._key, None)

    @property
    def kept(self) -> KeptChapter:
        """What the disk has of the chapter; something empty when it has nothing."""
        return self.disk.kept(self._session_id).chapters.get(self._key, KeptChapter())

    def _make(self) -> KeptChapter:
        return self.disk.make(self._session_id).chapters.setdefault(self._key, KeptChapter())

    def _sorted(self) -> list[SpooledPart]:
        return sorted(self.kept.parts, key=lambda part: part.filename)

    def _fits(self, part: SpooledPart, plan: PartPlan) -> bool:
        number = part.span.number
        is_planned = 1 <= number <= plan.part_count and plan.span(number) == part.span
        return is_planned and len(self.kept.parts[part]) == part.span.size_bytes


class MemorySessionSpool:
    """One session in the spool."""

    def __init__(self, disk: MemoryDisk, session_id: str, budget: MemoryBudget) -> None:
        self._disk = disk
        self._session_id = session_id
        self._budget = budget

    def read(self, name: str) -> bytes | None:
        self._disk.disturb("read")
        return self._kept.documents.get(name)

    def write(self, name: str, content: bytes) -> None:
        self._disk.disturb("write")
        self._disk.make(self._session_id).documents[name] = bytes(content)

    def remove(self, name: str) -> None:
        self._disk.disturb("remove")
        self._kept.documents.pop(name, None)

    def write_receipt(self, artifact_id: str, content: bytes) -> None:
        self._disk.disturb("write_receipt")
        self._disk.make(self._session_id).receipts[_safe(artifact_id)] = bytes(content)

    def receipts(self) -> list[dict[str, Any]]:
        self._disk.disturb("receipts")
        raws = [raw for _, raw in sorted(self._kept.receipts.items())]
        return [receipt for raw in raws if (receipt := _receipt(raw)) is not None]

    def receipted(self) -> frozenset[str]:
        return frozenset(str(receipt.get("artifact_id")) for receipt in self.receipts())

    def chapter(self, artifact_id: str, identity: str) -> MemoryChapterSpool:
        return MemoryChapterSpool(self._disk, self._session_id, (_safe(artifact_id), identity), self._budget)

    def chapter_parts(self) -> list[ChapterParts]:
        self._disk.disturb("chapter_parts")
        chapters = sorted(self._kept.chapters.items(), key=lambda item: ".".join(item[0]))
        return [
            _chapter_parts(*key, kept)
            for key, kept in chapters
            if kept.parts or kept.odd_files or kept.has_confirmation
        ]

    def part_bytes(self) -> int:
        self._disk.disturb("part_bytes")
        return self._kept.part_bytes

    @property
    def _kept(self) -> KeptSession:
        return self._disk.kept(self._session_id)


@dataclass(frozen=True)
class MemoryPlans:
    """The sessions with their plans."""

    readable: tuple[tuple[MemorySessionSpool, SessionPlan], ...]
    unreadable: tuple[PlanUnreadable, ...]


class MemoryProofs:
    """The proofs, one for each chapter."""

    def __init__(self, disk: MemoryDisk) -> None:
        self._disk = disk

    def has(self, proof: Proof) -> bool:
        return self._disk.proofs.get(_place(proof)) == proof.document()

    def add(self, proof: Proof) -> None:
        self._disk.disturb("add_proof")
        self._disk.proofs[_place(proof)] = proof.document()


class MemoryBrokenFilms:
    """The broken films, one for each path."""

    def __init__(self, disk: MemoryDisk) -> None:
        self._disk = disk

    def has(self, film: FileIdentity) -> bool:
        return self._disk.broken_films.get(film.file.path) == asdict(film)

    def add(self, film: FileIdentity) -> None:
        self._disk.disturb("add_film")
        self._disk.broken_films[film.file.path] = asdict(film)


class MemoryRereads:
    """What was found when chapters were read again, as JSON keeps it."""

    def __init__(self, disk: MemoryDisk) -> None:
        self._disk = disk

    @contextmanager
    def hold(self) -> Iterator[None]:
        self._disk.disturb("hold_rereads")
        if self._disk.is_reread:
            raise SpoolBusy("another client reads a card again into this spool; wait for it to end")
        self._disk.is_reread = True
        try:
            yield
        finally:
            self._disk.is_reread = False

    def all(self) -> list[Reread]:
        found = (self._find(place) for place in sorted(self._disk.rereads))
        return [each for each in found if each and not each.is_spoilt]

    def find(self, session_id: str, artifact_id: str) -> Reread | None:
        return self._find((session_id, artifact_id))

    def _find(self, place: tuple[str, str]) -> Reread | None:
        raw = self._disk.rereads.get(place)
        if raw is None:
            return None
        try:
            return reread_in(json.loads(raw))
        except (ValueError, KeyError, TypeError):
            return Reread(*place, 0, is_spoilt=True)

    def keep(self, found: Reread) -> None:
        self._disk.disturb("keep_reread")
        self._disk.rereads[found.session_id, found.artifact_id] = json.dumps(found.document())
        self._disk.disturb("kept_reread")

    def drop(self, found: Reread) -> None:
        self._disk.disturb("drop_reread")
        self._disk.rereads.pop((found.session_id, found.artifact_id), None)

    def flushed(self) -> Flushed | None:
        return flushed_in(json.loads(self._disk.flushed)) if self._disk.flushed else None

    def keep_flushed(self, flushed: Flushed) -> None:
        self._disk.disturb("keep_flushed")
        self._disk.flushed = json.dumps(flushed.document())


class MemorySpool:
    """One client's spool on a disk. Another one on the same disk is the next run, or a client at the same time."""

    def __init__(self, disk: MemoryDisk, budget_bytes: int | None = None) -> None:
        self._disk = disk
        self.budget = MemoryBudget(disk, budget_bytes)
        self.proofs = MemoryProofs(disk)
        self.broken_films = MemoryBrokenFilms(disk)
        self.rereads = MemoryRereads(disk)

    def is_held(self) -> bool:
        return self._disk.is_held

    @contextmanager
    def hold(self) -> Iterator[None]:
        self._disk.disturb("held")
        if self._disk.is_held:
            raise SpoolBusy("another client uses the spool; wait for it to end")
        self._disk.is_held = True
        try:
            self._disk.reserved_bytes = 0
            self._remove_forgotten()
            yield
        finally:
            self._disk.is_held = False

    def session(self, session_id: str) -> MemorySessionSpool:
        self._disk.disturb("session")
        self._disk.make(_safe(session_id))
        return MemorySessionSpool(self._disk, session_id, self.budget)

    def has(self, session_id: str) -> bool:
        return _safe(session_id) in self._disk.sessions

    def plans(self) -> MemoryPlans:
        self._disk.disturb("plans")
        names = sorted(name for name, kept in self._disk.sessions.items() if PLAN in kept.documents)
        readable = list[tuple[MemorySessionSpool, SessionPlan]]()
        unreadable = list[PlanUnreadable]()
        for name in names:
            folder = self.session(name)
            try:
                readable.append((folder, decoded(folder.read(PLAN) or b"", name)))
            except PlanUnreadable as error:
                unreadable.append(error)
        return MemoryPlans(tuple(readable), tuple(unreadable))

    def is_being_forgotten(self, session_id: str) -> bool:
        return _safe(session_id) in self._disk.forgotten

    def forget(self, session_id: str) -> None:
        """As the port says. The call `forgotten` is between the decision and the removal: a client may end there."""
        assert self._disk.is_held, "a session is forgotten only while the spool is held"
        self._disk.disturb("forget")
        if _safe(session_id) not in self._disk.sessions:
            raise SpoolFault(f"the spool cannot be used: it has no session {session_id}")
        self._disk.forgotten[session_id] = self._disk.sessions.pop(session_id)
        self._disk.disturb("forgotten")
        self._remove_forgotten()

    def home_bytes(self, session_id: str) -> int:
        session = MemorySessionSpool(self._disk, _safe(session_id), self.budget)
        try:
            receipts = session.receipts()
        except EdgeError:
            return 0
        return sum(receipt["size_bytes"] for receipt in receipts)

    def free_bytes(self) -> int:
        self._disk.disturb("free_bytes")
        return self._disk.free_bytes

    def _remove_forgotten(self) -> None:
        self._disk.forgotten.clear()


def _safe(name: str) -> str:
    if not SAFE_NAME.fullmatch(name):
        raise SpoolFault(f"{name!r} cannot name a folder of the spool")
    return name


def _receipt(raw: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("size_bytes"), int) else None


def _place(proof: Proof) -> tuple[str, str]:
    return proof.chapter.session_id, proof.chapter.artifact_id


def _chapter_parts(artifact_id: str, identity: str, kept: KeptChapter) -> ChapterParts:
    parts = sorted(kept.parts.items(), key=lambda item: item[0].filename)
    return ChapterParts(
        artifact_id=artifact_id,
        identity=identity,
        parts=tuple(
            SpooledPart(Span(part.span.number, part.span.first, len(content)), part.crc)
            for part, content in parts
        ),
        size_bytes=kept.part_bytes,
        confirmed_crc=kept.confirmed_crc,
    )
