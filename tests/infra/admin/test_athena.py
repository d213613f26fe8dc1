"""Athena as an engine: what it is asked, how its answers are read, and what becomes of a query that does not end."""

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from infra.admin.athena import Athena, AthenaQueries, Execution, Page
from infra.admin.lake import QueryFailed
from infra.local.aws.moto import server
from tests.support.local_aws import local_aws

COLUMNS = (
    ("light", "varchar"),
    ("n", "bigint"),
    ("angle", "double"),
    ("good", "boolean"),
    ("at", "timestamp"),
)
HEADER = tuple(name for name, _ in COLUMNS)
ROW = ("papi_a", "7", "3.25", "true", "2026-03-01 12:00:00.000")


def running(seconds: float, scanned: int = 0, state: str = "RUNNING") -> Execution:
    return Execution(state, seconds, scanned, "", is_select=True)


def ended(
    state: str = "SUCCEEDED", reason: str = "", scanned: int = 2048, is_select: bool = True
) -> Execution:
    return Execution(state, 1.5, scanned, reason, is_select)


def nothing() -> None:
    """What happens during a pause, unless a test says so."""


@dataclass
class Queries:
    """Athena with one query, which goes through these states."""

    states: list[Execution]
    answer: list[Page] = field(default_factory=lambda: [Page(COLUMNS, (HEADER, ROW))])
    stop_error: Exception | None = None
    calls: list[tuple[str, str]] = field(default_factory=list)

    def start(self, sql: str) -> str:
        self.calls.append(("start", sql))
        return "q-1"

    def look(self, query_id: str) -> Execution:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]

    def pages(self, query_id: str) -> Iterator[Page]:
        yield from self.answer

    def stop(self, query_id: str) -> None:
        self.calls.append(("stop", query_id))
        if self.stop_error:
            raise self.stop_error


@dataclass
class Desk:
    queries: Queries
    pausing: Callable[[], None] = nothing
    pauses: list[float] = field(default_factory=list)
    noted: list[str] = field(default_factory=list)
    progress: list[str] = field(default_factory=list)

    def ask(self, sql: str = "SELECT 1") -> Any:
        return Athena(self.queries, self._pause, self.noted.append).ask(sql, self.progress.append)

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.pausing()


def test_an_answer_has_values_of_the_types_that_athena_states():
    answer = Desk(Queries([ended()])).ask()

    assert answer.columns == HEADER
    assert list(answer.rows) == [("papi_a", 7, 3.25, True, "2026-03-01 12:00:00.000")]
    assert (answer.engine, answer.query_id, answer.bytes_scanned, answer.seconds) == (
        "Athena",
        "q-1",
        2048,
        1.5,
    )


def test_null_stays_null_and_an_empty_text_stays_empty():
    page = Page(COLUMNS, (HEADER, (None, None, None, None, None), ("", "0", "0.0", "false", None)))

    assert list(Desk(Queries([ended()], [page])).ask().rows) == [
        (None, None, None, None, None),
        ("", 0, 0.0, False, None),
    ]


def test_not_a_number_stays_text():
    page = Page((("a", "double"), ("b", "real")), (("a", "b"), ("NaN", "-Infinity")))

    assert list(Desk(Queries([ended()], [page])).ask().rows) == [("NaN", "-Infinity")]


def test_every_page_is_read_and_only_the_first_has_a_header():
    one = (("a", "varchar"),)
    pages = [Page(one, (("a",), ("1",))), Page(one, (("a",), ("2",))), Page(one, ())]

    assert list(Desk(Queries([ended()], pages)).ask().rows) == [("1",), ("a",), ("2",)]


def test_the_first_row_of_what_has_no_header_is_a_row():
    pages = [Page((("tab_name", "string"),), (("tab_name",), ("papi",)))]

    assert list(Desk(Queries([ended(is_select=False)], pages)).ask().rows) == [("tab_name",), ("papi",)]


def test_what_is_no_select_has_no_bytes_to_be_charged():
    pages = [Page((("tab_name", "string"),), (("papi",),))]

    assert Desk(Queries([ended(is_select=False)], pages)).ask("SHOW TABLES").bytes_scanned is None


def test_a_row_with_fewer_cells_than_columns_is_filled_with_null():
    pages = [Page((("col_name", "string"), ("data_type", "string")), (("papi_a_angle double",),))]

    assert list(Desk(Queries([ended(is_select=False)], pages)).ask().rows) == [("papi_a_angle double", None)]


def test_progress_tells_state_seconds_and_bytes_while_the_query_runs():
    desk = Desk(Queries([running(0.0, state="QUEUED"), running(1.0, 2**20), ended()]))

    desk.ask()

    assert desk.progress == ["queued, 0.0 s, 0 B scanned", "running, 1.0 s, 1.0 MiB scanned"]


def test_athena_is_asked_less_and_less_often_and_at_least_every_five_seconds():
    desk = Desk(Queries([*(running(1.0) for _ in range(12)), ended()]))

    desk.ask()

    assert desk.pauses[0] == 0.5
    assert desk.pauses == sorted(desk.pauses)
    assert desk.pauses[-1] == 5.0


def test_ctrl_c_stops_the_query_in_athena():
    def press() -> None:
        raise KeyboardInterrupt

    desk = Desk(Queries([running(1.0)]), press)

    with pytest.raises(KeyboardInterrupt):
        desk.ask()

    assert desk.queries.calls[-1] == ("stop", "q-1")
    assert desk.noted == ["query q-1 is stopped in Athena"]


def test_a_stop_that_athena_does_not_take_is_told_and_ctrl_c_still_ends_the_command():
    def press() -> None:
        raise KeyboardInterrupt

    refusal = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "StopQueryExecution")
    desk = Desk(Queries([running(1.0)], stop_error=refusal), press)

    with pytest.raises(KeyboardInterrupt):
        desk.ask()

    assert desk.noted[0].startswith("query q-1 may still run in Athena")


@pytest.mark.parametrize(
    ("state", "reason", "told"),
    [
        (
            "FAILED",
            "COLUMN_NOT_FOUND: line 1:8: no angel",
            "could not answer query q-1: COLUMN_NOT_FOUND: line 1:8",
        ),
        ("FAILED", "", "it gives no reason"),
        (
            "CANCELLED",
            "Query cancelled by user",
            "was stopped in Athena after 2.0 KiB: Query cancelled by user",
        ),
        ("CANCELLED", "Bytes scanned limit was exceeded", "at the scan limit of the stage, after 2.0 KiB"),
        ("FAILED", "Bytes scanned limit was exceeded", "ScanLimitBytes"),
    ],
)
def test_a_query_without_an_answer_is_told_in_words_that_help(state: str, reason: str, told: str):
    with pytest.raises(QueryFailed) as failed:
        Desk(Queries([ended(state, reason)])).ask()

    assert told in str(failed.value)


def stubbed() -> Any:
    return boto3.client("athena", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")


def looked_at(execution: dict[str, Any]) -> Execution:
    athena = stubbed()
    with Stubber(athena) as stubber:
        stubber.add_response(
            "get_query_execution", {"QueryExecution": execution}, {"QueryExecutionId": "q-1"}
        )
        return AthenaQueries(athena, "w", "d").look("q-1")


def test_a_query_that_has_just_been_taken_has_no_numbers_yet():
    assert looked_at({"Status": {"State": "QUEUED"}}) == Execution("QUEUED", 0.0, 0, "", is_select=False)


def test_the_reason_of_a_failure_is_athenas_own():
    found = looked_at(
        {
            "StatementType": "DML",
            "Status": {"State": "FAILED", "AthenaError": {"ErrorMessage": "SYNTAX_ERROR"}},
            "Statistics": {"TotalExecutionTimeInMillis": 250, "DataScannedInBytes": 5},
        }
    )

    assert found == Execution("FAILED", 0.25, 5, "SYNTAX_ERROR", is_select=True)


def test_a_question_that_athena_does_not_take_is_told():
    athena = stubbed()
    with Stubber(athena) as stubber:
        stubber.add_client_error(
            "start_query_execution", "InvalidRequestException", "line 1: mismatched input"
        )
        with pytest.raises(QueryFailed, match="line 1: mismatched input"):
            AthenaQueries(athena, "w", "d").start("SELEC 1")


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    with local_aws() as url:
        yield url


def test_the_calls_have_the_form_that_athena_takes(moto: str):
    """moto runs no query: it answers what it is given beforehand."""
    columns = [{"Name": name, "Type": type_, "Label": name} for name, type_ in COLUMNS]
    given = {
        "results": [
            {
                "rows": [{"Data": [{"VarCharValue": text} for text in row]} for row in (HEADER, ROW)],
                "column_info": columns,
            }
        ]
    }
    request = urllib.request.Request(
        f"{moto}/moto-api/static/athena/query-results", json.dumps(given).encode(), method="POST"
    )
    urllib.request.urlopen(request).close()
    athena = server.session().client("athena", endpoint_url=moto)
    athena.create_work_group(
        Name="reelhaul-trial",
        Configuration={"ResultConfiguration": {"OutputLocation": "s3://b/queries/"}},
    )
    queries = AthenaQueries(athena, "reelhaul-trial", "reelhaul_trial")

    answer = Athena(queries, lambda _: None, print).ask("SELECT * FROM papi_summary", print)

    assert list(answer.rows)[-1] == ("papi_a", 7, 3.25, True, "2026-03-01 12:00:00.000")
    query_id = answer.query_id or ""
    asked = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
    assert (asked["Query"], asked["WorkGroup"]) == ("SELECT * FROM papi_summary", "reelhaul-trial")
    assert asked["QueryExecutionContext"]["Database"] == "reelhaul_trial"
    queries.stop(query_id)
