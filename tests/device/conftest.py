"""The archive for devices, made once for all tests of this folder, and where it is unpacked."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from infra import device_bundle


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive as `make device-bundle` makes it."""
    return device_bundle.bundle(tmp_path_factory.mktemp("an archive"))


@pytest.fixture(scope="session")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in the archive, somewhere with a space in its name."""
    place = tmp_path_factory.mktemp("un packed")
    with tarfile.open(archive) as tar:
        tar.extractall(place, filter="data")
    [folder] = place.iterdir()
    return folder
