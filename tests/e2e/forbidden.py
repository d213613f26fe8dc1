"""What each role must be denied, written out: calls as botocore names them, with the right that each lacks.

Words in braces are filled with the names of the stage: {bucket}, {table}, {orders}, {dead_letters}, {notifications}.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """One call of AWS; `right` is what it lacks."""

    right: str
    method: str
    params: Mapping[str, Any]

    @property
    def service(self) -> str:
        """As boto3 calls it."""
        service = self.right.partition(":")[0]
        return "apigatewaymanagementapi" if service == "execute-api" else service

    def filled(self, names: Mapping[str, str]) -> dict[str, Any]:
        """Its parameters with the names of a stage."""
        return {name: _filled(value, names) for name, value in self.params.items()}


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return value.format_map(names)
    if isinstance(value, Mapping):
        return {name: _filled(one, names) for name, one in value.items()}
    return [_filled(one, names) for one in value] if isinstance(value, list) else value


def on_object(right: str, method: str, key: str, **params: Any) -> Call:
    return Call(f"s3:{right}", method, {"Bucket": "{bucket}", "Key": key, **params})


def on_bucket(right: str, method: str, **params: Any) -> Call:
    return Call(f"s3:{right}", method, {"Bucket": "{bucket}", **params})


def on_item(operation: str, pk: str, table: str = "{table}") -> Call:
    """A write of one item, or a read of it."""
    method = {
        "PutItem": "put_item",
        "UpdateItem": "update_item",
        "DeleteItem": "delete_item",
        "GetItem": "get_item",
    }
    name = "Item" if operation == "PutItem" else "Key"
    key = {"pk": {"S": pk}, "sk": {"S": "x"}}
    return Call(f"dynamodb:{operation}", method[operation], {"TableName": table, name: key})


def on_table(right: str, method: str, **params: Any) -> Call:
    return Call(f"dynamodb:{right}", method, {"TableName": "{table}", **params})


def to_queue(name: str) -> Call:
    return Call("sqs:SendMessage", "send_message", {"QueueUrl": name, "MessageBody": "{{}}"})


def to_topic(name: str) -> Call:
    return Call("sns:Publish", "publish", {"TopicArn": name, "Message": "x"})


def to_page(method: str = "post_to_connection", **params: Any) -> Call:
    return Call("execute-api:ManageConnections", method, {"ConnectionId": "c=", **params})


def of_function(name: str) -> Call:
    params = {"FunctionName": f"reelhaul-local-{name}", "InvocationType": "Event", "Payload": "{{}}"}
    return Call("lambda:InvokeFunction", "invoke", params)


KINDS = ("originals", "intermediates", "outputs", "measurements", "proxies")
TAGS = {"TagSet": [{"Key": "reelhaul", "Value": "cleaned"}]}


def _puts(*prefixes: str) -> tuple[Call, ...]:
    return tuple(on_object("PutObject", "put_object", f"{prefix}/main/x/film.mp4") for prefix in prefixes)


def _deletes(*prefixes: str) -> tuple[Call, ...]:
    return tuple(
        on_object("DeleteObject", "delete_object", f"{prefix}/main/x/film.mp4") for prefix in prefixes
    )


def _tags(*prefixes: str) -> tuple[Call, ...]:
    return tuple(
        on_object(
            "PutObjectVersionTagging", "put_object_tagging", f"{each}/main/x/a", VersionId="v", Tagging=TAGS
        )
        for each in prefixes
    )


def _aborts(*prefixes: str) -> tuple[Call, ...]:
    return tuple(
        on_object("AbortMultipartUpload", "abort_multipart_upload", f"{each}/main/x/a", UploadId="u")
        for each in prefixes
    )


EVERYBODY = (
    on_object("DeleteObjectVersion", "delete_object", "originals/main/x/film.mp4", VersionId="v"),
    on_object("DeleteObjectVersion", "delete_object", "index/main/x/film", VersionId="v"),
    on_object("PutObjectTagging", "put_object_tagging", "originals/main/x/film.mp4", Tagging=TAGS),
    on_object(
        "DeleteObjectVersionTagging", "delete_object_tagging", "originals/main/x/film.mp4", VersionId="v"
    ),
    on_object("RestoreObject", "restore_object", "originals/main/x/film.mp4", RestoreRequest={"Days": 1}),
    on_object("GetObject", "get_object", "deploys/1/package.zip"),
    on_object("PutObject", "put_object", "deploys/1/package.zip"),
    Call("s3:GetObject", "get_object", {"Bucket": "{bucket}-other", "Key": "originals/main/x/film.mp4"}),
    Call("s3:GetObject", "get_object", {"Bucket": "{bucket}-other", "Key": "index/main/x/film"}),
    Call("s3:PutObject", "put_object", {"Bucket": "{bucket}-other", "Key": "originals/main/x/film.mp4"}),
    Call("s3:ListAllMyBuckets", "list_buckets", {}),
    on_bucket("ListBucketVersions", "list_object_versions"),
    on_bucket("DeleteBucket", "delete_bucket"),
    on_bucket("PutBucketPolicy", "put_bucket_policy", Policy="{{}}"),
    on_bucket("DeleteBucketPolicy", "delete_bucket_policy"),
    on_bucket(
        "PutBucketVersioning", "put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"}
    ),
    on_bucket("PutLifecycleConfiguration", "delete_bucket_lifecycle"),
    on_bucket("PutBucketNotification", "put_bucket_notification_configuration", NotificationConfiguration={}),
    on_table("DeleteTable", "delete_table"),
    on_table("UpdateTable", "update_table", BillingMode="PAY_PER_REQUEST"),
    on_table("Scan", "scan"),
    on_item("PutItem", "SESSION#main/x", table="another-table"),
    on_item("PutItem", "TOKEN#t"),
    on_item("PutItem", "TOKENS"),
    on_item("PutItem", "DEVICE#d"),
    on_item("PutItem", "CLEANUP"),
    on_item("DeleteItem", "AUDIT#main/x"),
    on_item("UpdateItem", "AUDIT#main/x"),
    on_item("DeleteItem", "TOKEN#t"),
    on_item("DeleteItem", "UPLOAD#u"),
    to_page("delete_connection"),
    to_page("get_connection"),
    to_queue("{orders}-other"),
    Call("sqs:ReceiveMessage", "receive_message", {"QueueUrl": "{orders}"}),
    Call("sqs:PurgeQueue", "purge_queue", {"QueueUrl": "{orders}"}),
    Call("sqs:PurgeQueue", "purge_queue", {"QueueUrl": "{dead_letters}"}),
    to_topic("{notifications}-other"),
    of_function("reconcile"),
    Call("lambda:DeleteFunction", "delete_function", {"FunctionName": "reelhaul-local"}),
    Call("iam:CreateUser", "create_user", {"UserName": "intruder"}),
    Call(
        "iam:PutRolePolicy",
        "put_role_policy",
        {"RoleName": "reelhaul-local-reconcile", "PolicyName": "more", "PolicyDocument": "{{}}"},
    ),
    Call("sts:AssumeRole", "assume_role", {"RoleArn": "{reconciler}", "RoleSessionName": "intruder"}),
    Call("ssm:PutParameter", "put_parameter", {"Name": "/cdn/key", "Value": "x", "Type": "String"}),
    Call("kms:ScheduleKeyDeletion", "schedule_key_deletion", {"KeyId": "k"}),
    Call("logs:DeleteLogGroup", "delete_log_group", {"logGroupName": "/aws/lambda/reelhaul-local"}),
)
"""What no function may do."""

ONLY_THE_RECONCILER = (
    *_deletes(*KINDS, "index", "lake"),
    *_tags(*KINDS),
    on_bucket("ListBucketMultipartUploads", "list_multipart_uploads"),
    on_bucket("GetLifecycleConfiguration", "get_bucket_lifecycle_configuration"),
    on_item("DeleteItem", "NOTICES#"),
    on_item("UpdateItem", "SPENT#2026-11-21"),
    on_item("PutItem", "SWEEP#"),
    on_item("PutItem", "ROUND#"),
    on_item("PutItem", "WATCH#main"),
    to_topic("{notifications}"),
    of_function("on_measurements"),
)
"""What all others may not do."""

ONLY_THE_API = (
    on_item("PutItem", "TICKET#t"),
    on_item("PutItem", "SECRETS#t"),
    on_item("PutItem", "CODE#c"),
    on_item("PutItem", "SHARE#s"),
    on_item("PutItem", "SHARES#main/x"),
    on_item("PutItem", "LOGIN#t"),
    on_item("UpdateItem", "LOGIN#t"),
    on_item("DeleteItem", "LOGIN#t"),
    on_item("PutItem", "GROUP#main/g"),
    on_item("UpdateItem", "LIMIT#main"),
    on_item("UpdateItem", "WATCH#main"),
    on_object("GetObject", "get_object", "index/main/x/film"),
    Call(
        "dynamodb:BatchGetItem",
        "batch_get_item",
        {"RequestItems": {"{table}": {"Keys": [{"pk": {"S": "x"}}]}}},
    ),
    Call("sqs:GetQueueAttributes", "get_queue_attributes", {"QueueUrl": "{dead_letters}"}),
)
"""What all others may not do."""

ONLY_SOCKETS = (on_item("PutItem", "SOCKETS#all"), on_item("DeleteItem", "TICKET#t"))
"""What only the functions of sockets may do."""

HEARS_ONLY = (
    *ONLY_SOCKETS,
    on_object("GetObject", "get_object", "proxies/main/x/film.mp4"),
    *ONLY_THE_RECONCILER,
    *ONLY_THE_API,
    *_puts(*KINDS),
    *_aborts(*KINDS),
    on_item("GetItem", "SESSION#main/x"),
    on_item("PutItem", "HEARD#d"),
)
"""What the functions that hear S3's events may not do."""

NO_INDEX = _puts("index", "lake")

OF_SOCKETS_QUERY: Mapping[str, Any] = {
    "KeyConditionExpression": "pk = :pk",
    "ExpressionAttributeValues": {":pk": {"S": "SOCKETS#all"}},
}

OF_SOCKETS = (
    *EVERYBODY,
    *ONLY_THE_RECONCILER,
    *(on_object("GetObject", "get_object", f"{prefix}/main/x/film.mp4") for prefix in KINDS),
    *_puts(*KINDS, "index", "lake"),
    on_item("GetItem", "SESSION#main/x"),
    on_item("PutItem", "SESSION#main/x"),
    on_item("DeleteItem", "SESSION#main/x"),
    on_item("UpdateItem", "COUNT#main"),
    to_page(Data="{{}}"),
    to_queue("{orders}"),
)
"""What the functions of sockets may not do."""

FORBIDDEN: Mapping[str, tuple[Call, ...]] = {
    "api_handler": (
        *EVERYBODY,
        *ONLY_THE_RECONCILER,
        *ONLY_SOCKETS,
        *NO_INDEX,
        on_object("GetObject", "get_object", "lake/kind=papi/film.parquet"),
        to_queue("{dead_letters}"),
    ),
    "on_original": (*EVERYBODY, *HEARS_ONLY, *NO_INDEX),
    "on_output": (*EVERYBODY, *HEARS_ONLY),
    "on_measurements": (*EVERYBODY, *HEARS_ONLY),
    "reconcile": (
        *EVERYBODY,
        *ONLY_THE_API,
        *ONLY_SOCKETS,
        *_deletes("outputs", "measurements", "proxies"),
        *_tags("outputs", "measurements", "proxies"),
        of_function("on_output"),
    ),
    "take_stock": (
        *EVERYBODY,
        *HEARS_ONLY,
        *NO_INDEX,
        *(on_object("GetObject", "get_object", f"{prefix}/main/x/film.mp4") for prefix in KINDS),
        on_item("PutItem", "SESSION#main/x"),
        on_item("PutItem", "UPLOAD#u"),
        on_item("UpdateItem", "COUNT#main"),
        on_item("DeleteItem", "SESSION#main/x"),
        on_item("DeleteItem", "SOCKETS#all"),
        to_page(Data="{{}}"),
        to_queue("{orders}"),
    ),
    "websocket_connect": (*OF_SOCKETS, on_item("PutItem", "TICKET#t"), on_item("DeleteItem", "SOCKETS#all")),
    "websocket_disconnect": (*OF_SOCKETS, *ONLY_SOCKETS, on_table("Query", "query", **OF_SOCKETS_QUERY)),
}
