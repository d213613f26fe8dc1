"""A transaction that fails changes nothing, and one costs what it names, however many items its table has."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.aws.moto import server
from tests.support.local_aws import local_aws

TABLES = {"of-ranges": ("session", "item"), "of-hashes": ("session",)}
OTHERS = 3
OPERATIONS = ("put over", "put new", "delete", "update", "update new")
FAILS = "attribute_exists(nobody)"


@pytest.fixture(scope="module")
def dynamodb() -> Iterator[Any]:
    with local_aws() as url:
        client: Any = server.session().client("dynamodb", endpoint_url=url, config=server.ONE_TRY)
        for table, keys in TABLES.items():
            client.create_table(
                TableName=table,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
                KeySchema=[
                    {"AttributeName": name, "KeyType": kind}
                    for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
            )
        yield client
        for table in TABLES:
            client.delete_table(TableName=table)


@pytest.fixture(params=TABLES)
def table(request: pytest.FixtureRequest, dynamodb: Any) -> Iterator[str]:
    """A table with `OTHERS` items of others, and one of `here`."""
    for number in range(OTHERS):
        dynamodb.put_item(TableName=request.param, Item=item_of(f"other-{number}"))
    dynamodb.put_item(TableName=request.param, Item=item_of("here", {"S": "before"}))
    yield request.param
    for found in everything(dynamodb, request.param):
        names = TABLES[request.param]
        dynamodb.delete_item(TableName=request.param, Key={name: found[name] for name in names})


def item_of(session: str, value: Mapping[str, str] | None = None) -> dict[str, Any]:
    return {"session": {"S": session}, "item": {"S": "1"}, "value": value or {"S": "-"}}


def key_of(table: str, session: str) -> dict[str, Any]:
    return {name: item_of(session)[name] for name in TABLES[table]}


def everything(dynamodb: Any, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dynamodb.scan(TableName=table)["Items"]
    return sorted(found, key=str)


def operations(table: str) -> dict[str, dict[str, Any]]:
    """What changes the item of `here`, or makes one of `new`."""
    update = {
        "UpdateExpression": "SET #v = :v",
        "ExpressionAttributeNames": {"#v": "value"},
        "ExpressionAttributeValues": {":v": {"S": "after"}},
    }
    return {
        "put over": {"Put": {"TableName": table, "Item": item_of("here", {"S": "after"})}},
        "put new": {"Put": {"TableName": table, "Item": item_of("new")}},
        "delete": {"Delete": {"TableName": table, "Key": key_of(table, "here")}},
        "update": {"Update": {"TableName": table, "Key": key_of(table, "here"), **update}},
        "update new": {"Update": {"TableName": table, "Key": key_of(table, "new"), **update}},
    }


def failing(table: str, session: str = "other-1") -> dict[str, Any]:
    return {
        "ConditionCheck": {
            "TableName": table,
            "Key": key_of(table, session),
            "ConditionExpression": FAILS,
        }
    }


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_a_transaction_did_before_one_of_its_conditions_failed_is_taken_back(
    dynamodb: Any, table: str, name: str
):
    before = everything(dynamodb, table)

    with pytest.raises(ClientError, match="TransactionCanceledException"):
        dynamodb.transact_write_items(TransactItems=[operations(table)[name], failing(table)])

    assert everything(dynamodb, table) == before


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_transaction_that_succeeds_changes_the_table(dynamodb: Any, table: str, name: str):
    before = everything(dynamodb, table)

    dynamodb.transact_write_items(TransactItems=[operations(table)[name]])

    assert everything(dynamodb, table) != before


def test_a_transaction_that_names_an_item_twice_is_refused_and_changes_nothing(dynamodb: Any, table: str):
    before = everything(dynamodb, table)

    with pytest.raises(ClientError, match="multiple operations on one item"):
        dynamodb.transact_write_items(TransactItems=[operations(table)["put over"], failing(table, "here")])

    assert everything(dynamodb, table) == before


def test_a_transaction_of_a_table_that_is_not_there_is_refused(dynamodb: Any, table: str):
    before = everything(dynamodb, table)

    nowhere = {"ConditionCheck": {**failing(table)["ConditionCheck"], "TableName": "nowhere"}}
    with pytest.raises(ClientError):
        dynamodb.transact_write_items(TransactItems=[operations(table)["put over"], nowhere])

    assert everything(dynamodb, table) == before


def test_a_transaction_copies_no_item_that_it_does_not_name(dynamodb: Any, table: str):
    from moto.core.model_instances import model_data
    from moto.dynamodb.models import dynamodb_backends

    backend = dynamodb_backends["123456789012"][server.REGION]
    backend.transact_write_items([operations(table)["put over"]])
    items: Any = model_data["dynamodb"]["Item"]

    # moto remembers every item that it makes, a copy too, until the end of a request.
    assert {item.hash_key.value for item in items.instances_tracked} == {"here"}
