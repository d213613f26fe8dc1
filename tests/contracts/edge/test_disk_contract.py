"""The disk below the spool: the system's, and the simulated one."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_client.base.disk import Disk, Entry, SystemDisk
from tests.edge.memory.disk import SimulatedDisk


class Place:
    """A folder `root` on a disk, and the disk as several processes have it."""

    def __init__(self, root: str, mount: Callable[[], Disk]) -> None:
        self.root = root
        self.mount = mount
        self.disk = mount()

    def at(self, path: str) -> str:
        return f"{self.root}/{path}"

    def put(self, path: str, content: bytes) -> None:
        file = self.disk.create(self.at(path))
        self.disk.append(file, memoryview(content))
        self.disk.close(file)


@pytest.fixture(params=["system", "simulated"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "system":
        return Place(str(tmp_path), SystemDisk)
    simulated = SimulatedDisk()
    simulated.mount().make_folder("/root")
    return Place("/root", simulated.mount)


def refused(call: Callable[[], object]) -> str:
    """The name of the error that the disk answers."""
    with pytest.raises(OSError) as caught:  # noqa: PT011  its errno is looked at
        call()
    return errno.errorcode[caught.value.errno or 0]


class TestAFile:
    def test_has_what_was_appended_in_its_order(self, place: Place):
        file = place.disk.create(place.at("f"))
        for data in (b"one", b"", b"two"):
            assert place.disk.append(file, memoryview(data)) == len(data)
        place.disk.fsync(file)
        place.disk.close(file)

        assert place.disk.read(place.at("f")) == b"onetwo"
        assert place.disk.find(place.at("f")) == Entry(place.at("f"), False, False, 6)

    @pytest.mark.parametrize(("allocated", "size"), [(2, 3), (3, 3), (5, 5)])
    def test_is_as_long_as_what_is_allocated_and_zeros_behind_what_was_written(
        self, place: Place, allocated: int, size: int
    ):
        file = place.disk.create(place.at("f"))
        place.disk.allocate(file, allocated)
        place.disk.append(file, memoryview(b"one"))
        place.disk.write_back(file, 0, 3)

        assert place.disk.size_bytes(file) == size
        assert place.disk.read(place.at("f")) == b"one" + bytes(size - 3)

    @pytest.mark.parametrize(
        ("first", "room", "found"),
        [(0, 4, b"0123"), (0, 10, b"0123456789"), (0, 11, b"0123456789"), (7, 4, b"789"), (10, 4, b"")],
    )
    def test_fills_a_buffer_from_any_byte_on(self, place: Place, first: int, room: int, found: bytes):
        place.put("f", b"0123456789")
        file, buffer = place.disk.open(place.at("f")), memoryview(bytearray(room))

        filled = place.disk.fill(file, first, buffer)

        assert place.disk.size_bytes(file) == 10
        assert bytes(buffer) == found + bytes(room - len(found))
        assert filled == len(found)
        place.disk.close(file)

    def test_is_read_on_by_who_has_it_open_when_its_name_is_gone(self, place: Place):
        place.put("f", b"0123456789")
        file, buffer = place.disk.open(place.at("f")), memoryview(bytearray(10))
        place.disk.remove(place.at("f"))
        place.put("f", b"other")

        place.disk.fill(file, 0, buffer)

        assert bytes(buffer) == b"0123456789"
        place.disk.close(file)

    def test_that_is_there_is_not_created(self, place: Place):
        place.put("f", b"")
        place.disk.make_folder(place.at("d"))

        assert refused(lambda: place.disk.create(place.at("f"))) == "EEXIST"
        assert refused(lambda: place.disk.create(place.at("d"))) == "EEXIST"
        assert refused(lambda: place.disk.make_folder(place.at("f"))) == "EEXIST"
        assert refused(lambda: place.disk.make_folder(place.at("d"))) == "EEXIST"

    def test_that_is_closed_is_not_used(self, place: Place):
        file = place.disk.create(place.at("f"))
        place.disk.close(file)

        assert refused(lambda: place.disk.append(file, memoryview(b"x"))) == "EBADF"
        assert refused(lambda: place.disk.fsync(file)) == "EBADF"
        assert refused(lambda: place.disk.size_bytes(file)) == "EBADF"
        assert refused(lambda: place.disk.close(file)) == "EBADF"

    def test_is_read_or_written_as_it_was_opened(self, place: Place):
        made = place.disk.create(place.at("f"))
        opened = place.disk.open(place.at("f"))

        assert refused(lambda: place.disk.fill(made, 0, memoryview(bytearray(1)))) == "EBADF"
        assert refused(lambda: place.disk.append(opened, memoryview(b"x"))) == "EBADF"
        assert refused(lambda: place.disk.allocate(opened, 1)) == "EBADF"

    def test_in_no_folder_is_refused(self, place: Place):
        place.put("f", b"")
        for path, code in (("no/f", "ENOENT"), ("f/f", "ENOTDIR"), ("f/no/f", "ENOTDIR")):
            at = place.at(path)
            assert refused(lambda at=at: place.disk.create(at)) == code  # type: ignore[misc]
            assert refused(lambda at=at: place.disk.open(at)) == code  # type: ignore[misc]
            assert refused(lambda at=at: place.disk.read(at)) == code  # type: ignore[misc]
            assert refused(lambda at=at: place.disk.remove(at)) == code  # type: ignore[misc]
            assert refused(lambda at=at: place.disk.make_folder(at)) == code  # type: ignore[misc]
            assert refused(lambda at=at: place.disk.lock(at)) == code  # type: ignore[misc]
            assert refused(lambda at=at: place.disk.move(place.at("f"), at)) == code  # type: ignore[misc]

    def test_takes_and_gives_back_room(self, place: Place):
        before = place.disk.free_bytes(place.root)

        place.put("f", bytes(5_000_000))
        file = place.disk.open(place.at("f"))

        assert place.disk.free_bytes(place.root) < before
        place.disk.close(file)


class TestNames:
    def test_of_a_folder_are_listed_in_their_order(self, place: Place):
        place.put("b", b"12")
        place.disk.make_folder(place.at("c"))
        place.put("A", b"")
        place.put("c/within", b"")

        assert place.disk.entries(place.root) == [
            Entry(place.at("A"), False, False, 0),
            Entry(place.at("b"), False, False, 2),
            place.disk.find(place.at("c")),
        ]
        assert [entry.name for entry in place.disk.entries(place.root)] == ["A", "b", "c"]

    def test_of_a_folder_that_we_made_are_ours(self, place: Place):
        place.disk.make_folder(place.at("d"))
        found = place.disk.find(place.at("d"))

        assert found
        assert (found.is_folder, found.is_private) == (True, True)

    def test_that_are_not_there_are_none(self, place: Place):
        place.put("f", b"")

        assert [place.disk.find(place.at(path)) for path in ("no", "no/no", "f/no")] == [None] * 3
        assert [place.disk.entries(place.at(path)) for path in ("no", "f")] == [[], []]
        assert refused(lambda: place.disk.read(place.at("no"))) == "ENOENT"
        assert refused(lambda: place.disk.remove(place.at("no"))) == "ENOENT"
        assert refused(lambda: place.disk.move(place.at("no"), place.at("f"))) == "ENOENT"
        assert refused(lambda: place.disk.remove_folder(place.at("no"))) == "ENOENT"
        assert refused(lambda: place.disk.fsync_folder(place.at("no"))) == "ENOENT"
        assert refused(lambda: place.disk.free_bytes(place.at("no"))) == "ENOENT"

    def test_move_with_what_they_lead_to(self, place: Place):
        place.disk.make_folder(place.at("d"))
        place.disk.make_folder(place.at("e"))
        place.disk.make_folder(place.at("d/within"))
        place.put("d/within/f", b"one")
        place.disk.move(place.at("d"), place.at("e/d"))
        place.disk.fsync_folder(place.at("e"))

        assert place.disk.read(place.at("e/d/within/f")) == b"one"
        assert place.disk.find(place.at("d")) is None
        assert place.disk.entries(place.at("d/within")) == []

    def test_of_a_file_are_replaced_by_a_move(self, place: Place):
        place.put("f", b"one")
        place.put("g", b"two")
        place.disk.move(place.at("f"), place.at("g"))
        place.disk.move(place.at("g"), place.at("g"))

        assert [entry.name for entry in place.disk.entries(place.root)] == ["g"]
        assert place.disk.read(place.at("g")) == b"one"

    def test_of_files_and_folders_do_not_replace_each_other(self, place: Place):
        place.put("f", b"")
        for folder in ("d", "e", "full"):
            place.disk.make_folder(place.at(folder))
        place.put("full/f", b"")

        assert refused(lambda: place.disk.move(place.at("f"), place.at("d"))) == "EISDIR"
        assert refused(lambda: place.disk.move(place.at("d"), place.at("f"))) == "ENOTDIR"
        assert refused(lambda: place.disk.move(place.at("d"), place.at("full"))) == "ENOTEMPTY"
        assert refused(lambda: place.disk.move(place.at("d"), place.at("d/within"))) == "EINVAL"
        place.disk.move(place.at("full"), place.at("e"))
        assert [entry.name for entry in place.disk.entries(place.root)] == ["d", "e", "f"]
        assert [entry.name for entry in place.disk.entries(place.at("e"))] == ["f"]

    def test_are_removed_each_by_its_own_call(self, place: Place):
        place.put("f", b"")
        place.disk.make_folder(place.at("d"))
        place.put("d/f", b"")

        assert refused(lambda: place.disk.remove(place.at("d"))) == "EISDIR"
        assert refused(lambda: place.disk.remove_folder(place.at("f"))) == "ENOTDIR"
        assert refused(lambda: place.disk.remove_folder(place.at("d"))) == "ENOTEMPTY"
        assert refused(lambda: place.disk.fsync_folder(place.at("f"))) == "ENOTDIR"
        assert refused(lambda: place.disk.read(place.at("d"))) == "EISDIR"
        place.disk.remove(place.at("d/f"))
        place.disk.remove_folder(place.at("d"))
        place.disk.remove(place.at("f"))
        assert place.disk.entries(place.root) == []


class TestALock:
    def test_is_for_one_process(self, place: Place):
        lock = place.disk.lock(place.at("lock"))

        for other in (place.disk, place.mount()):
            assert refused(lambda other=other: other.lock(place.at("lock"))) == "EAGAIN"  # type: ignore[misc]
        place.disk.close(lock)
        place.mount().lock(place.at("lock"))

    def test_is_seen_by_who_looks(self, place: Place):
        before = place.disk.is_locked(place.at("lock"))
        lock = place.disk.lock(place.at("lock"))
        held = place.mount().is_locked(place.at("lock"))
        place.disk.close(lock)

        assert (before, held, place.disk.is_locked(place.at("lock"))) == (False, True, False)

    def test_is_an_empty_file(self, place: Place):
        place.disk.lock(place.at("lock"))

        assert place.disk.find(place.at("lock")) == Entry(place.at("lock"), False, False, 0)

    def test_is_of_the_file_and_not_of_its_name(self, place: Place):
        place.disk.lock(place.at("lock"))
        place.disk.remove(place.at("lock"))

        assert not place.disk.is_locked(place.at("lock"))
        assert place.mount().lock(place.at("lock"))

    def test_is_no_folder(self, place: Place):
        place.disk.make_folder(place.at("d"))

        assert refused(lambda: place.disk.lock(place.at("d"))) == "EISDIR"
        assert not place.disk.is_locked(place.at("d"))
