"""The command that tells the audit trail."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.acting import Acting
from chalicelib.core.ids import TokenId
from chalicelib.flows import operations
from infra.admin import deployment
from infra.admin.command import follow, run
from infra.admin.console import Console
from tests.infra.admin.desks import Terminal
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts, make_picture, memory_ports

WHO = Acting("operator", TokenId("t_1"), "POST /v1/sessions/{session_id}/hold", "r-1")


def held() -> MemoryPorts:
    ports = memory_ports(make_picture())
    operations.hold(replace(ports, acting=WHO), story.OPERATOR, SESSION_ID, "look")
    return ports


def lines(ports: MemoryPorts, *arguments: str) -> list[str]:
    said = list[str]()
    assert run(["audit", "--stage", "prod", *arguments], lambda _: ports, said.append) == 0
    return said


def test_a_sessions_trail_says_who_and_what():
    assert lines(held(), "match-17-north") == [
        "2026-11-21 12:00:00 UTC main/match-17-north by operator (t_1): POST /v1/sessions/{session_id}/hold r-1",
        "  hold: - -> look",
    ]


def test_programs_get_every_member():
    document: dict[str, Any] = json.loads(lines(held(), "match-17-north", "--json")[0])

    assert document["entries"] == [
        {
            "at": "2026-11-21T12:00:00Z",
            "who": "operator",
            "token_id": "t_1",
            "route": "POST /v1/sessions/{session_id}/hold",
            "request_id": "r-1",
            "project": "main",
            "session_id": "match-17-north",
            "version": 2,
            "steps": [{"thing": "hold", "name": None, "before": None, "after": "look"}],
        }
    ]


def test_a_project_is_told_from_a_day_on():
    ports = held()
    ports.clock.advance(86_400)
    operations.hold(ports, story.OPERATOR, SESSION_ID, None)

    assert len(lines(ports, "--project", "main")) == 2
    assert len(lines(ports, "--project", "main", "--since", "2026-11-21")) == 4
    assert lines(ports, "--project", "club", "--since", "2026-11-21") == ["nothing is recorded"]


def test_arming_and_disarming_are_acts_about_all_projects():
    terminal = Terminal(held())
    terminal.run("cleanup", "--arm", "--yes", "--reason", "the first season")
    terminal.run("cleanup", "--disarm", "--reason", "look first")

    told = [line for line in lines(terminal.ports, "--project", "*") if line.startswith("  ")]

    assert told == ["  cleanup: - -> armed: the first season", "  cleanup: - -> disarmed: look first"]


def test_a_command_acts_under_the_name_of_its_user_and_machine():
    who = deployment.acting().who

    assert who.startswith("reelhaul-admin of ")
    assert "@" in who


def test_a_session_and_a_day_do_not_go_together(capsys: pytest.CaptureFixture[str]):
    desk = Console(connect=lambda _: held(), say=lambda _: None)

    assert follow(["audit", "--stage", "prod", "match-17-north", "--since", "2026-11-21"], desk) == 1
    assert "leave --since out" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["a", "--project", "main"], ["--project", "main", "--since", "today"]]
)
def test_what_makes_no_sense_is_a_usage_error(arguments: list[str]):
    with pytest.raises(SystemExit) as ended:
        run(["audit", "--stage", "prod", *arguments], lambda _: held(), lambda _: None)

    assert ended.value.code == 2
