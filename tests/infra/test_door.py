"""The door of infra's commands: streams that take nothing end no work, and a result that nobody got is no success."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra import door

HOUSE = Path(__file__).parents[2]
LOST = "the result could not be written to standard output"
# A command that writes to both streams, notes in a file that it has done its work, and ends with the given code.
COMMAND = """
import os, sys
from infra import door
def command():
    print("on the way", file=sys.stderr)
    print("result")
    print("on the way", file=sys.stderr)
    open(sys.argv[1], "w").write(" ".join(os.readlink(f"/proc/self/fd/{n}") for n in (0, 1, 2)))
    return int(sys.argv[2])
sys.exit(door.ended(command))
"""


def in_a_shell(words: list[str], streams: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", "-c", f'"$@" {streams}; exit ${{PIPESTATUS[0]}}', "shell", sys.executable, *words],
        cwd=HOUSE,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("streams", "code", "expected"),
    [
        ("", 0, 0),
        ("2>&-", 0, 0),
        ("2>/dev/full", 0, 0),
        ("2>/dev/full", 75, 75),
        (">/dev/full", 0, 1),
        (">&-", 0, 1),
        ("| true", 0, 1),
        (">/dev/full", 75, 75),
        (">&- 2>&-", 0, 1),
    ],
)
def test_the_work_is_done_and_the_code_is_the_true_one(
    tmp_path: Path, streams: str, code: int, expected: int
):
    done = tmp_path / "done"

    ended = in_a_shell(["-c", COMMAND, str(done), str(code)], streams)

    assert ended.returncode == expected
    assert done.exists()
    assert "Traceback" not in ended.stderr


def test_no_file_of_a_command_gets_the_number_of_a_closed_stream(tmp_path: Path):
    done = tmp_path / "done"

    in_a_shell(["-c", COMMAND, str(done), "0"], "<&- >&- 2>&-")

    assert done.read_text() == "/dev/null /dev/null /dev/null"


@pytest.mark.parametrize(
    "module",
    [
        "infra.admin",
        "infra.aws.deploy",
        "infra.aws.destroy",
        "infra.aws.plan",
        "infra.aws.rollback",
        "infra.aws.prepare",
        "infra.local.demo",
        "examples.processor",
        "infra.local.camera",
        "infra.local.stack",
    ],
)
def test_every_command_of_infra_has_this_door(module: str):
    ended = in_a_shell(["-m", module, "--help"], ">/dev/full")

    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [f"{LOST} (No space left on device); what was done stays"]


def test_without_a_temporary_folder_a_command_says_so():
    """Where no folder can be written to, so as on a full disk."""
    program = (
        "import errno, os, sys, tempfile\n"
        "from infra import door\n"
        "def refuse(*_):\n"
        "    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
        "tempfile._os.open = refuse\n"
        "sys.exit(door.ended(lambda: tempfile.mkdtemp() and 0))\n"
    )

    ended = in_a_shell(["-c", program], "")

    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert line.startswith("No usable temporary directory found in [")
    assert line.endswith("or name another with TMPDIR")


def test_another_file_that_is_not_there_is_a_fault_of_its_own():
    def command() -> int:
        raise FileNotFoundError(errno.ENOENT, "No such file", "plan.json")

    with pytest.raises(FileNotFoundError, match=r"plan\.json"):
        door.ended(command)


def test_outside_a_command_nothing_is_known_to_be_lost():
    assert door.output_failure() is None


def test_what_the_interpreter_had_before_is_there_again():
    before = (sys.stdout, sys.stderr)

    assert door.ended(lambda: 3) == 3
    assert (sys.stdout, sys.stderr) == before


def test_a_command_that_prints_json_prints_it_whole(capsys: pytest.CaptureFixture[str]):
    document = {"frames": ["…"] * 100_000}

    def command() -> int:
        print(json.dumps(document, ensure_ascii=False))
        return 0

    assert door.ended(command) == 0
    assert json.loads(capsys.readouterr().out) == document
