"""What the simulated disk loses, keeps and refuses; what it answers otherwise is in the contract."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable

import pytest

from edge_client.base.errors import SpoolFull
from edge_client.base.folders import write_file
from edge_client.spool.spool import Spool
from tests.edge.memory.disk import Mount, SimulatedDisk
from tests.edge.memory.machine import Killed

SEEDS = range(300)
OLD, NEW = b"o" * 40, b"n" * 40


def put(mount: Mount, path: str, content: bytes = NEW, *, fsync: bool = True) -> None:
    file = mount.create(path)
    mount.append(file, memoryview(content))
    if fsync:
        mount.fsync(file)
    mount.close(file)


def left(make: Callable[[Mount], object], look: Callable[[Mount], object]) -> set[object]:
    """What is found after the power has failed at the end of `make`, over many seeds."""
    found = set[object]()
    for seed in SEEDS:
        disk = SimulatedDisk()
        make(disk.mount())
        disk.crash(random.Random(seed))
        found.add(look(disk.mount()))
    return found


def names(mount: Mount, folder: str = "") -> tuple[str, ...]:
    return tuple(entry.name for entry in mount.entries(folder))


def content_of(path: str) -> Callable[[Mount], bytes | None]:
    return lambda mount: mount.read(path) if mount.find(path) else None


class TestAPowerCut:
    def test_leaves_what_was_synced(self):
        def make(mount: Mount) -> None:
            put(mount, "/f")
            mount.fsync_folder("/")

        assert left(make, content_of("/f")) == {NEW}

    def test_may_lose_the_name_of_a_file_that_was_synced(self):
        assert left(lambda mount: put(mount, "/f"), content_of("/f")) == {NEW, None}

    def test_leaves_anything_of_a_file_that_was_not_synced_under_its_name(self):
        def make(mount: Mount) -> None:
            put(mount, "/f", fsync=False)
            mount.fsync_folder("/")

        found = left(make, content_of("/f"))

        assert {b"", NEW, bytes(40), NEW[:16] + bytes(24), bytes(16) + NEW[:24]} <= found
        assert any(0 < len(each) < 40 for each in found if isinstance(each, bytes))
        assert None not in found

    def test_leaves_a_file_as_long_as_it_was_allocated_or_shorter(self):
        def make(mount: Mount) -> None:
            file = mount.create("/f")
            mount.fsync_folder("/")
            mount.allocate(file, 5)
            mount.append(file, memoryview(b"one"))

        found = left(make, content_of("/f"))

        assert {b"", b"one\0\0", b"o", bytes(5)} <= found
        assert max(len(each) for each in found if isinstance(each, bytes)) == 5

    def test_leaves_the_first_changes_of_a_folder_in_their_order(self):
        def make(mount: Mount) -> None:
            for name in ("/a", "/b", "/c"):
                put(mount, name)
            mount.remove("/a")

        assert left(make, names) == {(), ("a",), ("a", "b"), ("a", "b", "c"), ("b", "c")}

    def test_keeps_each_folder_apart_from_the_others(self):
        def make(mount: Mount) -> None:
            for folder in ("/d", "/e"):
                mount.make_folder(folder)
            mount.fsync_folder("/")
            put(mount, "/d/f")
            put(mount, "/e/f")

        found = left(make, lambda mount: (names(mount, "/d"), names(mount, "/e")))

        assert found == {((), ()), (("f",), ()), ((), ("f",)), (("f",), ("f",))}

    def test_takes_with_a_folder_all_that_was_in_it(self):
        def make(mount: Mount) -> None:
            mount.make_folder("/d")
            put(mount, "/d/f")
            mount.fsync_folder("/d")

        assert left(make, content_of("/d/f")) == {None, NEW}

    def test_leaves_the_old_file_or_the_new_one_where_a_name_was_replaced(self):
        def make(mount: Mount) -> None:
            put(mount, "/f", OLD)
            mount.fsync_folder("/")
            put(mount, "/f.writing")
            mount.move("/f.writing", "/f")

        found = left(make, lambda mount: (names(mount), content_of("/f")(mount)))

        assert found == {(("f",), OLD), (("f", "f.writing"), OLD), (("f",), NEW)}

    def test_leaves_a_folder_that_was_moved_in_one_of_both_places(self):
        def make(mount: Mount) -> None:
            for folder in ("/d", "/e", "/d/moved"):
                mount.make_folder(folder)
            for folder in ("/", "/d"):
                mount.fsync_folder(folder)
            mount.move("/d/moved", "/e/moved")

        found = left(make, lambda mount: (names(mount, "/d"), names(mount, "/e")))

        assert found == {(("moved",), ()), ((), ("moved",))}

    @pytest.mark.parametrize("synced", ["/d", "/e"])
    def test_leaves_a_move_of_which_one_folder_was_synced_and_what_was_before_it(self, synced: str):
        def make(mount: Mount) -> None:
            for folder in ("/d", "/e", "/d/moved"):
                mount.make_folder(folder)
            mount.fsync_folder("/")
            mount.move("/d/moved", "/e/moved")
            mount.fsync_folder(synced)

        assert left(make, lambda mount: (names(mount, "/d"), names(mount, "/e"))) == {((), ("moved",))}

    def test_leaves_nothing_to_lose_for_the_next_one(self):
        for seed in SEEDS:
            disk = SimulatedDisk()
            put(disk.mount(), "/f", fsync=False)
            disk.crash(random.Random(seed))
            before = content_of("/f")(disk.mount())
            disk.crash(random.Random(seed + 1))
            assert content_of("/f")(disk.mount()) == before

    def test_ends_every_process_and_its_locks(self):
        disk = SimulatedDisk()
        mount = disk.mount()
        mount.lock("/lock")
        mount.fsync_folder("/")
        disk.crash(random.Random(1))

        with pytest.raises(Killed):
            mount.find("/lock")
        assert not disk.mount().is_locked("/lock")

    def test_counts_again_what_is_left(self):
        for seed in SEEDS:
            disk = SimulatedDisk(1000)
            put(disk.mount(), "/f", fsync=False)
            disk.crash(random.Random(seed))
            found = content_of("/f")(disk.mount())
            assert disk.free_bytes == 1000 - len(found or b"")


class TestAKill:
    def test_leaves_every_byte_and_frees_the_locks(self):
        disk = SimulatedDisk()
        mount, other = disk.mount(), disk.mount()
        put(mount, "/f", fsync=False)
        mount.lock("/lock")
        open_file = mount.create("/open")
        mount.end_of_process()
        mount.end_of_process()

        assert other.read("/f") == NEW
        assert not other.is_locked("/lock")
        mount.close(open_file)
        with pytest.raises(Killed):
            mount.append(open_file, memoryview(b"x"))

    def test_leaves_the_locks_of_other_processes(self):
        disk = SimulatedDisk()
        mount, other = disk.mount(), disk.mount()
        other.lock("/lock")
        mount.end_of_process()

        assert disk.mount().is_locked("/lock")

    def test_in_the_middle_of_a_call_leaves_it_undone(self):
        mount = SimulatedDisk().mount()
        mount.faults["create"] = [mount.end_of_process]

        with pytest.raises(Killed):
            mount.create("/f")
        assert names(mount.disk.mount()) == ()


class TestRoom:
    @pytest.mark.parametrize(("room", "taken"), [(9, 9), (10, 10), (11, 10)])
    def test_of_a_file_is_what_is_left(self, room: int, taken: int):
        disk = SimulatedDisk(room)
        mount = disk.mount()

        assert mount.append(mount.create("/f"), memoryview(bytes(10))) == taken
        assert mount.free_bytes("/") == room - taken

    @pytest.mark.parametrize(("room", "fits"), [(9, False), (10, True), (11, True)])
    def test_is_taken_by_what_is_allocated(self, room: int, fits: bool):
        disk = SimulatedDisk(room)
        mount = disk.mount()
        file = mount.create("/f")

        if fits:
            mount.allocate(file, 10)
            assert mount.append(file, memoryview(bytes(10))) == 10
            assert disk.free_bytes == room - 10
        else:
            with pytest.raises(OSError, match="No space left") as caught:
                mount.allocate(file, 10)
            assert caught.value.errno == errno.ENOSPC
            assert disk.free_bytes == room

    def test_that_others_take_is_none(self):
        disk = SimulatedDisk(10)
        disk.others_bytes = 10
        mount = disk.mount()

        with pytest.raises(OSError, match="No space left"):
            mount.append(mount.create("/f"), memoryview(b"x"))

    def test_is_free_when_no_name_and_no_process_has_the_file(self):
        disk = SimulatedDisk(10)
        mount = disk.mount()
        put(mount, "/f", bytes(10))
        file = mount.open("/f")
        mount.remove("/f")
        between = disk.free_bytes
        mount.close(file)

        assert (between, disk.free_bytes) == (0, 10)

    def test_of_a_file_that_was_replaced_is_free(self):
        disk = SimulatedDisk(100)
        mount = disk.mount()
        put(mount, "/f", OLD)
        put(mount, "/g", NEW)
        mount.move("/g", "/f")

        assert disk.free_bytes == 60

    def test_that_a_document_lacks_is_told_by_the_spool_as_full(self):
        disk = SimulatedDisk(10)
        session = Spool("/spool", disk.mount()).session("s")

        with pytest.raises(SpoolFull):
            session.write("plan.json", bytes(11))
        session.write("plan.json", bytes(10))


class TestAFault:
    def test_of_a_sync_loses_the_bytes_and_is_told_once(self):
        disk = SimulatedDisk()
        mount = disk.mount()
        file = mount.create("/f")
        mount.append(file, memoryview(b"safe"))
        mount.fsync(file)
        mount.fsync_folder("/")
        mount.append(file, memoryview(b"lost"))
        mount.faults["fsync"] = [OSError(errno.EIO, "Input/output error")]

        with pytest.raises(OSError, match="Input/output error"):
            mount.fsync(file)
        mount.fsync(file)
        disk.crash(random.Random(1))
        assert disk.mount().read("/f") == b"safe" + bytes(4)

    def test_of_any_call_leaves_it_undone(self):
        disk = SimulatedDisk()
        mount = disk.mount()
        mount.faults["move"] = [OSError(errno.EIO, "Input/output error")]

        with pytest.raises(OSError, match="Input/output error"):
            write_file(mount, "/f", b"one")
        assert names(mount) == ()

    def test_of_a_bit_is_in_one_file_of_the_kind_that_is_meant(self):
        disk = SimulatedDisk()
        mount = disk.mount()
        for name in ("/a.part", "/b.part", "/c.json"):
            put(mount, name, bytes(8))
        put(mount, "/empty.part", b"")

        path = disk.rot(random.Random(1), ".part")

        changed = [f"/{entry.name}" for entry in mount.entries("") if any(mount.read(f"/{entry.name}"))]
        assert changed == [path]
        assert path in ("/a.part", "/b.part")
        assert sum(byte.bit_count() for byte in mount.read(path)) == 1

    def test_of_a_bit_needs_a_byte(self):
        disk = SimulatedDisk()
        put(disk.mount(), "/f", b"")

        assert disk.rot(random.Random(1)) is None


def test_of_two_processes_that_look_alike_only_the_one_that_ends_is_gone():
    disk = SimulatedDisk()
    first, second = disk.mount(), disk.mount()

    second.end_of_process()

    assert [each is first for each in disk.mounts] == [True]
