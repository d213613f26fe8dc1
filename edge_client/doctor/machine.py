"""This device as the checks see it: the files of its kernel, and a few calls. Nothing here changes anything."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from ipaddress import IPv4Address
from pathlib import Path

from edge_client.camera.link import address_of
from edge_client.doctor.finding import NotChecked

MOST_FILE_BYTES = 1024 * 1024
PROBE_BYTES = 4 * 1024 * 1024
LOOK_THERE = "run doctor as the units run: `sudo reelhaul-at INTERFACE doctor`"


@dataclass(frozen=True)
class FreeSpace:
    """What a disk has free for an ordinary user; `free_files` is None where the file system does not count files."""

    free_bytes: int
    free_files: int | None


def room_of(folder: Path) -> FreeSpace:
    """The room of the disk below a folder. Raises OSError."""
    disk = os.statvfs(folder)
    return FreeSpace(disk.f_bavail * disk.f_frsize, disk.f_favail if disk.f_files else None)


def write_s(folder: Path) -> float:
    """How many seconds the folder's disk takes for 4 MiB, with fsync. Raises OSError.

    The file has no name (O_TMPFILE), so that nothing of it is left, however this ends.
    """
    file = os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        data = memoryview(os.urandom(PROBE_BYTES))
        began = time.monotonic()
        while data:
            data = data[os.write(file, data) :]
        os.fsync(file)
        return time.monotonic() - began
    finally:
        os.close(file)


def resolve(host: str, port: int) -> tuple[str, ...]:
    """The addresses of a host. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(sorted({str(each[4][0]) for each in found}))


def now() -> datetime:
    return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Machine:
    """The device. `root` is where its /proc, /sys and /etc are."""

    root: Path = Path("/")
    address_of: Callable[[str], IPv4Address] = address_of
    resolve: Callable[[str, int], tuple[str, ...]] = resolve
    room: Callable[[Path], FreeSpace] = room_of
    write_s: Callable[[Path], float] = write_s
    now: Callable[[], datetime] = now
    monotonic: Callable[[], float] = time.monotonic
    user_id: Callable[[], int] = os.geteuid

    def path(self, name: str) -> Path:
        """Where a file of the system is."""
        return self.root / name.lstrip("/")

    def text(self, name: str) -> str | None:
        """What a file of the system says, None where there is none. Raises NotChecked."""
        try:
            with self.path(name).open("rb") as stream:
                return stream.read(MOST_FILE_BYTES).decode("utf-8", "replace")
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR):
                return None
            raise NotChecked(f"{name} cannot be read ({error.strerror})", LOOK_THERE) from error

    def needed_text(self, name: str) -> str:
        """What a file says that every Linux has. Raises NotChecked."""
        found = self.text(name)
        if found is None:
            raise NotChecked(f"this system has no {name}", LOOK_THERE)
        return found
