"""An index of an hour of frames at 30 a second, and Node with what a page would load."""

from pathlib import Path

import pytest

from tests.readers.facts import write_long_index
from tests.readers.node import Node, install_node


@pytest.fixture(scope="session")
def long_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an index of facts.FRAMES frames, 300 in each gzip member."""
    return write_long_index(tmp_path_factory.mktemp("long index"))


@pytest.fixture(scope="session")
def node() -> Node:
    """Node with hyparquet; skips where it cannot be had."""
    return install_node()
