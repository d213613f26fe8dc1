"""A process that runs one function, one call at a time, as its parent sees it; `worker.py` is what runs inside."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.local.aws.lambdas.functions import TOO_LARGE_TO_ANSWER, DeployedFunction, FunctionError, Outcome

INIT_S = 10.0  # what Lambda grants to the imports of a cold start, besides the function's own time-out
EXIT_S = 1.0
EXIT_POLL_S = 0.005
READ_BYTES = 1 << 16
ANSWER_LIMIT_BYTES = 6 * 1024 * 1024 + 100  # Lambda's "6 MB"

RUNNER = Path(__file__).with_name("worker.py")
# Isolated and without site-packages: what a function did not bring along, it shall not find.
# Nothing is compiled next to the sources: in Lambda they cannot be written to.
INTERPRETER = (sys.executable, "-I", "-S", "-B", "-u", "-X", "utf8")


class _Silence(Exception):
    """No answer in time."""


class _End(Exception):
    """The process closed its end of the answers."""


@dataclass(frozen=True)
class Start:
    """What a process is started in: the code, the folders of its layers and of the runtime, all of its environment."""

    code: Path
    libraries: tuple[Path, ...]
    environment: Mapping[str, str] = field(repr=False)

    def command(self, handler: str, answers: int) -> list[str]:
        return [*INTERPRETER, str(RUNNER), str(answers), handler, *map(str, self.libraries)]


@dataclass(frozen=True)
class Call:
    """One call on its way to a process; `event` is JSON."""

    request_id: str
    event: str

    def line(self, arn: str, deadline: float) -> bytes:
        head = json.dumps({"request_id": self.request_id, "arn": arn, "deadline": deadline})
        return f'{head[:-1]}, "event": {self.event}}}\n'.encode()


class Worker:
    """A running process of `function`. What it prints goes to `log`, line by line."""

    def __init__(self, function: DeployedFunction, start: Start, log: Callable[[str], None]) -> None:
        self.function = function
        self._log = log
        self._lock = threading.Lock()
        self._is_ready = False
        self._has_ended = False
        answers, to_answer = os.pipe()
        try:
            self._process = _popen(start, function.handler, to_answer)
        except OSError:
            os.close(answers)
            raise
        finally:
            os.close(to_answer)
        self._answers = _Lines(answers)
        self._printer = threading.Thread(target=self._print, name=f"log-{function.name}", daemon=True)
        self._printer.start()

    @property
    def is_usable(self) -> bool:
        """Whether another call can be made; an idle process that died is noticed here."""
        return not self._has_ended and not self._answers.has_something

    def call(self, call: Call) -> Outcome:
        """What the handler says. After a time-out, and after its own death, the process has ended."""
        failed = self.get_ready()
        if failed.error:
            return failed
        deadline = time.monotonic() + self.function.timeout_s
        try:
            self._stdin.write(call.line(self.function.arn, deadline))
            self._stdin.flush()
            return _outcome(self._answers.next(deadline))
        except _Silence:
            return self._timed_out(f"RequestId: {call.request_id} Error: ")
        except (_End, BrokenPipeError):
            return self._exited(f"RequestId: {call.request_id} Error: ")

    def get_ready(self) -> Outcome:
        """Waits for the imports of a process that is new; their error ends it."""
        if self._is_ready:
            return Outcome()
        try:
            outcome = _outcome(self._answers.next(time.monotonic() + INIT_S + self.function.timeout_s))
        except _Silence:
            return self._timed_out("")
        except _End:
            return self._exited("")
        self._is_ready = outcome.error is None
        if outcome.error:
            self.end()
        return outcome

    def kill(self) -> None:
        """The process and what it started are ending; a caller that waits for its answer learns it."""
        with self._lock:
            if not self._has_ended:
                self._signal()

    def end(self) -> int:
        """The process is gone, and all that was held for it; its exit code. Not while another thread calls it."""
        with self._lock:
            if not self._has_ended:
                self._signal()
                self._process.wait()
                self._printer.join()
                self._close_pipes()
                self._has_ended = True
        return int(self._process.returncode)

    @property
    def _stdin(self) -> Any:
        return self._process.stdin

    def _signal(self) -> None:
        # The process is its group's first, and not reaped yet: the number cannot belong to another group.
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _close_pipes(self) -> None:
        with suppress(BrokenPipeError):
            self._stdin.close()
        if self._process.stdout:
            self._process.stdout.close()
        self._answers.close()

    def _print(self) -> None:
        for line in self._process.stdout or ():
            self._log(f"{self.function.name}: {line.decode('utf-8', 'replace').rstrip()}")

    def _timed_out(self, prefix: str) -> Outcome:
        self.end()
        return Outcome.failed(
            "Sandbox.Timedout", f"{prefix}Task timed out after {self.function.timeout_s:.2f} seconds"
        )

    def _exited(self, prefix: str) -> Outcome:
        self._let_exit()
        code = self.end()
        how = f"signal: {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
        return Outcome.failed("Runtime.ExitError", f"{prefix}Runtime exited with error: {how}")

    def _let_exit(self) -> None:
        """Wait for a process that closed its answers: it is a moment from its own exit code. It is not reaped yet."""
        deadline = time.monotonic() + EXIT_S
        while time.monotonic() < deadline:
            if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return
            time.sleep(EXIT_POLL_S)


def _popen(start: Start, handler: str, answers: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        start.command(handler, answers),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(answers,),
        env=dict(start.environment),
        cwd=start.code,
        start_new_session=True,
    )


class _Lines:
    """Lines from a descriptor, each awaited no longer than until its deadline."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._poll = select.poll()
        self._poll.register(descriptor, select.POLLIN)
        self._read = bytearray()

    @property
    def has_something(self) -> bool:
        """Whether there is a line, a piece of one, or the end."""
        return bool(self._read or self._poll.poll(0))

    def next(self, deadline: float) -> bytes:
        """The next line. Raises _Silence when the deadline passes before it, _End when none can come."""
        searched = 0
        while (end := self._read.find(b"\n", searched)) < 0:
            searched = len(self._read)
            self._read += self._more(deadline)
        line = bytes(self._read[:end])
        del self._read[: end + 1]
        return line

    def close(self) -> None:
        os.close(self._descriptor)

    def _more(self, deadline: float) -> bytes:
        left_ms = max(0.0, deadline - time.monotonic()) * 1000
        if not self._poll.poll(left_ms):
            raise _Silence
        chunk = os.read(self._descriptor, READ_BYTES)
        if not chunk:
            raise _End
        return chunk


def _outcome(line: bytes) -> Outcome:
    answer = json.loads(line)
    if "error" in answer:
        said = answer["error"]
        return Outcome(error=FunctionError(said["type"], said["message"], tuple(said["stack"])))
    value = answer.get("value")
    # As Lambda's Python 3.11 writes it; from 3.12 on characters outside ASCII are not escaped, and count less.
    if len(line) > ANSWER_LIMIT_BYTES and len(json.dumps(value)) > ANSWER_LIMIT_BYTES:
        message = f"Response payload size exceeded maximum allowed payload size ({ANSWER_LIMIT_BYTES} bytes)."
        return Outcome.failed(TOO_LARGE_TO_ANSWER, message)
    return Outcome(value)


def size_bytes(value: Any) -> int:
    """The size of a payload as Lambda counts it: JSON in UTF-8."""
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
