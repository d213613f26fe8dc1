"""Files that survive a power cut, private folders and locks: what is asked of the disk, and what is said."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import pytest

from edge_client.base import folders
from edge_client.base.disk import Entry
from edge_client.base.errors import EdgeError, SpoolBusy, SpoolFault, SpoolFull
from tests.edge.memory.disk import Mount, SimulatedDisk

OURS = "{} must be a folder of this user that nobody else can write to, and not a link"
FULL, BROKEN, REFUSED = errno.ENOSPC, errno.EIO, errno.EACCES


@pytest.fixture
def mount() -> Mount:
    return SimulatedDisk().mount()


def refusal(code: int) -> OSError:
    return OSError(code, os.strerror(code), "/asked")


def names(mount: Mount, folder: str = "") -> list[str]:
    return [entry.name for entry in mount.entries(folder)]


def said(act: Callable[[], object], error: type[EdgeError]) -> str:
    with pytest.raises(error) as caught:
        act()
    return str(caught.value)


def calls_of(mount: Mount, act: Callable[[], object]) -> list[str]:
    mount.calls.clear()
    act()
    return list(mount.calls)


class TestADocument:
    def test_is_written_beside_its_name_and_named_when_it_is_durable(self, mount: Mount):
        calls = calls_of(mount, lambda: folders.write_file(mount, "/f", b"one"))

        assert calls == ["remove", "create", "append", "fsync", "move", "fsync_folder"]
        assert (names(mount), mount.read("/f")) == (["f"], b"one")

    def test_takes_the_place_of_the_one_before_and_of_what_was_left_of_another_try(self, mount: Mount):
        for content in (b"one", b"two"):
            mount.close(mount.create("/f.writing"))
            folders.write_file(mount, "/f", content)

        assert (names(mount), mount.read("/f")) == (["f"], b"two")

    @pytest.mark.parametrize("call", ["create", "append", "fsync", "move"])
    def test_that_the_disk_refuses_leaves_the_one_before_and_no_half(self, mount: Mount, call: str):
        folders.write_file(mount, "/f", b"one")
        mount.faults[call] = [refusal(BROKEN)]

        with pytest.raises(OSError, match=os.strerror(BROKEN)):
            folders.write_file(mount, "/f", b"two")

        assert (names(mount), mount.read("/f")) == (["f"], b"one")
        assert mount.disk.free_bytes == mount.disk.capacity_bytes - 3

    def test_says_why_it_is_refused_also_where_its_half_cannot_be_removed(self, mount: Mount):
        mount.faults["fsync"] = [refusal(FULL)]
        mount.faults["remove"] = [None, refusal(BROKEN)]

        with pytest.raises(OSError, match=os.strerror(FULL)):
            folders.write_file(mount, "/f", b"one")

    def test_is_written_on_where_the_disk_takes_less_at_a_time(self, mount: Mount):
        file = mount.create("/f")
        append = mount.append

        def append_little(file: int, data: memoryview) -> int:
            return append(file, data[:2])

        vars(mount)["append"] = append_little
        folders.append_all(mount, file, memoryview(b"12345"))
        folders.append_all(mount, file, memoryview(b""))

        assert mount.read("/f") == b"12345"


class TestAMove:
    def test_of_a_file_is_durable(self, mount: Mount):
        mount.close(mount.create("/f"))
        mount.make_folder("/d")

        assert calls_of(mount, lambda: folders.rename(mount, "/f", "/d/g")) == ["move", "fsync_folder"]
        assert names(mount, "/d") == ["g"]

    def test_of_a_folder_is_durable_in_both_places_the_new_one_first(self, mount: Mount):
        for folder in ("/d", "/e", "/d/moved"):
            mount.make_folder(folder)
        synced = list[str]()
        sync = mount.fsync_folder

        def note(folder: str) -> None:
            synced.append(folder)
            sync(folder)

        vars(mount)["fsync_folder"] = note

        folders.move_folder(mount, "/d/moved", "/e/moved")

        assert synced == ["/e", "/d"]
        assert (names(mount, "/d"), names(mount, "/e")) == ([], ["moved"])


class TestAPrivateFolder:
    def test_is_made_with_those_above_it_each_durable_before_the_next(self, mount: Mount):
        calls = calls_of(mount, lambda: folders.make_private(mount, "/far/away"))

        assert calls == [
            *("find", "find", "find", "make_folder", "fsync_folder", "find"),
            *("make_folder", "fsync_folder", "find"),
        ]
        assert names(mount, "/far") == ["away"]

    def test_that_is_there_is_only_looked_at(self, mount: Mount):
        mount.make_folder("/d")

        assert calls_of(mount, lambda: folders.make_private(mount, "/d")) == ["find"]

    def test_may_be_made_by_another_client_meanwhile(self, mount: Mount):
        other = mount.disk.mount()
        mount.faults["make_folder"] = [lambda: other.make_folder("/d")]

        folders.make_private(mount, "/d")

        assert names(mount) == ["d"]

    def test_that_is_wiped_meanwhile_is_told_by_its_path(self, mount: Mount):
        other = mount.disk.mount()
        mount.faults["fsync_folder"] = [lambda: other.remove_folder("/d")]

        with pytest.raises(SpoolFault, match=r"cannot be used: No such file or directory \(/d\)") as caught:
            folders.make_private(mount, "/d")

        # A part that is written there is then read again: see `PartUnkept`.
        assert isinstance(caught.value.__cause__, FileNotFoundError)
        assert caught.value.__cause__.errno == errno.ENOENT

    def test_is_no_file_and_nobody_elses(self, mount: Mount):
        mount.close(mount.create("/f"))
        words = OURS.format("/f")

        assert said(lambda: folders.make_private(mount, "/f"), SpoolFault) == words
        vars(mount)["find"] = lambda path: Entry(path, True, False, 0)
        assert said(lambda: folders.make_private(mount, "/f"), SpoolFault) == words

    def test_is_made_in_the_folder_in_which_the_client_was_started(self, mount: Mount):
        asked = list[str]()

        def find(path: str) -> Entry | None:
            asked.append(path)
            return Entry(path, True, True, 0) if path == "." else None

        vars(mount)["find"] = find
        vars(mount)["make_folder"] = vars(mount)["fsync_folder"] = lambda folder: None
        with pytest.raises(SpoolFault):
            folders.make_private(mount, "spool")
        assert asked == ["spool", ".", "spool"]

    @pytest.mark.parametrize(
        ("code", "error"), [(FULL, SpoolFull), (errno.EDQUOT, SpoolFull), (BROKEN, SpoolFault)]
    )
    def test_that_the_disk_refuses_is_told_as_what_it_is(
        self, mount: Mount, code: int, error: type[EdgeError]
    ):
        mount.faults["make_folder"] = [refusal(code)]

        said(lambda: folders.make_private(mount, "/d"), error)


class TestNamesThatAreFound:
    def test_are_made_durable_so_many_levels_deep(self, mount: Mount):
        for folder in ("/a", "/a/b", "/a/b/c", "/a/b/c/d"):
            mount.make_folder(folder)
        mount.close(mount.create("/a/f"))
        synced = list[str]()
        vars(mount)["fsync_folder"] = synced.append

        folders.sync_names(mount, "/a", below=2)
        folders.sync_names(mount, "/a")

        assert synced == ["/a", "/a/b", "/a/b/c", "/a"]

    def test_of_a_folder_itself_are_made_durable_where_its_parent_may_be_looked_into(self, mount: Mount):
        synced = list[str]()

        def sync(folder: str) -> None:
            synced.append(folder)
            raise PermissionError(REFUSED, os.strerror(REFUSED), folder)

        vars(mount)["fsync_folder"] = sync
        folders.sync_name(mount, "/a/b")
        folders.sync_name(mount, "b")

        assert synced == ["/a", "."]


class TestWhatIsRemoved:
    def test_may_be_gone(self, mount: Mount):
        folders.remove_file(mount, "/f")
        folders.remove_tree(mount, "/d")

    def test_is_a_file_or_a_folder_with_all_that_is_in_it_and_nothing_else(self, mount: Mount):
        for folder in ("/d", "/d/e"):
            mount.make_folder(folder)
        for file in ("/f", "/d/f", "/d/e/f", "/g"):
            mount.close(mount.create(file))

        folders.remove_tree(mount, "/d")
        folders.remove_tree(mount, "/g")

        assert names(mount) == ["f"]


class TestFilesThatAreLookedFor:
    def test_have_names_that_end_so_and_lie_so_many_levels_below(self, mount: Mount):
        for folder in ("/d", "/d/e", "/d/odd.part", "/b", "/b/c"):
            mount.make_folder(folder)
        for file in ("/1.part", "/d/2.part", "/d/e/3.part", "/b/c/4.part", "/b/c/4.writing", "/f"):
            mount.close(mount.create(file))

        found = [[file.path for file in folders.files_in(mount, "", ".part", below)] for below in (0, 1, 2)]

        assert found == [["/1.part"], ["/d/2.part", "/d/odd.part"], ["/b/c/4.part", "/d/e/3.part"]]
        assert [file.path for file in folders.files_in(mount, "/d", ".part")] == ["/d/2.part", "/d/odd.part"]


def test_a_file_that_is_open_is_closed_however_the_block_ends(mount: Mount):
    mount.close(mount.create("/f"))

    files = list[int]()

    def read() -> None:
        with folders.open_file(mount, "/f") as file:
            files.append(file)
            assert mount.size_bytes(file) == 0
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        read()
    with pytest.raises(OSError, match="Bad file descriptor"):
        mount.size_bytes(files[0])


class TestALock:
    def test_is_held_by_one_client_and_free_however_its_block_ends(self, mount: Mount):
        other = mount.disk.mount()
        with folders.lock_file(mount, "/lock", "another client works"):
            text = said(
                lambda: folders.lock_file(other, "/lock", "another client works").__enter__(), SpoolBusy
            )
        with pytest.raises(ZeroDivisionError), folders.lock_file(mount, "/lock", "another client works"):
            raise ZeroDivisionError

        assert text == "another client works; wait for it to end"
        assert not other.is_locked("/lock")

    def test_that_the_disk_refuses_is_a_fault_of_the_spool(self, mount: Mount):
        mount.faults["lock"] = [refusal(BROKEN)]

        assert said(lambda: folders.lock_file(mount, "/lock", "x").__enter__(), SpoolFault) == (
            "the spool cannot be used: Input/output error (/asked)"
        )

    def test_of_a_camera_is_one_for_each_serial(self, mount: Mount):
        locks, others = (
            folders.CameraLocks("/locks", mount),
            folders.CameraLocks("/locks", mount.disk.mount()),
        )
        before = others.is_held("C1")
        with locks.hold("C1"):
            text = said(lambda: others.hold("C1").__enter__(), SpoolBusy)
            assert (others.is_held("C1"), others.is_held("C2")) == (True, False)

        assert (before, others.is_held("C1")) == (False, False)
        assert names(mount, "/locks") == ["camera-C1"]
        assert text == "another client reads from camera C1; wait for it to end"

    def test_of_a_camera_names_the_folder_in_which_it_cannot_be(self, mount: Mount):
        locks = folders.CameraLocks("/locks", mount)
        rest = "name another folder with --locks, the same for all clients of this camera"
        words = list[str]()
        for call, code in (("make_folder", FULL), ("lock", BROKEN)):
            mount.faults[call] = [refusal(code)]
            error = SpoolFull if code == FULL else SpoolFault
            words.append(said(lambda: locks.hold("C1").__enter__(), error))
        mount.remove_folder("/locks")
        mount.close(mount.create("/locks"))
        words.append(said(lambda: locks.hold("C1").__enter__(), SpoolFault))

        assert words == [
            f"the camera cannot be locked in /locks: the disk is full; make room there, or {rest}",
            f"the camera cannot be locked in /locks: Input/output error; {rest}",
            f"the camera cannot be locked in /locks: {OURS.format('/locks')}; {rest}",
        ]

    def test_of_a_camera_that_cannot_be_looked_at_is_a_fault(self, mount: Mount):
        mount.faults["is_locked"] = [refusal(BROKEN)]

        said(lambda: folders.CameraLocks("/locks", mount).is_held("C1"), SpoolFault)
