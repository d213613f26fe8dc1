"""A browser's form (POST on the bucket): its policy checked as S3 checks it, then a plain write of its file.

A form carries no conditional header: where the bucket's policy demands If-None-Match, a form is refused.
Source: docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

from infra.local.aws.strict_s3.signatures import Caller, form_signer
from infra.local.aws.strict_s3.wire import (
    OWN_AUTHORIZATION,
    Answer,
    Refusal,
    Request,
    elements,
    xml_answer,
)

OPERATION = "PostObject"
MEDIA_TYPE = "multipart/form-data"
MOST_BEFORE_FILE_BYTES = 20_000
STATUSES = ("200", "201", "204")

_BOUNDARY = re.compile(r'boundary="?([^";,]{1,70})"?')
_NAME = re.compile(r'\bname="([^"]*)"')
_EXEMPT = ("x-amz-signature", "file", "policy")
_OF_SIGNATURE = frozenset(
    (*_EXEMPT, "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token")
)
_NOT_HEADERS = ("key", "bucket", "acl", "success_action_status", "success_action_redirect", "tagging")


@dataclass(frozen=True)
class Form:
    """The fields of a form by lower-case name, and its file."""

    fields: Mapping[str, str]
    file: bytes = field(repr=False)
    size_before_bytes: int


@dataclass(frozen=True)
class Posted:
    """A form that may be taken: who signed it, the write that it means, and how it wants to be answered."""

    caller: Caller
    put: Request
    data: bytes = field(repr=False)
    status: int


def is_form(request: Request) -> bool:
    """Whether the request is a browser's form for a bucket."""
    is_multipart = (request.header("content-type") or "").lower().startswith(MEDIA_TYPE)
    return request.method == "POST" and is_multipart and bool(request.bucket) and not request.key


def read_form(request: Request, body: bytes, credentials: Mapping[str, str], now: datetime) -> Posted:
    """What the form asks for. Raises Refusal for one that its policy, or S3 itself, does not take."""
    form = _parsed(request, body)
    if "key" not in form.fields:
        message = "Bucket POST must contain a field named 'key'."
        raise Refusal(400, "InvalidArgument", message, ArgumentName="key")
    if "policy" not in form.fields:
        raise Refusal(403, "AccessDenied", "Access Denied")
    caller = form_signer(form.fields, credentials, now)
    _check_policy(request, form, now)
    status = form.fields.get("success_action_status", "204")
    put = _put(request, form)
    return Posted(caller, put, form.file, int(status) if status in STATUSES else 204)


def posted_answer(posted: Posted, answer: Answer) -> Answer:
    """The answer to a form whose file was written with `answer`."""
    if not answer.is_success:
        return answer
    put = posted.put
    scheme, host = put.environ["wsgi.url_scheme"], put.header("host")
    location = f"{scheme}://{host}/{put.bucket}/{quote(put.key, safe='')}"
    headers = {
        name.lower(): value for name, value in answer.headers if name.lower().startswith(("x-amz-", "etag"))
    }
    said = {"Location": location, "Bucket": put.bucket, "Key": put.key, "ETag": headers.get("etag")}
    if posted.status != 201:
        return Answer(posted.status, [*headers.items(), ("location", location)])
    told = xml_answer("PostResponse", elements(said), status=201, namespace=False)
    return told.with_headers({**headers, "location": location})


def _parsed(request: Request, body: bytes) -> Form:
    found = _BOUNDARY.search(request.header("content-type") or "")
    if found is None:
        raise _malformed("The body of your POST request is not well-formed multipart/form-data.")
    fields: dict[str, str] = {}
    delimiter = b"--" + found[1].encode()
    at = 0
    while body.startswith(delimiter + b"\r\n", at):
        head_at = at + len(delimiter) + 2
        content_at = body.find(b"\r\n\r\n", head_at) + 4
        end = body.find(b"\r\n" + delimiter, content_at)
        name = _NAME.search(body[head_at : max(content_at, head_at)].decode("utf-8", "replace"))
        if content_at < 4 or end < 0 or name is None:
            raise _malformed("The body of your POST request is not well-formed multipart/form-data.")
        if name[1].lower() == "file":
            # What comes after the file is ignored.
            return _demand_short(Form(fields, body[content_at:end], content_at))
        fields[name[1].lower()] = body[content_at:end].decode("utf-8", "replace")
        at = end + 2
    raise Refusal(400, "InvalidArgument", "POST requires exactly one file upload per request.")


def _demand_short(form: Form) -> Form:
    if form.size_before_bytes > MOST_BEFORE_FILE_BYTES:
        message = "Your POST request fields preceding the upload file were too large."
        raise Refusal(400, "MaxPostPreDataLengthExceeded", message)
    return form


def _malformed(message: str) -> Refusal:
    return Refusal(400, "MalformedPOSTRequest", message)


def _put(request: Request, form: Form) -> Request:
    """The write of the form's file, with the headers that its fields mean and none of the request's own."""
    environ = {name: value for name, value in request.environ.items() if not name.startswith("HTTP_X_AMZ")}
    for name in ("HTTP_IF_NONE_MATCH", "HTTP_IF_MATCH", "CONTENT_TYPE"):
        environ.pop(name, None)
    environ |= {
        # The form is judged by then; of a request that nobody signed moto writes over no object.
        "HTTP_AUTHORIZATION": OWN_AUTHORIZATION,
        "REQUEST_METHOD": "PUT",
        "PATH_INFO": f"/{request.bucket}/{form.fields['key']}".encode().decode("latin-1"),
        "RAW_URI": quote(f"/{request.bucket}/{form.fields['key']}"),
        "QUERY_STRING": "",
    }
    meant = {
        name: value
        for name, value in form.fields.items()
        if name not in _OF_SIGNATURE and name not in _NOT_HEADERS and not name.startswith("x-ignore-")
    }
    return Request.parsed(environ).with_headers(meant).with_body(form.file)


def _check_policy(request: Request, form: Form, now: datetime) -> None:
    policy = _policy_of(form.fields["policy"])
    try:
        end = _moment(policy["expiration"])
        conditions = list(map(_condition, policy["conditions"]))
    except (KeyError, TypeError, ValueError) as error:
        raise _invalid_policy("Invalid Policy: Invalid JSON.") from error
    if now >= end:
        raise _denied("Policy expired.")
    given = {**form.fields, "bucket": request.bucket}
    named = set()
    for operator, name, value in conditions:
        named.add(name)
        if operator == "content-length-range":
            _check_length(len(form.file), *value)
        elif not _holds(operator, given.get(name, ""), value):
            raise _denied(f'Policy Condition failed: ["{operator}", "${name}", "{value}"]')
    extra = sorted(form.fields.keys() - named - set(_EXEMPT) - set(_ignored(form.fields)))
    if extra:
        raise _denied(f"Extra input fields: {', '.join(extra)}")


def _moment(text: str) -> datetime:
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if "." in text else "%Y-%m-%dT%H:%M:%SZ"
    return datetime.strptime(text, form).replace(tzinfo=timezone.utc)


def _policy_of(text: str) -> Any:
    try:
        policy = json.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise _invalid_policy("Invalid Policy: Invalid JSON.") from error
    if not isinstance(policy, dict):
        raise _invalid_policy("Invalid Policy: Invalid JSON.")
    return policy


def _condition(written: Any) -> tuple[str, str, Any]:
    """Operator, name and value of a condition, in either of its two forms. Raises ValueError, TypeError."""
    if isinstance(written, dict):
        [(name, value)] = written.items()
        return "eq", name.lower(), str(value)
    operator, *rest = written
    if operator == "content-length-range":
        first, last = (int(size) for size in rest)
        return operator, operator, (first, last)
    name, value = rest
    if operator not in ("eq", "starts-with") or not name.startswith("$"):
        raise ValueError(operator)
    return operator, name[1:].lower(), str(value)


def _holds(operator: str, given: str, wanted: str) -> bool:
    return given == wanted if operator == "eq" else given.startswith(wanted)


def _check_length(size_bytes: int, least: int, most: int) -> None:
    if size_bytes < least:
        raise Refusal(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
    if size_bytes > most:
        raise Refusal(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size")


def _ignored(fields: Mapping[str, str]) -> Iterator[str]:
    return (name for name in fields if name.startswith("x-ignore-"))


def _invalid_policy(message: str) -> Refusal:
    return Refusal(400, "InvalidPolicyDocument", message)


def _denied(why: str) -> Refusal:
    return Refusal(403, "AccessDenied", f"Invalid according to Policy: {why}")
