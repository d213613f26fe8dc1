"""Lists of sessions: page by page, by whatever facts a caller names, at a cost that ends with the page."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core.errors import InvalidRequest
from chalicelib.core.heard import Heard
from chalicelib.core.ids import SessionId
from chalicelib.core.listing import Row, Summary, Wanted, summary
from chalicelib.core.session import SessionState
from chalicelib.core.tokens import Device, Principal, Role
from chalicelib.ports import Listed, ListedBy, ListedDevice, ListEntry, Ports, RecordedRow

USUAL_ROWS = 50
MOST_ROWS = 100

MOST_ENTRIES = 500
"""The most entries of an index that one query reads, where more than its own fact is asked for."""

MOST_QUERIES = 4
MOST_READ = 4 * MOST_ROWS
"""The most sessions of one page that are read to find out whether they are wanted."""


class SessionPage(Struct, frozen=True):
    """Rows of a list, the newest session first; the next page continues after `ends_with`, None at the end."""

    rows: tuple[Row, ...]
    ends_with: Listed | None


def list_sessions(
    ports: Ports, principal: Principal, project: str, wanted: Wanted, after: Listed | None, limit: int
) -> SessionPage:
    """At most `limit` sessions of `project` that are `wanted` and that the caller may see, after `after`.

    A page may have fewer rows and not be the last: the work for one page is bounded. Lists may lag behind writes for a
    moment; what is told of each session is read consistently. Raises InvalidRequest, NotFound.
    """
    _demand_limit(limit)
    project = principal.meant_project(project)
    if principal.role is Role.DEVICE:
        if wanted.device_id not in (None, principal.device_id):
            return SessionPage((), None)
        wanted = replace(wanted, device_id=principal.device_id)
    return _walk(ports, _served(project, wanted), wanted, after, limit)


class DeviceRow(Struct, frozen=True):
    """A device and what was heard of it last.

    `is_hauling` while the session of its last heartbeat has chapters without a receipt; only then does its silence tell
    anything, and `is_silent` says that it lasts too long. `silent_s` is None for a device that never sent a heartbeat.
    `last` is that session as long as it is the device's own.
    """

    device: Device
    heard: Heard | None
    silent_s: int | None
    is_hauling: bool
    is_silent: bool
    last: Row | None

    @property
    def waiting_bytes(self) -> int | None:
        """The bytes of chapters without a receipt; None where no session is known."""
        return self.last.summary.size_bytes - self.last.summary.verified_bytes if self.last else None


class DevicePage(Struct, frozen=True):
    """Rows of a list of devices, the newest first; the next page continues after `ends_with`, None at the end."""

    rows: tuple[DeviceRow, ...]
    ends_with: ListedDevice | None


def list_devices(
    ports: Ports, principal: Principal, project: str, after: ListedDevice | None, limit: int
) -> DevicePage:
    """At most `limit` devices of `project` after `after`. Raises InvalidRequest, NotPermitted, NotFound."""
    principal.demand(Role.OPERATOR, Role.VIEWER)
    _demand_limit(limit)
    project = principal.meant_project(project)
    found = ports.records.list_devices(project, after, limit + 1)
    return _tell_devices(ports, found, limit, ports.records.rows(_last_sessions(found[:limit])))


def list_newest(
    ports: Ports, project: str, most_devices: int, most_sessions: int
) -> tuple[DevicePage, SessionPage]:
    """The first page of devices and that of sessions, for a caller who may see all of `project`.

    Devices haul the newest sessions, so one read of sessions serves both pages.
    """
    found = ports.records.list_devices(project, None, most_devices + 1)
    entries = ports.records.list_sessions(ListedBy(project), None, None, None, most_sessions + 1)
    newest = entries[:most_sessions]
    names = [*_last_sessions(found[:most_devices]), *(each.listed.session_id for each in newest)]
    rows = ports.records.rows(names)
    told = (_row(ports, each, rows.get(each.listed.session_id)) for each in newest)
    sessions = SessionPage(
        tuple(row for row in told if row), newest[-1].listed if len(entries) > most_sessions else None
    )
    return _tell_devices(ports, found, most_devices, rows), sessions


def _last_sessions(found: Sequence[tuple[Device, Heard | None]]) -> list[SessionId]:
    return [heard.session_id for _, heard in found if heard]


def _tell_devices(
    ports: Ports,
    found: Sequence[tuple[Device, Heard | None]],
    limit: int,
    rows: Mapping[SessionId, RecordedRow],
) -> DevicePage:
    """A page of at most `limit` of the devices that were found; `rows` has the sessions of their heartbeats."""
    page = found[:limit]
    told = tuple(
        _device(ports, device, heard, rows.get(heard.session_id) if heard else None) for device, heard in page
    )
    last = page[-1][0] if len(found) > limit else None
    return DevicePage(told, ListedDevice(last.device_id, last.enrolled_at) if last else None)


def _device(ports: Ports, device: Device, heard: Heard | None, found: RecordedRow | None) -> DeviceRow:
    """A session that another device finishes tells nothing of this one."""
    if heard is None:
        return DeviceRow(device, None, None, is_hauling=False, is_silent=False, last=None)
    is_own = found is not None and found.session.device_id == device.device_id
    told = _summary(ports, found) if found and is_own else None
    last = Row(found.session, told, found.progress) if found and told else None
    silent_s = max(0, int((ports.clock.now() - heard.heard_at).total_seconds()))
    is_hauling = last is not None and _waits(last)
    is_silent = is_hauling and silent_s >= ports.policy.device_silent_s
    return DeviceRow(device, heard, silent_s, is_hauling, is_silent, last)


def _waits(row: Row) -> bool:
    """Whether chapters of the session have no receipt yet."""
    return row.session.state is SessionState.OPEN and row.summary.verified < row.summary.chapters


def _demand_limit(limit: int) -> None:
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidRequest(f"limit: a page has 1 to {MOST_ROWS} rows")


def _served(project: str, wanted: Wanted) -> ListedBy:
    """The narrowest list of the table that has every session that is wanted."""
    if wanted.group is not None:
        return ListedBy(project, group=wanted.group)
    if wanted.serial is not None:
        return ListedBy(project, serial=wanted.serial)
    return ListedBy(project, device_id=wanted.device_id)


def _walk(ports: Ports, by: ListedBy, wanted: Wanted, after: Listed | None, limit: int) -> SessionPage:
    rows: list[Row] = []
    read = 0
    most = limit + 1 if wanted.is_of_one_index else MOST_ENTRIES
    for _ in range(MOST_QUERIES):
        entries = ports.records.list_sessions(by, wanted.created_from, wanted.created_to, after, most)
        likely = [each for each in entries if wanted.may_have(each.listed.session_id, each.state)]
        while likely:
            batch, likely = likely[:limit], likely[limit:]
            read += len(batch)
            for entry, row in _read(ports, batch):
                after = entry.listed
                if row is None or not wanted.has(row.session):
                    continue
                rows.append(row)
                if len(rows) == limit:
                    is_last = entry == entries[-1] and len(entries) < most
                    return SessionPage(tuple(rows), None if is_last else after)
            if likely and read >= MOST_READ:
                return SessionPage(tuple(rows), after)
        if len(entries) < most:
            return SessionPage(tuple(rows), None)
        after = entries[-1].listed
    return SessionPage(tuple(rows), after)


def _read(ports: Ports, entries: list[ListEntry]) -> list[tuple[ListEntry, Row | None]]:
    """Each entry with what is recorded of its session; None where the list names what was never recorded so."""
    found = ports.records.rows([each.listed.session_id for each in entries])
    return [(each, _row(ports, each, found.get(each.listed.session_id))) for each in entries]


def _row(ports: Ports, entry: ListEntry, found: RecordedRow | None) -> Row | None:
    """An entry is written before its session: a session of another moment has an entry of its own."""
    if found is None or found.session.created_at != entry.listed.created_at:
        return None
    told = _summary(ports, found)
    return Row(found.session, told, found.progress) if told else None


def _summary(ports: Ports, found: RecordedRow) -> Summary | None:
    """What is recorded of the chapters; what an older version wrote is told from all of the session's records."""
    if found.summary is not None:
        return found.summary
    picture = ports.records.picture(found.session.session_id)
    return summary(picture) if picture else None
