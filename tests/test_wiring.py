"""Settings become the real world."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib import wiring
from chalicelib.aws.cdn_signer import CdnSigner
from chalicelib.aws.notifications import SnsNotifier
from chalicelib.aws.object_store import S3ObjectStore
from chalicelib.aws.orders import SqsOrders
from chalicelib.aws.records import DynamoRecords
from chalicelib.aws.signer import S3Signer
from chalicelib.ports import PartToSign
from chalicelib.settings import settings
from tests.support.builders import EMPTY

CLOUD = Path(__file__).parents[1] / "cloud"
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


def test_without_a_topic_nobody_is_told():
    assert wiring.ports(settings(ENVIRONMENT)).notifier is None
    assert wiring.ports(settings({**ENVIRONMENT, "NOTIFICATION_TOPIC": ""})).notifier is None


def test_with_a_topic_its_people_are_told():
    topic = "arn:aws:sns:eu-west-1:123456789012:notifications"

    assert isinstance(
        wiring.ports(settings({**ENVIRONMENT, "NOTIFICATION_TOPIC": topic})).notifier, SnsNotifier
    )


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


WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None
from chalicelib.aws.lake import ParquetLake
from chalicelib.core.errors import LakeWriterMissing
lake = ParquetLake()
try:
    lake.demand_writer()
except LakeWriterMissing as error:
    print(error)
"""


def test_without_pyarrow_the_module_loads_and_the_writer_says_what_to_deploy():
    environment = {**os.environ, "PYTHONPATH": str(CLOUD)}

    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_PYARROW], env=environment, capture_output=True, text=True, check=True
    )

    assert "AWSSDKPandas" in ended.stdout
    assert "reelhaul-admin ensure" in ended.stdout


def test_the_wiring_of_every_function_leaves_pyarrow_alone():
    script = "import sys, chalicelib.wiring; sys.exit('pyarrow' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(CLOUD)}

    assert subprocess.run([sys.executable, "-c", script], env=environment, check=False).returncode == 0


def test_reads_are_signed_for_the_cdn_only_where_there_is_one():
    without = wiring.ports(settings(ENVIRONMENT)).signer
    with_cdn = wiring.ports(settings({**ENVIRONMENT, "CDN": "https://d1.cloudfront.net#K1"})).signer

    assert isinstance(without, S3Signer)
    assert isinstance(with_cdn, CdnSigner)
