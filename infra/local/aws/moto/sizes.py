"""The size of an item that is put into a table of moto is counted once.

moto counts all that it has so far for each attribute that it adds: an item of twenty attributes was counted twenty
times, a tenth of what a write cost.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

MOST_BYTES = 405_000
"""moto's limit. Source: moto 5.2.5, `LimitedSizeDict`."""


def count_sizes_once() -> None:
    """From now on moto in this process counts an item when all its attributes are there."""
    # Not at the head of the file: moto must not be imported before its settings are in the environment.
    from moto.dynamodb.exceptions import ItemSizeTooLarge
    from moto.dynamodb.models.dynamo_type import DynamoType, Item
    from moto.dynamodb.models.utilities import bytesize

    moto: Any = Item
    whole = moto.__init__
    if hasattr(whole, "__wrapped__"):
        return

    @wraps(whole)
    def make(item: Any, hash_key: Any, range_key: Any, attrs: dict[str, Any]) -> None:
        whole(item, hash_key, range_key, {})
        values = {name: DynamoType(value) for name, value in attrs.items()}
        if sum(bytesize(name) + value.size() for name, value in values.items()) > MOST_BYTES:
            raise ItemSizeTooLarge
        item.attrs.update(values)

    moto.__init__ = make
