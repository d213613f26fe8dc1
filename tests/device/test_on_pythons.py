"""The archive installs on each Python that it serves, without a network, and its client runs there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra.device_bundle import MACHINES, PYTHONS, bundle

pytestmark = [pytest.mark.device, pytest.mark.timeout(600)]
# A namespace without a network; an ordinary user needs one of users as well.
ALONE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]


def find_python(series: str) -> str | None:
    """A Python of this series: of PATH, or of pyenv."""
    found = [shutil.which(f"python{series}"), *Path.home().glob(f".pyenv/versions/{series}.*/bin/python3")]
    for each in found:
        if each and subprocess.run([each, "-V"], capture_output=True, check=False).returncode == 0:
            return str(each)
    return None


def output(*command: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("series", PYTHONS)
def test_it_installs_without_a_network_and_the_client_runs(series: str, unpacked: Path, tmp_path: Path):
    python = find_python(series)
    if python is None:
        pytest.skip(f"Python {series} is not here")
    root = tmp_path / "a root"
    root.mkdir()

    if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may make no namespace without a network")
    said = output(*ALONE, unpacked / "install.sh", "--root", root, "--python", python)

    client = root / "opt/reelhaul/bin"
    assert f"Python {series} ({python})" in said
    assert output(client / "reelhaul", "--version").startswith("reelhaul ")
    assert "haul" in output(client / "reelhaul", "--help")
    output(client / "python", "-c", "import awscrt.checksums, requests, tqdm, edge_client.wiring")
    output(client / "python", "-m", "pip", "check")


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("series", PYTHONS)
def test_it_has_a_whole_set_of_wheels_for_each_machine(
    machine: str, series: str, unpacked: Path, tmp_path: Path
):
    output(
        *(sys.executable, "-m", "pip", "download", "--quiet", "--no-index", "--only-binary", ":all:"),
        *("--find-links", unpacked / "wheels", "--python-version", series, "--dest", tmp_path),
        *("--platform", f"manylinux_2_28_{machine}", "--platform", f"manylinux2014_{machine}"),
        *("--require-hashes", "--requirement", unpacked / "requirements.txt"),
    )


def test_the_same_commit_gives_the_same_archive(archive: Path, tmp_path: Path):
    assert bundle(tmp_path).read_bytes() == archive.read_bytes()


def test_the_sum_beside_it_is_its_own(archive: Path):
    subprocess.run(
        ["sha256sum", "--check", "--strict", f"{archive.name}.sha256"], cwd=archive.parent, check=True
    )


def test_no_word_of_this_machine_is_in_it(unpacked: Path):
    for path in unpacked.rglob("*"):
        if path.is_file() and path.suffix != ".whl":
            assert str(Path.cwd()) not in path.read_text()
            assert "://pypi" not in path.read_text()
