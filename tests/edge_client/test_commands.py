"""list, status and audit, as their users run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_client.cli import run
from edge_client.plan import PLAN
from tests.edge_client.conftest import Device
from tests.edge_client.fakes import SERIAL, TOKEN, CameraFile, film

HOME = "every video on this card is home and safe to erase"


class Line:
    """One device's commands; `said` is what the last one printed."""

    def __init__(self, device: Device, token_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._device = device
        self._token_file = token_file
        self._capsys = capsys
        self.said = ""
        self.complaints = ""

    def _run(self, *words: str) -> int:
        self._capsys.readouterr()
        code = run(list(words))
        self.said, self.complaints = self._capsys.readouterr()
        return code

    def _at(self) -> tuple[str, ...]:
        return ("--camera", self._device.camera.url, "--locks", str(self._device.camera_locks.folder))

    def _service(self) -> tuple[str, ...]:
        return ("--coordinator", self._device.cloud.url, "--token-file", str(self._token_file))

    def list(self, *more: str) -> int:
        return self._run("list", *self._at(), *more)

    def list_asked(self, *more: str) -> int:
        return self.list(*self._service(), *more)

    def status(self, *more: str) -> int:
        return self._run("status", "--spool", str(self._device.spool), *more)

    def status_asked(self, *more: str) -> int:
        return self.status(*self._service(), *more)

    def audit(self, *more: str) -> int:
        return self._run("audit", *self._at(), *self._service(), "--spool", str(self._device.spool), *more)

    def haul(self, *more: str) -> int:
        return self._run("haul", *more, *self._at(), *self._service(), "--spool", str(self._device.spool))

    def in_a_shell(self, command: str, encoding: str) -> tuple[str, int]:
        """What one run says and its exit code, on a terminal of that encoding and without a language."""
        words = {
            "list": self._at(),
            "audit": (*self._at(), *self._service(), "--spool", str(self._device.spool)),
            "haul": ("--new", *self._at(), *self._service(), "--spool", str(self._device.spool)),
            "status": ("--spool", str(self._device.spool)),
        }
        environment = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": encoding}
        ended = subprocess.run(
            [sys.executable, "-m", "edge_client", command, *words[command]],
            env=environment,
            capture_output=True,
            check=False,
            timeout=60,
        )
        return (ended.stdout + ended.stderr).decode(encoding), ended.returncode

    @property
    def document(self) -> Any:
        return json.loads(self.said)


@pytest.fixture
def line(device: Device, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Line:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN)
    token_file.chmod(0o600)
    return Line(device, token_file, capsys)


class TestList:
    def test_shows_recordings_with_chapters_sizes_and_the_cameras_time(self, device: Device, line: Line):
        device.card(GX010042=5_000_000, GX020042=3_000_000, GX010043=1_000_000)

        assert line.list() == 0
        assert line.said.splitlines() == [
            f"camera {SERIAL} (HERO12 Black): 2 recordings, 9.0 MB",
            "  recording          chapters  size    length  began                hauled",
            "  100GOPRO/GX..0042  2         8.0 MB  -       2022-07-04 10:43:18  not asked",
            "  100GOPRO/GX..0043  1         1.0 MB  -       2022-07-04 10:43:18  not asked",
        ]

    def test_says_what_is_hauled_when_a_coordinator_is_asked(self, device: Device, line: Line):
        assert line.haul("match-17", "--recording", "0042") == 0
        device.card(GX010042=len(device.content()), GX010043=1000)

        assert line.list_asked() == 0

        assert "yes (match-17)" in line.said
        assert line.said.splitlines()[-1].endswith(" no")

    def test_tells_gaps_strangers_and_what_else_there_is(self, device: Device, line: Line):
        device.card(GX020042=1000, GX010042_Proxy=1000)
        del device.camera.files["100GOPRO/GX010042.MP4"]
        device.camera.files["100GOPRO/GOPR0001.JPG"] = CameraFile(b"photo")

        assert line.list() == 0

        assert "1, lacks 01" in line.said
        assert "100GOPRO/GX010042_Proxy.MP4  1,000 bytes  not named like a chapter, never hauled" in line.said
        assert "photos and the like, never hauled: 1" in line.said

    def test_is_the_same_as_json(self, device: Device, line: Line):
        assert line.list("--json") == 0

        [recording] = line.document["recordings"]
        assert line.document["camera"]["serial"] == SERIAL
        assert recording == {
            "recording": "100GOPRO/GX..0042",
            "number": "0042",
            "chapters": 1,
            "missing_chapters": [],
            "size_bytes": len(device.content()),
            "began": "2022-07-04 10:43:18",
            "seconds": None,
            "hauled": None,
            "standing": None,
            "sessions": [],
            "devices": [],
        }

    def test_of_an_empty_card_is_short(self, device: Device, line: Line):
        device.camera.files.clear()
        device.camera.state["39"] = 0

        assert line.list() == 0
        assert line.said == f"camera {SERIAL} (HERO12 Black): 0 recordings, 0.0 MB\n"

    @pytest.mark.parametrize("torn", [b"", b"{", b"[]"])
    def test_shows_every_session_but_one_whose_plan_cannot_be_read_and_ends_with_1(
        self, device: Device, line: Line, torn: bytes
    ):
        for name in ("match-16", "match-17", "match-18"):
            line.haul(name, "--recording", "0042")
        (device.spool / "match-17" / PLAN).write_bytes(torn)

        assert line.status() == 1
        assert [row.split()[0] for row in line.said.splitlines()[1:]] == ["match-16", "match-18"]
        assert "plan.json of session match-17 in the spool cannot be read" in line.complaints

    def test_works_beside_a_client_that_hauls(self, device: Device, line: Line):
        with device.camera_locks.held(SERIAL):
            assert line.list() == 0

    def test_without_a_camera_ends_with_75(self, device: Device, line: Line):
        device.camera.url = "http://127.0.0.1:1"

        assert line.list("--give-up-after", "0s") == 75


class TestStatus:
    def test_of_an_empty_spool_is_home(self, line: Line):
        assert line.status() == 0
        assert line.said == "no session here\n"

    def test_tells_what_is_home_from_the_receipts(self, device: Device, line: Line):
        line.haul("match-17", "--recording", "0042")

        assert line.status() == 0
        assert line.said.splitlines()[1].split() == [
            *("match-17", SERIAL, "1", "of", "1"),
            *("0.0", "MB", "of", "0.0", "MB", "0.0", "MB", "not", "asked"),
        ]

    def test_tells_what_waits_and_ends_with_75(self, device: Device, line: Line):
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
        line.haul("match-17", "--recording", "0042")

        assert line.status("--json") == 75
        assert line.document == {
            "session": "match-17",
            "camera": SERIAL,
            "chapters": 1,
            "chapters_home": 0,
            "size_bytes": len(device.content()),
            "home_bytes": 0,
            "spool_bytes": len(device.content()),
            "state": None,
            "is_home": False,
        }

    def test_asks_the_coordinator_when_it_is_told(self, device: Device, line: Line):
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
        line.haul("match-17", "--recording", "0042")
        device.cloud.verify(device.cloud.uploads["u_1"])

        assert line.status_asked("--json") == 0
        assert (line.document["state"], line.document["chapters_home"]) == ("OPEN", 1)

    def test_without_an_answer_keeps_to_the_receipts(self, device: Device, line: Line):
        line.haul("match-17", "--recording", "0042")
        device.cloud.faults["state"] = [(503, b"{}")]

        assert line.status_asked("--json") == 0
        assert line.document["state"] is None

    def test_works_beside_a_client_that_hauls(self, device: Device, line: Line):
        line.haul("match-17", "--recording", "0042")
        with device.spool_held():
            assert line.status() == 0


class TestAudit:
    def test_of_a_card_that_is_home_ends_with_0_and_says_safe_to_erase(self, device: Device, line: Line):
        line.haul("match-17", "--recording", "0042")

        assert line.audit() == 0
        assert "hauled" in line.said
        assert "match-17" in line.said
        assert line.said.splitlines()[-1] == HOME

    def test_of_a_card_with_something_missing_ends_with_1_and_names_it(self, device: Device, line: Line):
        line.haul("match-17", "--recording", "0042")
        device.card(GX010042=len(device.content()), GX010043=1000)

        assert line.audit() == 1
        assert "100GOPRO/GX010043.MP4  1,000 bytes  missing: no session has it" in line.said
        assert line.said.splitlines()[-1].startswith("keep this card: 1 of 2 recordings are home")

    @pytest.mark.parametrize("hauled", [True, False])
    def test_never_erases_and_never_reads_a_part(self, device: Device, line: Line, hauled: bool):
        if hauled:
            line.haul("match-17", "--recording", "0042")
        device.camera.requests.clear()

        line.audit()

        assert device.camera.reads() == []
        assert not any("delete" in path for _, path, _ in device.camera.requests)

    def test_of_another_file_of_the_same_name_says_keep(self, device: Device, line: Line):
        line.haul("match-17", "--recording", "0042")
        device.camera.files["100GOPRO/GX010042.MP4"].created = "1656931399"

        assert line.audit() == 1
        assert "other content" in line.said
        assert HOME not in line.said

    def test_of_a_file_that_differs_in_its_etag_alone_says_keep(self, device: Device, line: Line):
        line.haul("match-17", "--recording", "0042")
        device.camera.files["100GOPRO/GX010042.MP4"].etag = '"repaired.1"'

        assert line.audit() == 1
        assert "other content" in line.said

    def test_of_a_file_without_dates_never_says_safe(self, device: Device, line: Line):
        device.camera.files["100GOPRO/GX010042.MP4"].created = "unknown"
        line.haul("match-17", "--recording", "0042")

        assert line.audit() == 1
        assert "safe to erase" not in line.said

    def test_of_an_upload_that_is_not_verified_says_under_way(self, device: Device, line: Line):
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
        line.haul("match-17", "--recording", "0042")

        assert line.audit() == 1
        assert "under way: not yet verified" in line.said

    def test_of_another_camera_with_the_same_names_says_missing(self, device: Device, line: Line):
        line.haul("match-17", "--recording", "0042")
        device.camera.serial = "C9999999999999"

        assert line.audit() == 1
        assert "missing" in line.said

    def test_of_videos_that_are_no_chapters_says_keep(self, device: Device, line: Line):
        line.haul("match-17", "--recording", "0042")
        device.camera.files["100GOPRO/LOOP0001.MP4"] = CameraFile(film(1000))

        assert line.audit() == 1
        assert "never hauled" in line.said

    def test_of_photos_says_that_they_are_not_home(self, device: Device, line: Line):
        line.haul("match-17", "--recording", "0042")
        device.camera.files["100GOPRO/GOPR0001.JPG"] = CameraFile(b"photo")

        assert line.audit() == 0
        assert line.said.splitlines()[-1] == f"{HOME}; the other files on the card are not"

    def test_is_the_same_as_json(self, device: Device, line: Line):
        line.haul("match-17", "--recording", "0042")

        assert line.audit("--json") == 0
        [recording] = line.document["recordings"]
        assert line.document["all_home"] is True
        assert (recording["standing"], recording["safe_to_erase"]) == ("hauled", True)
        assert recording["files"] == [
            {
                "path": "100GOPRO/GX010042.MP4",
                "size_bytes": len(device.content()),
                "standing": "hauled",
                "session": "match-17",
                "device": "d_own",
                "known_by": "receipt",
                "reason": None,
            }
        ]

    def test_with_haul_brings_what_is_missing_and_then_is_content(self, device: Device, line: Line):
        device.card(GX010042=5000, GX010043=1000)
        line.haul("match-17", "--recording", "0042")

        assert line.audit("--haul") == 0

        assert line.said.splitlines()[-1] == HOME
        assert device.object("GX010043.MP4") == device.content("GX010043.MP4")
        assert len(device.cloud.uploads) == 2

    def test_with_haul_of_a_home_card_transfers_nothing(self, device: Device, line: Line):
        line.haul("match-17", "--recording", "0042")
        device.cloud.puts.clear()

        assert line.audit("--haul") == 0
        assert device.cloud.puts == []

    def test_without_a_coordinator_ends_with_75(self, device: Device, line: Line):
        device.cloud.faults["known"] = [(503, b"{}")] * 3

        assert line.audit("--give-up-after", "0s") == 75


class TestOddTexts:
    """A camera's date, name or model that makes no sense never hides its card."""

    @pytest.mark.parametrize(
        ("created", "began"),
        [
            ("1656931398", "2022-07-04 10:43:18"),
            ("1656931398000", "1656931398000"),
            ("9223372036854775807", "9223372036854775807"),
            ("-62135596800", "1-01-01 00:00:00"),
            ("-62135596801", "-62135596801"),
            ("253402300799", "9999-12-31 23:59:59"),
            ("253402300800", "253402300800"),
            ("9223372036854775808", None),
            ("9999999999999999999", None),
            ("yesterday", None),
            ("", None),
        ],
    )
    def test_a_date_that_is_none_is_shown_as_the_camera_gives_it(
        self, device: Device, line: Line, created: str, began: str | None
    ):
        device.camera.files["100GOPRO/GX010042.MP4"].created = created

        assert line.list() == 0
        assert f"  {began or ''}  " in line.said
        assert line.list("--json") == 0
        assert line.document["recordings"][0]["began"] == began
        assert line.audit() == 1
        assert "missing: no session has it" in line.said

    def test_a_film_with_a_date_in_milliseconds_is_hauled_and_home(self, device: Device, line: Line):
        device.camera.files["100GOPRO/GX010042.MP4"].created = "1656931398000"

        assert line.haul("--new") == 0
        assert line.audit() == 0
        assert line.status() == 0
        assert device.cloud.sessions[f"{SERIAL}-100GOPRO-0042-1656931398000"]["chapters"][0]["created"] == (
            1656931398000
        )

    @pytest.mark.parametrize("command", ["list", "audit"])
    def test_a_model_that_no_terminal_can_show_is_shown_as_its_codes(
        self, device: Device, line: Line, command: str
    ):
        model = b"HERO\\u001b[2J\\u202e\\ud800"
        answer = (200, b'{"serial_number": "%s", "model_name": "%s"}' % (SERIAL.encode(), model))
        device.camera.faults["info"] = [answer] * 2
        getattr(line, command)()

        assert line.said.startswith(f"camera {SERIAL} (HERO\\u001b[2J\\u202e\\ud800): 1 recording")

    def test_a_model_that_the_coordinator_would_refuse_does_not_keep_a_film(self, device: Device, line: Line):
        model = b"\\ud800\\u0007" * 100
        answer = (200, b'{"serial_number": "%s", "model_name": "%s"}' % (SERIAL.encode(), model))
        device.camera.faults["info"] = [answer]

        assert line.haul("--new") == 0
        [session] = device.cloud.sessions.values()
        assert session["camera"]["model"].isprintable()
        assert len(session["camera"]["model"]) == 200

    @pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
    @pytest.mark.parametrize("command", ["list", "audit", "haul", "status"])
    def test_a_terminal_of_any_encoding_shows_the_card(
        self, device: Device, line: Line, command: str, encoding: str
    ):
        device.card(GX080042=1000)
        del device.camera.files["100GOPRO/GX010042.MP4"]

        said, code = line.in_a_shell(command, encoding)

        assert code == {"list": 0, "audit": 1, "haul": 1, "status": 0}[command]
        assert "a fault of this program" not in said
        if command in ("list", "audit"):
            assert "lacks 01, 02, 03, 04, 05, " in said


@pytest.mark.parametrize("command", ["haul", "list", "status", "audit"])
def test_every_command_has_help_with_examples_and_exit_codes(
    command: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as ended:
        run([command, "--help"])

    said = capsys.readouterr().out
    assert ended.value.code == 0
    assert f"  reelhaul {command}" in said
    assert "exit codes: 0 done, 1 a person must look, 2 usage, 75 try again later" in said
