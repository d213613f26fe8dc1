"""A question to the lake: what an engine answers, what may be asked, and what it costs."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from chalicelib.core.measurements.table import text_cell
from infra.admin.deployment import Refused

Value = str | int | float | bool | None
Row = tuple[Value, ...]
Say = Callable[[str], None]


class QueryFailed(Refused):
    """The engine did not answer; the text is its reason, in words that help."""


@dataclass(frozen=True)
class Answer:
    """What an engine answers; `rows` come as they are read. `bytes_scanned` is None where nobody charges for them."""

    columns: tuple[str, ...]
    rows: Iterator[Row]
    engine: str
    seconds: float
    bytes_scanned: int | None = None
    query_id: str | None = None


def one_line(reason: str) -> str:
    """An engine's reason without its line breaks."""
    return " ".join(reason.split())


class Lake(Protocol):
    """An engine over the lake of one stage."""

    def ask(self, sql: str, progress: Say) -> Answer:
        """The answer to one statement that only reads. `progress` hears how far it is. Raises QueryFailed."""


_READS = ("select", "with", "values", "show", "describe", "explain")
_BEGINNING = re.compile(r"[\s(]*(?P<word>[a-z]+)\b\s*(?P<next>[a-z]*)")
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|.", re.DOTALL)


def reading(sql: str) -> str:
    """`sql` without comments and the `;` at its end. Raises Refused unless it is one statement that only reads."""
    tokens = [" " if each.startswith(("--", "/*")) else each for each in _TOKEN.findall(sql)]
    while tokens and (tokens[-1].isspace() or tokens[-1] == ";"):
        tokens.pop()
    if not tokens:
        raise Refused("there is no question: give SQL as an argument, in --file, or on standard input")
    if ";" in tokens:
        raise Refused("this is more than one statement: ask one after the other")
    text = "".join(tokens).strip()
    begins = _BEGINNING.match(text.lower())
    if begins is None or begins["word"] not in _READS or begins["next"] == "analyze":
        raise Refused(
            f"only what reads may be asked ({', '.join(_READS).upper()}), not {text.split()[0][:20]!r}"
        )
    return text


PRICE_USD_A_TB = 5.0
"""What Athena charges in most regions, by aws.amazon.com/athena/pricing; an assumption that --price replaces."""

_MB = 2**20
_LEAST_MB = 10
_TB_IN_MB = 2**20


def price_usd(bytes_scanned: int, usd_a_tb: float) -> float:
    """What a query costs: whole megabytes, and at least 10 of them."""
    return max(_LEAST_MB, math.ceil(bytes_scanned / _MB)) * usd_a_tb / _TB_IN_MB


def as_text(value: Value) -> str:
    """A value as a table or a CSV shows it; null is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def is_right(rows: Sequence[Row], place: int) -> bool:
    """Whether a column holds numbers, which are easier to compare when they end in the same place."""
    values = [row[place] for row in rows if row[place] is not None]
    return bool(values) and all(isinstance(each, int | float) for each in values)


def table_lines(columns: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Rows below the names of their columns, each column as wide as its widest text."""
    texts = [[as_text(value) for value in row] for row in rows]
    widths = [
        max(len(name), *(len(row[place]) for row in texts)) if texts else len(name)
        for place, name in enumerate(columns)
    ]
    right = [is_right(rows, place) for place in range(len(columns))]
    shown = [list(columns), ["-" * width for width in widths], *texts]
    return [_line(row, widths, right) for row in shown]


def _line(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = (
        text.rjust(width) if is_right_ else text.ljust(width)
        for text, width, is_right_ in zip(row, widths, right, strict=True)
    )
    return "  ".join(cells).rstrip()


def csv_line(cells: Sequence[Value]) -> str:
    """One line of CSV, in the form of the API's: null is an empty cell, an empty text is `""`."""
    return ",".join(text_cell(value) if isinstance(value, str) else as_text(value) for value in cells)
