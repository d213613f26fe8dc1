"""The older system's tables, read in transactions that cannot write.

Columns are taken as they are found: those that nobody here knows are kept, those that are absent are not missed.
"""

import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from infra.migration.legacy.values import FRAMES, ORIGINAL, PLACES, VIDEOS, OldRow
from infra.migration.sources import SourceChanged, SourceUnusable, Unreadable

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection, Engine, Select

SESSIONS = "measurement_sessions"
FRAME_ROWS = "frame_measurements"
_PAGE = 2_000
_SIMPLE = ("created_at", "recording_date", "status", "video_file_path")
"""The columns of a session, besides its id and keys, that the plan reads. Others may hold 16 MB a row."""


def open_database(url: str) -> "SqlDatabase":
    """The database at a SQLAlchemy URL, for reading alone. Raises SourceUnusable, which never has the password."""
    try:
        import sqlalchemy
    except ModuleNotFoundError as error:
        raise SourceUnusable(
            "this needs SQLAlchemy: install the command as reelhaul-admin[migrate]"
        ) from error
    try:
        found = sqlalchemy.make_url(url)
        engine = _readonly_engine(found)
        return SqlDatabase(engine)
    except ModuleNotFoundError as error:
        raise SourceUnusable(f"the database needs {error.name}: install that driver first") from error
    except sqlalchemy.exc.ArgumentError as error:
        raise SourceUnusable(
            "this is not a SQLAlchemy URL, such as postgresql+psycopg://USER@HOST/NAME"
        ) from error
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise SourceUnusable(f"the database cannot be read: {_said(error)}") from error


def _readonly_engine(url: Any) -> "Engine":
    """An engine whose every transaction refuses to write."""
    import sqlalchemy

    dialect = url.get_backend_name()
    if dialect == "sqlite":
        if not url.database or not Path(url.database).is_file():
            raise SourceUnusable(f"there is no file {url.database}")
        file = f"file:{quote(str(Path(url.database).resolve()))}"
        engine = sqlalchemy.create_engine(
            url.set(database=file, query={"mode": "ro", "uri": "true"}), poolclass=sqlalchemy.NullPool
        )
        sqlalchemy.event.listen(engine, "connect", _take_any_text)
        return engine
    if dialect == "postgresql":
        return sqlalchemy.create_engine(
            url, isolation_level="REPEATABLE READ", execution_options={"postgresql_readonly": True}
        )
    if dialect in ("mysql", "mariadb"):
        engine = sqlalchemy.create_engine(url)
        sqlalchemy.event.listen(engine, "connect", _forbid_writes)
        return engine
    raise SourceUnusable(f"a {dialect} database cannot be opened for reading alone here")


def _take_any_text(connection: Any, _: object) -> None:
    """Text that is not UTF-8 makes its own row unreadable, and not the whole page."""
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")


def _forbid_writes(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    cursor.execute("SET SESSION TRANSACTION READ ONLY")
    cursor.close()


class SqlDatabase:
    """The tables `measurement_sessions` and, where it is left, `frame_measurements`. Raises SourceUnusable."""

    def __init__(self, engine: "Engine") -> None:
        import sqlalchemy

        self._engine = engine
        inspector = sqlalchemy.inspect(engine)
        tables = set(inspector.get_table_names())
        if SESSIONS not in tables:
            raise SourceUnusable(
                f"the database has no table {SESSIONS}; it has {', '.join(sorted(tables))[:500]}"
            )
        self._sessions = _Table(inspector, SESSIONS)
        self._sessions.demand("id")
        self._frames = _Table(inspector, FRAME_ROWS) if FRAME_ROWS in tables else None
        if self._frames:
            self._frames.demand("session_id")
            self._frames.demand_key()

    def close(self) -> None:
        """End its connections."""
        self._engine.dispose()

    @contextmanager
    def _connected(self) -> Iterator["Connection"]:
        """A connection in a transaction of its own. Raises SourceUnusable for what the database refuses."""
        import sqlalchemy

        try:
            with self._engine.connect() as connection:
                yield connection
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise SourceUnusable(f"the database cannot be read: {_said(error)}") from error

    def rows(self) -> Iterator[OldRow]:
        table = self._sessions
        names = [each for each in table.names if each in _SIMPLE or each.endswith("_s3_key")]
        wanted = [table.column(name) for name in ("id", *names)]
        after: list[Any] = []
        while True:
            with self._connected() as connection:
                select = _after(table.select(*wanted), [table.column("id")], after).limit(_PAGE)
                page = [row._asdict() for row in connection.execute(select)]
            for row in page:
                yield _old_row(row)
            if len(page) < _PAGE:
                break
            after = [page[-1]["id"]]
        yield from self._orphans()

    def _orphans(self) -> Iterator[OldRow]:
        """The sessions of which only frame rows are left."""
        import sqlalchemy

        if self._frames is None:
            return
        mine, known = self._frames.column("session_id"), self._sessions.column("id")
        has_row = sqlalchemy.select(known).where(known == mine).exists()
        select = self._frames.select(mine).where(mine.is_not(None), ~has_row).distinct()
        with self._connected() as connection:
            found = [row[0] for row in connection.execute(select)]
        yield from (OldRow(str(value).strip(), value, is_orphan=True) for value in found)

    def document(self, row: OldRow) -> bytes:
        table = self._sessions
        with self._connected() as connection:
            select = table.select(*table.columns()).where(table.column("id") == row.value)
            found = connection.execute(select).first()
        if found is None:
            raise SourceChanged(f"the row of session {row.row_id} is gone")
        encoded = table.encoded(found._asdict())
        if isinstance(encoded, Unreadable):
            raise SourceChanged(f"the row of session {row.row_id} cannot be read: {encoded.reason}")
        return encoded

    def count_frames(self, row: OldRow) -> int | None:
        import sqlalchemy

        if self._frames is None:
            return None
        mine = self._frames.column("session_id") == row.value
        select = sqlalchemy.select(sqlalchemy.func.count()).select_from(self._frames.table).where(mine)
        with self._connected() as connection:
            return int(connection.execute(select).scalar_one())

    def frames(self, row: OldRow) -> Iterator[bytes | Unreadable]:
        table = self._frames
        if table is None:
            return
        mine = table.column("session_id") == row.value
        key = [table.column(name) for name in table.key]
        with self._connected() as connection:
            if "frame_number" not in table.names:
                yield from _paged(connection, table, table.select(*table.columns()).where(mine), key)
                return
            number = table.column("frame_number")
            order = [number, *(each for each in key if each.name != "frame_number")]
            numbered = table.select(*table.columns()).where(mine, number.is_not(None))
            yield from _paged(connection, table, numbered, order)
            others = table.select(*table.columns()).where(mine, number.is_(None))
            yield from _paged(connection, table, others, key)


class _Table:
    """A table as it is found: names of columns, the primary key, and which columns hold JSON.

    Values come as the driver has them, without SQLAlchemy's own conversions: a value that one of these would refuse
    must not end a page.
    """

    def __init__(self, inspector: Any, name: str) -> None:
        import sqlalchemy

        self._name = name
        with warnings.catch_warnings():
            # A type that SQLAlchemy does not know is read as the driver has it.
            warnings.simplefilter("ignore", sqlalchemy.exc.SAWarning)
            described = inspector.get_columns(name)
        self.names = [each["name"] for each in described]
        self.key: Sequence[str] = inspector.get_pk_constraint(name)["constrained_columns"]
        self._json = {each["name"] for each in described if isinstance(each["type"], sqlalchemy.JSON)}
        self.table = sqlalchemy.table(name, *(sqlalchemy.column(each) for each in self.names))
        self._encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="number")

    def demand(self, name: str) -> None:
        if name not in self.names:
            raise SourceUnusable(
                f"table {self._name} has no column {name}; it has {', '.join(self.names)[:500]}"
            )

    def demand_key(self) -> None:
        if not self.key:
            raise SourceUnusable(f"table {self._name} has no primary key, so that it cannot be read in pages")

    def column(self, name: str) -> "Column[Any]":
        return self.table.c[name]  # type: ignore[return-value]  # a table without types has ColumnClauses

    def columns(self) -> "list[Column[Any]]":
        return [self.column(name) for name in self.names]

    def select(self, *columns: "Column[Any]") -> "Select[Any]":
        import sqlalchemy

        return sqlalchemy.select(*columns)

    def encoded(self, row: Mapping[str, Any]) -> bytes | Unreadable:
        """The row as a JSON object: exact decimals, ISO times, and texts that hold JSON as what they hold."""
        try:
            return self._encoder.encode({name: self._value(name, each) for name, each in row.items()})
        except UnicodeEncodeError:
            broken = [name for name, each in row.items() if isinstance(each, str) and not _is_utf_8(each)]
            return Unreadable(f"{self._place(row)}: {', '.join(broken) or 'a text in it'} is not UTF-8"[:200])
        except (ValueError, TypeError, RecursionError, OverflowError) as error:
            return Unreadable(f"{self._place(row)}: {type(error).__name__}: {error}"[:200])

    def _place(self, row: Mapping[str, Any]) -> str:
        """The row by its primary key: `id 7`."""
        return ", ".join(f"{name} {row[name]}" for name in self.key or self.names[:1])

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, str) and (name in self._json or name.endswith("_rgb")):
            try:
                return json.loads(value)
            except ValueError:
                return value
        if isinstance(value, float | Decimal) and not math.isfinite(value):
            # As text, which the index rejects: null would look as if nothing had been measured.
            return str(value)
        return value


def _is_utf_8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _paged(
    connection: "Connection", table: _Table, select: "Select[Any]", order: "Sequence[Column[Any]]"
) -> Iterator[bytes | Unreadable]:
    """The rows of `select` in pages by `order`; one that the driver cannot read is Unreadable, the others are read."""
    after: list[Any] = []
    names = [each.name for each in order]
    while True:
        wanted = _after(select, order, after).limit(_PAGE)
        keys = _after(table.select(*order).where(*_conditions(select)), order, after).limit(_PAGE)
        try:
            page = [row._asdict() for row in connection.execute(wanted)]
        except _faults():
            page = None
        if page is None:
            places = [list(row) for row in connection.execute(keys)]
            for place in places:
                yield _one(connection, table, select, order, place)
            after, count = (places[-1] if places else after), len(places)
        else:
            yield from (table.encoded(row) for row in page)
            after, count = ([page[-1][name] for name in names] if page else after), len(page)
        if count < _PAGE:
            return


def _one(
    connection: "Connection",
    table: _Table,
    select: "Select[Any]",
    order: "Sequence[Column[Any]]",
    place: Sequence[Any],
) -> bytes | Unreadable:
    """The one row at `place`."""
    same = [column == value for column, value in zip(order, place, strict=True)]
    try:
        row = connection.execute(select.where(*same)).one()
    except _faults() as error:
        named = ", ".join(f"{column.name} {value}" for column, value in zip(order, place, strict=True))
        return Unreadable(f"{named}: {_said(error)}")
    return table.encoded(row._asdict())


def _conditions(select: "Select[Any]") -> Sequence[Any]:
    return [select.whereclause] if select.whereclause is not None else []


def _after(select: "Select[Any]", order: "Sequence[Column[Any]]", after: Sequence[Any]) -> "Select[Any]":
    """`select` by `order`, from behind the row that has the values `after`."""
    import sqlalchemy

    sorted_ = select.order_by(*order)
    if not after:
        return sorted_
    if len(order) == 1:
        return sorted_.where(order[0] > after[0])
    return sorted_.where(sqlalchemy.tuple_(*order) > sqlalchemy.tuple_(*after))


def _faults() -> tuple[type[Exception], ...]:
    """What reading a value may raise: the driver's errors, as SQLAlchemy wraps them or not."""
    import sqlalchemy

    return (sqlalchemy.exc.DBAPIError, ValueError, OverflowError)


def _said(error: Exception) -> str:
    """The database's own words, on one line, without the statement."""
    original = getattr(error, "orig", None) or error
    return " ".join(f"{type(original).__name__}: {original}".split())[:300]


def _old_row(row: Mapping[str, Any]) -> OldRow:
    named: dict[str, str] = {}
    for name, value in row.items():
        if name.endswith("_s3_key") and isinstance(value, str) and value:
            kind = _kind(name, value)
            if kind:
                named.setdefault(kind, value)
    path = row.get("video_file_path")
    if isinstance(path, str) and path:
        named.setdefault(ORIGINAL, path)
    return OldRow(
        str(row["id"]).strip(),
        row["id"],
        _text(row.get("status")),
        _moment(row.get("created_at")),
        _moment(row.get("recording_date")),
        named,
    )


def _kind(column: str, key: str) -> str | None:
    """The kind of the file that a column names: by where the key lies, else by the column; None for other files."""
    for kind, place in PLACES.items():
        if key.startswith(place) or f"/{place}" in key:
            return kind
    name = column.removesuffix("_s3_key")
    if "frame" in name:
        return FRAMES
    if "audio" in name:
        return "enhanced_with_audio"
    return next((kind for kind in VIDEOS if name in (kind, f"{kind}_video")), None)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _moment(value: Any) -> datetime | None:
    """A time of the older system, which wrote UTC without a zone; None for what is not a time."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
