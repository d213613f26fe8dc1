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
from edge_client.model.listing import BESIDE_AN_ENTRY_BYTES, MOST_UNEXPLAINED_BYTES
from edge_client.model.plan import PLAN
from tests.edge.conftest import Device
from tests.edge.fake_camera import SERIAL, CameraFile, film, raw
from tests.support.coordinator import TOKEN

HOME = "every video on this card is home and safe to erase, read once"


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

    def forget(self, session: str, *more: str) -> int:
        """Forget a session, asking the camera unless told not to."""
        at = () if "--without-camera" in more else self._at()
        return self._run("forget", session, *at, "--spool", str(self._device.spool), *more)

    def forget_asked(self, session: str, *more: str) -> int:
        return self.forget(session, *self._service(), *more)

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
            "  recording          chapters  size    length  began                proxies  hauled",
            "  100GOPRO/GX..0042  2         8.0 MB  -       2022-07-04 10:43:18  -        not asked",
            "  100GOPRO/GX..0043  1         1.0 MB  -       2022-07-04 10:43:18  -        not asked",
        ]

    def test_shows_which_chapters_have_proxies(self, device: Device, line: Line):
        device.card(GX010042=5000, GX020042=3000, GX010043=1000, GX010044=2000, SX010045=1000)
        for name in ("GX020042", "GX010043", "SX010045"):
            device.camera.files[f"100GOPRO/{name}.MP4"].proxy_bytes = 700

        assert line.list() == 0
        lines = line.said.splitlines()[2:]
        assert line.list("--json") == 0

        assert [text.split()[-3:-2] for text in lines] == [["2"], ["1"], ["-"], ["-"]]
        assert lines[0].endswith("  1 of 2   not asked")
        assert [one["proxies"] for one in line.document["recordings"]] == [
            [{"chapter": "100GOPRO/GX020042.MP4", "size_bytes": 700}],
            [{"chapter": "100GOPRO/GX010043.MP4", "size_bytes": 700}],
            [],
            [],
        ]

    def test_says_what_is_hauled_when_a_coordinator_is_asked(self, device: Device, line: Line):
        assert line.haul("match-17", "--recording", "0042") == 0
        device.card(GX010042=len(device.content()), GX010043=1000)

        assert line.list_asked() == 0

        assert "yes (match-17)" in line.said
        assert line.said.splitlines()[-1].endswith(" no")

    @pytest.mark.parametrize(
        "silence", [(503, b'{"message": "Camera is busy"}'), raw(b"")], ids=["busy", "hangs up"]
    )
    def test_shows_no_length_of_a_film_of_which_the_camera_does_not_say_it(
        self, device: Device, line: Line, silence: Any
    ):
        device.card(GX010042=5_000_000, GX010043=1_000_000)
        device.camera.faults["media"] = [silence, (200, b'{"dur": "65"}')]

        assert line.list() == 0

        assert "5.0 MB  -  " in line.said
        assert "1.0 MB  0:01:05" in line.said
        assert line.complaints.count("not answered, and not needed") == 1

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
            "camera": SERIAL,
            "number": "0042",
            "chapters": 1,
            "missing_chapters": [],
            "size_bytes": len(device.content()),
            "began": "2022-07-04 10:43:18",
            "seconds": None,
            "proxies": [],
            "hauled": None,
            "state": None,
            "sessions": [],
            "devices": [],
            "notes": [],
        }

    def test_of_an_empty_card_is_short(self, device: Device, line: Line):
        device.camera.files.clear()
        device.camera.state["39"] = 0

        assert line.list() == 0
        assert line.said == f"camera {SERIAL} (HERO12 Black): no video on this card\n"

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
        with device.camera_locks.hold(SERIAL):
            assert line.list() == 0

    def test_without_a_camera_ends_with_75(self, device: Device, line: Line):
        device.camera.url = "http://127.0.0.1:1"

        assert line.list("--give-up-after", "0s") == 75


class TestProxies:
    def test_come_with_a_haul_and_are_told_of_by_it_and_by_status(self, device: Device, line: Line):
        files = device.camera.files
        device.card(GX010042=5000, GX020042=3000)
        for name in ("GX010042", "GX020042"):
            files[f"100GOPRO/{name}.MP4"].proxy_bytes = 700
            files[f"100GOPRO/{name}.THM"] = CameraFile(b"\xff\xd8\xff picture", is_listed=False)
        files["100GOPRO/GL010042.LRV"] = CameraFile(film(700), is_listed=False)

        assert line.haul("match-17", "--recording", "0042") == 0
        hauled = line.said.splitlines()[-3:]
        assert line.status() == 0
        shown = line.said.splitlines()[-3:]

        missing = "proxy of 100GOPRO/GX020042.MP4 stays on the card: the camera answers 404"
        assert hauled[:2] == ["  proxies in S3: 1 of 2", "  thumbnails in S3: 2 of 2"]
        assert shown[:2] == ["  match-17: proxies in S3: 1 of 2", "  match-17: thumbnails in S3: 2 of 2"]
        assert missing in hauled[2]
        assert missing in shown[2]
        assert line.audit() == 0

    def test_stay_on_the_card_where_they_are_not_wanted(self, device: Device, line: Line):
        device.card(GX010042=5000)
        device.camera.files["100GOPRO/GX010042.MP4"].proxy_bytes = 700

        assert line.haul("match-17", "--recording", "0042", "--no-proxies") == 0

        assert (
            line.said.splitlines()[-1]
            == "  the others stay on the card: proxies are switched off on this device"
        )
        assert not [path for _, path, _ in device.camera.requests if path.endswith(("LRV", "THM"))]


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
            "notes": [],
            "cannot_end": {},
            "needs_camera": False,
            "sidecars": [],
            "level": None,
            "differs": {},
            "is_home": False,
        }

    def test_tells_that_the_camera_may_leave_once_everything_is_read(self, device: Device, line: Line):
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
        line.haul("match-17", "--recording", "0042")

        assert line.status() == 75
        assert line.said.splitlines()[2:] == [
            "match-17: camera no longer needed: the rest goes up from the spool"
        ]

    @pytest.mark.parametrize("spoil", ["part", "look"])
    def test_tells_nothing_of_the_camera_while_a_part_or_the_last_look_lacks(
        self, device: Device, line: Line, spoil: str
    ):
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
        line.haul("match-17", "--recording", "0042")
        (device.parts()[0] if spoil == "part" else device.parts()[0].with_name("confirmed")).unlink()

        assert line.status("--json") == 75
        assert line.document["needs_camera"]
        line.status()
        assert "camera no longer" not in line.said

    def test_counts_the_parts_that_s3_alone_has_when_the_coordinator_is_asked(
        self, device: Device, line: Line
    ):
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
        line.haul("match-17", "--recording", "0042")
        device.parts()[0].unlink()

        assert line.status_asked("--json") == 75
        assert not line.document["needs_camera"]

    def test_asks_the_coordinator_when_it_is_told(self, device: Device, line: Line):
        device.cloud.faults["complete"] = [(403, b'{"message": "Forbidden"}')]
        line.haul("match-17", "--recording", "0042")
        device.cloud.complete("u_1")

        assert line.status_asked("--json") == 0
        assert (line.document["state"], line.document["chapters_home"]) == ("STORED", 1)

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
        assert (recording["state"], recording["safe_to_erase"]) == ("hauled", True)
        assert recording["files"] == [
            {
                "path": "100GOPRO/GX010042.MP4",
                "size_bytes": len(device.content()),
                "state": "hauled",
                "session": "match-17",
                "device": "d_own",
                "known_by": "receipt",
                "reason": None,
                "level": "read-once",
                "unfinished": False,
                "notes": [],
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


ODD_SIZES: list[Any] = [
    None,
    "",
    "a lot",
    "1,234",
    "1 234",
    "5043.0",
    1.5,
    "-1",
    "0",
    "9" * 20,
    True,
    [],
    "absent",
]


class TestOddEntries:
    """An entry of the list that may be a video is shown, whatever is odd about it, and its card is kept."""

    @pytest.mark.parametrize("size", ODD_SIZES, ids=repr)
    def test_a_size_that_the_list_does_not_give_is_asked_of_the_camera(
        self, device: Device, line: Line, size: object
    ):
        device.camera.shown = odd_list(**({} if size == "absent" else {"s": size}))

        assert line.list() == 0
        assert "1 recording, 0.0 MB" in line.said
        assert line.audit("--json") == 1
        [recording] = line.document["recordings"]
        assert (recording["state"], recording["size_bytes"]) == ("missing", len(device.content()))
        assert line.haul("--new") == 0
        assert device.object() == device.content()
        assert line.audit() == 0
        assert line.said.splitlines()[-1] == HOME

    @pytest.mark.parametrize(
        ("entry", "label", "words"),
        [
            ({"n": "GX010099.MP4"}, "100GOPRO/GX010099.MP4", "answers 404"),
            ({"n": "caf\udce9.MP4"}, "100GOPRO/caf\\udce9.MP4", "answers 404"),
            ({"n": "\ud800.MP4", "s": None}, "100GOPRO/\\ud800.MP4", "not a name that an address can carry"),
            ({"n": "../../GX010042.MP4"}, "100GOPRO/../../GX010042.MP4", "not something this client asks"),
            ({"n": "GX01\x010042.MP4", "s": "5"}, "100GOPRO/GX01\\u00010042.MP4", "control characters"),
            ({"n": "film"}, "100GOPRO/film", "answers 404"),
            ({"n": ""}, "100GOPRO/?", "does not say which file"),
            ({"n": {"a": 1}, "s": "5"}, "100GOPRO/?", "does not say which file"),
            (None, "100GOPRO/?", "does not say which file"),
            ({}, "100GOPRO/?", "does not say which file"),
        ],
        ids=repr,
    )
    def test_an_entry_that_cannot_be_read_is_shown_and_keeps_the_card(
        self, device: Device, line: Line, entry: object, label: str, words: str
    ):
        line.haul("match-17", "--recording", "0042")
        device.camera.shown = with_entry(device, entry)

        for command in (line.list, line.audit):
            code = command()
            assert code == (1 if command == line.audit else 0)
            assert f"  {label}  unreadable entry of the camera's list: " in line.said
            assert words in line.said
            assert HOME not in line.said
        assert (
            "keep this card: entries of the camera's list that cannot be read: 1; put the card" in line.said
        )
        assert line.audit("--json") == 1
        assert line.document["all_home"] is False
        assert [one["state"] for one in line.document["recordings"]] == ["hauled"]
        [shown] = line.document["unreadable"]
        assert words in shown["reason"]
        assert line.haul("--new") == 1
        assert "cannot be read, so not hauled" in line.complaints

    @pytest.mark.parametrize(
        "folder", [None, 7, [], {}, {"d": "101GOPRO"}, {"d": "101GOPRO", "fs": {}}], ids=repr
    )
    def test_a_folder_that_cannot_be_read_keeps_the_card(self, device: Device, line: Line, folder: object):
        line.haul("match-17", "--recording", "0042")
        media = device.camera.media()
        device.camera.shown = {"media": [*media["media"], folder]}

        assert line.audit() == 1
        assert "unreadable entry of the camera's list: the list does not say which file it is" in line.said

    @pytest.mark.parametrize("head", [{"Content-Length": "-1"}, {"Content-Length": "a"}])
    def test_a_film_of_which_not_even_the_camera_says_how_long_it_is_keeps_the_card(
        self, device: Device, line: Line, head: dict[str, str]
    ):
        device.camera.shown = odd_list()
        device.camera.faults["head"] = [head]

        assert line.audit() == 1
        assert "100GOPRO/GX010042.MP4  unreadable entry" in line.said

    def test_a_film_that_is_listed_twice_and_not_alike_is_shown_beside_the_others(
        self, device: Device, line: Line
    ):
        device.card(GX010042=5000, GX010043=1000)
        line.haul("--new")
        media = device.camera.media()
        media["media"][0]["fs"].append({**media["media"][0]["fs"][0], "s": "4999"})
        device.camera.shown = media

        assert line.audit() == 1
        assert (
            "100GOPRO/GX010042.MP4  unreadable entry of the camera's list: the list has it twice" in line.said
        )
        assert "100GOPRO/GX..0043" in line.said

    @pytest.mark.parametrize("status", [503, 0], ids=["busy", "hangs up"])
    def test_a_film_of_which_the_camera_never_answers_how_long_it_is_keeps_the_card_and_no_command(
        self, device: Device, line: Line, status: int
    ):
        line.haul("match-17", "--recording", "0042")
        device.camera.shown = with_entry(device, {"n": "GX010099.MP4"})
        device.camera.unanswered = {"100GOPRO/GX010099.MP4": status}

        for command, code in ((line.list, 0), (line.audit, 1)):
            assert command() == code
            assert "100GOPRO/GX010099.MP4  unreadable entry of the camera's list" in line.said
            assert "does not answer how long it is" in line.said
        assert line.haul("--new") == 1

    def test_of_a_film_that_is_home_and_gives_neither_id_nor_etag_keeps_the_card(
        self, device: Device, line: Line
    ):
        device.camera.files["100GOPRO/GX010042.MP4"].etag = ""
        line.haul("match-17", "--recording", "0042")
        assert line.audit() == 0
        device.camera.faults["media"] = [(503, b"busy")] * 9

        assert line.audit() == 1
        assert "has no ETag of 100GOPRO/GX010042.MP4 and does not answer what file it is" in line.said
        assert HOME not in line.said

    def test_of_a_film_that_is_home_needs_no_media_info_where_there_is_an_etag(
        self, device: Device, line: Line
    ):
        line.haul("match-17", "--recording", "0042")
        device.camera.faults["media"] = [(503, b"busy")] * 9

        assert line.audit() == 0

    def test_photos_with_odd_entries_stay_photos(self, device: Device, line: Line):
        line.haul("match-17", "--recording", "0042")
        burst = {"n": "G0010010.JPG", "g": "1", "b": "10", "l": "39", "t": "b", "m": [], "s": ""}
        device.camera.shown = with_entry(device, burst)

        assert line.audit() == 0
        assert line.said.splitlines()[-1] == f"{HOME}; the other files on the card are not"

    @pytest.mark.parametrize("name", ["GX010042.MOV", "GX010042", "notes.txt"])
    def test_a_file_of_which_nothing_shows_that_it_is_no_film_keeps_the_card(
        self, device: Device, line: Line, name: str
    ):
        line.haul("match-17", "--recording", "0042")
        device.camera.files[f"100GOPRO/{name}"] = CameraFile(film(1000))

        assert line.audit() == 1
        assert f"100GOPRO/{name}  1,000 bytes  not named like a chapter, never hauled" in line.said
        assert line.said.splitlines()[-1] == (
            "keep this card: films that are not named like chapters: 1; copy them by hand"
        )

    def test_a_name_that_is_not_utf_8_is_shown_by_its_bytes(self, device: Device, line: Line):
        line.haul("match-17", "--recording", "0042")
        media = with_entry(device, {"n": "caf@.MP4"})
        device.camera.files["100GOPRO/caf\udce9.MP4"] = CameraFile(film(1000))
        said = json.dumps(media).encode().replace(b"@", b"\xe9")
        device.camera.faults["list"] = [(200, said)] * 2

        assert line.audit() == 1
        assert "100GOPRO/caf\\udce9.MP4  1,000 bytes  not named like a chapter, never hauled" in line.said
        assert line.audit("--json") == 1
        assert line.document["unrecognised_videos"] == ["100GOPRO/caf\udce9.MP4"]

    def test_a_recording_with_a_chapter_that_cannot_be_read_is_not_hauled_as_whole(
        self, device: Device, line: Line
    ):
        device.camera.shown = with_entry(device, {"n": "GX020042.MP4"})

        for choice in (("--new",), ("match-17", "--recording", "0042"), ("--recording", "0042")):
            assert line.haul(*choice) == 1
            assert (
                "100GOPRO/GX..0042 has chapters that cannot be read: 100GOPRO/GX020042.MP4" in line.complaints
            )
        assert line.haul("match-17", "--file", "100GOPRO/GX020042.MP4") == 1
        assert "cannot be read, so not hauled: 100GOPRO/GX020042.MP4" in line.complaints
        assert device.cloud.sessions == {}
        assert line.haul("match-17", "--file", "100GOPRO/GX010042.MP4") == 0

    def test_a_card_without_a_chapter_is_shown_although_the_camera_does_not_say_who_it_is(
        self, device: Device, line: Line
    ):
        device.camera.serial = None
        device.camera.files = {
            "100GOPRO/GOPR0001.JPG": CameraFile(b"photo"),
            "100GOPRO/a.MOV": CameraFile(b"x"),
        }

        assert line.list() == 0
        assert line.said.startswith("camera of unknown serial: 0 recordings")
        assert line.audit() == 1


class TestWitnesses:
    """The list is not the only witness of what a card has."""

    def test_a_camera_that_counts_more_videos_than_it_lists_keeps_the_card(self, device: Device, line: Line):
        line.haul("match-17", "--recording", "0042")
        device.camera.state["39"] = 2

        assert line.audit() == 1
        assert line.said.splitlines()[-1] == (
            "keep this card: the camera counts 2 videos, but its list has 1 files of 1 recordings: "
            "put the card into a reader and look for films that the camera does not list"
        )
        assert line.audit("--json") == 1
        assert line.document["camera_counts"]["videos_counted"] == 2
        assert "counts 2 videos" in line.document["reasons_to_keep"][0]

    @pytest.mark.parametrize(("more", "code"), [(0, 0), (1024, 1)])
    def test_used_space_that_no_listed_file_explains_keeps_the_card(
        self, device: Device, line: Line, more: int, code: int
    ):
        line.haul("match-17", "--recording", "0042")
        explained = len(device.content()) + BESIDE_AN_ENTRY_BYTES + MOST_UNEXPLAINED_BYTES
        device.camera.state |= {"54": 1000, "117": 1000 + (explained + more) // 1024}

        assert line.audit() == code
        assert ("4.0 GB of the card are used by what the camera does not list" in line.said) is bool(code)
        line.audit("--json")
        unexplained = line.document["camera_counts"]["unexplained_bytes"]
        assert abs(unexplained - MOST_UNEXPLAINED_BYTES - more) < 1024

    def test_an_empty_list_on_a_used_card_keeps_it(self, device: Device, line: Line):
        device.camera.files.clear()
        device.camera.state |= {"39": 0, "54": 0, "117": 10_000_000}

        assert line.audit() == 1
        assert "keep this card: the camera lists nothing, but 10.2 GB of its card are used" in line.said

    def test_an_empty_list_of_a_silent_camera_keeps_the_card(self, device: Device, line: Line):
        device.camera.files.clear()
        del device.camera.state["39"]

        assert line.audit() == 1
        assert "keep this card: the camera lists nothing, and nothing else is known" in line.said

    def test_an_empty_card_of_which_the_camera_counts_nothing_may_be_erased(self, device: Device, line: Line):
        device.camera.files.clear()
        device.camera.state |= {"39": 0, "54": 9_900_000, "117": 10_000_000}

        assert line.audit() == 0

    def test_a_witness_that_says_nothing_is_told_and_nothing_is_made_of_it(self, device: Device, line: Line):
        line.haul("match-17", "--recording", "0042")
        device.camera.state |= {"39": "many", "54": None, "117": -1}

        assert line.audit("--verbose", "--json") == 0
        assert "the camera does not say how many videos its card has" in line.complaints
        assert "the camera does not say how much of its card is used" in line.complaints
        assert line.document["camera_counts"] == {
            "videos_counted": None,
            "used_bytes": None,
            "unexplained_bytes": None,
            "not_stated": [
                "the camera does not say how many videos its card has",
                "the camera does not say how much of its card is used",
            ],
        }


def odd_list(**said: object) -> dict[str, Any]:
    """A list of one film, whose entry says this of its size."""
    entry = {"n": "GX010042.MP4", "cre": "1656931398", "mod": "1656931398", **said}
    return {"media": [{"d": "100GOPRO", "fs": [entry]}]}


def with_entry(device: Device, entry: object) -> dict[str, Any]:
    """The card's list with one entry more."""
    media = device.camera.media()
    media["media"][0]["fs"].append(entry)
    return media


ENCODINGS = {"list": "ascii", "audit": "latin-1", "haul": "ascii", "status": "utf-8"}
"""The encoding of the terminal with which `make test` runs each command."""


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

    # Each command with each encoding is in the soak: all commands print by the same two streams.
    @pytest.mark.parametrize(
        ("command", "encoding"),
        [
            pytest.param(command, encoding, marks=() if encoding == ENCODINGS[command] else pytest.mark.soak)
            for command in ENCODINGS
            for encoding in ("ascii", "latin-1", "utf-8")
        ],
    )
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
    codes = said[said.index("exit codes: ") :].splitlines()[0]
    assert codes.startswith("exit codes: 0 done, 1 a person must look, 2 usage, 3 ")
    assert codes.endswith(", 4 two reads of a film differ: keep the card, 75 try again later")
