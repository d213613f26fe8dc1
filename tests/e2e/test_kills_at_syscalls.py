"""Real clients killed at their n-th system call of a kind, before it has an effect: every window between two calls."""

import platform
import secrets
import shutil
import subprocess
from itertools import count

import pytest

from tests.e2e.kills.calls import Calls
from tests.e2e.kills.case import Case
from tests.e2e.kills.proof import demand_home, demand_nothing_twice
from tests.e2e.kills.signs import Signs
from tests.e2e.kills.story import staged
from tests.e2e.rig import PART_SIZE_BYTES, Rig


def can_trace() -> bool:
    """Whether there is an strace that may trace. The names of the calls below are those of x86_64."""
    if not shutil.which("strace") or platform.machine() != "x86_64":
        return False
    tried = subprocess.run(["strace", "-f", "-qq", "-e", "trace=none", "true"], check=False)
    return tried.returncode == 0


pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not can_trace(), reason="no strace that may trace on x86_64: apt-get install strace"),
]

# A spool of two parts: the third makes the first go before the receipt.
CASE = Case(
    sizes_bytes=(2 * PART_SIZE_BYTES + 1,),
    pace_parts_s=None,
    options=("--spool-budget", f"{2 * PART_SIZE_BYTES}B"),
    kills=(),
)


def killing(syscall: str, call: int) -> tuple[str, ...]:
    """The command under which a client dies at its n-th such call; each of its threads counts its own."""
    trace = ("-e", f"trace={syscall}", "-e", f"inject={syscall}:signal=SIGKILL:when={call}")
    # Python's own files would be among those that are made and renamed. No --seccomp-bpf: with it strace 6.1 miscounts.
    quiet = ("-f", "-qq", "-o", "/dev/null")
    return ("strace", *quiet, "-E", "PYTHONDONTWRITEBYTECODE=1", *trace)


def comes_home_killed_at(syscall: str, call: int, rig: Rig, calls: Calls, signs: Signs) -> bool:
    """Whether the client was killed there, which it is not when it makes fewer such calls."""
    spool = rig.folder / f"{syscall}-{call}"
    spool.mkdir()
    one = Rig(rig.world, spool, rig.token_file)
    # Of this device alone: tests of one world play the same call.
    session = f"{syscall}-{call}-{secrets.token_hex(4)}"
    with staged(one, calls, signs, CASE, session) as story:
        story.run(under=killing(syscall, call))
        story.end()

        demand_home(story)
        demand_nothing_twice(story)
        return story.runs[0].killed


# The plan, three parts, the receipt, the report.
# The others are renames of the same three kinds of file, and tests/edge/spool/test_power_cuts.py kills at each of them.
@pytest.mark.parametrize(
    "call", [pytest.param(call, marks=[] if call in (1, 3, 6) else pytest.mark.soak) for call in range(1, 7)]
)
def test_a_client_killed_before_a_file_has_its_name_comes_home(
    rig: Rig, calls: Calls, signs: Signs, call: int
):
    assert comes_home_killed_at("rename", call, rig, calls, signs)


def test_a_client_killed_while_it_drops_its_parts_comes_home(rig: Rig, calls: Calls, signs: Signs):
    # The parts are gone by then, and their folder is still there.
    assert comes_home_killed_at("rmdir", 1, rig, calls, signs)


@pytest.mark.soak
@pytest.mark.parametrize(
    "syscall", ["mkdir", "fallocate", "write", "fsync", "rename", "unlink", "rmdir", "sendto"]
)
def test_a_client_killed_at_any_call_of_a_kind_comes_home(rig: Rig, calls: Calls, signs: Signs, syscall: str):
    for call in count(1):
        if not comes_home_killed_at(syscall, call, rig, calls, signs):
            break
    assert call > 1, f"a haul makes no {syscall}"
