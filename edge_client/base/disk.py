"""The disk below the spool: what the spool asks of a file system, and the system's own.

`base/folders` has the rules by which files survive a power cut; they use nothing else. Locks end with their process,
however it ends. Paths are texts: a spool joins many of them.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from contextlib import ContextDecorator
from types import TracebackType
from typing import NamedTuple, Protocol

from edge_client.base.errors import SpoolFault, SpoolFull

# A client that only looks at a lock has it for some microseconds.
LOOKS, LOOK_S = 5, 0.02


class Entry(NamedTuple):
    """What a name of a folder leads to; of a link the link itself."""

    path: str
    is_folder: bool
    # A folder of this user that nobody else can write to.
    is_private: bool
    size_bytes: int

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


class Disk(Protocol):
    """A file system. Every call raises OSError with its errno for what the disk refuses.

    A file that is open is a number, and `close` lets go of it. What is written, named, made and removed may be lost in
    a power cut until `fsync` or `fsync_folder` has returned.
    """

    def free_bytes(self, folder: str) -> int:
        """What an ordinary user may still write to the folder's disk."""

    def find(self, path: str) -> Entry | None:
        """What is at a path, or None when nothing is."""

    def entries(self, folder: str) -> list[Entry]:
        """What is in a folder, by name. Nothing when the folder is missing or may not be read."""

    def read(self, path: str) -> bytes:
        """The whole content of a file that is not a link."""

    def make_folder(self, folder: str) -> None:
        """Make a folder for this user alone in one that is there."""

    def create(self, path: str) -> int:
        """Create a file for this user alone, open for writing. Raises FileExistsError when anything is there."""

    def open(self, path: str) -> int:
        """Open a file that is not a link for reading."""

    def size_bytes(self, file: int) -> int:
        """The size of an open file."""

    def fill(self, file: int, first: int, buffer: memoryview) -> int:
        """Fill `buffer` with what an open file has from byte `first` on; how many bytes that were, 0 at its end."""

    def allocate(self, file: int, size_bytes: int) -> None:
        """Give a file that is open for writing so much room."""

    def append(self, file: int, data: memoryview) -> int:
        """Write some of `data` behind what was written to the open file before; how many bytes that were."""

    def write_back(self, file: int, first: int, size_bytes: int) -> None:
        """Begin to make these bytes of an open file durable, without waiting for that."""

    def fsync(self, file: int) -> None:
        """Make the content of an open file durable. After an error the content of the disk is unknown."""

    def fsync_folder(self, folder: str) -> None:
        """Make the names in a folder durable."""

    def move(self, path: str, name: str) -> None:
        """Give a file or folder another name, in place of a file that has it."""

    def remove(self, path: str) -> None:
        """Remove a file or a link. Raises FileNotFoundError."""

    def remove_folder(self, folder: str) -> None:
        """Remove a folder that is empty."""

    def lock(self, path: str) -> int:
        """Hold the lock file at a path until it is closed. Raises BlockingIOError while another client holds it."""

    def is_locked(self, path: str) -> bool:
        """Whether a client holds the lock file at a path, which may not be there."""

    def close(self, file: int) -> None:
        """Let go of an open file or a lock."""


class SystemDisk:
    """The disks of this machine."""

    def free_bytes(self, folder: str) -> int:
        """What an ordinary user may still write to the folder's disk."""
        disk = os.statvfs(folder)
        return disk.f_bavail * disk.f_frsize

    def find(self, path: str) -> Entry | None:
        """What is at a path, or None when nothing is."""
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        is_folder = stat.S_ISDIR(found.st_mode)
        is_private = is_folder and found.st_uid == os.geteuid() and not found.st_mode & 0o022
        return Entry(path, is_folder, is_private, found.st_size)

    def entries(self, folder: str) -> list[Entry]:
        """What is in a folder, by name. Nothing when the folder is missing or may not be read."""
        try:
            names = sorted(os.listdir(folder))
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return []
        # What has just gone is not listed.
        return [entry for name in names if (entry := self.find(f"{folder}/{name}"))]

    def read(self, path: str) -> bytes:
        """The whole content of a file that is not a link."""
        with os.fdopen(self.open(path), "rb", buffering=0) as stream:
            return stream.readall()

    def make_folder(self, folder: str) -> None:
        """Make a folder with mode 0700."""
        os.mkdir(folder, 0o700)

    def create(self, path: str) -> int:
        """Create a file with mode 0600, open for writing. Raises FileExistsError, also for a link."""
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def open(self, path: str) -> int:
        """Open a file that is not a link for reading."""
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def size_bytes(self, file: int) -> int:
        """The size of an open file."""
        return os.fstat(file).st_size

    def fill(self, file: int, first: int, buffer: memoryview) -> int:
        """Fill `buffer` with what an open file has from byte `first` on; how many bytes that were, 0 at its end."""
        return os.preadv(file, [buffer], first)

    def allocate(self, file: int, size_bytes: int) -> None:
        """Give a file that is open for writing so much room."""
        os.posix_fallocate(file, 0, size_bytes)

    def append(self, file: int, data: memoryview) -> int:
        """Write some of `data` behind what was written before; how many bytes that were."""
        return os.write(file, data)

    def write_back(self, file: int, first: int, size_bytes: int) -> None:
        """Let the system begin to write these bytes of an open file to its disk, without waiting for that.

        Linux starts it for what is dirty, and drops only what was clean before (mm/fadvise.c).
        """
        os.posix_fadvise(file, first, size_bytes, os.POSIX_FADV_DONTNEED)

    def fsync(self, file: int) -> None:
        """Make the content of an open file durable."""
        os.fsync(file)

    def fsync_folder(self, folder: str) -> None:
        """Make the names in a folder durable."""
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(file)
        finally:
            os.close(file)

    def move(self, path: str, name: str) -> None:
        """Give a file or folder another name, in place of a file that has it."""
        os.replace(path, name)

    def remove(self, path: str) -> None:
        """Remove a file or a link."""
        os.unlink(path)

    def remove_folder(self, folder: str) -> None:
        """Remove a folder that is empty."""
        os.rmdir(folder)

    def lock(self, path: str) -> int:
        """Hold the lock file at a path until it is closed.

        Raises BlockingIOError while another client has it, and not only looks.
        """
        file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _lock(file)
        except OSError:
            os.close(file)
            raise
        return file

    def is_locked(self, path: str) -> bool:
        """Whether a client holds the lock file. A look takes the lock for a moment; `lock` tries again after a look."""
        try:
            file = self.open(path)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    def close(self, file: int) -> None:
        """Let go of an open file or a lock."""
        os.close(file)


def _lock(file: int) -> None:
    """Lock an open file for us alone. Raises BlockingIOError while another client has it, and not only looks."""
    for left in reversed(range(LOOKS)):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not left:
                raise
            time.sleep(LOOK_S)
        else:
            return


class disk_errors(ContextDecorator):  # noqa: N801  entered at every call of a disk: a generator costs five times as much
    """Raise what a disk refuses as SpoolFull (time or a person makes room) or SpoolFault."""

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, OSError):
            return
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SpoolFull("the spool's disk is full; nothing was deleted, make room there") from error
        where = error.filename if isinstance(error.filename, (str, os.PathLike)) else "its disk"
        raise SpoolFault(f"the spool cannot be used: {error.strerror or error} ({where})") from error
