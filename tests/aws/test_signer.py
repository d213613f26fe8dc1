"""The batch signer beside botocore, which is the measure."""

import random
import string
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from chalicelib.aws.signer import S3Signer, SigningCredentials
from chalicelib.core.crc import Crc64Nvme
from chalicelib.ports import ByteRange, PartToSign, PartUrl
from tests.aws.canned import clients
from tests.support.memory import crc64nvme_of

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BUCKET = "reelhaul-footage"
CASES = 60
_KEY_LETTERS = string.ascii_letters + string.digits + "/ +é_-.~!'()*&=%:@,$;#?"
_SECRET_LETTERS = string.ascii_letters + string.digits + "/+="


@dataclass(frozen=True)
class Case:
    """What one URL is made of."""

    key: str
    multipart_id: str
    part: PartToSign
    ttl_s: int


def text(chance: random.Random, letters: str, least: int, most: int) -> str:
    return "".join(chance.choices(letters, k=chance.randint(least, most)))


def random_case(chance: random.Random) -> Case:
    crc = crc64nvme_of(chance.randbytes(8))
    return Case(
        "k" + text(chance, _KEY_LETTERS, 1, 60),
        text(chance, string.ascii_letters + "._-~+/=", 1, 128),
        PartToSign(chance.randint(1, 10_000), chance.randint(0, 5 * 2**30), crc),
        chance.randint(1, 900),
    )


def random_credentials(chance: random.Random) -> dict[str, str]:
    keys = {
        "aws_access_key_id": text(chance, string.ascii_uppercase, 16, 20),
        "aws_secret_access_key": text(chance, _SECRET_LETTERS, 40, 40),
    }
    token = {"aws_session_token": text(chance, _SECRET_LETTERS, 100, 900)}
    return keys | chance.choice([{}, token])


def comparable(url: str) -> tuple[str, str, str, list[tuple[str, str]]]:
    """The order of a query's fields is free; everything else must be the same."""
    address = urlsplit(url)
    return address.scheme, address.netloc, address.path, sorted(parse_qsl(address.query))


def signed_at(url: str) -> datetime:
    (stamp,) = parse_qs(urlsplit(url).query)["X-Amz-Date"]
    return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


@pytest.mark.parametrize("endpoint_url", [None, "http://127.0.0.1:5055"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_urls_equal_botocores_on_random_cases(endpoint_url: str | None, seed: int):
    chance = random.Random(seed)
    made = clients(endpoint_url, **random_credentials(chance))
    signer = S3Signer(BUCKET, "eu-west-1", made.credentials, endpoint_url)

    for case in [random_case(chance) for _ in range(CASES)]:
        theirs = made.s3.generate_presigned_url(
            "upload_part",
            Params={
                "Bucket": BUCKET,
                "Key": case.key,
                "UploadId": case.multipart_id,
                "PartNumber": case.part.number,
                "ContentLength": case.part.size_bytes,
                "ChecksumCRC64NVME": case.part.crc64nvme,
            },
            ExpiresIn=case.ttl_s,
        )
        (ours,) = signer.part_urls(case.key, case.multipart_id, [case.part], case.ttl_s, signed_at(theirs))

        assert comparable(ours.url) == comparable(theirs)


@pytest.mark.parametrize("endpoint_url", [None, "http://127.0.0.1:5055"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_read_urls_equal_botocores_on_random_cases(endpoint_url: str | None, seed: int):
    chance = random.Random(seed)
    made = clients(endpoint_url, **random_credentials(chance))
    signer = S3Signer(BUCKET, "eu-west-1", made.credentials, endpoint_url)

    for case in [random_case(chance) for _ in range(CASES)]:
        version_id = case.multipart_id  # as free in its letters
        theirs = made.s3.generate_presigned_url(
            "get_object",
            Params={"Bucket": BUCKET, "Key": case.key, "VersionId": version_id},
            ExpiresIn=case.ttl_s,
        )
        ours = signer.read_url(case.key, version_id, case.ttl_s, signed_at(theirs))

        assert comparable(ours.url) == comparable(theirs)


@pytest.mark.parametrize("endpoint_url", [None, "http://127.0.0.1:5055"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_range_urls_equal_botocores_on_random_cases(endpoint_url: str | None, seed: int):
    chance = random.Random(seed)
    made = clients(endpoint_url, **random_credentials(chance))
    signer = S3Signer(BUCKET, "eu-west-1", made.credentials, endpoint_url)

    for case in [random_case(chance) for _ in range(CASES)]:
        version_id, wanted = case.multipart_id, ByteRange(chance.randint(0, 2**40), chance.randint(1, 2**26))
        theirs = made.s3.generate_presigned_url(
            "get_object",
            Params={"Bucket": BUCKET, "Key": case.key, "VersionId": version_id, "Range": wanted.header},
            ExpiresIn=case.ttl_s,
        )
        (ours,) = signer.range_urls(case.key, version_id, [wanted], case.ttl_s, signed_at(theirs))

        assert comparable(ours.url) == comparable(theirs)


def sign(credentials: SigningCredentials, *numbers: int, ttl_s: int = 900) -> tuple[PartUrl, ...]:
    signer = S3Signer(BUCKET, "eu-central-1", lambda: credentials)
    wanted = [PartToSign(number, 5, Crc64Nvme("rosUhgp5mIg=")) for number in numbers]
    return signer.part_urls("originals/a/100GOPRO/GX010038.MP4", "multipart", wanted, ttl_s, NOON)


KEYS = SigningCredentials("AKIDEXAMPLE", "secret")


def test_without_an_endpoint_the_bucket_answers_at_its_regional_virtual_host():
    (part_url,) = sign(KEYS, 1)

    assert part_url.url.startswith(
        "https://reelhaul-footage.s3.eu-central-1.amazonaws.com/originals/a/100GOPRO/GX010038.MP4?"
    )


def test_length_and_checksum_are_signed_and_told_as_headers():
    (part_url,) = sign(KEYS, 1)

    (signed,) = parse_qs(urlsplit(part_url.url).query)["X-Amz-SignedHeaders"]
    assert signed == "content-length;host;x-amz-checksum-crc64nvme"
    assert part_url.headers == {"content-length": "5", "x-amz-checksum-crc64nvme": "rosUhgp5mIg="}


def test_every_part_of_a_batch_has_a_signature_of_its_own():
    urls = [part_url.url for part_url in sign(KEYS, 1, 2, 3)]

    signatures = {parse_qs(urlsplit(url).query)["X-Amz-Signature"][0] for url in urls}
    assert len(signatures) == 3


@pytest.mark.parametrize("seconds", [899, 900, 901])
def test_a_url_ends_with_the_credentials_that_signed_it(seconds: int):
    credentials = SigningCredentials("AKIDEXAMPLE", "secret", "token", NOON + timedelta(seconds=seconds))

    (part_url,) = sign(credentials, 1)

    assert part_url.expires_at == NOON + timedelta(seconds=min(seconds, 900))


@pytest.mark.parametrize("seconds", [899, 900, 901])
def test_a_read_url_ends_with_the_credentials_that_signed_it(seconds: int):
    credentials = SigningCredentials("AKIDEXAMPLE", "secret", "token", NOON + timedelta(seconds=seconds))
    signer = S3Signer(BUCKET, "eu-central-1", lambda: credentials)

    read = signer.read_url("key", "version", 900, NOON)

    assert read.expires_at == NOON + timedelta(seconds=min(seconds, 900))


def test_a_read_url_signs_its_version_and_needs_no_header():
    read = S3Signer(BUCKET, "eu-central-1", lambda: KEYS).read_url("key", "the/version", 60, NOON)

    query = parse_qs(urlsplit(read.url).query)
    assert (query["versionId"], query["X-Amz-SignedHeaders"]) == (["the/version"], ["host"])


def test_a_range_url_signs_its_range_and_tells_it_as_the_header_to_send():
    signer = S3Signer(BUCKET, "eu-central-1", lambda: KEYS)

    (made,) = signer.range_urls("key", "the/version", [ByteRange(5, 10)], 60, NOON)

    query = parse_qs(urlsplit(made.url).query)
    assert (query["versionId"], query["X-Amz-SignedHeaders"]) == (["the/version"], ["host;range"])
    assert made.headers == {"range": "bytes=5-14"}


def test_credentials_are_asked_for_each_batch_so_that_refreshed_ones_are_used():
    turns = iter([KEYS, SigningCredentials("AKIDNEXT", "secret")])
    signer = S3Signer(BUCKET, "eu-central-1", lambda: next(turns))
    wanted = [PartToSign(1, 5, Crc64Nvme("rosUhgp5mIg="))]

    first, second = (signer.part_urls("key", "multipart", wanted, 60, NOON)[0].url for _ in range(2))

    assert "AKIDEXAMPLE" in first
    assert "AKIDNEXT" in second


def test_credentials_do_not_show_their_secrets():
    shown = repr(SigningCredentials("AKIDEXAMPLE", "the-secret", "the-token"))

    assert "the-secret" not in shown
    assert "the-token" not in shown
