"""The operator's command, over a registry in memory."""

import errno
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.stub import Stubber
from msgspec.structs import replace

from chalicelib.core import tokens
from chalicelib.core.errors import InvalidRequest, NotAuthenticated, StorageBusy
from chalicelib.core.ids import TokenId
from chalicelib.core.page_sessions import PageRules
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows import devices, page_sessions
from chalicelib.flows.devices import Registry
from chalicelib.flows.enrolment import exchange
from infra.admin import command, deployment
from infra.admin.console import Console
from tests.support.builders import MemoryPorts, memory_ports
from tests.support.faults import Fault, faulty


@dataclass
class Desk:
    """An operator's terminal, before a registry in memory."""

    registry: Registry = field(default_factory=memory_ports)
    lines: list[str] = field(default_factory=list)

    def run(self, *arguments: str) -> int:
        """The command with `--stage prod`; its exit code."""
        return command.run([*arguments, "--stage", "prod"], lambda _: self.registry, self.lines.append)

    def told(self, *arguments: str) -> dict[str, Any]:
        """What the command answers as JSON."""
        assert self.run(*arguments, "--json") == 0
        document: dict[str, Any] = json.loads(self.lines.pop())
        return document

    def holder(self, written: str) -> Principal:
        token_id, secret = tokens.parsed(written)
        now = self.registry.clock.now()
        found = tokens.principal(self.registry.records.token(token_id), secret, now)
        assert found.token_id == token_id
        return replace(found, token_id=None)


def test_a_device_is_enrolled_and_its_token_printed_once():
    desk = Desk()

    assert desk.run("enroll", "--name", "jetson-north") == 0

    facts = dict(line.split(": ", 1) for line in desk.lines)
    assert (facts["role"], facts["project"], facts["name"]) == ("device", "main", "jetson-north")
    assert desk.holder(facts["token"]).device_id == facts["device_id"]
    assert facts["token"].startswith(facts["token_id"])
    assert "\n".join(desk.lines).count(tokens.parsed(facts["token"])[1]) == 1


def test_a_token_that_standard_output_did_not_take_is_revoked(capsys: pytest.CaptureFixture[str]):
    registry, lines = memory_ports(), list[str]()
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    desk = Console(connect=lambda _: registry, say=lines.append, said_failure=lambda: full)

    assert command.follow(["enroll", "--stage", "prod", "--name", "jetson-north", "--json"], desk) == 1

    token = registry.records.token(tokens.parsed(json.loads(lines.pop())["token"])[0])
    assert token
    assert token.revoked_at
    assert "No space left on device" in capsys.readouterr().err


def test_a_token_in_its_file_is_kept_when_standard_output_takes_nothing(tmp_path: Path):
    registry = memory_ports()
    closed = OSError(errno.EBADF, os.strerror(errno.EBADF))
    desk = Console(connect=lambda _: registry, say=lambda _: None, said_failure=lambda: closed)
    path = tmp_path / "token"

    assert command.follow(["enroll", "--stage", "prod", "--name", "a", "--token-file", str(path)], desk) == 0

    token = registry.records.token(tokens.parsed(path.read_text().strip())[0])
    assert token
    assert token.revoked_at is None


def test_a_device_gets_a_further_token():
    desk = Desk()
    first = desk.told("enroll", "--name", "jetson-north")

    second = desk.told("enroll", "--device", first["device_id"])

    assert second["device_id"] == first["device_id"]
    assert second["token"] != first["token"]


@pytest.mark.parametrize("role", ["processor", "operator"])
def test_processors_and_operators_are_enrolled_without_a_device(role: str):
    desk = Desk()

    told = desk.told("enroll", "--role", role, "--project", "*")

    assert told["device_id"] is None
    assert desk.holder(told["token"]) == Principal(Role(role), "*", None)


def test_a_token_goes_to_a_file_that_only_its_owner_reads_and_not_to_the_screen(tmp_path: Path):
    desk, file = Desk(), tmp_path / "north.token"

    told = desk.told("enroll", "--name", "jetson-north", "--token-file", str(file))

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert desk.holder(file.read_text().strip()).device_id == told["device_id"]
    assert told["token_file"] == str(file)
    assert "token" not in told


def test_a_token_is_never_written_over_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    desk, file = Desk(), tmp_path / "north.token"
    file.write_text("t_old.token")

    assert desk.run("enroll", "--name", "jetson-north", "--token-file", str(file)) == 1

    assert file.read_text() == "t_old.token"
    assert f"{file} exists" in capsys.readouterr().err
    assert desk.registry.ids.device_id() == memory_ports().ids.device_id()  # nothing was enrolled


def test_a_token_is_not_written_through_a_link(tmp_path: Path):
    link, target = tmp_path / "north.token", tmp_path / "elsewhere"
    link.symlink_to(target)

    assert Desk().run("enroll", "--name", "jetson-north", "--token-file", str(link)) == 1
    assert not target.exists()


def test_no_file_stays_when_the_enrolment_is_refused(tmp_path: Path):
    file = tmp_path / "north.token"

    assert Desk().run("enroll", "--name", "no/name", "--token-file", str(file)) == 1
    assert not file.exists()


def test_a_file_that_cannot_be_made_is_refused_before_anything_is_enrolled(tmp_path: Path):
    desk = Desk()

    assert desk.run("enroll", "--name", "north", "--token-file", str(tmp_path / "absent" / "token")) == 1
    assert desk.registry.ids.device_id() == memory_ports().ids.device_id()


def test_a_token_is_revoked():
    desk = Desk()
    made = desk.told("enroll", "--name", "jetson-north")

    told = desk.told("revoke", made["token_id"])

    token = desk.registry.records.token(TokenId(made["token_id"]))
    assert token is not None
    assert token.revoked_at is not None
    assert told == {"token_id": made["token_id"], "revoked_at": "2026-11-21T12:00:00Z"}


def test_a_code_is_printed_once_and_becomes_a_token():
    desk = Desk()

    told = desk.told("invite", "--name", "jetson-north", "--token-days", "90")

    assert (told["role"], told["project"], told["name"]) == ("device", "main", "jetson-north")
    assert told["expires_at"] == "2026-11-22T12:00:00Z"
    ports = cast(MemoryPorts, desk.registry)
    device, token, _ = exchange(ports, told["code"], tokens.digest("ours"))
    assert device
    assert (device.device_id, token.token_id) == (told["device_id"], told["token_id"])
    assert token.life_s == 90 * 86_400
    assert desk.holder(f"{token.token_id}.ours").device_id == device.device_id


def test_a_code_is_good_for_the_hours_that_it_was_made_for():
    assert Desk().told("invite", "--name", "a", "--good-for", "2")["expires_at"] == "2026-11-21T14:00:00Z"


def test_a_code_for_longer_than_thirty_days_is_refused(capsys: pytest.CaptureFixture[str]):
    desk = Desk()

    assert desk.run("invite", "--name", "a", "--good-for", "721") == 1
    assert "a code is good for 1 to 2592000 seconds" in capsys.readouterr().err
    assert desk.registry.records.tokens() == ()


def test_a_code_that_standard_output_did_not_take_is_revoked(capsys: pytest.CaptureFixture[str]):
    registry, lines = memory_ports(), list[str]()
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    desk = Console(connect=lambda _: registry, say=lines.append, said_failure=lambda: full)

    assert command.follow(["invite", "--stage", "prod", "--name", "jetson-north", "--json"], desk) == 1

    assert registry.records.tokens()[0].revoked_at
    assert "so it was revoked" in capsys.readouterr().err


def test_tokens_are_listed_with_their_state_and_without_any_secret():
    desk = Desk()
    good = desk.told("enroll", "--name", "north", "--token-days", "1")
    revoked = desk.told("enroll", "--device", good["device_id"])
    desk.told("revoke", revoked["token_id"])
    waiting = desk.told("invite", "--name", "south")
    desk.told("enroll", "--role", "operator", "--project", "*")

    told = desk.told("tokens")["tokens"]

    states = {each["token_id"]: each["state"] for each in told}
    assert states[good["token_id"]] == "good"
    assert states[revoked["token_id"]] == "revoked"
    assert states[waiting["token_id"]] == "waits for its code"
    assert len(states) == 4
    [known] = [each for each in told if each["token_id"] == good["token_id"]]
    assert (known["role"], known["project"], known["device_id"]) == ("device", "main", good["device_id"])
    assert (known["created_at"], known["expires_at"]) == ("2026-11-21T12:00:00Z", "2026-11-22T12:00:00Z")
    assert "digest" not in str(told)
    assert tokens.parsed(good["token"])[1] not in str(told)


def logged_in(desk: Desk, written: str) -> str:
    """A cookie of the page."""
    token_id, secret = tokens.parsed(written)
    ports = cast(MemoryPorts, desk.registry)
    holder = tokens.principal(ports.records.token(token_id), secret, ports.clock.now())
    return page_sessions.log_in(ports, holder, PageRules())[1]


def test_who_is_logged_in_with_a_token_is_listed_without_any_secret():
    desk = Desk()
    made = desk.told("enroll", "--role", "viewer")
    cookie = logged_in(desk, made["token"])
    logged_in(desk, desk.told("enroll", "--role", "viewer")["token"])

    told = desk.told("logins", made["token_id"])

    [login] = told["logins"]
    assert not told["ended"]
    assert login == {
        "page_session_id": cookie.partition(".")[0],
        "share_id": None,
        "created_at": "2026-11-21T12:00:00Z",
        "seen_at": "2026-11-21T12:00:00Z",
        "expires_at": "2026-11-28T12:00:00Z",
    }


def test_logins_of_a_token_are_ended_and_the_token_stays_good():
    desk = Desk()
    made = desk.told("enroll", "--role", "operator")
    cookies = [logged_in(desk, made["token"]) for _ in range(2)]

    assert desk.run("logins", made["token_id"], "--end") == 0

    assert desk.lines[-1] == "logged 2 logins out"
    for cookie in cookies:
        with pytest.raises(NotAuthenticated, match="log in again"):
            page_sessions.find_caller(desk.registry, cookie, PageRules())
    assert desk.holder(made["token"]).role is Role.OPERATOR
    last = cast(MemoryPorts, desk.registry).records.entries[-1].steps[-1]
    assert (last.name, last.after) == (made["token_id"], "logins ended: 2")


@pytest.mark.parametrize("end", [(), ("--end",)])
def test_logins_of_an_unknown_token_are_refused(end: tuple[str, ...]):
    assert Desk().run("logins", "t_unknown", *end) == 1


def test_where_nobody_is_logged_in_nothing_is_recorded():
    desk = Desk()
    made = desk.told("enroll", "--role", "operator")
    before = list(cast(MemoryPorts, desk.registry).records.entries)

    assert desk.told("logins", made["token_id"], "--end") == {"logins": [], "ended": True}
    assert cast(MemoryPorts, desk.registry).records.entries == before


def test_a_viewers_token_is_made_and_a_shares_is_not():
    desk = Desk()

    assert desk.holder(desk.told("enroll", "--role", "viewer")["token"]).role is Role.VIEWER
    assert desk.told("invite", "--role", "viewer")["role"] == "viewer"
    with pytest.raises(SystemExit):
        desk.run("enroll", "--role", "share")
    with pytest.raises(InvalidRequest, match="no token has the role share"):
        devices.enrol(desk.registry, Role.SHARE, "main")


def test_an_expired_token_is_listed_as_expired():
    desk = Desk()
    desk.told("enroll", "--name", "north", "--token-days", "1")
    cast(MemoryPorts, desk.registry).clock.advance(86_400)

    assert [each["state"] for each in desk.told("tokens")["tokens"]] == ["expired"]


def test_tokens_of_one_project_are_listed_alone():
    desk = Desk()
    desk.told("enroll", "--name", "north", "--project", "club")
    desk.told("enroll", "--role", "operator", "--project", "*")

    assert [each["project"] for each in desk.told("tokens", "--project", "club")["tokens"]] == ["club"]
    assert [each["project"] for each in desk.told("tokens", "--project", "*")["tokens"]] == ["*"]


def test_the_list_is_a_table_for_people():
    desk = Desk()
    made = desk.told("enroll", "--name", "north")

    assert desk.run("tokens") == 0

    head, row = desk.lines
    assert head.split() == ["token", "state", "role", "project", "device", "created", "expires", "revoked"]
    assert row.split()[:2] == [made["token_id"], "good"]


def test_a_device_is_revoked_in_a_whole_deployment_alone(capsys: pytest.CaptureFixture[str]):
    desk = Desk()

    code = command.run(
        ["revoke", "--device", "d_1", "--table", "records"], lambda _: desk.registry, desk.lines.append
    )

    assert code == 1
    assert "name it with --stage" in capsys.readouterr().err


def test_a_token_that_is_not_there_is_refused_with_the_reason(capsys: pytest.CaptureFixture[str]):
    assert Desk().run("revoke", "t_unknown") == 1
    assert capsys.readouterr().err.startswith("refused: there is no token")


def test_storage_that_fails_is_told_as_an_error_and_not_as_a_traceback(capsys: pytest.CaptureFixture[str]):
    ports = memory_ports()
    troubled = replace(ports, records=faulty(ports.records, Fault("enlist", StorageBusy("try later"))))

    assert Desk(troubled).run("enroll", "--name", "jetson-north") == 1
    assert capsys.readouterr().err == "refused: try later\n"


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["enrol", "--stage", "prod"],
        ["enroll", "--name", "north"],
        ["enroll", "--name", "north", "--stage", "prod", "--table", "records"],
        ["enroll", "--role", "king", "--stage", "prod"],
        ["revoke", "--stage", "prod"],
        ["revoke", "t_1", "--device", "d_1", "--stage", "prod"],
        ["invite", "--name", "north", "--stage", "prod", "--good-for", "0"],
        ["invite", "--name", "north", "--stage", "prod", "--token-days", "0"],
    ],
)
def test_a_command_that_makes_no_sense_is_a_usage_error(arguments: Sequence[str]):
    desk = Desk()

    with pytest.raises(SystemExit) as ended:
        command.run(arguments, lambda _: desk.registry, desk.lines.append)

    assert (ended.value.code, desk.lines) == (2, [])


@pytest.mark.parametrize("arguments", [["--help"], ["enroll", "--help"]])
def test_help_shows_examples(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        command.parser().parse_args(arguments)

    assert ended.value.code == 0
    assert "reelhaul-admin enroll --stage prod --name jetson-north" in capsys.readouterr().out


def stack(outputs: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "Stacks": [
            {
                "StackName": "reelhaul-prod",
                "CreationTime": "2026-11-21T12:00:00Z",
                "StackStatus": "CREATE_COMPLETE",
                "Outputs": outputs,
            }
        ]
    }


def table_with(outputs: list[dict[str, str]]) -> str:
    cloudformation = boto3.client("cloudformation", region_name="eu-west-1")
    with Stubber(cloudformation) as stubber:
        stubber.add_response("describe_stacks", stack(outputs), {"StackName": "reelhaul-prod"})
        return deployment.table_of(cloudformation, "prod")


def test_the_table_of_a_stage_is_the_one_that_its_stack_names():
    outputs = [
        {"OutputKey": "Bucket", "OutputValue": "footage"},
        {"OutputKey": "Table", "OutputValue": "reelhaul-prod-Table-1A"},
    ]

    assert table_with(outputs) == "reelhaul-prod-Table-1A"


def test_a_stack_without_a_table_is_refused():
    with pytest.raises(deployment.Refused, match="deploy the stage first"):
        table_with([])
