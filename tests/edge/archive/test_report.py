"""`report`: one archive for support. Secrets are planted where they could be, and none is in it."""

from __future__ import annotations

import base64
import json
import os
import stat
import tarfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from edge_client.archive import collect as collecting
from edge_client.archive.collect import (
    MOST_FILE_BYTES,
    MOST_READ_BYTES,
    MOST_SESSIONS,
    Absent,
    Piece,
    Sources,
    collect,
)
from edge_client.archive.journal import MOST_BYTES, NoJournal, read_journal
from edge_client.archive.redact import HIDDEN, Redactor, secrets_in
from edge_client.archive.write import write_archive
from edge_client.base.disk import SystemDisk
from edge_client.base.errors import Refused
from edge_client.cli import run
from edge_client.model.levels import Reread, WholeRead
from edge_client.spool.spool import Spool
from tests.edge.conftest import Device
from tests.support.coordinator import TOKEN

SECRET = TOKEN.partition(".")[2]
COHN_PASSWORD = "/Pa55 phrase+of=COHN"
OTHER_TOKEN = "t_9f3KzQ.b0rr0wedFromAnOtherDevice-_x"
SIGNATURE = "9a0f3c7e5b1d42688e7cf0aa55d1"
SESSION_TOKEN = "IQoJb3JpZ2luX2VjEHsaCmV1LXdlc3QtMQ"
SIGNED = (
    "https://reelhaul-prod.s3.eu-west-1.amazonaws.com/originals/main/s/GX010042.MP4"
    f"?partNumber=1&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE&X-Amz-Security-Token={SESSION_TOKEN}&X-Amz-Signature={SIGNATURE}"
)
CDN = f"https://d111.cloudfront.net/originals/x?Policy=eyJTdGF0ZW1lbnQ&Signature={SIGNATURE}&Key-Pair-Id=K2JCJMDEHXQW5F"
CODE = "7K3Q-M2XA-0123-4567-89AB-CDEF"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\n-----END PRIVATE KEY-----"
PASSWORD_IN_URL = "hunter2hunter2"
LOGIN_PASSWORD = "l0g1n-0f-the-camera"
ENV_PASSWORD = "correct horse battery staple"
NIGHT = "/var/lib/reelhaul"

SECRETS = (
    *(SECRET, COHN_PASSWORD, OTHER_TOKEN.partition(".")[2], SIGNATURE, SESSION_TOKEN, CODE, PASSWORD_IN_URL),
    *(
        ENV_PASSWORD,
        LOGIN_PASSWORD,
        "AKIAIOSFODNN7EXAMPLE",
        "MIIEvQIBADANBgkqhkiG9w0B",
        "K2JCJMDEHXQW5F",
        "eyJTdGF0ZW1lbnQ",
    ),
)
LOUD = (
    f"token {TOKEN}",
    f"Authorization: Bearer {TOKEN}",
    f"authorization: Basic {base64.b64encode(f'gopro:{COHN_PASSWORD}'.encode()).decode()}",
    f"reason={TOKEN!r} of {OTHER_TOKEN}",
    f"PUT {SIGNED} failed",
    f"GET {CDN} failed",
    f"a piece of an address: &X-Amz-Signature={SIGNATURE}&more",
    f"quoted: {quote(SIGNED, safe='')}",
    f"quoted: {quote(TOKEN, safe='')} {base64.b64encode(TOKEN.encode()).decode()} {TOKEN.encode().hex()}",
    f"camera said {COHN_PASSWORD} there",
    f"and {LOGIN_PASSWORD} {base64.b64encode(f'gopro:{LOGIN_PASSWORD}'.encode()).decode()}",
    f"REELHAUL_CAMERA_LOGIN=gopro:{LOGIN_PASSWORD[:-1]}",
    f"COHN password: {COHN_PASSWORD}",
    f"cohn_password = {ENV_PASSWORD}",
    f"https://gopro:{PASSWORD_IN_URL}@172.27.111.51/gopro/version",
    f"sudo reelhaul enroll {CODE} --coordinator x",
    f"the code {CODE.lower()} is used",
    KEY,
)


@dataclass
class Planted:
    """A device with secrets wherever they could be."""

    device: Device
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    journal: bytes = "\n".join(LOUD).encode()
    doctor: Mapping[str, object] = field(
        default_factory=lambda: {"findings": [{"what": one} for one in LOUD]}
    )

    def __post_init__(self) -> None:
        token, cohn = self.folder / "token", self.folder / "cohn"
        token.write_text(f"{TOKEN}\n")
        cohn.write_text(json.dumps({"username": "gopro", "password": COHN_PASSWORD}))
        (self.folder / "login").write_text(f"gopro:{LOGIN_PASSWORD}\n")
        self.etc.mkdir()
        (self.etc / "reelhaul.env").write_text(
            f"REELHAUL_TOKEN_FILE={token}\nREELHAUL_COHN_FILE={cohn}\n"
            f"REELHAUL_COORDINATOR=https://u:{PASSWORD_IN_URL}@coordinator.example/api?key={SIGNATURE}\n"
            f"# REELHAUL_COHN_PASSWORD='{ENV_PASSWORD}'\n" + "\n".join(LOUD)
        )
        (self.etc / "wlan0.env").write_text(f"REELHAUL_COHN_PASSWORD={ENV_PASSWORD}\n")
        self.environ = {
            "REELHAUL_TOKEN_FILE": str(token),
            "REELHAUL_COHN_PASSWORD": ENV_PASSWORD,
            "REELHAUL_COORDINATOR": f"https://u:{PASSWORD_IN_URL}@c.example/api?{SIGNATURE}",
            "REELHAUL_TOKEN": TOKEN,
            "REELHAUL_SPOOL": NIGHT,
            "AWS_SECRET_ACCESS_KEY": SIGNATURE,
        }

    @property
    def etc(self) -> Path:
        return self.folder / "etc"

    def spoil_spool(self) -> None:
        """Secrets are in each file of the spool, in JSON, in keys, in what is no JSON, and in names."""
        session = self.device.spool / "s"
        for name in ("plan.json", "report.json", "receipts/original.100GOPRO.GX010042.MP4.json"):
            document = json.loads((session / name).read_text())
            document |= {"notes": list(LOUD), f"key {TOKEN}": 1, "deep": [{"password": COHN_PASSWORD}]}
            (session / name).write_text(json.dumps(document))
        (session / "stuck.json").write_text("{" + "\n".join(LOUD))
        other = self.device.spool / OTHER_TOKEN
        other.mkdir()
        (other / "report.json").write_text(json.dumps(SIGNED))

    def sources(self) -> Sources:
        return Sources(
            environ=self.environ,
            options={"coordinator": f"https://u:{PASSWORD_IN_URL}@c.example"},
            spool=self.device.spool,
            secret_files=[self.folder / "token", self.folder / "login"],
            doctor=lambda: self.doctor,
            etc=self.etc,
            journal=lambda: self.journal,
        )

    def collect(self) -> dict[str, Piece | Absent]:
        return {each.name: each for each in collect(self.sources())}


@pytest.fixture
def planted(device: Device, tmp_path: Path) -> Planted:
    device.report()
    return Planted(device, tmp_path)


def archived(planted: Planted) -> dict[str, bytes]:
    """The archive as it is read back, by name."""
    out = planted.folder / "out.tar.gz"
    found = [each for each in collect(planted.sources()) if isinstance(each, Piece)]
    write_archive(out, found, 0.0)
    with tarfile.open(out) as archive:
        return {member.name: stream.read() for member in archive if (stream := archive.extractfile(member))}


def forms(secret: str) -> set[str]:
    raw = secret.encode()
    base64s = {
        encode(raw).decode().rstrip("=")[:-1] for encode in (base64.b64encode, base64.urlsafe_b64encode)
    }
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], raw.hex(), *base64s}


def test_no_planted_secret_is_in_the_archive(planted: Planted):
    planted.spoil_spool()

    everything = "\n".join(f"{name}\n{content.decode()}" for name, content in archived(planted).items())

    assert everything.count(HIDDEN) > 50
    for secret in SECRETS:
        assert [form for form in forms(secret) if form.lower() in everything.lower()] == [], secret
    assert "X-Amz-Signature" not in everything.replace(f"X-Amz-Signature={HIDDEN}", "").replace(
        f"X-Amz-Signature%3D{HIDDEN}", ""
    )
    for password in (COHN_PASSWORD, LOGIN_PASSWORD):
        assert base64.b64encode(f"gopro:{password}".encode()).decode() not in everything
    assert LOGIN_PASSWORD[:-1] not in everything


def test_a_secret_that_only_its_file_tells_is_known_in_every_form(planted: Planted):
    """Nothing around it says that it is one."""
    words = f"a {COHN_PASSWORD} b {quote(COHN_PASSWORD, safe='')} c {base64.b64encode(b'x' + SECRET.encode()).decode()}"
    planted.environ["REELHAUL_COHN_FILE"] = str(planted.folder / "cohn")
    planted.journal = words.encode()

    [_, journal] = [
        each for each in planted.collect().values() if each.name in ("doctor.json", "journal.txt")
    ]

    assert isinstance(journal, Piece)
    assert COHN_PASSWORD not in journal.content.decode()
    assert quote(COHN_PASSWORD, safe="") not in journal.content.decode()
    assert base64.b64encode(SECRET.encode()).decode()[4:-4] not in journal.content.decode()


def test_what_is_no_secret_is_as_it_was(planted: Planted):
    session = planted.device.spool / "s"
    found = archived(planted)

    for name in ("plan.json", "report.json", "receipts/original.100GOPRO.GX010042.MP4.json"):
        assert json.loads(found[f"reelhaul-report/spool/s/{name}"]) == json.loads(
            (session / name).read_text()
        )
    settings = json.loads(found["reelhaul-report/settings.json"])["environment"]
    assert settings["REELHAUL_TOKEN_FILE"] == str(planted.folder / "token")
    assert settings["REELHAUL_SPOOL"] == NIGHT
    assert "AWS_SECRET_ACCESS_KEY" not in settings
    assert json.loads(found["reelhaul-report/versions.json"])["libraries"]["reelhaul"] == "0.1.0"


def test_the_list_of_the_archive_is_its_content(planted: Planted):
    found = archived(planted)

    rows = json.loads(found.pop("reelhaul-report/contents.json"))
    assert {f"reelhaul-report/{row['name']}": row["size_bytes"] for row in rows} == {
        name: len(content) for name, content in found.items()
    }
    assert {
        "reelhaul-report/journal.txt",
        "reelhaul-report/doctor.json",
        "reelhaul-report/spool/files.txt",
    } <= set(found)


def test_what_was_read_again_is_in_the_archive(planted: Planted):
    read = WholeRead(9, 2, "0" * 32, "2026-11-26T12:00:00Z")
    Spool(str(planted.device.spool), SystemDisk()).rereads.keep(Reread("s", "original.x", 1, (read,)))

    found = {name: content for name, content in archived(planted).items() if "/rereads/" in name}
    assert [json.loads(content)["artifact_id"] for content in found.values()] == ["original.x"]


def test_no_byte_of_a_film_is_in_the_archive(planted: Planted):
    part = planted.device.spool / "s" / "original.x.0123456789abcdef" / "00001.part"
    part.parent.mkdir()
    part.write_bytes(b"FILMFILMFILM")

    found = archived(planted)

    assert b"FILMFILMFILM" not in b"".join(found.values())
    assert b"00001.part" in found["reelhaul-report/spool/files.txt"]


class TestBounds:
    @pytest.mark.parametrize(
        ("size_bytes", "is_cut"),
        [(MOST_FILE_BYTES - 1, False), (MOST_FILE_BYTES, False), (MOST_FILE_BYTES + 1, True)],
    )
    def test_a_file_is_cut_at_its_bound(self, planted: Planted, size_bytes: int, is_cut: bool):
        (planted.device.spool / "s" / "stuck.json").write_text(
            "x " * (size_bytes // 2) + "x" * (size_bytes % 2)
        )

        found = planted.collect()["spool/s/stuck.json"]

        assert isinstance(found, Piece)
        assert (len(found.content), found.is_cut) == (min(size_bytes, MOST_FILE_BYTES), is_cut)

    @pytest.mark.parametrize("place", [MOST_FILE_BYTES, MOST_READ_BYTES, MOST_READ_BYTES + 1])
    def test_a_secret_at_a_bound_is_no_less_removed(self, planted: Planted, place: int):
        for shift in (1, len(SIGNED) // 2, len(SIGNED) - 1):
            text = ("x " * place)[: place - shift] + SIGNED + " y" * 9000
            (planted.device.spool / "s" / "stuck.json").write_text(text)
            found = planted.collect()["spool/s/stuck.json"]
            assert isinstance(found, Piece)
            assert b"X-Amz-Cred" not in found.content
            assert len(found.content) <= MOST_FILE_BYTES

    def test_many_removals_bring_no_half_of_a_secret_into_bounds(self, planted: Planted):
        text = f"{SIGNED}\n" * (MOST_READ_BYTES // len(SIGNED) + 2)
        (planted.device.spool / "s" / "stuck.json").write_text(text)

        found = planted.collect()["spool/s/stuck.json"]

        assert isinstance(found, Piece)
        assert SIGNATURE[:6].encode() not in found.content
        assert SESSION_TOKEN[:6].encode() not in found.content

    def test_a_secret_that_is_cut_where_reading_ends_is_not_in(self, planted: Planted):
        """Nothing tells the half of it, and what is removed before it brings it into bounds."""
        line = f"{COHN_PASSWORD} "
        before = (MOST_READ_BYTES + 1 - len(line) // 2) % len(line)
        text = "x" * before + line * (MOST_READ_BYTES // len(line) + 2)
        assert text[: MOST_READ_BYTES + 1].endswith(COHN_PASSWORD[: len(line) // 2])
        (planted.device.spool / "s" / "stuck.json").write_text(text)

        found = planted.collect()["spool/s/stuck.json"]

        assert isinstance(found, Piece)
        assert COHN_PASSWORD[:5].encode() not in found.content

    def test_the_whole_is_bounded(self, planted: Planted, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(collecting, "MOST_TOTAL_BYTES", 3000)

        found = planted.collect()

        total = sum(
            len(each.content)
            for each in found.values()
            if isinstance(each, Piece) and each.name != "contents.json"
        )
        assert total <= 3000
        assert "the archive is full" in {each.why for each in found.values() if isinstance(each, Absent)}

    def test_only_the_last_sessions_are_in(self, planted: Planted):
        for number in range(MOST_SESSIONS + 1):
            folder = planted.device.spool / f"old-{number:03}"
            folder.mkdir()
            (folder / "plan.json").write_text("{}")

        found = planted.collect()

        assert sum(name.endswith("plan.json") for name in found) <= MOST_SESSIONS
        assert isinstance(found["spool"], Absent)
        assert found["spool"].why == f"2 earlier sessions: the last {MOST_SESSIONS} are in"

    @pytest.mark.parametrize(
        "text",
        [
            "a" * 10**5,
            "a." * 50_000,
            "token" * 20_000,
            "t_" * 50_000,
            "https://" * 12_000,
            "-----BEGIN " * 9_000,
        ],
    )
    def test_no_text_takes_for_ever(self, text: str):
        began = time.process_time()

        Redactor(SECRETS).text(text)

        assert time.process_time() - began < 2


class TestAbsent:
    def test_what_is_not_a_file_is_not_read(self, planted: Planted):
        os.mkfifo(planted.etc / "pipe.env")
        (planted.etc / "link.env").symlink_to(planted.folder / "token")

        found = planted.collect()

        assert isinstance(found["settings/pipe.env"], Absent)
        assert isinstance(found["settings/link.env"], Absent)

    def test_without_a_spool_the_rest_is_there(self, planted: Planted):
        found = {each.name: each for each in collect(replace(planted.sources(), spool=None))}

        assert isinstance(found["spool"], Absent)
        assert isinstance(found["doctor.json"], Piece)

    def test_a_journal_that_cannot_be_had_says_why(self, planted: Planted):
        def nothing() -> bytes:
            raise NoJournal(f"not for this user {TOKEN}")

        found = {each.name: each for each in collect(replace(planted.sources(), journal=nothing))}

        assert isinstance(found["journal.txt"], Absent)
        assert SECRET not in found["journal.txt"].why


class TestJournal:
    def program(self, folder: Path, script: str) -> str:
        path = folder / "journalctl"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    def test_asks_for_the_units_alone(self, tmp_path: Path):
        assert read_journal(self.program(tmp_path, 'echo "$@"')) == (
            b"--no-pager -o short-iso --lines=20000 --unit=reelhaul*\n"
        )

    @pytest.mark.parametrize(
        "script", ["echo '-- No entries --'", "exit 1", "echo '-- Journal begins --'; exit 1"]
    )
    def test_says_what_helps_where_it_shows_nothing(self, tmp_path: Path, script: str):
        with pytest.raises(NoJournal, match="usermod -aG systemd-journal reelhaul"):
            read_journal(self.program(tmp_path, script))

    def test_keeps_the_last_of_it_from_the_beginning_of_a_line(self, tmp_path: Path):
        lines = 'i=0; yes "0123456789abcdef" | head -c 6000000; echo; echo last'

        found = read_journal(self.program(tmp_path, lines))

        assert len(found) <= MOST_BYTES
        assert found.startswith(b"0123456789abcdef\n")
        assert found.endswith(b"\nlast\n")

    def test_does_not_wait_for_ever(self, tmp_path: Path):
        with pytest.raises(NoJournal, match="did not end"):
            read_journal(self.program(tmp_path, "echo begun; exec sleep 30"), limit_s=0.2)

    def test_is_not_on_every_system(self):
        with pytest.raises(NoJournal, match="there is no"):
            read_journal("no-such-journalctl")


class TestFile:
    def test_is_for_its_owner_alone(self, tmp_path: Path):
        out = tmp_path / "out.tar.gz"

        write_archive(out, [Piece("a/b.json", b"{}")], 0.0)

        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        with tarfile.open(out) as archive:
            [member] = archive.getmembers()
        assert (member.name, member.mode) == ("reelhaul-report/a/b.json", 0o600)

    @pytest.mark.parametrize(
        "make", [lambda path: path.write_text("kept"), lambda path: path.symlink_to("x")]
    )
    def test_takes_the_place_of_no_other(self, tmp_path: Path, make: Callable[[Path], object]):
        out = tmp_path / "out.tar.gz"
        make(out)

        with pytest.raises(Refused, match="cannot be written: File exists; name another place with --out"):
            write_archive(out, [], 0.0)

    def test_leaves_no_half_of_it(self, tmp_path: Path):
        out = tmp_path / "out.tar.gz"

        def pieces() -> Any:
            yield Piece("a", b"x")
            raise OSError(28, "No space left on device")

        with pytest.raises(Refused, match="No space left on device"):
            write_archive(out, pieces(), 0.0)
        assert list(tmp_path.iterdir()) == []


class TestNames:
    @pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../b", "a\x1b[2J", "café"])
    def test_lead_nowhere_else_when_unpacked(self, name: str):
        made = collecting._safe(name)

        assert ".." not in made.split("/")
        assert not made.startswith("/")
        assert made.isascii()


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ("t_device.SeCrEtOf\n", {"t_device.SeCrEtOf", "SeCrEtOf"}),
        ('{"username": "gopro", "password": "a b c d"}', {"a b c d"}),
        ("user=gopro\npassword: pass phrase\n", {"user=gopro", "password: pass phrase", "pass phrase"}),
        ("short", set()),
    ],
)
def test_a_file_of_a_secret_tells_it(text: str, secrets: set[str]):
    assert secrets_in(text) == secrets


def test_the_command_lists_before_it_writes(
    planted: Planted, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    out = tmp_path / "made.tar.gz"
    words = ["report", "--out", str(out), "--spool", str(planted.device.spool)]
    words += ["--camera", planted.device.camera.url, "--coordinator", planted.device.cloud.url]
    words += ["--token-file", str(tmp_path / "token")]
    (tmp_path / "token").chmod(0o600)

    assert run([*words, "--dry-run"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert listed[0] == "the archive has, without secrets:"
    assert not out.exists()
    assert run(words) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1].startswith(f"written to {out}: ")
    assert [row.split()[-1] for row in said[1:-1]] == [row.split()[-1] for row in listed[1:]]
    assert run([*words, "--json"]) == 1
    assert "cannot be written: File exists" in capsys.readouterr().err
