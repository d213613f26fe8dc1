"""Files that survive a power cut, in folders of this user alone, and locks between clients of one machine.

What a disk refuses is an error of the spool. Locks are files that the kernel lets go of when their process ends,
however it ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from edge_client.base.errors import SpoolBusy, SpoolFault, SpoolFull

# A client that only looks at a lock has it for some microseconds.
LOOKS, LOOK_S = 5, 0.02
ELSEWHERE = "name another folder with --locks, the same for all clients of this camera"


def disk_free_bytes(folder: Path) -> int:
    """What an ordinary user may still write to the folder's disk."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def fill_from(file: int, buffer: memoryview) -> int:
    """Fill `buffer` with what comes next of an open file; how many bytes that were, 0 at its end."""
    return os.readv(file, [buffer])


def begin_write_back(file: int, first: int, size_bytes: int) -> None:
    """Let the system begin to write these bytes of an open file to its disk, without waiting for that.

    Linux starts it for what is dirty, and drops only what was clean before (mm/fadvise.c).
    """
    os.posix_fadvise(file, first, size_bytes, os.POSIX_FADV_DONTNEED)


@dataclass(frozen=True)
class Disk:
    """The disk below the spool: how much room it has, and those of the system's calls that a disk may refuse."""

    free_bytes: Callable[[Path], int] = disk_free_bytes
    fsync: Callable[[int], None] = os.fsync
    allocate: Callable[[int, int, int], None] = os.posix_fallocate
    append: Callable[[int, memoryview], int] = os.write
    write_back: Callable[[int, int, int], None] = begin_write_back
    move: Callable[[Path, Path], None] = os.replace
    fill: Callable[[int, memoryview], int] = fill_from

    def write(self, path: Path, content: bytes) -> None:
        """Write a file that is there, whole, after a power cut: the one before or this one."""
        temporary = path.with_name(f"{path.name}.writing")
        temporary.unlink(missing_ok=True)
        try:
            self._write(temporary, content)
            self.rename(temporary, path)
        except OSError:
            # Half a document would take the room that the next try needs.
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise

    def _write(self, path: Path, content: bytes) -> None:
        file = create_file(path)
        try:
            self.append_all(file, memoryview(content))
            self.fsync(file)
        finally:
            os.close(file)

    def append_all(self, file: int, data: memoryview) -> None:
        """Append all of `data` to an open file."""
        while data:
            data = data[self.append(file, data) :]

    def rename(self, path: Path, name: Path) -> None:
        """Give the file a new name in the same folder, durably."""
        self.move(path, name)
        self._fsync_folder(name.parent)

    def move_folder(self, folder: Path, name: Path) -> None:
        """Move the folder to a new name in another folder, durably."""
        self.move(folder, name)
        self._fsync_folder(name.parent)
        self._fsync_folder(folder.parent)

    def make_private(self, folder: Path) -> None:
        """Make a folder for us alone, durably.

        Raises SpoolFault when it is a link, somebody else's, or others may write to it; SpoolFull.
        """
        with disk_errors():
            self._make(folder)
            found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise SpoolFault(
                f"{folder} must be a folder of this user that nobody else can write to, and not a link"
            )

    def _make(self, folder: Path) -> None:
        if folder.exists() or folder.is_symlink():
            return
        self._make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        self._fsync_folder(folder.parent)

    def _fsync_folder(self, folder: Path) -> None:
        file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.fsync(file)
        finally:
            os.close(file)


def create_file(path: Path) -> int:
    """Create a file and open it for writing. Raises OSError when there is one, or a link."""
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def open_file(path: Path) -> FileIO:
    """Open a file that is not a link for reading, without a buffer. Raises OSError."""
    return FileIO(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")


def read(path: Path) -> bytes:
    """The whole content of a file that is not a link. Raises OSError."""
    with open_file(path) as stream:
        return stream.readall()


def size_bytes_of(path: Path) -> int:
    """The size of a file, 0 when it has just gone. Raises OSError."""
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


@contextmanager
def disk_errors() -> Iterator[None]:
    """Raise what a disk refuses as SpoolFull (time or a person makes room) or SpoolFault."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SpoolFull("the spool's disk is full; nothing was deleted, make room there") from error
        where = error.filename if isinstance(error.filename, (str, os.PathLike)) else "its disk"
        raise SpoolFault(f"the spool cannot be used: {error.strerror or error} ({where})") from error


def is_locked(path: Path) -> bool:
    """Whether a client holds the lock file at `path`. Raises SpoolFault.

    A look takes the lock for a moment; `lock_file` tries again after a look.
    """
    with disk_errors():
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
    return False


@contextmanager
def lock_file(path: Path, taken: str) -> Iterator[None]:
    """Hold the lock file at `path` while the block runs. Raises SpoolBusy with `taken` while another client has it."""
    with disk_errors():
        file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        try:
            _lock(file)
        except BlockingIOError as error:
            raise SpoolBusy(f"{taken}; wait for it to end") from error
        yield
    finally:
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


@dataclass(frozen=True)
class CameraLocks:
    """One client per camera, even with different spools: the clients share the folder of the locks."""

    folder: Path
    disk: Disk

    def is_held(self, serial: str) -> bool:
        """Whether a client has the camera now. Raises SpoolFault."""
        return is_locked(self._path(serial))

    def _path(self, serial: str) -> Path:
        return self.folder / f"camera-{serial}"

    @contextmanager
    def hold(self, serial: str) -> Iterator[None]:
        """Hold the camera while the block runs. Raises SpoolBusy (another client has it), SpoolFull, SpoolFault."""
        with ExitStack() as stack:
            try:
                self.disk.make_private(self.folder)
                stack.enter_context(
                    lock_file(self._path(serial), f"another client reads from camera {serial}")
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
