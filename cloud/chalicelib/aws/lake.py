"""The lake's files as Parquet, over pyarrow: the only module that uses it, and only when a file is written.

pyarrow comes with a layer that the functions that index have; the API has none of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, BinaryIO

from chalicelib.core.errors import LakeWriterMissing
from chalicelib.core.measurements.columns import Column, ColumnType
from chalicelib.core.measurements.lake import CONSTANTS, Constants, RowGroups, Rows, Table

_MISSING = (
    "this function cannot write the lake: pyarrow is missing. Its layer (AWSSDKPandas, for the function's region, "
    "Python and architecture) is not deployed with it, or is broken; deploy the stack again with the layer, then run "
    "`reelhaul-admin ensure`. The file itself is not to blame, and no attempt is counted"
)


class ParquetLake:
    """Parquet with snappy, statistics and a page index; dictionaries for words and constants only."""

    def demand_writer(self) -> None:
        _pyarrow()

    @contextmanager
    def writing(self, file: BinaryIO, table: Table, constants: Constants) -> Iterator["_ParquetFile"]:
        arrow, parquet = _pyarrow()
        schema = arrow.schema(
            [(column.lake_name, _type(arrow, column)) for column in (*CONSTANTS, *table.columns)]
        )
        words = [
            column.lake_name for column in (*CONSTANTS, *table.columns) if column.type is ColumnType.WORD
        ]
        writer = parquet.ParquetWriter(
            file,
            schema,
            compression="snappy",
            use_dictionary=words,
            write_statistics=True,
            write_page_index=True,
            store_schema=False,
        )
        made = _ParquetFile(arrow, writer, schema, table, constants)
        try:
            yield made
            made.end()
        except BaseException:
            # Otherwise the writer finishes this file when Python collects it, and the file may be closed by then.
            writer.is_open = False
            raise


class _ParquetFile:
    """Writes groups of rows, one after the other."""

    def __init__(
        self,
        arrow: Any,
        writer: Any,
        schema: Any,
        table: Table,
        constants: Constants,
    ) -> None:
        self._arrow = arrow
        self._writer = writer
        self._schema = schema
        self._table = table
        self._constants = [arrow.scalar(constants[column.name], _type(arrow, column)) for column in CONSTANTS]
        self._groups = RowGroups(table)

    def write(self, rows: Rows) -> None:
        for group in self._groups.add(rows):
            self._write_group(group)

    def end(self) -> None:
        for group in self._groups.rest():
            self._write_group(group)
        self._writer.close()

    def _write_group(self, group: Rows) -> None:
        arrow = self._arrow
        columns = [
            _array(arrow, group[column.lake_name], _type(arrow, column)) for column in self._table.columns
        ]
        count = len(columns[0])
        constants = [arrow.repeat(value, count) for value in self._constants]
        self._writer.write_batch(arrow.record_batch([*constants, *columns], schema=self._schema))


def _type(arrow: Any, column: Column) -> Any:
    match column.type:
        case ColumnType.WORD | ColumnType.TEXT:
            return arrow.string()
        case ColumnType.NUMBER:
            return arrow.float64()
        case ColumnType.WHOLE:
            return arrow.int64()
        case ColumnType.TIME:
            return arrow.timestamp("us", tz="UTC")
        case ColumnType.NUMBERS:
            return arrow.map_(arrow.string(), arrow.float64())


def _array(arrow: Any, values: Any, type_: Any) -> Any:
    try:
        return arrow.array(values, type_)
    except arrow.ArrowInvalid:
        # A whole number beyond 2^53 among doubles, which pyarrow does not round by itself.
        return arrow.array([None if value is None else float(value) for value in values], type_)


@cache
def _pyarrow() -> tuple[Any, Any]:
    """pyarrow and its Parquet: a third of a second at the first use. Raises LakeWriterMissing."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise LakeWriterMissing(_MISSING) from error
    return pyarrow, pyarrow.parquet
