"""A disk that refuses some of the system's calls, and notes all of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from edge_client.base.disk import Disk, begin_write_back, fill_from

ALWAYS = 10_000


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

    def disk(self) -> Disk:
        return Disk(
            fsync=self._fsync,
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
        os.fsync(file)

    def _allocate(self, file: int, first: int, size_bytes: int) -> None:
        self._look("allocate", path_of(file))
        os.posix_fallocate(file, first, size_bytes)

    def _append(self, file: int, data: memoryview) -> int:
        try:
            self._look("append", path_of(file))
        except OSError:
            if self.halves and len(data) > 1:
                # What a disk does that is full in the middle: it takes what it can, and refuses the rest.
                self.refused -= 1
                return os.write(file, data[: len(data) // 2])
            raise
        return os.write(file, data)

    def _write_back(self, file: int, first: int, size_bytes: int) -> None:
        self._look("write_back", path_of(file))
        begin_write_back(file, first, size_bytes)

    def _move(self, path: Path, name: Path) -> None:
        self._look("move", str(path))
        os.replace(path, name)
        if name.suffix == ".part":
            self.kept.add(number_of(name))

    def _fill(self, file: int, buffer: memoryview) -> int:
        self._look("fill", path_of(file))
        return fill_from(file, buffer)


def path_of(file: int) -> str:
    return os.readlink(f"/proc/self/fd/{file}")


def number_of(part: Path) -> int:
    return int(part.name[:5])
