"""Index one odd file in this process and print what came of it: python -m tests.odd.run NAME."""

from __future__ import annotations

import importlib
import json
import re
import resource
import sys
import tempfile
import time
from pathlib import Path

from tests.odd.documents import ODD
from tests.support.indexes import make_index

_MOST_DATA_BYTES = 2**30
"""What this process may ask for at all: a file that takes more is no harm to the machine."""


def main(name: str) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_DATA_BYTES, _MOST_DATA_BYTES))
    pandas_mib = _load_pandas()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        made = make_index(ODD[name].pieces, Path(folder)).record
    found = {
        "frames": made.frames,
        "rejected": made.rejected,
        "poison": made.quarantine,
        "seconds": time.perf_counter() - start,
        "peak_mib": peak_mib() - pandas_mib,
    }
    print(json.dumps(found))


def _load_pandas() -> float:
    """Import pandas and pyarrow, as the first array would; no file decides the memory of that, which is returned."""
    before = peak_mib()
    importlib.import_module("pandas")
    return peak_mib() - before


def peak_mib() -> float:
    """The most memory that this program has held; `ru_maxrss` would count that of the one that started it."""
    status = Path("/proc/self/status").read_text()
    held = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.M)
    assert held is not None
    return int(held[1]) / 1024


if __name__ == "__main__":
    main(sys.argv[1])
