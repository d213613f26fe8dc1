"""The local AWS holds what `infra/aws/storage.yaml` says, including what moto's CloudFormation ignores."""

import gc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from chalicelib.aws.signer import S3Signer, SigningCredentials
from chalicelib.core import keys
from infra.local.aws.moto.server import KEY, REGION, SECRET
from infra.local.stack import AlreadyRunning, LocalAws, PortTaken
from infra.local.stack.local_aws import listening

ORIGIN = "https://footage.example.org"
OTHER = "http://localhost:3000"


def quiet(line: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture(scope="module")
def local_aws() -> Iterator[LocalAws]:
    with LocalAws.start(progress=quiet, parameters={"BrowserOrigins": f"{ORIGIN},{OTHER}"}) as started:
        yield started


@pytest.fixture
def s3(local_aws: LocalAws) -> Any:
    return local_aws.client("s3")


def refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return str(refused.value.response["Error"]["Code"])


def test_the_bucket_keeps_every_version(local_aws: LocalAws, s3: Any):
    assert s3.get_bucket_versioning(Bucket=local_aws.bucket)["Status"] == "Enabled"


def test_the_lifecycle_rules_are_those_of_the_stack(local_aws: LocalAws, s3: Any):
    rules = s3.get_bucket_lifecycle_configuration(Bucket=local_aws.bucket)["Rules"]

    assert {
        rule["ID"]: rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays") for rule in rules
    } == {
        "abort-forgotten-uploads": None,
        "purge-cleaned-originals": 14,
        "purge-cleaned-intermediates": 14,
        "purge-replaced-index": 7,
        "purge-replaced-lake": 7,
        "expire-landings": 7,
        "expire-query-results": 1,
        "expire-proofs": 1,
        "drop-lone-delete-markers": None,
    }


def test_the_grace_that_the_stack_tells_is_that_of_its_rules(local_aws: LocalAws):
    assert local_aws.outputs["GraceDays"] == "14"


def test_a_page_sees_what_it_read_of_which_version(local_aws: LocalAws, s3: Any):
    key = "originals/main/seen/100GOPRO/GX010042.MP4"
    stored = s3.put_object(Bucket=local_aws.bucket, Key=key, Body=b"film", IfNoneMatch="*")
    signer = S3Signer(
        local_aws.bucket, REGION, lambda: SigningCredentials(KEY, SECRET), endpoint_url=local_aws.url
    )
    read = signer.read_url(key, stored["VersionId"], 60, datetime.now(UTC))
    asked = {"origin": ORIGIN, "range": "bytes=1-2"}

    answer = requests.get(read.url, headers=asked, timeout=10)

    exposed = [name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")]
    assert answer.status_code == 206
    assert {"etag", "content-range", "accept-ranges", "content-length", "x-amz-version-id"} <= set(
        exposed
    ) & {name.lower() for name in answer.headers}
    assert "x-amz-checksum-crc64nvme" in exposed  # S3 tells it for a whole object only


@pytest.mark.parametrize("origin", [ORIGIN, OTHER])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST"])
def test_a_browser_may_ask_beforehand_for_each_method_of_a_page(
    local_aws: LocalAws, origin: str, method: str
):
    asked = {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": "if-none-match,range,x-amz-checksum-crc64nvme",
    }

    answer = requests.options(f"{local_aws.url}/{local_aws.bucket}/originals/a", headers=asked, timeout=10)

    assert answer.status_code == 200


def test_the_stack_tells_the_coordinator_the_origins_of_its_pages(local_aws: LocalAws):
    assert local_aws.outputs["BrowserOrigins"] == f"{ORIGIN},{OTHER}"


def test_a_browser_may_not_delete(local_aws: LocalAws):
    asked = {"origin": ORIGIN, "access-control-request-method": "DELETE"}

    answer = requests.options(f"{local_aws.url}/{local_aws.bucket}/originals/a", headers=asked, timeout=10)

    assert answer.status_code == 403


def test_public_access_is_blocked_and_the_owner_owns(local_aws: LocalAws, s3: Any):
    blocked = s3.get_public_access_block(Bucket=local_aws.bucket)["PublicAccessBlockConfiguration"]
    [rule] = s3.get_bucket_ownership_controls(Bucket=local_aws.bucket)["OwnershipControls"]["Rules"]

    assert set(blocked.values()) == {True}
    assert rule["ObjectOwnership"] == "BucketOwnerEnforced"


def test_the_table_forgets_by_ttl_and_can_be_recovered(local_aws: LocalAws):
    dynamodb = local_aws.client("dynamodb")
    ttl = dynamodb.describe_time_to_live(TableName=local_aws.table)["TimeToLiveDescription"]
    backups = dynamodb.describe_continuous_backups(TableName=local_aws.table)["ContinuousBackupsDescription"]

    assert (ttl["AttributeName"], ttl["TimeToLiveStatus"]) == ("ttl", "ENABLED")
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


def tables_in_memory() -> int:
    from moto.dynamodb.models.table import Table

    gc.collect()
    return sum(isinstance(thing, Table) for thing in gc.get_objects())


def test_a_transaction_leaves_no_copy_of_the_table_behind(local_aws: LocalAws):
    dynamodb, before = local_aws.client("dynamodb"), tables_in_memory()
    item = {"pk": {"S": "one"}, "sk": {"S": "one"}}
    dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": local_aws.table, "Item": item}}])

    assert tables_in_memory() == before
    assert dynamodb.scan(TableName=local_aws.table)["Items"] == [item]


@pytest.mark.parametrize("prefix", [*keys.OF_SESSIONS, keys.INCOMING])
def test_a_browsers_form_is_taken_below_incoming_alone(local_aws: LocalAws, prefix: str):
    signer = S3Signer(
        local_aws.bucket, REGION, lambda: SigningCredentials(KEY, SECRET), endpoint_url=local_aws.url
    )
    form = signer.form(f"{prefix}main/a/l_1", {}, 100, 60, datetime.now(UTC))

    answer = requests.post(form.url, data=form.fields, files={"file": b"film"}, timeout=10)

    assert answer.status_code == (204 if prefix == keys.INCOMING else 403)


def test_the_denies_of_the_bucket_policy_hold(local_aws: LocalAws, s3: Any):
    key = "originals/a-session/100GOPRO/GX010001.MP4"
    written = s3.put_object(Bucket=local_aws.bucket, Key=key, Body=b"footage", IfNoneMatch="*")
    where = {"Bucket": local_aws.bucket, "Key": key}

    assert refusal(s3.put_object, **where, Body=b"other") == "AccessDenied"
    assert refusal(s3.delete_object, **where) == "AccessDenied"
    assert refusal(s3.delete_object, **where, VersionId=written["VersionId"]) == "AccessDenied"
    assert s3.get_object(**where)["Body"].read() == b"footage"


def test_versioning_and_lifecycle_can_no_longer_be_weakened(local_aws: LocalAws, s3: Any):
    suspended = {"Status": "Suspended"}

    assert (
        refusal(s3.put_bucket_versioning, Bucket=local_aws.bucket, VersioningConfiguration=suspended)
        == "AccessDenied"
    )
    assert (
        refusal(
            s3.put_bucket_lifecycle_configuration,
            Bucket=local_aws.bucket,
            LifecycleConfiguration={"Rules": []},
        )
        == "AccessDenied"
    )


def test_the_policy_that_protects_footage_protects_itself(local_aws: LocalAws, s3: Any):
    where = {"Bucket": local_aws.bucket}
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}

    assert refusal(s3.put_bucket_policy, **where, Policy='{"Statement": []}') == "AccessDenied"
    assert refusal(s3.delete_bucket_policy, **where) == "AccessDenied"
    assert (
        refusal(s3.put_bucket_encryption, **where, ServerSideEncryptionConfiguration={"Rules": [rule]})
        == "AccessDenied"
    )
    assert refusal(s3.delete_bucket_encryption, **where) == "AccessDenied"


def test_nobody_left_a_dead_letter(local_aws: LocalAws):
    assert local_aws.dead_letters() == []


def test_a_dead_letter_can_be_read_and_stays(local_aws: LocalAws):
    local_aws.client("sqs").send_message(QueueUrl=local_aws.outputs["DeadLetters"], MessageBody="an event")

    assert local_aws.dead_letters() == ["an event"]
    assert local_aws.dead_letters() == ["an event"]


def test_a_second_one_in_this_process_is_refused(local_aws: LocalAws):
    with pytest.raises(AlreadyRunning, match="process of its own"):
        LocalAws.start(progress=quiet)


def test_a_port_that_is_taken_is_told(local_aws: LocalAws):
    with pytest.raises(PortTaken, match=f"port {local_aws.port} .*--port"):
        listening(local_aws.mounts, local_aws.port)
