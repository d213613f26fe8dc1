"""moto at its real limit of 5 MiB, in a process of its own because it reads the limit when it is imported."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.aws.strict_s3.moto_app import PART_MINIMUM, ImportedTooEarly, moto_app

ROOT = Path(__file__).parents[3]
SCRIPT = """
import warnings
from botocore.exceptions import ClientError
from tests.infra.strict_s3.bench import Bench

warnings.simplefilter("ignore", ResourceWarning)
MINIMUM = 5 * 1024 * 1024

def completed(bucket, size_bytes):
    upload = bucket.begin(f"film-{size_bytes}")
    parts = [upload.put(1, bytes(size_bytes)), upload.put(2, b"the end")]
    try:
        upload.complete(parts)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "completed"

with Bench() as bench:
    bucket = bench.make_bucket("vid")
    for size_bytes in (MINIMUM - 1, MINIMUM, MINIMUM + 1):
        print(completed(bucket, size_bytes))
"""


def test_all_parts_but_the_last_have_at_least_5_mib():
    environment = {name: value for name, value in os.environ.items() if name != PART_MINIMUM}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.split() == ["EntityTooSmall", "completed", "completed"], done.stderr


def test_a_minimum_that_moto_has_not_taken_is_an_error():
    # No other test need have imported moto before.
    moto_app()
    taken = os.environ[PART_MINIMUM]
    os.environ[PART_MINIMUM] = "2"
    try:
        with pytest.raises(ImportedTooEarly):
            moto_app()
    finally:
        os.environ[PART_MINIMUM] = taken
