"""The process: `reelhaul`, or `python -m edge_client`."""

from __future__ import annotations

import os
import signal
from typing import NoReturn

from edge_client.base.exit import SIGNALS, end_at_once


def main() -> NoReturn:
    """Run the command and end with its exit code.

    The process ends without the interpreter's own shutdown, which waits for locks that a thread may hold and changes
    the exit code when it cannot flush a standard stream.
    """
    for number in SIGNALS:
        signal.signal(number, end_at_once)
    os._exit(_code())


def _code() -> int:
    # Imports take a while: a signal shows no traceback of them, and no file of theirs is a standard stream.
    from edge_client.base.terminal import open_missing_streams

    open_missing_streams()
    from edge_client.cli import run

    try:
        return run(end=os._exit)
    except SystemExit as ended:
        return int(ended.code or 0)


if __name__ == "__main__":
    main()
