"""What was hauled comes to an operator's disk, and the library of ASC MHL finds it as its list says."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.local.aws.moto import server
from infra.stages import LOCAL_STAGE
from tests.e2e.rig import PART_SIZE_BYTES, Rig, camera_with, source_sha256

pytest.importorskip("ascmhl", reason="ascmhl needs Python 3.11")

from ascmhl import commands as ascmhl
from ascmhl import errors
from click.testing import CliRunner

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:.*GitWildMatchPattern:DeprecationWarning"),
]
HOUSE = Path(__file__).parents[2]
SESSION = "download-1"


def told(rig: Rig, *arguments: str) -> dict[str, Any]:
    """What the operator's command answers."""
    words = [sys.executable, "-m", "infra.admin", *arguments, "--stage", LOCAL_STAGE, "--json"]
    environment = server.environment(rig.world.aws.url, {})
    done = subprocess.run(
        words, cwd=HOUSE, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def verdict(folder: Path) -> int:
    return CliRunner().invoke(ascmhl.verify, [str(folder)]).exit_code


def test_what_was_hauled_is_downloaded_and_checked_against_its_list(rig: Rig):
    disk = rig.folder / "a disk"
    with camera_with(3 * PART_SIZE_BYTES + 7, PART_SIZE_BYTES) as camera:
        assert rig.haul(camera, SESSION).code == 0
        told(rig, "download", SESSION, str(disk))
        listed = told(rig, "manifest", SESSION, "--out", str(disk))

        films = sorted((disk / SESSION).glob("100GOPRO/*.MP4"))
        assert [hashlib.sha256(film.read_bytes()).hexdigest() for film in films] == source_sha256(camera)
    assert [each["from"] for each in listed["files"]] == ["s3", "s3"]
    assert verdict(disk / SESSION) == 0
    films[0].write_bytes(films[0].read_bytes()[:-1] + b"!")
    assert verdict(disk / SESSION) == errors.VerificationFailedException.exit_code
    films[0].unlink()
    assert verdict(disk / SESSION) == errors.CompletenessCheckFailedException.exit_code
