"""Every odd file, indexed in a process of its own: an index or poison, within 256 MiB beside pyarrow and pandas."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.odd.documents import ODD

HOUSE = Path(__file__).parents[2]
MOST_MIB = 256

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


class Indexing:
    """Indexes odd files by name, each in a fork of a process that has imported what indexing needs."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.odd.run"]
        self._process = subprocess.Popen(
            command, cwd=HOUSE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdin
        assert self._process.stdout
        self._names, self._answers = self._process.stdin, self._process.stdout

    def index(self, name: str) -> Any:
        self._names.write(f"{name}\n")
        self._names.flush()
        return json.loads(self._answers.readline())

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._names.close()
        self._answers.close()
        self._process.wait(timeout=10)


@pytest.fixture(scope="module")
def indexing() -> Iterator[Indexing]:
    started = Indexing()
    yield started
    started.close()


# A tenth of the first three proves the same in each run of the tests: 100 MB of blanks, gzip within gzip, 100,000
# frames. The others come near to one that is played: blanks before the frames, 3,000 unknown members, a frame with
# eight lights.
SOAKED = frozenset(
    {
        "a million frames, zipped",
        "2 GB of blanks, zipped",
        "a GB of blanks in gzip within gzip",
        "100 MB of blanks after, zipped",
        "100 MB of blanks between, zipped",
        "3,000 numbers, others in each frame",
        "eight lights in 20,000 frames",
    }
)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.soak) if name in SOAKED else name for name in ODD]
)
def test_an_odd_file_ends_as_an_index_or_as_poison_in_bounded_memory(name: str, indexing: Indexing):
    odd = ODD[name]

    found = indexing.index(name)

    assert "died" not in found, found
    if odd.poison is None:
        assert (found["poison"], found["frames"], found["rejected"]) == (None, odd.frames, odd.rejected)
    else:
        assert odd.poison in found["poison"]
    assert found["peak_mib"] <= MOST_MIB
