"""Make the archive from which a device installs the client without a network: wheels, units, rule and installer.

    make device-bundle
    .venv/bin/python -m infra.device_bundle --folder build

The same commit gives the same bytes: names are sorted, and times, owners and modes are fixed.
"""

import argparse
import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from infra import door

HOUSE = Path(__file__).parents[1]
DEVICE = HOUSE / "infra" / "device"
EDGE = HOUSE / "requirements" / "edge.txt"
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
# As `uname -m` says it; manylinux uses the same words.
MACHINES = ("x86_64", "aarch64")
# Ubuntu 22.04, which has the oldest glibc of all supported devices, takes both.
PLATFORMS = ("manylinux_2_28", "manylinux2014")
SUMS = "SHA256SUMS"
# What a zip archive, so a wheel, takes for its oldest.
MTIME = 315532800
# What the client's own wheel is made of. Without setup.py, whose extra names a folder of this machine.
SOURCES = ("edge_client", "pyproject.toml", "README.md", "LICENSE")


class NotBundled(Exception):
    """The archive cannot be made; the text says why."""


def bundle(folder: Path) -> Path:
    """The archive in `folder`, with its SHA-256 in a file beside it. Raises NotBundled."""
    version = _version()
    name = f"reelhaul-device-{version}"
    with tempfile.TemporaryDirectory() as made:
        wheels = Path(made) / "wheels"
        own = build_client(Path(made) / "source", wheels)
        download(EDGE, wheels)
        contents = contents_of(wheels, EDGE.read_text() + pinned(own, version), about(version, _commit()))
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{name}.tar.gz"
    archive.write_bytes(archived(name, contents))
    (folder / f"{archive.name}.sha256").write_text(f"{_sha256(archive.read_bytes())}  {archive.name}\n")
    return archive


def build_client(source: Path, wheels: Path) -> Path:
    """The client's wheel in `wheels`, built from a copy of what git knows: leftovers of other builds stay out."""
    for name in _git("ls-files", "-z", "--", *SOURCES).split("\0"):
        if name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(HOUSE / name, source / name)
            (source / name).chmod(0o644)
    _pip(
        ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(wheels), str(source)],
        {"SOURCE_DATE_EPOCH": str(MTIME)},
    )
    [wheel] = wheels.glob("reelhaul-*.whl")
    return wheel


def download(requirements: Path, wheels: Path) -> None:
    """The wheels that `requirements` pins, by their hashes, for each machine and Python. Raises NotBundled."""
    if marker := re.search(r"(?m)^.*;.*\bpython_(full_)?version\b.*$", requirements.read_text()):
        raise NotBundled(f"pip reads {marker[0]!r} for the Python that runs it, not for the device's")
    for machine in MACHINES:
        for python in PYTHONS:
            platforms = [word for each in PLATFORMS for word in ("--platform", f"{each}_{machine}")]
            _pip(
                [
                    *("download", "--require-hashes", "--no-deps", "--only-binary", ":all:"),
                    *("--implementation", "cp", "--python-version", python, *platforms),
                    *("--requirement", str(requirements), "--dest", str(wheels)),
                ],
                {},
            )


def pinned(wheel: Path, version: str) -> str:
    """The requirement that takes this wheel of the client and no other."""
    return f"reelhaul=={version} \\\n    --hash=sha256:{_sha256(wheel.read_bytes())}\n"


def contents_of(wheels: Path, requirements: str, about: str) -> Mapping[str, bytes]:
    """What the archive holds, by name; the sums of all else among it."""
    contents = {f"wheels/{path.name}": path.read_bytes() for path in wheels.iterdir()}
    contents |= {
        f"device/{path.name}": path.read_bytes()
        for path in DEVICE.iterdir()
        if path.name not in ("install.sh", "README")
    }
    contents["install.sh"] = (DEVICE / "install.sh").read_bytes()
    contents["README"] = (DEVICE / "README").read_bytes()
    contents["about"] = about.encode()
    contents["requirements.txt"] = requirements.encode()
    contents[SUMS] = "".join(f"{_sha256(contents[name])}  {name}\n" for name in sorted(contents)).encode()
    return contents


def about(version: str, commit: str) -> str:
    """What the installer reads of the archive: a word and its value in each line."""
    return f"version {version}\ncommit {commit}\npythons {' '.join(PYTHONS)}\nmachines {' '.join(MACHINES)}\n"


def archived(name: str, contents: Mapping[str, bytes]) -> bytes:
    """A tar.gz of `contents` in a folder `name`; equal contents give equal bytes."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for each in sorted(contents):
            member = tarfile.TarInfo(f"{name}/{each}")
            member.size = len(contents[each])
            member.mtime = MTIME
            member.mode = 0o755 if contents[each].startswith(b"#!") else 0o644
            member.uname = member.gname = "root"
            tar.addfile(member, io.BytesIO(contents[each]))
    return packed.getvalue()


def run(arguments: Sequence[str]) -> int:
    """The command; its exit code."""
    try:
        archive = bundle(_parser().parse_args(arguments).folder)
    except NotBundled as error:
        print(f"not bundled: {error}", file=sys.stderr)
        return 1
    print(f"{archive}, {archive.stat().st_size / 1e6:.1f} MB")
    print(f"sha256 {_sha256(archive.read_bytes())}")
    return 0


def _version() -> str:
    [version] = re.findall(r'(?m)^version = "(.+)"$', (HOUSE / "pyproject.toml").read_text())
    return str(version)


def _commit() -> str:
    changed = " and changes" if _git("status", "--porcelain").strip() else ""
    return _git("rev-parse", "HEAD").strip() + changed


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _git(*arguments: str) -> str:
    return _output(["git", "-C", str(HOUSE), *arguments], {})


def _pip(arguments: Sequence[str], environ: Mapping[str, str]) -> None:
    _output([sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments], environ)


def _output(command: Sequence[str], environ: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, env={**os.environ, **environ}, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise NotBundled(f"{' '.join(command[:4])} failed:\n{(done.stderr or done.stdout).strip()}")
    return done.stdout


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.device_bundle",
        description="Make the archive from which a device installs the client without a network.",
        epilog="exit codes: 0 made; 1 not made, and it says why; 2 usage.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=HOUSE / "build",
        metavar="DIR",
        help="where to write it (default: build)",
    )
    return parser


if __name__ == "__main__":
    sys.exit(door.ended(lambda: run(sys.argv[1:])))
