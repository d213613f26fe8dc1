"""A query of one partition of a table looks at that partition alone.

moto sorts all items of the table for each query: in a table of many sessions, to find one took longer with every other.
"""

from __future__ import annotations

import copy
from functools import wraps
from typing import Any


def query_one_partition() -> None:
    """From now on queries of moto in this process look at no other partition; those of an index at all, as before."""
    # Not at the head of the file: moto must not be imported before its settings are in the environment.
    from moto.dynamodb.models.table import Table

    moto: Any = Table
    whole = moto.query
    if hasattr(whole, "__wrapped__"):
        return

    @wraps(whole)
    def query(
        table: Any,
        hash_key: Any,
        range_comparison: Any,
        range_objs: Any,
        limit: Any,
        exclusive_start_key: Any,
        scan_index_forward: Any,
        projection_expressions: Any,
        index_name: str | None = None,
        *more: Any,
        **named: Any,
    ) -> Any:
        asked = table if index_name else _of_partition(table, hash_key)
        return whole(
            asked,
            hash_key,
            range_comparison,
            range_objs,
            limit,
            exclusive_start_key,
            scan_index_forward,
            projection_expressions,
            index_name,
            *more,
            **named,
        )

    moto.query = query


def _of_partition(table: Any, hash_key: Any) -> Any:
    """`table` with the items of one partition and no others; it shares them with `table`."""
    view = copy.copy(table)
    view.items = {hash_key: table.items[hash_key]} if hash_key in table.items else {}
    return view
