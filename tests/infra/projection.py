"""Checks a table's partition projection by Athena's grammar: Glue takes anything, Athena refuses at the first question.

Source: docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html and
partition-projection-setting-up.html.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

_ENABLED = "projection.enabled"
_TEMPLATE = "storage.location.template"
_UNITS = ("YEARS", "MONTHS", "WEEKS", "DAYS", "HOURS", "MINUTES", "SECONDS", "MILLIS")
_NOW = re.compile(r"NOW( *[+-] *[0-9]+ *(YEAR|MONTH|WEEK|DAY|HOUR|MINUTE|SECOND)S?)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_POSITIVE = re.compile(r"0*[1-9][0-9]*")
_LETTERS = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}
"""Those of Java's date patterns that are read here; another one is a fault, because nobody here knows what it means."""
_SMALLEST = ("ss", "mm", "HH", "dd", "MM", "yyyy")
_LONG_MIN, _LONG_MAX = -(2**63), 2**63 - 1

Faults = Iterator[str]


def faults(table: Mapping[str, Any]) -> list[str]:
    """What Athena would refuse or never find in this `TableInput`, in words; none for a table that is right."""
    given: Mapping[str, Any] = table.get("Parameters", {})
    properties = {name: value for name, value in given.items() if isinstance(value, str)}
    keys = {key["Name"]: key["Type"] for key in table.get("PartitionKeys", [])}
    return [
        *(f"{name} is not text" for name in given.keys() - properties.keys()),
        *_switched_on(properties),
        *_no_strangers(properties, keys),
        *(fault for name, type_ in keys.items() for fault in _column(properties, name, type_)),
        *_location(properties, table.get("StorageDescriptor", {}).get("Location", ""), keys),
    ]


def _switched_on(properties: Mapping[str, str]) -> Faults:
    if properties.get(_ENABLED, "").strip().lower() != "true":
        yield f"{_ENABLED} is not true"


def _no_strangers(properties: Mapping[str, str], keys: Mapping[str, str]) -> Faults:
    for name in properties:
        if name.startswith("projection.") and name != _ENABLED:
            column, _, word = name.removeprefix("projection.").partition(".")
            if column not in keys:
                yield f"{name}: {column} is not a partition key"
            elif word not in _WORDS:
                yield f"{name} is not a property of a projection"


_WORDS = ("type", "values", "range", "interval", "interval.unit", "digits", "format")
_TAKES = {
    "enum": {"values"},
    "integer": {"range", "interval", "digits"},
    "date": {"range", "format", "interval", "interval.unit"},
    "injected": set[str](),
}


def _column(properties: Mapping[str, str], name: str, type_: str) -> Faults:
    prefix = f"projection.{name}."
    said = {word: properties[f"{prefix}{word}"] for word in _WORDS if f"{prefix}{word}" in properties}
    kind = said.pop("type", "").strip().lower()
    if kind not in _TAKES:
        yield f"{prefix}type is {kind!r}, and none of {', '.join(_TAKES)}"
        return
    yield from (f"{prefix}{word} says nothing to {kind}" for word in said.keys() - _TAKES[kind])
    yield from (f"{prefix}{fault}" for fault in _OF_KIND[kind](said))
    if kind in ("date", "enum") and type_ != "string":
        yield f"{name} is {type_}, and a projection of {kind} makes text"


def _enum(said: Mapping[str, str]) -> Faults:
    values = said.get("values", "").split(",")
    if "" in values:
        yield "values has an empty one"
    if len(set(values)) != len(values):
        yield "values has one twice"
    if any(value != value.strip() for value in values):
        yield "values has white space, which is part of a value"


def _integer(said: Mapping[str, str]) -> Faults:
    ends = [end.strip() for end in said.get("range", "").split(",")]
    if len(ends) != 2 or not all(_WHOLE.fullmatch(end) for end in ends):
        yield "range is not two whole numbers with a comma between"
    elif not _LONG_MIN <= int(ends[0]) <= int(ends[1]) <= _LONG_MAX:
        yield "range does not ascend"
    yield from _positive(said, "interval")
    yield from _positive(said, "digits")


def _positive(said: Mapping[str, str], word: str) -> Faults:
    if word in said and not _POSITIVE.fullmatch(said[word].strip()):
        yield f"{word} is not a whole number above 0"


def _date(said: Mapping[str, str]) -> Faults:
    pattern = said.get("format", "")
    read = _pattern(pattern)
    if read is None:
        yield f"format is {pattern!r}, which is not read here"
        return
    ends = [end.strip() for end in said.get("range", "").split(",")]
    if len(ends) != 2:
        yield "range is not two dates with a comma between"
        return
    moments = [_moment(end, read) for end in ends]
    yield from (
        f"range: {end!r} is neither {pattern} nor NOW"
        for end, at in zip(ends, moments, strict=True)
        if not at
    )
    fixed = [at for at in moments if isinstance(at, datetime)]
    if len(fixed) == 2 and fixed[0] > fixed[1]:
        yield "range does not ascend"
    yield from _positive(said, "interval")
    if "interval.unit" in said and said["interval.unit"].strip().upper() not in _UNITS:
        yield f"interval.unit is none of {', '.join(_UNITS)}"
    is_fine = any(letters in pattern for letters in _SMALLEST[:3])
    if is_fine and not {"interval", "interval.unit"} <= said.keys():
        yield "interval and its unit are missing, for a format that is finer than a day"
    if ("interval" in said) != ("interval.unit" in said) and not is_fine:
        yield "interval and its unit go together"


def _pattern(text: str) -> str | None:
    """A Java pattern as Python's; None where it has letters that are not known, or no year."""
    made, rest = "", text
    while rest:
        letters = next((each for each in _LETTERS if rest.startswith(each)), "")
        if not letters and rest[0].isalpha():
            return None
        made += _LETTERS.get(letters, rest[0])
        rest = rest[len(letters) or 1 :]
    return made if "%Y" in made else None


def _moment(text: str, pattern: str) -> datetime | bool:
    """The date that `text` is; True for NOW, False for what is neither."""
    if _NOW.fullmatch(text):
        return True
    try:
        at = datetime.strptime(text, pattern)  # noqa: DTZ007 -- compared with its like only
    except ValueError:
        return False
    return at if at.strftime(pattern) == text else False


_OF_KIND: Mapping[str, Callable[[Mapping[str, str]], Faults]] = {
    "enum": _enum,
    "integer": _integer,
    "date": _date,
    "injected": lambda _: iter(()),
}


def _location(properties: Mapping[str, str], location: str, keys: Mapping[str, str]) -> Faults:
    template = properties.get(_TEMPLATE)
    if template is None:
        yield f"{_TEMPLATE} is missing, so folders are looked for by Hive's names below the location"
        return
    named = re.findall(r"\$\{([^}]*)\}", template)
    yield from (f"{_TEMPLATE} has no ${{{name}}}" for name in keys if name not in named)
    yield from (
        f"{_TEMPLATE} has ${{{name}}}, which is not a partition key" for name in named if name not in keys
    )
    if not template.startswith("s3://") or not template.endswith("/"):
        yield f"{_TEMPLATE} is not a folder of S3: it begins with s3:// and ends with /"
    if not location.startswith("s3://") or not location.endswith("/"):
        yield "the location is not a folder of S3"
    elif not _may_be_below(template, location):
        yield f"{_TEMPLATE} leads out of {location}"


def _may_be_below(template: str, location: str) -> bool:
    """Whether some folder that the template makes is the location, or lies below it."""
    folders = re.sub(r"\$\{[^}]*\}", "\0", template).rstrip("/").split("/")
    wanted = location.rstrip("/").split("/")
    return len(wanted) <= len(folders) and all(
        re.fullmatch(".*".join(map(re.escape, folder.split("\0"))), want)
        for folder, want in zip(folders, wanted, strict=False)
    )
