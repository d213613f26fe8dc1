"""`query`: ask the lake in SQL, with Athena on a deployed stage and with DuckDB on the local one."""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from infra.admin.console import DONE, Arguments, Console, at_a_stage, command, number
from infra.admin.deployment import Refused
from infra.admin.formats import counted, size
from infra.admin.lake import (
    PRICE_USD_A_TB,
    Answer,
    Row,
    csv_line,
    price_usd,
    reading,
    table_lines,
)

_EXAMPLES = """  reelhaul-admin query --stage prod "SELECT light, avg(angle) FROM papi_summary GROUP BY light"
  reelhaul-admin query --stage prod --file trend.sql --format csv --output trend.csv
  echo 'SHOW TABLES' | reelhaul-admin query --stage prod
  reelhaul-admin query --stage local --endpoint-url http://127.0.0.1:5055 "SELECT count(*) FROM papi"

docs/lake.md has the tables and twelve questions. Ctrl-C stops the query in Athena."""

_TABLE, _CSV, _JSON = "table", "csv", "json"


def describe(commands: Any) -> None:
    """The command `query`."""
    made = command(commands, "query", "ask the lake of measurements in SQL", _EXAMPLES, _query)
    at_a_stage(made)
    made.add_argument(
        "sql", nargs="?", metavar="SQL", help="one statement that reads; default: standard input"
    )
    made.add_argument("--file", type=Path, metavar="FILE", help="read the statement from this file")
    made.add_argument(
        "--format",
        choices=(_TABLE, _CSV, _JSON),
        default=_TABLE,
        help="default: table; json is the same as --json",
    )
    made.add_argument(
        "--output", type=Path, metavar="FILE", help="write the answer to this file, which it replaces"
    )
    made.add_argument("--limit", type=number, metavar="N", help="stop after N rows, and say so")
    made.add_argument(
        "--price",
        type=_price,
        default=PRICE_USD_A_TB,
        metavar="USD",
        help=f"what Athena charges a TB in this region; default: {PRICE_USD_A_TB:g}",
    )


def _price(text: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = -1.0
    if not 0 <= price < 1000:
        raise argparse.ArgumentTypeError(f"{text!r} is not a price in USD a TB")
    return price


def _query(given: Arguments, desk: Console) -> int:
    sql = reading(_sql(given, desk))
    lake = desk.lake(given, desk.note)
    try:
        answer = lake.ask(sql, desk.draw)
    finally:
        desk.draw("")
    rows, is_cut = _limited(answer.rows, given.limit)
    form = _JSON if given.json else given.format
    lines = _lines(form, answer, rows, is_cut, given.price)
    if given.output is None:
        for line in lines:
            desk.say(line)
    else:
        _write(given.output, lines)
    desk.note(_summary(answer, len(rows), given.price))
    if is_cut:
        desk.note(f"there are more rows: --limit {given.limit} leaves them out")
    return DONE


def _sql(given: Arguments, desk: Console) -> str:
    """The statement, from one of its three places. Raises Refused."""
    if given.sql is not None and given.file is not None:
        raise Refused("give the statement as an argument or in --file, not both")
    if given.sql is not None:
        return str(given.sql)
    if given.file is None:
        return desk.read() or ""
    try:
        text: str = given.file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"{given.file} is not text in UTF-8") from error
    return text


def _limited(rows: Iterator[Row], limit: int | None) -> tuple[list[Row], bool]:
    """At most `limit` rows, and whether there are more."""
    taken = list(islice(rows, limit))
    return taken, limit is not None and next(rows, None) is not None


def _lines(form: str, answer: Answer, rows: Sequence[Row], is_cut: bool, price: float) -> list[str]:
    if form == _CSV:
        return [csv_line(answer.columns), *map(csv_line, rows)]
    if form == _TABLE:
        return table_lines(answer.columns, rows)
    cost = None if answer.bytes_scanned is None else price_usd(answer.bytes_scanned, price)
    document = {
        "columns": answer.columns,
        "rows": rows,
        "cut": is_cut,
        "engine": answer.engine,
        "query_id": answer.query_id,
        "seconds": round(answer.seconds, 3),
        "bytes_scanned": answer.bytes_scanned,
        "price_usd": cost,
    }
    return [json.dumps(document, ensure_ascii=False)]


def _summary(answer: Answer, rows: int, price: float) -> str:
    told = f"{counted(rows, 'row')} from {answer.engine} in {answer.seconds:.1f} s"
    if answer.bytes_scanned is None:
        return told
    cost = price_usd(answer.bytes_scanned, price)
    return (
        f"{told}, {size(answer.bytes_scanned)} scanned: about {cost:.6f} USD "
        f"(if a TB costs {price:g} USD, and a query at least 10 MB)"
    )


def _write(path: Path, lines: Sequence[str]) -> None:
    """Write the lines whole, or leave what is there: the file is never half an answer."""
    if path.exists() and not path.is_file():  # a pipe or a device: replaced, it would be gone
        _write_lines(path, lines)
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        _write_lines(part, lines)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)
