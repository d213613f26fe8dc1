"""What the boxes of a film tell of it, and that nothing but a whole film is taken for one."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.film import (
    LONGEST_MS,
    MOST_BOXES,
    MOST_LOOKS,
    MOST_READS,
    SAMPLES,
    WINDOW_BYTES,
    Film,
    NoFilm,
    is_film,
    judge_film,
    judge_proxy,
    judge_thumbnail,
    read_film,
)
from chalicelib.core.ids import ArtifactId
from tests.support.films import SHORTEST_BYTES, box, long_box, make_film, mvhd
from tests.support.gopro_data import FILMS

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
        return read_film(FILM, "v1", len(self.body) if film_bytes is None else film_bytes, self.read)


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
        ((box(b"ftyp"), MDAT), "no moov box"),
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


class TestJudging:
    """What arrives: a film, a broken one, or no film at all."""

    @staticmethod
    def judged(body: bytes) -> Film | NoFilm:
        return judge_film(FILM, "v1", len(body), File(body).read)

    def reason(self, body: bytes) -> str:
        judged = self.judged(body)
        assert isinstance(judged, NoFilm), judged
        return judged.reason

    def fault(self, body: bytes) -> str:
        judged = self.judged(body)
        assert isinstance(judged, Film), judged
        assert judged.is_broken
        return judged.fault or ""

    def test_a_whole_film_is_not_broken(self):
        assert self.judged(make_film(7)) == Film(FILM, "v1", 7)

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(box(b"ftyp") + MDAT, id="power lost before moov"),
            pytest.param(box(b"ftyp") + b"\0\0\0\0mdat" + b"pictures" * 9, id="mdat to the end"),
            pytest.param(box(b"ftyp") + b"\0\1\0\0mdat" + b"pictures" * 9, id="cut within mdat"),
            pytest.param(MDAT + box(b"moov", mvhd(7)), id="no ftyp"),
            pytest.param(b"\0\1\0\0mdat" + b"pictures", id="nothing but the beginning of mdat"),
            pytest.param(box(b"ftyp"), id="ftyp alone"),
            pytest.param(box(b"abcd") + MDAT + box(b"moov", mvhd(7)), id="an unknown box first"),
            pytest.param(make_film(7) + b"\0" * 8, id="zeros behind its end"),
            pytest.param(bytes(9_000) + b"pictures", id="zeros, and something at the end"),
            pytest.param(bytes(512) + b"p" * 512 + bytes(9_000), id="zeros, and something behind them"),
        ],
    )
    def test_what_has_anything_of_a_film_is_broken_and_never_no_film(self, body: bytes):
        assert self.fault(body)

    @pytest.mark.parametrize("length", range(8, SHORTEST_BYTES))
    def test_a_film_that_is_cut_anywhere_behind_its_first_box_is_broken(self, length: int):
        assert self.fault(make_film(1_000)[:length])

    @pytest.mark.parametrize(
        "boxes",
        [
            movie(mvhd(0)),
            (*movie(mvhd(7)), box(b"moov", mvhd(7))),
            (box(b"ftyp"), *[box(b"free")] * MOST_BOXES),
        ],
        ids=["no duration", "two heads", "too many boxes"],
    )
    def test_what_only_cannot_be_told_is_not_broken(self, boxes: tuple[bytes, ...]):
        judged = self.judged(b"".join(boxes))

        assert isinstance(judged, Film)
        assert judged.fault
        assert not judged.is_broken

    @pytest.mark.parametrize(
        ("body", "why"),
        [
            (b"<!DOCTYPE html><title>Log in</title>", "a page of HTML or XML"),
            (b"\xef\xbb\xbf\n <html>", "a page of HTML or XML"),
            (b'{"message": "Internal server error"}', "JSON"),
            (b"\xff\xd8\xff\xe0" + bytes(40), "a JPEG picture"),
            (b"\x89PNG\r\n\x1a\n" + bytes(40), "a PNG picture"),
            (b"PK\x03\x04" + bytes(40), "a ZIP file"),
            (b"%PDF-1.7" + bytes(40), "a PDF file"),
            (b"\x1f\x8b" + bytes(40), "a gzip file"),
            (b"?" * 40, "'????????????????'"),
            (b"?", "'?'"),
            (b"\x1b[2J" * 4, r"\x1b[2J"),
            (bytes(1), "nothing but zeros"),
            (bytes(WINDOW_BYTES + 1), "nothing but zeros"),
            (bytes(200_000), "nothing but zeros"),
        ],
    )
    def test_what_has_nothing_of_a_film_is_none_and_the_reason_says_how_it_begins(
        self, body: bytes, why: str
    ):
        assert why in self.reason(body)

    @pytest.mark.parametrize("size_bytes", [WINDOW_BYTES * SAMPLES, 12 * 2**30])
    def test_no_file_costs_more_reads_than_are_granted(self, size_bytes: int):
        ranges = []

        def read(first: int, last: int) -> bytes:
            ranges.append((first, last))
            return bytes(last - first + 1)

        assert isinstance(judge_film(FILM, "v1", size_bytes, read), NoFilm)
        assert 1 < len(ranges) <= MOST_LOOKS
        assert max(last - first + 1 for first, last in ranges) <= WINDOW_BYTES
        assert ranges[-1][1] == size_bytes - 1

    @given(st.binary(max_size=200))
    def test_bytes_with_a_box_of_a_film_in_front_are_never_no_film(self, body: bytes):
        for kind in (b"ftyp", b"mdat", b"moov"):
            assert isinstance(self.judged(bytes(4) + kind + body), Film)


class TestSidecars:
    """A proxy must be a whole film, for nobody repairs one; a thumbnail must begin as a picture does."""

    PROXY = ArtifactId("proxy.100GOPRO.GX010038.MP4")
    THUMBNAIL = ArtifactId("thumbnail.100GOPRO.GX010038.MP4")

    def proxy(self, body: bytes) -> Film | NoFilm:
        return judge_proxy(self.PROXY, "v1", len(body), File(body).read)

    def thumbnail(self, body: bytes) -> Film | NoFilm:
        return judge_thumbnail(self.THUMBNAIL, "v1", len(body), File(body).read)

    def test_a_whole_film_is_a_proxy(self):
        assert self.proxy(make_film(4_000, 9_000)) == Film(self.PROXY, "v1", 4_000)

    @pytest.mark.parametrize("size_bytes", range(1, SHORTEST_BYTES))
    def test_a_proxy_that_is_cut_anywhere_is_none(self, size_bytes: int):
        assert isinstance(self.proxy(make_film(4_000)[:size_bytes]), NoFilm)

    def test_what_follows_the_last_box_makes_it_none(self):
        assert isinstance(self.proxy(make_film(4_000) + b"\0"), NoFilm)

    def test_a_proxy_whose_length_cannot_be_told_is_one(self):
        body = b"".join(movie(mvhd(0)))

        assert self.proxy(body) == Film(self.PROXY, "v1", None, "its moov box tells no duration")

    def test_the_proxy_of_a_file_under_any_name_is_judged_alike(self):
        other = ArtifactId("proxy.000OLDER.night")
        cut = make_film(4_000)[:-1]

        assert isinstance(judge_proxy(other, "v1", len(cut), File(cut).read), NoFilm)

    def test_a_proxy_costs_no_more_reads_than_a_film(self):
        file = File(b"".join(box(b"free", bytes(WINDOW_BYTES)) for _ in range(MOST_READS + 9)))
        judge_proxy(self.PROXY, "v1", len(file.body), file.read)

        assert len(file.ranges) <= MOST_READS + 1

    @pytest.mark.parametrize("body", [b"\xff\xd8\xff", b"\xff\xd8\xff" + bytes(9_000)])
    def test_a_picture_costs_one_read(self, body: bytes):
        file = File(body)

        assert judge_thumbnail(self.THUMBNAIL, "v1", len(body), file.read) == Film(self.THUMBNAIL, "v1", None)
        assert len(file.ranges) == 1

    @pytest.mark.parametrize("body", [b"\xff\xd8", b"\x89PNG....", make_film(4_000), bytes(99)])
    def test_anything_else_is_no_thumbnail(self, body: bytes):
        assert isinstance(self.thumbnail(body), NoFilm)


@pytest.mark.parametrize("name", FILMS)
def test_films_of_cameras_are_whole_and_a_cut_one_is_broken(films: Path, name: str):
    body = (films / name).read_bytes()
    cut = body[: len(body) * 2 // 3]

    whole = judge_film(FILM, "v1", len(body), File(body).read)
    broken = judge_film(FILM, "v1", len(cut), File(cut).read)

    assert isinstance(whole, Film)
    assert (whole.fault, whole.is_broken) == (None, False)
    assert isinstance(broken, Film)
    assert broken.is_broken
