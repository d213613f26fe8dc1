"""`upload_file` of boto3 as the client's peer; its arguments: ADDRESS BUCKET KEY FILE [CHECKSUM].

Two threads and parts of 16 MiB, each with the checksum that is named; else with the one that boto3 takes, CRC32.
"""

import sys

import boto3
from boto3.s3.transfer import TransferConfig

PART_BYTES = 16 * 2**20


def main(address: str, bucket: str, key: str, file: str, checksum: str | None = None) -> None:
    told = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=2)
    s3 = boto3.client("s3", endpoint_url=address)
    extra = {"ChecksumAlgorithm": checksum} if checksum else {}
    s3.upload_file(file, bucket, key, ExtraArgs=extra, Config=told)


if __name__ == "__main__":
    main(*sys.argv[1:])
