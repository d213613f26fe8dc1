"""Every odd file, indexed in a process of its own: an index or poison, within 256 MiB beside pyarrow and pandas."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.odd.documents import ODD

HOUSE = Path(__file__).parents[2]
MOST_MIB = 256

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")


@pytest.mark.parametrize("name", ODD)
def test_an_odd_file_ends_as_an_index_or_as_poison_in_bounded_memory(name: str):
    odd = ODD[name]
    command = [sys.executable, "-m", "tests.odd.run", name]

    ran = subprocess.run(command, cwd=HOUSE, capture_output=True, text=True, timeout=150, check=False)

    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    if odd.poison is None:
        assert (found["poison"], found["frames"], found["rejected"]) == (None, odd.frames, odd.rejected)
    else:
        assert odd.poison in found["poison"]
    assert found["peak_mib"] <= MOST_MIB
