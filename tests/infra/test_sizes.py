"""The size of an item in moto's table: counted once, and refused where moto refuses it."""

from typing import Any

import pytest

from infra.local.aws.moto.sizes import MOST_BYTES
from infra.local.aws.strict_s3.moto_app import moto_app


@pytest.fixture
def item_class() -> Any:
    """moto's item, as the local AWS has it."""
    moto_app()
    from moto.dynamodb.models.dynamo_type import Item

    return Item


def attributes(size_bytes: int) -> dict[str, Any]:
    """Attributes of so many bytes in all: text in parts, a map and a number beside it."""
    small = {"a": {"N": "12"}, "b": {"M": {"c": {"S": "d"}}}, "e": {"L": [{"BOOL": True}]}}
    rest = size_bytes - 8 - 2
    return {**small, "f": {"S": "x" * (rest // 2)}, "g": {"S": "x" * (rest - rest // 2)}}


def refuses(make: Any, attrs: dict[str, Any], item_class: Any) -> bool:
    from moto.dynamodb.exceptions import ItemSizeTooLarge

    try:
        make(item_class.__new__(item_class), None, None, attrs)
    except ItemSizeTooLarge:
        return True
    return False


@pytest.mark.parametrize("over_bytes", [-1, 0, 1])
def test_an_item_is_refused_above_the_limit_as_moto_refuses_it(item_class: Any, over_bytes: int):
    attrs = attributes(MOST_BYTES + over_bytes)

    assert refuses(item_class.__init__, attrs, item_class) == (over_bytes > 0)
    assert refuses(item_class.__init__.__wrapped__, attrs, item_class) == (over_bytes > 0)


def test_an_item_has_what_moto_gives_it(item_class: Any):
    attrs = attributes(200)
    ours, motos = item_class.__new__(item_class), item_class.__new__(item_class)

    item_class.__init__(ours, None, None, attrs)
    item_class.__init__.__wrapped__(motos, None, None, attrs)

    assert ours == motos
    assert ours.attrs.keys() == attrs.keys()
    assert type(ours.attrs) is type(motos.attrs)


def test_no_attribute_is_counted_again_with_the_next(item_class: Any, monkeypatch: pytest.MonkeyPatch):
    from moto.dynamodb.models.dynamo_type import DynamoType

    counted: list[Any] = []
    size = DynamoType.size

    def count(value: Any) -> int:
        counted.append(value)
        return size(value)

    monkeypatch.setattr(DynamoType, "size", count)

    item_class(None, None, {str(number): {"S": "x"} for number in range(50)})

    assert len(counted) == 50
