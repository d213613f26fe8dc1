"""What flows ask of AWS on the real adapters, as the rights that it takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.contracts.worlds import AwsWorld
from tests.infra.test_policies import BUCKET, INDEXER, NOTIFICATIONS, ORDERS, PAGES, TABLE, Rights

OF_OBJECTS = {
    "PutObjectTagging of a version": ("s3:PutObjectVersionTagging",),
    "GetObjectTagging of a version": ("s3:GetObjectVersionTagging",),
    "CreateMultipartUpload": ("s3:PutObject",),
    "CompleteMultipartUpload": ("s3:PutObject",),
    "UploadPartCopy": ("s3:PutObject",),
    "PutObject": ("s3:PutObject",),
    "ListParts": ("s3:ListMultipartUploadParts",),
    "AbortMultipartUpload": ("s3:AbortMultipartUpload",),
    "HeadObject": ("s3:GetObject",),
    "GetObject": ("s3:GetObject",),
    "GetObject of a version": ("s3:GetObjectVersion",),
    # Signed here, asked by whoever has the address: S3 judges the signer's rights.
    "part_urls": ("s3:PutObject",),
    "landing_part_url": ("s3:PutObject",),
    "form": ("s3:PutObject",),
    "read_url": ("s3:GetObjectVersion",),
    "DeleteObject": ("s3:DeleteObject",),
    # If-Match reads the ETag.
    "DeleteObject by its ETag": ("s3:DeleteObject", "s3:GetObject"),
}
"""Rights on the object. Source: docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html"""

OF_THE_BUCKET = {
    "ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "GetBucketVersioning": "s3:GetBucketVersioning",
    "GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    # Without it a missing object is 403, not 404.
    "HeadObject": "s3:ListBucket",
    "GetObject": "s3:ListBucket",
}


OF_OTHERS = {"send": ORDERS, "publish": NOTIFICATIONS, "request": INDEXER, "PostToConnection": PAGES}
"""Rights on what is neither an object nor the bucket nor the table, by the port's method."""


@dataclass(frozen=True)
class Asked:
    """The operations that were asked so far, each with its parameters."""

    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def hear(self, params: dict[str, Any], model: Any, **_others: Any) -> None:
        """For botocore: called with every request before it is made."""
        self.calls.append((model.name, params))

    @contextmanager
    def by_others(self) -> Iterator[None]:
        """Whatever is asked within is not the function's."""
        before = len(self.calls)
        yield
        del self.calls[before:]

    def rights(self) -> Rights:
        return {right for operation, params in self.calls for right in _needed(operation, params)}

    def written_keys(self) -> Rights:
        """The writes into the table, each with the kind of key that it wrote: `SESSION#*`."""
        return {
            (action, f"{pk.partition('#')[0]}#*")
            for operation, params in self.calls
            for action, pk in _writes(operation, params)
        }


class Heard:
    """A port whose calls are noted before they are made, as if its methods were AWS's operations."""

    def __init__(self, port: object, asked: Asked) -> None:
        self._port = port
        self._asked = asked

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self._asked.calls.append((name, {"Key": args[0]}))
            return getattr(self._port, name)(*args, **kwargs)

        return call


@contextmanager
def hearing(world: AwsWorld, asked: Asked) -> Iterator[None]:
    """While within, every request of the world's clients is in `asked`."""
    clients: list[Any] = [world.clients.s3, world.clients.dynamodb]
    for client in clients:
        client.meta.events.register("before-parameter-build", asked.hear)
    yield
    for client in clients:
        client.meta.events.unregister("before-parameter-build", asked.hear)


def _needed(operation: str, params: dict[str, Any]) -> Rights:
    """What a call needs. A transaction needs the right of each of its items, a copy that of its source."""
    if operation in OF_OTHERS:
        return OF_OTHERS[operation]
    if operation == "TransactWriteItems":
        return {(f"dynamodb:{act}Item", TABLE) for item in params["TransactItems"] for act in item}
    if operation == "BatchGetItem":
        return {("dynamodb:BatchGetItem", TABLE)}
    if "TableName" in params:
        index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
        return {(f"dynamodb:{operation}", TABLE + index)}
    if "VersionId" in params:
        operation = f"{operation} of a version"
    if "IfMatch" in params:
        operation = f"{operation} by its ETag"
    found = {(action, _objects(params["Key"])) for action in OF_OBJECTS.get(operation, ())}
    if operation in OF_THE_BUCKET:
        found.add((OF_THE_BUCKET[operation], BUCKET))
    if "CopySource" in params:
        # By now as the header has it: bucket/key?versionId=...
        source, _, version_id = params["CopySource"].partition("?versionId=")
        found |= _needed("GetObject", {"Key": unquote(source.partition("/")[2]), "VersionId": version_id})
    assert found, f"nobody said which right {operation} needs"
    return found


def _objects(key: str) -> str:
    """The objects of the key's kind, as policies name them."""
    return f"{BUCKET}/{key.partition('/')[0]}/*"


def _writes(operation: str, params: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if operation == "TransactWriteItems":
        for item in params["TransactItems"]:
            for act, said in item.items():
                yield f"dynamodb:{act}Item", _pk(said)
    elif operation in ("PutItem", "UpdateItem", "DeleteItem"):
        yield f"dynamodb:{operation}", _pk(params)


def _pk(said: dict[str, Any]) -> str:
    """The partition key of what is written: an item of its own, or named by its key."""
    item = said["Item"] if "Item" in said else said["Key"]
    return str(item["pk"]["S"])
