"""Ten seconds of six hours, and the overview: from the index, and as the older system read the whole document."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any, BinaryIO

import boto3
from botocore.config import Config

from chalicelib.aws.frame_index import S3FrameIndex
from chalicelib.core.measurements import overview
from chalicelib.core.measurements.index import FORMAT, Index, revision_of
from chalicelib.core.measurements.ranges import Wanted
from chalicelib.flows.measurement_index import read_frames, read_overview
from tests.benchmarks.figures import Figure
from tests.benchmarks.measurements.documents import LONG, document
from tests.benchmarks.measurements.processes import Run, demand_same, peak_mib, run
from tests.support.indexes import ARTIFACT_ID, KEY, SESSION_ID, index_into
from tests.support.local_aws import local_aws
from tests.support.measurements import FRAMES_A_SECOND

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "footage"
WANTED = Wanted(from_s=10_800, to_s=10_810)
POINTS = 1000
RUNS = {"ours": 15, "old": 3, "overview": 15}
KIB = 1024


class Counted:
    """The bucket, and how many GETs and bytes were read of it."""

    def __init__(self, bucket: S3FrameIndex) -> None:
        self._bucket = bucket
        self.gets = 0
        self.size_bytes = 0

    def source(self, key: str, version_id: str) -> Iterator[bytes]:
        return self._bucket.source(key, version_id)

    def put(self, key: str, content: BinaryIO) -> None:
        self._bucket.put(key, content)

    def remove(self, key: str) -> None:
        self._bucket.remove(key)

    def read(self, key: str, first: int = 0, last: int | None = None) -> bytes:
        body = self._bucket.read(key, first, last)
        self.gets += 1
        self.size_bytes += len(body)
        return body


def figures() -> list[Figure]:
    """Of a range and of the overview: time, GETs and bytes."""
    with _store() as (url, version_id):
        ours, old, whole = (run("read", way, url, version_id) for way in ("ours", "old", "overview"))
    demand_same(ours.answer["frames"], old.answer["frames"])
    demand_same(whole.answer["frames"], LONG)
    return [_speedup(ours, old), *_costs("range", ours, 2, 150), *_costs("overview", whole, 1, 300)]


def _speedup(ours: Run, old: Run) -> Figure:
    our_s, old_s = ours.answer["median_s"], old.answer["median_s"]
    peers = {
        "ours_s": our_s,
        "old_s": old_s,
        "ours_mib": ours.peak_mib,
        "old_mib": old.peak_mib,
        "old_kib": old.answer["kib"],
    }
    note = f"10 s out of {LONG} frames, from the same local S3; the old way gets, inflates and decodes the document"
    return Figure("range_speedup_648k", old_s / our_s, "ratio", None, note, peers, least=200)


def _costs(name: str, read: Run, most_gets: int, most_kib: int) -> list[Figure]:
    note = f"of {LONG} frames; bodies of the answers of S3"
    peers = {"median_s": read.answer["median_s"]}
    return [
        Figure(f"{name}_gets", read.answer["gets"], "", most_gets, note, peers),
        Figure(f"{name}_kib", read.answer["kib"], "KiB", most_kib, note, peers),
    ]


@contextmanager
def _store() -> Iterator[tuple[str, str]]:
    """The address of a local S3 in a process of its own, and the version of the document in it, which is indexed."""
    command = [sys.executable, "-m", "tests.benchmarks.measurements", "store", str(document(LONG))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            said = json.loads(process.stdout.readline())
            yield said["url"], said["version_id"]
        finally:
            process.stdin.close()


def store(source: str) -> None:
    """In a process of its own: serve a bucket with the document and its index until the standard input ends."""
    with local_aws() as url:
        s3 = _s3(url)
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        with open(source, "rb") as file:
            version_id = s3.put_object(Bucket=BUCKET, Key=KEY, Body=file)["VersionId"]
        made = index_into(S3FrameIndex(s3, BUCKET), version_id)
        if made.frames != LONG:
            raise SystemExit(f"{made.frames} frames of {LONG}: {made.quarantine}")
        print(json.dumps({"url": url, "version_id": version_id}), flush=True)
        sys.stdin.read()


def read(way: str, url: str, version_id: str) -> dict[str, Any]:
    """In a process of its own: read the range or the overview again and again; the first time does not count."""
    bucket = Counted(S3FrameIndex(_s3(url), BUCKET))
    index = Index(
        ARTIFACT_ID, version_id, revision_of(version_id), "papi", LONG, 0, datetime.now(UTC), format=FORMAT
    )

    def ours() -> object:
        return _digest(read_frames(bucket, SESSION_ID, index, WANTED).frames)

    def old() -> object:
        frames = json.loads(gzip.decompress(bucket.read(KEY)))["frames"]
        return _digest([frame for frame in frames if WANTED.from_s <= frame["timestamp"] < WANTED.to_s])

    def whole() -> object:
        document = read_overview(bucket, SESSION_ID, index)
        return sum(overview.shown(document, Wanted(), POINTS)["count"])

    return _timed({"ours": ours, "old": old, "overview": whole}[way], RUNS[way], bucket)


def _timed(way: Callable[[], object], runs: int, bucket: Counted) -> dict[str, Any]:
    frames = way()
    gets, size_bytes = bucket.gets, bucket.size_bytes
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        demand_same(frames, way())
        seconds.append(time.perf_counter() - start)
    return {
        "frames": frames,
        "median_s": median(seconds),
        "gets": gets,
        "kib": size_bytes / KIB,
        "peak_mib": peak_mib(),
    }


def _digest(frames: Any) -> str:
    """The frames in one word; there are as many as ten seconds have."""
    if len(frames) != 10 * FRAMES_A_SECOND:
        raise SystemExit(f"{len(frames)} frames in 10 s: nothing here means anything")
    # The index writes 72.0 where the document has 72: the same number to JSON.
    as_floats = json.loads(json.dumps(frames), parse_int=float)
    return hashlib.sha256(json.dumps(as_floats, sort_keys=True).encode()).hexdigest()


def _s3(url: str) -> S3Client:
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}),
    )
