"""Part URLs in memory, and the PUT that honours them."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from chalicelib.aws.signer import LONGEST_TTL_S
from chalicelib.core.crc import Crc64Nvme
from chalicelib.ports import PartToSign, PartUrl
from tests.support.memory.footage import MemoryFootage, Refused

_SIGNED = ("content-length", "x-amz-checksum-crc64nvme")


class MemorySigner:
    """URLs like `memory://bucket/{key}?…` that bind what the real ones bind."""

    def part_urls(
        self, key: str, multipart_id: str, parts: Sequence[PartToSign], ttl_s: int, now: datetime
    ) -> tuple[PartUrl, ...]:
        if not 1 <= ttl_s <= LONGEST_TTL_S:
            raise ValueError(f"ttl_s must be 1 to {LONGEST_TTL_S}, not {ttl_s}")
        expires_at = now.replace(microsecond=0) + timedelta(seconds=ttl_s)
        return tuple(_part_url(key, multipart_id, part, expires_at) for part in parts)


def deliver(footage: MemoryFootage, url: str, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """What S3 does with a PUT of `body` with `headers` to a part URL: the part's ETag. Raises Refused."""
    unsigned, _, signature = url.partition("&signature=")
    if signature != _signature(unsigned):
        raise Refused(403, "SignatureDoesNotMatch")
    address = urlsplit(unsigned)
    bound = {name: values[0] for name, values in parse_qs(address.query).items()}
    if now >= datetime.fromtimestamp(int(bound["expires"]), UTC):
        raise Refused(403, "AccessDenied")
    if any(headers.get(name) != bound[name] for name in _SIGNED) or len(body) != int(bound["content-length"]):
        raise Refused(403, "SignatureDoesNotMatch")
    key, crc = unquote(address.path).removeprefix("/"), Crc64Nvme(bound["x-amz-checksum-crc64nvme"])
    return footage.put_part(key, bound["multipart"], int(bound["number"]), body, crc)


def _part_url(key: str, multipart_id: str, part: PartToSign, expires_at: datetime) -> PartUrl:
    headers = {"content-length": str(part.size_bytes), "x-amz-checksum-crc64nvme": part.crc64nvme}
    bound = {"multipart": multipart_id, "number": part.number, "expires": int(expires_at.timestamp())}
    unsigned = f"memory://bucket/{quote(key)}?{urlencode({**bound, **headers})}"
    return PartUrl(part.number, f"{unsigned}&signature={_signature(unsigned)}", headers, expires_at)


def _signature(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()
