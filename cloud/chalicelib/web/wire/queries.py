"""The query of a URL, as values; what does not fit is refused with its parameter named."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

from msgspec import Struct

from chalicelib.core import artifact, ids
from chalicelib.core import listing as core_listing
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import ArtifactId, DeviceId
from chalicelib.core.session import SessionState, demand_group
from chalicelib.ports import Listed, ListedDevice
from chalicelib.web.wire import cursors

if TYPE_CHECKING:
    from chalicelib.core.measurements.ranges import Wanted

Value = TypeVar("Value")

_LONGEST = 2000
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,15}")
_TEXT = re.compile(r"[A-Za-z0-9._-]{1,100}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2}))?"
)


def measurements(query: Mapping[str, str]) -> ArtifactId | None:
    """Which measurements are meant; None when the caller names none. Raises InvalidRequest."""
    _demand_known(query, {"artifact"})
    return _read(query, "artifact", _measurements_id)


class FramesAsked(Struct, frozen=True):
    """Which measurements are meant, which frames of them, and in how many points; None asks for the frames."""

    artifact_id: ArtifactId | None
    wanted: "Wanted"
    points: int | None


def frames(query: Mapping[str, str]) -> FramesAsked:
    """Raises InvalidRequest."""
    from chalicelib.core.measurements.ranges import Wanted

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


def trail(query: Mapping[str, str]) -> int:
    """The version after which a trail continues; 0 at its beginning. Raises InvalidRequest."""
    _demand_known(query, {"cursor"})
    return _read(query, "cursor", _whole) or 0


class SessionsAsked(Struct, frozen=True):
    """Which sessions of a list, after which, and how many at most; None leaves that to the list."""

    wanted: core_listing.Wanted
    after: Listed | None
    limit: int | None


MOST_DAYS = 1100
"""Of one question: three years of counters are some pages of the table."""


def statistics(query: Mapping[str, str]) -> tuple[DeviceId | None, date | None, date | None]:
    """The device and the days that are asked about, both included. Raises InvalidRequest."""
    _demand_known(query, {"device", "first_day", "last_day"})
    device_id = _read(query, "device", ids.parsed_device_id)
    first, last = (_read(query, name, _day) for name in ("first_day", "last_day"))
    if first and last and not 0 <= (last - first).days < MOST_DAYS:
        raise InvalidRequest(
            f"last_day: must be at most {MOST_DAYS - 1} days after `first_day`, and not before it"
        )
    return device_id, first, last


def sessions(query: Mapping[str, str]) -> SessionsAsked:
    """What to list of a project. Raises InvalidRequest."""
    _demand_known(query, {"cursor", "limit", *_LISTED})
    given = {name: _read(query, name, parse) for name, parse in _LISTED.items()}
    wanted = core_listing.Wanted(
        state=given["state"],
        device_id=given["device"],
        serial=given["camera"],
        group=given["group"],
        text=given["text"],
        created_from=given["created_from"],
        created_to=given["created_to"],
    )
    return SessionsAsked(wanted, _read(query, "cursor", cursors.parsed), _read(query, "limit", _whole))


def devices(query: Mapping[str, str]) -> tuple[ListedDevice | None, int | None]:
    """As `page`, of a list of devices."""
    _demand_known(query, {"cursor", "limit"})
    return _read(query, "cursor", cursors.parsed_device), _read(query, "limit", _whole)


def page(query: Mapping[str, str]) -> tuple[Listed | None, int | None]:
    """After which entry a list continues, and how many to answer at most; None leaves that to the list."""
    _demand_known(query, {"cursor", "limit"})
    return _read(query, "cursor", cursors.parsed), _read(query, "limit", _whole)


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


def _state(text: str) -> SessionState:
    try:
        return SessionState(text)
    except ValueError as error:
        known = ", ".join(state.value for state in SessionState)
        raise InvalidRequest(f"must be one of {known}") from error


def _day(text: str) -> date:
    try:
        if not _DAY.fullmatch(text):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequest("must be a day like 2026-11-21") from error


def _part_of_a_name(text: str) -> str:
    if not _TEXT.fullmatch(text):
        raise InvalidRequest(
            "must be 1 to 100 of A-Z, a-z, 0-9, '.', '_' and '-', as a session's name has them"
        )
    return text


def _time(text: str) -> datetime:
    """A day begins at midnight in UTC."""
    try:
        if not _TIME.fullmatch(text):
            raise ValueError(text)
        given = datetime.fromisoformat(text)
        return (given if given.tzinfo else given.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest(
            "must be a day like 2026-11-21, or a time like 2026-11-21T10:15:00Z (a '+' is written %2B)"
        ) from error


_LISTED: Mapping[str, Callable[[str], Any]] = {
    "state": _state,
    "device": ids.parsed_device_id,
    "camera": ids.serial,
    "group": demand_group,
    "text": _part_of_a_name,
    "created_from": _time,
    "created_to": _time,
}

_WANTED: Mapping[str, Callable[[str], Any]] = {
    "from_s": _seconds,
    "to_s": _seconds,
    "from_frame": _whole,
    "to_frame": _whole,
    "columns": _names,
    "limit": _whole,
}
