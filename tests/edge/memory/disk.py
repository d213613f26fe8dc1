"""A disk that may lose power: the production spool runs on it, without a file, a lock or a sleep of the system.

disk = SimulatedDisk(); spool = Spool("/spool", disk.mount(), ...)      a process has the disk by a mount of its own
disk.crash(random)                                                    the power fails: every process ends with it
mount.end_of_process()                                                a kill: its locks and open files go, no byte does
disk.rot(random)                                                      a bit of a file turns
mount.faults["fsync"] = [OSError(errno.EIO, "…")]                     the disk refuses (see `scripted`)

What a crash leaves. The model is at most as kind as ext4, so what survives here survives there:

- A file's bytes are safe once `fsync` has returned. Of later ones each file, on its own, keeps: none, all, the first
  ones, some sectors (the others as zeros), or zeros alone. A file that was never synced may be empty under its name,
  or have the length that was allocated for it.
- A change of names (create, move, remove, make or remove a folder) is safe once `fsync_folder` of its folder has
  returned. Of later ones each folder, on its own, keeps the first few in their order. A move between two folders is one
  change of both: it survives in both or in neither, and the sync of either keeps it with all that was before it.
- A sync of a file keeps no name, and a sync of a folder no content.
- A failed `fsync` is told once, and the bytes that it was to keep are zeros from then on; the next one succeeds.

There are no links and no other users here; what the spool does about those is tested on the system's disk.
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TypeAlias

from edge_client.base.disk import Entry
from tests.edge.memory.machine import Killed
from tests.edge.memory.scripted import Scripted

AMPLE_BYTES = 10**12
# Files of a history are small, so its sectors are, too: a torn write has to tear them.
SECTOR_BYTES = 16


@dataclass(eq=False, slots=True)
class File:
    """The bytes that were written to a file, and how many of them are safe. `size_bytes` counts what is allocated."""

    data: bytearray = field(default_factory=bytearray)
    safe_bytes: int = 0
    size_bytes: int = 0
    is_named: bool = True
    opens: int = 0
    holder: Mount | None = None

    def drop_unsafe(self) -> None:
        """The bytes that were not safe are zeros, as what was allocated and not written is."""
        unsafe_bytes = len(self.data) - self.safe_bytes
        self.data[self.safe_bytes :] = bytes(unsafe_bytes)

    def crash(self, chance: random.Random) -> None:
        """What is left of it is safe."""
        if self.safe_bytes < len(self.data) or len(self.data) < self.size_bytes:
            safe, unsafe = self.data[: self.safe_bytes], self.data[self.safe_bytes :]
            room_bytes = max(0, self.size_bytes - len(self.data))
            self.data = safe + chance.choice(REMAINS)(bytes(unsafe), room_bytes, chance)
        self.safe_bytes = self.size_bytes = len(self.data)
        self.is_named, self.opens, self.holder = True, 0, None


def _none(unsafe: bytes, room_bytes: int, chance: random.Random) -> bytes:
    return b""


def _all(unsafe: bytes, room_bytes: int, chance: random.Random) -> bytes:
    return unsafe + bytes(room_bytes)


def _first(unsafe: bytes, room_bytes: int, chance: random.Random) -> bytes:
    return unsafe[: chance.randint(0, len(unsafe))]


def _sectors(unsafe: bytes, room_bytes: int, chance: random.Random) -> bytes:
    sectors = [unsafe[first : first + SECTOR_BYTES] for first in range(0, len(unsafe), SECTOR_BYTES)]
    kept = b"".join(sector if chance.random() < 0.5 else bytes(len(sector)) for sector in sectors)
    return kept + bytes(room_bytes)


def _zeros(unsafe: bytes, room_bytes: int, chance: random.Random) -> bytes:
    return bytes(len(unsafe) + room_bytes)


REMAINS: tuple[Callable[[bytes, int, random.Random], bytes], ...] = (_none, _all, _first, _sectors, _zeros)


@dataclass(eq=False, slots=True)
class Folder:
    """Names, and what they lead to."""

    names: dict[str, Node] = field(default_factory=dict)


Node: TypeAlias = File | Folder
# A folder, a name in it, what the name led to, and what it leads to now.
Edit = tuple[Folder, str, Node | None, Node | None]


class SimulatedDisk:
    """The disk of a device. It outlives the processes that have mounted it.

    `others_bytes` is what others than the device's processes take of `capacity_bytes`.
    """

    def __init__(self, capacity_bytes: int = AMPLE_BYTES) -> None:
        self.capacity_bytes = capacity_bytes
        self.others_bytes = 0
        self.used_bytes = 0
        self.root = Folder()
        # By path, so that a file is found by two looks into a dict.
        self.folders = {"/": self.root, "": self.root}
        # The changes of names that are not safe, in their order; each of one folder or of two.
        self.unsafe: list[tuple[Edit, ...]] = []
        self.mounts: list[Mount] = []
        self.numbers = count(3)

    def mount(self) -> Mount:
        """The disk as a new process has it."""
        mount = Mount(self)
        self.mounts.append(mount)
        return mount

    @property
    def free_bytes(self) -> int:
        return max(0, self.capacity_bytes - self.others_bytes - self.used_bytes)

    def crash(self, chance: random.Random) -> None:
        """The power fails; what was not safe may be lost. Every mount has ended."""
        for mount in self.mounts:
            mount.is_over = True
        self.mounts.clear()
        self._crash_names(chance)
        self.folders = {"/": self.root, "": self.root, **dict(_folders_in("", self.root))}
        self.used_bytes = 0
        for _, file in self.files():
            file.crash(chance)
            self.used_bytes += file.size_bytes

    def _crash_names(self, chance: random.Random) -> None:
        """Of each folder the first few changes stay."""
        for edits in reversed(self.unsafe):
            for folder, name, before, _ in edits:
                _lead(folder, name, before)
        ended = set[Folder]()
        for edits in self.unsafe:
            if ended.isdisjoint(edit[0] for edit in edits) and chance.random() < 0.7:
                for folder, name, _, after in edits:
                    _lead(folder, name, after)
            else:
                ended.update(edit[0] for edit in edits)
        self.unsafe.clear()

    def files(self, ending: str = "") -> list[tuple[str, File]]:
        """All files whose paths end so, by path."""
        found = [
            (f"{path}/{name}", node)
            for path, folder in self.folders.items()
            for name, node in folder.names.items()
            if isinstance(node, File) and path != "/" and f"{path}/{name}".endswith(ending)
        ]
        return sorted(found, key=lambda each: each[0])

    def rot(self, chance: random.Random, ending: str = "") -> str | None:
        """A bit turns in one of the files whose paths end so; its path, or None when they all are empty."""
        files = [(path, file) for path, file in self.files(ending) if file.data]
        if not files:
            return None
        path, file = chance.choice(files)
        file.data[chance.randrange(len(file.data))] ^= 1 << chance.randrange(8)
        return path

    def change(self, *edits: Edit) -> None:
        """Change names; only `fsync_folder` makes that safe."""
        for folder, name, _, after in edits:
            _lead(folder, name, after)
        self.unsafe.append(edits)

    def make_names_safe(self, folder: Folder) -> None:
        """The changes of a folder stay, with those of other folders on which they depend."""
        if not self.unsafe:
            return
        wanted, left = {folder}, list[tuple[Edit, ...]]()
        for edits in reversed(self.unsafe):
            if wanted.isdisjoint(edit[0] for edit in edits):
                left.append(edits)
            else:
                wanted.update(edit[0] for edit in edits)
        self.unsafe = left[::-1]

    def let_go(self, file: File) -> None:
        """Its room is free again when no name and no process has it."""
        if not file.is_named and not file.opens:
            self.used_bytes -= file.size_bytes


def _lead(folder: Folder, name: str, node: Node | None) -> None:
    if node is None:
        folder.names.pop(name, None)
    else:
        folder.names[name] = node


def _folders_in(path: str, folder: Folder) -> Iterator[tuple[str, Folder]]:
    for name, node in folder.names.items():
        if isinstance(node, Folder):
            yield f"{path}/{name}", node
            yield from _folders_in(f"{path}/{name}", node)


@dataclass(eq=False, slots=True)
class Handle:
    """A file that a process has open. It was made by this process when `is_new`: then it may be written."""

    file: File
    is_new: bool


class Mount(Scripted):
    """The disk as one process has it: the port of the spool. Kinds of calls are the names of its methods.

    Nothing is done any more once the process has ended: a call raises Killed. `close` disturbs nobody, because it is
    also called where a generator is let go of, in the middle of anything.
    """

    def __init__(self, disk: SimulatedDisk) -> None:
        super().__init__()
        self.disk = disk
        self.is_over = False
        self._handles = dict[int, Handle]()

    def disturb(self, kind: str) -> None:
        super().disturb(kind)
        if self.is_over:
            raise Killed

    def end_of_process(self) -> None:
        """The process is killed: its locks are free and its files closed, and what it has written stays."""
        if self.is_over:
            return
        for number in list(self._handles):
            self.close(number)
        self.is_over = True
        # By identity: two processes that have just begun look alike.
        self.disk.mounts[:] = [each for each in self.disk.mounts if each is not self]

    def free_bytes(self, folder: str) -> int:
        self.disturb("free_bytes")
        self._folder(folder)
        return self.disk.free_bytes

    def find(self, path: str) -> Entry | None:
        self.disturb("find")
        if path in self.disk.folders:
            return Entry(path, True, True, 0)
        place, _, name = path.rpartition("/")
        folder = self.disk.folders.get(place)
        node = folder.names.get(name) if folder else None
        return None if node is None else _entry(path, node)

    def entries(self, folder: str) -> list[Entry]:
        self.disturb("entries")
        found = self.disk.folders.get(folder)
        if not found:
            return []
        return [_entry(f"{folder}/{name}", node) for name, node in sorted(found.names.items())]

    def read(self, path: str) -> bytes:
        self.disturb("read")
        file = self._file(path)
        return bytes(file.data) + bytes(file.size_bytes - len(file.data))

    def make_folder(self, folder: str) -> None:
        self.disturb("make_folder")
        place, name = self._place(folder)
        if folder in self.disk.folders or name in place.names:
            raise _refusal(errno.EEXIST, folder)
        made = Folder()
        self.disk.change((place, name, None, made))
        self.disk.folders[folder] = made

    def create(self, path: str) -> int:
        self.disturb("create")
        place, name = self._place(path)
        if name in place.names:
            raise _refusal(errno.EEXIST, path)
        file = File()
        self.disk.change((place, name, None, file))
        return self._open(file, is_new=True)

    def open(self, path: str) -> int:
        self.disturb("open")
        return self._open(self._file(path), is_new=False)

    def _open(self, file: File, is_new: bool) -> int:
        number = next(self.disk.numbers)
        self._handles[number] = Handle(file, is_new)
        file.opens += 1
        return number

    def size_bytes(self, file: int) -> int:
        self.disturb("size_bytes")
        return self._handle(file).file.size_bytes

    def fill(self, file: int, first: int, buffer: memoryview) -> int:
        self.disturb("fill")
        handle = self._handle(file)
        if handle.is_new:
            raise _refusal(errno.EBADF)
        held = handle.file
        size_bytes = max(0, min(len(buffer), held.size_bytes - first))
        found = held.data[first : first + size_bytes]
        buffer[:size_bytes] = found + bytes(size_bytes - len(found))
        return size_bytes

    def allocate(self, file: int, size_bytes: int) -> None:
        self.disturb("allocate")
        held = self._written(file)
        more_bytes = size_bytes - held.size_bytes
        if more_bytes > self.disk.free_bytes:
            raise _refusal(errno.ENOSPC)
        if more_bytes > 0:
            held.size_bytes += more_bytes
            self.disk.used_bytes += more_bytes

    def append(self, file: int, data: memoryview) -> int:
        self.disturb("append")
        held = self._written(file)
        room_bytes = held.size_bytes - len(held.data) + self.disk.free_bytes
        taken = data[:room_bytes]
        if len(data) and not len(taken):
            raise _refusal(errno.ENOSPC)
        held.data += taken
        more_bytes = len(held.data) - held.size_bytes
        if more_bytes > 0:
            held.size_bytes += more_bytes
            self.disk.used_bytes += more_bytes
        return len(taken)

    def write_back(self, file: int, first: int, size_bytes: int) -> None:
        self.disturb("write_back")
        self._handle(file)

    def fsync(self, file: int) -> None:
        held = self._handle(file).file
        try:
            self.disturb("fsync")
        except OSError:
            held.drop_unsafe()
            raise
        # What was allocated and not written is zeros, and is as safe.
        held.safe_bytes = len(held.data)

    def fsync_folder(self, folder: str) -> None:
        self.disturb("fsync_folder")
        self.disk.make_names_safe(self._folder(folder))

    def move(self, path: str, name: str) -> None:
        self.disturb("move")
        place, old = self._place(path)
        target, new = self._place(name)
        node, replaced = place.names.get(old), target.names.get(new)
        if node is None:
            raise _refusal(errno.ENOENT, path)
        if replaced is node:
            return
        if isinstance(node, Folder):
            self._move_folder(path, name, replaced)
        elif isinstance(replaced, Folder):
            raise _refusal(errno.EISDIR, path)
        self.disk.change((place, old, node, None), (target, new, replaced, node))
        if isinstance(replaced, File):
            replaced.is_named = False
            self.disk.let_go(replaced)

    def _move_folder(self, path: str, name: str, replaced: Node | None) -> None:
        if name.startswith(f"{path}/"):
            raise _refusal(errno.EINVAL, path)
        if isinstance(replaced, File):
            raise _refusal(errno.ENOTDIR, path)
        if replaced is not None and replaced.names:
            raise _refusal(errno.ENOTEMPTY, path)
        within = f"{path}/"
        moved = [each for each in self.disk.folders if each == path or each.startswith(within)]
        for each in moved:
            self.disk.folders[name + each[len(path) :]] = self.disk.folders.pop(each)

    def remove(self, path: str) -> None:
        self.disturb("remove")
        place, name = self._place(path)
        file = place.names.get(name)
        if file is None:
            raise _refusal(errno.ENOENT, path)
        if isinstance(file, Folder):
            raise _refusal(errno.EISDIR, path)
        self.disk.change((place, name, file, None))
        file.is_named = False
        self.disk.let_go(file)

    def remove_folder(self, folder: str) -> None:
        self.disturb("remove_folder")
        found = self._folder(folder)
        if found.names:
            raise _refusal(errno.ENOTEMPTY, folder)
        place, name = self._place(folder)
        self.disk.change((place, name, found, None))
        del self.disk.folders[folder]

    def lock(self, path: str) -> int:
        self.disturb("lock")
        place, name = self._place(path)
        node = place.names.get(name)
        if isinstance(node, Folder):
            raise _refusal(errno.EISDIR, path)
        if node is None:
            node = File()
            self.disk.change((place, name, None, node))
        if node.holder:
            raise _refusal(errno.EAGAIN)
        node.holder = self
        return self._open(node, is_new=False)

    def is_locked(self, path: str) -> bool:
        self.disturb("is_locked")
        try:
            return self._file(path).holder is not None
        except (FileNotFoundError, IsADirectoryError):
            return False

    def close(self, file: int) -> None:
        if self.is_over:
            return
        held = self._handle(file).file
        del self._handles[file]
        held.opens -= 1
        if held.holder is self:
            held.holder = None
        self.disk.let_go(held)

    def _place(self, path: str) -> tuple[Folder, str]:
        """The folder of a path, and its name there."""
        place, _, name = path.rpartition("/")
        folder = self.disk.folders.get(place)
        return folder or self._folder(place), name

    def _folder(self, path: str) -> Folder:
        found = self.disk.folders.get(path)
        if found is None:
            raise _refusal(self._why_no_folder(path), path)
        return found

    def _why_no_folder(self, path: str) -> int:
        """ENOTDIR where a part of the path is a file."""
        place, _, name = path.rpartition("/")
        folder = self.disk.folders.get(place)
        if folder is None:
            return self._why_no_folder(place)
        return errno.ENOTDIR if name in folder.names else errno.ENOENT

    def _file(self, path: str) -> File:
        place, name = self._place(path)
        node = place.names.get(name)
        if node is None:
            raise _refusal(errno.ENOENT, path)
        if isinstance(node, Folder):
            raise _refusal(errno.EISDIR, path)
        return node

    def _handle(self, number: int) -> Handle:
        handle = self._handles.get(number)
        if handle is None:
            raise _refusal(errno.EBADF)
        return handle

    def _written(self, number: int) -> File:
        handle = self._handle(number)
        if not handle.is_new:
            raise _refusal(errno.EBADF)
        return handle.file


def _entry(path: str, node: Node) -> Entry:
    if isinstance(node, Folder):
        return Entry(path, True, True, 0)
    return Entry(path, False, False, node.size_bytes)


def _refusal(code: int, path: str | None = None) -> OSError:
    return OSError(code, os.strerror(code), path) if path else OSError(code, os.strerror(code))
