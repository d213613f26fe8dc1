"""What the benchmark of the edge client stands on: honest links, an S3 that refuses, a ledger that notices."""

from __future__ import annotations

import base64
import http.client
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest
from awscrt.checksums import crc64nvme

from infra.local.camera.card import SERIAL
from infra.local.gopro_file import inspected
from tests.benchmarks.edge.camera import Camera
from tests.benchmarks.edge.certificate import Certificate, made
from tests.benchmarks.edge.chapter import Chapter
from tests.benchmarks.edge.coordinator import Coordinator, crc_text
from tests.benchmarks.edge.legs import sending_figures
from tests.benchmarks.edge.sink import Sink
from tests.benchmarks.edge.storage import Part, Storage

KEY = "originals/main/s/100GOPRO/GX010042.MP4"
BODY = b"r" * 100_000
PART_BYTES = 5 * 2**20
MULTIPART_ID = "m1"


@pytest.mark.parametrize("size_bytes", [10_000, 64 * 2**20, 2**32 - 1, 2**32, 12 * 2**30])
def test_the_chapter_is_a_whole_file_of_the_camera(size_bytes: int):
    found = inspected(Chapter(size_bytes).content)

    assert found.header.serial == SERIAL
    assert sum(box.size_bytes for box in found.boxes) == size_bytes


def test_no_two_parts_of_a_chapter_are_equal():
    content, part_bytes = Chapter(40 * 2**20).content, 2**20

    crcs = {crc64nvme(content.read(first, part_bytes)) for first in range(0, 40 * 2**20, part_bytes)}

    assert len(crcs) == 40


@pytest.mark.parametrize("size_bytes", [10_000, 2**20, 2**20 + 1])
def test_a_chapter_is_written_as_it_is_served(tmp_path: Path, size_bytes: int):
    chapter = Chapter(size_bytes)

    with closing(Camera(None, chapter)) as camera:
        served = urlopen(f"{camera.url()}/videos/DCIM/{chapter.path}").read()

    assert chapter.write(tmp_path / "chapter").read_bytes() == served
    assert chapter.crc() == crc64nvme(served)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return made(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def storage() -> Storage:
    return Storage()


@pytest.fixture
def sink(storage: Storage, certificate: Certificate) -> Iterator[Sink]:
    with closing(Sink(storage, certificate.server_context(), None)) as found:
        yield found


def put(sink: Sink, authority: Path, upload_id: str, body: bytes, crc: int) -> tuple[int, bytes]:
    context = ssl.create_default_context(cafile=str(authority))
    netloc = urlsplit(sink.url).netloc
    with closing(http.client.HTTPSConnection(netloc, timeout=10, context=context)) as connection:
        path = f"/bucket/{KEY}?partNumber=1&uploadId={upload_id}"
        connection.request("PUT", path, body, {"x-amz-checksum-crc64nvme": crc_text(crc)})
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_a_part_with_its_crc_is_taken_and_only_its_size_kept(
    sink: Sink, storage: Storage, certificate: Certificate
):
    upload_id = storage.create(KEY)

    status, _ = put(sink, certificate.certificate, upload_id, BODY, crc64nvme(BODY))

    assert status == 200
    assert storage.parts(upload_id) == {1: Part(len(BODY), crc64nvme(BODY))}
    assert sink.negotiated == {"TLSv1.3 TLS_AES_256_GCM_SHA384"}


def test_a_part_that_is_not_what_its_crc_says_is_refused(
    sink: Sink, storage: Storage, certificate: Certificate
):
    upload_id = storage.create(KEY)

    status, answer = put(sink, certificate.certificate, upload_id, BODY, crc64nvme(BODY) ^ 1)

    assert (status, b"<Code>BadDigest</Code>" in answer) == (400, True)
    assert storage.parts(upload_id) == {}


def test_a_part_of_an_upload_that_is_not_under_way_is_refused(sink: Sink, certificate: Certificate):
    status, answer = put(sink, certificate.certificate, "m9", b"", 0)

    assert (status, b"<Code>NoSuchUpload</Code>" in answer) == (404, True)


def stored(storage: Storage, upload_id: str, number: int, part: Part | None = None) -> None:
    storage.begin_part(upload_id, number)
    storage.end_part(upload_id, number, part or Part(len(BODY), crc64nvme(BODY)))


def test_a_part_that_is_sent_again_is_noticed_in_whatever_upload_of_its_key(storage: Storage):
    stored(storage, storage.create(KEY), 1)
    stored(storage, storage.create(KEY), 1)
    stored(storage, storage.create("another"), 1)

    assert (storage.ledger(KEY).resent, storage.ledger("another").resent) == (1, 0)


def test_a_part_in_flight_at_a_kill_may_be_sent_once_more(storage: Storage):
    upload_id = storage.create(KEY)
    stored(storage, upload_id, 1)
    storage.begin_part(upload_id, 2)
    in_flight = storage.excuse_in_flight()
    storage.end_part(upload_id, 2, Part(len(BODY), 0))

    stored(storage, upload_id, 2)
    once = storage.ledger(KEY).resent
    stored(storage, upload_id, 2)

    assert (in_flight, once, storage.ledger(KEY).resent) == (1, 0, 1)


@pytest.mark.parametrize(
    ("part", "stated"),
    [
        pytest.param(None, crc64nvme(BODY), id="missing"),
        pytest.param(Part(len(BODY) - 1, crc64nvme(BODY)), crc64nvme(BODY), id="too short"),
        pytest.param(Part(len(BODY), None), crc64nvme(BODY), id="never checked"),
        pytest.param(Part(len(BODY), crc64nvme(BODY)), crc64nvme(BODY) ^ 1, id="another whole"),
    ],
)
def test_nothing_but_the_checked_parts_of_the_whole_completes(
    storage: Storage, part: Part | None, stated: int
):
    with closing(Coordinator(storage, "https://s3.invalid", PART_BYTES)) as coordinator:
        upload_id = opened(coordinator)
        if part:
            stored(storage, MULTIPART_ID, 1, part)

        status, problem = completed(coordinator, upload_id, stated)

        assert (status, problem["type"]) == (422, "urn:reelhaul:problem:parts-mismatch")
        assert coordinator.receipts("s") == {}


def test_the_checked_parts_of_the_whole_complete_without_a_byte(storage: Storage):
    with closing(Coordinator(storage, "https://s3.invalid", PART_BYTES)) as coordinator:
        upload_id = opened(coordinator)
        stored(storage, MULTIPART_ID, 1)

        status, _ = completed(coordinator, upload_id, crc64nvme(BODY))
        [receipt] = coordinator.receipts("s").values()

    assert status == 200
    assert receipt is not None
    assert (receipt["key"], receipt["crc64nvme"]) == (KEY, crc_text(crc64nvme(BODY)))
    assert storage.size_of(KEY) == len(BODY)


def test_the_url_of_a_part_leads_to_the_sink(storage: Storage):
    with closing(Coordinator(storage, "https://s3.invalid", PART_BYTES)) as coordinator:
        path = f"/v1/uploads/{opened(coordinator)}/part-urls"

        _, told = coordinator.call("POST", path, {"parts": [{"number": 1, "crc64nvme": crc_text(7)}]})

    [url] = told["part_urls"]
    address = urlsplit(url["url"])
    assert (address.netloc, address.path) == ("s3.invalid", f"/bucket/{KEY}")
    assert parse_qs(address.query) == {
        "partNumber": ["1"],
        "uploadId": [MULTIPART_ID],
        "X-Amz-Signature": ["none"],
    }
    assert url["headers"] == {"content-length": str(len(BODY)), "x-amz-checksum-crc64nvme": crc_text(7)}


def test_while_urls_are_held_nobody_gets_one_and_who_asked_is_counted(storage: Storage):
    with closing(Coordinator(storage, "https://s3.invalid", PART_BYTES)) as coordinator:
        upload_id = opened(coordinator)
        coordinator.gate.clear()
        connection = http.client.HTTPConnection(urlsplit(coordinator.url).netloc, timeout=0.3)
        with closing(connection):
            connection.request(
                "POST", f"/v1/uploads/{upload_id}/part-urls", "{}", {"Content-Type": "application/json"}
            )
            with pytest.raises(TimeoutError):
                connection.getresponse()
        calls = coordinator.calls()
        coordinator.gate.set()

        assert calls == {"urls": 1}
        assert coordinator.calls() == {}


def opened(coordinator: Coordinator) -> str:
    """The upload of the only chapter of session `s`."""
    chapter = {"directory": "100GOPRO", "filename": "GX010042.MP4", "size_bytes": len(BODY)}
    session = {"camera": {"serial": SERIAL}, "chapters": [chapter]}
    assert coordinator.call("PUT", "/v1/sessions/s", session)[0] in (200, 201)
    artifact = {"artifact_id": "original.100GOPRO.GX010042.MP4", "size_bytes": len(BODY)}
    upload_id: str = coordinator.call("POST", "/v1/sessions/s/uploads", artifact)[1]["upload_id"]
    return upload_id


def completed(coordinator: Coordinator, upload_id: str, crc: int) -> tuple[int, Any]:
    return coordinator.call("POST", f"/v1/uploads/{upload_id}/complete", {"crc64nvme": crc_text(crc)})


def test_a_crc_is_told_as_s3_tells_it():
    assert crc_text(crc64nvme(b"123456789")) == base64.b64encode(bytes.fromhex("ae8b14860a799888")).decode()


UPLOADS = {
    "up": 1.5,
    "start": 0.5,
    "curl": 1.3,
    "boto3": 3.0,
    "boto3-crc64nvme": 1.75,
    "aws-cli": 3.5,
    "s5cmd": 2.5,
}


def ratios(uploads: dict[str, float]) -> dict[str, float]:
    starts = {f"{name}_start": 0.5 for name in uploads if name not in ("up", "start")}
    return {figure.name: figure.value for figure in sending_figures(uploads | starts, "", "")}


def test_an_upload_is_held_against_the_cheapest_sdk_as_it_comes_and_against_boto3_at_its_cheapest():
    assert ratios(UPLOADS) == {
        "upload_cpu_vs_curl_tls": pytest.approx(1 / 0.8),
        "upload_cpu_vs_best_sdk_tls": pytest.approx(1 / 2),
        "upload_cpu_vs_boto3_crc64nvme_tls": pytest.approx(1 / 1.25),
    }


def test_an_sdk_that_cannot_be_had_is_not_the_cheapest():
    found = ratios({name: cost for name, cost in UPLOADS.items() if name != "s5cmd"})

    assert found["upload_cpu_vs_best_sdk_tls"] == pytest.approx(1 / 2.5)
