"""Athena as an engine over the lake: start, poll, read every page, and stop when somebody presses Ctrl-C."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from infra.admin.formats import size
from infra.admin.lake import Answer, QueryFailed, Row, Say, Value, one_line

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient

_FIRST_POLL_S = 0.5
_LONGEST_POLL_S = 5.0
_RUNNING = frozenset({"QUEUED", "RUNNING"})
_SUCCEEDED = "SUCCEEDED"
_SCAN_LIMIT = "bytes scanned limit was exceeded"
_WHOLE = frozenset({"tinyint", "smallint", "integer", "int", "bigint"})
_NUMBER = frozenset({"float", "real", "double", "decimal"})


@dataclass(frozen=True)
class Execution:
    """How far a query is. Of `is_select`, the first row repeats the names of the columns; nothing else is charged."""

    state: str
    seconds: float
    bytes_scanned: int
    reason: str
    is_select: bool


@dataclass(frozen=True)
class Page:
    """A piece of an answer: columns as name and type, and rows as text or None for null."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str | None, ...], ...]


class Queries(Protocol):
    """The calls of Athena that a question needs."""

    def start(self, sql: str) -> str:
        """The id of the query that now runs. Raises QueryFailed when Athena does not take it."""

    def look(self, query_id: str) -> Execution:
        """How far it is."""

    def pages(self, query_id: str) -> Iterator[Page]:
        """Its answer, at least one page."""

    def stop(self, query_id: str) -> None:
        """Have Athena end it; what it has read by then is paid."""


@dataclass(frozen=True)
class Athena:
    """The engine of a deployed stage. `note` hears that a query was stopped."""

    queries: Queries
    pause: Callable[[float], None]
    note: Say

    def ask(self, sql: str, progress: Say) -> Answer:
        query_id = self.queries.start(sql)
        try:
            ended = self._wait(query_id, progress)
        except KeyboardInterrupt:
            self._stop(query_id)
            raise
        if ended.state != _SUCCEEDED:
            raise QueryFailed(_explain(query_id, ended))
        pages = self.queries.pages(query_id)
        first = next(pages)
        return Answer(
            tuple(name for name, _ in first.columns),
            _rows(first, pages, ended.is_select),
            "Athena",
            ended.seconds,
            ended.bytes_scanned if ended.is_select else None,
            query_id,
        )

    def _wait(self, query_id: str, progress: Say) -> Execution:
        seconds = _FIRST_POLL_S
        while True:
            found = self.queries.look(query_id)
            if found.state not in _RUNNING:
                return found
            progress(f"{found.state.lower()}, {found.seconds:.1f} s, {size(found.bytes_scanned)} scanned")
            self.pause(seconds)
            seconds = min(seconds * 1.5, _LONGEST_POLL_S)

    def _stop(self, query_id: str) -> None:
        try:
            self.queries.stop(query_id)
        except (BotoCoreError, ClientError) as error:
            self.note(f"query {query_id} may still run in Athena, which did not take the stop: {error}")
        else:
            self.note(f"query {query_id} is stopped in Athena")


def _explain(query_id: str, ended: Execution) -> str:
    """Why there is no answer, for people."""
    scanned, reason = size(ended.bytes_scanned), one_line(ended.reason) or "it gives no reason"
    if _SCAN_LIMIT in reason.lower():
        return (
            f"Athena stopped query {query_id} at the scan limit of the stage, after {scanned}: ask for fewer days "
            "(WHERE dt >= '2026-11-01'), fewer columns or papi_summary, or deploy a higher ScanLimitBytes"
        )
    if ended.state == "CANCELLED":
        return f"query {query_id} was stopped in Athena after {scanned}: {reason}"
    return f"Athena could not answer query {query_id}: {reason}"


def _rows(first: Page, rest: Iterator[Page], is_select: bool) -> Iterator[Row]:
    names = tuple(name for name, _ in first.columns)
    types = [type_ for _, type_ in first.columns]
    rows = first.rows[1:] if is_select and first.rows[:1] == (names,) else first.rows
    yield from (_row(row, types) for row in rows)
    for page in rest:
        yield from (_row(row, types) for row in page.rows)


def _row(row: Sequence[str | None], types: Sequence[str]) -> Row:
    """The values of a row. DESCRIBE answers fewer cells than it states columns."""
    cells = (*row, *[None] * (len(types) - len(row)))
    return tuple(_value(text, type_) for text, type_ in zip(cells, types, strict=True))


def _value(text: str | None, type_: str) -> Value:
    """A value of the type that Athena states; a number that JSON does not have (NaN, Infinity) stays text."""
    if text is None:
        return None
    if type_ in _WHOLE:
        return int(text)
    if type_ in _NUMBER:
        number = float(text)
        return number if math.isfinite(number) else text
    return text == "true" if type_ == "boolean" else text


class AthenaQueries:
    """The calls by boto3, in one workgroup and one database."""

    def __init__(self, athena: "AthenaClient", workgroup: str, database: str) -> None:
        self._athena = athena
        self._workgroup = workgroup
        self._database = database

    def start(self, sql: str) -> str:
        """Raises QueryFailed."""
        try:
            return self._athena.start_query_execution(
                QueryString=sql,
                WorkGroup=self._workgroup,
                QueryExecutionContext={"Database": self._database, "Catalog": "AwsDataCatalog"},
            )["QueryExecutionId"]
        except self._athena.exceptions.InvalidRequestException as error:
            reason = one_line(error.response["Error"].get("Message", "it gives no reason"))
            raise QueryFailed(f"Athena does not take this question: {reason}") from error

    def look(self, query_id: str) -> Execution:
        """How far the query is."""
        found: Mapping[str, Any] = self._athena.get_query_execution(QueryExecutionId=query_id)[
            "QueryExecution"
        ]
        status, numbers = found["Status"], found.get("Statistics", {})
        error = status.get("AthenaError", {}).get("ErrorMessage", "")
        return Execution(
            status["State"],
            numbers.get("TotalExecutionTimeInMillis", 0) / 1000,
            numbers.get("DataScannedInBytes", 0),
            status.get("StateChangeReason") or error,
            found.get("StatementType") == "DML",
        )

    def pages(self, query_id: str) -> Iterator[Page]:
        """Every page; Athena gives at most 1,000 rows at once."""
        for answer in self._athena.get_paginator("get_query_results").paginate(QueryExecutionId=query_id):
            found = answer["ResultSet"]
            columns = tuple(
                (each["Name"], each["Type"]) for each in found["ResultSetMetadata"].get("ColumnInfo", [])
            )
            rows = tuple(
                tuple(cell.get("VarCharValue") for cell in row.get("Data", []))
                for row in found.get("Rows", [])
            )
            yield Page(columns, rows)

    def stop(self, query_id: str) -> None:
        """Have Athena end it."""
        self._athena.stop_query_execution(QueryExecutionId=query_id)
