"""Files that hold a secret."""

import os
import stat
from pathlib import Path

import pytest

from infra.secret_file import create_secret_file


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_only_its_owner_reads_a_secret_whatever_the_umask(tmp_path: Path, mask: int):
    path = tmp_path / "secret"
    before = os.umask(mask)
    try:
        with create_secret_file(path) as file:
            mode = path.stat().st_mode
            print("secret", file=file)
    finally:
        os.umask(before)

    assert stat.S_IMODE(mode) == stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == "secret\n"


def test_a_secret_is_never_written_over_another(tmp_path: Path):
    path = tmp_path / "secret"
    path.write_text("first")

    with pytest.raises(FileExistsError), create_secret_file(path):
        pass

    assert path.read_text() == "first"


def test_nothing_stays_when_what_the_file_is_made_for_fails(tmp_path: Path):
    path = tmp_path / "secret"

    with pytest.raises(KeyError), create_secret_file(path):
        raise KeyError("no such stage")

    assert not path.exists()
