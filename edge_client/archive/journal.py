"""What the journal of this system has of the client's units."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from contextlib import suppress

LIMIT_S = 20.0
MOST_LINES = 20_000
MOST_BYTES = 4 * 1024 * 1024
BLOCK_BYTES = 64 * 1024
PROGRAM = "journalctl"


class NoJournal(Exception):
    """The journal cannot be had; the text says why, and what helps."""


def read_journal(program: str = PROGRAM, limit_s: float = LIMIT_S) -> bytes:
    """The last lines of the units. Raises NoJournal."""
    found = shutil.which(program)
    if found is None:
        raise NoJournal(f"there is no {program} on this system")
    words = [found, "--no-pager", "-o", "short-iso", f"--lines={MOST_LINES}", "--unit=reelhaul*"]
    try:
        lines = _last_of(words, limit_s)
    except OSError as error:
        raise NoJournal(f"{program} cannot be run ({error.strerror})") from error
    if not _says_something(lines):
        raise NoJournal(
            f"{program} shows this user no line of the units; `sudo usermod -aG systemd-journal reelhaul` lets it"
        )
    return _tail(lines)


def _last_of(words: list[str], limit_s: float) -> bytes:
    """The last of what a program says. Raises NoJournal when it does not end in time, OSError."""
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    ) as running:
        assert running.stdout
        alarm = threading.Timer(limit_s, running.kill)
        alarm.start()
        try:
            last = bytearray()
            while block := os.read(running.stdout.fileno(), BLOCK_BYTES):
                last += block
                if len(last) > MOST_BYTES + BLOCK_BYTES:
                    del last[: len(last) - MOST_BYTES - 1]
            is_killed = running.wait() < 0
        finally:
            alarm.cancel()
    if is_killed:
        raise NoJournal(f"{words[0]} did not end within {limit_s:.0f} s")
    return bytes(last)


def _says_something(lines: bytes) -> bool:
    return any(line and not line.startswith(b"-- ") for line in lines.splitlines())


def _tail(lines: bytes) -> bytes:
    """The last of it. What begins in the middle of a line begins with the next one, as a secret may be cut there."""
    if len(lines) <= MOST_BYTES:
        return lines
    with suppress(ValueError):
        return lines[lines.index(b"\n", len(lines) - MOST_BYTES) + 1 :]
    return b""
