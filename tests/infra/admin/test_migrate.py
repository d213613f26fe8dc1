"""The command `migrate` at a terminal: the plan by default, exit codes, and a report for people and programs."""

import json
from pathlib import Path

import pytest

from chalicelib.core import ids
from chalicelib.flows.imports import import_session
from infra.admin.console import DONE, OWED, REFUSED
from infra.migration import run
from tests.infra.admin.desks import Terminal
from tests.infra.migration.older import Older, frame_row, old_id
from tests.support import story
from tests.support.builders import memory_ports, recorded


@pytest.fixture
def older(tmp_path: Path) -> Older:
    """An older system with one whole session, and one without its original."""
    made = Older(tmp_path / "older")
    made.make_tables()
    for number in (1, 2):
        made.add_row(made.add(number, frames=4 * (number == 1)))
    made.add_frames([frame_row(each, old_id(2), each) for each in range(6)])
    (made.root / "videos/original" / old_id(2) / "flight.mp4").unlink()
    return made


@pytest.fixture
def terminal() -> Terminal:
    return Terminal(memory_ports())


def where(older: Older) -> list[str]:
    return ["migrate", "--folder", str(older.root), "--database", older.url]


def test_without_more_it_plans_and_writes_nothing(older: Older, terminal: Terminal):
    assert terminal.run(*where(older)) == DONE

    assert terminal.writes == []
    told = "\n".join(terminal.said)
    assert (
        "B): original.000OLDER.flight.mp4, output.enhanced.mp4, measurements.frames.json.gz, "
        "output.session-row.json" in told
    )
    assert "missing in the older system: original" in told
    assert terminal.said[-2].startswith("plan: 2 sessions; artifacts: 7 would import (")


def test_an_import_waits_for_its_indexes_and_is_then_verified(older: Older, terminal: Terminal):
    assert terminal.run(*where(older), "--apply") == OWED
    story.let_pass(terminal.ports)

    document, code = terminal.told(*where(older), "--verify")

    assert code == DONE
    assert document["total"] == {
        "sessions": 2,
        "failed": 0,
        "owing": 0,
        "incomplete": 1,
        "artifacts": {
            "same": {"count": 7, "size_bytes": document["total"]["artifacts"]["same"]["size_bytes"]}
        },
    }
    [first, second] = document["sessions"]
    assert (first["session_id"], first["state"], first["frames"]) == (
        old_id(1),
        "PROCESSED",
        {"measurements.frames.json.gz": 4},
    )
    assert (second["state"], second["missing"], second["frame_rows"]) == ("OPEN", ["original"], 6)
    assert second["artifacts"][1]["rows"] == {"written": 6, "unreadable": 0, "reasons": []}


def test_verify_writes_nothing(older: Older, terminal: Terminal):
    terminal.run(*where(older), "--apply")
    terminal.writes.clear()

    terminal.run(*where(older), "--verify")

    assert terminal.writes == []


def test_a_difference_is_told_and_fails(older: Older, terminal: Terminal):
    terminal.run(*where(older), "--apply")
    story.let_pass(terminal.ports)
    older.write(f"videos/enhanced/{old_id(1)}/{old_id(1)}_enhanced_main_video.mp4", b"something else")

    assert terminal.run(*where(older), "--verify") == REFUSED
    assert "differs: output.enhanced.mp4 from" in "\n".join(terminal.said)


def test_the_report_is_written_as_json_as_well(older: Older, terminal: Terminal, tmp_path: Path):
    terminal.run(*where(older), "--apply", "--report", str(tmp_path / "report.json"))

    document = json.loads((tmp_path / "report.json").read_text())
    assert (document["mode"], document["project"], len(document["sessions"])) == ("apply", "main", 2)


def test_a_limit_leaves_the_rest_for_the_next_run(older: Older, terminal: Terminal):
    assert terminal.run(*where(older), "--apply", "--limit", "1") == OWED
    assert terminal.said[-1] == "not all sessions had their turn; run it again"
    assert len(list(terminal.ports.records.sessions())) == 1


def test_sessions_go_to_the_project_that_is_named(older: Older, terminal: Terminal):
    terminal.run(
        *where(older), "--apply", "--project", "airfield", "--source-name", "the old server", old_id(1)
    )

    picture = recorded(terminal.ports, ids.session_id("airfield", old_id(1)))
    assert picture.session.storage
    assert picture.session.storage.source == "the old server"


def test_the_address_of_the_database_may_be_in_a_file(older: Older, terminal: Terminal, tmp_path: Path):
    (tmp_path / "url.txt").write_text(older.url + "\n")

    assert (
        terminal.run("migrate", "--folder", str(older.root), "--database", f"@{tmp_path / 'url.txt'}") == DONE
    )
    assert any("output.session-row.json" in line for line in terminal.said)


def test_the_bar_shows_sessions_and_bytes(older: Older, terminal: Terminal):
    terminal.run(*where(older), "--apply")

    *_, last, end = terminal.drawn
    assert last.startswith("[########################] 100%  2 of 2 sessions, ")
    assert end == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--folder", "/nowhere"], "/nowhere is not a folder"),
        (["--s3", "older-bucket"], "older-bucket is no s3://BUCKET/PREFIX"),
        (["--database", "sqlite:////nowhere/app.db"], "there is no file /nowhere/app.db"),
        (["--database", "not an address"], "this is not a SQLAlchemy URL"),
        (["--database", "oracle://u:secret@h/n"], "cannot be opened for reading alone"),
    ],
)
def test_what_cannot_be_read_is_refused(
    older: Older, terminal: Terminal, arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
):
    place = [] if "--s3" in arguments or "--folder" in arguments else ["--folder", str(older.root)]

    assert terminal.run("migrate", *place, *arguments) == REFUSED

    said = capsys.readouterr().err
    assert told in said
    assert "secret" not in said


def test_a_database_that_is_another_is_refused_with_its_tables(
    tmp_path: Path, terminal: Terminal, capsys: pytest.CaptureFixture[str]
):
    other = Older(tmp_path)
    other.make_tables("CREATE TABLE flights (id INTEGER PRIMARY KEY)")

    assert terminal.run(*where(other)) == REFUSED
    assert "has no table measurement_sessions; it has flights" in capsys.readouterr().err


def test_ensure_says_that_an_import_keeps_its_originals_until_an_order(older: Older, terminal: Terminal):
    terminal.run(*where(older), "--apply", old_id(1))
    story.let_pass(terminal.ports, terminal.ports.policy.grace_s)

    document, code = terminal.told("ensure", f"main/{old_id(1)}")

    [session] = document["sessions"]
    assert (code, session["owed"]) == (DONE, [])
    assert "ordered-here" in session["kept"]


def test_ensure_says_what_an_import_still_has_to_bring(older: Older, terminal: Terminal):
    found = next(each for each in run.find_sessions(older.world(terminal.ports), [old_id(1)]) if each.plan)
    assert found.plan
    import_session(terminal.ports, story.OPERATOR, found.plan.wanted)

    document, code = terminal.told("ensure", f"main/{old_id(1)}")

    [session] = document["sessions"]
    assert code == OWED
    assert {each["what"] for each in session["owed"]} == {"import", "chapters"}
