"""Files without a disk: the same bytes from the same seed, wherever one begins to read."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.local.camera import FramedContent, VirtualContent, sha256, virtual_chapter
from infra.local.camera.content import BLOCK_BYTES, STAMP_BYTES
from infra.local.gopro_file import GproHeader, MemoryContent, header_of, inspected

HEADER = GproHeader("C3501324500711", "H23.01.02.32.00", "HERO12 Black")
SIZE = 2 * BLOCK_BYTES + 12_345
FOUR_GIB = 2**32


@given(st.integers(0, SIZE + 10), st.integers(0, SIZE))
def test_any_slice_is_a_slice_of_the_whole(offset, size_bytes):
    content = VirtualContent(SIZE, seed=3)

    assert content.read(offset, size_bytes) == content.read(0, SIZE)[offset : offset + size_bytes]


@pytest.mark.parametrize("edge", [0, STAMP_BYTES, BLOCK_BYTES, BLOCK_BYTES + STAMP_BYTES, SIZE])
@pytest.mark.parametrize("step", [-1, 0, 1])
def test_reading_up_to_an_edge_and_on_from_it_gives_the_whole(edge, step):
    content = VirtualContent(SIZE)
    cut = max(0, edge + step)

    assert content.read(0, cut) + content.read(cut, SIZE) == content.read(0, SIZE)


def test_equal_seeds_give_equal_bytes_and_others_do_not():
    assert VirtualContent(1000, seed=1).read(0, 1000) == VirtualContent(1000, seed=1).read(0, 1000)
    assert VirtualContent(1000, seed=1).read(0, 1000) != VirtualContent(1000, seed=2).read(0, 1000)


def test_no_two_blocks_are_equal_or_alike():
    content = VirtualContent(50 * BLOCK_BYTES)
    starts = range(0, content.size_bytes, BLOCK_BYTES)

    assert len({content.read(start, BLOCK_BYTES) for start in starts}) == 50
    assert len({content.read(start + 4096, 64) for start in starts}) == 50


def test_the_hash_of_a_content_is_that_of_its_bytes():
    content = VirtualContent(SIZE, seed=9)

    assert sha256(content) == hashlib.sha256(content.read(0, SIZE)).hexdigest()


@given(st.integers(0, 120), st.integers(0, 120))
def test_a_framed_content_reads_as_head_body_and_tail(offset, size_bytes):
    body = VirtualContent(100)
    framed = FramedContent(body, b"H" * 30, b"T" * 20)

    whole = b"H" * 30 + body.read(30, 50) + b"T" * 20
    assert framed.read(offset, size_bytes) == whole[offset : offset + size_bytes]


@pytest.mark.parametrize(("size", "fits"), [(49, False), (50, True), (51, True)])
def test_a_head_and_a_tail_need_their_room(size, fits):
    if fits:
        assert FramedContent(VirtualContent(size), b"H" * 30, b"T" * 20).size_bytes == size
        return
    with pytest.raises(ValueError, match="too few"):
        FramedContent(VirtualContent(size), b"H" * 30, b"T" * 20)


@pytest.mark.parametrize("size", [720, 5_000_000, *range(FOUR_GIB + 130, FOUR_GIB + 150), 12_000_000_000])
def test_a_virtual_chapter_of_any_size_is_a_whole_gopro_file(size):
    content = virtual_chapter(size, seed=1, header=HEADER, duration_s=7.5)

    found = inspected(content)

    assert found.boxes[-1].end == size
    assert (found.header.serial, found.duration_s) == ("C3501324500711", 7.5)


@pytest.mark.parametrize(
    ("mdat_bytes", "header_bytes"), [(FOUR_GIB - 2, 8), (FOUR_GIB - 1, 8), (FOUR_GIB, 16)]
)
def test_the_long_box_header_begins_where_the_short_one_ends(mdat_bytes, header_bytes):
    moov_bytes = 116
    content = virtual_chapter(20 + mdat_bytes + moov_bytes, seed=1, header=HEADER)

    assert inspected(content).boxes[1].header_bytes == header_bytes


def test_the_first_bytes_of_a_long_chapter_name_its_camera():
    content = virtual_chapter(FOUR_GIB * 2, seed=1, header=HEADER)

    assert header_of(content.read(0, 256)) == HEADER


def test_a_virtual_chapter_without_room_for_its_structure_is_refused():
    with pytest.raises(ValueError, match="too few"):
        virtual_chapter(719, seed=1, header=HEADER)


def test_memory_reads_past_its_end_as_nothing():
    assert MemoryContent(b"abc").read(2, 10) == b"c"
    assert MemoryContent(b"abc").read(3, 10) == b""
