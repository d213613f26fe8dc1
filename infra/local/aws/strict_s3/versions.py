"""Versions as S3 tells of them: their ids, delete markers, and conditions on the current one.

Sources: docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (markers),
docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

from infra.local.aws.strict_s3 import xml
from infra.local.aws.strict_s3.wire import (
    Answer,
    MarkerMet,
    Refusal,
    Request,
    inner,
)

Ask = Callable[[Request], Answer]

# The form of moto's ids; S3's own are of one form too, and it tells another form from a version that is not there.
VERSION_ID = re.compile(r"null|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def check_version_id(version_id: str | None) -> None:
    """Raise Refusal (InvalidArgument) unless it is absent or could be one."""
    if version_id is None or VERSION_ID.fullmatch(version_id):
        return
    details = {"ArgumentName": "versionId", "ArgumentValue": version_id}
    raise Refusal(400, "InvalidArgument", "Invalid version id specified", **details)


def query_of(version_id: str | None) -> str:
    return f"versionId={quote(version_id, safe='')}" if version_id else ""


def looked_up(ask: Ask, request: Request, bucket: str, key: str, version_id: str | None = None) -> Answer:
    """The answer to HEAD for the current version, or for that one; see `marker_id` for delete markers."""
    return ask(inner(request, "HEAD", bucket, key, query_of(version_id)))


def tags_of(ask: Ask, request: Request, bucket: str, key: str, version_id: str | None) -> dict[str, str]:
    """The tags of the current version, or of that one, by name; none where there is no such object."""
    query = "&".join(each for each in ("tagging", query_of(version_id)) if each)
    answer = ask(inner(request, "GET", bucket, key, query))
    if not answer.is_success:
        return {}
    tags = [
        tag for tags in xml.children(xml.parsed(answer.body), "TagSet") for tag in xml.children(tags, "Tag")
    ]
    return {xml.text(tag, "Key") or "": xml.text(tag, "Value") or "" for tag in tags}


def marker_id(looked: Answer) -> str | None:
    """The version id of the delete marker that a HEAD met; None when it met none."""
    return looked.header("x-amz-version-id") if looked.header("x-amz-delete-marker") == "true" else None


def no_such_key(key: str) -> Refusal:
    return Refusal(404, "NoSuchKey", "The specified key does not exist.", Key=key)


def hidden_by_marker(key: str, marker: str) -> Refusal:
    """Of a key whose current version is a delete marker."""
    return MarkerMet(404, "NoSuchKey", "The specified key does not exist.", {}, marker, Key=key)


def marker_asked_for(method: str, marker: str) -> Refusal:
    """Of a delete marker that was asked for by its version id."""
    message = "The specified method is not allowed against this resource."
    details = {"Method": method, "ResourceType": "DeleteMarker"}
    return MarkerMet(405, "MethodNotAllowed", message, {"allow": "DELETE"}, marker, **details)


def precondition_failed() -> Refusal:
    message = "At least one of the pre-conditions you specified did not hold"
    return Refusal(412, "PreconditionFailed", message)


def check_current_etag(ask: Ask, request: Request, key: str, etag: str) -> None:
    """Refuse unless the current version has that ETag, or is an object at all where it is `*`.

    Raises Refusal: 412 for another ETag, and for `*` on a delete marker; 404 where nothing was ever written.
    That an ETag meets a delete marker is not documented for DELETE; 404 is what S3 documents there for PUT.
    """
    current = looked_up(ask, request, request.bucket, key)
    if etag == "*" and marker_id(current):
        raise precondition_failed()
    if not current.is_success:
        raise no_such_key(key)
    if etag != "*" and etag.strip('"') != (current.header("etag") or "").strip('"'):
        raise precondition_failed()
