"""What DynamoDB answers of an item is the item as it was put, in every kind of attribute."""

from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.aws.moto import server
from tests.support.local_aws import local_aws

TABLE = "answers"
KEY = {"session": {"S": "main/match-17"}}
KINDS: dict[str, dict[str, Any]] = {
    "text": {"S": "ü \u2028"},
    "number": {"N": "12345678901234567890.5"},
    "bytes": {"B": b"\x00\xff"},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "empty list": {"L": []},
    "list": {"L": [{"N": "1"}, {"B": b"\x01"}, {"M": {"S": {"S": "named as a kind"}}}]},
    "map": {"M": {"Items": {"N": "-1"}, "deep": {"M": {"deeper": {"BOOL": False}}}}},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2"]},
}


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with local_aws() as url:
        client: Any = server.session().client("dynamodb", endpoint_url=url, config=server.ONE_TRY)
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "session", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "session", "KeyType": "HASH"}],
        )
        yield client
        client.delete_table(TableName=TABLE)


READS = {
    "get": lambda dynamodb: [dynamodb.get_item(TableName=TABLE, Key=KEY)["Item"]],
    "query": lambda dynamodb: asked(dynamodb)["Items"],
    "scan": lambda dynamodb: dynamodb.scan(TableName=TABLE)["Items"],
}


def asked(dynamodb: Any, **more: Any) -> Any:
    return dynamodb.query(
        TableName=TABLE,
        KeyConditionExpression="#s = :session",
        ExpressionAttributeNames={"#s": "session"},
        ExpressionAttributeValues={":session": KEY["session"]},
        **more,
    )


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_item_is_answered_as_it_was_put(dynamodb: Any, kind: str, read: str):
    item = {**KEY, "value": KINDS[kind]}
    dynamodb.put_item(TableName=TABLE, Item=item)

    assert READS[read](dynamodb) == [item]


@pytest.mark.parametrize("read", READS)
def test_a_number_that_was_counted_up_is_answered_like_one_that_was_put(dynamodb: Any, read: str):
    dynamodb.put_item(TableName=TABLE, Item={**KEY, "value": {"N": "1"}})
    dynamodb.update_item(
        TableName=TABLE,
        Key=KEY,
        UpdateExpression="ADD #v :one",
        ExpressionAttributeNames={"#v": "value"},
        ExpressionAttributeValues={":one": {"N": "1"}},
    )

    assert READS[read](dynamodb) == [{**KEY, "value": {"N": "2"}}]


def test_the_rest_of_an_answer_goes_with_its_items(dynamodb: Any):
    another = {"session": {"S": "main/match-18"}}
    for key in (KEY, another):
        dynamodb.put_item(TableName=TABLE, Item=key)

    counted = asked(dynamodb, Select="COUNT")
    found = dynamodb.scan(TableName=TABLE, Limit=1)
    dynamodb.delete_item(TableName=TABLE, Key=another)

    assert (counted["Count"], counted["ScannedCount"], counted.get("Items", [])) == (1, 1, [])
    assert (found["Count"], found["Items"], found["LastEvaluatedKey"]) == (1, [KEY], KEY)


def test_an_item_that_is_not_there_is_none(dynamodb: Any):
    assert "Item" not in dynamodb.get_item(TableName=TABLE, Key={"session": {"S": "nobody's"}})
