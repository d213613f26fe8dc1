"""The demo footage shows what its truth says, plays, and has the structure of a GoPro's files."""

import io
import os
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from infra.local.footage import (
    LIGHTS,
    Film,
    LightTruth,
    Progress,
    Status,
    chapter_bytes,
    chapter_files,
    make_footage,
    truth,
    twins,
)
from infra.local.gopro_file import DiskContent, MemoryContent, inspected

SMALL = Film(width=480, height=270, fps=10, frames_per_chapter=20, bit_rate=3_000_000)
FULL = Film()
PART_BYTES = 5 * 1024 * 1024
NAMES = ["GX010038.MP4", "GX020038.MP4", "GX030038.MP4"]


Picture = NDArray[np.uint8]
Colour = NDArray[np.float64]


def silent(done: int, total: int) -> None:
    """Tells nobody."""


@pytest.fixture(scope="module")
def chapters(tmp_path_factory):
    return make_footage(tmp_path_factory.mktemp("footage"), silent, SMALL)


def pictures(source: str | io.BytesIO) -> list[Picture]:
    with av.open(source, "r") as container:
        return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in container.decode(video=0)]


def colour_at(picture: Picture, light: LightTruth) -> Colour:
    row, column = round(light.y_px), round(light.x_px)
    patch = picture[row - 1 : row + 2, column - 1 : column + 2].reshape(-1, 3)
    return np.asarray(patch.mean(axis=0), np.float64)


def seen(rgb: Colour) -> Status:
    """Red or white, as an eye would say it: white has as much blue as red."""
    share = rgb[2] / rgb[0]
    return Status.RED if share < 0.35 else Status.WHITE if share > 0.8 else Status.TRANSITION


def test_three_chapters_are_made_under_a_cameras_names(chapters):
    assert [path.name for path in chapters] == NAMES


def test_every_chapter_is_structurally_a_gopros(chapters):
    for path in chapters:
        found = inspected(DiskContent.at(path))
        assert [box.kind for box in found.boxes] == ["ftyp", "mdat", "moov"]
        assert found.boxes[0].size_bytes == 20
        assert found.boxes[-1].end == path.stat().st_size
        assert (found.header.serial, found.header.firmware) == ("C3501324500711", "H23.01.02.32.00")


def test_every_chapter_lasts_as_long_as_its_frames(chapters):
    assert [inspected(DiskContent.at(path)).duration_s for path in chapters] == [2.0, 2.0, 2.0]


def test_every_frame_of_every_chapter_can_be_decoded(chapters):
    assert [len(pictures(str(path))) for path in chapters] == [20, 20, 20]


def test_a_browser_can_play_it(chapters):
    with av.open(str(chapters[0])) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")


def test_every_light_on_every_frame_has_the_colour_of_the_truth(chapters):
    wrong = []
    shown = [picture for path in chapters for picture in pictures(str(path))]
    for number, picture in enumerate(shown):
        for light in truth(number, SMALL).lights:
            if np.abs(colour_at(picture, light) - light.rgb).max() > 40:
                wrong.append((number, light.name, colour_at(picture, light), light.rgb))

    assert len(shown) == SMALL.frames
    assert wrong == []


def test_the_lights_are_red_at_the_start_and_white_at_the_end(chapters):
    first, last = pictures(str(chapters[0]))[0], pictures(str(chapters[-1]))[-1]

    assert [seen(colour_at(first, light)) for light in truth(0, SMALL).lights] == [Status.RED] * 4
    assert [seen(colour_at(last, light)) for light in truth(SMALL.frames - 1, SMALL).lights] == [
        Status.WHITE
    ] * 4


def test_the_lights_turn_white_one_after_the_other_from_the_left():
    whites = [
        next(number for number in range(FULL.frames) if truth(number).lights[place].status is Status.WHITE)
        for place in range(len(LIGHTS))
    ]

    assert all(before + 100 < after for before, after in pairwise(whites))


def test_a_light_that_has_turned_stays_white():
    for place in range(len(LIGHTS)):
        whiteness = [truth(number).lights[place].whiteness for number in range(FULL.frames)]
        assert whiteness == sorted(whiteness)


@pytest.mark.parametrize("light", LIGHTS, ids=lambda light: light.name)
def test_a_light_is_half_turned_at_its_set_angle(light):
    place = LIGHTS.index(light)
    nearest = min(
        range(FULL.frames), key=lambda number: abs(truth(number).elevation_deg - light.set_angle_deg)
    )

    assert truth(nearest).lights[place].whiteness == pytest.approx(0.5, abs=0.05)
    assert truth(nearest).lights[place].status is Status.TRANSITION


def test_the_climb_goes_on_evenly_from_chapter_to_chapter():
    angles = [truth(number).elevation_deg for number in range(FULL.frames)]

    assert (angles[0], angles[-1]) == (FULL.first_angle_deg, FULL.last_angle_deg)
    assert np.ptp(np.diff(angles)) < 1e-9


def test_lights_stay_inside_the_picture_and_left_of_its_middle():
    for number in (0, FULL.frames - 1):
        for light in truth(number).lights:
            assert 20 < light.x_px < FULL.width / 2
            assert 20 < light.y_px < FULL.height - 20


def test_equal_films_have_equal_bytes_and_another_seed_has_others():
    tiny = Film(width=160, height=96, frames_per_chapter=2)
    other = Film(width=160, height=96, frames_per_chapter=2, seed=39)

    assert chapter_bytes(tiny, 1) == chapter_bytes(tiny, 1) != chapter_bytes(other, 1)


def test_progress_counts_all_frames_to_the_end(tmp_path):
    told: list[tuple[int, int]] = []
    film = Film(width=160, height=96, fps=2, frames_per_chapter=3)

    make_footage(tmp_path, lambda done, total: told.append((done, total)), film)

    assert told == [(2, 9), (3, 9), (5, 9), (6, 9), (8, 9), (9, 9)]


def tiny_footage(folder: Path, progress: Progress = silent) -> list[Path]:
    return make_footage(folder, progress, Film(width=160, height=96, frames_per_chapter=2))


def test_footage_that_is_there_is_not_made_again(tmp_path):
    for path in tiny_footage(tmp_path):
        os.utime(path, (1, 1))
    told: list[int] = []

    paths = tiny_footage(tmp_path, lambda done, total: told.append(done))

    assert told == []
    assert {path.stat().st_mtime for path in paths} == {1}


def test_footage_of_another_film_is_made_anew(tmp_path):
    before = [path.read_bytes() for path in tiny_footage(tmp_path)]

    after = make_footage(tmp_path, silent, Film(width=160, height=96, frames_per_chapter=3))

    assert [path.read_bytes() for path in after] != before


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"cut")])
def test_footage_that_lost_a_chapter_or_a_part_of_it_is_made_anew(tmp_path, damage):
    before = [path.read_bytes() for path in tiny_footage(tmp_path)]
    damage(tmp_path / NAMES[1])

    assert [path.read_bytes() for path in tiny_footage(tmp_path)] == before


def test_making_leaves_only_the_chapters_and_their_key(tmp_path):
    tiny_footage(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {
        *NAMES,
        *("GL010038.LRV", "GL020038.LRV", "GL030038.LRV"),
        *("GX010038.THM", "GX020038.THM", "GX030038.THM"),
        "footage.json",
    }


def test_every_chapter_has_a_proxy_that_a_browser_plays_and_a_thumbnail(chapters):
    for path in chapters:
        proxy, thumbnail = twins(path)
        with av.open(str(proxy)) as container:
            context = container.streams.video[0].codec_context
            assert (context.name, context.width, context.height) == ("h264", 120, 66)
        assert len(pictures(str(proxy))) == SMALL.frames_per_chapter
        assert [box.kind for box in inspected(DiskContent.at(proxy)).boxes] == ["ftyp", "mdat", "moov"]
        assert thumbnail.read_bytes().startswith(b"\xff\xd8\xff")
        assert [picture.shape for picture in pictures(str(thumbnail))] == [(66, 120, 3)]
        assert proxy.stat().st_size < path.stat().st_size / 8


def test_originals_are_hevc_where_that_is_asked_for_and_their_proxies_are_not():
    film = Film(width=320, height=180, fps=10, frames_per_chapter=3, codec="libx265")

    original, proxy, _ = chapter_files(film, 1)

    for content, codec in ((original, "hevc"), (proxy, "h264")):
        assert len(pictures(io.BytesIO(content))) == 3
        with av.open(io.BytesIO(content)) as container:
            assert container.streams.video[0].codec_context.name == codec
        assert [box.kind for box in inspected(MemoryContent(content)).boxes] == ["ftyp", "mdat", "moov"]
    assert b"hvc1" in original
    assert chapter_files(film, 1)[0] == original == chapter_bytes(film, 1)


def test_a_chapter_of_full_size_has_three_parts_of_five_mebibytes_and_plays():
    data = chapter_bytes(FULL, 2)

    assert 2 * PART_BYTES < len(data) <= 3 * PART_BYTES
    assert inspected(MemoryContent(data)).duration_s == 12.0
    first = FULL.frames_per_chapter
    shown = pictures(io.BytesIO(data))
    assert len(shown) == FULL.frames_per_chapter
    for number in range(0, len(shown), 20):
        for light in truth(first + number).lights:
            assert np.abs(colour_at(shown[number], light) - light.rgb).max() < 40
