"""A haul that finds nothing says why: a card that is home is told from one that is empty or asked for wrongly."""

from __future__ import annotations

import pytest

from tests.edge.commands.test_commands import Line, line
from tests.edge.conftest import Device
from tests.edge.fake_camera import CameraFile, film

__all__ = ["line"]

HOME = "info: everything on this card is home\n"


def why(line: Line) -> str:
    """The reason of the last haul's line `nothing to haul`."""
    [said] = [one for one in line.complaints.splitlines() if one.startswith("warning: nothing to haul ")]
    return said.removeprefix("warning: nothing to haul reason=").strip("'\"")


def test_of_a_card_that_is_home_it_says_so(device: Device, line: Line):
    line.haul("--new")

    assert line.haul("--new") == 0
    assert HOME in line.complaints
    assert "nothing to haul" not in line.complaints


def test_of_a_card_with_photos_besides_it_says_that_they_stay(device: Device, line: Line):
    device.camera.files["100GOPRO/GOPR0001.JPG"] = CameraFile(b"photo")
    line.haul("--new")

    assert line.haul("--new") == 0
    assert why(line) == "every film on this card is home; photos and the like are never hauled: 1"


def test_of_a_card_with_a_film_that_is_never_hauled_it_speaks_of_the_others(device: Device, line: Line):
    device.camera.files["100GOPRO/LOOP0001.MP4"] = CameraFile(film(1000))
    line.haul("--new")

    assert line.haul("--new") == 1
    assert why(line) == "every other film on this card is home"
    assert "not named like chapters, so not hauled: 100GOPRO/LOOP0001.MP4" in line.complaints


def test_of_a_camera_that_counts_more_films_than_it_lists_it_never_says_home(device: Device, line: Line):
    line.haul("--new")
    device.camera.state["39"] = 2

    assert line.haul("--new") == 0
    assert HOME not in line.complaints
    assert why(line).startswith(
        "the camera counts 2 videos, but its list has 1 files of 1 recordings: put the card"
    )


@pytest.mark.parametrize("choice", [("--new",), ("--all",), ("--since", "2026-01-01")])
def test_of_an_empty_card_it_says_so(device: Device, line: Line, choice: tuple[str, ...]):
    device.camera.files.clear()
    device.camera.state["39"] = 0

    assert line.haul(*choice) == 0
    assert why(line) == "the card is empty"


def test_of_an_empty_list_on_a_used_card_it_says_what_to_do(device: Device, line: Line):
    device.camera.files.clear()
    device.camera.state |= {"39": 0, "54": 1_000, "117": 100_000_000}

    assert line.haul("--new") == 0
    assert "the camera lists nothing, but 102.4 GB of its card are used: switch the camera off" in why(line)


@pytest.mark.parametrize("choice", [("--new",), ("--all",), ("--since", "2026-01-01")])
def test_of_a_card_with_photos_alone_it_says_so(device: Device, line: Line, choice: tuple[str, ...]):
    device.camera.files = {"100GOPRO/GOPR0001.JPG": CameraFile(b"photo")}
    device.camera.state["39"] = 0

    assert line.haul(*choice) == 0
    assert why(line) == "the card has only photos and the like, which are never hauled"


def test_of_a_time_in_which_nothing_began_it_says_what_there_is(device: Device, line: Line):
    device.card(GX010042=1000, GX010043=1000)
    device.camera.files["100GOPRO/GX010043.MP4"].created = "1656931399"

    assert line.haul("--since", "2026-01-01") == 0
    assert why(line) == (
        "no recording on this card began in that time; by the camera's clock the first began 2022-07-04 10:43:18 "
        "and the last 2022-07-04 10:43:19"
    )


def test_of_a_card_with_strange_films_alone_it_says_that_there_is_no_other(device: Device, line: Line):
    device.camera.files = {"100GOPRO/LOOP0001.MP4": CameraFile(film(1000))}

    assert line.haul("--all") == 1
    assert why(line) == "the card has no other recording"


def test_of_a_number_that_is_not_there_it_says_which_are(device: Device, line: Line):
    assert line.haul("--recording", "0099") == 1
    assert "no recording 0099 on the camera; there are: 100GOPRO/GX..0042" in line.complaints
