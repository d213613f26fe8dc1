"""What this device found when it read chapters again, in a folder of the spool: one file for each chapter."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

from edge_client.base.disk import Disk, disk_errors
from edge_client.base.folders import files_in, lock_file, make_private, remove_file, write_file
from edge_client.model.flushing import Flushed, flushed_in
from edge_client.model.levels import Reread, reread_in

FLUSHED = "flushed"
DAMAGED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


class Rereads:
    """The records of a spool. Forgetting a session leaves them: a difference is about the card."""

    def __init__(self, folder: str, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the second reads while the block runs; a haul is not kept. Raises SpoolBusy."""
        make_private(self._disk, self._folder)
        lock, taken = f"{self._folder}/lock", "another client reads a card again into this spool"
        with lock_file(self._disk, lock, taken):
            yield

    def all(self) -> list[Reread]:
        """Every record that can be read, by name."""
        with disk_errors():
            found = [
                _record(self._disk.read(file.path)) for file in files_in(self._disk, self._folder, ".json")
            ]
        return [each for each in found if each]

    def find(self, session_id: str, artifact_id: str) -> Reread | None:
        """What was found of a chapter; a record that cannot be read is there and spoilt."""
        path = self._path(session_id, artifact_id)
        try:
            return reread_in(json.loads(self._disk.read(path)))
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
            remove_file(self._disk, self._path(found.session_id, found.artifact_id))

    def flushed(self) -> Flushed | None:
        """How far the second read is since the camera's memory was flushed; None where that is not known."""
        try:
            return flushed_in(json.loads(self._disk.read(f"{self._folder}/{FLUSHED}")))
        except (OSError, *DAMAGED):
            return None

    def keep_flushed(self, flushed: Flushed) -> None:
        """Remember it, durably. Raises SpoolFault, SpoolFull."""
        self._write(f"{self._folder}/{FLUSHED}", flushed.document())

    def _write(self, path: str, document: object) -> None:
        make_private(self._disk, self._folder)
        with disk_errors():
            write_file(self._disk, path, json.dumps(document).encode())

    def _path(self, session_id: str, artifact_id: str) -> str:
        place = json.dumps([session_id, artifact_id])
        return f"{self._folder}/{hashlib.sha256(place.encode()).hexdigest()}.json"


def _record(raw: bytes) -> Reread | None:
    try:
        return reread_in(json.loads(raw))
    except DAMAGED:
        return None
