"""The scan gate at the local AWS: its bucket, its policy, its tags, and the scanner that plays GuardDuty."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

import pytest
import requests
from msgspec.structs import replace

from chalicelib.aws.object_store import S3ObjectStore
from chalicelib.aws.records import DynamoRecords
from chalicelib.aws.signer import S3Signer, SigningCredentials
from chalicelib.core import keys
from chalicelib.core.artifact import made_key
from chalicelib.core.errors import NotFound
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.order import wish
from chalicelib.core.scan import CLEAN, INFECTED, TAG
from chalicelib.core.settle import Actor
from chalicelib.flows import artifacts, completion, operations, sessions, uploads
from chalicelib.flows.settle import settle_session
from chalicelib.ports import Ports
from chalicelib.wiring import RandomIds, SystemClock
from infra.local.aws.moto.server import KEY, REGION, SECRET
from infra.local.scanner import ROLE, UNSUPPORTED, Scanner, eicar, finding_of
from infra.local.stack import LocalAws
from tests.infra.strict_s3.test_denies import assert_denied
from tests.support.builders import (
    POLICY,
    make_chapter,
    make_session,
    make_session_id,
    memory_ports,
    named,
    recorded,
)
from tests.support.films import make_film
from tests.support.memory import crc64nvme_of
from tests.support.story import NORTH, OPERATOR

FILM = make_film(7_000)
CHAPTER = make_chapter(size_bytes=len(FILM))
VIDEO = ArtifactId("output.enhanced.mp4")
ENCRYPTED = b"PK\x03\x04\x14\x00\x01\x00" + bytes(40)
GATED = replace(POLICY, part_size_bytes=5 * 2**20, scan_gate=True)


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAws]:
    with LocalAws.start(progress=lambda _line: None, parameters={"ScanRoleArn": ROLE}) as started:
        yield started


@pytest.fixture(scope="module")
def scanner(aws: LocalAws) -> Scanner:
    return aws.scanner()


@pytest.fixture
def s3(aws: LocalAws) -> Any:
    return aws.client("s3")


@pytest.fixture
def ports(aws: LocalAws, s3: Any) -> Ports:
    """Flows on this bucket and table, behind the scan gate."""
    return replace(
        memory_ports(policy=GATED),
        objects=S3ObjectStore(s3, aws.bucket),
        records=DynamoRecords(aws.client("dynamodb"), aws.table),
        signer=S3Signer(aws.bucket, REGION, lambda: SigningCredentials(KEY, SECRET), endpoint_url=aws.url),
        ids=RandomIds(),
        clock=SystemClock(),
    )


@contextmanager
def acting_as(aws: LocalAws, role: str) -> Iterator[None]:
    """Within, the key of the local AWS is that of this role."""
    before = aws.strict.principals[KEY]
    aws.strict.principals[KEY] = f"arn:aws:iam::123456789012:role/{role}"
    yield
    aws.strict.principals[KEY] = before


def processed(aws: LocalAws, ports: Ports, name: str, body: bytes) -> SessionId:
    """A hauled session for which a processor has written `body` as its video."""
    session_id, s3 = make_session_id(name), aws.client("s3")
    sessions.confirm_session(
        ports, NORTH, session_id, make_session().camera, None, [CHAPTER], wish([VIDEO], {})
    )
    view, _ = uploads.open_upload(ports, NORTH, session_id, CHAPTER.artifact_id, len(FILM), None)
    crc = crc64nvme_of(FILM)
    [url] = uploads.sign_parts(ports, NORTH, view.upload.upload_id, [(1, crc)])
    assert requests.put(url.url, data=FILM, headers=url.headers, timeout=10).status_code == 200
    completion.complete_upload(ports, NORTH, view.upload.upload_id, crc)
    settle_session(ports, session_id, Actor.EVENT)
    stated = {"artifact_id": VIDEO, "size_bytes": len(body), "crc64nvme": crc64nvme_of(body)}
    said = {**named(session_id), "order": 1, "artifacts": [stated]}
    for key, written in (
        (made_key(session_id, 1, VIDEO), body),
        (keys.manifest_key(session_id, 1), json.dumps(said).encode()),
    ):
        s3.put_object(
            Bucket=aws.bucket, Key=key, Body=written, IfNoneMatch="*", ChecksumAlgorithm="CRC64NVME"
        )
    settle_session(ports, session_id, Actor.RECONCILER)
    return session_id


def state_of(ports: Ports, session_id: SessionId) -> str:
    return recorded(ports, session_id).session.state.value


def test_a_clean_output_is_read_once_it_is_scanned_and_not_before(
    aws: LocalAws, ports: Ports, scanner: Scanner
):
    session_id = processed(aws, ports, "clean", FILM)
    with pytest.raises(NotFound, match="waits for the scan"):
        artifacts.sign_artifact(ports, OPERATOR, session_id, VIDEO)
    assert state_of(ports, session_id) == "STORED"

    assert scanner.scan()[made_key(session_id, 1, VIDEO)] == CLEAN
    settle_session(ports, session_id, Actor.RECONCILER)

    assert state_of(ports, session_id) == "PROCESSED"
    _, read = artifacts.sign_artifact(ports, OPERATOR, session_id, VIDEO)
    assert requests.get(read.url, timeout=10).content == FILM


def test_an_infected_output_holds_its_session_and_the_bucket_gives_it_to_nobody(
    aws: LocalAws, ports: Ports, scanner: Scanner, s3: Any
):
    session_id = processed(aws, ports, "infected", b"a film? " + eicar())
    at = {"Bucket": aws.bucket, "Key": made_key(session_id, 1, VIDEO)}
    with acting_as(aws, "processor"):
        version_id = s3.get_object(**at)["VersionId"]

    assert scanner.scan()[at["Key"]] == INFECTED
    settle_session(ports, session_id, Actor.RECONCILER)

    assert state_of(ports, session_id) == "FAILED"
    assert "is infected" in str(recorded(ports, session_id).session.held)
    with acting_as(aws, "processor"):
        for call in (s3.get_object, s3.head_object):
            assert_denied(call, **at)
            assert_denied(call, **at, VersionId=version_id)
        source = {**at, "VersionId": version_id}
        assert_denied(s3.copy_object, Bucket=aws.bucket, Key="copy", CopySource=source)
    assert s3.head_object(**at)["VersionId"] == version_id


def test_what_cannot_be_scanned_waits_for_an_operators_word(aws: LocalAws, ports: Ports, scanner: Scanner):
    session_id = processed(aws, ports, "encrypted", ENCRYPTED)
    assert scanner.scan()[made_key(session_id, 1, VIDEO)] == UNSUPPORTED
    settle_session(ports, session_id, Actor.RECONCILER)
    assert state_of(ports, session_id) == "STORED"

    operations.accept_scan(ports, OPERATOR, session_id, VIDEO, "our own archive")

    assert state_of(ports, session_id) == "PROCESSED"


def test_what_is_never_scanned_waits(aws: LocalAws, ports: Ports):
    session_id = processed(aws, ports, "never-scanned", FILM)
    for _ in range(3):
        settle_session(ports, session_id, Actor.RECONCILER)

    [scan] = recorded(ports, session_id).session.scans
    assert (state_of(ports, session_id), scan.finding) == ("STORED", None)


class TestThePolicy:
    @staticmethod
    def tag(s3: Any, aws: LocalAws, key: str, finding: str = CLEAN) -> dict[str, Any]:
        version = s3.put_object(Bucket=aws.bucket, Key=key, Body=b"x", IfNoneMatch="*")["VersionId"]
        tagging = {"TagSet": [{"Key": TAG, "Value": finding}]}
        return {"Bucket": aws.bucket, "Key": key, "VersionId": version, "Tagging": tagging}

    def test_lets_nobody_call_his_own_output_clean(self, aws: LocalAws, s3: Any):
        tag = self.tag(s3, aws, "outputs/main/s/1/forged.mp4")
        at = {"Bucket": aws.bucket, "Key": "outputs/main/s/1/tagged.mp4"}

        with acting_as(aws, "processor"):
            assert_denied(s3.put_object_tagging, **tag)
            assert_denied(s3.put_object, **at, Body=b"x", IfNoneMatch="*", Tagging=f"{TAG}={CLEAN}")
            assert_denied(s3.create_multipart_upload, **at, Tagging=f"{TAG}={CLEAN}")

    def test_lets_the_scanner_tag_outputs_and_no_original(self, aws: LocalAws, s3: Any):
        output = self.tag(s3, aws, "outputs/main/s/1/scanned.mp4")
        original = self.tag(s3, aws, "originals/main/s/100GOPRO/GX010001.MP4")

        with acting_as(aws, ROLE.rpartition("/")[2]):
            s3.put_object_tagging(**output)
            assert_denied(s3.put_object_tagging, **original)

    def test_lets_a_processor_read_what_is_clean_or_not_scanned(self, aws: LocalAws, s3: Any):
        clean = self.tag(s3, aws, "outputs/main/s/1/read.mp4")
        fresh = self.tag(s3, aws, "outputs/main/s/1/fresh.mp4")
        s3.put_object_tagging(**clean)

        with acting_as(aws, "processor"):
            for each in (clean, fresh):
                assert s3.get_object(Bucket=aws.bucket, Key=each["Key"])["Body"].read() == b"x"


@pytest.mark.parametrize("cut", [1, 20, 67])
def test_the_test_file_is_found_across_chunks(cut: int):
    body = b"before " + eicar() + b" behind"

    assert finding_of([body[:cut], body[cut:]]) == INFECTED
    assert finding_of([body]) == INFECTED


@pytest.mark.parametrize("body", [b"", b"PK", eicar()[:-1], eicar()[1:], b"PK\x03\x04\x14\x00\x00\x00"])
def test_all_else_is_clean(body: bytes):
    assert finding_of([body]) == CLEAN


def test_a_scanner_that_was_started_scans_by_itself_and_ends(aws: LocalAws, s3: Any):
    key = "outputs/main/s/1/by-itself.mp4"
    version = s3.put_object(Bucket=aws.bucket, Key=key, Body=b"x", IfNoneMatch="*")["VersionId"]
    scanner = aws.scanner()
    scanner.start(every_s=0.01)
    store = S3ObjectStore(s3, aws.bucket)
    deadline = monotonic() + 20
    while not store.tags(key, version) and monotonic() < deadline:
        sleep(0.01)
    scanner.close()

    assert store.tags(key, version) == {TAG: CLEAN}
