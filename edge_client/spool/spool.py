"""The folder of sessions that `--spool` names: plans, receipts, reports and parts, and what later runs remember."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_client.base.disk import Disk, disk_errors, is_locked, lock_file, read, size_bytes_of
from edge_client.base.errors import EdgeError, PlanUnreadable, SpoolFault
from edge_client.model.files import FileIdentity
from edge_client.model.haul_state import Proof
from edge_client.model.parts import ChapterParts
from edge_client.model.plan import PLAN, SessionPlan, decoded
from edge_client.spool.budget import SpoolBudget
from edge_client.spool.chapter import CONFIRMED, ChapterSpool
from edge_client.spool.part import part_by_name
from edge_client.spool.rereads import Rereads

SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,199}", re.ASCII)
# No session has this name, so nothing in it is taken for one.
FORGOTTEN = ".forgotten"
LOCK = "lock"


@dataclass(frozen=True)
class Plans:
    """The sessions of a spool with their plans; one that cannot be read does not hide the others, and says why."""

    readable: tuple[tuple[SessionSpool, SessionPlan], ...]
    unreadable: tuple[PlanUnreadable, ...]


class Spool:
    """The folder that `--spool` names. Made when it is not there; refused when others may write to it."""

    def __init__(self, root: Path, disk: Disk, budget_bytes: int | None = None) -> None:
        self._root = root
        self._disk = disk
        self.budget = SpoolBudget(root, disk, budget_bytes)
        self.proofs = Proofs(root / ".proofs", disk)
        self.broken_films = BrokenFilms(root / ".broken", disk)
        self.rereads = Rereads(root / ".rereads", disk)

    def is_held(self) -> bool:
        """Whether a client has the spool for itself now. Raises SpoolFault."""
        return is_locked(self._root / LOCK)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the spool while the block runs, swept and measured. Raises SpoolBusy while another client has it."""
        self._disk.make_private(self._root)
        with lock_file(self._root / LOCK, f"another client uses the spool {self._root}"):
            with disk_errors():
                for leftover in self._root.glob("*/*/*.writing"):
                    leftover.unlink()
                self._remove_forgotten()
                self.budget.measure()
            yield

    def session(self, session_id: str) -> SessionSpool:
        """The session's folder."""
        folder = self._root / _safe(session_id)
        self._disk.make_private(folder)
        return SessionSpool(folder, self._disk, self.budget)

    def has(self, session_id: str) -> bool:
        """Whether the session has a folder here."""
        with disk_errors():
            return (self._root / _safe(session_id)).is_dir()

    def is_being_forgotten(self, session_id: str) -> bool:
        """Whether a client was ended while it removed the session."""
        with disk_errors():
            return (self._root / FORGOTTEN / _safe(session_id)).is_dir()

    def forget(self, session_id: str) -> None:
        """Remove the session: its plan, its parts and its copies of the receipts. Only while the spool is held.

        One rename decides it; after a kill the next client that holds the spool finishes the removal.
        """
        folder, forgotten = self._root / _safe(session_id), self._root / FORGOTTEN
        self._disk.make_private(forgotten)
        with disk_errors():
            self._disk.move_folder(folder, forgotten / folder.name)
            self._remove_forgotten()
            self.budget.recount()

    def _remove_forgotten(self) -> None:
        for folder in (self._root / FORGOTTEN).glob("*"):
            shutil.rmtree(folder)

    def home_bytes(self, session_id: str) -> int:
        """The bytes of a session that receipts here prove, for a display: none where they cannot be read."""
        folder = SessionSpool(self._root / _safe(session_id), self._disk, self.budget)
        try:
            return sum(receipt["size_bytes"] for receipt in folder.receipts())
        except EdgeError:
            return 0

    def plans(self) -> Plans:
        """The plans of all sessions here, by name; readable while another client works."""
        with disk_errors():
            names = sorted(path.parent.name for path in self._root.glob(f"*/{PLAN}"))
        readable, unreadable = list[tuple[SessionSpool, SessionPlan]](), list[PlanUnreadable]()
        for name in names:
            folder = self.session(name)
            try:
                readable.append((folder, decoded(folder.read(PLAN) or b"", name)))
            except PlanUnreadable as error:
                unreadable.append(error)
        return Plans(tuple(readable), tuple(unreadable))

    def free_bytes(self) -> int:
        """What the spool's disk has free."""
        with disk_errors():
            return self._disk.free_bytes(self._root)


class SessionSpool:
    """One session's folder."""

    def __init__(self, folder: Path, disk: Disk, budget: SpoolBudget) -> None:
        self._folder = folder
        self._disk = disk
        self._budget = budget

    def read(self, name: str) -> bytes | None:
        """A document as it was written, or None when there is none."""
        with disk_errors():
            try:
                return read(self._folder / name)
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Write a document so that it is there, whole, after a power cut."""
        self._disk.make_private(self._folder)
        with disk_errors():
            self._disk.write(self._folder / name, content)

    def remove(self, name: str) -> None:
        """Remove a document that may be there."""
        with disk_errors():
            (self._folder / name).unlink(missing_ok=True)

    def write_receipt(self, artifact_id: str, content: bytes) -> None:
        """Write a receipt, durably: from here on the chapter's parts may go."""
        folder = self._folder / "receipts"
        self._disk.make_private(folder)
        with disk_errors():
            self._disk.write(folder / f"{_safe(artifact_id)}.json", content)

    def receipts(self) -> list[dict[str, Any]]:
        """The receipts that are here; one that a disk has spoilt is none."""
        with disk_errors():
            raws = [read(path) for path in sorted((self._folder / "receipts").glob("*.json"))]
        return [document for raw in raws if (document := _document(raw))]

    def receipted(self) -> frozenset[str]:
        """The artifact ids of the chapters whose receipts are here."""
        return frozenset(str(document.get("artifact_id")) for document in self.receipts())

    def chapter(self, artifact_id: str, identity: str) -> ChapterSpool:
        """The parts of one chapter; another identity has another folder."""
        return ChapterSpool(self._folder / f"{_safe(artifact_id)}.{identity}", self._disk, self._budget)

    def chapter_parts(self) -> list[ChapterParts]:
        """What there is of each chapter, by the names of folders and files; also of chapters that no plan has."""
        with disk_errors():
            found = (path for kind in ("*.part", CONFIRMED) for path in self._folder.glob(f"*/{kind}"))
            folders = sorted({path.parent for path in found})
            return [self._parts_in(folder) for folder in folders]

    def _parts_in(self, folder: Path) -> ChapterParts:
        paths = sorted(folder.glob("*.part"))
        artifact_id, _, identity = folder.name.rpartition(".")
        return ChapterParts(
            artifact_id=artifact_id,
            identity=identity,
            parts=tuple(part for path in paths if (part := part_by_name(path))),
            size_bytes=sum(size_bytes_of(path) for path in paths),
            confirmed_crc=ChapterSpool(folder, self._disk, self._budget).confirmed_crc(),
        )

    def part_bytes(self) -> int:
        """What the session's parts take on the disk."""
        with disk_errors():
            return sum(size_bytes_of(path) for path in self._folder.glob("*/*.part"))


def _document(raw: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("size_bytes"), int) else None


def _safe(name: str) -> str:
    if not SAFE_NAME.fullmatch(name):
        raise SpoolFault(f"{name!r} cannot name a folder of the spool")
    return name


class BrokenFilms:
    """The broken films that this device has met, one for each path, in a folder of their own."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk

    def has(self, film: FileIdentity) -> bool:
        """Whether exactly this was found broken; a file here that is damaged or unreadable says nothing."""
        try:
            return bool(json.loads(read(self._path(film))) == asdict(film))
        except (OSError, ValueError, RecursionError):
            return False

    def add(self, film: FileIdentity) -> None:
        """Remember it, durably. Raises SpoolFault, SpoolFull."""
        self._disk.make_private(self._folder)
        with disk_errors():
            self._disk.write(self._path(film), json.dumps(asdict(film)).encode())

    def _path(self, film: FileIdentity) -> Path:
        return self._folder / f"{hashlib.sha256(film.file.path.encode()).hexdigest()}.json"


class Proofs:
    """The proofs that were made on this device, in a folder of their own."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk

    def has(self, proof: Proof) -> bool:
        """Whether exactly this was proven here; a proof file that is damaged or unreadable proves nothing."""
        try:
            kept = json.loads(read(self._path(proof)))
        except (OSError, ValueError, RecursionError):
            return False
        return bool(kept == proof.document())

    def add(self, proof: Proof) -> None:
        """Remember a proof, durably. Raises SpoolFault, SpoolFull."""
        self._disk.make_private(self._folder)
        with disk_errors():
            self._disk.write(self._path(proof), json.dumps(proof.document()).encode())

    def _path(self, proof: Proof) -> Path:
        """One file for each chapter: a later proof replaces the one before."""
        place = json.dumps([proof.chapter.session_id, proof.chapter.artifact_id])
        return self._folder / f"{hashlib.sha256(place.encode()).hexdigest()}.json"
