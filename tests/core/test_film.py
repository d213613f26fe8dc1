"""What the boxes of a film tell of it, and that nothing but a whole film is taken for one."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.film import LONGEST_MS, MOST_BOXES, MOST_READS, WINDOW_BYTES, Film, is_film, read_film
from chalicelib.core.ids import ArtifactId
from chalicelib.core.upload import Receipt
from tests.support.builders import START
from tests.support.films import SHORTEST_BYTES, box, long_box, make_film, mvhd
from tests.support.memory import crc64nvme_of

FILM = ArtifactId("original.100GOPRO.GX010038.MP4")
MDAT = box(b"mdat", b"pictures")


class File:
    """A film's bytes, and the ranges of them that were read."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.ranges: list[tuple[int, int]] = []

    def read(self, first: int, last: int) -> bytes:
        assert 0 <= first <= last < len(self.body)
        self.ranges.append((first, last))
        return self.body[first : last + 1]

    def film(self, film_bytes: int | None = None) -> Film:
        """What the first `film_bytes` of the file tell; as a rule the film is the whole file."""
        receipt = Receipt(None, FILM, "key", "v1", len(self.body), crc64nvme_of(self.body), START)
        return read_film(receipt, len(self.body) if film_bytes is None else film_bytes, self.read)


def fault(*boxes: bytes) -> str:
    film = File(b"".join(boxes)).film()
    assert film.duration_ms is None
    assert film.fault
    return film.fault


def movie(content: bytes) -> tuple[bytes, bytes, bytes]:
    return box(b"ftyp"), MDAT, box(b"moov", content)


@pytest.mark.parametrize("size_bytes", [SHORTEST_BYTES, SHORTEST_BYTES + 1, 10_000])
def test_a_whole_film_tells_how_long_it_lasts(size_bytes: int):
    assert File(make_film(12_345, size_bytes)).film() == Film(FILM, "v1", 12_345)


@pytest.mark.parametrize(
    "order", list(itertools.permutations([MDAT, box(b"moov", mvhd(7)), box(b"free", b"")]))
)
def test_the_boxes_behind_the_first_may_stand_in_any_order(order: tuple[bytes, ...]):
    assert File(box(b"ftyp", b"mp42") + b"".join(order)).film().duration_ms == 7


@pytest.mark.parametrize("version", [0, 1])
@pytest.mark.parametrize(
    ("duration", "timescale", "duration_ms"),
    [(90_000, 30_000, 3_000), (1, 1_000, 1), (30_030, 30_000, 1_001)],
)
def test_both_versions_of_the_head_are_read(version: int, duration: int, timescale: int, duration_ms: int):
    assert File(b"".join(movie(mvhd(duration, timescale, version)))).film().duration_ms == duration_ms


def test_a_box_may_have_its_size_in_eight_bytes():
    film = File(box(b"ftyp") + long_box(b"mdat", b"pictures") + long_box(b"moov", mvhd(7))).film()

    assert film.duration_ms == 7


def test_the_head_need_not_be_the_first_in_its_box():
    assert File(b"".join(movie(box(b"udta", b"x" * 2_000) + mvhd(7)))).film().duration_ms == 7


def test_a_large_film_takes_few_short_reads():
    file = File(
        box(b"ftyp") + box(b"mdat", bytes(500_000)) + box(b"moov", mvhd(7) + box(b"trak", bytes(9_000)))
    )

    assert file.film().duration_ms == 7
    assert len(file.ranges) <= 3
    assert all(last - first < WINDOW_BYTES + 1 for first, last in file.ranges)


@pytest.mark.parametrize("length", [*range(1, SHORTEST_BYTES + 40)])
def test_a_film_that_is_cut_anywhere_is_none(length: int):
    whole = make_film(1_000, SHORTEST_BYTES + 40)

    assert fault(whole[:length])


@pytest.mark.parametrize("more", [b"\0", b"\0" * 7, b"\0" * 8, b"garbage behind the end"])
def test_what_stands_behind_the_last_box_makes_it_no_whole_film(more: bytes):
    assert fault(make_film(1_000) + more)


@pytest.mark.parametrize("more", [b"\0", b"\0" * 7, b"\0" * 8, b"garbage behind the end", b"\0" * 4096])
@pytest.mark.parametrize(("bytes_apart", "is_whole"), [(-1, False), (0, True), (1, False)])
def test_a_film_is_whole_when_its_boxes_end_where_its_trailing_bytes_begin(
    more: bytes, bytes_apart: int, is_whole: bool
):
    whole = make_film(1_000)

    film = File(whole + more).film(len(whole) + bytes_apart)

    assert film.duration_ms == (1_000 if is_whole else None)
    assert bool(film.fault) is not is_whole


@pytest.mark.parametrize(
    ("boxes", "why"),
    [
        ((b"what the processor made of it",), "has 2003329396 bytes"),
        ((MDAT, box(b"moov", mvhd(7))), "does not begin with an ftyp box"),
        ((box(b"ftyp"), box(b"moov", mvhd(7))), "no mdat box"),
        ((box(b"ftyp"), MDAT), "has 0 moov boxes"),
        ((*movie(mvhd(7)), box(b"moov", mvhd(7))), "has 2 moov boxes"),
        (movie(b""), "no mvhd box"),
        (movie(box(b"trak", b"x")), "no mvhd box"),
        (movie(mvhd(0)), "no duration"),
        (movie(mvhd(2**32 - 1)), "no duration"),
        (movie(mvhd(2**64 - 1, version=1)), "no duration"),
        (movie(mvhd(7, timescale=0)), "no duration"),
        (movie(mvhd(7, version=2)), "no version that is known"),
        (movie(box(b"mvhd")), "no version that is known"),
        (movie(box(b"mvhd", bytes(19))), "cut short"),
        (movie(mvhd(1, timescale=1_001)), "a duration of 1 / 1001 s"),
        ((box(b"ftyp"), b"\0\0\0\0mdat"), "has no size"),
        ((box(b"ftyp"), b"\0\0\0\7mdat"), "has 7 bytes"),
        ((box(b"ftyp"), b"\0\0\0\1mdat" + (15).to_bytes(8, "big")), "has 15 bytes"),
        ((box(b"ftyp"), b"\0\0\0\1mdat"), "it ends at byte"),
        ((box(b"ftyp"), b"\xff\xff\xff\xff\x1b[2J"), r"'\\x1b\[2J' at byte 8"),
    ],
)
def test_what_is_no_whole_film_is_told_with_its_place(boxes: tuple[bytes, ...], why: str):
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(fault(*boxes))


@pytest.mark.parametrize(("more_ms", "is_film"), [(-1, True), (0, True), (1, False)])
def test_a_film_lasts_no_longer_than_any_can(more_ms: int, is_film: bool):
    film = File(b"".join(movie(mvhd(LONGEST_MS + more_ms, version=1)))).film()

    assert (film.duration_ms is not None) is is_film


@pytest.mark.parametrize(("more", "is_film"), [(-1, True), (0, True), (1, False)])
def test_a_film_of_too_many_boxes_is_given_up(more: int, is_film: bool):
    free = box(b"free") * (MOST_BOXES - 3 + more)

    assert (File(b"".join(movie(mvhd(7))) + free).film().duration_ms == 7) is is_film


def test_no_file_makes_more_reads_than_are_granted():
    file = File(box(b"ftyp") + box(b"free", bytes(1_000)) * 150)

    assert "more than 48 reads" in str(file.film().fault)
    assert len(file.ranges) == MOST_READS


@given(st.binary(max_size=200))
def test_whatever_the_bytes_are_nothing_is_raised_for_them(body: bytes):
    film = File(body).film()

    assert (film.duration_ms is None) is (film.fault is not None)


@pytest.mark.parametrize(
    ("artifact_id", "is_one"),
    [
        ("output.enhanced.mp4", True),
        ("output.ENHANCED.MOV", True),
        ("output.a.m4v", True),
        ("output.a.360", True),
        ("output.mp4", True),
        ("output.table.csv", False),
        ("output.mp4.txt", False),
        ("output.xmp4", False),
    ],
)
def test_films_are_told_by_the_end_of_their_names(artifact_id: str, is_one: bool):
    assert is_film(ArtifactId(artifact_id)) is is_one
