"""Remember which stored versions equal which files of which cards, so that no comparison is repeated every night."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_client.base.disk import Disk, disk_errors, read
from edge_client.model.haul_state import KnownChapter
from edge_client.model.identity import FileIdentity


@dataclass(frozen=True)
class Proof:
    """A file of the card of one camera was found to be what is stored as this chapter."""

    serial: str
    card: FileIdentity
    chapter: KnownChapter

    def document(self) -> dict[str, Any]:
        """Everything that the proof depends on; if any of it changes, the proof is void."""
        return {
            "serial": self.serial,
            "card": asdict(self.card),
            "session_id": self.chapter.session_id,
            "artifact_id": self.chapter.artifact_id,
            "stored": asdict(self.chapter.stored) if self.chapter.stored else None,
        }

    @property
    def filename(self) -> str:
        """One file for each chapter: a later proof takes the place of the one before."""
        place = json.dumps([self.chapter.session_id, self.chapter.artifact_id])
        return f"{hashlib.sha256(place.encode()).hexdigest()}.json"


class Proofs:
    """The proofs that were made on this device, in a folder of their own."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk

    def has(self, proof: Proof) -> bool:
        """Whether exactly this was proven here; a proof file that is damaged or unreadable proves nothing."""
        try:
            kept = json.loads(read(self._folder / proof.filename))
        except (OSError, ValueError, RecursionError):
            return False
        return bool(kept == proof.document())

    def add(self, proof: Proof) -> None:
        """Remember a proof, durably. Raises SpoolFault, SpoolFull."""
        self._disk.make_private(self._folder)
        with disk_errors():
            self._disk.write(self._folder / proof.filename, json.dumps(proof.document()).encode())
