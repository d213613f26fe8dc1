"""A film with bytes after its last box is hauled with a note, which is in all that is said of it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from edge_client.commands.output import report_lines
from edge_client.coordinator import answers
from edge_client.model.files import CameraFile, FileIdentity, FilmNotes
from edge_client.model.haul_state import FileState, HaulState, KnownChapter, StoredVersion
from edge_client.model.plan import PLAN, decoded
from tests.edge.commands.test_commands import HOME, Line
from tests.edge.conftest import Device
from tests.edge.model.test_plan import OLDER_PLAN
from tests.support.coordinator import TOKEN

NAME = "100GOPRO/GX010042.MP4"
TRAILING = "16 bytes after its last box, hauled with it; cameras leave them after a repair"


@pytest.fixture
def repaired(device: Device) -> Device:
    """A device beside a camera that has left 16 bytes after the last box of its film."""
    device.camera.files[NAME].content = device.content() + bytes(16)
    return device


@pytest.fixture
def line(device: Device, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Line:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    return Line(device, token_file, capsys)


def test_a_film_as_cameras_finish_it_has_no_note():
    assert FilmNotes().texts == ()


@pytest.mark.parametrize(("trailing_bytes", "is_noted"), [(0, False), (1, True), (2, True)])
def test_bytes_after_the_last_box_are_noted_from_the_first_on(trailing_bytes: int, is_noted: bool):
    assert bool(FilmNotes(trailing_bytes=trailing_bytes).texts) is is_noted


def test_a_plan_that_was_written_before_there_were_notes_has_none():
    [chapter] = decoded(OLDER_PLAN, "match-17").chapters

    assert chapter.notes == FilmNotes()


@pytest.mark.parametrize("notes", [FilmNotes(), FilmNotes(True, 0), FilmNotes(False, 7)])
def test_a_plan_keeps_its_notes(notes: FilmNotes):
    older = decoded(OLDER_PLAN, "match-17")
    plan = replace(older, chapters=(replace(older.chapters[0], **asdict(notes)),))

    assert decoded(plan.encoded(), "match-17") == plan
    assert decoded(plan.encoded(), "match-17").chapters[0].notes == notes


def test_a_plan_without_notes_is_one_that_older_clients_read():
    older = decoded(OLDER_PLAN, "match-17")

    [chapter] = json.loads(older.encoded())["chapters"]

    assert chapter.keys() & {"unfinished", "trailing_bytes"} == set()


def test_the_notes_of_a_film_do_not_change_where_its_parts_lie():
    older = decoded(OLDER_PLAN, "match-17")
    noted = replace(older.chapters[0], unfinished=True, trailing_bytes=7)

    assert older.identity(noted) == older.identity(older.chapters[0])


class TestAHaulOfAFilmWithTrailingBytes:
    def test_brings_every_byte_and_says_so(self, repaired: Device, caplog: pytest.LogCaptureFixture):
        [report] = repaired.run().done

        assert repaired.object() == repaired.content()
        [chapter] = report.chapters
        assert (chapter.trailing_bytes, chapter.unfinished, chapter.notes) == (16, False, (TRAILING,))
        assert [vars(each)["note"] for each in caplog.records if each.message == "noted"] == [TRAILING]
        [kept] = json.loads((repaired.spool / "s" / "report.json").read_bytes())["chapters"]
        assert (kept["trailing_bytes"], kept["notes"]) == (16, [TRAILING])
        assert f"    {TRAILING}" in report_lines(report)

    def test_tells_the_coordinator(self, repaired: Device):
        repaired.run()

        [chapter] = repaired.cloud.sessions["s"]["chapters"]
        assert chapter["trailing_bytes"] == 16
        assert "unfinished" not in chapter

    def test_says_so_again_when_it_is_run_again(self, repaired: Device):
        repaired.run()

        [again] = repaired.run().done

        assert again.chapters[0].notes == (TRAILING,)

    def test_is_planned_with_its_note(self, repaired: Device):
        repaired.run()

        [chapter] = decoded((repaired.spool / "s" / PLAN).read_bytes(), "s").chapters
        assert chapter.trailing_bytes == 16

    def test_of_a_film_as_cameras_finish_it_tells_the_coordinator_nothing_of_it(self, device: Device):
        device.run()

        [chapter] = device.cloud.sessions["s"]["chapters"]
        assert chapter.keys() & {"unfinished", "trailing_bytes"} == set()

    def test_notes_no_film_but_the_one(self, device: Device):
        device.card(GX010042=5000, GX020042=5000)
        film = device.camera.files["100GOPRO/GX020042.MP4"]
        film.content += bytes(16)

        [report] = device.run().done

        assert [chapter.trailing_bytes for chapter in report.chapters] == [0, 16]


class TestWhatIsSaid:
    def test_a_dry_run_shows_the_note(self, repaired: Device, line: Line):
        assert line.haul("match-17", "--recording", "0042", "--dry-run") == 0

        assert line.said.splitlines()[-1] == f"    {TRAILING}"

    def test_a_haul_an_audit_a_list_and_status_show_the_note(self, repaired: Device, line: Line):
        assert line.haul("match-17", "--recording", "0042") == 0
        assert line.said.splitlines()[-1] == f"    {TRAILING}"

        assert line.audit() == 0
        assert line.said.splitlines()[-2:] == [f"  {NAME}  {TRAILING}", HOME]

        assert line.audit("--json") == 0
        [recording] = line.document["recordings"]
        assert (recording["files"][0]["notes"], recording["safe_to_erase"]) == ([TRAILING], True)

        assert line.status("--json") == 0
        assert line.document["notes"] == [f"{NAME}  {TRAILING}"]

        assert line.status() == 0
        assert line.said.splitlines()[-1] == f"  match-17: {NAME}  {TRAILING}"


FILE = CameraFile("100GOPRO", "GX010042.MP4", 1000, 1, 1)
NOTED = KnownChapter(
    FileIdentity(FILE), "s", "original.1", "d", True, StoredVersion("v", 1000, 5), FilmNotes(True, 0)
)


@pytest.mark.parametrize("state", HaulState)
def test_the_notes_of_another_film_of_its_name_are_not_a_films_own(state: HaulState):
    is_its_own = state is not HaulState.OTHER_CONTENT

    assert FileState(FILE, state, NOTED).notes == FilmNotes(is_its_own, 0)


def row(**changes: Any) -> dict[str, Any]:
    names = {"directory": "100GOPRO", "filename": "GX010042.MP4", "size_bytes": 1000}
    told = {"session_id": "s", "device_id": "d", "artifact_id": "original.1", "receipt": None}
    return {**names, "created": 1, "modified": 1, "etag": None, "gumi": None, **told, **changes}


@pytest.mark.parametrize(
    ("said", "notes"),
    [
        ({}, FilmNotes()),
        ({"unfinished": False, "trailing_bytes": 0}, FilmNotes()),
        ({"unfinished": True, "trailing_bytes": 0}, FilmNotes(True, 0)),
        ({"unfinished": False, "trailing_bytes": 3}, FilmNotes(False, 3)),
    ],
)
def test_what_the_coordinator_noted_is_read_and_an_older_one_noted_nothing(
    said: dict[str, Any], notes: FilmNotes
):
    [chapter], _ = answers.known_chapters({"asked_by": "d", "chapters": [row(**said)], "cursor": None})

    assert chapter.notes == notes
