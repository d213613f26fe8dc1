"""Items that moto's DynamoDB answers, written as they are.

moto looks for each of the ten kinds of an attribute under a dozen names, with every attribute of every item: 2 ms an
item, most of what a query costs. Its items have their names already.
"""

from __future__ import annotations

import base64
import json
from functools import wraps
from typing import Any

_READS = frozenset(("GetItem", "Query", "Scan", "BatchGetItem"))
_ITEMS = frozenset(("Item", "Items", "Responses"))


def write_items_as_they_are() -> None:
    """From now on moto in this process writes the rest of an answer alone, and the items go with it."""
    # Not at the head of the file: moto must not be imported before its settings are in the environment.
    from moto.dynamodb.responses import DynamoResult

    moto: Any = DynamoResult
    whole = moto.execute_result
    if hasattr(whole, "__wrapped__"):
        return

    @wraps(whole)
    def execute_result(answer: Any, context: Any) -> tuple[int, dict[str, str], str]:
        if context.operation_model.name not in _READS:
            moto_answers: tuple[int, dict[str, str], str] = whole(answer, context)
            return moto_answers
        items = {name: value for name, value in answer.result.items() if name in _ITEMS}
        rest = {name: value for name, value in answer.result.items() if name not in _ITEMS}
        status, headers, body = whole(moto(rest), context)
        return status, headers, json.dumps({**json.loads(body), **items}, default=_binary)

    moto.execute_result = execute_result


def _binary(value: object) -> str:
    """A value of kind B, which is the only one that JSON does not have."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} cannot be a value of an item")
