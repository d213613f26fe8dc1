"""S3 Batch computes checksums: its manifest, the request as boto3 takes it, the report as AWS writes it, the round."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import botocore.session
import pytest
from botocore.validate import ParamValidator

from chalicelib.core.ids import ArtifactId
from chalicelib.core.upload import Receipt
from infra.admin.at_rest.batch import (
    Batch,
    Computed,
    Place,
    job_request,
    judged,
    manifest_lines,
    report_rows,
)
from infra.admin.at_rest.reading import End, Judgement
from infra.admin.deployment import Refused
from tests.infra.admin.desks import Terminal, processed
from tests.support import story
from tests.support.builders import START, MemoryPorts, recorded
from tests.support.memory import crc64nvme_of

PLACE = Place("footage", "arn:aws:iam::123456789012:role/reelhaul-prod-BatchRole-1ABC")
CRC = "rosUhgp5mIg="
RECEIPT = Receipt(
    None, ArtifactId("output.a"), "outputs/main/s/1/a=20b", "3HL4kqtJlcpXro", 5, cast(Any, CRC), START
)


def row(
    key: str = "outputs/main/s/1/a%3D20b",
    version: str = "3HL4kqtJlcpXro",
    crc: str = CRC,
    algorithm: str = "CRC64NVME",
    kind: str = "FULL_OBJECT",
) -> str:
    """A line of a report about a task that succeeded, with the members that AWS's own sample reads."""
    message = {
        "checksum_base64": crc,
        "checksum_hex": "AE8B14860A799888",
        "etag": "62c2a1c6",
        "checksumAlgorithm": algorithm,
        "checksumType": kind,
    }
    quoted = json.dumps(message).replace('"', '""')
    return f'footage,{key},{version},succeeded,,200,"{quoted}"\n'


FAILED = 'footage,originals/x,v1,failed,AccessDenied,403,"Access Denied, by policy"\n'


def test_a_manifest_names_bucket_key_and_version_and_encodes_the_key():
    assert list(manifest_lines("footage", [RECEIPT])) == ["footage,outputs/main/s/1/a%3D20b,3HL4kqtJlcpXro\n"]


def test_the_request_is_one_that_aws_describes():
    model = botocore.session.get_session().get_service_model("s3control")
    shape = cast(Any, model.operation_model("CreateJob").input_shape)
    request = job_request(PLACE, "20261121T120000Z-7", '"abc"')

    report = ParamValidator().validate(request, shape)

    assert not report.has_errors(), report.generate_report()
    operation = request["Operation"]["S3ComputeObjectChecksum"]
    known = shape.members["Operation"].members["S3ComputeObjectChecksum"].members
    assert operation["ChecksumAlgorithm"] in known["ChecksumAlgorithm"].enum
    assert operation["ChecksumType"] in known["ChecksumType"].enum
    assert request["Manifest"]["Location"] == {
        "ObjectArn": "arn:aws:s3:::footage/proofs/20261121T120000Z-7/manifest.csv",
        "ETag": "abc",
    }
    assert (request["AccountId"], request["Report"]["ReportScope"]) == ("123456789012", "AllTasks")


def test_a_report_tells_each_version_and_its_checksum():
    assert list(report_rows(row())) == [((RECEIPT.key, RECEIPT.version_id), Computed(CRC))]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (FAILED, "failed AccessDenied 403 Access Denied, by policy"),
        (row(algorithm="SHA256"), "another checksum"),
        (row(kind="COMPOSITE"), "another checksum"),
        ("footage,k,v,succeeded,,200,\n", "no checksum"),
        ("footage,k,v,succeeded,,200,[]\n", "no checksum"),
        ("footage,k,v,,,,\n", "no status"),
    ],
)
def test_what_a_report_does_not_say_clearly_is_no_checksum(line: str, says: str):
    [(_, computed)] = report_rows(line)

    assert computed.crc64nvme is None
    assert says in computed.fault


@pytest.mark.parametrize("line", ["a,b\n", "<html></html>\n", f"{row().strip()},more\n"])
def test_what_is_no_report_is_refused(line: str):
    with pytest.raises(Refused, match="columns"):
        list(report_rows(line))


def never(_: Receipt) -> Judgement:
    raise AssertionError("nothing need be read")


def test_only_an_equal_checksum_of_that_very_version_proves_without_reading():
    where = (RECEIPT.key, RECEIPT.version_id)

    assert judged({where: Computed(CRC)}, never)(RECEIPT).end is End.TRUE
    assert judged({(RECEIPT.key, "another"): Computed(CRC)}, never)(RECEIPT).end is End.UNREAD
    assert judged({where: Computed(None, "AccessDenied")}, never)(RECEIPT) == Judgement(
        End.UNREAD, "AccessDenied"
    )


def test_a_checksum_that_differs_is_read_before_it_is_damage():
    read: list[Receipt] = []

    def reads(receipt: Receipt) -> Judgement:
        read.append(receipt)
        return Judgement(End.DAMAGED, "read twice")

    where = (RECEIPT.key, RECEIPT.version_id)

    assert judged({where: Computed("AAAAAAAAAAA=")}, reads)(RECEIPT).fault == "read twice"
    assert read == [RECEIPT]


class FakeAws:
    """S3 and S3 Batch as far as a job goes: it computes from what the bucket in memory has."""

    def __init__(self, ports: MemoryPorts, statuses: list[str]) -> None:
        self._ports = ports
        self._statuses = statuses
        self.files: dict[str, bytes] = {}
        self.jobs: list[dict[str, Any]] = []

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> dict[str, Any]:  # noqa: N803 boto3's names
        self.files[Key] = Body
        return {"ETag": '"etag"'}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 boto3's names
        return {"Body": io.BytesIO(self.files[Key])}

    def create_job(self, **request: Any) -> dict[str, Any]:
        self.jobs.append(request)
        return {"JobId": "job-7"}

    def describe_job(self, **_: Any) -> dict[str, Any]:
        status = self._statuses.pop(0)
        if status == "Complete":
            self._compute()
        reasons = [{"FailureReason": "the role may not read the manifest"}] if status == "Failed" else []
        return {"Job": {"Status": status, "FailureReasons": reasons, "ProgressSummary": {}}}

    def _compute(self) -> None:
        [request] = self.jobs
        manifest = request["Manifest"]["Location"]["ObjectArn"].partition(":::footage/")[2]
        lines = []
        for line in self.files[manifest].decode().splitlines():
            _, key, version_id = line.split(",")
            body = self._ports.objects.read_range(key.replace("%3D", "="), version_id, 0, 10**6)
            lines.append(row(key, version_id, crc64nvme_of(body)))
        prefix = request["Report"]["Prefix"]
        self.files["results.csv"] = "".join(lines).encode()
        results = [{"TaskExecutionStatus": "succeeded", "Bucket": "footage", "Key": "results.csv"}]
        self.files[f"{prefix}/job-job-7/manifest.json"] = json.dumps({"Results": results}).encode()


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Journals are where nobody else's are."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def terminal_on(ports: MemoryPorts, aws: FakeAws) -> Terminal:
    class Batched(Terminal):
        def _desk(self) -> Any:
            def batch(_: object, pause: Callable[[float], None], note: Callable[[str], None]) -> Batch:
                return Batch(cast(Any, aws), aws, PLACE, pause, note)

            desk = super()._desk()
            return type(desk)(**{**vars(desk), "batch": batch})

    return Batched(ports)


BY_BATCH = ("verify", "--all", "--by", "s3-batch")


def test_a_round_by_s3_batch_proves_without_reading():
    ports = processed()
    aws = FakeAws(ports, ["New", "Active", "Complete"])
    terminal = terminal_on(ports, aws)

    document, code = terminal.told(*BY_BATCH)

    assert (code, document["proven"], document["by"]) == (0, 3, "s3-batch")
    assert recorded(ports).session.proven_at
    assert [each.read_back and each.read_back.by for each in recorded(ports).session.evidence] == [
        "s3-batch"
    ] * 2
    assert any("job-7" in line for line in terminal.noted)


def test_rot_that_s3_batch_reports_is_found_and_confirmed():
    ports = processed()
    ports.objects.rot(story.original_keys()[0])

    document, code = terminal_on(ports, FakeAws(ports, ["Complete"])).told(*BY_BATCH)

    assert code == 1
    assert [each["artifact_id"] for each in document["damaged"]] == [story.CHAPTERS[0].artifact_id]
    assert recorded(ports).session.damage


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Paused", "Suspended"])
def test_a_job_that_does_not_end_well_proves_nothing(status: str, capsys: pytest.CaptureFixture[str]):
    ports = processed()

    assert terminal_on(ports, FakeAws(ports, [status])).run(*BY_BATCH) == 1

    assert f"job job-7 of S3 Batch is {status}" in capsys.readouterr().err
    assert recorded(ports).session.proven_at is None


def test_a_command_that_was_killed_while_it_waited_waits_for_the_same_job():
    ports = processed()
    aws = FakeAws(ports, ["Active", "Complete"])
    killed = terminal_on(ports, aws)
    killed.waiting = _die
    assert killed.run(*BY_BATCH) == 75

    _, code = terminal_on(ports, aws).told(*BY_BATCH)

    assert (code, len(aws.jobs)) == (0, 1)


def _die() -> None:
    raise KeyboardInterrupt
