"""`upload_file` of boto3 as the client's peer: python -m tests.benchmarks.edge.boto3_upload ADDRESS BUCKET KEY FILE.

Two threads, parts of 16 MiB, and a CRC64NVME a part from awscrt, which is boto3's cheapest checksum.
"""

import sys

import boto3
from boto3.s3.transfer import TransferConfig

PART_BYTES = 16 * 2**20


def main(address: str, bucket: str, key: str, file: str) -> None:
    told = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=2)
    s3 = boto3.client("s3", endpoint_url=address)
    s3.upload_file(file, bucket, key, ExtraArgs={"ChecksumAlgorithm": "CRC64NVME"}, Config=told)


if __name__ == "__main__":
    main(*sys.argv[1:])
