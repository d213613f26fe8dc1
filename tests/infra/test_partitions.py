"""A query finds what is in its partition, in order, and looks at nothing else."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from infra.local.aws.moto import server
from tests.support.local_aws import local_aws

TABLE = "partitions"
NAMES = ("session", "item")
INDEX = "by_owner"


class NotToBeRead(dict[Any, Any]):
    """A partition that fails the query that looks at it."""

    def values(self) -> Any:
        raise AssertionError("another partition was read")


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with local_aws() as url:
        client: Any = server.session().client("dynamodb", endpoint_url=url, config=server.ONE_TRY)
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in (*NAMES, "owner")
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": INDEX,
                    "KeySchema": [
                        {"AttributeName": "owner", "KeyType": "HASH"},
                        {"AttributeName": "item", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            KeySchema=[
                {"AttributeName": name, "KeyType": kind}
                for name, kind in zip(NAMES, ("HASH", "RANGE"), strict=True)
            ],
        )
        for session in ("a", "b"):
            for item in ("2", "1", "3"):
                client.put_item(TableName=TABLE, Item=item_of(session, item))
        yield client
        client.delete_table(TableName=TABLE)


def item_of(session: str, item: str) -> dict[str, dict[str, str]]:
    return {"session": {"S": session}, "item": {"S": item}}


def found(dynamodb: Any, session: str, **more: Any) -> tuple[list[str], Any]:
    """The items that a query answers, and where the next one continues."""
    answer = dynamodb.query(
        TableName=TABLE,
        KeyConditionExpression="#s = :s",
        ExpressionAttributeNames={"#s": "session"},
        ExpressionAttributeValues={":s": {"S": session}},
        **more,
    )
    return [each["item"]["S"] for each in answer["Items"]], answer.get("LastEvaluatedKey")


def test_a_query_finds_its_partition_in_order(dynamodb: Any):
    assert found(dynamodb, "a") == (["1", "2", "3"], None)
    assert found(dynamodb, "b", ScanIndexForward=False) == (["3", "2", "1"], None)


def test_a_partition_that_is_not_there_is_empty_and_is_not_made(dynamodb: Any):
    assert found(dynamodb, "c") == ([], None)
    assert len(dynamodb.scan(TableName=TABLE)["Items"]) == 6


def test_a_query_continues_where_the_last_one_ended(dynamodb: Any):
    first, last = found(dynamodb, "a", Limit=2)

    assert (first, last) == (["1", "2"], item_of("a", "2"))
    assert found(dynamodb, "a", ExclusiveStartKey=last)[0] == ["3"]


def test_what_is_written_after_a_query_is_found_by_the_next(dynamodb: Any):
    assert found(dynamodb, "a")[0] == ["1", "2", "3"]
    dynamodb.put_item(TableName=TABLE, Item=item_of("a", "0"))
    assert found(dynamodb, "a")[0] == ["0", "1", "2", "3"]
    dynamodb.delete_item(TableName=TABLE, Key=item_of("a", "0"))
    assert found(dynamodb, "a")[0] == ["1", "2", "3"]


def test_a_query_looks_at_no_other_partition(dynamodb: Any):
    from moto.dynamodb.models import dynamodb_backends
    from moto.dynamodb.models.dynamo_type import DynamoType

    items = dynamodb_backends["123456789012"][server.REGION].tables[TABLE].items
    other = DynamoType({"S": "other"})
    items[other] = NotToBeRead()
    try:
        assert found(dynamodb, "a")[0] == ["1", "2", "3"]
    finally:
        del items[other]


def owned(dynamodb: Any, owner: str, **more: Any) -> tuple[list[tuple[str, str]], Any]:
    """The items that the index has for an owner, and where the next query continues."""
    answer = dynamodb.query(
        TableName=TABLE,
        IndexName=INDEX,
        KeyConditionExpression="#o = :o",
        ExpressionAttributeNames={"#o": "owner"},
        ExpressionAttributeValues={":o": {"S": owner}},
        **more,
    )
    found = [(each["session"]["S"], each["item"]["S"]) for each in answer["Items"]]
    return found, answer.get("LastEvaluatedKey")


@pytest.fixture
def owners(dynamodb: Any) -> Iterator[None]:
    """Items of two owners, in partitions of their own."""
    names = (("c", "2", "me"), ("d", "1", "me"), ("e", "3", "me"), ("c", "1", "you"))
    for session, item, owner in names:
        dynamodb.put_item(TableName=TABLE, Item={**item_of(session, item), "owner": {"S": owner}})
    yield
    for session, item, _ in names:
        dynamodb.delete_item(TableName=TABLE, Key=item_of(session, item))


@pytest.mark.usefixtures("owners")
def test_a_query_of_an_index_finds_its_items_of_all_partitions_in_order(dynamodb: Any):
    assert owned(dynamodb, "me") == ([("d", "1"), ("c", "2"), ("e", "3")], None)
    assert owned(dynamodb, "you", ScanIndexForward=False) == ([("c", "1")], None)
    assert owned(dynamodb, "nobody") == ([], None)


@pytest.mark.usefixtures("owners")
def test_a_query_of_an_index_continues_where_the_last_one_ended(dynamodb: Any):
    first, last = owned(dynamodb, "me", Limit=2)

    assert first == [("d", "1"), ("c", "2")]
    assert owned(dynamodb, "me", ExclusiveStartKey=last) == ([("e", "3")], None)


class NotToBeSorted:
    """An item that fails the query that asks for its key."""

    attrs: ClassVar[dict[str, Any]] = {}

    @property
    def hash_key(self) -> Any:
        raise AssertionError("an item that the index has not was sorted")


@pytest.mark.usefixtures("owners")
def test_a_query_of_an_index_sorts_none_but_its_items(dynamodb: Any):
    from moto.dynamodb.models import dynamodb_backends
    from moto.dynamodb.models.dynamo_type import DynamoType

    items = dynamodb_backends["123456789012"][server.REGION].tables[TABLE].items
    other = DynamoType({"S": "other"})
    items[other] = {other: NotToBeSorted()}
    try:
        assert len(owned(dynamodb, "me")[0]) == 3
    finally:
        del items[other]
