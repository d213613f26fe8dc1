"""What signing and folding cost beside the libraries that they stand in for."""

import base64
import os
from datetime import UTC, datetime

import boto3
from awscrt import checksums
from botocore.config import Config

from chalicelib.aws.signer import S3Signer, SigningCredentials
from chalicelib.core.crc import Crc64Nvme, fold
from chalicelib.ports import PartToSign
from tests.benchmarks.figures import Figure, medians

KEY = "originals/main/match-17-north/100GOPRO/GX010038.MP4"
MULTIPART_ID = "x" * 120
TOKEN = "t" * 900
PART_SIZE_BYTES = 16 * 2**20
URLS = 1000
PART_COUNT = 750
"""Parts of a chapter of 12 GB."""


def figures() -> list[Figure]:
    return [signing(), folding()]


def signing() -> Figure:
    """1,000 part URLs with length and CRC signed, ours over botocore's."""
    parts = [PartToSign(number, PART_SIZE_BYTES, Crc64Nvme("rosUhgp5mIg=")) for number in range(1, URLS + 1)]
    signer = S3Signer("bucket", "eu-west-1", lambda: SigningCredentials("AKIDEXAMPLE", "secret", TOKEN))
    now = datetime.now(UTC)
    s3 = boto3.client(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        aws_session_token=TOKEN,
        config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}),
    )

    def botocore_signs() -> None:
        for part in parts:
            s3.generate_presigned_url(
                "upload_part",
                Params={
                    "Bucket": "bucket",
                    "Key": KEY,
                    "UploadId": MULTIPART_ID,
                    "PartNumber": part.number,
                    "ContentLength": part.size_bytes,
                    "ChecksumCRC64NVME": part.crc64nvme,
                },
                ExpiresIn=900,
            )

    ours, theirs = medians(lambda: signer.part_urls(KEY, MULTIPART_ID, parts, 900, now), botocore_signs)
    peers = {"botocore_ms": theirs * 1000, "ours_ms": ours * 1000}
    return Figure("part_urls_1000_ms_vs_botocore", ours / theirs, "ratio", 0.05, f"{URLS} part URLs", peers)


def folding() -> Figure:
    """Folding the CRCs of a 12 GB chapter's parts in pure Python, in seconds, with awscrt beside it."""
    numbers = [int.from_bytes(os.urandom(8), "big") for _ in range(PART_COUNT)]
    parts = [
        (Crc64Nvme(base64.b64encode(number.to_bytes(8, "big")).decode()), PART_SIZE_BYTES)
        for number in numbers
    ]

    def awscrt_folds() -> int:
        whole = 0
        for number in numbers:
            whole = checksums.combine_crc64nvme(whole, number, PART_SIZE_BYTES)
        return whole

    if fold(parts) != base64.b64encode(awscrt_folds().to_bytes(8, "big")).decode():
        raise SystemExit("the two folds differ: nothing here means anything")
    ours, theirs = medians(lambda: fold(parts), awscrt_folds)
    note = f"{PART_COUNT} parts; awscrt is not in Lambda"
    return Figure("crc_fold_12gb_s", ours, "s", 0.25, note, {"awscrt_s": theirs})
