"""`report`: what a person reads, what a program gets, and the page."""

from pathlib import Path

import pytest

from chalicelib.core.order import wish
from chalicelib.core.settle import Actor
from chalicelib.flows.settle import settle_session
from infra.admin.commands.report import write_whole
from tests.infra.admin.desks import Terminal
from tests.support import story
from tests.support.builders import SESSION_ID, memory_ports
from tests.support.fits import make_turn, put_fits
from tests.support.measurements import as_list, make_frames

ASKED = {
    "side": "right",
    "numbering": "icao",
    "nominal_angles": {"1": 2.5, "2": 2.83, "3": 3.17, "4": 3.5},
    "tolerance_arcmin": 3,
}
ANGLES = {"papi_a": 3.5, "papi_b": 3.17, "papi_c": 2.83, "papi_d": 2.58}


@pytest.fixture
def terminal() -> Terminal:
    """A session whose lights are fitted; papi_d is 4.8 minutes too high."""
    ports = memory_ports()
    story.haul(ports, wish([story.LIGHTS], {"inspection": ASKED}))
    story.process(ports, {story.LIGHTS: as_list(make_frames(60))})
    settle_session(ports, SESSION_ID, Actor.MADE_EVENT)
    put_fits(ports, {name: make_turn(angle) for name, angle in ANGLES.items()}, story.LIGHTS)
    return Terminal(ports)


def test_a_person_reads_the_verdict_and_each_light(terminal: Terminal):
    assert terminal.run("report", SESSION_ID) == 0

    whole, *lights = terminal.said
    assert whole == (
        "main/match-17-north: fail; "
        "light papi_d: the whole interval lies outside 3 arc minutes of 2.5 degrees"
    )
    assert lights[0].split() == ["papi_a", "box", "4", "3.5000", "degrees", "3.4900", "to", "3.5100", "pass"]
    assert lights[3].split()[-1] == "fail"


def test_a_program_gets_the_document_of_the_api(terminal: Terminal):
    document, code = terminal.told("report", SESSION_ID, "--artifact", story.LIGHTS)

    assert code == 0
    assert document["inspection"]["verdict"] == "fail"
    assert document["lights"]["papi_d"]["transition"]["angle"] == 2.58


def test_the_page_is_written_and_replaces_an_older_one(terminal: Terminal, tmp_path: Path):
    path = tmp_path / "a report.html"
    path.write_text("older")

    assert terminal.run("report", SESSION_ID, "--output", str(path)) == 0

    assert path.read_text().startswith("<!DOCTYPE html>")
    assert terminal.said[-1] == f"written to {path}"
    assert [each.name for each in tmp_path.iterdir()] == ["a report.html"]


def test_a_page_that_cannot_be_written_leaves_the_older_one_and_nothing_else(tmp_path: Path):
    path = tmp_path / "report.html"
    path.mkdir()

    with pytest.raises(OSError, match=r"report\.html"):
        write_whole(path, b"new")

    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]


def test_a_folder_that_is_not_there_is_refused(terminal: Terminal, tmp_path: Path):
    assert terminal.run("report", SESSION_ID, "--output", str(tmp_path / "absent" / "report.html")) == 1


@pytest.mark.parametrize("artifact", ["lights", "measurements.other.json"])
def test_measurements_that_there_are_not_are_refused(terminal: Terminal, artifact: str):
    try:
        code = terminal.run("report", SESSION_ID, "--artifact", artifact)
    except SystemExit as ended:
        code = int(ended.code or 0)

    assert code in (1, 2)
    assert terminal.said == []


def test_nothing_is_written_to_the_deployment(terminal: Terminal):
    terminal.run("report", SESSION_ID)

    assert terminal.writes == []
