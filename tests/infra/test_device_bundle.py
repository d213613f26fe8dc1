"""The archive for devices: what is in it, its sums, and that equal contents are equal bytes."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from infra.device_bundle import (
    DEVICE,
    EDGE,
    PYTHONS,
    SUMS,
    NotBundled,
    about,
    archived,
    contents_of,
    download,
    pinned,
)
from tests.infra.device_rig import unpack


@pytest.fixture
def contents(tmp_path: Path) -> dict[str, bytes]:
    (tmp_path / "a-1-py3-none-any.whl").write_bytes(b"a wheel")
    return dict(contents_of(tmp_path, "a==1\n", about("0.1.0", "c0ffee")))


def test_it_has_wheels_requirements_and_every_file_of_a_device(contents: dict[str, bytes]):
    placed = {path.name for path in DEVICE.iterdir()}

    assert contents.keys() == {"wheels/a-1-py3-none-any.whl", "requirements.txt", "about", SUMS} | {
        name if name in ("install.sh", "README") else f"device/{name}" for name in placed
    }
    assert contents["install.sh"] == (DEVICE / "install.sh").read_bytes()


def test_the_sums_are_those_of_all_other_files(contents: dict[str, bytes]):
    lines = [line.split("  ") for line in contents[SUMS].decode().splitlines()]

    assert {name: digest for digest, name in lines} == {
        name: hashlib.sha256(content).hexdigest() for name, content in contents.items() if name != SUMS
    }


def test_the_sums_are_as_sha256sum_reads_them(tmp_path: Path):
    unpack(tmp_path / "archive")

    subprocess.run(
        ["sha256sum", "--check", "--strict", SUMS], cwd=tmp_path / "archive", check=True, timeout=30
    )


def test_equal_contents_are_equal_bytes_in_whatever_order(contents: dict[str, bytes]):
    assert archived("x", contents) == archived("x", dict(reversed(contents.items())))


def test_only_what_can_be_run_is_executable_and_all_is_roots(contents: dict[str, bytes]):
    with tarfile.open(fileobj=io.BytesIO(archived("x", contents))) as tar:
        members = tar.getmembers()

    assert [member.name for member in members] == sorted(f"x/{name}" for name in contents)
    assert {member.name for member in members if member.mode == 0o755} == {
        "x/install.sh", "x/device/reelhaul-at", "x/device/reelhaul-enroll", "x/device/reelhaul-start"
    }  # fmt: skip
    assert {(member.uid, member.gid, member.uname) for member in members} == {(0, 0, "root")}


def test_the_client_is_pinned_to_its_own_wheel(tmp_path: Path):
    wheel = tmp_path / "reelhaul-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"a wheel")

    digest = hashlib.sha256(b"a wheel").hexdigest()
    assert pinned(wheel, "0.1.0") == f"reelhaul==0.1.0 \\\n    --hash=sha256:{digest}\n"


def test_no_requirement_of_a_device_depends_on_the_python_that_downloads_it(tmp_path: Path):
    assert "python_version" not in EDGE.read_text()
    requirements = tmp_path / "edge.txt"
    requirements.write_text("a==1 ; python_version < '3.11' \\\n    --hash=sha256:00\n")

    with pytest.raises(NotBundled, match="a==1"):
        download(requirements, tmp_path)


def test_the_guide_and_the_readme_name_the_same_pythons():
    said = f"{PYTHONS[0]} to {PYTHONS[-1]}"

    assert said in (DEVICE / "README").read_text()
    assert re.search(
        rf"Python \| {re.escape(said)} with venv", (DEVICE.parents[1] / "docs/device.md").read_text()
    )
