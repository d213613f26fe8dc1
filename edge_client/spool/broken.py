"""Remember which films were not finished and did not change, so that later runs do not wait for them again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from edge_client.base.disk import Disk, disk_errors, read
from edge_client.model.identity import FileIdentity


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
