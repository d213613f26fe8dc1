"""Index odd files, each in a process of its own: python -m tests.odd.run <NAMES.

Each name's line of the output says what came of it. pandas is imported once, and the processes are forks; the line of
one that dies says `died`.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.odd.documents import ODD
from tests.support.indexes import make_index

_MOST_DATA_BYTES = 2**30
"""What one process may ask for at all: a file that takes more is no harm to the machine."""


def main() -> None:
    before_mib = held_mib("VmHWM")
    importlib.import_module("pandas")
    for line in sys.stdin:
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            os._exit(_report(line.strip(), before_mib, writing))
        os.close(writing)
        with os.fdopen(reading) as told:
            found = told.read()
        _, status = os.waitpid(child, 0)
        died = json.dumps({"died": f"exit status {os.waitstatus_to_exitcode(status)}"})
        print(found if found and not status else died, flush=True)


def _report(name: str, before_mib: float, writing: int) -> int:
    """Write what came of the file to the pipe; the exit code of the fork."""
    try:
        found = json.dumps(_index(name, before_mib))
    except BaseException:  # noqa: BLE001 a fork that ended otherwise would read the next name
        traceback.print_exc()
        return 1
    with os.fdopen(writing, "w") as told:
        told.write(found)
    return 0


def _index(name: str, before_mib: float) -> Mapping[str, Any]:
    """What came of the file; its memory is what this process took, and what Python held before pandas."""
    start_mib = held_mib("VmRSS")
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_DATA_BYTES, _MOST_DATA_BYTES))
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        made = make_index(ODD[name].pieces, Path(folder)).record
    return {
        "frames": made.frames,
        "rejected": made.rejected,
        "poison": made.quarantine,
        "seconds": time.perf_counter() - start,
        "peak_mib": before_mib + held_mib("VmHWM") - start_mib,
    }


def held_mib(what: str) -> float:
    """What this process holds (VmRSS), or the most that it has held (VmHWM); a fork begins with what it holds."""
    status = Path("/proc/self/status").read_text()
    held = re.search(rf"^{what}:\s+(\d+) kB$", status, re.M)
    assert held is not None
    return int(held[1]) / 1024


if __name__ == "__main__":
    main()
