"""Write text safely to terminals and logs: it cannot control a terminal, hide other text or end the program.

Names, models and reasons come from cameras, the coordinator and S3. Each character that is not printable is written
as its code, in JSON's own form, so that a line of JSON stays JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO


def say(lines: Iterable[str], stream: TextIO) -> None:
    """Write each of `lines` as exactly one line."""
    for line in lines:
        print(shown(line, stream), file=stream)


def shown(text: str, stream: TextIO) -> str:
    """`text` as one line of `stream`: printable, and in characters that its encoding has."""
    encoding = stream.encoding or "utf-8"
    return plain(text).encode(encoding, "backslashreplace").decode(encoding)


def plain(text: str) -> str:
    """`text` with unprintable characters as their codes: controls, C1, bidi, zero width, line ends, lone surrogates."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _code(char) for char in text)


def _code(char: str) -> str:
    """`\\u001b`; what lies beyond 16 bits as a pair, as JSON has it."""
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
