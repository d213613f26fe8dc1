"""Addresses of reads at CloudFront: equal to those of botocore, with signatures equal to those of `cryptography`."""

import base64
import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from chalicelib.aws.cdn_signer import Cdn, CdnSigner, RsaKey, UnusableKey, key_of
from chalicelib.ports import ByteRange

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
CDN = Cdn("https://d111111abcdef8.cloudfront.net", "K2JCJMDEHXQW5F")
BELOW: Any = None
FORMS = [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL]


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(private: rsa.RSAPrivateKey, form: serialization.PrivateFormat = FORMS[0]) -> str:
    return private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.fixture(scope="module")
def key(private: rsa.RSAPrivateKey) -> RsaKey:
    return RsaKey.parsed(pem(private))


def signer(key: RsaKey, below: Any = BELOW) -> CdnSigner:
    return CdnSigner(below, CDN, lambda: key)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1024, 2048, 3072])
def test_a_signature_is_that_of_cryptography_for_every_form_of_a_key(
    form: serialization.PrivateFormat, size: int
):
    private = rsa.generate_private_key(public_exponent=65537, key_size=size)
    ours = RsaKey.parsed(pem(private, form))

    for message in (b"", b"film", random.Random(7).randbytes(4096)):
        assert ours.sign_sha1(message) == private.sign(message, padding.PKCS1v15(), hashes.SHA1())


def test_an_address_is_that_of_botocore(private: rsa.RSAPrivateKey, key: RsaKey):
    theirs = CloudFrontSigner(
        CDN.key_id, lambda message: private.sign(message, padding.PKCS1v15(), hashes.SHA1())
    )
    read = signer(key).read_url("originals/main/a=20b/100GOPRO/GX010042.MP4", "v.1_x-~", 900, NOON)
    plain = f"{CDN.base}/originals/main/a%3D20b/100GOPRO/GX010042.MP4?versionId=v.1_x-~"

    assert read.url == theirs.generate_presigned_url(plain, date_less_than=NOON + timedelta(seconds=900))
    assert read.expires_at == NOON + timedelta(seconds=900)


def test_what_is_signed_is_exactly_one_version_until_its_end(private: rsa.RSAPrivateKey, key: RsaKey):
    read = signer(key).read_url("originals/a", "v1", 60, NOON)
    resource, _, rest = read.url.partition("&")
    asked = parse_qs(rest)
    signature = base64.b64decode(asked["Signature"][0].translate(str.maketrans("-_~", "+=/")))
    end = int(NOON.timestamp()) + 60
    statement = {"Resource": resource, "Condition": {"DateLessThan": {"AWS:EpochTime": end}}}

    signed = json.dumps({"Statement": [statement]}, separators=(",", ":")).encode()
    private.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA1())
    assert parse_qs(urlsplit(resource).query) == {"versionId": ["v1"]}
    assert (asked["Expires"], asked["Key-Pair-Id"]) == ([str(end)], [CDN.key_id])


@pytest.mark.parametrize(("ttl_s", "taken"), [(0, False), (1, True), (900, True), (901, False)])
def test_an_address_lives_a_quarter_of_an_hour_at_most(key: RsaKey, ttl_s: int, taken: bool):
    if taken:
        assert signer(key).read_url("a", "v", ttl_s, NOON).expires_at == NOON + timedelta(seconds=ttl_s)
    else:
        with pytest.raises(ValueError, match="1 to 900"):
            signer(key).read_url("a", "v", ttl_s, NOON)


class AtS3:
    """The signer below; it signs nothing and remembers what it was asked for."""

    def part_urls(self, *asked: Any) -> Any:
        return asked

    def range_urls(self, *asked: Any) -> Any:
        return asked


def test_parts_and_ranges_carry_signed_headers_and_stay_at_s3(key: RsaKey):
    both: Any = signer(key, AtS3())

    assert both.part_urls("a", "m", [1], 60, NOON) == ("a", "m", [1], 60, NOON)
    ranges = [ByteRange(0, 1)]
    assert both.range_urls("a", "v", ranges, 60, NOON) == ("a", "v", ranges, 60, NOON)


def test_a_signature_that_came_out_wrong_never_leaves(key: RsaKey):
    wrong = replace(key, exponents=(key.exponents[0], key.exponents[1] - 2))

    with pytest.raises(UnusableKey, match="do not belong together"):
        wrong.sign_sha1(b"film")


def unusable(private: rsa.RSAPrivateKey) -> dict[str, str]:
    whole = pem(private)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    encrypted = private.private_bytes(
        serialization.Encoding.PEM, FORMS[0], serialization.BestAvailableEncryption(b"word")
    )
    lines = whole.splitlines()
    return {
        "empty": "",
        "public": public.decode(),
        "encrypted": encrypted.decode(),
        "half": "\n".join([*lines[:10], lines[-1]]),
        "no base64": f"{lines[0]}\nA\n{lines[-1]}",
        "no DER": f"{lines[0]}\n{base64.b64encode(b'a' * 99).decode()}\n{lines[-1]}",
        "empty DER": f"{lines[0]}\n{base64.b64encode(b'0').decode()}\n{lines[-1]}",
    }


@pytest.mark.parametrize("name", ["empty", "public", "encrypted", "half", "no base64", "no DER", "empty DER"])
def test_a_text_that_is_no_key_is_refused_without_a_word_of_it(private: rsa.RSAPrivateKey, name: str):
    text = unusable(private)[name]

    with pytest.raises(UnusableKey) as refused:
        RsaKey.parsed(text)

    assert not [line for line in text.splitlines()[1:-1] if line in str(refused.value) and len(line) > 8]


def test_a_key_shows_nothing_secret(key: RsaKey):
    shown = repr(key)

    assert str(key.modulus) in shown
    assert not [part for part in (*key.primes, *key.exponents, key.coefficient) if str(part) in shown]


class Parameters:
    """Systems Manager with one encrypted parameter."""

    def __init__(self, value: str) -> None:
        self._value = value
        self.asked: list[dict[str, Any]] = []

    def get_parameter(self, **call: Any) -> Any:
        self.asked.append(call)
        return {"Parameter": {"Value": self._value}}


def test_the_key_is_read_decrypted_at_the_first_use_and_once(private: rsa.RSAPrivateKey, key: RsaKey):
    parameters: Any = Parameters(pem(private))
    read = key_of(lambda: parameters, "/reelhaul/prod/cdn-key")
    assert parameters.asked == []

    assert read() == read() == key
    assert parameters.asked == [{"Name": "/reelhaul/prod/cdn-key", "WithDecryption": True}]
