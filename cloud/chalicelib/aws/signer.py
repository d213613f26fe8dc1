"""Presigned addresses: part URLs, a batch at a time, and reads of one version, whole or of a range.

AWS Signature Version 4 in the query: the signing key and everything that the batch shares are made once, which is 20 to
50 times as fast as botocore and equal to it (tests/aws/test_signer.py).
Source: docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

from chalicelib.core import keys
from chalicelib.core.ids import UploadId
from chalicelib.ports import ByteRange, FormToPost, LandingUrl, PartToSign, PartUrl, RangeUrl, ReadUrl

LONGEST_TTL_S = 900
_UNRESERVED = "-_.~"
_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class SigningCredentials:
    """Keys to sign with; what they signed dies with them at `expires_at`, if that is known."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


@dataclass(frozen=True)
class _Address:
    """Where the bucket answers: the URL before the path, the Host header, and what comes before a key."""

    base: str
    host: str
    prefix: str


class S3Signer:
    """Presigns for one bucket: at its regional virtual host, or path style at `endpoint_url`."""

    def __init__(
        self,
        bucket: str,
        region: str,
        credentials: Callable[[], SigningCredentials],
        endpoint_url: str | None = None,
    ) -> None:
        self._bucket = bucket
        self._address = _address(bucket, region, endpoint_url)
        self._region = region
        self._credentials = credentials

    @property
    def origins(self) -> tuple[str, ...]:
        return (self._address.base,)

    def part_urls(
        self, key: str, multipart_id: str, parts: Sequence[PartToSign], ttl_s: int, now: datetime
    ) -> tuple[PartUrl, ...]:
        """One URL a part; raises ValueError unless `ttl_s` is 1 to 900."""
        batch = self._batch(key, ttl_s, now)
        upload = quote(multipart_id, safe=_UNRESERVED)
        return tuple(_part_url(batch, upload, part) for part in parts)

    def read_url(self, key: str, version_id: str, ttl_s: int, now: datetime) -> ReadUrl:
        """Raises ValueError unless `ttl_s` is 1 to 900."""
        batch = self._batch(key, ttl_s, now)
        return ReadUrl(batch.url("GET", {}, _version(version_id)), batch.expires_at)

    def range_urls(
        self, key: str, version_id: str, ranges: Sequence[ByteRange], ttl_s: int, now: datetime
    ) -> tuple[RangeUrl, ...]:
        """One URL for each range; S3 refuses it without its header. Raises ValueError unless `ttl_s` is 1 to 900."""
        batch = self._batch(key, ttl_s, now)
        return tuple(_range_url(batch, version_id, each) for each in ranges)

    def put_url(self, key: str, upload_id: UploadId, whole: PartToSign, ttl_s: int, now: datetime) -> PartUrl:
        """Raises ValueError unless `ttl_s` is 1 to 900."""
        batch = self._batch(key, ttl_s, now)
        headers = {
            **_bound(whole),
            "content-type": keys.content_type(key) or keys.FILM_TYPE,
            "if-none-match": "*",
            "x-amz-meta-upload-id": upload_id,
        }
        # As the SDKs name the operation; S3 passes over it.
        return PartUrl(whole.number, batch.url("PUT", headers, "x-id=PutObject"), headers, batch.expires_at)

    def landing_part_url(
        self, key: str, multipart_id: str, number: int, ttl_s: int, now: datetime
    ) -> LandingUrl:
        """Raises ValueError unless `ttl_s` is 1 to 900."""
        batch = self._batch(key, ttl_s, now)
        own = f"partNumber={number}&uploadId={quote(multipart_id, safe=_UNRESERVED)}"
        return LandingUrl(batch.url("PUT", {}, own), batch.expires_at)

    def form(
        self, key: str, fields: Mapping[str, str], most_bytes: int, ttl_s: int, now: datetime
    ) -> FormToPost:
        """Raises ValueError unless `ttl_s` is 1 to 900."""
        from chalicelib.aws.forms import signed_fields  # few calls need it, and each start would pay for it

        batch = self._batch(key, ttl_s, now)
        signed = signed_fields(
            self._bucket,
            {**fields, "key": key},
            batch.fields,
            (1, most_bytes),
            batch.expires_at,
            batch.sign,
        )
        return FormToPost(f"{self._address.base}{self._address.prefix}", signed, batch.expires_at)

    def _batch(self, key: str, ttl_s: int, now: datetime) -> "_Batch":
        if not 1 <= ttl_s <= LONGEST_TTL_S:
            raise ValueError(f"ttl_s must be 1 to {LONGEST_TTL_S}, not {ttl_s}")
        signed_at = now.replace(microsecond=0)  # a signature's time has no fraction: neither has its end
        return _Batch(self._address, self._region, self._credentials(), key, signed_at, ttl_s)


class _Batch:
    """What the URLs of one batch have in common; all die at `expires_at`."""

    def __init__(
        self,
        address: _Address,
        region: str,
        credentials: SigningCredentials,
        key: str,
        signed_at: datetime,
        ttl_s: int,
    ) -> None:
        stamp = signed_at.strftime("%Y%m%dT%H%M%SZ")
        scope = f"{stamp[:8]}/{region}/s3/aws4_request"
        wanted = signed_at + timedelta(seconds=ttl_s)
        self.expires_at = min(wanted, credentials.expires_at or wanted)
        self._host = address.host
        self._path = quote(f"{address.prefix}/{key}", safe="/" + _UNRESERVED)
        self._url = address.base + self._path
        self._to_sign = f"{_ALGORITHM}\n{stamp}\n{scope}\n"
        self._mac = hmac.new(_signing_key(credentials.secret_key, scope), digestmod=hashlib.sha256)
        self._before = _query_before(credentials, scope, stamp, ttl_s)
        self._credentials, self._scope, self._stamp = credentials, scope, stamp

    @property
    def fields(self) -> dict[str, str]:
        """Those of a form that say who signs it, and when."""
        said = {
            "x-amz-algorithm": _ALGORITHM,
            "x-amz-credential": f"{self._credentials.access_key}/{self._scope}",
            "x-amz-date": self._stamp,
        }
        token = self._credentials.token
        return {**said, "x-amz-security-token": token} if token else said

    def sign(self, text: str) -> str:
        """The signature of a form's policy, which is signed as it is."""
        mac = self._mac.copy()
        mac.update(text.encode())
        return mac.hexdigest()

    def url(self, method: str, headers: Mapping[str, str], own: str) -> str:
        """The presigned URL with `headers` (lower-case names) signed.

        `own` is the operation's own query, quoted and sorted; names in lower case sort after those of the signature.
        """
        signed = {**headers, "host": self._host}
        names = ";".join(sorted(signed))
        query = f"{self._before}&X-Amz-SignedHeaders={quote(names, safe='')}&{own}"
        lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
        request = f"{method}\n{self._path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
        return f"{self._url}?{query}&X-Amz-Signature={self._signature(request)}"

    def _signature(self, request: str) -> str:
        mac = self._mac.copy()
        mac.update((self._to_sign + hashlib.sha256(request.encode()).hexdigest()).encode())
        return mac.hexdigest()


def _part_url(batch: _Batch, upload: str, part: PartToSign) -> PartUrl:
    headers = _bound(part)
    url = batch.url("PUT", headers, f"partNumber={part.number}&uploadId={upload}")
    return PartUrl(part.number, url, headers, batch.expires_at)


def _bound(part: PartToSign) -> dict[str, str]:
    """The headers that bind an address to its bytes."""
    return {"content-length": str(part.size_bytes), "x-amz-checksum-crc64nvme": part.crc64nvme}


def _range_url(batch: _Batch, version_id: str, wanted: ByteRange) -> RangeUrl:
    headers = {"range": wanted.header}
    return RangeUrl(wanted, batch.url("GET", headers, _version(version_id)), headers, batch.expires_at)


def _version(version_id: str) -> str:
    return "versionId=" + quote(version_id, safe=_UNRESERVED)


def _address(bucket: str, region: str, endpoint_url: str | None) -> _Address:
    if endpoint_url:
        return _Address(endpoint_url.rstrip("/"), urlsplit(endpoint_url).netloc, f"/{bucket}")
    host = f"{bucket}.s3.{region}.amazonaws.com"
    return _Address(f"https://{host}", host, "")


def _query_before(credentials: SigningCredentials, scope: str, stamp: str, ttl_s: int) -> str:
    """The query up to the names of the signed headers, in the order in which it is signed."""
    credential = quote(f"{credentials.access_key}/{scope}", safe="")
    query = (
        f"X-Amz-Algorithm={_ALGORITHM}&X-Amz-Credential={credential}&X-Amz-Date={stamp}&X-Amz-Expires={ttl_s}"
    )
    if credentials.token:
        query += "&X-Amz-Security-Token=" + quote(credentials.token, safe=_UNRESERVED)
    return query


def _signing_key(secret_key: str, scope: str) -> bytes:
    key = f"AWS4{secret_key}".encode()
    for step in scope.split("/"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return key
