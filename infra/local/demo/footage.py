"""What the bucket has, read back and compared: the demo trusts nobody's word."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from awscrt import checksums
from botocore.exceptions import ClientError

from infra.local.camera import CardFile
from infra.local.demo.story import DemoFailed, Story
from infra.local.stack import World

Receipt = Mapping[str, Any]


def all_verified(story: Story, world: World, files: Sequence[CardFile], receipts: Sequence[Receipt]) -> bool:
    """Whether each object's bytes are the card's; raises DemoFailed at the first that are not."""
    for file, receipt in zip(files, receipts, strict=True):
        found = hashlib.sha256(version(world, receipt)).hexdigest()
        if found != file.sha256():
            raise DemoFailed(f"{receipt['key']}: S3 holds {found}, the card {file.sha256()}")
        story.line(f"{receipt['key']}: SHA-256 {found[:16]}… in S3 and on the card")
    return True


def noncurrent_match(story: Story, world: World, receipts: Sequence[Receipt]) -> bool:
    """Whether every cleaned version is still there, noncurrent, and its bytes are what its receipt says."""
    for receipt in receipts:
        body = version(world, receipt)
        crc = base64.b64encode(checksums.crc64nvme(body).to_bytes(8, "big")).decode()
        if (len(body), crc) != (receipt["size_bytes"], receipt["crc64nvme"]):
            raise DemoFailed(f"{receipt['key']}: its cleaned version is not what its receipt says")
        story.line(f"{receipt['key']}: the cleaned version is kept, {len(body)} bytes, CRC64NVME {crc}")
    return True


def current(world: World, receipts: Sequence[Receipt]) -> int:
    """How many of the receipts' keys show an object."""
    return sum(_stands(world, receipt["key"]) for receipt in receipts)


def current_sha256(world: World, key: str) -> str:
    body = world.aws.client("s3").get_object(Bucket=world.bucket, Key=key)["Body"].read()
    return hashlib.sha256(body).hexdigest()


def version(world: World, receipt: Receipt) -> bytes:
    """The bytes of exactly the version that a receipt names."""
    stored = world.aws.client("s3").get_object(
        Bucket=world.bucket, Key=receipt["key"], VersionId=receipt["version_id"]
    )
    body: bytes = stored["Body"].read()
    return body


def _stands(world: World, key: str) -> bool:
    try:
        world.aws.client("s3").head_object(Bucket=world.bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
            return False
        raise
    return True
