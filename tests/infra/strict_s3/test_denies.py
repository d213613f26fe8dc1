"""The denies of the bucket policy, met by real requests."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from infra.aws import template
from infra.local.aws.strict_s3 import UnknownPolicy
from infra.local.aws.strict_s3.policy import PRINCIPAL_ARN
from tests.infra.strict_s3.bench import Bucket, completion_body

DENIED = (403, "AccessDenied")

NAMES = {"AWS::AccountId": "1", "Stage": "local"}


def deny(bucket: Bucket, action: Any, where: str = "/*", **condition: Any) -> None:
    bucket.bench.strict.enforce(
        bucket.name,
        {
            "Statement": [
                {
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": action,
                    "Resource": f"arn:aws:s3:::{bucket.name}{where}",
                    **({"Condition": condition} if condition else {}),
                }
            ]
        },
    )


def assert_denied(call: Any, **parameters: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_deny_of_insecure_transport_lets_loopback_pass(bucket: Bucket):
    deny(bucket, "s3:*", Bool={"aws:SecureTransport": "false"})

    bucket.put()

    assert bucket.s3.head_object(Bucket=bucket.name, Key="a/film.mp4")["ContentLength"] == 4


def test_versions_cannot_be_deleted_where_that_is_denied(bucket: Bucket):
    version = bucket.put()["VersionId"]
    deny(bucket, "s3:DeleteObjectVersion")

    assert_denied(bucket.s3.delete_object, Bucket=bucket.name, Key="a/film.mp4", VersionId=version)

    assert bucket.s3.get_object(Bucket=bucket.name, Key="a/film.mp4", VersionId=version)["ContentLength"] == 4


def test_a_delete_marker_can_be_written_where_only_versions_are_protected(bucket: Bucket):
    bucket.put()
    deny(bucket, "s3:DeleteObjectVersion")

    assert bucket.s3.delete_object(Bucket=bucket.name, Key="a/film.mp4")["DeleteMarker"]


def test_versions_cannot_be_deleted_in_bulk_either(bucket: Bucket):
    version = bucket.put("kept")["VersionId"]
    bucket.put("marked")
    deny(bucket, "s3:DeleteObjectVersion")

    answer = bucket.s3.delete_objects(
        Bucket=bucket.name, Delete={"Objects": [{"Key": "kept", "VersionId": version}, {"Key": "marked"}]}
    )

    assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [("kept", "AccessDenied")]
    assert [deleted["Key"] for deleted in answer["Deleted"]] == ["marked"]
    assert bucket.s3.get_object(Bucket=bucket.name, Key="kept", VersionId=version)["ContentLength"] == 4


@pytest.mark.parametrize("name", ["one", "two"])
def test_a_bulk_delete_of_denied_objects_alone_deletes_nothing(bucket: Bucket, name: str):
    bucket.put(name)
    deny(bucket, "s3:DeleteObject", "/*", Null={"s3:if-match": "true"})

    answer = bucket.s3.delete_objects(Bucket=bucket.name, Delete={"Objects": [{"Key": name}]})

    assert answer["Errors"][0]["Code"] == "AccessDenied"
    assert bucket.s3.head_object(Bucket=bucket.name, Key=name)["ContentLength"] == 4


def test_a_bulk_delete_can_name_the_etag_it_judged(bucket: Bucket):
    etag = bucket.put("one")["ETag"]
    bucket.put("two")
    deny(bucket, "s3:DeleteObject", "/*", Null={"s3:if-match": "true"})

    answer = bucket.s3.delete_objects(
        Bucket=bucket.name,
        Delete={"Objects": [{"Key": "one", "ETag": etag}, {"Key": "two", "ETag": '"0123"'}]},
    )

    assert [deleted["Key"] for deleted in answer["Deleted"]] == ["one"]
    assert [(error["Key"], error["Code"]) for error in answer["Errors"]] == [("two", "PreconditionFailed")]


def test_an_unconditional_delete_is_denied_where_an_etag_is_demanded(bucket: Bucket):
    etag = bucket.put("originals/a")["ETag"]
    deny(bucket, "s3:DeleteObject", "/originals/*", Null={"s3:if-match": "true"})

    assert_denied(bucket.s3.delete_object, Bucket=bucket.name, Key="originals/a")
    bucket.s3.delete_object(Bucket=bucket.name, Key="originals/a", IfMatch=etag)

    assert bucket.s3.list_objects_v2(Bucket=bucket.name)["KeyCount"] == 0


def never_overwrite(bucket: Bucket) -> None:
    deny(
        bucket,
        "s3:PutObject",
        "/originals/*",
        Null={"s3:if-none-match": "true"},
        Bool={"s3:ObjectCreationOperation": "true"},
    )


def test_an_object_cannot_be_put_unconditionally_where_that_is_denied(bucket: Bucket):
    never_overwrite(bucket)

    assert_denied(bucket.s3.put_object, Bucket=bucket.name, Key="originals/a", Body=b"x")
    bucket.s3.put_object(Bucket=bucket.name, Key="originals/a", Body=b"x", IfNoneMatch="*")

    assert bucket.s3.head_object(Bucket=bucket.name, Key="originals/a")["ContentLength"] == 1


def test_parts_create_no_object_and_the_completion_does(bucket: Bucket):
    never_overwrite(bucket)
    upload = bucket.begin("originals/a")
    parts = [upload.put(1, b"x")]
    unconditional = upload.completion_url()

    assert bucket.bench.strictly("POST", unconditional, completion_body(parts)).outcome == DENIED
    upload.complete(parts, IfNoneMatch="*")

    assert bucket.s3.head_object(Bucket=bucket.name, Key="originals/a")["ContentLength"] == 1


def test_a_copy_is_an_object_too(bucket: Bucket):
    bucket.put("outputs/a")
    never_overwrite(bucket)
    source: Any = {"Bucket": bucket.name, "Key": "outputs/a"}

    assert_denied(bucket.s3.copy_object, Bucket=bucket.name, Key="originals/a", CopySource=source)


def test_a_copy_needs_the_right_to_read_its_source(bucket: Bucket):
    bucket.put("secret/a")
    deny(bucket, "s3:GetObject", "/secret/*")
    source: Any = {"Bucket": bucket.name, "Key": "secret/a"}

    assert_denied(bucket.s3.copy_object, Bucket=bucket.name, Key="open/a", CopySource=source)


@pytest.mark.parametrize(("age_s", "status"), [(899, 200), (902, 403)])
def test_an_old_signature_is_denied_whatever_expiry_it_claims(bucket: Bucket, age_s: int, status: int):
    url = bucket.presigned("put_object", expires_s=3600)
    deny(bucket, "s3:*", NumericGreaterThan={"s3:signatureAge": "900000"})
    bucket.bench.clock.advance(age_s)

    assert bucket.bench.strictly("PUT", url, b"x").status == status


def test_a_way_of_signing_can_be_denied(bucket: Bucket):
    bucket.put()
    deny(bucket, "s3:*", StringEquals={"s3:authType": "REST-QUERY-STRING"})

    assert bucket.bench.strictly("GET", bucket.presigned("get_object")).outcome == DENIED
    assert bucket.s3.get_object(Bucket=bucket.name, Key="a/film.mp4")["ContentLength"] == 4


def test_policy_and_encryption_can_be_denied(bucket: Bucket):
    deny(bucket, ["s3:PutBucketPolicy", "s3:DeleteBucketPolicy", "s3:PutEncryptionConfiguration"], "")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}

    assert_denied(bucket.s3.put_bucket_policy, Bucket=bucket.name, Policy='{"Statement": []}')
    assert_denied(bucket.s3.delete_bucket_policy, Bucket=bucket.name)
    assert_denied(
        bucket.s3.put_bucket_encryption,
        Bucket=bucket.name,
        ServerSideEncryptionConfiguration={"Rules": [rule]},
    )
    assert_denied(bucket.s3.delete_bucket_encryption, Bucket=bucket.name)


def test_one_principal_may_be_left_out_of_a_deny(bucket: Bucket):
    deny(bucket, "s3:PutObject", ArnNotEquals={"aws:PrincipalArn": PRINCIPAL_ARN})

    assert bucket.put()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_versioning_and_lifecycle_can_be_denied(bucket: Bucket):
    deny(bucket, ["s3:PutBucketVersioning", "s3:PutLifecycleConfiguration"], "")
    lifecycle: Any = {"Rules": [{"ID": "x", "Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]}

    assert_denied(
        bucket.s3.put_bucket_versioning,
        Bucket=bucket.name,
        VersioningConfiguration={"Status": "Suspended"},
    )
    assert_denied(
        bucket.s3.put_bucket_lifecycle_configuration,
        Bucket=bucket.name,
        LifecycleConfiguration=lifecycle,
    )
    assert_denied(bucket.s3.delete_bucket_lifecycle, Bucket=bucket.name)
    assert bucket.s3.get_bucket_versioning(Bucket=bucket.name)["Status"] == "Enabled"


def test_a_policy_holds_on_its_own_bucket(bucket: Bucket):
    other = bucket.bench.make_bucket(f"{bucket.name}-other")
    deny(bucket, "s3:*")

    assert_denied(bucket.s3.put_object, Bucket=bucket.name, Key="k", Body=b"")
    assert other.put()["ETag"]


def test_a_policy_that_is_not_understood_is_not_enforced_silently(bucket: Bucket):
    with pytest.raises(UnknownPolicy, match="IpAddress"):
        deny(bucket, "s3:*", IpAddress={"aws:SourceIp": "10.0.0.0/8"})


def test_a_condition_on_tags_is_taken_only_where_the_tags_are_looked_up(bucket: Bucket):
    infected = {"s3:ExistingObjectTag/Status": "bad"}

    deny(bucket, ["s3:GetObject", "s3:GetObjectVersion"], StringEquals=infected)
    with pytest.raises(UnknownPolicy, match="ExistingObjectTag"):
        deny(bucket, "s3:PutObject", StringEquals=infected)


@pytest.mark.parametrize(("value", "is_denied"), [("bad", True), ("Bad", False), (None, False)])
def test_what_has_a_tag_is_denied_by_version(bucket: Bucket, value: str | None, is_denied: bool):
    version = bucket.put()["VersionId"]
    at: Any = {"Bucket": bucket.name, "Key": "a/film.mp4"}
    if value:
        bucket.s3.put_object_tagging(**at, Tagging={"TagSet": [{"Key": "Status", "Value": value}]})
    deny(
        bucket,
        ["s3:GetObject", "s3:GetObjectVersion"],
        StringEquals={"s3:ExistingObjectTag/Status": "bad"},
    )

    for asked in (at, {**at, "VersionId": version}):
        if is_denied:
            assert_denied(bucket.s3.get_object, **asked)
        else:
            assert bucket.s3.get_object(**asked)


def enforce_our_own(bucket: Bucket) -> None:
    whole = template.load()
    names = {
        **template.defaults(whole),
        "Bucket": bucket.name,
        "Bucket.Arn": f"arn:aws:s3:::{bucket.name}",
        **NAMES,
    }
    resource = template.resolved(whole["Resources"]["BucketPolicy"]["Properties"], whole, names)
    bucket.bench.strict.enforce(bucket.name, resource["PolicyDocument"])


@pytest.mark.parametrize("kind", ["originals", "intermediates", "outputs", "measurements"])
def test_the_policy_of_our_own_storage_keeps_every_artifact(bucket: Bucket, kind: str):
    enforce_our_own(bucket)
    where: Any = {"Bucket": bucket.name, "Key": f"{kind}/a-session/1/a"}

    assert_denied(bucket.s3.put_object, **where, Body=b"x")
    put = bucket.s3.put_object(**where, Body=b"x", IfNoneMatch="*")
    assert_denied(bucket.s3.delete_object, **where)
    assert_denied(bucket.s3.delete_object, **where, VersionId=put["VersionId"])
    assert bucket.s3.delete_object(**where, IfMatch=put["ETag"])["DeleteMarker"]


@pytest.mark.parametrize("kind", ["index", "lake", "quarantine"])
def test_what_the_coordinator_keeps_for_itself_can_be_written_over_and_deleted(bucket: Bucket, kind: str):
    enforce_our_own(bucket)
    key = f"{kind}/a-session/a"
    bucket.put(key)

    assert bucket.put(key)["ETag"]
    assert bucket.s3.delete_object(Bucket=bucket.name, Key=key)["DeleteMarker"]


@pytest.mark.parametrize("subresource", ["website", "logging", "replication", "acl&tagging"])
def test_an_operation_without_a_row_in_the_table_is_not_served(bucket: Bucket, subresource: str):
    url = f"{bucket.bench.url}/{bucket.name}?{subresource}"

    assert bucket.bench.strictly("PUT", url, b"<x/>").outcome == (501, "NotImplemented")


RECONCILER = "arn:aws:iam::1:role/reelhaul-x-reconcile"


@pytest.mark.parametrize(
    ("wanted", "is_denied"),
    [
        ([RECONCILER], False),
        (["arn:*:iam::1:role/reelhaul-*"], False),
        (["arn:aws:iam::1:role/another", RECONCILER], False),
        (["arn:aws:iam::1:role/another"], True),
        (["arn:aws:iam::1:role/another", "arn:aws:iam::2:role/*"], True),
    ],
)
def test_tags_are_denied_to_all_but_the_roles_that_a_policy_names(
    bucket: Bucket, wanted: list[str], is_denied: bool
):
    bucket.bench.strict.principals["test"] = RECONCILER
    version = bucket.put()["VersionId"]
    deny(bucket, "s3:PutObjectVersionTagging", ArnNotLike={"aws:PrincipalArn": wanted})
    tag = {
        "Bucket": bucket.name,
        "Key": "a/film.mp4",
        "VersionId": version,
        "Tagging": {"TagSet": [{"Key": "reelhaul", "Value": "cleaned"}]},
    }

    if is_denied:
        assert_denied(bucket.s3.put_object_tagging, **tag)
    else:
        bucket.s3.put_object_tagging(**tag)
    bucket.bench.strict.principals.clear()
