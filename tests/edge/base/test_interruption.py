"""Ctrl-C and SIGTERM end a command within two seconds at any moment, and say what becomes of it.

Each moment is that of a real process. A machine with other work may be late by itself, so the best of two tries counts.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from edge_client.base.exit import SIGNALS, handle_signals, stay
from tests.edge.conftest import ROOT, Device
from tests.edge.fake_camera import CameraFile, film
from tests.support.coordinator import TOKEN, Door

WITHIN_S = 2.0
TRIES = 2
HAUL = ("haul", "s", "--recording", "0042")


@dataclass
class Silence:
    """A fault that answers nothing until the test is over; `reached` says that somebody waits for it."""

    reached: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def __call__(self, handler: Any, *rest: Any) -> None:
        handler.close_connection = True
        self.reached.set()
        self.over.wait(60)


@dataclass
class Client:
    """The real client against this device; `library` is Python that its process runs first."""

    device: Device
    folder: Path

    @contextmanager
    def started(
        self, *words: str, library: str = "", stderr: int = subprocess.PIPE, **environ: str
    ) -> Iterator[subprocess.Popen[bytes]]:
        (self.folder / "sitecustomize.py").write_text(library)
        environment = {**os.environ, "PYTHONPATH": str(self.folder), **environ}
        command = [sys.executable, "-m", "edge_client", *words, *self._words(words[0])]
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=stderr
        ) as client:
            try:
                yield client
            finally:
                client.kill()

    def _words(self, command: str) -> Sequence[str]:
        token_file = self.folder / "token"
        if not token_file.exists():
            token_file.write_text(TOKEN)
            token_file.chmod(0o600)
        camera = ("--camera", self.device.camera.url, "--locks", str(self.device.camera_locks.folder))
        service = ("--coordinator", self.device.cloud.url, "--token-file", str(token_file))
        spool = ("--spool", str(self.device.spool))
        return {"list": camera, "status": (*service, *spool)}.get(command, (*camera, *service, *spool))


@pytest.fixture
def client(device: Device, tmp_path: Path) -> Client:
    folder = tmp_path / "client"
    folder.mkdir()
    return Client(device, folder)


@pytest.fixture
def silence() -> Iterator[Silence]:
    made = Silence()
    yield made
    made.over.set()


def end_s(client: subprocess.Popen[bytes], number: int = signal.SIGINT) -> float:
    """How long the process takes to end after the signal."""
    client.send_signal(number)
    began = time.monotonic()
    client.wait(timeout=20)
    return time.monotonic() - began


def until(reached: Callable[[], bool], client: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert client.poll() is None, "the client has ended by itself"
        assert time.monotonic() < deadline, "the moment never came"
        time.sleep(0.01)


@dataclass(frozen=True)
class Moment:
    """Where a command is when it is stopped: what is silent, and which words start it."""

    faults: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = HAUL
    waiters: int = 1


MOMENTS = {
    "the camera is silent when it is asked for its list": Moment({"camera": "list"}),
    "the camera is silent when a part is read": Moment({"camera": "read"}),
    "the camera is silent when it is listed": Moment({"camera": "list"}, ("list",)),
    "the camera is silent when it is audited": Moment({"camera": "list"}, ("audit",)),
    "S3 is silent to every sender": Moment({"cloud": "put"}),
    "the coordinator is silent about the session": Moment({"cloud": "session"}),
    "the coordinator is silent about URLs": Moment({"cloud": "urls"}),
    "the coordinator is silent at the completion": Moment({"cloud": "complete"}),
}


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS.keys())
def test_ctrl_c_ends_a_command_within_two_seconds_when(
    client: Client, device: Device, silence: Silence, moment: Moment
):
    device.card(GX010042=device.cloud.part_bytes * 20)
    lasted: list[float] = []
    for _ in range(TRIES):
        for side, kind in moment.faults.items():
            getattr(device, side).faults[kind] = [silence] * 50
        silence.reached.clear()
        with client.started(*moment.words) as process:
            until(silence.reached.is_set, process)
            lasted.append(end_s(process))
            said = process.stderr.read().decode() if process.stderr else ""
        assert process.returncode == 75
        assert "Traceback" not in said
        assert "stopping" in said
        assert "run the same command again" in said
        if lasted[-1] <= WITHIN_S:
            break

    assert min(lasted) <= WITHIN_S, lasted


def stopped_s(
    client: Client, reached: Callable[[], bool], *words: str, number: int = signal.SIGINT, library: str = ""
) -> float:
    """The shorter of two tries to stop the client once `reached`; it ended with 75 and without a traceback."""
    lasted: list[float] = []
    while len(lasted) < TRIES and not (lasted and lasted[-1] <= WITHIN_S):
        with client.started(*words, library=library) as process:
            until(reached, process)
            lasted.append(end_s(process, number))
            said = process.stderr.read().decode() if process.stderr else ""
        assert process.returncode == 75, said
        assert "Traceback" not in said
    return min(lasted)


def test_the_report_of_a_session_that_is_home_is_printed_when_the_next_one_is_stopped(
    client: Client, device: Device, silence: Silence
):
    device.card(GX010042=100, GX010043=100)
    device.cloud.faults["put"] = [None] + [silence] * 50
    device.cloud.faults["progress"] = [None] + [silence] * 50

    with client.started("haul", "--all", "--json") as process:
        until(silence.reached.is_set, process)
        end_s(process)
        assert process.stdout
        printed = process.stdout.read()

    assert process.returncode == 75
    assert b"-0042-" in printed


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_a_haul_at_full_speed_within_two_seconds_and_a_rerun_finishes(
    client: Client, device: Device, number: int
):
    device.cloud.part_bytes = 1 << 20
    device.camera.files["100GOPRO/GX010042.MP4"] = CameraFile(film(48 << 20))

    assert stopped_s(client, lambda: len(device.cloud.puts) > 3, *HAUL, number=number) <= WITHIN_S

    device.camera.files["100GOPRO/GX010042.MP4"] = CameraFile(film(48 << 20))
    with client.started(*HAUL) as process:
        assert process.wait(timeout=120) == 0
    assert device.object() == device.content()


def test_ctrl_c_ends_the_wait_for_the_next_try_within_two_seconds(client: Client, device: Device):
    device.cloud.faults["session"] = [(503, b"{}", {"Retry-After": "60"})] * 9

    def waits() -> bool:
        return "session" in device.cloud.calls

    assert stopped_s(client, waits, *HAUL) <= WITHIN_S


def test_ctrl_c_ends_the_wait_for_a_camera_that_is_away_within_two_seconds(client: Client, device: Device):
    device.camera.url = "http://127.0.0.1:1"
    began = time.monotonic()

    assert stopped_s(client, lambda: time.monotonic() > began + 3, *HAUL) <= WITHIN_S


def slow(what: str) -> str:
    """A system call that a process waits for without end, as its library sees it; it leaves a mark."""
    return (
        "import os, socket, time\n"
        "def wait(*_, **__):\n"
        "    open(os.environ['PYTHONPATH'] + '/reached', 'w').close()\n"
        "    time.sleep(60)\n"
        f"{what} = wait\n"
    )


@pytest.mark.parametrize("call", ["socket.getaddrinfo", "os.fsync"])
def test_ctrl_c_ends_a_haul_within_two_seconds_while_the_system_does_not_answer(client: Client, call: str):
    mark = client.folder / "reached"

    assert stopped_s(client, mark.exists, *HAUL, library=slow(call)) <= WITHIN_S


SLOW_IMPORT = """
import os, sys, time
class Finder:
    def find_spec(self, name, *_):
        if name == "requests":
            open(os.environ["PYTHONPATH"] + "/reached", "w").close()
            time.sleep(60)
sys.meta_path.insert(0, Finder())
"""


def test_ctrl_c_ends_a_command_that_still_starts_without_a_traceback(client: Client):
    with client.started("list", library=SLOW_IMPORT) as process:
        until((client.folder / "reached").exists, process)
        lasted = end_s(process)
        assert process.stderr
        said = process.stderr.read()

    assert (process.returncode, said) == (75, b"")
    assert lasted <= WITHIN_S


def test_ctrl_c_ends_a_command_that_still_reads_its_settings_without_a_traceback(client: Client):
    pipe = client.folder / "token"
    os.mkfifo(pipe, 0o600)

    def reads(process: subprocess.Popen[bytes]) -> bool:
        # wait_for_partner: nobody writes to the pipe that should be the file of the token.
        return "edge_client" in Path(f"/proc/{process.pid}/cmdline").read_text() and "partner" in (
            Path(f"/proc/{process.pid}/wchan").read_text()
        )

    with client.started("list", "--coordinator", "https://c.example", "--token-file", str(pipe)) as process:
        began = time.monotonic()
        while time.monotonic() < began + 3 and not reads(process):
            time.sleep(0.02)
        lasted = end_s(process)
        assert process.stderr
        said = process.stderr.read()

    assert (process.returncode, said) == (75, b"")
    assert lasted <= WITHIN_S


def test_ctrl_c_ends_a_haul_whose_terminal_takes_no_line_any_more(
    client: Client, device: Device, silence: Silence
):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    os.set_blocking(writing, True)
    device.camera.faults["list"] = [silence] * 50

    with client.started(*HAUL, stderr=writing) as process:
        until(silence.reached.is_set, process)
        lasted = end_s(process)
    os.close(reading)
    os.close(writing)

    assert process.returncode == 75
    assert lasted <= WITHIN_S


def test_a_second_ctrl_c_ends_the_process_at_once(client: Client, device: Device, silence: Silence):
    device.camera.faults["list"] = [silence] * 50
    with client.started(*HAUL) as process:
        until(silence.reached.is_set, process)
        process.send_signal(signal.SIGINT)
        assert process.stderr
        assert b"what was read stays in the spool" in process.stderr.readline()
        end_s(process)
        rest = process.stderr.read()

    assert process.returncode == 75
    assert rest == b""


def test_the_first_signal_stops_and_the_second_ends():
    stop, codes = threading.Event(), list[int]()
    before = [signal.getsignal(number) for number in SIGNALS]

    with handle_signals(stop, codes.append):
        os.kill(os.getpid(), signal.SIGINT)
        assert (stop.is_set(), codes) == (True, [])
        os.kill(os.getpid(), signal.SIGTERM)
        assert codes == [75]

    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_a_command_inside_another_program_never_ends_that_program():
    stop = threading.Event()

    with handle_signals(stop, stay):
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGINT)

    assert stop.is_set()


def test_a_signal_in_the_last_moment_keeps_the_code_of_what_is_done(client: Client, device: Device):
    def interrupt(door: Door) -> None:
        process.send_signal(signal.SIGINT)
        door.serve()

    device.cloud.faults["complete"] = [interrupt]
    with client.started(*HAUL) as process:
        assert process.wait(timeout=60) in (0, 75)
    with client.started(*HAUL) as process:
        assert process.wait(timeout=60) == 0
    assert device.object() == device.content()
