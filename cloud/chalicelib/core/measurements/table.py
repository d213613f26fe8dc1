"""Frames and buckets as CSV (RFC 4180): a row of names, then one row each; null is empty, and empty text is `""`.

A spreadsheet runs text that begins like a formula, so such text gets an apostrophe in front. Numbers stay as they are.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.core import answers
from chalicelib.core.measurements.frame import NUMBER, TIME
from chalicelib.core.measurements.kinds import Kind
from chalicelib.core.measurements.ranges import Frames, Wanted, stored_columns

EXTRA = "extra"
"""The last column: a JSON object of what the others do not hold, empty where they hold everything."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_QUOTED = frozenset(',"\r\n')


@dataclass(frozen=True)
class Table:
    """CSV text, and the `from_frame` to ask with for the rest; None at the end."""

    text: str
    next_frame: int | None


def frame_columns(kind: Kind, members: Sequence[str] | None, wanted: Wanted) -> tuple[str, ...]:
    """The columns of a range: all of its pages have the same.

    A member with columns of its own, such as a light, has those. `members` are those of all frames, as blocks.json
    tells them; where it does not, members that the kind does not know are in EXTRA, and so is one of that name.
    """
    own = {member: [name for name in stored_columns(kind) if _is_of(name, member)] for member in kind.fields}
    known = [name for name in stored_columns(kind) if members is None or name.partition(".")[0] in members]
    unknown = [name for name in members or () if name not in kind.fields]
    names = (*known, *unknown)
    if wanted.columns is not None:
        names = tuple(name for column in wanted.columns for name in own.get(column) or (column,))
    return (*dict.fromkeys(name for name in (NUMBER, TIME, *names) if name != EXTRA), EXTRA)


def of_frames(found: Frames, columns: Sequence[str], most_bytes: int = answers.MOST_BODY_BYTES) -> Table:
    """The frames as CSV: as many as fit into one answer, at least one."""
    lines = [_line(map(text_cell, columns))]
    size_bytes = answers.counted_bytes(lines[0])
    named = columns[:-1]
    held = frozenset(named)
    holders = frozenset(name[:at] for name in named for at, letter in enumerate(name) if letter == ".")
    for place, frame in enumerate(found.frames):
        rest = _without(frame, held, holders)
        line = _line((*(_cell(_value(frame, name)) for name in named), _cell(rest or None)))
        size_bytes += answers.counted_bytes(line)
        if place and size_bytes > most_bytes:
            return Table("".join(lines), frame[NUMBER])
        lines.append(line)
    return Table("".join(lines), found.next_frame)


def of_points(document: Mapping[str, Any]) -> Table:
    """The buckets of an overview as CSV, one row each, also for a bucket without frames."""
    width, first = document["frames_per_bucket"], document["first_frame"]
    columns: dict[str, Sequence[Any]] = {
        "first_frame": [first + place * width for place in range(len(document["count"]))],
        **{name: document[name] for name in ("count", "first_s", "last_s")},
    }
    for group in ("numbers", "statuses"):
        for name, lists in document[group].items():
            columns.update({f"{name}.{each}": values for each, values in lists.items()})
    rows = zip(*columns.values(), strict=True)
    return Table("".join([_line(map(text_cell, columns)), *(_line(map(_cell, row)) for row in rows)]), None)


def _is_of(name: str, member: str) -> bool:
    return name == member or name.startswith(f"{member}.")


def _value(frame: Mapping[str, Any], name: str) -> Any:
    """The value of a column; a member whose own name has a dot comes before a member of a member."""
    if name in frame:
        return frame[name]
    head, dot, rest = name.partition(".")
    inner = frame.get(head)
    return _value(inner, rest) if dot and isinstance(inner, dict) else None


def _without(
    holder: Mapping[str, Any], held: frozenset[str], holders: frozenset[str], path: str = ""
) -> dict[str, Any]:
    """What of `holder` no column holds: `held` are the columns, `holders` the objects that columns are of."""
    left: dict[str, Any] = {}
    for member, value in holder.items():
        name = f"{path}{member}"
        if name in held:
            continue
        if name in holders and (value is None or isinstance(value, dict)):
            rest = _without(value, held, holders, f"{name}.") if value else None
            if rest:
                left[member] = rest
            continue
        left[member] = value
    return left


def _line(cells: Iterable[str]) -> str:
    return ",".join(cells) + "\r\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return text_cell(value)
    if isinstance(value, dict | list):
        return _quoted(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    return json.dumps(value)


def text_cell(text: str) -> str:
    """The cell that holds a text, or the name of a column."""
    guarded = f"'{text}" if text.startswith(_FORMULA) else text
    return _quoted(guarded) if not guarded or _QUOTED.intersection(guarded) else guarded


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
