"""Settings become the real world."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib import wiring
from chalicelib.aws.object_store import S3ObjectStore
from chalicelib.aws.orders import SqsOrders
from chalicelib.aws.records import DynamoRecords
from chalicelib.aws.signer import S3Signer
from chalicelib.ports import PartToSign
from chalicelib.settings import settings
from tests.support.builders import EMPTY

ENVIRONMENT = {
    "BUCKET": "reelhaul-footage",
    "TABLE": "reelhaul-table",
    "STAGE": "test",
    "AWS_REGION": "eu-west-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "MINIMUM_CLIENT_VERSION": "0.1.0",
    "ORDER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
    "PART_SIZE_BYTES": "5242880",
}


def test_every_port_is_the_real_one_with_the_policy_of_the_settings():
    ports = wiring.ports(settings(ENVIRONMENT))

    assert isinstance(ports.objects, S3ObjectStore)
    assert isinstance(ports.records, DynamoRecords)
    assert isinstance(ports.signer, S3Signer)
    assert isinstance(ports.orders, SqsOrders)
    assert ports.policy.part_size_bytes == 5_242_880


def test_part_urls_lead_to_the_bucket_at_the_endpoint_of_the_settings():
    ports = wiring.ports(settings(ENVIRONMENT))

    (part_url,) = ports.signer.part_urls("key", "multipart", [PartToSign(1, 0, EMPTY)], 60, ports.clock.now())

    assert part_url.url.startswith("http://127.0.0.1:9/reelhaul-footage/key?")


def test_the_clock_tells_utc():
    now = wiring.SystemClock().now()

    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(("kind", "prefix"), [("upload_id", "u_"), ("device_id", "d_"), ("token_id", "t_")])
def test_ids_are_prefixed_plain_and_never_the_same(kind: str, prefix: str):
    made = {getattr(wiring.RandomIds(), kind)() for _ in range(100)}

    assert len(made) == 100
    assert all(re.fullmatch(f"{prefix}[A-Za-z0-9]{{22}}", each) for each in made)


def test_secrets_are_256_bits_in_url_safe_base64():
    made = {wiring.RandomIds().secret() for _ in range(100)}

    assert len(made) == 100
    assert all(re.fullmatch("[A-Za-z0-9_-]{43}", each) for each in made)
