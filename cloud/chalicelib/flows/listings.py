"""Lists of sessions: page by page, by whatever facts a caller names, at a cost that ends with the page."""

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core.errors import InvalidRequest
from chalicelib.core.listing import Row, Wanted, summary
from chalicelib.core.tokens import Principal, Role
from chalicelib.ports import Listed, ListedBy, ListEntry, Ports, RecordedRow

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
    if not 1 <= limit <= MOST_ROWS:
        raise InvalidRequest(f"limit: a page has 1 to {MOST_ROWS} sessions")
    project = principal.meant_project(project)
    if principal.role is Role.DEVICE:
        if wanted.device_id not in (None, principal.device_id):
            return SessionPage((), None)
        wanted = replace(wanted, device_id=principal.device_id)
    return _walk(ports, _served(project, wanted), wanted, after, limit)


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
    told = found.summary
    if told is None:
        # Written by a version that did not know summaries.
        picture = ports.records.picture(found.session.session_id)
        if picture is None:
            return None
        told = summary(picture)
    return Row(found.session, told, found.progress)
