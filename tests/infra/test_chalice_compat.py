"""The three things that moto refuses of `chalice deploy`: refused by moto alone, taken behind the front."""

import copy
import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.local.aws.moto import server
from infra.local.aws.moto.chalice_compat import ChaliceFront
from infra.local.aws.strict_s3.moto_app import moto_app
from infra.local.http_server import Server

INTEGRATION = "x-amazon-apigateway-integration"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:api"
PROXY = {
    "responses": {},
    INTEGRATION: {
        "type": "aws_proxy",
        "httpMethod": "POST",
        "uri": f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations",
        "responses": {"default": {"statusCode": "200"}},
    },
}
MOCK = {
    "responses": {"200": {"description": "fine"}},
    INTEGRATION: {"type": "mock", "responses": {"default": {"statusCode": "200"}}},
}
AS_MOTO_LIKES_IT: dict[str, Any] = {
    "openapi": "3.0.1",
    "info": {"version": "1.0", "title": "reelhaul", "description": ""},
    "x-amazon-apigateway-binary-media-types": ["image/png"],
    "paths": {"/sessions": {"get": PROXY}},
}

_numbers = itertools.count()


class Place:
    """An address where AWS answers; `front` is None where moto answers alone."""

    def __init__(self, url: str, front: ChaliceFront | None) -> None:
        self.url = url
        self.front = front

    def client(self, service: Any) -> Any:
        return server.session().client(service, endpoint_url=self.url, config=server.ONE_TRY)

    def import_api(self, document: dict[str, Any]) -> str:
        return str(self.client("apigateway").import_rest_api(body=json.dumps(document))["id"])

    def bucket(self, name: str = "") -> str:
        bucket = name or f"front-{next(_numbers)}"
        self.client("s3").create_bucket(Bucket=bucket)
        return bucket

    def notify(self, bucket: str, queue_arn: str, rule_names: tuple[str, str]) -> None:
        rules = [{"Name": name, "Value": "originals/"} for name in rule_names]
        wish = {
            "QueueArn": queue_arn,
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": rules}},
        }
        self.client("s3").put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [wish]}
        )

    def queue(self) -> str:
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=f"front-{next(_numbers)}")["QueueUrl"]
        return str(
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        )


@pytest.fixture(scope="module")
def places() -> Iterator[tuple[Place, Place]]:
    with ExitStack() as running:
        front = ChaliceFront(moto_app())
        alone = running.enter_context(Server(moto_app()))
        behind = running.enter_context(Server(front))
        yield Place(alone.url, None), Place(behind.url, front)


@pytest.fixture
def moto(places: tuple[Place, Place]) -> Place:
    return places[0]


@pytest.fixture
def fronted(places: tuple[Place, Place]) -> Place:
    return places[1]


def kept(place: Place) -> Any:
    assert place.front is not None
    return place.front.documents


def test_moto_takes_the_document_that_it_likes(moto: Place):
    assert moto.import_api(AS_MOTO_LIKES_IT)


def as_swagger(document: dict[str, Any]) -> None:
    del document["openapi"]
    document["swagger"] = "2.0"


def without_description(document: dict[str, Any]) -> None:
    del document["info"]["description"]


def with_mock(document: dict[str, Any]) -> None:
    document["paths"]["/sessions"]["options"] = MOCK


@pytest.mark.parametrize("change", [as_swagger, without_description, with_mock])
def test_an_import_that_moto_refuses_is_taken_behind_the_front(
    moto: Place, fronted: Place, change: Callable[[dict[str, Any]], None]
):
    document = copy.deepcopy(AS_MOTO_LIKES_IT)
    change(document)

    with pytest.raises(ClientError):
        moto.import_api(document)
    assert kept(fronted)[fronted.import_api(document)] == document


def test_the_document_is_kept_as_it_was_sent_though_moto_drops_parts(fronted: Place):
    api_id = fronted.import_api(AS_MOTO_LIKES_IT)

    assert kept(fronted)[api_id] == AS_MOTO_LIKES_IT
    assert fronted.client("apigateway").get_rest_api(restApiId=api_id).get("binaryMediaTypes", []) == []


def test_an_import_over_an_api_replaces_its_document(moto: Place, fronted: Place):
    api_id = fronted.import_api(AS_MOTO_LIKES_IT)
    document = copy.deepcopy(AS_MOTO_LIKES_IT)
    as_swagger(document)
    with_mock(document)
    arguments = {"restApiId": api_id, "mode": "overwrite", "body": json.dumps(document)}

    with pytest.raises(ClientError):
        moto.client("apigateway").put_rest_api(**arguments)
    fronted.client("apigateway").put_rest_api(**arguments)
    assert kept(fronted)[api_id] == document


def test_a_deleted_api_is_forgotten(fronted: Place):
    api_id = fronted.import_api(AS_MOTO_LIKES_IT)
    fronted.client("apigateway").delete_rest_api(restApiId=api_id)

    assert api_id not in kept(fronted)


def test_an_import_that_fails_keeps_nothing(fronted: Place):
    before = dict(kept(fronted))
    document = copy.deepcopy(AS_MOTO_LIKES_IT)
    del document["info"]["title"]

    with pytest.raises(ClientError):
        fronted.import_api(document)
    assert kept(fronted) == before


def test_an_import_over_an_unknown_api_keeps_nothing(fronted: Place):
    before = dict(kept(fronted))

    with pytest.raises(ClientError):
        fronted.client("apigateway").put_rest_api(
            restApiId="nosuchapi1", mode="overwrite", body=json.dumps(AS_MOTO_LIKES_IT)
        )
    assert kept(fronted) == before


def test_a_filter_with_capitals_that_moto_refuses_is_taken_behind_the_front(moto: Place, fronted: Place):
    bucket, queue = fronted.bucket(), fronted.queue()

    with pytest.raises(ClientError):
        moto.notify(bucket, queue, ("Prefix", "Suffix"))
    fronted.notify(bucket, queue, ("Prefix", "Suffix"))
    said = fronted.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    names = [rule["Name"] for rule in said["QueueConfigurations"][0]["Filter"]["Key"]["FilterRules"]]
    assert [name.lower() for name in names] == ["prefix", "suffix"]


def test_a_bucket_of_the_same_name_as_the_apis_is_a_bucket(fronted: Place):
    api_id = fronted.import_api(AS_MOTO_LIKES_IT)
    fronted.bucket("restapis")
    text = b"<Name>Prefix</Name>"
    fronted.client("s3").put_object(Bucket="restapis", Key=api_id, Body=text)

    assert fronted.client("s3").get_object(Bucket="restapis", Key=api_id)["Body"].read() == text
    fronted.client("s3").delete_object(Bucket="restapis", Key=api_id)
    assert api_id in kept(fronted)
