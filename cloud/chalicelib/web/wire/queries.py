"""The query of a URL, as values; what does not fit is refused with its parameter named."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from chalicelib.core import artifact
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import ArtifactId
from chalicelib.core.measurements.ranges import Wanted
from chalicelib.ports import Listed
from chalicelib.web.wire import cursors

Value = TypeVar("Value")

_LONGEST = 2000
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_WHOLE = re.compile(r"[0-9]{1,15}")


def measurements(query: Mapping[str, str]) -> ArtifactId | None:
    """Which measurements are meant; None when the caller names none. Raises InvalidRequest."""
    _demand_known(query, {"artifact"})
    return _read(query, "artifact", _measurements_id)


@dataclass(frozen=True)
class FramesAsked:
    """Which measurements are meant, which frames of them, and in how many points; None asks for the frames."""

    artifact_id: ArtifactId | None
    wanted: Wanted
    points: int | None


def frames(query: Mapping[str, str]) -> FramesAsked:
    """Raises InvalidRequest."""
    _demand_known(query, {"artifact", "points", *_WANTED})
    given = {name: _read(query, name, parse) for name, parse in _WANTED.items()}
    told: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    points = _read(query, "points", _whole)
    if points is not None and "limit" in told:
        raise InvalidRequest("limit: goes without `points`, which says how many there are at most")
    return FramesAsked(_read(query, "artifact", _measurements_id), Wanted(**told), points)


def continued(query: Mapping[str, str], from_frame: int) -> str:
    """The same question from `from_frame` on, as a reference that is relative to its URL."""
    return "?" + urlencode({**query, "from_frame": from_frame})


def cursor(query: Mapping[str, str]) -> Listed | None:
    """Where a list continues; None at its beginning. Raises InvalidRequest."""
    _demand_known(query, {"cursor"})
    return _read(query, "cursor", cursors.parsed)


def _demand_known(query: Mapping[str, str], names: set[str]) -> None:
    unknown = sorted(set(query) - names)
    if unknown:
        raise InvalidRequest(
            f"{', '.join(unknown)[:200]}: no such parameter; there are {', '.join(sorted(names))}"
        )


def _read(query: Mapping[str, str], name: str, parse: Callable[[str], Value]) -> Value | None:
    text = query.get(name)
    if text is None:
        return None
    if len(text) > _LONGEST:
        raise InvalidRequest(f"{name}: at most {_LONGEST} characters")
    try:
        return parse(text)
    except InvalidRequest as error:
        raise InvalidRequest(f"{name}: {error}") from error


def _measurements_id(text: str) -> ArtifactId:
    artifact_id = artifact.made_id(text)
    if artifact.kind_of(artifact_id) is not artifact.Kind.MEASUREMENTS:
        raise InvalidRequest(f"{text} is not a measurements artifact")
    return artifact_id


def _seconds(text: str) -> float:
    if not _SECONDS.fullmatch(text):
        raise InvalidRequest("must be seconds like 12 or 12.5")
    return float(text)


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise InvalidRequest("must be a whole number")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise InvalidRequest("must be names with commas between them, none of them empty")
    return names


_WANTED: Mapping[str, Callable[[str], Any]] = {
    "from_s": _seconds,
    "to_s": _seconds,
    "from_frame": _whole,
    "to_frame": _whole,
    "columns": _names,
    "limit": _whole,
}
