"""What the deployed functions carry, fetched once: with it `chalice deploy` needs no package index afterwards."""

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

Progress = Callable[[str], None]


class WheelsMissing(Exception):
    """The package index could not be asked for what `requirements.txt` pins."""


def pip_environment(requirements: Path, cache: Path, progress: Progress) -> dict[str, str]:
    """Environment variables with which pip finds what `requirements` pins in `cache` and asks no index.

    Fetches it when it is not there yet. Raises WheelsMissing.
    """
    text = requirements.read_bytes()
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    wheels = cache.resolve() / f"{hashlib.sha256(text).hexdigest()[:16]}-python{version}"
    if not wheels.is_dir():
        progress(f"fetching what {requirements.name} pins")
        _fetch(requirements, wheels)
    # As a URL: pip takes the text between two spaces for a place.
    links = wheels.absolute().as_uri()
    return {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": links, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def _fetch(requirements: Path, wheels: Path) -> None:
    wheels.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=wheels.parent, prefix="fetching-") as folder:
        fetched = Path(folder) / "wheels"
        fetched.mkdir()
        _download(requirements, fetched)
        _publish(fetched, wheels)


def _download(requirements: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:"]
    pip = subprocess.run(
        [*command, "--requirement", str(requirements), "--dest", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if pip.returncode:
        raise WheelsMissing(
            f"pip could not fetch what {requirements} pins; the first start needs a package index\n{pip.stderr}"
        )


def _publish(fetched: Path, wheels: Path) -> None:
    """Rename as a whole: another start of the same moment sees all of it or nothing."""
    try:
        os.rename(fetched, wheels)
    except OSError:
        if not wheels.is_dir():  # else the other start was faster, with the same wheels
            raise
