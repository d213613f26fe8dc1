"""The folder of sessions that `--spool` names: plans, receipts, reports and parts, and what later runs remember."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from edge_client.base.disk import Disk, Entry, disk_errors
from edge_client.base.errors import EdgeError, PlanUnreadable, SpoolFault
from edge_client.base.folders import (
    files_in,
    lock_file,
    make_private,
    move_folder,
    remove_file,
    remove_tree,
    sync_name,
    sync_names,
    write_file,
)
from edge_client.model.files import FileIdentity
from edge_client.model.haul_state import Proof
from edge_client.model.parts import ChapterParts
from edge_client.model.plan import PLAN, SessionPlan, decoded
from edge_client.spool.budget import PART, SpoolBudget
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
    """The folder that `--spool` names. Made when it is not there; refused when others may write to it.

    `lock` is the one of its budget.
    """

    def __init__(
        self,
        root: str,
        disk: Disk,
        budget_bytes: int | None = None,
        lock: AbstractContextManager[object] | None = None,
    ) -> None:
        self._root = root
        self._disk = disk
        self.budget = SpoolBudget(root, disk, budget_bytes, lock)
        self.proofs = Proofs(f"{root}/.proofs", disk)
        self.broken_films = BrokenFilms(f"{root}/.broken", disk)
        self.rereads = Rereads(f"{root}/.rereads", disk)

    def is_held(self) -> bool:
        """Whether a client has the spool for itself now. Raises SpoolFault."""
        with disk_errors():
            return self._disk.is_locked(f"{self._root}/{LOCK}")

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the spool while the block runs, swept and measured. Raises SpoolBusy while another client has it."""
        make_private(self._disk, self._root)
        with lock_file(self._disk, f"{self._root}/{LOCK}", f"another client uses the spool {self._root}"):
            with disk_errors():
                for leftover in files_in(self._disk, self._root, ".writing", below=2):
                    self._disk.remove(leftover.path)
                self._remove_forgotten()
                sync_name(self._disk, self._root)
                sync_names(self._disk, self._root, below=2)
                self.budget.measure()
            yield

    def session(self, session_id: str) -> SessionSpool:
        """The session's folder."""
        folder = self._folder(session_id)
        make_private(self._disk, folder)
        return SessionSpool(folder, self._disk, self.budget)

    def has(self, session_id: str) -> bool:
        """Whether the session has a folder here."""
        with disk_errors():
            return self._disk.find(self._folder(session_id)) is not None

    def is_being_forgotten(self, session_id: str) -> bool:
        """Whether a client was ended while it removed the session."""
        with disk_errors():
            return self._disk.find(f"{self._forgotten}/{_safe(session_id)}") is not None

    def forget(self, session_id: str) -> None:
        """Remove the session: its plan, its parts and its copies of the receipts. Only while the spool is held.

        One rename decides it; after a kill the next client that holds the spool finishes the removal.
        """
        folder = self._folder(session_id)
        make_private(self._disk, self._forgotten)
        with disk_errors():
            move_folder(self._disk, folder, f"{self._forgotten}/{session_id}")
            self._remove_forgotten()
            self.budget.recount()

    def _remove_forgotten(self) -> None:
        for session in self._disk.entries(self._forgotten):
            remove_tree(self._disk, session.path)

    def _folder(self, session_id: str) -> str:
        return f"{self._root}/{_safe(session_id)}"

    @property
    def _forgotten(self) -> str:
        return f"{self._root}/{FORGOTTEN}"

    def home_bytes(self, session_id: str) -> int:
        """The bytes of a session that receipts here prove, for a display: none where they cannot be read."""
        folder = SessionSpool(self._folder(session_id), self._disk, self.budget)
        try:
            return sum(receipt["size_bytes"] for receipt in folder.receipts())
        except EdgeError:
            return 0

    def plans(self) -> Plans:
        """The plans of all sessions here, by name; readable while another client works."""
        with disk_errors():
            entries = self._disk.entries(self._root)
            names = [entry.name for entry in entries if self._disk.find(f"{entry.path}/{PLAN}")]
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

    def __init__(self, folder: str, disk: Disk, budget: SpoolBudget) -> None:
        self._folder = folder
        self._disk = disk
        self._budget = budget

    def read(self, name: str) -> bytes | None:
        """A document as it was written, or None when there is none."""
        with disk_errors():
            try:
                return self._disk.read(f"{self._folder}/{name}")
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Write a document so that it is there, whole, after a power cut."""
        make_private(self._disk, self._folder)
        with disk_errors():
            write_file(self._disk, f"{self._folder}/{name}", content)

    def remove(self, name: str) -> None:
        """Remove a document that may be there."""
        with disk_errors():
            remove_file(self._disk, f"{self._folder}/{name}")

    def write_receipt(self, artifact_id: str, content: bytes) -> None:
        """Write a receipt, durably: from here on the chapter's parts may go."""
        make_private(self._disk, self._receipts)
        with disk_errors():
            write_file(self._disk, f"{self._receipts}/{_safe(artifact_id)}.json", content)

    def receipts(self) -> list[dict[str, Any]]:
        """The receipts that are here; one that a disk has spoilt is none."""
        with disk_errors():
            raws = [self._disk.read(file.path) for file in files_in(self._disk, self._receipts, ".json")]
        return [document for raw in raws if (document := _document(raw))]

    @property
    def _receipts(self) -> str:
        return f"{self._folder}/receipts"

    def receipted(self) -> frozenset[str]:
        """The artifact ids of the chapters whose receipts are here."""
        return frozenset(str(document.get("artifact_id")) for document in self.receipts())

    def chapter(self, artifact_id: str, identity: str) -> ChapterSpool:
        """The parts of one chapter; another identity has another folder."""
        return ChapterSpool(f"{self._folder}/{_safe(artifact_id)}.{identity}", self._disk, self._budget)

    def chapter_parts(self) -> list[ChapterParts]:
        """What there is of each chapter, by the names of folders and files; also of chapters that no plan has."""
        with disk_errors():
            folders = [entry for entry in self._disk.entries(self._folder) if entry.is_folder]
            found = [self._parts_in(folder) for folder in folders]
        return [parts for parts in found if parts]

    def _parts_in(self, folder: Entry) -> ChapterParts | None:
        files = self._disk.entries(folder.path)
        parts = [file for file in files if file.path.endswith(PART)]
        if not parts and not any(file.name == CONFIRMED for file in files):
            return None
        artifact_id, _, identity = folder.name.rpartition(".")
        return ChapterParts(
            artifact_id=artifact_id,
            identity=identity,
            parts=tuple(part for file in parts if (part := part_by_name(file))),
            size_bytes=sum(file.size_bytes for file in parts),
            confirmed_crc=ChapterSpool(folder.path, self._disk, self._budget).confirmed_crc(),
        )

    def part_bytes(self) -> int:
        """What the session's parts take on the disk."""
        with disk_errors():
            return sum(part.size_bytes for part in files_in(self._disk, self._folder, PART, below=1))


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

    def __init__(self, folder: str, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk

    def has(self, film: FileIdentity) -> bool:
        """Whether exactly this was found broken; a file here that is damaged or unreadable says nothing."""
        try:
            return bool(json.loads(self._disk.read(self._path(film))) == asdict(film))
        except (OSError, ValueError, RecursionError):
            return False

    def add(self, film: FileIdentity) -> None:
        """Remember it, durably. Raises SpoolFault, SpoolFull."""
        make_private(self._disk, self._folder)
        with disk_errors():
            write_file(self._disk, self._path(film), json.dumps(asdict(film)).encode())

    def _path(self, film: FileIdentity) -> str:
        return f"{self._folder}/{hashlib.sha256(film.file.path.encode()).hexdigest()}.json"


class Proofs:
    """The proofs that were made on this device, in a folder of their own."""

    def __init__(self, folder: str, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk

    def has(self, proof: Proof) -> bool:
        """Whether exactly this was proven here; a proof file that is damaged or unreadable proves nothing."""
        try:
            kept = json.loads(self._disk.read(self._path(proof)))
        except (OSError, ValueError, RecursionError):
            return False
        return bool(kept == proof.document())

    def add(self, proof: Proof) -> None:
        """Remember a proof, durably. Raises SpoolFault, SpoolFull."""
        make_private(self._disk, self._folder)
        with disk_errors():
            write_file(self._disk, self._path(proof), json.dumps(proof.document()).encode())

    def _path(self, proof: Proof) -> str:
        """One file for each chapter: a later proof replaces the one before."""
        place = json.dumps([proof.chapter.session_id, proof.chapter.artifact_id])
        return f"{self._folder}/{hashlib.sha256(place.encode()).hexdigest()}.json"
