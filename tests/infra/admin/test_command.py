"""What all commands have in common."""

import contextlib
import io
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chalicelib.core.errors import StorageBusy
from chalicelib.ports import Orders, Ports
from infra.admin import deployment
from infra.admin.command import follow, parser
from infra.admin.console import Console
from infra.admin.dry_run import Withheld, rehearsed
from infra.admin.formats import size
from tests.infra.admin.desks import Terminal, held, processed
from tests.support.builders import SESSION_ID, memory_ports
from tests.support.faults import Fault, faulty

COMMANDS = (
    "invite",
    "enroll",
    "tokens",
    "audit",
    "revoke",
    "logins",
    "ensure",
    "cleanup",
    "restore",
    "order",
    "hold",
    "adopt",
    "query",
    "verify",
    "download",
    "manifest",
    "recount",
    "doctor",
    "smoke",
    "migrate",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_has_examples_and_exit_codes(
    command: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([command, "--help"])

    told = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"examples:\n  reelhaul-admin {command} --stage" in told
    assert "exit codes: 0 done and nothing owed, 1 refused or something failed" in told
    assert "75 something is still owed: try again later" in told


def test_the_help_of_all_has_an_example_of_each(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        parser().parse_args(["--help"])

    told = capsys.readouterr().out
    assert all(f"  reelhaul-admin {command} --stage" in told for command in COMMANDS)


@pytest.mark.parametrize(
    "command", ["ensure", "cleanup", "restore", "order", "hold", "query", "verify", "doctor", "migrate"]
)
def test_a_command_about_a_deployment_names_its_stage(command: str):
    with pytest.raises(SystemExit) as ended:
        parser().parse_args([command])

    assert ended.value.code == 2


def test_a_stage_that_cannot_be_reached_is_told_as_an_error(capsys: pytest.CaptureFixture[str]):
    def refuse(_: object) -> deployment.Deployment:
        raise deployment.Refused("stage prod is not deployed")

    assert follow(["ensure", "--stage", "prod"], Console(reach=refuse)) == 1
    assert capsys.readouterr().err == "refused: stage prod is not deployed\n"


def test_a_refusal_shows_no_presigned_address(capsys: pytest.CaptureFixture[str]):
    ports = processed()
    error = StorageBusy("no answer from https://bucket.example/key?X-Amz-Signature=0a1b")
    troubled = replace(ports, records=faulty(ports.records, Fault("picture", error)))

    assert Terminal(troubled).run("hold", SESSION_ID, "--release") == 1
    assert "0a1b" not in capsys.readouterr().err


def test_ctrl_c_is_told_without_a_traceback(capsys: pytest.CaptureFixture[str]):
    ports = processed()
    stopped = replace(ports, records=faulty(ports.records, Fault("picture", KeyboardInterrupt())))

    assert Terminal(stopped).run("hold", SESSION_ID, "--release") == 75
    assert capsys.readouterr().err == "stopped\n"


HOSTILE = "\x1b[2J\x7f\x9b\u202egnp.esare\u2028\U000e0001\u00fc"


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_no_reason_steers_the_operators_terminal(encoding: str):
    ports = held(processed(), HOSTILE)
    desk = Console(reach=lambda _: deployment.Deployment(ports, None))
    for more in ([], ["--json"]):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        with contextlib.redirect_stdout(stream):
            follow(["ensure", SESSION_ID, "--stage", "prod", *more], desk)
        stream.seek(0)
        lines = stream.read().splitlines()

        assert all(line.isprintable() for line in lines)
        assert any("\\u001b[2J\\u007f\\u009b\\u202egnp.esare\\u2028\\udb40\\udc01" in line for line in lines)


@given(st.text(st.characters(exclude_categories=())))
def test_no_refusal_steers_the_operators_terminal(text: str):
    def refuse(_: object) -> deployment.Deployment:
        raise deployment.Refused(text)

    with contextlib.redirect_stderr(io.StringIO()) as said:
        follow(["ensure", "--stage", "prod"], Console(reach=refuse))

    assert said.getvalue().removesuffix("\n").isprintable()


@pytest.mark.parametrize(
    ("port", "method"),
    [
        ("records", "write"),
        ("records", "put_arming"),
        ("records", "postpone"),
        ("records", "spend"),
        ("objects", "create_multipart"),
        ("objects", "copy_part"),
        ("objects", "abort"),
        ("objects", "complete"),
        ("objects", "remove"),
        ("frame_index", "put"),
        ("orders", "send"),
    ],
)
def test_a_rehearsal_withholds_every_write(port: str, method: str):
    with pytest.raises(Withheld, match=method):
        getattr(getattr(rehearsed(memory_ports()), port), method)()


def test_a_rehearsal_withholds_what_it_does_not_know():
    ports = replace(cast(Ports, memory_ports()), orders=cast(Orders, SimpleNamespace(purge=lambda: None)))

    with pytest.raises(Withheld):
        rehearsed(ports).orders.purge()  # type: ignore[attr-defined]  # a method of tomorrow


@pytest.mark.parametrize(
    ("size_bytes", "said"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1025, "1.0 KiB"),
        (12 * 10**9, "11.2 GiB"),
        (2**60, "1024.0 PiB"),
    ],
)
def test_sizes_are_short(size_bytes: int, said: str):
    assert size(size_bytes) == said
