"""Files that survive a power cut, in folders of this user alone, and locks between clients of one machine.

The rules are here, above the disk: a file is written beside its name, made durable, named, and its name made durable.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from edge_client.base.disk import Disk, Entry, disk_errors
from edge_client.base.errors import SpoolBusy, SpoolFault, SpoolFull

ELSEWHERE = "name another folder with --locks, the same for all clients of this camera"


def write_file(disk: Disk, path: str, content: bytes) -> None:
    """Write a file that is there, whole, after a power cut: the one before or this one. Raises OSError."""
    temporary = f"{path}.writing"
    remove_file(disk, temporary)
    try:
        file = disk.create(temporary)
        try:
            append_all(disk, file, memoryview(content))
            disk.fsync(file)
        finally:
            disk.close(file)
        rename(disk, temporary, path)
    except OSError:
        # Half a document would take the room that the next try needs.
        with suppress(OSError):
            remove_file(disk, temporary)
        raise


def append_all(disk: Disk, file: int, data: memoryview) -> None:
    """Append all of `data` to an open file. Raises OSError."""
    while data:
        data = data[disk.append(file, data) :]


def rename(disk: Disk, path: str, name: str) -> None:
    """Give the file a new name in the same folder, durably. Raises OSError."""
    disk.move(path, name)
    disk.fsync_folder(_folder_of(name))


def move_folder(disk: Disk, folder: str, name: str) -> None:
    """Move the folder to a new name in another folder, durably. Raises OSError."""
    disk.move(folder, name)
    disk.fsync_folder(_folder_of(name))
    disk.fsync_folder(_folder_of(folder))


def make_private(disk: Disk, folder: str) -> None:
    """Make a folder for us alone, durably.

    Raises SpoolFault when it is a link, somebody else's, or others may write to it; SpoolFull.
    """
    with disk_errors():
        found = disk.find(folder) or _make(disk, folder)
    if not found.is_private:
        raise SpoolFault(
            f"{folder} must be a folder of this user that nobody else can write to, and not a link"
        )


def _make(disk: Disk, folder: str) -> Entry:
    parent = _folder_of(folder)
    if not disk.find(parent):
        _make(disk, parent)
    # Another client may have made it just now.
    with suppress(FileExistsError):
        disk.make_folder(folder)
    disk.fsync_folder(parent)
    found = disk.find(folder)
    if not found:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder)
    return found


def _folder_of(path: str) -> str:
    return os.path.dirname(path) or "."


def sync_names(disk: Disk, folder: str, below: int = 0) -> None:
    """Make durable what ended clients have named, in a folder and in those down to so many levels below it.

    A client that is killed between a name and its sync leaves a name that the next one finds and relies on, and that a
    power cut then takes away. Raises OSError.
    """
    disk.fsync_folder(folder)
    if below:
        for entry in disk.entries(folder):
            if entry.is_folder:
                sync_names(disk, entry.path, below - 1)


def sync_name(disk: Disk, folder: str) -> None:
    """Make the folder's own name durable, where its parent can be looked into. Raises OSError."""
    with suppress(PermissionError):
        disk.fsync_folder(_folder_of(folder))


def remove_file(disk: Disk, path: str) -> None:
    """Remove a file that may be there. Raises OSError."""
    with suppress(FileNotFoundError):
        disk.remove(path)


def remove_tree(disk: Disk, path: str) -> None:
    """Remove what may be at a path, a folder with all that is in it; no link is followed. Raises OSError."""
    if found := disk.find(path):
        _remove(disk, found)


def _remove(disk: Disk, entry: Entry) -> None:
    if not entry.is_folder:
        disk.remove(entry.path)
        return
    for within in disk.entries(entry.path):
        _remove(disk, within)
    disk.remove_folder(entry.path)


def files_in(disk: Disk, folder: str, ending: str, below: int = 0) -> Iterator[Entry]:
    """What has names that end so in a folder, or in the folders so many levels below it; by path. Raises OSError."""
    for entry in disk.entries(folder):
        if not below:
            if entry.path.endswith(ending):
                yield entry
        elif entry.is_folder:
            yield from files_in(disk, entry.path, ending, below - 1)


@contextmanager
def open_file(disk: Disk, path: str) -> Iterator[int]:
    """A file that is not a link, open for reading while the block runs. Raises OSError."""
    file = disk.open(path)
    try:
        yield file
    finally:
        disk.close(file)


@contextmanager
def lock_file(disk: Disk, path: str, taken: str) -> Iterator[None]:
    """Hold the lock file at `path` while the block runs. Raises SpoolBusy with `taken` while another client has it."""
    with disk_errors():
        try:
            file = disk.lock(path)
        except BlockingIOError as error:
            raise SpoolBusy(f"{taken}; wait for it to end") from error
    try:
        yield
    finally:
        disk.close(file)


@dataclass(frozen=True)
class CameraLocks:
    """One client per camera, even with different spools: the clients share the folder of the locks."""

    folder: str
    disk: Disk

    def is_held(self, serial: str) -> bool:
        """Whether a client has the camera now. Raises SpoolFault."""
        with disk_errors():
            return self.disk.is_locked(self._path(serial))

    def _path(self, serial: str) -> str:
        return f"{self.folder}/camera-{serial}"

    @contextmanager
    def hold(self, serial: str) -> Iterator[None]:
        """Hold the camera while the block runs. Raises SpoolBusy (another client has it), SpoolFull, SpoolFault."""
        with ExitStack() as stack:
            try:
                make_private(self.disk, self.folder)
                stack.enter_context(
                    lock_file(self.disk, self._path(serial), f"another client reads from camera {serial}")
                )
            except SpoolFull as error:
                # The spool may be on another disk: the message names the disk of the locks.
                raise SpoolFull(
                    f"the camera cannot be locked in {self.folder}: the disk is full; make room there, or {ELSEWHERE}"
                ) from error
            except SpoolFault as error:
                reason = error.__cause__.strerror if isinstance(error.__cause__, OSError) else str(error)
                raise SpoolFault(
                    f"the camera cannot be locked in {self.folder}: {reason}; {ELSEWHERE}"
                ) from error
            yield
