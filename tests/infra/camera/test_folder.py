"""A folder of films as a card, and the simulator as a command."""

import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from infra.local.camera import (
    Camera,
    Card,
    NoObjectStore,
    card_of_folder,
    chapter_path,
    sha256,
    virtual_chapter,
)
from infra.local.camera.__main__ import main
from infra.local.gopro_file import DiskContent, GproHeader
from tests.infra.raw_http import ask
from tests.support.gopro_data import FILMS

HEADER = GproHeader("C3461324500001", "H21.01.01.46.00", "HERO10 Black")
WRONG = [["--port", "70000"], ["--port", "x"], ["--pace", "0"], ["--keep-alive", "soon"], ["--nonsense"]]
ROOT = Path(__file__).parents[3]


def put(folder: Path, name: str, header: GproHeader = HEADER, size: int = 2000) -> None:
    content = virtual_chapter(size, seed=len(name), header=header, duration_s=3.5)
    (folder / name).write_bytes(content.read(0, size))


def names(card: Card) -> list[str]:
    return [file.name for _, file in card.files()]


def test_films_become_the_chapters_of_one_recording_by_name(tmp_path):
    put(tmp_path, "b.mp4", size=2001)
    put(tmp_path, "a.MP4", size=2000)
    (tmp_path / "notes.txt").write_text("no film")
    (tmp_path / "folder.mp4").mkdir()

    card = card_of_folder(tmp_path)

    assert [(d, f.name, f.size_bytes) for d, f in card.files()] == [
        ("100GOPRO", "GX010001.MP4", 2000),
        ("100GOPRO", "GX020001.MP4", 2001),
    ]


@pytest.mark.parametrize(
    "given",
    [
        ("GX010038.MP4", "GX010039.MP4"),
        ("GH010038.MP4", "GX020038.MP4"),
        ("GX020038.MP4", "GX030038.MP4"),
        ("GX010038.MP4", "GX030038.MP4"),
    ],
)
def test_chapters_of_several_recordings_or_with_a_gap_are_named_as_one_recording(tmp_path, given):
    for name in given:
        (tmp_path / name).write_bytes(b"film")

    assert names(card_of_folder(tmp_path)) == ["GX010001.MP4", "GX020001.MP4"]


def test_chapters_keep_their_own_names(tmp_path):
    for name in ("GX010038.MP4", "GX020038.MP4"):
        put(tmp_path, name)

    assert names(card_of_folder(tmp_path)) == ["GX010038.MP4", "GX020038.MP4"]


@pytest.mark.parametrize("other", ["GX010038.mp4", "GX010038_1.MP4", "GX01003.MP4", "match.MP4"])
def test_one_foreign_name_renames_them_all(tmp_path, other):
    put(tmp_path, "GX020038.MP4")
    put(tmp_path, other)

    assert names(card_of_folder(tmp_path)) == ["GX010001.MP4", "GX020001.MP4"]


def test_the_card_has_the_camera_that_all_its_films_state(tmp_path):
    put(tmp_path, "GX010038.MP4")
    put(tmp_path, "GX020038.MP4")

    card = card_of_folder(tmp_path)

    assert (card.serial, card.firmware, card.model) == (HEADER.serial, HEADER.firmware, HEADER.model)
    assert [file.duration_s for _, file in card.files()] == [3.5, 3.5]


def test_films_of_two_cameras_or_of_none_get_the_default_camera(tmp_path):
    put(tmp_path, "a.mp4")
    put(tmp_path, "b.mp4", header=GproHeader("C3501324500002", "H23.01.02.32.00"))
    (tmp_path / "c.mp4").write_bytes(b"no boxes at all")

    assert card_of_folder(tmp_path).serial == "C3501324500711"


@pytest.mark.parametrize(("count", "is_refused"), [(98, False), (99, False), (100, True)])
def test_a_recording_has_at_most_99_chapters(tmp_path, count, is_refused):
    for number in range(count):
        (tmp_path / f"{number:03}.mp4").write_bytes(b"film")
    if is_refused:
        with pytest.raises(NoObjectStore, match="100 MP4 files"):
            card_of_folder(tmp_path)
    else:
        assert len(card_of_folder(tmp_path).files()) == count


def test_a_film_is_served_as_it_is_on_disk(tmp_path):
    put(tmp_path, "a.mp4", size=700_000)

    with Camera(card_of_folder(tmp_path)) as camera:
        reply = ask(camera, chapter_path("GX010001.MP4"))

    assert reply.body == (tmp_path / "a.mp4").read_bytes()
    assert reply.header("Etag") == f'"{int((tmp_path / "a.mp4").stat().st_mtime):x}.700000"'


@pytest.mark.parametrize(
    "arguments",
    WRONG,
)
def test_wrong_arguments_end_with_two(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_folder_that_is_not_there_ends_with_two_and_says_so(tmp_path, capsys):
    assert main(["--footage", str(tmp_path / "none")]) == 2
    assert "none is not a folder" in capsys.readouterr().err


def test_a_folder_without_films_ends_with_two_and_says_so(tmp_path, capsys):
    assert main(["--footage", str(tmp_path)]) == 2
    assert "holds no MP4 files" in capsys.readouterr().err


def test_a_taken_port_ends_with_two_and_names_the_way_out(tmp_path, capsys):
    put(tmp_path, "a.mp4")
    with Camera(card_of_folder(tmp_path)) as camera:
        port = camera.url.rpartition(":")[2]

        assert main(["--footage", str(tmp_path), "--port", port]) == 2

    assert f"port {port} cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_what_it_serves_and_ends_cleanly(tmp_path, number):
    put(tmp_path, "GX010038.MP4")
    command = [sys.executable, "-m", "infra.local.camera", "--footage", str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            greeting = [process.stdout.readline() for _ in range(4)]
            url = greeting[0].split()[-1]
            with urlopen(f"{url}/gopro/camera/state") as reply:
                assert reply.status == 200
            process.send_signal(number)
            rest, errors = process.communicate(timeout=20)
        finally:
            process.kill()

    assert "HERO10 Black, serial C3461324500001" in greeting[0]
    assert "100GOPRO/GX010038.MP4" in greeting[1]
    assert "2,000 bytes" in greeting[1]
    assert f"reelhaul haul --camera {url} --recording 0038" in greeting[2]
    assert "GET /gopro/camera/state - -> 200" in rest
    assert (process.returncode, errors) == (0, "")


def test_three_films_of_cameras_are_served_as_one_recording(films: Path):
    card = card_of_folder(films)

    assert names(card) == ["GX010001.MP4", "GX020001.MP4", "GX030001.MP4"]
    on_disk = [DiskContent.at(films / name) for name in FILMS]
    assert [file.sha256() for _, file in card.files()] == [sha256(film) for film in on_disk]


def test_a_proxy_and_a_thumbnail_beside_a_film_are_served_under_the_chapters_name(tmp_path):
    put(tmp_path, "GX010007.MP4")
    put(tmp_path, "GL010007.LRV", size=1500)
    (tmp_path / "GX010007.THM").write_bytes(b"picture")
    put(tmp_path, "GX010009.MP4")

    card = card_of_folder(tmp_path)

    assert [(file.name, file.low_resolution_bytes) for _, file in card.listed()] == [
        ("GX010001.MP4", 1500),
        ("GX020001.MP4", 0),
    ]
    assert sorted(names(card)) == ["GL010001.LRV", "GX010001.MP4", "GX010001.THM", "GX020001.MP4"]
    with Camera(card) as camera:
        assert ask(camera, chapter_path("GX010001.THM")).body == b"picture"
