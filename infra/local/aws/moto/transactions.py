"""A transaction of DynamoDB that fails is taken back by copies of the items that it names.

moto copies the whole table instead, once for each item of each transaction: with every session that a table has, every
write of any session becomes slower. The tables here have no streams, so nothing else is to be taken back.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

Operation = Mapping[str, Any]
"""What a transaction does to one item: `{"TableName": …, "Item" or "Key": …, …}`."""


def copy_only_named_items() -> None:
    """From now on moto's transactions in this process copy no other items."""
    # Not at the head of the file: moto must not be imported before its settings are in the environment.
    from moto.dynamodb.models import DynamoDBBackend

    moto: Any = DynamoDBBackend
    whole = moto.transact_write_items
    if hasattr(whole, "__wrapped__"):
        return

    @wraps(whole)
    def transact_write_items(backend: Any, transact_items: Sequence[Mapping[str, Operation]]) -> None:
        undo = [_undoing(backend, operation) for each in transact_items for operation in each.values()]
        try:
            whole(_WithoutTables(backend), transact_items)
        except Exception:
            for put_back in undo:
                put_back()
            raise

    moto.transact_write_items = transact_write_items


class _WithoutTables:
    """A backend of moto that has no table to copy, and does all else as `backend` does."""

    tables: Mapping[str, object] = {}

    def __init__(self, backend: object) -> None:
        self._backend = backend

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


def _undoing(backend: Any, operation: Operation) -> Callable[[], None]:
    """What makes the item that `operation` names as it is now; nothing when moto will refuse the operation."""
    from moto.dynamodb.exceptions import DynamodbException, ResourceNotFoundException

    try:
        table = backend.get_table(operation["TableName"])
        hash_key, range_key = backend.get_keys_value(table, operation.get("Key") or operation["Item"])
    except (KeyError, DynamodbException, ResourceNotFoundException):
        return lambda: None
    before = copy.deepcopy(table.get_item(hash_key, range_key))

    def put_back() -> None:
        if before is None:
            table.delete_item(hash_key, range_key)
        elif range_key:
            table.items[hash_key][range_key] = before
        else:
            table.items[hash_key] = before

    return put_back
