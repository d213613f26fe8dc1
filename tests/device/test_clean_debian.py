"""A clean Debian without a network: unpack, install, look, run again, take away."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SUITE = "trixie"
MIRROR = "http://deb.debian.org/debian"
PACKAGES = "python3-venv,systemd,udev"
pytestmark = [
    pytest.mark.device,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("mmdebstrap") or not shutil.which("unshare"),
        reason="needs root, mmdebstrap and unshare: the installer is not tried in a clean Debian",
    ),
]
PART = "var/lib/reelhaul/enxd43260ddac87/match-17/original.100GOPRO.GX010038.MP4.4f/00001-0-09.part"


@dataclass(frozen=True)
class Debian:
    """A Debian in a folder; its programs see no network and no process of this machine."""

    root: Path

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["unshare", "--net", "--mount", "--pid", "--fork", "chroot", self.root, "/bin/sh", "-c", command],
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def output(self, command: str) -> str:
        done = self.run(command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def files(self) -> set[str]:
        """What lies where the installer writes."""
        places = (
            "etc/reelhaul",
            "etc/systemd/system",
            "etc/udev/rules.d",
            "opt",
            "usr/local/bin",
            "var/lib/reelhaul",
        )
        return {
            str(path.relative_to(self.root))
            for place in places
            for path in (self.root / place).glob("**/*")
            if not path.is_dir() or path.is_symlink()
        }


@pytest.fixture(scope="module")
def debian(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian]:
    root = tmp_path_factory.mktemp("debian") / "root"
    done = subprocess.run(
        ["mmdebstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, root, MIRROR],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shutil.copy(archive, root / "root")
    shutil.copy(f"{archive}.sha256", root / "root")
    yield Debian(root)
    shutil.rmtree(root)


def test_a_device_is_installed_run_updated_and_cleared(debian: Debian):
    before = debian.files()
    debian.output("cd /root && sha256sum --check --strict *.sha256 && tar xzf *.tar.gz")
    install = "/root/reelhaul-device-*/install.sh"

    # Without venv nothing is made.
    debian.output("mv /usr/lib/python3.13/ensurepip /root/")
    refused = debian.run(install)
    assert refused.returncode == 1
    assert "without venv" in refused.stderr
    assert "apt install python3-venv" in refused.stderr
    assert debian.files() == before
    debian.output("mv /root/ensurepip /usr/lib/python3.13/")

    said = debian.output(install)
    assert "made   user reelhaul" in said
    assert "next   sudo reelhaul-enroll" in said
    installed = debian.files()

    # As the units and a person run it.
    assert debian.output("/opt/reelhaul/bin/reelhaul --version").startswith("reelhaul ")
    tried = debian.run("reelhaul-at enxd43260ddac87 status")
    assert "--token-file /etc/reelhaul/token" in tried.stderr
    assert (tried.returncode, "Traceback" in tried.stderr) == (2, False)
    assert debian.output("stat -c %U:%a /var/lib/reelhaul/enxd43260ddac87").strip() == "reelhaul:700"

    # What this systemd and this udev say of the files.
    debian.output("udevadm verify --no-summary /etc/udev/rules.d/90-reelhaul.rules")
    units = (
        "reelhaul@enx0.service reelhaul-audit@enx0.service reelhaul-audit@enx0.timer reelhaul-start.service"
    )
    verified = debian.run(f"systemd-analyze verify {units}")
    assert (verified.returncode, verified.stdout) == (0, "")

    again = debian.output(install)
    assert not {line.split(" ")[0] for line in again.splitlines()} & {"made", "new", "gone"}
    assert debian.files() == installed

    (debian.root / PART).parent.mkdir(parents=True)
    (debian.root / PART).touch()
    refused = debian.run(f"{install} --uninstall --purge")
    assert refused.returncode == 1
    assert "match-17/original.100GOPRO.GX010038.MP4.4f" in refused.stderr
    assert debian.files() == installed | {PART}

    debian.output("/opt/reelhaul/install.sh --uninstall")
    assert debian.files() == before | {"etc/reelhaul/reelhaul.env", PART}
    assert debian.output("id -un reelhaul").strip() == "reelhaul"

    (debian.root / PART).unlink()
    debian.output(f"{install} --uninstall --purge")
    assert debian.files() == before
    assert debian.run("id reelhaul").returncode != 0
