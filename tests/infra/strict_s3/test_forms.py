"""A browser's form: taken as its policy says, and refused where moto takes anything."""

import base64
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest
import requests

from tests.infra.strict_s3.bench import Bench, Bucket, Reply

DATA = b"the bytes of a film"
DENIED = (403, "AccessDenied")
POLICY: Any = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::{bucket}/originals/*",
            "Condition": {
                "Null": {"s3:if-none-match": "true"},
                "Bool": {"s3:ObjectCreationOperation": "true"},
            },
        },
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": "arn:aws:s3:::{bucket}/*",
            "Condition": {"NumericGreaterThan": {"s3:signatureAge": "900000"}},
        },
    ],
}


def form(
    bucket: Bucket,
    key: str = "incoming/l_1",
    expires_s: int = 300,
    more: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """The fields of a form that botocore signed."""
    conditions = [{name: value} for name, value in more.items()]
    signed: Any = bucket.s3.generate_presigned_post(
        bucket.name, key, dict(more), [["content-length-range", 2, 100], *conditions], expires_s
    )
    return dict(signed["fields"])


def body_of(fields: dict[str, Any], data: bytes = DATA) -> tuple[bytes, str]:
    """Body and Content-Type of a browser's form."""
    made = requests.Request("POST", "http://any", data=fields, files={"file": ("film.mp4", data)}).prepare()
    assert isinstance(made.body, bytes)
    return made.body, made.headers["content-type"]


def send(bucket: Bucket, fields: dict[str, Any], data: bytes = DATA, **headers: str) -> Reply:
    body, media_type = body_of(fields, data)
    url = f"{bucket.bench.url}/{bucket.name}"
    return bucket.bench.strictly("POST", url, body, content_type=media_type, **headers)


def test_a_form_as_botocore_signs_it_is_written(bucket: Bucket):
    fields = form(bucket, more={"Content-Type": "video/mp4", "x-amz-meta-upload-id": "l_1"})

    assert send(bucket, fields).status == 204
    stored = bucket.s3.get_object(Bucket=bucket.name, Key="incoming/l_1")
    assert stored["Body"].read() == DATA
    assert (stored["ContentType"], stored["Metadata"]) == ("video/mp4", {"upload-id": "l_1"})


def test_a_form_that_asks_for_201_is_told_where_its_object_is(bucket: Bucket):
    reply = send(bucket, form(bucket, more={"success_action_status": "201"}))

    assert reply.status == 201
    assert f"{bucket.bench.url}/{bucket.name}/incoming%2Fl_1".encode() in reply.body
    assert reply.headers["location"].endswith("incoming%2Fl_1")
    assert {"etag", "x-amz-version-id"} <= reply.headers.keys()


def test_a_second_form_of_a_key_makes_a_new_version(bucket: Bucket):
    statuses = [send(bucket, form(bucket), data).status for data in (DATA, DATA[1:])]

    assert statuses == [204, 204]
    assert bucket.s3.get_object(Bucket=bucket.name, Key="incoming/l_1")["Body"].read() == DATA[1:]
    assert len(bucket.s3.list_object_versions(Bucket=bucket.name)["Versions"]) == 2


def test_what_a_form_wrote_has_the_checksum_of_s3s_choice(bucket: Bucket):
    send(bucket, form(bucket))

    assert bucket.s3.head_object(Bucket=bucket.name, Key="incoming/l_1", ChecksumMode="ENABLED")[
        "ChecksumCRC64NVME"
    ]


@pytest.mark.parametrize(
    ("size_bytes", "outcome"),
    [
        (1, (400, "EntityTooSmall")),
        (2, (204, None)),
        (100, (204, None)),
        (101, (400, "EntityTooLarge")),
    ],
)
def test_the_file_has_the_size_that_the_policy_allows(
    bucket: Bucket, size_bytes: int, outcome: tuple[int, str | None]
):
    assert send(bucket, form(bucket), b"x" * size_bytes).outcome == outcome


@pytest.mark.parametrize(("age_s", "outcome"), [(58, (204, None)), (62, DENIED)])
def test_a_form_ends_with_its_policy(bucket: Bucket, age_s: int, outcome: tuple[int, str | None]):
    fields = form(bucket, expires_s=60)
    bucket.bench.clock.advance(age_s)

    assert send(bucket, fields).outcome == outcome


@pytest.mark.parametrize("name", ["key", "x-amz-meta-upload-id"])
def test_a_field_with_another_value_than_the_policys_is_refused(bucket: Bucket, name: str):
    fields = form(bucket, more={"x-amz-meta-upload-id": "l_1"})

    assert send(bucket, {**fields, name: "other"}).outcome == DENIED


def test_a_field_that_the_policy_does_not_name_is_refused(bucket: Bucket):
    assert send(bucket, {**form(bucket), "x-amz-meta-more": "1"}).outcome == DENIED
    assert send(bucket, {**form(bucket), "x-ignore-more": "1"}).status == 204


def test_a_policy_that_was_changed_is_not_signed(bucket: Bucket):
    fields = form(bucket)
    policy = json.loads(base64.b64decode(fields["policy"]))
    policy["conditions"][1] = ["content-length-range", 0, 10**9]
    changed = base64.b64encode(json.dumps(policy).encode()).decode()

    assert send(bucket, {**fields, "policy": changed}).outcome == (403, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    ("lacking", "outcome"),
    [
        ("key", (400, "InvalidArgument")),
        ("policy", DENIED),
        ("x-amz-credential", (400, "InvalidArgument")),
        ("x-amz-signature", (403, "SignatureDoesNotMatch")),
    ],
)
def test_a_form_that_lacks_a_field_is_refused(bucket: Bucket, lacking: str, outcome: tuple[int, str]):
    fields = {name: value for name, value in form(bucket).items() if name != lacking}

    assert send(bucket, fields).outcome == outcome


def test_a_form_of_an_unknown_key_is_refused(bucket: Bucket):
    fields = form(bucket)
    fields["x-amz-credential"] = fields["x-amz-credential"].replace("test", "nobody", 1)

    assert send(bucket, fields).outcome == (403, "InvalidAccessKeyId")


def test_a_form_without_a_file_is_refused(bucket: Bucket):
    body, media_type = body_of(form(bucket))
    url = f"{bucket.bench.url}/{bucket.name}"
    without = body.replace(b'name="file"', b'name="x-ignore-file"')

    assert bucket.bench.strictly("POST", url, without, content_type=media_type).outcome == (
        400,
        "InvalidArgument",
    )


@pytest.mark.parametrize("body", [b"", b"--other\r\n", b"--b\r\nno head", b"--b\r\n\r\n\r\n--b--"])
def test_a_form_that_is_not_well_formed_is_refused(bucket: Bucket, body: bytes):
    url = f"{bucket.bench.url}/{bucket.name}"

    assert (
        bucket.bench.strictly("POST", url, body, content_type="multipart/form-data; boundary=b").status == 400
    )


def test_fields_before_the_file_have_an_end(bucket: Bucket):
    assert send(bucket, {**form(bucket), "x-ignore-a": "x" * 20_000}).outcome == (
        400,
        "MaxPostPreDataLengthExceeded",
    )


@pytest.fixture
def guarded(bucket: Bucket) -> Bucket:
    policy = json.loads(json.dumps(POLICY).replace("{bucket}", bucket.name))
    bucket.bench.strict.enforce(bucket.name, policy)
    return bucket


@pytest.mark.parametrize("headers", [{}, {"if_none_match": "*"}])
def test_no_form_reaches_what_is_written_once(guarded: Bucket, headers: dict[str, str]):
    """Also with the header: S3 reads conditions of a form from nowhere."""
    assert send(guarded, form(guarded, "originals/a"), DATA, **headers).outcome == DENIED
    assert send(guarded, form(guarded, "incoming/a")).status == 204


def test_an_old_signature_is_refused_whatever_its_policy_says(guarded: Bucket):
    fields = form(guarded, expires_s=3600)
    guarded.bench.clock.advance(901)

    assert send(guarded, fields).outcome == DENIED


def test_s3_tells_of_a_form_that_it_was_a_post(bench: Bench, bucket: Bucket):
    arn = "arn:aws:sqs:us-east-1:123456789012:any"
    bench.s3.put_bucket_notification_configuration(
        Bucket=bucket.name,
        NotificationConfiguration={
            "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]
        },
        SkipDestinationValidation=True,
    )
    bench.inbox.clear()

    send(bucket, form(bucket))

    [(_, event)] = bench.inbox.wait_for(1)
    assert event["Records"][0]["eventName"] == "ObjectCreated:Post"


def test_a_form_that_a_test_lets_fail_is_not_written(bench: Bench, bucket: Bucket):
    bench.chaos.fail_before("PostObject", key_prefix="incoming/")

    assert send(bucket, form(bucket)).outcome == (503, "SlowDown")
    assert send(bucket, form(bucket)).status == 204
