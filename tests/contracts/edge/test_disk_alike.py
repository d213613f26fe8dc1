"""The simulated disk answers as the system's does: the same calls, drawn, on both."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from edge_client.base.disk import Disk, Entry, SystemDisk
from tests.edge.memory.disk import SimulatedDisk

NAMES = ("a", "b", "c")
PATHS = [*NAMES, *(f"{folder}/{name}" for folder in NAMES for name in NAMES), "a/b/c"]

paths = st.sampled_from(PATHS)
# The place of a file among those that are open, counted round.
places = st.integers(0, 3)
sizes = st.integers(0, 40)
calls = st.one_of(
    st.tuples(st.sampled_from(["create", "open", "lock"]), paths),
    st.tuples(st.sampled_from(["create", "make_folder", "remove", "find", "entries", "read"]), paths),
    st.tuples(st.sampled_from(["remove_folder", "fsync_folder", "is_locked"]), paths),
    st.tuples(st.just("move"), paths, paths),
    st.tuples(st.just("append"), places, st.binary(max_size=30)),
    st.tuples(st.just("fill"), places, sizes, sizes),
    st.tuples(st.just("allocate"), places, st.integers(1, 60)),
    st.tuples(st.sampled_from(["fsync", "size_bytes", "close", "unlock"]), places),
)


class Side:
    """One of the two disks, and the files that are open on it, in the order in which they were opened."""

    def __init__(self, root: str, disk: Disk) -> None:
        self._root = root
        self._disk = disk
        self._files: list[int] = []
        self._locks: list[int] = []

    def answer(self, call: tuple[Any, ...]) -> object:
        """What the disk answers: a value, or the name of its error."""
        kind, *rest = call
        try:
            return self._answer(kind, rest)
        except OSError as error:
            return errno.errorcode[error.errno or 0]

    def _answer(self, kind: str, rest: list[Any]) -> object:
        if kind == "unlock":
            if self._locks:
                self._disk.close(self._locks.pop(rest[0] % len(self._locks)))
            return None
        act: Callable[..., Any] = getattr(self._disk, kind)
        if kind in ("append", "fill", "allocate", "fsync", "size_bytes", "close"):
            place, *more = rest
            if not self._files:
                return None
            file = self._files[place % len(self._files)]
            if kind == "close":
                self._files.remove(file)
            if kind == "append":
                return act(file, memoryview(more[0]))
            if kind == "fill":
                buffer = memoryview(bytearray(more[1]))
                return act(file, more[0], buffer), bytes(buffer)
            return act(file, *more)
        answer = act(*(f"{self._root}/{path}" for path in rest))
        if kind in ("create", "open", "lock"):
            (self._locks if kind == "lock" else self._files).append(answer)
            return "open"
        return self._plain(answer)

    def _plain(self, answer: Any) -> object:
        """The answer without the root, and without the size of a folder, which is the system's own."""
        if isinstance(answer, list):
            return [self._plain(each) for each in answer]
        if not isinstance(answer, Entry):
            return answer
        size_bytes = 0 if answer.is_folder else answer.size_bytes
        return answer._replace(path=answer.path.removeprefix(self._root), size_bytes=size_bytes)

    def everything(self) -> list[object]:
        """All that is there."""
        return [
            self.answer((kind, path)) for path in PATHS for kind in ("find", "entries", "read", "is_locked")
        ]

    def close(self) -> None:
        for file in [*self._files, *self._locks]:
            self._disk.close(file)


# What the system does with a folder that is opened as a file is nothing that the spool relies on.
def is_of_a_folder(side: Side, call: tuple[Any, ...]) -> bool:
    found = side.answer(("find", call[1])) if call[0] == "open" else None
    return isinstance(found, Entry) and found.is_folder


@given(drawn=st.lists(calls, min_size=1, max_size=40))
def test_the_same_calls_have_the_same_answers(drawn: list[tuple[Any, ...]]):
    simulated = SimulatedDisk()
    simulated.mount().make_folder("/root")
    with tempfile.TemporaryDirectory() as folder:
        real, model = Side(folder, SystemDisk()), Side("/root", simulated.mount())
        try:
            for call in drawn:
                if not is_of_a_folder(model, call):
                    assert model.answer(call) == real.answer(call), call
            assert model.everything() == real.everything()
        finally:
            real.close()
