"""What this device found when it read chapters again, in a folder of the spool: one file for each chapter."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_client.base.disk import Disk, disk_errors, lock_file, read
from edge_client.model.flushing import Flushed, flushed_in
from edge_client.model.levels import Reread, reread_in

FLUSHED = "flushed"
DAMAGED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


class Rereads:
    """The records of a spool. Forgetting a session leaves them: a difference is about the card."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the second reads while the block runs; a haul is not kept. Raises SpoolBusy."""
        self._disk.make_private(self._folder)
        with lock_file(self._folder / "lock", "another client reads a card again into this spool"):
            yield

    def all(self) -> list[Reread]:
        """Every record that can be read, by name."""
        with disk_errors():
            found = [_record(path) for path in sorted(self._folder.glob("*.json"))]
        return [each for each in found if each]

    def find(self, session_id: str, artifact_id: str) -> Reread | None:
        """What was found of a chapter; a record that cannot be read is there and spoilt."""
        path = self._path(session_id, artifact_id)
        try:
            return reread_in(json.loads(read(path)))
        except FileNotFoundError:
            return None
        except (OSError, *DAMAGED):
            return Reread(session_id, artifact_id, 0, is_spoilt=True)

    def keep(self, found: Reread) -> None:
        """Remember it, durably, in place of what was there of its chapter. Raises SpoolFault, SpoolFull."""
        self._write(self._path(found.session_id, found.artifact_id), found.document())

    def drop(self, found: Reread) -> None:
        """Forget it: the coordinator has it."""
        with disk_errors():
            self._path(found.session_id, found.artifact_id).unlink(missing_ok=True)

    def flushed(self) -> Flushed | None:
        """How far the second read is since the camera's memory was flushed; None where that is not known."""
        try:
            return flushed_in(json.loads(read(self._folder / FLUSHED)))
        except (OSError, *DAMAGED):
            return None

    def keep_flushed(self, flushed: Flushed) -> None:
        """Remember it, durably. Raises SpoolFault, SpoolFull."""
        self._write(self._folder / FLUSHED, flushed.document())

    def _write(self, path: Path, document: object) -> None:
        self._disk.make_private(self._folder)
        with disk_errors():
            self._disk.write(path, json.dumps(document).encode())

    def _path(self, session_id: str, artifact_id: str) -> Path:
        place = json.dumps([session_id, artifact_id])
        return self._folder / f"{hashlib.sha256(place.encode()).hexdigest()}.json"


def _record(path: Path) -> Reread | None:
    try:
        return reread_in(json.loads(read(path)))
    except DAMAGED:
        return None
