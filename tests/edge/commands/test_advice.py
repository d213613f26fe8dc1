"""What an audit advises for each file that is not home, followed to the letter."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_client.cli import run
from edge_client.commands.audit import audit_lines
from edge_client.model.advice import ADVICE, Called, How, helps
from edge_client.model.haul_state import HaulState, Obstacle
from tests.edge.commands.test_commands import HOME, Line
from tests.edge.conftest import Device
from tests.edge.fake_camera import SERIAL, CameraFile, film
from tests.support.coordinator import TOKEN


@pytest.fixture
def line(device: Device, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Line:
    token_file = tmp_path / "a token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    return Line(device, token_file, capsys)


def test_every_standing_that_is_not_home_and_every_obstacle_has_its_advice():
    kinds = {*(state for state in HaulState if not state.is_home), *Obstacle}

    assert set(ADVICE) == kinds
    assert all(advice.words for advice in ADVICE.values())


def test_a_command_is_one_for_a_shell_with_the_options_of_the_first():
    called = Called(("sudo", "reelhaul-at", "enx1"), ("--spool", "/a b/c"))

    command = called.command("haul", "again", "--file", "100GOPRO/GX010042.MP4")

    assert shlex.split(command) == [
        *("sudo", "reelhaul-at", "enx1", "haul", "again", "--file", "100GOPRO/GX010042.MP4"),
        *("--spool", "/a b/c"),
    ]


def commands(line: Line) -> list[str]:
    """The commands that the last audit printed."""
    return [one.strip() for one in line.said.splitlines() if one.startswith("  reelhaul ")]


def follow(line: Line, *kinds: str) -> None:
    """Run each printed command as it is printed; they are of these kinds, in order."""
    said = [shlex.split(command)[1:] for command in commands(line)]
    assert [words[0] for words in said] == list(kinds), line.said
    for words in said:
        assert run(words) == 0, words


def nothing(device: Device, line: Line) -> None:
    """No recording of this card was hauled."""


def other_content(device: Device, line: Line) -> None:
    """The card was formatted and filled again: the same name, another date."""
    line.haul("--new")
    device.camera.files["100GOPRO/GX010042.MP4"] = CameraFile(film(900, 9), created="1756931398")


def repaired(device: Device, line: Line) -> None:
    """The camera repaired a file that is home, and its dates are as before."""
    line.haul("--new")
    device.camera.files["100GOPRO/GX010042.MP4"].etag = '"repaired.1"'


def repaired_before_it_was_home(device: Device, line: Line) -> None:
    """The camera repaired a file of a session that is not home."""
    device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
    line.haul("--new")
    device.camera.files["100GOPRO/GX010042.MP4"] = CameraFile(film(950, 9), etag='"repaired.1"')


def swapped(device: Device, line: Line) -> None:
    """While a session was not home its card went out; the new card has a file of the same name, size and dates."""
    under_way(device, line)
    device.camera.files["100GOPRO/GX010042.MP4"] = CameraFile(film(len(device.content()), 9), etag='"new.1"')


def under_way(device: Device, line: Line) -> None:
    """The upload was not completed."""
    device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
    line.haul("--new")


def gap(device: Device, line: Line) -> None:
    """Chapter 1 was deleted."""
    line.haul("--new")
    device.card(GX010042=len(device.content()), GX020043=900, GX030043=901)


def later_chapter(device: Device, line: Line) -> None:
    """A chapter that came after its recording's session was planned."""
    line.haul("--new")
    device.card(GX010042=len(device.content()), GX020042=900)


def unread_chapter(device: Device, line: Line) -> None:
    """The list does not give the size of chapter 2, and the camera does not show the chapter."""
    device.card(GX010042=900, GX020042=901)
    listed = device.camera.media()
    listed["media"][0]["fs"][1]["s"] = ""
    device.camera.shown = listed
    device.camera.hidden.add("100GOPRO/GX020042.MP4")


def broken_chapter(device: Device, line: Line) -> None:
    """The last chapter is not finished."""
    device.card(GX010042=900, GX020042=901)
    device.camera.files["100GOPRO/GX020042.MP4"] = CameraFile(film(901, 2)[:-8])


def claim(device: Device, body: bytes | None) -> None:
    """Another device has planned this film, and has hauled `body` where there is one."""
    chapter = {
        "directory": "100GOPRO",
        "filename": "GX010042.MP4",
        "size_bytes": len(device.content()),
        "created": 1656931398,
        "modified": 1656931398,
        "etag": '"62c2a1c6.1"',
        "gumi": None,
    }
    device.cloud.claim("theirs", SERIAL, chapter, body)


def another_device(device: Device, line: Line) -> None:
    """Another device has begun this film and not finished it."""
    claim(device, None)


def another_device_without_an_object(device: Device, line: Line) -> None:
    """Another device has hauled this film, and the object is gone."""
    claim(device, device.content())
    [upload] = device.cloud.uploads.values()
    upload.lose_object()


@pytest.mark.parametrize(
    ("befall", "kinds"),
    [
        (nothing, ("audit",)),
        (under_way, ("audit",)),
        (other_content, ("audit",)),
        (another_device, ("audit",)),
        (another_device_without_an_object, ("audit",)),
        (repaired, ("haul",)),
        (repaired_before_it_was_home, ("haul",)),
        (swapped, ("haul",)),
        (gap, ("haul",)),
        (later_chapter, ("haul",)),
    ],
    ids=lambda each: each.__name__ if callable(each) else None,
)
def test_the_commands_that_an_audit_prints_bring_the_card_home(
    device: Device, line: Line, befall: Callable[[Device, Line], None], kinds: tuple[str, ...]
):
    befall(device, line)
    assert line.audit() == 1

    follow(line, *kinds)

    assert line.audit() == 0, line.said
    assert line.said.splitlines()[-1] == HOME


def test_the_command_hauls_the_legible_chapters_of_a_recording_with_an_illegible_one(
    device: Device, line: Line
):
    unread_chapter(device, line)
    assert line.audit() == 1

    follow(line, "haul")

    assert device.object() == device.content()
    assert line.audit() == 1
    assert "entries of the camera's list" in line.said
    assert commands(line) == []


def test_the_commands_haul_the_sound_chapters_of_a_recording_and_then_the_unfinished_one_as_it_is(
    device: Device, line: Line
):
    broken_chapter(device, line)
    assert line.audit() == 1
    sound, unfinished = commands(line)
    assert ("--unfinished" in sound, "--unfinished" in unfinished) == (False, True)

    follow(line, "haul", "haul")

    assert [device.object(name) for name in ("GX010042.MP4", "GX020042.MP4")] == [
        device.content(name) for name in ("GX010042.MP4", "GX020042.MP4")
    ]
    assert line.audit() == 0
    assert "safe to erase, read once, unfinished" in line.said


def test_the_rest_of_a_recording_comes_home_after_its_unfinished_chapter(device: Device, line: Line):
    broken_chapter(device, line)
    assert line.haul("broken-42", "--file", "100GOPRO/GX020042.MP4", "--unfinished") == 0
    assert line.audit() == 1

    follow(line, "audit")

    assert device.object() == device.content()
    assert line.audit() == 0


def test_a_film_without_a_byte_cannot_be_hauled_as_it_is(device: Device, line: Line):
    device.camera.files["100GOPRO/GX010042.MP4"] = CameraFile(b"")

    assert line.audit() == 1

    assert commands(line) == []
    assert "100GOPRO/GX010042.MP4: the film has no bytes: switch the camera off and on" in line.said


def test_a_film_that_is_not_finished_is_hauled_after_the_repair_that_is_advised(device: Device, line: Line):
    whole = film(900, 2)
    device.camera.files["100GOPRO/GX010042.MP4"] = CameraFile(whole[:-8])
    assert line.audit() == 1
    assert "--unfinished" in commands(line)[0]
    assert "100GOPRO/GX010042.MP4: the film is not finished: switch the camera off and on" in line.said

    device.camera.files["100GOPRO/GX010042.MP4"] = CameraFile(whole, etag='"repaired.1"')
    assert line.audit() == 1
    follow(line, "audit")

    assert line.audit() == 0


@pytest.mark.parametrize("is_home", [False, True], ids=["not hauled", "hauled"])
def test_a_file_that_the_camera_lists_and_does_not_show_is_advised_a_restart(
    device: Device, line: Line, is_home: bool
):
    if is_home:
        line.haul("--new")
    device.camera.hidden.add("100GOPRO/GX010042.MP4")

    # On the clock of the test: an audit waits up to a minute for a file that is home.
    found = device.survey()
    [advice] = helps(found.recordings, found.taken, Called())
    assert (found.all_home, advice.command) == (False, None)
    assert "switch the camera off and on and audit again" in "\n".join(audit_lines(found, [advice]))

    device.camera.hidden.clear()
    assert line.audit() == (0 if is_home else 1)


def test_a_film_without_a_date_is_hauled_and_then_to_be_compared_by_hand(device: Device, line: Line):
    device.camera.files["100GOPRO/GX010042.MP4"].created = "unknown"
    assert line.audit() == 1
    assert "hauls it; the camera gives it no date, so afterwards compare the two by hand" in line.said

    assert run([*shlex.split(commands(line)[0])[1:]]) == 1

    assert device.object() == device.content()
    assert line.audit() == 1
    assert commands(line) == []
    assert "compare the two by hand, or keep the card" in line.said


def test_an_audit_that_hauls_does_not_advise_what_it_has_just_tried(device: Device, line: Line):
    device.cloud.faults["session"] = [(403, b'{"message": "Forbidden"}')]

    assert line.audit("--haul") == 1

    assert commands(line) == []
    assert "100GOPRO/GX010042.MP4: this run could not haul it; its error line says why" in line.said


def test_a_session_that_began_with_another_card_is_finished_once_that_card_is_back(
    device: Device, line: Line
):
    first = device.camera.files["100GOPRO/GX010042.MP4"]
    swapped(device, line)
    assert line.audit() == 1
    assert "to finish that, put its card back and haul again" in line.said

    device.camera.files["100GOPRO/GX010042.MP4"] = first
    assert line.haul("--new") == 0
    assert line.audit() == 0


@pytest.mark.parametrize(("files", "sizes"), [(98, [98]), (99, [99]), (100, [99, 1])])
def test_a_long_loop_with_a_gap_has_a_command_for_each_99_files(
    device: Device, line: Line, files: int, sizes: list[int]
):
    counters = [n for n in range(1, files + 2) if n != 2]
    device.camera.files = {f"100GOPRO/GXAA{n:04d}.MP4": CameraFile(film(900, n % 50)) for n in counters}

    line.audit("--json")

    assert [len(one["files"]) for one in line.document["advice"]] == sizes
    names = {one["command"].split()[2] for one in line.document["advice"]}
    assert len(names) == len(sizes)


def test_a_mixed_card_has_one_command_for_whole_recordings_and_one_for_each_other(device: Device, line: Line):
    device.card(GX010042=900, GX010043=901, GX020044=902, GX020045=903)

    assert line.audit("--json") == 1
    helped = [
        ((one["command"] or "").split()[1:2], [file["path"][-8:-4] for file in one["files"]])
        for one in line.document["advice"]
    ]
    assert helped == [(["audit"], ["0042", "0043"]), (["haul"], ["0044"]), (["haul"], ["0045"])]

    line.audit()
    codes = [run(shlex.split(command)[1:]) for command in commands(line)]
    assert codes == [1, 0, 0]
    assert line.audit() == 0


def test_no_advice_is_given_for_a_card_that_is_home(device: Device, line: Line):
    line.haul("--new")

    assert line.audit() == 0
    assert "what helps" not in line.said


def test_each_kind_of_advice_is_of_one_way(device: Device):
    assert {advice.how for advice in ADVICE.values()} == set(How)
