"""Parts on disk."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from itertools import accumulate
from pathlib import Path

import pytest
from awscrt.checksums import crc64nvme

from edge_client.base.disk import Disk, Entry, SystemDisk
from edge_client.base.errors import (
    EdgeError,
    PartCorrupt,
    PartUnkept,
    SpoolBusy,
    SpoolFault,
    SpoolFull,
    SpoolTooSmall,
)
from edge_client.base.folders import CameraLocks
from edge_client.model.parts import PartPlan, SpooledPart
from edge_client.spool.budget import RESERVE_BYTES, SpoolBudget
from edge_client.spool.chapter import ChapterSpool
from edge_client.spool.part import WRITE_BACK_BYTES
from edge_client.spool.spool import Spool
from tests.edge.refusing_disk import altered, path_of

PLAN = PartPlan(25, 10, 3)


def chapter_spool(folder: Path, disk: Disk, budget_bytes: int = 10**12) -> ChapterSpool:
    """The parts of one chapter as a session of `folder`'s spool keeps them."""
    return ChapterSpool(str(folder), disk, SpoolBudget(str(folder.parent.parent), disk, budget_bytes))


def bytes_of(parts: ChapterSpool, part: SpooledPart, buffer_bytes: int = 4) -> bytes:
    return b"".join(bytes(block) for block in parts.reader(part).blocks(memoryview(bytearray(buffer_bytes))))


@pytest.fixture
def parts(tmp_path: Path) -> ChapterSpool:
    return chapter_spool(tmp_path / "chapter", altered(free_bytes=lambda folder: 10**12))


def put(parts: ChapterSpool, number: int, content: bytes, plan: PartPlan = PLAN) -> SpooledPart:
    with parts.open_writer(plan.span(number)) as writer:
        writer.write(content)
        return writer.commit()


def test_a_committed_part_is_found_again_with_its_crc(parts: ChapterSpool):
    put(parts, 2, b"0123456789")

    assert parts.parts(PLAN) == {2: SpooledPart(PLAN.span(2), crc64nvme(b"0123456789"))}


def test_the_crc_is_the_one_of_the_standard(parts: ChapterSpool):
    part = put(parts, 1, b"123456789", PartPlan(9, 9, 1))

    assert part.crc == 0xAE8B14860A799888


@pytest.mark.parametrize("size_bytes", [9, 11])
def test_a_part_of_another_length_is_not_committed(parts: ChapterSpool, size_bytes: int):
    with pytest.raises(SpoolFault, match=f"{size_bytes} of 10"):
        put(parts, 1, b"x" * size_bytes)

    assert parts.parts(PLAN) == {}


@pytest.mark.parametrize(
    ("blocks", "begun"),
    [
        ([WRITE_BACK_BYTES - 1], []),
        ([WRITE_BACK_BYTES], [(0, WRITE_BACK_BYTES)]),
        ([WRITE_BACK_BYTES + 1], [(0, WRITE_BACK_BYTES + 1)]),
        ([WRITE_BACK_BYTES - 1, 3], [(0, WRITE_BACK_BYTES + 2)]),
        (
            [WRITE_BACK_BYTES // 2] * 5,
            [(0, WRITE_BACK_BYTES), (WRITE_BACK_BYTES, WRITE_BACK_BYTES)],
        ),
    ],
)
def test_a_part_is_on_its_way_to_the_disk_before_it_is_whole(
    tmp_path: Path, blocks: list[int], begun: list[tuple[int, int]]
):
    seen = list[tuple[int, int]]()

    def write_back(file: int, first: int, size_bytes: int) -> None:
        seen.append((first, size_bytes))
        SystemDisk().write_back(file, first, size_bytes)

    parts = chapter_spool(tmp_path / "chapter", altered(write_back=write_back))
    content = os.urandom(sum(blocks))
    plan = PartPlan(len(content), len(content), 1)

    with parts.open_writer(plan.span(1)) as writer:
        for end, size_bytes in zip(accumulate(blocks), blocks, strict=True):
            writer.write(content[end - size_bytes : end])
        part = writer.commit()

    assert seen == begun
    assert bytes_of(parts, part, 2**20) == content


def test_an_error_of_the_early_writing_is_one_of_the_part(tmp_path: Path):
    def write_back(file: int, first: int, size_bytes: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    parts = chapter_spool(tmp_path / "chapter", altered(write_back=write_back))
    plan = PartPlan(WRITE_BACK_BYTES, WRITE_BACK_BYTES, 1)

    with pytest.raises(PartUnkept, match="did not keep part 1"):
        put(parts, 1, bytes(WRITE_BACK_BYTES), plan)

    assert list((tmp_path / "chapter").iterdir()) == []


def test_a_part_whose_folder_is_wiped_while_it_is_made_is_read_again(tmp_path: Path):
    def wipe(folder: str) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    parts = chapter_spool(tmp_path / "chapter", altered(fsync_folder=wipe))

    with pytest.raises(PartUnkept, match="did not keep part 1"), parts.open_writer(PLAN.span(1)):
        pass


def test_an_unfinished_part_leaves_nothing(parts: ChapterSpool, tmp_path: Path):
    with parts.open_writer(PLAN.span(1)) as writer:
        writer.write(b"half")

    assert list((tmp_path / "chapter").iterdir()) == []


def test_what_a_kill_left_unfinished_is_no_part_and_is_written_over(parts: ChapterSpool, tmp_path: Path):
    (tmp_path / "chapter").mkdir(mode=0o700)
    (tmp_path / "chapter" / "00001.writing").write_bytes(b"0123456789")

    assert parts.parts(PLAN) == {}
    assert put(parts, 1, b"9876543210").crc == crc64nvme(b"9876543210")


def test_a_part_is_opened_with_its_bytes(parts: ChapterSpool):
    part = put(parts, 3, b"01234")

    assert bytes_of(parts, part) == b"01234"


@pytest.mark.parametrize("content", [b"01234567x9", b"012345678", b""])
def test_a_part_that_changed_on_disk_is_corrupt(parts: ChapterSpool, tmp_path: Path, content: bytes):
    part = put(parts, 1, b"0123456789")
    (tmp_path / "chapter" / part.filename).write_bytes(content)

    with pytest.raises(PartCorrupt):
        bytes_of(parts, part)


def test_a_part_that_vanished_is_corrupt(parts: ChapterSpool):
    part = put(parts, 1, b"0123456789")
    parts.drop_part(part)

    with pytest.raises(PartCorrupt):
        bytes_of(parts, part)


def test_a_link_in_place_of_a_part_is_not_followed(parts: ChapterSpool, tmp_path: Path):
    part = put(parts, 1, b"0123456789")
    path = tmp_path / "chapter" / part.filename
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(PartCorrupt):
        bytes_of(parts, part)


def test_a_part_written_again_takes_the_place_of_the_old_one(parts: ChapterSpool, tmp_path: Path):
    put(parts, 1, b"0123456789")
    put(parts, 1, b"9876543210")

    assert [path.name for path in (tmp_path / "chapter").iterdir()] == [
        SpooledPart(PLAN.span(1), crc64nvme(b"9876543210")).filename
    ]


def test_a_part_with_the_same_number_and_length_of_another_plan_is_not_taken(parts: ChapterSpool):
    put(parts, 2, b"0123456789", PartPlan(30, 10, 3))

    assert parts.parts(PartPlan(30, 20, 2)) == {}


@pytest.mark.parametrize(("spare_bytes", "fits"), [(-1, False), (0, True), (1, True)])
def test_room_is_checked_before_a_part_is_begun(tmp_path: Path, spare_bytes: int, fits: bool):
    parts = chapter_spool(tmp_path / "c", altered(free_bytes=lambda folder: RESERVE_BYTES + 10 + spare_bytes))

    if fits:
        assert put(parts, 1, b"0123456789")
    else:
        with pytest.raises(SpoolFull):
            put(parts, 1, b"0123456789")


def test_a_disk_that_fills_up_is_told_as_full(tmp_path: Path):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    parts = chapter_spool(tmp_path / "c", altered(free_bytes=lambda folder: 10**12))

    with parts.open_writer(PLAN.span(1)) as writer:
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, writer._file)
        os.close(full)
        with pytest.raises(SpoolFull):
            writer.write(b"0123456789")


def test_a_spool_has_one_client(tmp_path: Path):
    spool = Spool(str(tmp_path / "spool"), SystemDisk())

    with (
        spool.hold(),
        pytest.raises(SpoolBusy, match="another client"),
        Spool(str(tmp_path / "spool"), SystemDisk()).hold(),
    ):
        pass


def test_a_lock_is_free_after_its_client(tmp_path: Path):
    spool = Spool(str(tmp_path / "spool"), SystemDisk())
    with spool.hold():
        pass

    with spool.hold():
        assert spool.session("a").read("plan.json") is None


def test_a_camera_has_one_client_whatever_the_spools(tmp_path: Path):
    locks = CameraLocks(str(tmp_path / "locks"), SystemDisk())

    with locks.hold("C1"), locks.hold("C2"), pytest.raises(SpoolBusy, match="camera C1"), locks.hold("C1"):
        pass


def test_a_look_at_a_camera_says_whether_a_client_has_it(tmp_path: Path):
    locks = CameraLocks(str(tmp_path / "locks"), SystemDisk())

    before = locks.is_held("C1")
    with locks.hold("C1"):
        assert (locks.is_held("C1"), locks.is_held("C2")) == (True, False)
    assert (before, locks.is_held("C1")) == (False, False)


def test_a_client_that_only_looks_keeps_no_other_from_the_camera(tmp_path: Path):
    locks = CameraLocks(str(tmp_path / "locks"), SystemDisk())
    with locks.hold("C1"):
        pass
    with open(tmp_path / "locks" / "camera-C1") as looked_at:
        fcntl.flock(looked_at, fcntl.LOCK_SH)
        end = threading.Timer(0.005, fcntl.flock, (looked_at, fcntl.LOCK_UN))
        end.start()
        with locks.hold("C1"):
            end.join()


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_below_the_locks_is_told_as_such_and_tried_again_later(tmp_path: Path):
    locks = CameraLocks(str(tmp_path / "locks"), altered(fsync_folder=full))

    with (
        pytest.raises(SpoolFull, match=r"cannot be locked in .*/locks: the disk is full; .* --locks"),
        locks.hold("C1"),
    ):
        pass


def test_a_folder_of_locks_that_cannot_be_is_told_as_such(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    locks = CameraLocks(str(tmp_path / "file" / "locks"), SystemDisk())

    with (
        pytest.raises(SpoolFault, match=r"cannot be locked in .*/locks: Not a directory; .* --locks"),
        locks.hold("C1"),
    ):
        pass


def test_a_folder_of_locks_that_others_may_write_to_is_told_as_such(tmp_path: Path):
    (tmp_path / "locks").mkdir()
    (tmp_path / "locks").chmod(0o777)

    with (
        pytest.raises(SpoolFault, match=r"locked in .* of this user that nobody else"),
        CameraLocks(str(tmp_path / "locks"), SystemDisk()).hold("C1"),
    ):
        pass


def test_what_fails_under_a_lock_is_told_as_it_is(tmp_path: Path):
    locks = CameraLocks(str(tmp_path / "locks"), SystemDisk())

    with pytest.raises(SpoolFull, match=r"^of the spool$"), locks.hold("C1"):
        raise SpoolFull("of the spool")


def test_what_a_kill_left_half_written_is_swept_by_the_next_client(tmp_path: Path):
    spool = Spool(str(tmp_path / "spool"), SystemDisk())
    folder = tmp_path / "spool" / "s" / "chapter"
    folder.mkdir(parents=True, mode=0o700)
    (tmp_path / "spool").chmod(0o700)
    (folder / "00001.writing").write_bytes(b"half")

    with spool.hold():
        assert list(folder.iterdir()) == []


def test_a_document_is_read_as_it_was_written(tmp_path: Path):
    folder = Spool(str(tmp_path / "spool"), SystemDisk()).session("a")
    folder.write("plan.json", b"one")
    folder.write("plan.json", b"two")

    assert folder.read("plan.json") == b"two"


@pytest.mark.parametrize("name", ["..", "a/b", "", ".hidden", "a\0b", "a" * 201])
def test_a_name_that_leaves_the_spool_is_refused(tmp_path: Path, name: str):
    with pytest.raises(SpoolFault):
        Spool(str(tmp_path / "spool"), SystemDisk()).session(name)


def test_a_spool_that_others_may_write_to_is_refused(tmp_path: Path):
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool").chmod(0o777)

    with (
        pytest.raises(SpoolFault, match="nobody else can write to"),
        Spool(str(tmp_path / "spool"), SystemDisk()).hold(),
    ):
        pass


def test_a_spool_that_is_a_link_is_refused(tmp_path: Path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "spool").symlink_to(tmp_path / "real")

    with pytest.raises(SpoolFault), Spool(str(tmp_path / "spool"), SystemDisk()).hold():
        pass


def test_a_part_that_changes_while_it_is_read_never_comes_whole(parts: ChapterSpool, tmp_path: Path):
    part = put(parts, 1, b"0123456789")
    blocks = parts.reader(part).blocks(memoryview(bytearray(4)))
    next(blocks)
    with (tmp_path / "chapter" / part.filename).open("r+b") as file:
        file.seek(9)
        file.write(b"x")

    seen: list[bytes] = []
    with pytest.raises(PartCorrupt):
        seen.extend(bytes(block) for block in blocks)

    assert b"".join(seen) == b"4567"


@pytest.mark.parametrize("buffer_bytes", [1, 9, 10, 11])
def test_a_part_is_read_through_a_buffer_of_any_size(parts: ChapterSpool, buffer_bytes: int):
    part = put(parts, 1, b"0123456789")

    assert bytes_of(parts, part, buffer_bytes) == b"0123456789"


@pytest.mark.parametrize(
    ("code", "raised"), [(errno.ENOSPC, SpoolFull), (errno.EDQUOT, SpoolFull), (errno.EROFS, SpoolFault)]
)
def test_a_disk_that_refuses_is_told_as_what_it_is(tmp_path: Path, code: int, raised: type[EdgeError]):
    def refuse(folder: str) -> int:
        raise OSError(code, os.strerror(code), folder)

    parts = chapter_spool(tmp_path / "chapter", altered(free_bytes=refuse))

    with pytest.raises(raised), parts.open_writer(PLAN.span(1)):
        pass


@pytest.mark.parametrize("name", ["lock", "s/plan.json"])
def test_what_cannot_be_opened_is_a_fault_of_the_spool(tmp_path: Path, name: str):
    (tmp_path / "spool").mkdir(mode=0o700)
    (tmp_path / "spool" / "s").mkdir(mode=0o700)
    (tmp_path / "spool" / name).mkdir()
    spool = Spool(str(tmp_path / "spool"), SystemDisk())

    with pytest.raises(SpoolFault, match="cannot be used"), spool.hold():
        spool.session("s").read("plan.json")


class Watched:
    """A disk that notes, whenever something is made durable, what that is and what its folder holds then."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, list[str]]] = []
        self.disk = altered(
            free_bytes=lambda folder: 10**12,
            fsync=lambda file: self._note(path_of(file)),
            fsync_folder=self._note,
        )

    def _note(self, synced: str) -> None:
        path = Path(synced)
        folder = path if path.is_dir() else path.parent
        self.seen.append((path.name, sorted(each.name for each in folder.iterdir())))


def test_a_part_is_durable_before_it_has_its_name_and_its_name_before_it_counts(tmp_path: Path):
    watched = Watched()

    part = put(chapter_spool(tmp_path / "chapter", watched.disk), 1, b"0123456789")

    assert watched.seen[-2:] == [
        ("00001.writing", ["00001.writing"]),
        ("chapter", [part.filename]),
    ]


def test_an_older_part_goes_only_after_the_new_one_is_durable(tmp_path: Path):
    watched = Watched()
    parts = chapter_spool(tmp_path / "chapter", watched.disk)
    older = put(parts, 1, b"0123456789")

    newer = put(parts, 1, b"9876543210")

    assert watched.seen[-1] == ("chapter", sorted([older.filename, newer.filename]))


def test_a_receipt_is_durable_with_its_folder_before_it_is_there(tmp_path: Path):
    watched = Watched()
    session = Spool(str(tmp_path / "spool"), watched.disk).session("s")
    watched.seen.clear()

    session.write_receipt("a", b"{}")

    assert [name for name, _ in watched.seen] == ["s", "a.json.writing", "receipts"]
    assert watched.seen[-1][1] == ["a.json"]


def test_every_folder_that_is_made_for_the_spool_is_durable(tmp_path: Path):
    watched = Watched()

    with Spool(str(tmp_path / "far" / "away"), watched.disk).hold():
        pass

    assert watched.seen[:2] == [(tmp_path.name, ["far"]), ("far", ["away"])]


def test_every_name_that_an_ended_client_may_have_left_is_durable_before_anybody_relies_on_it(tmp_path: Path):
    watched = Watched()
    spool = Spool(str(tmp_path / "spool"), watched.disk)
    spool.session("s").write_receipt("a", b"{}")
    watched.seen.clear()

    with spool.hold():
        assert [name for name, _ in watched.seen] == [tmp_path.name, "spool", "s", "receipts"]


def test_a_spool_below_a_folder_that_we_may_not_look_into_is_used(tmp_path: Path):
    def fsync_folder(folder: str) -> None:
        if folder == str(tmp_path):
            raise PermissionError(errno.EACCES, "Permission denied", folder)

    (tmp_path / "spool").mkdir(mode=0o700)

    with Spool(str(tmp_path / "spool"), altered(fsync_folder=fsync_folder)).hold():
        pass


class TestRoom:
    @pytest.mark.parametrize(("budget_bytes", "fits"), [(19, False), (20, True), (21, True)])
    def test_the_budget_is_for_all_parts_together(self, tmp_path: Path, budget_bytes: int, fits: bool):
        parts = chapter_spool(tmp_path / "s" / "c", altered(free_bytes=lambda folder: 10**12), budget_bytes)
        put(parts, 1, b"0123456789")

        if fits:
            assert put(parts, 2, b"0123456789")
        else:
            with pytest.raises(SpoolFull, match="budget"):
                put(parts, 2, b"0123456789")

    def test_a_part_that_is_dropped_or_not_finished_gives_its_room_back(self, tmp_path: Path):
        parts = chapter_spool(tmp_path / "s" / "c", altered(free_bytes=lambda folder: 10**12), 10)
        with parts.open_writer(PLAN.span(1)) as writer:
            writer.write(b"half")
        first = put(parts, 1, b"0123456789")
        assert parts.budget.held_bytes == 10

        parts.drop_part(first)
        parts.drop_part(first)

        assert parts.budget.held_bytes == 0
        assert put(parts, 2, b"0123456789")

    def test_a_part_written_again_takes_its_room_once(self, tmp_path: Path):
        parts = chapter_spool(tmp_path / "s" / "c", altered(free_bytes=lambda folder: 10**12), 20)
        put(parts, 1, b"0123456789")
        put(parts, 1, b"9876543210")

        assert parts.budget.held_bytes == 10

    def test_a_part_that_was_dropped_and_is_written_again_takes_its_room_again(self, tmp_path: Path):
        parts = chapter_spool(tmp_path / "s" / "c", altered(free_bytes=lambda folder: 10**12), 20)
        parts.drop_part(put(parts, 1, b"0123456789"))

        put(parts, 1, b"0123456789")
        put(parts, 1, b"0123456789")

        assert parts.budget.held_bytes == 10

    def test_what_was_removed_by_hand_is_noticed_when_room_is_needed(self, tmp_path: Path):
        parts = chapter_spool(tmp_path / "s" / "c", altered(free_bytes=lambda folder: 10**12), 10)
        first = put(parts, 1, b"0123456789")
        (tmp_path / "s" / "c" / first.filename).unlink()

        assert put(parts, 2, b"0123456789")

    def test_dropping_a_chapter_gives_all_of_its_room_back(self, tmp_path: Path):
        parts = chapter_spool(tmp_path / "s" / "c", altered(free_bytes=lambda folder: 10**12), 20)
        put(parts, 1, b"0123456789")
        put(parts, 2, b"0123456789")

        parts.drop()

        assert parts.budget.held_bytes == 0

    @pytest.mark.parametrize(
        ("free_bytes", "budget_bytes"), [(1000, 900), (10 * 2**30, 9 * 2**30), (100 * 2**30, 99 * 2**30)]
    )
    def test_without_a_budget_a_tenth_or_one_gib_is_spared(
        self, tmp_path: Path, free_bytes: int, budget_bytes: int
    ):
        spool = Spool(str(tmp_path / "spool"), altered(free_bytes=lambda folder: free_bytes))

        with spool.hold():
            assert spool.budget.budget_bytes == budget_bytes

    def test_without_a_budget_what_is_held_already_counts_as_room(self, tmp_path: Path):
        disk = altered(free_bytes=lambda folder: 1000)
        put(
            chapter_spool(tmp_path / "spool" / "s" / "c", altered(free_bytes=lambda folder: 10**12)),
            1,
            b"0123456789",
        )
        spool = Spool(str(tmp_path / "spool"), disk)

        with spool.hold():
            assert (spool.budget.held_bytes, spool.budget.budget_bytes) == (10, 910)

    @pytest.mark.parametrize(("needed_bytes", "enough"), [(19, True), (20, True), (21, False)])
    def test_a_budget_that_never_suffices_is_refused_at_once(
        self, tmp_path: Path, needed_bytes: int, enough: bool
    ):
        budget = SpoolBudget(str(tmp_path), altered(free_bytes=lambda folder: 10**12), 20)

        if enough:
            budget.demand(needed_bytes)
        else:
            with pytest.raises(SpoolTooSmall, match="--spool-budget"):
                budget.demand(needed_bytes)

    def test_a_disk_that_never_suffices_is_waited_for(self, tmp_path: Path):
        budget = SpoolBudget(str(tmp_path), altered(free_bytes=lambda folder: 10), None)
        budget.measure()

        with pytest.raises(SpoolFull, match="make room"):
            budget.demand(20)


class Latch:
    """A lock that says whether it is held."""

    is_held = False

    def __enter__(self) -> None:
        assert not self.is_held
        self.is_held = True

    def __exit__(self, *_: object) -> None:
        self.is_held = False


def test_no_part_gets_its_name_while_the_room_is_counted(tmp_path: Path):
    latch, seen = Latch(), list[tuple[str, bool]]()

    def entries(folder: str) -> list[Entry]:
        seen.append(("count", latch.is_held))
        return SystemDisk().entries(folder)

    def move(path: str, name: str) -> None:
        seen.append(("move", latch.is_held))
        SystemDisk().move(path, name)

    disk = altered(entries=entries, move=move)
    budget = SpoolBudget(str(tmp_path), disk, 10, latch)
    put(ChapterSpool(str(tmp_path / "s" / "c"), disk, budget), 1, b"0123456789")

    assert budget.lack(1)
    assert ("count", True) in seen
    assert ("move", True) in seen


class TestWhatIsKnownOfAChapter:
    def test_is_nothing_before_it_was_looked_at(self, parts: ChapterSpool):
        assert (parts.confirmed_crc(), parts.suspects(PLAN)) == (None, frozenset())

    def test_is_the_crc_that_was_confirmed(self, parts: ChapterSpool):
        parts.confirm(0xAE8B14860A799888)

        assert parts.confirmed_crc() == 0xAE8B14860A799888

    @pytest.mark.parametrize("text", ["", "ae8b", "ae8b14860a79988g", "0" * 17])
    def test_is_nothing_where_the_disk_has_spoilt_what_was_confirmed(
        self, parts: ChapterSpool, tmp_path: Path, text: str
    ):
        parts.confirm(1)
        (tmp_path / "chapter" / "confirmed").write_text(text)

        assert parts.confirmed_crc() is None

    def test_are_suspects_until_it_is_confirmed(self, parts: ChapterSpool):
        parts.suspect([3])
        parts.suspect([1])
        before = parts.suspects(PLAN)
        parts.confirm(1)

        assert before == {1, 3}
        assert parts.suspects(PLAN) == frozenset()

    @pytest.mark.parametrize("text", ["", "1 x", "-1", "\ufffd"])
    def test_are_all_parts_suspect_where_the_disk_has_spoilt_their_numbers(
        self, parts: ChapterSpool, tmp_path: Path, text: str
    ):
        parts.suspect([1])
        (tmp_path / "chapter" / "suspect").write_text(text)

        assert parts.suspects(PLAN) == {1, 2, 3}

    def test_goes_with_its_parts(self, parts: ChapterSpool, tmp_path: Path):
        parts.confirm(1)
        parts.suspect([1])
        parts.drop()

        assert list(tmp_path.rglob("*")) == []

    @pytest.mark.parametrize(("first", "size_bytes", "known"), [(0, 10, True), (3, 4, True), (7, 4, False)])
    def test_are_the_bytes_within_a_part(self, parts: ChapterSpool, first: int, size_bytes: int, known: bool):
        part = put(parts, 1, b"0123456789")

        found = parts.crc_within(part, first, size_bytes)

        assert found == (crc64nvme(b"0123456789"[first : first + size_bytes]) if known else None)

    def test_is_nothing_of_a_part_that_vanished(self, parts: ChapterSpool):
        part = put(parts, 1, b"0123456789")
        parts.drop_part(part)

        assert parts.crc_within(part, 0, 4) is None
