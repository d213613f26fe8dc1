"""The structure of a camera's file: what is whole, and that nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_client.camera.mp4_boxes import (
    HEAD_BYTES,
    MOST_BOXES,
    Box,
    NotWhole,
    boxes,
    serial_of_header,
    trailing_bytes,
)
from tests.support.gopro_data import FILMS

Read = Callable[[int, int], bytes]
TWELVE_GB = 11_794_645_144
# A busy machine is no failure of the walk.
ANY_TIME = settings(deadline=None)


def box(kind: bytes, inside_bytes: int = 0, *, long: bool = False, fill: bytes = b"\xa5") -> bytes:
    inside = (fill * inside_bytes)[:inside_bytes]
    if long:
        return b"\0\0\0\1" + kind + (16 + inside_bytes).to_bytes(8, "big") + inside
    return (8 + inside_bytes).to_bytes(4, "big") + kind + inside


FTYP, MDAT, MOOV, FREE = box(b"ftyp", 12), box(b"mdat", 300), box(b"moov", 40), box(b"free")
WHOLE = FTYP + MDAT + MOOV


def reading(content: bytes) -> Read:
    def read(first: int, count: int) -> bytes:
        assert 0 < count <= 16
        assert first + count <= len(content), "read beyond the end"
        return content[first : first + count]

    return read


def trailing(content: bytes) -> int:
    return trailing_bytes(len(content), reading(content))


def is_whole(content: bytes) -> bool:
    """Whether the file is hauled, with or without bytes after its last box."""
    try:
        trailing(content)
    except NotWhole:
        return False
    return True


@pytest.mark.parametrize(
    "content",
    [
        WHOLE,
        FTYP + MOOV + MDAT,
        MDAT + MOOV,
        FTYP + FREE + MDAT + MDAT + MOOV + FREE,
        FTYP + box(b"mdat", 300, long=True) + MOOV,
        FTYP + box(b"mdat", 0, long=True) + box(b"moov", 0),
        FTYP + MDAT + box(b"moov", 40, long=True),
        FTYP + MDAT + box(b"uuid", 100) + MOOV,
        FTYP + FREE * (MOST_BOXES - 3) + MDAT + MOOV,
    ],
    ids=len,
)
def test_a_file_is_whole(content: bytes):
    assert trailing(content) == 0


@pytest.mark.parametrize(
    "more",
    [
        b"\0",
        b"\0" * 7,
        b"\0" * 8,
        b"\0" * 9,
        b"\0" * 4096,
        b"\xff" * 7,
        b"\xff" * 8,
        b"gpHttpServer: [04327868][INFO ] conn 0\r\n",
        box(b"free", 100)[:7],
        box(b"free", 100)[:8],
        box(b"free", 100)[:-1],
        box(b"uuid", 100, long=True)[:15],
        box(b"uuid", 100, long=True)[:16],
        b"\0\0\0\7free",
        b"\0\0\0\1free" + (15).to_bytes(8, "big"),
        b"\xff\xff\xff\xffskip",
        MDAT[:7],
        MOOV[:7],
        b"\0\0\0\x08\0\0\0\0" + MDAT[:100],
        WHOLE[:19],
    ],
    ids=lambda more: f"{len(more)} bytes, {more[:8]!r}",
)
@pytest.mark.parametrize("film", [WHOLE, MDAT + MOOV, FTYP + MOOV + MDAT, WHOLE + FREE], ids=len)
def test_a_film_is_whole_with_bytes_after_its_last_box_that_are_no_box(film: bytes, more: bytes):
    assert trailing(film + more) == len(more)


@pytest.mark.parametrize("needed", [b"mdat", b"moov"])
@pytest.mark.parametrize(
    ("missing", "is_hauled"), [(-1, True), (0, True), (1, False), (292, False), (293, True)]
)
def test_a_second_box_that_a_film_needs_must_be_whole_as_well(needed: bytes, missing: int, is_hauled: bool):
    """It may still be written; of less than a header nobody can tell what box it would be."""
    second = box(needed, 292)
    there = second + b"\0" if missing < 0 else second[: len(second) - missing]

    assert is_whole(WHOLE + there) is is_hauled


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no bytes"),
        (FTYP, "no moov and no mdat"),
        (FTYP + MDAT, "no moov"),
        (FTYP + MOOV, "no mdat"),
        (WHOLE[:-1], "beyond the end"),
        (FTYP + MDAT + b"\0" * 7, "7 bytes are left after"),
        (FTYP + MOOV + b"\0" * 8, "no box at byte"),
        (FTYP + MOOV + MDAT[:-1], "mdat box at byte 68 ends at 376, beyond the end at 375"),
        (WHOLE + b"\0\0\0\0mdat", "mdat box at byte 376 has no length yet"),
        (WHOLE + b"\0\0\0\0moov" + bytes(500), "moov box at byte 376 has no length yet"),
        (WHOLE + b"\0\0\0\0free", "free box at byte 376 has no length yet"),
        (WHOLE + MDAT[:8], "mdat box at byte 376 ends at 684, beyond the end"),
        (WHOLE + MOOV[:-1], "moov box at byte 376 ends at 424, beyond the end"),
        (WHOLE + b"\0\0\0\7mdat", "shorter than its header"),
        (WHOLE + b"\0\0\0\1mdat" + bytes(7), "ends within its header"),
        (WHOLE + FREE * (MOST_BOXES - 2), "more than 64 boxes"),
        (FTYP + b"\0\0\0\0mdat" + b"\xa5" * 300, "mdat box at byte 20 has no length yet"),
        (FTYP + b"\0\0\0\7mdat" + MOOV, "shorter than its header"),
        (FTYP + b"\0\0\0\1mdat" + (15).to_bytes(8, "big") + MOOV, "shorter than its header"),
        (FTYP + b"\0\0\0\1mdat" + (0).to_bytes(8, "big") + MOOV, "shorter than its header"),
        (FTYP + b"\0\0\0\1mdat" + (2**64 - 1).to_bytes(8, "big") + MOOV, "beyond the end"),
        (FTYP + box(b"mdat", 300, long=True)[:15], "ends within its header"),
        (FTYP + b"\xff\xff\xff\xffmdat" + MOOV, "beyond the end"),
        (FTYP + b"\0\0\0\x08\0\0\0\0" + MDAT + MOOV, "no box at byte 20"),
        (FTYP + FREE * (MOST_BOXES - 2) + MDAT + MOOV, "more than 64 boxes"),
        (b"gpHttpServer: [04327868][INFO ] conn 0\r\n" + WHOLE, "beyond the end"),
        (WHOLE + WHOLE[:100], "mdat box at byte 396 ends at 704, beyond the end"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_a_file_is_not_whole(content: bytes, words: str):
    with pytest.raises(NotWhole, match=words):
        trailing(content)


def test_a_film_of_twelve_gigabytes_is_walked_in_three_looks():
    mdat_bytes = TWELVE_GB - len(FTYP) - len(MOOV)
    headers = {
        0: FTYP[:16],
        20: b"\0\0\0\1mdat" + mdat_bytes.to_bytes(8, "big"),
        TWELVE_GB - len(MOOV): MOOV[:16],
    }

    found = list(boxes(TWELVE_GB, lambda first, count: headers[first][:count]))

    assert found == [
        Box("ftyp", 0, 20),
        Box("mdat", 20, TWELVE_GB - len(MOOV)),
        Box("moov", TWELVE_GB - len(MOOV), TWELVE_GB),
    ]


# A film as cameras write it, whatever its boxes are: what it needs is complete with the last of them.
some_box = st.builds(
    box, st.sampled_from([b"free", b"uuid", b"udta"]), st.integers(0, 40), long=st.booleans()
)
mdat = st.builds(
    box,
    st.just(b"mdat"),
    st.integers(0, 200),
    long=st.booleans(),
    fill=st.sampled_from([b"\0", b"\xa5", b"moov", b"\0\0\0\x08moov"]),
)
moov = st.builds(box, st.just(b"moov"), st.integers(0, 60), long=st.booleans())
film = st.builds(
    lambda before, needed, between: b"".join([*before, needed[0], *between, needed[1]]),
    st.lists(some_box, max_size=3),
    st.one_of(st.tuples(mdat, moov), st.tuples(moov, mdat)),
    st.lists(some_box, max_size=3),
)


@ANY_TIME
@given(film)
def test_every_film_is_whole(content: bytes):
    assert is_whole(content)


@ANY_TIME
@given(film, st.data())
def test_no_truncation_of_a_film_is_whole(content: bytes, data: st.DataObject):
    kept = data.draw(st.integers(0, len(content) - 1))

    assert not is_whole(content[:kept])


@ANY_TIME
@given(film, st.binary(min_size=1, max_size=7))
def test_every_film_is_whole_with_less_than_a_header_more(content: bytes, more: bytes):
    assert trailing(content + more) == len(more)


@ANY_TIME
@given(film, st.one_of(mdat, moov, some_box), st.data())
@example(WHOLE, FREE, None)
def test_a_film_with_a_part_of_a_box_more_is_whole_unless_the_box_may_be_pictures_or_their_index(
    content: bytes, more: bytes, data: st.DataObject | None
):
    kept = data.draw(st.integers(1, len(more) - 1)) if data else len(more) - 1
    may_grow = kept >= 8 and more[4:8] in (b"mdat", b"moov")

    assert is_whole(content + more[:kept]) is not may_grow


@ANY_TIME
@given(film, st.integers(1, 4096), st.sampled_from([b"\0", b"\xff", b"\xa5", b" "]))
def test_every_film_that_was_padded_is_whole_with_its_padding_after_it(
    content: bytes, more: int, fill: bytes
):
    assert trailing(content + fill * more) == more


@ANY_TIME
@given(st.binary(max_size=200))
@example(b"\0\0\0\x08moov\0\0\0\x08mdat")
def test_no_bytes_at_all_break_the_walk(content: bytes):
    """Whatever is there: a verdict, within bounds, and never a read beyond the end."""
    seen: list[int] = []

    def read(first: int, count: int) -> bytes:
        seen.append(first)
        return reading(content)(first, count)

    try:
        found = list(boxes(len(content), read))
    except NotWhole:
        found = []

    assert len(seen) <= MOST_BOXES
    assert sum(one.end - one.first for one in found) in (0, len(content))
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("head", [b"", b"GPRO", b"GPRO" + bytes(200), b"mdat" * 50])
def test_a_header_without_a_serial_is_not_guessed_at(head: bytes):
    assert serial_of_header(head) is None


class TestFilmsOfCameras:
    @pytest.mark.parametrize("name", FILMS)
    def test_are_whole(self, films: Path, name: str):
        assert trailing((films / name).read_bytes()) == 0

    @pytest.mark.parametrize("name", FILMS)
    @pytest.mark.parametrize("more", [b"\0", bytes(7), bytes(8), bytes(9), bytes(65_536), b"\xff" * 512])
    def test_are_whole_with_bytes_after_their_last_box(self, films: Path, name: str, more: bytes):
        assert trailing((films / name).read_bytes() + more) == len(more)

    @pytest.mark.parametrize("name", FILMS)
    def test_are_not_whole_when_cut(self, films: Path, name: str):
        content = (films / name).read_bytes()
        ends = [one.end for one in boxes(len(content), reading(content))]
        around = {end + step for end in [0, *ends] for step in (-1, 0, 1, 7, 8, 15, 16)}
        cuts = sorted(cut for cut in around | {len(content) // 2} if 0 <= cut < len(content))

        assert len(cuts) >= 15
        assert not [cut for cut in cuts if is_whole(content[:cut])]

    @pytest.mark.parametrize("name", FILMS)
    def test_are_not_whole_when_another_film_is_begun_after_them(self, films: Path, name: str):
        """Its `ftyp` is a box like any other; with its `mdat` the file may still grow."""
        content = (films / name).read_bytes()
        ftyp = int.from_bytes(content[:4], "big")

        hauled = [
            more for more in (1, 7, ftyp, ftyp + 7, ftyp + 8, 4096) if is_whole(content + content[:more])
        ]

        assert hauled == [1, 7, ftyp, ftyp + 7]

    @pytest.mark.parametrize("name", FILMS)
    def test_are_not_whole_while_their_samples_have_no_length(self, films: Path, name: str):
        content = (films / name).read_bytes()
        at = content.index(b"mdat") - 4

        assert not is_whole(content[:at] + bytes(4) + content[at + 4 :])

    @pytest.mark.parametrize("name", FILMS)
    def test_say_the_cameras_serial_and_not_the_lens(self, films: Path, name: str):
        with (films / name).open("rb") as stream:
            assert serial_of_header(stream.read(HEAD_BYTES)) == FILMS[name].serial
