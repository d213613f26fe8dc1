"""Addresses of reads at CloudFront: one version of one object, signed with an RSA key of the stage.

Lambda has no RSA but Python's own integers: a signature is a power modulo a number of 2048 bits, by the Chinese
remainder theorem on two halves. The message is blinded first, so that the time that it takes tells nothing about the
key, and the result is checked before it leaves. Equal to `cryptography` and botocore (tests/aws/test_cdn_signer.py).
Source: docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-creating-signed-url-canned-policy
"""

import base64
import binascii
import hashlib
import math
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from chalicelib.aws.signer import LONGEST_TTL_S
from chalicelib.core.ids import UploadId
from chalicelib.ports import ByteRange, FormToPost, LandingUrl, PartToSign, PartUrl, RangeUrl, ReadUrl, Signer

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

# What stands before a SHA-1 in a signature of PKCS #1 v1.5. Source: RFC 8017, section 9.2, note 1.
_SHA1 = bytes.fromhex("3021300906052b0e03021a05000414")
_PEM = re.compile(
    r"-----BEGIN (RSA )?PRIVATE KEY-----\s([A-Za-z0-9+/=\s]+)-----END (RSA )?PRIVATE KEY-----\s*"
)
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30
_URL_SAFE = str.maketrans("+=/", "-_~")


class UnusableKey(Exception):
    """The text is not an RSA private key as `openssl genrsa` writes it; the key itself is in no message."""


@dataclass(frozen=True)
class RsaKey:
    """A private key, taken apart."""

    modulus: int
    exponent: int
    primes: tuple[int, int] = field(repr=False)
    exponents: tuple[int, int] = field(repr=False)
    coefficient: int = field(repr=False)

    @classmethod
    def parsed(cls, pem: str) -> "RsaKey":
        """Raises UnusableKey."""
        match = _PEM.fullmatch(pem.strip() + "\n")
        if match is None:
            raise UnusableKey("it is not a PEM file of a private key without a password")
        try:
            fields = list(_fields(base64.b64decode(match[2]), _SEQUENCE))
            if not match[1]:  # PKCS #8 has the key's own form inside
                [inner] = [content for tag, content in fields if tag == _OCTETS]
                fields = list(_fields(inner, _SEQUENCE))
            numbers = [int.from_bytes(content, "big") for tag, content in fields if tag == _INTEGER]
            _version, modulus, exponent, _, p, q, dp, dq, coefficient = numbers
        except (binascii.Error, ValueError, IndexError) as error:
            raise UnusableKey("it is not an RSA key") from error
        return cls(modulus, exponent, (p, q), (dp, dq), coefficient)

    def sign_sha1(self, message: bytes) -> bytes:
        """The signature of PKCS #1 v1.5 with SHA-1, the only one that CloudFront takes of an RSA key."""
        size = (self.modulus.bit_length() + 7) // 8
        digest = hashlib.sha1(message).digest()  # nosec B324 # CloudFront takes no other
        padded = b"\x00\x01" + b"\xff" * (size - 3 - len(_SHA1) - len(digest)) + b"\x00" + _SHA1 + digest
        return self._power(int.from_bytes(padded, "big")).to_bytes(size, "big")

    def _power(self, number: int) -> int:
        mask = self._mask()
        hidden = number * pow(mask, self.exponent, self.modulus) % self.modulus
        (p, q), (dp, dq) = self.primes, self.exponents
        of_p, of_q = pow(hidden, dp, p), pow(hidden, dq, q)
        whole = of_q + q * ((of_p - of_q) * self.coefficient % p)
        made = whole * pow(mask, -1, self.modulus) % self.modulus
        if pow(made, self.exponent, self.modulus) != number:
            # A signature with one wrong half reveals the key to its readers.
            raise UnusableKey("its parts do not belong together")
        return made

    def _mask(self) -> int:
        while True:
            mask = secrets.randbelow(self.modulus - 2) + 2
            if math.gcd(mask, self.modulus) == 1:
                return mask


def _fields(data: bytes, expected: int) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each value in a DER value of the tag `expected`. Raises ValueError, IndexError."""
    [(tag, content)] = _values(data)
    if tag != expected:
        raise ValueError("another tag")
    yield from _values(content)


def _values(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            length = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + length > len(data):
            raise ValueError("it ends too early")
        yield tag, data[at : at + length]
        at += length


@dataclass(frozen=True)
class Cdn:
    """Where CloudFront answers for the bucket, and the id by which it knows the public key."""

    base: str
    key_id: str


class CdnSigner:
    """Reads at the CDN; all else, and ranges that carry a signed header, by `below` at S3."""

    def __init__(self, below: Signer, cdn: Cdn, key: Callable[[], RsaKey]) -> None:
        self._below = below
        self._cdn = cdn
        self._key = key

    @property
    def origins(self) -> tuple[str, ...]:
        return (*self._below.origins, self._cdn.base)

    def part_urls(
        self, key: str, multipart_id: str, parts: Sequence[PartToSign], ttl_s: int, now: datetime
    ) -> tuple[PartUrl, ...]:
        return self._below.part_urls(key, multipart_id, parts, ttl_s, now)

    def range_urls(
        self, key: str, version_id: str, ranges: Sequence[ByteRange], ttl_s: int, now: datetime
    ) -> tuple[RangeUrl, ...]:
        return self._below.range_urls(key, version_id, ranges, ttl_s, now)

    def put_url(self, key: str, upload_id: UploadId, whole: PartToSign, ttl_s: int, now: datetime) -> PartUrl:
        return self._below.put_url(key, upload_id, whole, ttl_s, now)

    def landing_part_url(
        self, key: str, multipart_id: str, number: int, ttl_s: int, now: datetime
    ) -> LandingUrl:
        return self._below.landing_part_url(key, multipart_id, number, ttl_s, now)

    def form(
        self, key: str, fields: Mapping[str, str], most_bytes: int, ttl_s: int, now: datetime
    ) -> FormToPost:
        return self._below.form(key, fields, most_bytes, ttl_s, now)

    def read_url(self, key: str, version_id: str, ttl_s: int, now: datetime) -> ReadUrl:
        """Raises ValueError unless `ttl_s` is 1 to 900, UnusableKey."""
        if not 1 <= ttl_s <= LONGEST_TTL_S:
            raise ValueError(f"ttl_s must be 1 to {LONGEST_TTL_S}, not {ttl_s}")
        expires_at = now.replace(microsecond=0) + timedelta(seconds=ttl_s)
        # The version is part of what is signed: no other version can be read with it.
        resource = f"{self._cdn.base}/{quote(key, safe='/-_.~')}?versionId={quote(version_id, safe='-_.~')}"
        end = int(expires_at.timestamp())
        before = f'{{"DateLessThan":{{"AWS:EpochTime":{end}}}}}'
        policy = f'{{"Statement":[{{"Resource":"{resource}","Condition":{before}}}]}}'
        signature = base64.b64encode(self._key().sign_sha1(policy.encode())).decode().translate(_URL_SAFE)
        url = f"{resource}&Expires={end}&Signature={signature}&Key-Pair-Id={self._cdn.key_id}"
        return ReadUrl(url, expires_at)


def key_of(ssm: Callable[[], "SSMClient"], name: str) -> Callable[[], RsaKey]:
    """The key in an encrypted parameter of Systems Manager; it is read at the first use and kept in this process."""
    found: list[RsaKey] = []

    def key() -> RsaKey:
        if not found:
            value = ssm().get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
            found.append(RsaKey.parsed(value))
        return found[0]

    return key
