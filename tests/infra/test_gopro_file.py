"""The structure of a GoPro file, on real ones and on ones made wrong."""

import struct
from pathlib import Path

import pytest

from infra.local.gopro_file import (
    GPRO_BYTES,
    HEAD_BYTES,
    BrokenFile,
    DiskContent,
    GproHeader,
    MemoryContent,
    from_plain_mp4,
    head_bytes,
    header_of,
    inspected,
    tail_bytes,
    walk,
)
from tests.support.gopro_data import FILMS

HEADER = GproHeader("C3501324500711", "H23.01.02.32.00", "HERO12 Black", "LXR2110500712643")


def box(kind: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def whole_file(samples: bytes = b"samples") -> bytes:
    return head_bytes(HEADER, 8 + GPRO_BYTES + len(samples)) + samples + tail_bytes(2.5)


def test_a_whole_file_names_its_camera_and_its_duration():
    found = inspected(MemoryContent(whole_file()))

    assert found.header == HEADER
    assert found.duration_s == 2.5
    assert [b.kind for b in found.boxes] == ["ftyp", "mdat", "moov"]


@pytest.mark.parametrize(("change", "is_whole"), [(-1, False), (0, True), (1, False)])
def test_one_byte_too_few_or_too_many_is_found(change, is_whole):
    data = whole_file() + b"\0"
    content = MemoryContent(data[: len(data) - 1 + change])
    if is_whole:
        assert inspected(content)
        return
    with pytest.raises(BrokenFile):
        inspected(content)


def test_a_file_that_was_never_finalised_is_found():
    unfinished = whole_file()[:20] + struct.pack(">I4s", 0, b"mdat") + b"x" * 99

    with pytest.raises(BrokenFile, match="claims 0 bytes"):
        inspected(MemoryContent(unfinished))


def test_a_file_without_its_moov_is_found():
    data = whole_file()

    with pytest.raises(BrokenFile, match="not ftyp, mdat, moov"):
        inspected(MemoryContent(data[: -len(tail_bytes(2.5))]))


def test_a_file_of_another_maker_is_found():
    data = box(b"ftyp") + box(b"mdat", b"x" * 600) + tail_bytes(1)

    with pytest.raises(BrokenFile, match="no GPRO header at 16"):
        inspected(MemoryContent(data))


def test_a_moov_without_a_duration_is_found():
    data = head_bytes(HEADER, 8 + GPRO_BYTES) + box(b"moov", box(b"udta"))

    with pytest.raises(BrokenFile, match="no mvhd"):
        inspected(MemoryContent(data))


@pytest.mark.parametrize("data", [b"", b"\0" * 7, struct.pack(">I4s", 1, b"mdat")])
def test_bytes_that_end_inside_a_box_header_are_found(data):
    with pytest.raises(BrokenFile, match="are left"):
        header_of(data)


def test_the_first_256_bytes_name_the_camera_and_the_first_128_do_not():
    data = whole_file()

    assert header_of(data[:HEAD_BYTES]) == HEADER
    with pytest.raises(BrokenFile):
        header_of(data[:128])


@pytest.mark.parametrize("kind", [b"stco", b"co64"])
def test_chunk_offsets_move_with_the_samples(kind):
    samples = b"first-second-"
    code = "I" if kind == b"stco" else "Q"
    ftyp = box(b"ftyp", b"isomxxxx")

    def plain(first: int) -> bytes:
        table = box(kind, struct.pack(f">II2{code}", 0, 2, first, first + 6))
        moov = box(b"moov", box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", table)))))
        return ftyp + box(b"free") + box(b"mdat", samples) + moov

    made = from_plain_mp4(plain(first=len(ftyp) + 16), HEADER)

    at = made.index(kind) + 12
    offsets = struct.unpack_from(f">2{code}", made, at)
    assert [made[offset : offset + 6] for offset in offsets] == [b"first-", b"second"]
    assert [b.kind for b in walk(MemoryContent(made))] == ["ftyp", "mdat", "moov"]


class TestFilmsOfCameras:
    @pytest.mark.parametrize("name", FILMS)
    def test_a_file_is_whole_and_names_its_camera(self, films: Path, name: str):
        found = inspected(DiskContent.at(films / name))

        assert found.header == FILMS[name]
        assert found.boxes[0].size_bytes == 20
        assert 5 < found.duration_s < 20

    @pytest.mark.parametrize("name", FILMS)
    def test_the_field_behind_the_firmware_is_the_lens_and_not_the_camera(self, films: Path, name: str):
        data = (films / name).read_bytes()
        at = data.rindex(b"LENS") + 4

        assert data[at : at + 16].rstrip(b"\0").decode() == header_of(data[:HEAD_BYTES]).lens_serial

    @pytest.mark.parametrize("name", FILMS)
    def test_a_file_cut_by_one_byte_is_not_whole(self, films: Path, name: str):
        data = (films / name).read_bytes()

        with pytest.raises(BrokenFile):
            inspected(MemoryContent(data[:-1]))
