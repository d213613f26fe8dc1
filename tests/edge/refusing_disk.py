"""A disk that refuses some of the system's calls, and notes all of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from edge_client.base.disk import SystemDisk

ALWAYS = 10_000
SYSTEM = SystemDisk()


def altered(disk: SystemDisk = SYSTEM, **calls: Callable[..., Any]) -> SystemDisk:
    """A disk of which these calls do what a test says."""
    other = copy(disk)
    vars(other).update(calls)
    return other


@dataclass
class RefusingDisk:
    """Calls of the kind `call` ("*": of any) on paths like `where` fail with `code`, `times` times from the n-th on.

    `log` has every call on such a path, `kept` the number of each part that got its name. `halves` is a disk that
    takes half of what is written before it refuses.
    """

    call: str
    code: int
    where: str = "*"
    times: int = 1
    nth: int = 1
    halves: bool = False
    log: list[str] = field(default_factory=list)
    seen: int = 0
    refused: int = 0
    kept: set[int] = field(default_factory=set)

    def disk(self) -> SystemDisk:
        return altered(
            fsync=self._fsync,
            fsync_folder=self._fsync_folder,
            allocate=self._allocate,
            append=self._append,
            write_back=self._write_back,
            move=self._move,
            fill=self._fill,
        )

    def _look(self, call: str, path: str) -> None:
        if not fnmatch(path, self.where):
            return
        self.log.append(call)
        if self.call not in (call, "*"):
            return
        self.seen += 1
        if self.nth <= self.seen and self.refused < self.times:
            self.refused += 1
            raise OSError(self.code, os.strerror(self.code), path)

    def _fsync(self, file: int) -> None:
        self._look("fsync", path_of(file))
        SYSTEM.fsync(file)

    def _fsync_folder(self, folder: str) -> None:
        self._look("fsync", folder)
        SYSTEM.fsync_folder(folder)

    def _allocate(self, file: int, size_bytes: int) -> None:
        self._look("allocate", path_of(file))
        SYSTEM.allocate(file, size_bytes)

    def _append(self, file: int, data: memoryview) -> int:
        try:
            self._look("append", path_of(file))
        except OSError:
            if self.halves and len(data) > 1:
                # What a disk does that is full in the middle: it takes what it can, and refuses the rest.
                self.refused -= 1
                return SYSTEM.append(file, data[: len(data) // 2])
            raise
        return SYSTEM.append(file, data)

    def _write_back(self, file: int, first: int, size_bytes: int) -> None:
        self._look("write_back", path_of(file))
        SYSTEM.write_back(file, first, size_bytes)

    def _move(self, path: str, name: str) -> None:
        self._look("move", path)
        SYSTEM.move(path, name)
        if name.endswith(".part"):
            self.kept.add(number_of(Path(name)))

    def _fill(self, file: int, first: int, buffer: memoryview) -> int:
        self._look("fill", path_of(file))
        return SYSTEM.fill(file, first, buffer)


def path_of(file: int) -> str:
    return os.readlink(f"/proc/self/fd/{file}")


def number_of(part: Path) -> int:
    return int(part.name[:5])
