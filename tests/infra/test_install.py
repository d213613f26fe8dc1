"""The installer of a device: what it finds, what it puts where, what it keeps when it is run again, what it refuses."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from infra.device_bundle import DEVICE
from tests.infra.device_rig import VERSION, Machine, Said, make_machine, unpack

PUT = {
    "etc/reelhaul/reelhaul.env": ("reelhaul.env.example", 0o644),
    "etc/systemd/system/reelhaul@.service": ("reelhaul@.service", 0o644),
    "etc/systemd/system/reelhaul-audit@.service": ("reelhaul-audit@.service", 0o644),
    "etc/systemd/system/reelhaul-audit@.timer": ("reelhaul-audit@.timer", 0o644),
    "etc/systemd/system/reelhaul-start.service": ("reelhaul-start.service", 0o644),
    "etc/udev/rules.d/90-reelhaul.rules": ("90-reelhaul.rules", 0o644),
    "usr/local/bin/reelhaul-at": ("reelhaul-at", 0o755),
    "usr/local/bin/reelhaul-enroll": ("reelhaul-enroll", 0o755),
    "usr/local/bin/reelhaul-start": ("reelhaul-start", 0o755),
}
SETTINGS = "etc/reelhaul/reelhaul.env"
TOKEN = "etc/reelhaul/token"
PART = "var/lib/reelhaul/enxd43260ddac87/match-17/original.100GOPRO.GX010038.MP4.4f/00001-000000000000000-09.part"
RECEIPT = "var/lib/reelhaul/enxd43260ddac87/match-17/receipts/original.100GOPRO.GX010038.MP4.json"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return make_machine(tmp_path)


def done(said: Said) -> Said:
    assert (said.code, said.errors) == (0, ""), said
    return said


def refused(said: Said, *words: str) -> None:
    assert said.code == 1, said
    for word in words:
        assert word in said.errors


def client_of(machine: Machine) -> Path:
    """The folder of the client that the units start."""
    return (machine.root / "opt/reelhaul").resolve(strict=True)


def test_every_file_of_a_device_is_put_where_it_belongs_and_said(machine: Machine):
    said = done(machine.install())

    files = machine.files()
    for name, (source, mode) in PUT.items():
        assert files[name] == (mode, (DEVICE / source).read_bytes())
        assert str(machine.root / name) in said.of("made")
    assert {source for source, _ in PUT.values()} == {path.name for path in DEVICE.iterdir()} - {
        "install.sh",
        "README",
    }
    assert files["etc/systemd/system/multi-user.target.wants/reelhaul-start.service"][1] == (
        b"../reelhaul-start.service"
    )


def test_the_client_runs_where_the_units_look_for_it(machine: Machine):
    done(machine.install())

    output = subprocess.run(
        [machine.root / "opt/reelhaul/bin/reelhaul"], capture_output=True, text=True, timeout=30, check=True
    ).stdout
    assert output == f"reelhaul {VERSION}\n"


def test_it_says_what_it_found_and_the_command_that_comes_next(machine: Machine):
    said = done(machine.install())

    assert said.of("found") == [
        f"archive reelhaul {VERSION}, commit c0ffee",
        "machine x86_64, Linux 6.8.0",
        f"Python 3.12 ({machine.place}/programs/python3)",
        "systemd 255, which does not run here: nothing is started",
        "no client installed yet",
    ]
    assert said.of("next") == ["sudo reelhaul-enroll https://ID.execute-api.REGION.amazonaws.com/api CODE"]


def test_run_again_it_changes_nothing(machine: Machine):
    done(machine.install())
    before, times = (
        machine.files(),
        {path: path.stat().st_mtime_ns for path in machine.root.rglob("*.service")},
    )

    said = done(machine.install())

    assert machine.files() == before
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert not said.of("made") + said.of("new") + said.of("gone")


def test_a_newer_archive_keeps_settings_token_and_spool_and_replaces_the_rest(machine: Machine):
    done(machine.install())
    older = client_of(machine)
    for name in (SETTINGS, TOKEN, PART):
        machine.write(name, "mine")
    machine.write("etc/systemd/system/reelhaul@.service", "of an older archive")
    unpack(machine.archive, commit="newer")

    said = done(machine.install())

    files = machine.files()
    assert {files[name][1] for name in (SETTINGS, TOKEN, PART)} == {b"mine"}
    assert files["etc/systemd/system/reelhaul@.service"][1] == (DEVICE / "reelhaul@.service").read_bytes()
    assert client_of(machine) != older
    assert not older.exists()
    assert said.of("gone") == [str(older)]
    assert said.of("next") == ["nothing: this device is enrolled; a camera that is plugged in hauls itself"]


def test_a_client_that_was_installed_by_hand_is_replaced(machine: Machine):
    machine.write("opt/reelhaul/bin/reelhaul")

    done(machine.install())

    assert [path.name for path in (machine.root / "opt").iterdir() if not path.is_symlink()] == [
        client_of(machine).name
    ]


def test_a_client_that_no_longer_runs_is_made_again(machine: Machine):
    done(machine.install())
    (client_of(machine) / "bin/reelhaul").write_text("#!/gone\n")

    said = done(machine.install())

    assert said.of("made") == [str(client_of(machine))]


def test_an_install_that_was_killed_is_finished_by_the_next(machine: Machine):
    done(machine.install())
    before = machine.files()
    unpack(machine.archive, commit="newer")

    assert machine.install(PIP_IS_KILLED="yes").code < 0
    assert client_of(machine).name in "".join(before)

    done(machine.install())
    assert (client_of(machine) / "complete").exists()
    assert len(list((machine.root / "opt").glob("reelhaul-*"))) == 1


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        ("ERROR: Could not install: [Errno 28] No space left on device", ("the disk is full", "untouched")),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", ("DO NOT MATCH", "cannot be installed")),
    ],
)
def test_an_upgrade_that_fails_leaves_the_client_before(
    machine: Machine, failure: str, words: tuple[str, ...]
):
    done(machine.install())
    before = machine.files()
    unpack(machine.archive, commit="newer")

    refused(machine.install(PIP_FAILS=failure), *words)

    assert machine.files() == before


def test_a_disk_with_less_than_a_hundred_megabytes_is_refused_before_anything_is_made(machine: Machine):
    refused(machine.install(FREE_KB="102399"), "the disk is full", "100 MB are needed")
    assert machine.files() == {}

    done(machine.install(FREE_KB="102400"))


def test_who_is_not_root_is_sent_to_sudo(machine: Machine):
    refused(machine.run(USER_ID="1000"), "not root", "sudo ")


@pytest.mark.parametrize("kind", ["armv7l", "i686", "riscv64"])
def test_another_machine_is_refused_with_those_that_are_served(machine: Machine, kind: str):
    refused(machine.install(MACHINE=kind), f"this machine is {kind}", "x86_64 aarch64")


@pytest.mark.parametrize("kind", ["x86_64", "aarch64"])
def test_a_machine_of_the_archive_is_served(machine: Machine, kind: str):
    done(machine.install(MACHINE=kind))


@pytest.mark.parametrize(
    ("python", "words"),
    [
        ("3.9 64 venv libc seen", ("Python 3.9 is too old", "install Python 3.10, 3.11, 3.12, 3.13")),
        ("2.7 64 venv libc seen", ("Python 2.7 is too old",)),
        ("3.14 64 venv libc seen", ("no wheels for Python 3.14", "--python")),
        ("3.12 64 no-venv libc seen", ("Python 3.12 without venv", "apt install python3-venv")),
        ("3.12 32 venv libc seen", ("32-bit",)),
        ("3.12 64 venv old-libc seen", ("glibc 2.28",)),
        ("", ("does not run",)),
    ],
)
def test_a_python_that_does_not_fit_is_refused_with_its_reason(
    machine: Machine, python: str, words: tuple[str, ...]
):
    refused(machine.install("--python", "python3", PYTHON_IS=python), *words)
    assert machine.files() == {}


def test_a_python_below_a_home_is_refused_as_the_units_cannot_see_it(machine: Machine):
    refused(machine.run("--python", "python3", PYTHON_IS="3.12 64 venv libc hidden"), "below a home")


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_each_python_of_the_archive_is_served(machine: Machine, python: str):
    done(machine.install(PYTHON_IS=f"{python} 64 venv libc seen"))


def test_another_python_is_taken_where_the_first_does_not_fit(machine: Machine):
    programs = machine.programs
    programs["python3.12"] = programs["python3"]
    programs["python3"] = "#!/bin/sh\necho 3.9 64 venv libc seen\n"

    assert f"Python 3.12 ({machine.place}/programs/python3.12)" in done(machine.install()).of("found")


def test_a_python_that_is_not_there_is_named(machine: Machine):
    refused(machine.install("--python", "python4"), "there is no python4")


def test_an_older_systemd_is_refused(machine: Machine):
    refused(machine.install(SYSTEMD="246"), "systemd 246 is too old", "247")
    done(machine.install(SYSTEMD="247"))


def test_an_older_kernel_is_noted(machine: Machine):
    assert "CAP_NET_RAW" in done(machine.install(KERNEL="5.6.19-generic")).of("note")[0]
    assert not done(machine.install(KERNEL="5.7.0")).of("note")


@pytest.mark.parametrize("name", [f"wheels/reelhaul-{VERSION}-py3-none-any.whl", "install.sh", "about"])
def test_a_damaged_archive_is_refused_with_the_file_that_differs(machine: Machine, name: str):
    with (machine.archive / name).open("ab") as file:
        file.write(b"\n")

    refused(machine.install(), "the unpacked archive is damaged", name, "unpack it again")
    assert machine.files() == {}


def test_an_archive_that_was_unpacked_in_part_is_refused(machine: Machine):
    shutil.rmtree(machine.archive / "wheels")

    refused(machine.install(), "damaged", ".whl")


def test_the_installer_alone_is_no_archive(machine: Machine):
    (machine.archive / "SHA256SUMS").unlink()

    refused(machine.install(), "not the unpacked archive")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--purge"], "--purge goes with --uninstall"),
        (["--force"], "no option --force"),
        (["--root"], "--root needs a value"),
        (["--root", "/is/not/there"], "--root is not a folder"),
        (["--python", ""], "--python needs a value"),
    ],
)
def test_a_command_line_that_is_wrong_ends_with_2_and_the_usage(
    machine: Machine, options: list[str], words: str
):
    said = machine.run(*options, USER_ID="1000")

    assert said.code == 2
    assert words in said.errors
    assert "usage: install.sh" in said.errors


def test_help_names_every_option(machine: Machine):
    said = done(machine.run("--help", USER_ID="1000"))

    for option in ("--python", "--root", "--uninstall", "--purge"):
        assert any(line.strip().startswith(option) for line in said.lines)


def test_what_is_uninstalled_leaves_settings_token_and_spool_and_nothing_else(machine: Machine):
    done(machine.install())
    for name in (TOKEN, PART):
        machine.write(name)
    # As `systemctl enable` writes it for a camera on its Wi-Fi.
    (machine.root / "etc/systemd/system/multi-user.target.wants/reelhaul@wlan0.service").symlink_to("x")

    said = done(machine.install("--uninstall"))

    assert machine.files().keys() == {SETTINGS, TOKEN, PART}
    assert said.of("kept") == [str(machine.root / "etc/reelhaul"), str(machine.root / "var/lib/reelhaul")]


def test_it_is_uninstalled_without_the_archive(machine: Machine):
    done(machine.install())
    own = machine.root / "opt/reelhaul/install.sh"

    ended = subprocess.run(
        [own, "--uninstall", "--root", machine.root], capture_output=True, text=True, timeout=30, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert machine.files().keys() == {SETTINGS}


def test_what_is_not_installed_is_uninstalled_without_a_word(machine: Machine):
    assert done(machine.install("--uninstall")).lines == []


def test_other_folders_beside_the_client_stay(machine: Machine):
    for name in ("opt/reelhaul-notes/mine", "opt/other/x"):
        machine.write(name)
    done(machine.install())

    done(machine.install("--uninstall"))

    assert {"opt/reelhaul-notes/mine", "opt/other/x"} <= machine.files().keys()


def test_a_purge_removes_settings_token_and_a_spool_without_parts(machine: Machine):
    done(machine.install())
    for name in (TOKEN, RECEIPT):
        machine.write(name)

    said = done(machine.install("--uninstall", "--purge"))

    assert machine.files() == {}
    assert "reelhaul-admin revoke" in said.of("next")[0]


def test_a_purge_is_refused_while_a_part_is_in_the_spool_and_names_it(machine: Machine):
    done(machine.install())
    for name in (TOKEN, RECEIPT, PART, PART.replace("00001", "00002")):
        machine.write(name)
    before = machine.files()

    said = machine.install("--uninstall", "--purge")

    refused(
        said,
        "2 enxd43260ddac87/match-17/original.100GOPRO.GX010038.MP4.4f",
        "haul --new",
        "nothing was changed",
    )
    assert machine.files() == before
