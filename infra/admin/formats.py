"""How facts are written: for people short and aligned, for programs in UTC and bytes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from chalicelib.core.times import rfc3339

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def stamp(at: datetime | None) -> str | None:
    """`2026-11-21T12:00:00Z`."""
    return rfc3339(at) if at else None


def moment(at: datetime) -> str:
    """`2026-11-21 12:00 UTC`."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def size(size_bytes: int) -> str:
    """`512 B`, `3.7 GiB`: with one digit after the point from KiB on."""
    amount, unit = float(size_bytes), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}" if unit else f"{size_bytes} B"


def counted(number: int, one: str) -> str:
    """`1 object`, `2 objects`."""
    return f"{number} {one}" if number == 1 else f"{number} {one}s"


def session(document: Mapping[str, Any]) -> str:
    """The session that `document` is about, in the form that every command accepts: `main/match-17`."""
    return f"{document['project']}/{document['session_id']}"


def columns(rows: Iterable[Sequence[str]], indent: int = 0) -> list[str]:
    """`rows` with every column but the last as wide as its widest text."""
    listed = [list(row) for row in rows]
    widths = [max(len(text) for text in column) for column in zip(*listed, strict=True)]
    return [
        (
            " " * indent + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        ).rstrip()
        for row in listed
    ]


def facts(told: Mapping[str, str | None]) -> list[str]:
    """`name: value` for each fact that there is."""
    return [f"{name}: {value}" for name, value in told.items() if value is not None]
