"""Arguments, environment, exit codes, signals, and what must never be said."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, TypeVar

import pytest

from edge_client.base.errors import SettingsFault
from edge_client.cli import parser, run
from edge_client.commands.command import Command
from edge_client.commands.haul import HAUL, HaulSettings
from edge_client.commands.list import LIST
from edge_client.config import SYSTEM_TEMPORARY, Faulty, Value, Values, together
from edge_client.model.selection import (
    ByFile,
    ByNumber,
    ByTime,
    Everything,
    Films,
    New,
    parsed_time,
)
from edge_client.wiring import peak_rss_mib
from tests.edge.conftest import ROOT, Device
from tests.edge.fake_camera import CameraFile, film
from tests.support.coordinator import SIGNATURE, TOKEN, Door, SentUpload


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return path


S = TypeVar("S")


def settings_from(
    command: Command[S], words: list[str], environ: dict[str, str], temporary: Path = SYSTEM_TEMPORARY
) -> S:
    return command.settings(Values(parser().parse_args([command.name, *words]), environ, temporary))


def settings(token_file: Path, *more: str, **environ: str) -> HaulSettings:
    given = {
        "REELHAUL_CAMERA": "http://10.5.5.9:8080",
        "REELHAUL_COORDINATOR": "https://coordinator.example/api",
        "REELHAUL_TOKEN_FILE": str(token_file),
        "REELHAUL_SPOOL": "/spool",
        **environ,
    }
    return settings_from(HAUL, list(more), given)


def faults(token_file: Path, *more: str, **environ: str) -> list[str]:
    with pytest.raises(SettingsFault) as caught:
        settings(token_file, *more, **environ)
    return caught.value.faults


def arguments(device: Device, token_file: Path, *more: str) -> list[str]:
    return [
        "haul",
        *("--camera", device.camera.url, "--coordinator", device.cloud.url),
        *("--token-file", str(token_file), "--spool", str(device.spool)),
        *("--locks", str(device.camera_locks.folder)),
        *more,
    ]


def test_options_come_from_the_environment(token_file: Path):
    made = settings(token_file, "s", "--recording", "0042", REELHAUL_LIMIT_RATE="20Mbit").device

    assert made.camera.url == "http://10.5.5.9:8080"
    assert made.service.token.text == TOKEN
    assert made.give_up_after_s == 86400
    assert made.limit_rate_bytes_s == 2_500_000


@pytest.mark.parametrize("text", ["20Mbit\r", " 20Mbit", "20Mbit \t\r\n", "\xa020Mbit\u3000"])
def test_blanks_and_carriage_returns_around_a_variable_do_not_matter(token_file: Path, text: str):
    assert settings(token_file, "--all", REELHAUL_LIMIT_RATE=text).device.limit_rate_bytes_s == 2_500_000


def test_every_variable_of_a_file_from_windows_is_read(token_file: Path):
    given = {
        "REELHAUL_CAMERA": "http://10.5.5.9:8080\r",
        "REELHAUL_INTERFACE": "wlan0\r",
        "REELHAUL_LOCKS": "/locks\r",
        "REELHAUL_COORDINATOR": "https://coordinator.example/api\r",
        "REELHAUL_TOKEN_FILE": f"{token_file}\r",
        "REELHAUL_SPOOL": "/spool\r",
        "REELHAUL_SPOOL_BUDGET": "64MiB\r",
        "REELHAUL_LIMIT_RATE": "20Mbit\r",
        "REELHAUL_GIVE_UP_AFTER": "90m\r",
    }
    without = {name: text.rstrip("\r") for name, text in given.items()}

    assert settings(token_file, "--all", **given) == settings(token_file, "--all", **without)


@pytest.mark.parametrize("blank", ["", " ", "\r", " \t\r\n"])
def test_a_variable_of_blanks_alone_is_absent(token_file: Path, blank: str):
    assert settings(token_file, "--all", REELHAUL_LIMIT_RATE=blank).device.limit_rate_bytes_s is None
    [fault] = faults(token_file, "--all", REELHAUL_SPOOL=blank)
    assert fault == "--spool (or REELHAUL_SPOOL) is needed"


@pytest.mark.parametrize("control", ["\r", "\n", "\t", "\x1b", "\x7f", "\x9b"])
def test_a_control_character_inside_a_value_is_told(token_file: Path, control: str):
    [of_variable] = faults(token_file, "--all", REELHAUL_SPOOL=f"/sp{control}ool")
    [of_option] = faults(token_file, "--all", "--spool", f"/spool{control}")

    told = "has a control character in it, such as a carriage return or a tab"
    assert (of_variable, of_option) == (f"REELHAUL_SPOOL {told}", f"--spool {told}")


def test_a_path_may_have_a_blank_and_bytes_that_are_no_text(token_file: Path):
    path = "/media/card one/caf\udce9"

    assert settings(token_file, "--all", REELHAUL_SPOOL=path).device.spool == Path(path)


def test_locks_lie_in_the_temporary_folder_unless_told(token_file: Path, tmp_path: Path):
    name = f"reelhaul-{os.geteuid()}"

    def locks(**environ: str) -> Path:
        return settings(token_file, "--all", **environ).device.camera.locks

    assert locks() == Path("/tmp") / name
    assert locks(TMPDIR=str(tmp_path)) == tmp_path / name
    assert locks(TMPDIR=str(tmp_path / "none")) == Path("/tmp") / name
    assert locks(TMPDIR=str(tmp_path), REELHAUL_LOCKS="/locks") == Path("/locks")


def test_without_a_temporary_folder_a_haul_needs_to_be_told_where_locks_are(token_file: Path, tmp_path: Path):
    none = tmp_path / "none"
    given = {
        "REELHAUL_CAMERA": "http://10.5.5.9:8080",
        "REELHAUL_COORDINATOR": "https://coordinator.example/api",
        "REELHAUL_TOKEN_FILE": str(token_file),
        "REELHAUL_SPOOL": "/spool",
    }
    with pytest.raises(SettingsFault) as caught:
        settings_from(HAUL, ["--all"], given, none)

    assert caught.value.faults == [
        f"--locks (or REELHAUL_LOCKS) is needed: there is no temporary folder {none}"
    ]
    assert settings_from(HAUL, ["--all"], {**given, "REELHAUL_LOCKS": "/locks"}, none)
    assert settings_from(HAUL, ["--all"], {**given, "TMPDIR": str(tmp_path)}, none)


def test_without_a_temporary_folder_a_list_which_locks_nothing_is_possible(tmp_path: Path):
    assert settings_from(LIST, ["--camera", "http://10.5.5.9:8080"], {}, tmp_path / "none")


def test_a_temporary_folder_that_takes_nothing_leads_to_no_other_folder(token_file: Path, tmp_path: Path):
    """Else a client that came before the disk was full would hold a lock that this one does not see."""
    tmp_path.chmod(0o500)

    device = settings(token_file, "--all", TMPDIR=str(tmp_path)).device

    assert device.camera.locks.parent == tmp_path


def test_an_argument_goes_before_the_environment(token_file: Path):
    made = settings(token_file, "--all", "--camera", "http://127.0.0.1:1", "--spool-budget", "64MiB")

    assert made.device.camera.url == "http://127.0.0.1:1"
    assert made.device.spool_budget_bytes == 64 * 2**20


@pytest.mark.parametrize(
    ("options", "choice"),
    [
        (["--recording", "0042"], ByNumber("0042")),
        (["--recording", "AA"], ByNumber("AA")),
        (["--recording", "100GOPRO/0042"], ByNumber("100GOPRO/0042")),
        (["--file", "100GOPRO/GX010042.MP4", "--file", "100GOPRO/GX020042.MP4"], None),
        (
            ["--file", "100GOPRO/GX010042.MP4", "--unfinished"],
            ByFile(("100GOPRO/GX010042.MP4",), Films.AS_THEY_ARE),
        ),
        (["--all"], Everything()),
        (["--new"], New()),
        (["--since", "2026-11-24"], ByTime(parsed_time("2026-11-24"), None)),
        (["--until", "2026-11-24T18:00"], ByTime(None, parsed_time("2026-11-24T18:00"))),
        (
            ["--since", "2026-11-24", "--until", "2026-11-25"],
            ByTime(parsed_time("2026-11-24"), parsed_time("2026-11-25")),
        ),
    ],
)
def test_the_choice_is_read(token_file: Path, options: list[str], choice: Any):
    expected = choice or ByFile(("100GOPRO/GX010042.MP4", "100GOPRO/GX020042.MP4"))

    assert settings(token_file, *options).choice == expected


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("90m", 5400), ("24h", 86400), ("2d", 172800)])
def test_durations_have_units(token_file: Path, text: str, seconds: int):
    assert settings(token_file, "--all", "--give-up-after", text).device.give_up_after_s == seconds


def test_all_faults_are_reported_at_once():
    with pytest.raises(SettingsFault) as caught:
        settings_from(HAUL, ["bad/name", "--give-up-after", "soon"], {})

    assert len(caught.value.faults) == 7


def test_values_together_have_the_faults_of_all_and_each_once():
    both = together(
        lambda: pytest.fail("made of faults"), Faulty(("a", "b")), Value("good"), Faulty(("b", "c"))
    )

    assert both == Faulty(("a", "b", "c"))
    assert together(lambda: 1, Value("good")) == Value(1)


def test_a_value_is_not_to_be_had_of_a_fault():
    with pytest.raises(AssertionError, match="a; b"):
        _ = Faulty(("a", "b")).value


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "exactly one of"),
        (["--all", "--recording", "0042"], "exactly one of"),
        (["--recording", "42"], "four digits"),
        (["--recording", "100GOPRO/GX010042.MP4"], "four digits"),
        (["--file", "GX010042.MP4"], "DIRECTORY/NAME"),
        (["--file", "100GOPRO/../x"], "DIRECTORY/NAME"),
        (["--recording", "0042", "--unfinished"], "--unfinished goes with --file"),
        (["--all", "--unfinished"], "--unfinished goes with --file"),
        (["--new", "--unfinished"], "--unfinished goes with --file"),
        (["--since", "2026-11-24", "--unfinished"], "--unfinished goes with --file"),
        (["--until", "2026-11-24", "--unfinished"], "--unfinished goes with --file"),
        (["s", "--all"], "take no SESSION"),
        (["s", "--new"], "take no SESSION"),
        (["s", "--since", "2026-11-24"], "take no SESSION"),
        (["--since", "yesterday"], "--since 'yesterday' is not a time"),
        (["--since", "2026-11-25", "--until", "2026-11-25"], "--since must be before --until"),
        (["--new", "--until", "2026-11-25"], "exactly one of"),
        (["--all", "--spool-budget", "much"], "--spool-budget is a size"),
        (["--all", "--limit-rate", "20"], "--limit-rate is a rate"),
        (["--all", "--interface", "no such/one"], "cannot name a network interface"),
        (["x" * 101, "--recording", "0042"], "at most 100"),
        (["..", "--recording", "0042"], "letter or digit first"),
        (["--all", "--give-up-after", "24"], "24h"),
        (["--all", "--camera", "ftp://x"], "HOST:PORT"),
        (["--all", "--camera", "http://u:p@x"], "HOST:PORT"),
        (["--all", "--coordinator", "http://coordinator.example"], "must be https"),
    ],
)
def test_settings_that_cannot_work_are_refused(token_file: Path, options: list[str], words: str):
    [fault] = faults(token_file, *options)

    assert words in fault


def test_a_session_of_100_characters_is_taken(token_file: Path):
    assert settings(token_file, "x" * 100, "--recording", "0042").session_id == "x" * 100


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_token_that_others_can_read_is_refused(token_file: Path, mode: int):
    token_file.chmod(mode)

    [fault] = faults(token_file, "--all")

    assert "0600" in fault


@pytest.mark.parametrize("content", ["", "nonsense", "t_a b", "t_x\nt_y"])
def test_a_file_without_a_token_is_refused_and_not_quoted(token_file: Path, content: str):
    token_file.write_text(content)

    [fault] = faults(token_file, "--all")

    assert fault.endswith("does not hold a token (t_…)")


def test_settings_do_not_show_the_token(token_file: Path):
    assert TOKEN not in repr(settings(token_file, "--all"))


def test_help_has_examples(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        run(["haul", "--help"])

    assert ended.value.code == 0
    assert "examples:" in capsys.readouterr().out


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        run(["--version"])

    assert capsys.readouterr().out.startswith("reelhaul 0.")


@pytest.mark.parametrize(
    ("words", "variable", "expected"),
    [
        ([], None, True),
        ([], "", True),
        ([], "no", True),
        ([], " yes ", False),
        (["--no-proxies"], None, False),
        (["--no-proxies"], "no", False),
    ],
)
def test_proxies_are_hauled_unless_they_are_switched_off(
    token_file: Path, words: list[str], variable: str | None, expected: bool
):
    environ = {} if variable is None else {"REELHAUL_NO_PROXIES": variable}

    assert settings(token_file, "--new", *words, **environ).device.hauls_sidecars is expected


def test_what_does_not_say_whether_proxies_are_hauled_is_a_fault(token_file: Path):
    assert faults(token_file, "--new", REELHAUL_NO_PROXIES="true") == ["REELHAUL_NO_PROXIES is yes or no"]


@pytest.mark.parametrize("group", ["m", "g" * 100, "Spiel 17, Süd"])
def test_a_group_is_taken_as_the_coordinator_takes_it(token_file: Path, group: str):
    assert settings(token_file, "--new", "--group", group).group == group


@pytest.mark.parametrize("group", ["", "g" * 101, "a\tb", "a\x7fb", "\udcff"])
def test_what_is_no_group_is_a_fault(token_file: Path, group: str):
    assert faults(token_file, "--new", "--group", group) == [
        "--group takes 1 to 100 characters, none of them a control character"
    ]


def test_usage_faults_end_with_2(capsys: pytest.CaptureFixture[str]):
    assert run(["haul"]) == 2
    assert "--camera" in capsys.readouterr().err


def test_a_haul_ends_with_0_and_prints_its_report(
    device: Device, token_file: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(arguments(device, token_file, "s", "--recording", "0042", "--json")) == 0

    report = json.loads(capsys.readouterr().out)
    assert report["session"] == "s"
    assert set(report) == {
        "session",
        "chapters",
        "left_out",
        "retries",
        "seconds",
        "api_calls",
        "peak_rss_mib",
        "sidecars",
        "no_sidecars",
    }
    assert report["chapters"][0]["receipt"] == device.cloud.receipts()["original.100GOPRO.GX010042.MP4"]


def test_a_refusal_ends_with_1(device: Device, token_file: Path, capsys: pytest.CaptureFixture[str]):
    assert run(arguments(device, token_file, "s", "--recording", "0099")) == 1
    assert "no recording 0099" in capsys.readouterr().err


def test_an_outage_ends_with_75(device: Device, token_file: Path, capsys: pytest.CaptureFixture[str]):
    device.cloud.faults["session"] = [(503, b"{}")] * 9

    assert run(arguments(device, token_file, "s", "--recording", "0042", "--give-up-after", "0s")) == 75
    assert "run the same command again" in capsys.readouterr().err


def test_files_left_out_of_the_plan_end_with_1_and_the_report_is_printed(
    device: Device, token_file: Path, capsys: pytest.CaptureFixture[str]
):
    device.card(GX010042=100, GX020042=100)
    assert run(arguments(device, token_file, "--file", "100GOPRO/GX010042.MP4", "--json")) == 0
    capsys.readouterr()

    assert run(arguments(device, token_file, "--all", "--json")) == 1

    printed = capsys.readouterr()
    assert json.loads(printed.out)["left_out"] == ["100GOPRO/GX020042.MP4"]
    assert "100GOPRO/GX020042.MP4" in printed.err


def test_an_outage_prints_the_sessions_that_are_home(
    device: Device, token_file: Path, capsys: pytest.CaptureFixture[str]
):
    device.card(GX010042=100, GX010043=100)
    device.cloud.faults["session"] = [None, (503, b"{}")]

    assert run(arguments(device, token_file, "--all", "--json", "--give-up-after", "0s")) == 75
    assert "-0042-" in json.loads(capsys.readouterr().out)["session"]


def test_a_dry_run_says_what_it_would_haul_and_writes_nothing(
    device: Device, token_file: Path, capsys: pytest.CaptureFixture[str]
):
    device.card(GX010042=100_000)

    assert run(arguments(device, token_file, "--all", "--dry-run")) == 0

    assert "100GOPRO/GX010042.MP4" in capsys.readouterr().out
    assert (device.cloud.calls, list(device.spool.glob("*/*.json"))) == ([], [])
    assert set(device.camera.reads()) == {"bytes=0-65535"}


def test_a_stop_by_signal_ends_with_75_and_a_rerun_finishes(device: Device, token_file: Path):
    def interrupt(door: Door, upload: SentUpload, number: int) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        door.body()
        door.s3_error(500, "InternalError")

    device.cloud.faults["put"] = [interrupt] * 50
    before = signal.getsignal(signal.SIGTERM)
    command = arguments(device, token_file, "s", "--recording", "0042")

    assert run(command) == 75
    assert signal.getsignal(signal.SIGTERM) is before
    device.cloud.faults.clear()
    assert run(command) == 0
    assert device.object() == device.content()


def test_no_token_and_no_presigned_url_is_ever_said(
    device: Device, token_file: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
):
    def hang_up(door: Door, *rest: Any) -> None:
        door.close_connection = True

    device.cloud.faults["put"] = [hang_up, (500, b""), (403, b""), (200, b"")]
    device.cloud.faults["urls"] = [hang_up, (502, b"<html>")]
    device.cloud.faults["session"] = [hang_up]
    device.cloud.faults["progress"] = [hang_up, (500, b"<html>")]
    with caplog.at_level(logging.DEBUG):
        assert run(arguments(device, token_file, "s", "--recording", "0042", "--json", "--verbose")) == 0

    said = caplog.text + repr([vars(record) for record in caplog.records]) + "".join(capsys.readouterr())
    written = b"".join(path.read_bytes() for path in device.spool.rglob("*") if path.is_file()).decode()
    assert "trying again" in said
    assert "no heartbeat" in said
    for secret in (SIGNATURE, TOKEN, TOKEN.partition(".")[2]):
        assert secret not in said + written


def test_a_refused_part_does_not_say_its_url(
    device: Device, token_file: Path, capsys: pytest.CaptureFixture[str]
):
    device.cloud.faults["put"] = [(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")] * 40

    assert run(arguments(device, token_file, "s", "--recording", "0042")) == 1

    said = "".join(capsys.readouterr())
    assert "SignatureDoesNotMatch" in said
    assert SIGNATURE not in said


def test_no_thread_outlives_a_run(device: Device, token_file: Path):
    run(arguments(device, token_file, "s", "--recording", "0042"))

    names = {thread.name for thread in threading.enumerate()}
    assert not {name for name in names if name.startswith(("sender", "keep-alive", "haul"))}


def test_memory_stays_below_100_mib_at_parts_of_16_mib(device: Device, token_file: Path):
    device.cloud.part_bytes = 16 * 1024 * 1024
    device.camera.files["100GOPRO/GX010042.MP4"] = CameraFile(film(48 * 1024 * 1024))

    command = [
        sys.executable,
        "-m",
        "edge_client",
        *arguments(device, token_file, "s", "--recording", "0042", "--json"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=True)

    assert 10 < json.loads(done.stdout)["peak_rss_mib"] <= 100


def test_a_killed_client_is_finished_by_the_next(device: Device, token_file: Path):
    device.card(GX010042=device.cloud.part_bytes * 20)

    def hold(door: Door, upload: SentUpload, number: int) -> None:
        door.body()
        time.sleep(0.05)
        door.s3_error(500, "InternalError")

    device.cloud.faults["put"] = [None] * 5 + [hold] * 1000
    command = [
        sys.executable,
        "-m",
        "edge_client",
        *arguments(device, token_file, "s", "--recording", "0042"),
    ]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as client:
        deadline = time.monotonic() + 20
        while len(device.cloud.puts) < 6 and time.monotonic() < deadline:
            time.sleep(0.01)
        client.kill()
    device.cloud.faults.clear()

    assert run(arguments(device, token_file, "s", "--recording", "0042")) == 0
    assert device.object() == device.content()


def test_peak_memory_is_read_from_the_system():
    assert peak_rss_mib() > 1
