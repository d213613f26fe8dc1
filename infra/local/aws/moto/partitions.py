"""A query of one partition, of a table or of an index, sorts and compares that partition alone.

moto sorts all items of the table for each query: in a table of many sessions, to find one took longer with every other.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import wraps
from typing import Any


def query_one_partition() -> None:
    """From now on queries of moto in this process sort no other partition."""
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
        if index_name:
            asked = _of_index_partition(table, named.get("hash_key_conditions") or ())
        else:
            asked = _of_partition(table, hash_key)
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


def _of_index_partition(table: Any, keys: Sequence[tuple[str, Any]]) -> Any:
    """`table` with the items that have these attributes and no others; it shares them with `table`."""
    if not table.range_key_attr:
        return table
    view = copy.copy(table)
    view.items = {}
    for hash_key, partition in table.items.items():
        chosen = {
            range_key: item
            for range_key, item in partition.items()
            if all(name in item.attrs and item.attrs[name] == value for name, value in keys)
        }
        if chosen:
            view.items[hash_key] = chosen
    return view
