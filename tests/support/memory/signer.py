"""Presigned addresses in memory, and the PUT and the GET that honour them."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from chalicelib.aws.signer import LONGEST_TTL_S
from chalicelib.core import keys
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.ids import UploadId
from chalicelib.ports import ByteRange, FormToPost, LandingUrl, PartToSign, PartUrl, RangeUrl, ReadUrl
from tests.support.memory.object_store import MemoryObjectStore, Refused

_OF_THE_ADDRESS = ("multipart", "number", "expires")
"""What an address binds and no header says."""


class MemorySigner:
    """Addresses like `memory://bucket/{key}?…` that bind what the real ones bind."""

    @property
    def origins(self) -> tuple[str, ...]:
        return ("memory://bucket",)

    def part_urls(
        self, key: str, multipart_id: str, parts: Sequence[PartToSign], ttl_s: int, now: datetime
    ) -> tuple[PartUrl, ...]:
        expires_at = _end(now, ttl_s)
        return tuple(_part_url(key, multipart_id, part, expires_at) for part in parts)

    def read_url(self, key: str, version_id: str, ttl_s: int, now: datetime) -> ReadUrl:
        expires_at = _end(now, ttl_s)
        return ReadUrl(_signed(key, {"version": version_id}, expires_at), expires_at)

    def range_urls(
        self, key: str, version_id: str, ranges: Sequence[ByteRange], ttl_s: int, now: datetime
    ) -> tuple[RangeUrl, ...]:
        expires_at = _end(now, ttl_s)
        return tuple(_range_url(key, version_id, each, expires_at) for each in ranges)

    def put_url(self, key: str, upload_id: UploadId, whole: PartToSign, ttl_s: int, now: datetime) -> PartUrl:
        expires_at = _end(now, ttl_s)
        headers = {
            "content-length": str(whole.size_bytes),
            "content-type": keys.content_type(key) or keys.FILM_TYPE,
            "if-none-match": "*",
            "x-amz-checksum-crc64nvme": whole.crc64nvme,
            "x-amz-meta-upload-id": upload_id,
        }
        return PartUrl(whole.number, _signed(key, headers, expires_at), headers, expires_at)

    def landing_part_url(
        self, key: str, multipart_id: str, number: int, ttl_s: int, now: datetime
    ) -> LandingUrl:
        expires_at = _end(now, ttl_s)
        return LandingUrl(
            _signed(key, {"multipart": multipart_id, "number": str(number)}, expires_at), expires_at
        )

    def form(
        self, key: str, fields: Mapping[str, str], most_bytes: int, ttl_s: int, now: datetime
    ) -> FormToPost:
        expires_at = _end(now, ttl_s)
        bound = {**fields, "key": key, "most": str(most_bytes)}
        url = _signed("", bound, expires_at)
        return FormToPost("memory://bucket", {**fields, "key": key, "policy": url}, expires_at)


def deliver(
    objects: MemoryObjectStore, url: str, headers: Mapping[str, str], body: bytes, now: datetime
) -> str:
    """What S3 does with a PUT of `body` with `headers` to a part URL: the part's ETag. Raises Refused."""
    key, bound = _honoured(url, now)
    if "content-length" not in bound:  # of a landing: any bytes
        return objects.put_part(key, bound["multipart"], int(bound["number"]), body)
    signed = [name for name in bound if name not in _OF_THE_ADDRESS]
    if any(headers.get(name) != bound[name] for name in signed) or len(body) != int(bound["content-length"]):
        raise Refused(403, "SignatureDoesNotMatch")
    crc = Crc64Nvme(bound["x-amz-checksum-crc64nvme"])
    if "multipart" not in bound:
        return objects.put_once(key, body, UploadId(bound["x-amz-meta-upload-id"]), crc)
    return objects.put_part(key, bound["multipart"], int(bound["number"]), body, crc)


def post(objects: MemoryObjectStore, fields: Mapping[str, str], body: bytes, now: datetime) -> None:
    """What S3 does with a form that has these fields and the file `body`. Raises Refused."""
    _, bound = _honoured(fields["policy"], now)
    given = {name: value for name, value in fields.items() if name != "policy"}
    wanted = {name: value for name, value in bound.items() if name not in ("most", "expires")}
    if given != wanted or fields["key"].startswith(keys.OF_SESSIONS):
        raise Refused(403, "AccessDenied")
    if not body:
        raise Refused(400, "EntityTooSmall")
    if len(body) > int(bound["most"]):
        raise Refused(400, "EntityTooLarge")
    objects.land(fields["key"], body, UploadId(fields["x-amz-meta-upload-id"]))


def fetch(objects: MemoryObjectStore, url: str, now: datetime, wanted: str | None = None) -> bytes:
    """What S3 answers to a GET of a read URL, with the Range header `wanted`: the version's bytes. Raises Refused."""
    key, bound = _honoured(url, now)
    if "range" in bound and bound["range"] != wanted:
        raise Refused(403, "SignatureDoesNotMatch")
    for version in objects.versions(key):
        if version.stored and version.version_id == bound["version"]:
            return version.body[_slice(wanted, len(version.body))] if wanted else version.body
    raise Refused(404, "NoSuchVersion")


def _slice(wanted: str, size_bytes: int) -> slice:
    first, last = wanted.removeprefix("bytes=").split("-")
    if int(first) >= size_bytes:
        raise Refused(416, "InvalidRange")
    return slice(int(first), int(last) + 1)


def _honoured(url: str, now: datetime) -> tuple[str, dict[str, str]]:
    """The key and what else `url` binds. Raises Refused when it was altered or has expired."""
    unsigned, _, signature = url.partition("&signature=")
    if signature != _signature(unsigned):
        raise Refused(403, "SignatureDoesNotMatch")
    address = urlsplit(unsigned)
    bound = {name: values[0] for name, values in parse_qs(address.query).items()}
    if now >= datetime.fromtimestamp(int(bound["expires"]), UTC):
        raise Refused(403, "AccessDenied")
    return unquote(address.path).removeprefix("/"), bound


def _part_url(key: str, multipart_id: str, part: PartToSign, expires_at: datetime) -> PartUrl:
    headers = {"content-length": str(part.size_bytes), "x-amz-checksum-crc64nvme": part.crc64nvme}
    bound = {"multipart": multipart_id, "number": str(part.number), **headers}
    return PartUrl(part.number, _signed(key, bound, expires_at), headers, expires_at)


def _range_url(key: str, version_id: str, wanted: ByteRange, expires_at: datetime) -> RangeUrl:
    headers = {"range": wanted.header}
    return RangeUrl(wanted, _signed(key, {"version": version_id, **headers}, expires_at), headers, expires_at)


def _end(now: datetime, ttl_s: int) -> datetime:
    if not 1 <= ttl_s <= LONGEST_TTL_S:
        raise ValueError(f"ttl_s must be 1 to {LONGEST_TTL_S}, not {ttl_s}")
    return now.replace(microsecond=0) + timedelta(seconds=ttl_s)


def _signed(key: str, bound: Mapping[str, str], expires_at: datetime) -> str:
    query = urlencode({**bound, "expires": int(expires_at.timestamp())})
    unsigned = f"memory://bucket/{quote(key)}?{query}"
    return f"{unsigned}&signature={_signature(unsigned)}"


def _signature(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()
