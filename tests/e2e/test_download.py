"""What was hauled comes to an operator's disk, and the library of ASC MHL finds it as its list says."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.rig import PART_SIZE_BYTES, Rig, camera_with, source_sha256

pytest.importorskip("ascmhl", reason="ascmhl needs Python 3.11")

from ascmhl import commands as ascmhl
from ascmhl import errors
from click.testing import CliRunner

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore:.*GitWildMatchPattern:DeprecationWarning"),
]
SESSION = "download-1"


def told(rig: Rig, *arguments: str) -> dict[str, Any]:
    """What the operator's command answers."""
    done = rig.operator(*arguments)
    assert done.code == 0, done.said
    return done.report


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
