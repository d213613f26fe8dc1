"""Programs run as processes of their own, and what each of them cost."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

LOOK_EVERY_MS = 50
MOST_S = 1800
"""What takes longer hangs."""

HELD = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True)
class Command:
    """What to run, in which environment."""

    arguments: Sequence[str]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Cost:
    """User and system CPU, wall time, the most memory held at any look, and the exit code (negative: the signal)."""

    cpu_s: float
    wall_s: float
    peak_rss_mib: float
    code: int


class Failed(Exception):
    """A program did not do what was to be measured; the message holds what it said last."""


class Running:
    """A program under way. Its cost is the kernel's own account of that process and those it has waited for."""

    def __init__(self, command: Command, log: Path) -> None:
        self._log = log
        self._command = command
        self._peak_kib = 0
        self._began_at = time.perf_counter()
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command.arguments,
                env=dict(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._gone = os.pidfd_open(self._process.pid)

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self.kill()

    def is_over(self, within_ms: int) -> bool:
        """Whether it ends within so many milliseconds; looks at its memory first. Raises Failed when it hangs."""
        self._look()
        if time.perf_counter() - self._began_at > MOST_S:
            raise self.failure(f"is not done after {MOST_S} s")
        return bool(_readable(self._gone, within_ms))

    def kill(self) -> Cost:
        """End it at once, with SIGKILL."""
        signal.pidfd_send_signal(self._gone, signal.SIGKILL)
        return self._cost()

    def cost(self) -> Cost:
        """What it cost, once it has ended well. Raises Failed."""
        while not self.is_over(LOOK_EVERY_MS):
            pass
        cost = self._cost()
        if cost.code != 0:
            raise self.failure(f"ended with {cost.code}")
        return cost

    def failure(self, reason: str) -> Failed:
        """The error with this reason and the last lines of the program's output."""
        said = self._log.read_text(errors="replace").strip().splitlines()[-5:]
        return Failed(f"{Path(self._command.arguments[0]).name} {reason}: {' | '.join(said)}")

    def _look(self) -> None:
        # Not ru_maxrss: that begins with what this process held when it started the program.
        try:
            found = HELD.search(Path(f"/proc/{self._process.pid}/status").read_text())
        except OSError:
            return
        if found:
            self._peak_kib = max(self._peak_kib, int(found[1]))

    def _cost(self) -> Cost:
        _, status, usage = os.wait4(self._process.pid, 0)
        wall_s = time.perf_counter() - self._began_at
        os.close(self._gone)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        return Cost(usage.ru_utime + usage.ru_stime, wall_s, self._peak_kib / 1024, self._process.returncode)


def run(command: Command, log: Path) -> Cost:
    """The cost of one whole run. Raises Failed when it does not end well."""
    with Running(command, log) as running:
        return running.cost()


def _readable(file: int, within_ms: int) -> list[tuple[int, int]]:
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return poll.poll(within_ms)
