"""What the spool says, and leaves, when the disk refuses one call or loses a file; on a simulated disk."""

from __future__ import annotations

import errno
import os

import pytest

from edge_client.base.errors import PartCorrupt, PartUnkept, SpoolFault
from edge_client.model.parts import PartPlan, SpooledPart
from edge_client.spool.budget import SpoolBudget
from edge_client.spool.chapter import ChapterSpool
from tests.edge.memory.disk import Mount, SimulatedDisk

PLAN = PartPlan(50, 10, 5)
BUFFER_BYTES = 4


@pytest.fixture
def mount() -> Mount:
    return SimulatedDisk().mount()


@pytest.fixture
def chapter(mount: Mount) -> ChapterSpool:
    for folder in ("/spool", "/spool/s"):
        mount.make_folder(folder)
    return ChapterSpool("/spool/s/c", mount, SpoolBudget("/spool", mount, 1000))


def broken() -> OSError:
    return OSError(errno.EIO, os.strerror(errno.EIO))


def put(chapter: ChapterSpool, number: int) -> SpooledPart:
    with chapter.open_writer(PLAN.span(number)) as writer:
        writer.write(b"0123456789")
        return writer.commit()


@pytest.mark.parametrize("call", ["create", "allocate", "append", "fsync", "move", "fsync_folder"])
def test_a_call_that_fails_while_a_part_is_written_is_told_with_its_number_and_holds_no_room(
    chapter: ChapterSpool, mount: Mount, call: str
):
    put(chapter, 1)
    mount.faults[call] = [broken()]

    with pytest.raises(PartUnkept) as caught:
        put(chapter, 2)
    left = chapter.parts(PLAN)
    chapter.budget.recount()

    assert str(caught.value) == "the spool's disk did not keep part 2: Input/output error"
    # A part has its name before that is durable; it is whole, and is found again.
    assert set(left) == ({1, 2} if call == "fsync_folder" else {1})
    assert chapter.budget.held_bytes == 10 * len(left)
    assert put(chapter, 2)


def test_a_call_that_fails_when_a_part_is_let_go_of_is_told_with_its_number(
    chapter: ChapterSpool, mount: Mount
):
    with (
        pytest.raises(PartUnkept, match="did not keep part 2: Input/output error"),
        chapter.open_writer(PLAN.span(2)),
    ):
        mount.faults["remove"] = [broken()]


def test_a_part_that_is_written_only_in_part_is_refused_with_its_sizes(chapter: ChapterSpool):
    with chapter.open_writer(PLAN.span(2)) as writer:
        writer.write(b"0123")
        with pytest.raises(SpoolFault) as caught:
            writer.commit()

    assert str(caught.value) == "part 2 has 4 of 10 bytes"


def test_something_in_the_place_of_a_chapters_folder_is_no_fault_of_a_part(
    chapter: ChapterSpool, mount: Mount
):
    mount.close(mount.create("/spool/s/c"))

    with pytest.raises(SpoolFault, match="must be a folder of this user") as caught:
        put(chapter, 1)
    assert type(caught.value) is SpoolFault


def test_a_disk_that_is_read_only_would_not_keep_the_next_try_either(chapter: ChapterSpool, mount: Mount):
    mount.faults["allocate"] = [OSError(errno.EROFS, os.strerror(errno.EROFS))]

    with pytest.raises(SpoolFault, match="Read-only file system") as caught:
        put(chapter, 1)
    assert type(caught.value) is SpoolFault


@pytest.mark.parametrize("call", ["open", "size_bytes", "fill"])
def test_a_part_that_cannot_be_read_is_corrupt_and_says_its_number(
    chapter: ChapterSpool, mount: Mount, call: str
):
    part = put(chapter, 3)
    mount.faults[call] = [broken()]

    with pytest.raises(PartCorrupt) as caught:
        list(chapter.reader(part).blocks(memoryview(bytearray(BUFFER_BYTES))))

    assert str(caught.value) == "part 3 cannot be read from the spool"
    assert chapter.crc_within(part, 0, 4) is not None
    mount.faults["open"] = [broken()]
    assert chapter.crc_within(part, 0, 4) is None


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [(9, "changed its length on the spool's disk"), (10, "changed on the spool's disk")],
)
def test_a_part_that_changed_is_corrupt_and_says_how(
    chapter: ChapterSpool, mount: Mount, size_bytes: int, words: str
):
    part = put(chapter, 3)
    [(_, file)] = mount.disk.files(part.filename)
    file.data[:] = bytes(size_bytes)
    file.size_bytes = size_bytes

    with pytest.raises(PartCorrupt) as caught:
        list(chapter.reader(part).blocks(memoryview(bytearray(BUFFER_BYTES))))

    assert str(caught.value) == f"part 3 {words}"


def test_a_part_that_ends_while_it_is_read_is_corrupt(chapter: ChapterSpool, mount: Mount):
    part = put(chapter, 3)
    [(_, file)] = mount.disk.files(part.filename)
    blocks = chapter.reader(part).blocks(memoryview(bytearray(BUFFER_BYTES)))
    first = bytes(next(blocks))
    file.data.clear()
    file.size_bytes = 0

    with pytest.raises(PartCorrupt, match="part 3 changed on the spool's disk"):
        list(blocks)
    assert first == b"0123"


def test_suspects_are_those_that_were_named_however_they_were_named(chapter: ChapterSpool):
    chapter.suspect([])
    nobody = chapter.suspects(PLAN)
    chapter.suspect([4, 2])
    chapter.suspect([5])

    assert nobody == frozenset()
    assert chapter.suspects(PLAN) == {2, 4, 5}


def test_a_chapter_that_somebody_removes_while_it_is_dropped_is_gone(chapter: ChapterSpool, mount: Mount):
    put(chapter, 1)
    mount.faults["remove"] = [FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))]

    chapter.drop()
    chapter.drop()

    assert not chapter.exists
    assert chapter.budget.held_bytes == 0


def test_a_part_that_is_dropped_by_its_number_is_the_one_that_is_known(chapter: ChapterSpool):
    put(chapter, 1)
    put(chapter, 2)
    chapter.drop_number(1)
    chapter.drop_number(1)
    chapter.drop_number(3)

    assert set(chapter.parts(PLAN)) == {2}
    assert chapter.budget.held_bytes == 10


def test_a_part_that_cannot_be_removed_still_counts(chapter: ChapterSpool, mount: Mount):
    part = put(chapter, 1)
    mount.faults["remove"] = [broken()]

    with pytest.raises(SpoolFault, match="Input/output error"):
        chapter.drop_part(part)

    assert chapter.budget.held_bytes == 10


def test_what_fits_no_plan_goes_and_what_it_held_is_free(chapter: ChapterSpool, mount: Mount):
    put(chapter, 1)
    for name in ("odd.part", "00009-000000000000080-0123456789abcdef.part", "kept"):
        mount.close(mount.create(f"/spool/s/c/{name}"))
    first, second = chapter.drop_useless(PLAN), chapter.drop_useless(PLAN)

    assert (first, second) == (True, False)
    assert [entry.name for entry in mount.entries("/spool/s/c")][-1] == "kept"
    assert set(chapter.parts(PLAN)) == {1}
