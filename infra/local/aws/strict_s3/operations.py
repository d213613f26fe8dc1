"""Which operation of S3 a request is, and which permissions it needs: the one table of both.

Source: docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

from infra.local.aws.strict_s3.wire import Refusal, Request

# (method, sub-resource) -> (operation, permission)
Table = Mapping[tuple[str, str], tuple[str, str]]

OBJECT: Table = {
    ("GET", ""): ("GetObject", "GetObject"),
    ("GET", "uploadId"): ("ListParts", "ListMultipartUploadParts"),
    ("GET", "acl"): ("GetObjectAcl", "GetObjectAcl"),
    ("GET", "attributes"): ("GetObjectAttributes", "GetObjectAttributes"),
    ("GET", "legal-hold"): ("GetObjectLegalHold", "GetObjectLegalHold"),
    ("GET", "retention"): ("GetObjectRetention", "GetObjectRetention"),
    ("GET", "tagging"): ("GetObjectTagging", "GetObjectTagging"),
    ("HEAD", ""): ("HeadObject", "GetObject"),
    ("PUT", ""): ("PutObject", "PutObject"),
    ("PUT", "x-amz-copy-source"): ("CopyObject", "PutObject"),
    ("PUT", "uploadId"): ("UploadPart", "PutObject"),
    ("PUT", "uploadId+x-amz-copy-source"): ("UploadPartCopy", "PutObject"),
    ("PUT", "acl"): ("PutObjectAcl", "PutObjectAcl"),
    ("PUT", "legal-hold"): ("PutObjectLegalHold", "PutObjectLegalHold"),
    ("PUT", "retention"): ("PutObjectRetention", "PutObjectRetention"),
    ("PUT", "tagging"): ("PutObjectTagging", "PutObjectTagging"),
    ("POST", "uploads"): ("CreateMultipartUpload", "PutObject"),
    ("POST", "uploadId"): ("CompleteMultipartUpload", "PutObject"),
    ("POST", "restore"): ("RestoreObject", "RestoreObject"),
    ("DELETE", ""): ("DeleteObject", "DeleteObject"),
    ("DELETE", "uploadId"): ("AbortMultipartUpload", "AbortMultipartUpload"),
    ("DELETE", "tagging"): ("DeleteObjectTagging", "DeleteObjectTagging"),
}
BUCKET: Table = {
    ("HEAD", ""): ("HeadBucket", "ListBucket"),
    ("GET", ""): ("ListObjects", "ListBucket"),
    ("GET", "list-type"): ("ListObjectsV2", "ListBucket"),
    ("GET", "versions"): ("ListObjectVersions", "ListBucketVersions"),
    ("GET", "uploads"): ("ListMultipartUploads", "ListBucketMultipartUploads"),
    ("GET", "acl"): ("GetBucketAcl", "GetBucketAcl"),
    ("GET", "cors"): ("GetBucketCors", "GetBucketCORS"),
    ("GET", "encryption"): ("GetBucketEncryption", "GetEncryptionConfiguration"),
    ("GET", "lifecycle"): ("GetBucketLifecycleConfiguration", "GetLifecycleConfiguration"),
    ("GET", "location"): ("GetBucketLocation", "GetBucketLocation"),
    ("GET", "notification"): ("GetBucketNotificationConfiguration", "GetBucketNotification"),
    ("GET", "object-lock"): ("GetObjectLockConfiguration", "GetBucketObjectLockConfiguration"),
    ("GET", "ownershipControls"): ("GetBucketOwnershipControls", "GetBucketOwnershipControls"),
    ("GET", "policy"): ("GetBucketPolicy", "GetBucketPolicy"),
    ("GET", "publicAccessBlock"): ("GetPublicAccessBlock", "GetBucketPublicAccessBlock"),
    ("GET", "tagging"): ("GetBucketTagging", "GetBucketTagging"),
    ("GET", "versioning"): ("GetBucketVersioning", "GetBucketVersioning"),
    ("PUT", ""): ("CreateBucket", "CreateBucket"),
    ("PUT", "acl"): ("PutBucketAcl", "PutBucketAcl"),
    ("PUT", "cors"): ("PutBucketCors", "PutBucketCORS"),
    ("PUT", "encryption"): ("PutBucketEncryption", "PutEncryptionConfiguration"),
    ("PUT", "lifecycle"): ("PutBucketLifecycleConfiguration", "PutLifecycleConfiguration"),
    ("PUT", "notification"): ("PutBucketNotificationConfiguration", "PutBucketNotification"),
    ("PUT", "object-lock"): ("PutObjectLockConfiguration", "PutBucketObjectLockConfiguration"),
    ("PUT", "ownershipControls"): ("PutBucketOwnershipControls", "PutBucketOwnershipControls"),
    ("PUT", "policy"): ("PutBucketPolicy", "PutBucketPolicy"),
    ("PUT", "publicAccessBlock"): ("PutPublicAccessBlock", "PutBucketPublicAccessBlock"),
    ("PUT", "tagging"): ("PutBucketTagging", "PutBucketTagging"),
    ("PUT", "versioning"): ("PutBucketVersioning", "PutBucketVersioning"),
    ("POST", ""): ("PostObject", "PutObject"),
    ("POST", "delete"): ("DeleteObjects", "DeleteObject"),
    ("DELETE", ""): ("DeleteBucket", "DeleteBucket"),
    ("DELETE", "cors"): ("DeleteBucketCors", "PutBucketCORS"),
    ("DELETE", "encryption"): ("DeleteBucketEncryption", "PutEncryptionConfiguration"),
    ("DELETE", "lifecycle"): ("DeleteBucketLifecycle", "PutLifecycleConfiguration"),
    ("DELETE", "ownershipControls"): ("DeleteBucketOwnershipControls", "PutBucketOwnershipControls"),
    ("DELETE", "policy"): ("DeleteBucketPolicy", "DeleteBucketPolicy"),
    ("DELETE", "publicAccessBlock"): ("DeletePublicAccessBlock", "PutBucketPublicAccessBlock"),
    ("DELETE", "tagging"): ("DeleteBucketTagging", "PutBucketTagging"),
}
SERVICE: Table = {("GET", ""): ("ListBuckets", "ListAllMyBuckets")}

# Sub-resources of S3 that nobody here uses: without this list they would pass for the plain operation.
UNSERVED = frozenset(
    {
        *(
            "accelerate",
            "analytics",
            "inventory",
            "intelligent-tiering",
            "logging",
            "metadataTable",
            "metrics",
        ),
        *(
            "policyStatus",
            "renameObject",
            "replication",
            "requestPayment",
            "select",
            "session",
            "torrent",
            "website",
        ),
    }
)
SUBRESOURCES = frozenset(sub for _, sub in (*OBJECT, *BUCKET)) | UNSERVED

OF_VERSIONS = {
    "GetObject": "GetObjectVersion",
    "GetObjectAcl": "GetObjectVersionAcl",
    "GetObjectAttributes": "GetObjectVersionAttributes",
    "GetObjectTagging": "GetObjectVersionTagging",
    "PutObjectAcl": "PutObjectVersionAcl",
    "PutObjectTagging": "PutObjectVersionTagging",
    "DeleteObject": "DeleteObjectVersion",
    "DeleteObjectTagging": "DeleteObjectVersionTagging",
}
# What s3:ObjectCreationOperation says; it is absent from all other operations.
CREATES_OBJECT = {
    "PutObject": True,
    "PostObject": True,
    "CopyObject": True,
    "CompleteMultipartUpload": True,
    "CreateMultipartUpload": False,
    "UploadPart": False,
    "UploadPartCopy": False,
}
WRITES_KEY = frozenset(name for (method, _), (name, _) in OBJECT.items() if method not in ("GET", "HEAD"))


@dataclass(frozen=True)
class Demand:
    """A permission that a request needs, and on what. `key` is empty where the bucket itself is meant.

    `version_id` is that of a version that is read, None for the current one.
    """

    action: str
    bucket: str
    key: str = ""
    version_id: str | None = None

    @property
    def resource(self) -> str:
        return f"arn:aws:s3:::{self.bucket}/{self.key}" if self.key else f"arn:aws:s3:::{self.bucket}"


@dataclass(frozen=True)
class CopySource:
    """The object, or the version of it, that a copying request reads."""

    bucket: str
    key: str
    version_id: str | None

    @classmethod
    def of(cls, request: Request) -> CopySource | None:
        header = request.header("x-amz-copy-source")
        if header is None:
            return None
        path, _, query = header.partition("?")
        bucket, _, key = unquote(path).lstrip("/").partition("/")
        return cls(bucket, key, parse_qs(query).get("versionId", [None])[0])


def operation_of(request: Request) -> str:
    """The name of the operation, as in S3's API. Raises Refusal for what is not served here."""
    return _row(request)[0]


def demands_of(request: Request) -> list[Demand]:
    """The permissions that the request needs; those of DeleteObjects are in its body, one for each key."""
    action = _row(request)[1]
    version_id = request.parameters.get("versionId")
    demands = [Demand(_of_version(action, version_id), request.bucket, request.key, version_id)]
    source = CopySource.of(request)
    if request.key and request.header("x-amz-tagging") is not None:
        # Tags that come with the object: without this right S3 refuses the whole write.
        demands.append(Demand("s3:PutObjectTagging", request.bucket, request.key))
    if action == "DeleteObject" and request.header("if-match") not in (None, "*"):
        # The comparison tells something of the object; `*` does not.
        demands.append(Demand("s3:GetObject", request.bucket, request.key))
    if source:
        action = _of_version("GetObject", source.version_id)
        demands.append(Demand(action, source.bucket, source.key, source.version_id))
    return demands


def demand_to_delete(bucket: str, key: str, version_id: str | None) -> Demand:
    return Demand(_of_version("DeleteObject", version_id), bucket, key)


def _of_version(action: str, version_id: str | None) -> str:
    return f"s3:{OF_VERSIONS.get(action, action) if version_id else action}"


def _row(request: Request) -> tuple[str, str]:
    table = OBJECT if request.key else BUCKET if request.bucket else SERVICE
    found = table.get((request.method, _subresource(request)))
    if found is None:
        raise Refusal(501, "NotImplemented", "This local S3 does not serve that operation.")
    return found


def _subresource(request: Request) -> str:
    # Methods share sub-resource names, so the table alone decides which of them mean something together.
    named = sorted(request.parameters.keys() & SUBRESOURCES)
    if request.method == "PUT" and request.key and request.header("x-amz-copy-source") is not None:
        named.append("x-amz-copy-source")
    return "+".join(named)
