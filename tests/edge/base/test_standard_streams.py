"""Standard streams that are closed, full or without a reader: no work ends by them, and no lost result is a success."""

from __future__ import annotations

import errno
import fcntl
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from _pytest.mark import ParameterSet

from edge_client.base.terminal import StandardError, StandardOutput, open_missing_streams, standard_streams
from tests.edge.conftest import ROOT, Device
from tests.support.coordinator import TOKEN

LOST = "reelhaul: the result could not be written to standard output"


@dataclass(frozen=True)
class Ended:
    code: int
    printed: str
    said: str


@dataclass(frozen=True)
class Shell:
    """The client in a shell, which leads its streams elsewhere."""

    device: Device
    token_file: Path

    def run(self, command: str, *more: str, streams: str) -> Ended:
        words = [sys.executable, "-m", "edge_client", command, *more, *self._words(command)]
        ended = subprocess.run(
            ["/bin/bash", "-c", f'"$@" {streams}; exit ${{PIPESTATUS[0]}}', "shell", *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def _words(self, command: str) -> Sequence[str]:
        device = self.device
        camera = ("--camera", device.camera.url, "--locks", str(device.camera_locks.folder))
        service = ("--coordinator", device.cloud.url, "--token-file", str(self.token_file))
        spool = ("--spool", str(device.spool))
        return {
            "list": camera,
            "status": spool,
            "audit": (*camera, *service, *spool),
            "haul": (*camera, *service, *spool),
        }.get(command, ())


@pytest.fixture
def shell(device: Device, tmp_path: Path) -> Shell:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    return Shell(device, token_file)


CLOSED, BROKEN, FULL = "2>&-", "2> >(true)", "2>/dev/full"
HAUL = ("haul", "s", "--recording", "0042")


@pytest.mark.parametrize("streams", [CLOSED, FULL, BROKEN, "2>&- <&-", "2</dev/null"])
def test_a_haul_whose_standard_error_takes_nothing_comes_home_with_0(
    shell: Shell, device: Device, streams: str
):
    device.cloud.faults["put"] = [(503, b"")] * 3  # something to say

    ended = shell.run(*HAUL, "--json", "--verbose", streams=streams)

    assert ended.code == 0
    assert json.loads(ended.printed)["session"] == "s"
    assert device.object() == device.content()


@pytest.mark.parametrize(
    ("streams", "command", "more", "code"),
    [
        (FULL, "haul", ("s", "--recording", "0099"), 1),
        (FULL, "haul", ("--all", "--limit-rate", "20"), 2),
        (CLOSED, "haul", ("--no-such-option",), 2),
        (FULL, "haul", ("--no-such-option",), 2),
        (BROKEN, "audit", (), 1),
    ],
)
def test_a_code_is_the_true_one_when_standard_error_takes_nothing(
    shell: Shell, streams: str, command: str, more: tuple[str, ...], code: int
):
    assert shell.run(command, *more, streams=streams).code == code


def test_an_outage_ends_with_75_when_standard_error_takes_nothing(shell: Shell, device: Device):
    device.cloud.faults["session"] = [(503, b"{}")] * 9

    assert shell.run(*HAUL, "--give-up-after", "0s", streams=FULL).code == 75


FULL_DISK_OUT = (">/dev/full", "No space left on device")
NO_READER = ("| true", "Broken pipe")


def in_soak(*values: object) -> ParameterSet:
    """Each of these is a pair of a stream and a command, and both are in another row."""
    return pytest.param(*values, marks=pytest.mark.soak)


@pytest.mark.parametrize(
    ("streams", "reason", "command", "more"),
    [
        (*FULL_DISK_OUT, "list", ()),
        in_soak(*FULL_DISK_OUT, "list", ("--json",)),
        in_soak(*FULL_DISK_OUT, "status", ()),
        (*FULL_DISK_OUT, "status", ("--json",)),
        in_soak(*FULL_DISK_OUT, "haul", ("--all", "--dry-run")),
        (*FULL_DISK_OUT, "haul", ("--help",)),
        in_soak(*FULL_DISK_OUT, "--help", ()),
        in_soak(*NO_READER, "list", ()),
        (*NO_READER, "haul", ("--all", "--dry-run", "--json")),
        (*NO_READER, "--version", ()),
        in_soak(">&-", "it is closed", "status", ("--json",)),
        (">&-", "it is closed", "--version", ()),
        ("1</dev/null", "Bad file descriptor", "list", ()),
    ],
)
def test_a_result_that_cannot_be_written_ends_with_1_and_one_line(
    shell: Shell, device: Device, command: str, more: tuple[str, ...], streams: str, reason: str
):
    if command == "status":
        assert shell.run(*HAUL, streams="").code == 0

    ended = shell.run(command, *more, streams=streams)

    assert (ended.code, ended.printed) == (1, "")
    assert ended.said.splitlines() == [f"{LOST} ({reason})"]


@pytest.mark.parametrize("streams", [">/dev/full", ">&-", "| true"])
def test_a_haul_whose_report_cannot_be_written_comes_home_and_says_where_the_report_is(
    shell: Shell, device: Device, streams: str
):
    ended = shell.run(*HAUL, streams=streams)

    assert ended.code == 1
    assert device.object() == device.content()
    assert len(device.receipts()) == 1
    last = ended.said.splitlines()[-1]
    assert last.startswith(LOST)
    assert last.endswith("the spool has the report of each session that is home")
    assert json.loads((device.spool / "s" / "report.json").read_text())["session"] == "s"


@pytest.mark.parametrize("streams", [">/dev/full", ">&-", "| true"])
def test_an_audit_that_cannot_be_written_is_never_the_0_that_lets_a_card_be_erased(
    shell: Shell, streams: str
):
    assert shell.run(*HAUL, streams="").code == 0

    assert shell.run("audit", streams="").code == 0
    assert shell.run("audit", streams=streams).code == 1


def test_a_code_that_is_not_0_stays_when_the_result_cannot_be_written(shell: Shell, device: Device):
    device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
    shell.run(*HAUL, streams="")

    assert shell.run("status", streams=">/dev/full").code == 75
    assert shell.run("status", streams=">&- 2>&-").code == 75


def test_a_usage_fault_is_2_though_standard_output_is_closed(shell: Shell):
    assert shell.run("haul", streams=">&-").code == 2


def test_help_that_was_read_ends_with_0(shell: Shell):
    ended = shell.run("haul", "--help", streams="")

    assert ended.code == 0
    assert "standard output could not be written" in " ".join(ended.printed.split())


class Sink(io.RawIOBase):
    """A file descriptor that answers each write as told, or takes all."""

    def __init__(self, *answers: int | OSError | None) -> None:
        self.answers = list(answers)
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int | None:
        answer = self.answers.pop(0) if self.answers else len(data)
        if isinstance(answer, OSError):
            raise answer
        self.taken += bytes(data[: answer or 0])
        return answer


def over(sink: Sink) -> io.TextIOWrapper:
    return io.TextIOWrapper(cast(BinaryIO, sink), "utf-8")


FULL_DISK = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_write_that_is_taken_in_pieces_is_written_whole():
    sink = Sink(1, 2)

    assert StandardError(over(sink)).write(b"abcdef") == 6
    assert sink.taken == b"abcdef"


def test_standard_error_is_tried_again_after_a_failure_so_a_disk_with_room_again_is_used():
    sink = Sink(FULL_DISK)
    stream = StandardError(over(sink))

    assert [stream.write(b"lost\n"), stream.write(b"kept\n")] == [5, 5]
    assert (sink.taken, stream.failure) == (b"kept\n", FULL_DISK)


def test_standard_output_is_not_written_to_after_a_failure_so_no_hole_is_in_a_result():
    sink = Sink(3, FULL_DISK)
    stream = StandardOutput(over(sink))

    assert [stream.write(b"one\ntwo\n"), stream.write(b"three\n")] == [8, 6]
    assert sink.taken == b"one"


def test_a_pipe_that_another_program_made_non_blocking_is_waited_for():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    sent = b"x" * (fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ) * 2)
    taken = bytearray()

    def read() -> None:
        time.sleep(0.05)
        while block := os.read(reading, 65536):
            taken.extend(block)

    reader = threading.Thread(target=read)
    reader.start()
    with open(writing, "w") as pipe:
        stream = StandardOutput(pipe)
        stream.write(sent)
    reader.join()
    os.close(reading)

    assert stream.failure is None
    assert bytes(taken) == sent


def test_a_stream_that_is_closed_is_no_terminal_and_has_no_number():
    stream = StandardError(None)

    assert not stream.isatty()
    with pytest.raises(io.UnsupportedOperation):
        stream.fileno()


def test_while_they_stand_in_print_never_raises_and_afterwards_the_streams_are_the_old_ones():
    out, err = over(Sink(FULL_DISK)), over(Sink(FULL_DISK))
    with redirect_stdout(out), redirect_stderr(err):
        with standard_streams() as output:
            print("result")
            print("line", file=sys.stderr)

        assert output.failure is FULL_DISK
        assert (sys.stdout, sys.stderr) == (out, err)


def test_output_without_a_line_end_is_written_when_they_end():
    sink = Sink()
    with redirect_stdout(over(sink)), standard_streams():
        print("no line end", end="")

    assert sink.taken == b"no line end"


@pytest.fixture
def in_a_process(tmp_path: Path) -> Callable[[str], str]:
    """Runs Python with its streams led elsewhere; what it wrote to the file `told`."""
    told = tmp_path / "told"

    def run(streams: str) -> str:
        program = (
            "import os, sys; from edge_client.base.terminal import open_missing_streams; open_missing_streams()\n"
            "open(sys.argv[1], 'w').write(' '.join(os.readlink(f'/proc/self/fd/{n}') for n in (0, 1, 2)))"
        )
        words = [sys.executable, "-c", program, str(told)]
        subprocess.run(
            ["/bin/bash", "-c", f'"$@" {streams}', "shell", *words], cwd=ROOT, timeout=30, check=True
        )
        return told.read_text()

    return run


def test_no_file_gets_the_number_of_a_standard_stream_that_is_closed(in_a_process: Callable[[str], str]):
    assert in_a_process("<&- >&- 2>&-") == "/dev/null /dev/null /dev/null"
    assert in_a_process("</dev/zero >&- 2>/dev/full") == "/dev/zero /dev/null /dev/full"


def test_streams_that_are_open_stay(in_a_process: Callable[[str], str]):
    before = [os.fstat(number).st_ino for number in (0, 1, 2)]

    open_missing_streams()

    assert [os.fstat(number).st_ino for number in (0, 1, 2)] == before
