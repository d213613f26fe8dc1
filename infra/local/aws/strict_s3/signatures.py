"""Signature Version 4 as S3 checks it: in the query of a presigned URL, or in the Authorization header.

Not refused, though S3 would: a wrong signature of a single chunk of a streamed body.
Source: docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import Enum
from functools import lru_cache
from urllib.parse import quote

from infra.local.aws.strict_s3.wire import Query, Refusal, Request

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
STREAMING = "STREAMING-"
STAMP = "%Y%m%dT%H%M%SZ"
LONGEST_EXPIRY_S = 604_800
CLOCK_SKEW = timedelta(minutes=15)
UNRESERVED = "-_.~"
IN_QUERY = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
)


class AuthType(Enum):
    """How a request says who it is; the values are those of the policy key s3:authType."""

    HEADER = "REST-HEADER"
    QUERY = "REST-QUERY-STRING"
    FORM = "POST"


@dataclass(frozen=True)
class Caller:
    """Who signed a request, and how. `signature_age` only where a presigned URL or a form makes it matter."""

    access_key: str
    auth_type: AuthType
    signature_age: timedelta | None = None


@dataclass(frozen=True)
class _Scope:
    """What a Credential says: whose key, and the day, region and service it signs for."""

    access_key: str
    date: str
    region: str
    service: str

    @classmethod
    def parsed(cls, credential: str) -> _Scope | None:
        # An access key may hold slashes; the scope after it is always four words.
        words = credential.rsplit("/", 4)
        if len(words) != 5 or words[4] != "aws4_request":
            return None
        return cls(*words[:4])

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True)
class _Signed:
    """A signature together with all that it is said to cover."""

    scope: _Scope
    stamp: str
    names: tuple[str, ...]
    signature: str


def service_of(request: Request) -> str | None:
    """The service that a request is signed for, in its header or in its query; None when it is not signed so."""
    authorization = request.header("authorization") or ""
    credential = _fields(authorization).get("Credential") or request.parameters.get("X-Amz-Credential", "")
    scope = _Scope.parsed(credential)
    return scope.service if scope else None


def caller_of(request: Request, credentials: Mapping[str, str], now: datetime) -> Caller:
    """Who signed `request`. Raises Refusal for a request that is unsigned, stale or not what was signed."""
    if request.parameters.keys() & {"X-Amz-Signature", "X-Amz-Algorithm"}:
        return _presigner(request, credentials, now)
    authorization = request.header("authorization")
    if authorization is None:
        raise Refusal(403, "AccessDenied", "Access Denied")
    return _header_signer(request, authorization, credentials, now)


def form_signer(fields: Mapping[str, str], credentials: Mapping[str, str], now: datetime) -> Caller:
    """Who signed the policy of a form. Raises Refusal for one that is not signed, or not what was signed."""
    scope = _Scope.parsed(fields.get("x-amz-credential", ""))
    stamp = fields.get("x-amz-date", "")
    if fields.get("x-amz-algorithm") != ALGORITHM or scope is None or not stamp.startswith(scope.date):
        message = "Bucket POST must contain the fields of a signature of version 4."
        raise Refusal(400, "InvalidArgument", message)
    secret = credentials.get(scope.access_key)
    if secret is None:
        raise _unknown_key()
    wanted = hmac.new(_signing_key(secret, scope), fields["policy"].encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted, fields.get("x-amz-signature", "")):
        raise _mismatch()
    return Caller(scope.access_key, AuthType.FORM, now - _moment(stamp))


def _presigner(request: Request, credentials: Mapping[str, str], now: datetime) -> Caller:
    signed = _in_query(request.parameters)
    signed_at = _moment(signed.stamp)
    _check_window(signed_at, _expiry(request.parameters["X-Amz-Expires"]), now)
    query = [(name, value) for name, value in request.query if name != "X-Amz-Signature"]
    _check_signature(request, signed, query, UNSIGNED_PAYLOAD, credentials)
    return Caller(signed.scope.access_key, AuthType.QUERY, now - signed_at)


def _in_query(parameters: Mapping[str, str]) -> _Signed:
    missing = [name for name in IN_QUERY if not parameters.get(name)]
    if missing:
        raise _bad_query("Query-string authentication version 4 requires " + ", ".join(missing) + ".")
    if parameters["X-Amz-Algorithm"] != ALGORITHM:
        raise _bad_query(f'X-Amz-Algorithm only supports "{ALGORITHM}".')
    scope = _Scope.parsed(parameters["X-Amz-Credential"])
    if scope is None or not parameters["X-Amz-Date"].startswith(scope.date):
        raise _bad_query("Error parsing the X-Amz-Credential parameter.")
    names = tuple(parameters["X-Amz-SignedHeaders"].split(";"))
    return _Signed(scope, parameters["X-Amz-Date"], names, parameters["X-Amz-Signature"])


def _expiry(text: str) -> timedelta:
    if not (text.isascii() and text.isdigit()):
        raise _bad_query("X-Amz-Expires should be a number.")
    if not 0 < int(text) <= LONGEST_EXPIRY_S:
        raise _bad_query(f"X-Amz-Expires must be between 1 and {LONGEST_EXPIRY_S} seconds.")
    return timedelta(seconds=int(text))


def _moment(stamp: str) -> datetime:
    try:
        return datetime.strptime(stamp, STAMP).replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise _bad_query("X-Amz-Date must be in the ISO8601 Long Format yyyyMMdd'T'HHmmss'Z'.") from error


def _bad_query(message: str) -> Refusal:
    return Refusal(400, "AuthorizationQueryParametersError", message)


def _check_window(signed_at: datetime, expiry: timedelta, now: datetime) -> None:
    if signed_at - CLOCK_SKEW > now:
        raise Refusal(403, "AccessDenied", "Request is not yet valid")
    if now > signed_at + expiry:
        raise Refusal(
            403,
            "AccessDenied",
            "Request has expired",
            Expires=f"{signed_at + expiry:%Y-%m-%dT%H:%M:%SZ}",
            ServerTime=f"{now:%Y-%m-%dT%H:%M:%SZ}",
        )


def _header_signer(
    request: Request, authorization: str, credentials: Mapping[str, str], now: datetime
) -> Caller:
    signed = _in_header(request, authorization)
    _check_skew(signed.stamp, now)
    payload = request.header("x-amz-content-sha256")
    if payload is None:
        raise Refusal(400, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
    _check_signature(request, signed, request.query, payload, credentials)
    return Caller(signed.scope.access_key, AuthType.HEADER)


def _check_skew(stamp: str, now: datetime) -> None:
    try:
        signed_at = _moment(stamp)
    except Refusal as error:
        raise _malformed_header() from error
    if abs(now - signed_at) > CLOCK_SKEW:
        raise Refusal(
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            RequestTime=stamp,
            ServerTime=f"{now:%Y-%m-%dT%H:%M:%SZ}",
            MaxAllowedSkewMilliseconds=str(CLOCK_SKEW // timedelta(milliseconds=1)),
        )


def _malformed_header() -> Refusal:
    return Refusal(400, "AuthorizationHeaderMalformed", "The authorization header is malformed.")


def _in_header(request: Request, authorization: str) -> _Signed:
    if not authorization.startswith(ALGORITHM):
        raise Refusal(
            403, "AccessDenied", f"The authorization mechanism is not supported. Please use {ALGORITHM}."
        )
    fields = _fields(authorization)
    scope = _Scope.parsed(fields.get("Credential", ""))
    stamp = request.header("x-amz-date") or ""
    if (
        scope is None
        or not {"SignedHeaders", "Signature"} <= fields.keys()
        or not stamp.startswith(scope.date)
    ):
        raise _malformed_header()
    return _Signed(scope, stamp, tuple(fields["SignedHeaders"].split(";")), fields["Signature"])


def _fields(authorization: str) -> dict[str, str]:
    fields = authorization.removeprefix(ALGORITHM).split(",")
    return {name.strip(): value.strip() for name, _, value in (field.partition("=") for field in fields)}


def _check_signature(
    request: Request, signed: _Signed, query: Query, payload: str, credentials: Mapping[str, str]
) -> None:
    secret = credentials.get(signed.scope.access_key)
    if secret is None:
        raise _unknown_key()
    _check_covered(request, signed.names)
    canonical = _canonical(request, signed.names, query, payload)
    if not hmac.compare_digest(_signature(signed, canonical, secret), signed.signature):
        raise _mismatch()


def _unknown_key() -> Refusal:
    message = "The AWS Access Key Id you provided does not exist in our records."
    return Refusal(403, "InvalidAccessKeyId", message)


def _check_covered(request: Request, names: tuple[str, ...]) -> None:
    loose = sorted(request.amazon_headers().keys() - set(names))
    if loose:
        raise Refusal(
            403,
            "AccessDenied",
            "There were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(loose),
        )
    if "host" not in names or any(request.header(name) is None for name in names):
        raise _mismatch()


def _mismatch() -> Refusal:
    message = "The request signature we calculated does not match the signature you provided."
    return Refusal(403, "SignatureDoesNotMatch", f"{message} Check your key and signing method.")


def _canonical(request: Request, names: tuple[str, ...], query: Query, payload: str) -> str:
    path = request.environ["PATH_INFO"].encode("latin-1")
    pairs = sorted((quote(name, safe=UNRESERVED), quote(value, safe=UNRESERVED)) for name, value in query)
    headers = [f"{name}:{' '.join((request.header(name) or '').split())}\n" for name in names]
    return "\n".join(
        [
            request.method,
            quote(path, safe="/" + UNRESERVED),
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(headers),
            ";".join(names),
            payload,
        ]
    )


def _signature(signed: _Signed, canonical: str, secret: str) -> str:
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join([ALGORITHM, signed.stamp, str(signed.scope), digest])
    key = _signing_key(secret, signed.scope)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


@lru_cache(maxsize=64)
def _signing_key(secret: str, scope: _Scope) -> bytes:
    key = f"AWS4{secret}".encode()
    for word in str(scope).split("/"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return key
