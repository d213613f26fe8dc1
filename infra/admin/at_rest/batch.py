"""S3 Batch Operations: S3 computes the checksums by itself, and nothing is downloaded.

What it reports as equal proves a receipt. What it reports otherwise is read here before anybody calls it damage, and a
task that failed proves nothing.
Source: docs.aws.amazon.com/AmazonS3/latest/userguide/batch-ops-compute-checksums.html, batch-ops-examples-reports.html
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from chalicelib.core.upload import Receipt
from infra.admin.at_rest.reading import End, Judgement
from infra.admin.deployment import Refused

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "proofs/"
"""Where manifests and reports are; the bucket's lifecycle ends them after a month."""

POLL_S = 30.0
_COLUMNS = ("bucket", "key", "version_id", "task", "error", "http_status", "message")
_ENDED = ("Complete", "Failed", "Cancelled")
_WAITS_FOR_A_PERSON = ("Paused", "Suspended")


@dataclass(frozen=True)
class Place:
    """Where jobs run: the bucket, the role that the stack made for them, and the account that both belong to."""

    bucket: str
    role_arn: str

    @property
    def account(self) -> str:
        return self.role_arn.split(":")[4]

    @property
    def arn(self) -> str:
        return f"arn:{self.role_arn.split(':')[1]}:s3:::{self.bucket}"


@dataclass(frozen=True)
class Computed:
    """What S3 computed of a version: its CRC64NVME, or why there is none."""

    crc64nvme: str | None
    fault: str = ""


def manifest_lines(bucket: str, receipts: Iterable[Receipt]) -> Iterator[str]:
    """The manifest: bucket, key and version of each receipt; S3 wants keys percent-encoded."""
    for receipt in receipts:
        yield f"{bucket},{quote(receipt.key, safe='/')},{receipt.version_id}\n"


def job_request(place: Place, name: str, etag: str) -> dict[str, Any]:
    """The CreateJob for the manifest of the round `name`, which has this ETag."""
    return {
        "AccountId": place.account,
        "ConfirmationRequired": False,
        "ClientRequestToken": name,
        "Description": f"reelhaul: proof at rest {name}",
        "Priority": 10,
        "RoleArn": place.role_arn,
        "Operation": {
            "S3ComputeObjectChecksum": {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"}
        },
        "Manifest": {
            "Spec": {
                "Format": "S3BatchOperations_CSV_20180820",
                "Fields": ["Bucket", "Key", "VersionId"],
            },
            "Location": {"ObjectArn": f"{place.arn}/{manifest_key(name)}", "ETag": etag.strip('"')},
        },
        "Report": {
            "Bucket": place.arn,
            "Prefix": report_prefix(name),
            "Format": "Report_CSV_20180820",
            "Enabled": True,
            "ReportScope": "AllTasks",
            "ExpectedBucketOwner": place.account,
        },
    }


def manifest_key(name: str) -> str:
    return f"{PREFIX}{name}/manifest.csv"


def report_prefix(name: str) -> str:
    return f"{PREFIX}{name}/report"


def report_rows(text: str) -> Iterator[tuple[tuple[str, str], Computed]]:
    """Key and version of each task of a report, with what S3 computed. Raises Refused for what is no such report."""
    for row in csv.reader(io.StringIO(text)):
        if not row:
            continue
        if len(row) != len(_COLUMNS):
            raise Refused(f"a report of S3 Batch has {len(row)} columns, not {len(_COLUMNS)}")
        told = dict(zip(_COLUMNS, row, strict=True))
        yield (unquote(told["key"]), told["version_id"]), _computed(told)


def _computed(told: Mapping[str, str]) -> Computed:
    if told["task"] != "succeeded":
        reason = " ".join(each for each in (told["error"], told["http_status"], told["message"]) if each)
        return Computed(None, f"S3 Batch: {told['task'] or 'no status'} {reason}".strip())
    try:
        message = json.loads(told["message"])
        is_whole = (message["checksumAlgorithm"], message["checksumType"]) == ("CRC64NVME", "FULL_OBJECT")
        crc = message["checksum_base64"]
    except (ValueError, KeyError, TypeError):
        return Computed(None, f"S3 Batch reports no checksum: {told['message'][:200]}")
    if not is_whole or not isinstance(crc, str):
        return Computed(None, f"S3 Batch reports another checksum: {told['message'][:200]}")
    return Computed(crc)


class Batch:
    """The jobs of one place. `pause` waits, `note` tells how far a job is."""

    def __init__(
        self,
        s3: "S3Client",
        s3control: Any,
        place: Place,
        pause: Callable[[float], None],
        note: Callable[[str], None],
    ) -> None:
        self._s3 = s3
        self._s3control = s3control
        self._place = place
        self._pause = pause
        self._note = note

    def start(self, name: str, receipts: Iterable[Receipt]) -> str:
        """The id of a new job for the versions of these receipts."""
        body = "".join(manifest_lines(self._place.bucket, receipts)).encode()
        put = self._s3.put_object(Bucket=self._place.bucket, Key=manifest_key(name), Body=body)
        made = self._s3control.create_job(**job_request(self._place, name, put["ETag"]))
        return str(made["JobId"])

    def wait(self, job_id: str) -> None:
        """Wait until the job has ended. Raises Refused when it failed, or waits for a person."""
        while True:
            job = self._s3control.describe_job(AccountId=self._place.account, JobId=job_id)["Job"]
            status = job["Status"]
            if status == "Complete":
                return
            if status in (*_ENDED, *_WAITS_FOR_A_PERSON):
                reasons = "; ".join(each.get("FailureReason", "") for each in job.get("FailureReasons", []))
                raise Refused(
                    f"job {job_id} of S3 Batch is {status}: {reasons or 'look at it in the console'}"
                )
            progress = job.get("ProgressSummary", {})
            done = progress.get("NumberOfTasksSucceeded", 0) + progress.get("NumberOfTasksFailed", 0)
            self._note(f"job {job_id}: {status}, {done} of {progress.get('TotalNumberOfTasks', 0)}")
            self._pause(POLL_S)

    def report(self, name: str, job_id: str) -> Mapping[tuple[str, str], Computed]:
        """What the job computed, by key and version."""
        manifest = json.loads(self._read(f"{report_prefix(name)}/job-{job_id}/manifest.json"))
        found: dict[tuple[str, str], Computed] = {}
        for result in manifest["Results"]:
            found.update(report_rows(self._read(result["Key"])))
        return found

    def _read(self, key: str) -> str:
        body: bytes = self._s3.get_object(Bucket=self._place.bucket, Key=key)["Body"].read()
        return body.decode()


def judged(
    computed: Mapping[tuple[str, str], Computed], read: Callable[[Receipt], Judgement]
) -> Callable[[Receipt], Judgement]:
    """What says of each receipt whether it is true: the report where that is equal, `read` where it differs."""

    def judge(receipt: Receipt) -> Judgement:
        told = computed.get((receipt.key, receipt.version_id))
        if told is None:
            return Judgement(End.UNREAD, "S3 Batch does not report it")
        if told.crc64nvme is None:
            return Judgement(End.UNREAD, told.fault)
        return Judgement(End.TRUE) if told.crc64nvme == receipt.crc64nvme else read(receipt)

    return judge
