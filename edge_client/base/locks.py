"""Locks between clients of one machine: files that the kernel lets go of when their process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge_client.base.disk import Disk, disk_errors
from edge_client.base.errors import SpoolBusy, SpoolFault, SpoolFull

ELSEWHERE = "name another folder with --locks, the same for all clients of this camera"


@contextmanager
def locked(path: Path, taken: str) -> Iterator[None]:
    """The lock file at `path` for us alone. Raises SpoolBusy with the text of `taken` about another holder."""
    with disk_errors():
        file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SpoolBusy(f"{taken}; wait for it to end") from error
        yield
    finally:
        os.close(file)


@dataclass(frozen=True)
class CameraLocks:
    """One client per camera, even with different spools: the clients share the folder of the locks."""

    folder: Path
    disk: Disk

    @contextmanager
    def held(self, serial: str) -> Iterator[None]:
        """The camera for us alone. Raises SpoolBusy when another client reads from it; SpoolFull, SpoolFault."""
        with ExitStack() as stack:
            with self._refusals():
                self.disk.make_private(self.folder)
                stack.enter_context(
                    locked(self.folder / f"camera-{serial}", f"another client reads from camera {serial}")
                )
            yield

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """An error of the disk of the locks, which names that disk: the spool may be on another one."""
        try:
            yield
        except SpoolFull as error:
            raise SpoolFull(
                f"the camera cannot be locked in {self.folder}: the disk is full; make room there, or {ELSEWHERE}"
            ) from error
        except SpoolFault as error:
            reason = error.__cause__.strerror if isinstance(error.__cause__, OSError) else str(error)
            raise SpoolFault(
                f"the camera cannot be locked in {self.folder}: {reason}; {ELSEWHERE}"
            ) from error
