"""The sample processor keeps the contract of docs/processors.md: reads proven, writes once, tells what it cannot do."""

import errno
import io
import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import av
import pytest

from examples.processor.bucket import PART_BYTES, Bucket, Written
from examples.processor.errors import CannotProcess, NotAllowed, TryLater
from examples.processor.queue import HIDDEN_S, Message, Queue
from infra.local.aws.moto import server
from infra.local.aws.strict_s3 import Chaos
from infra.local.footage import Film, chapter_bytes
from infra.local.http_server import Server
from tests.infra.processor_rig import BUCKET, LIGHTS, TOKEN, VIDEO, FakeCoordinator, Rig, client, crc_of
from tests.support.local_aws import local_aws

FILM = Film(width=160, height=96, fps=10, chapters=2, frames_per_chapter=4)
CHAPTERS = [chapter_bytes(FILM, number) for number in (1, 2)]


@pytest.fixture(scope="module")
def chaos() -> Chaos:
    return Chaos()


@pytest.fixture(scope="module")
def endpoint_url(chaos: Chaos) -> Iterator[str]:
    with local_aws(chaos) as url:
        s3 = client("s3", url)
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        yield url


@pytest.fixture
def rig(endpoint_url: str, chaos: Chaos) -> Iterator[Rig]:
    chaos.clear()
    coordinator = FakeCoordinator()
    with Server(coordinator) as server:
        yield Rig(endpoint_url, coordinator, server.url)


def failure_of(rig: Rig) -> str:
    (told,) = rig.coordinator.failures
    assert told["order"] == 1
    return str(told["reason"])


def test_an_order_ends_with_what_it_requires_and_leaves_the_queue(rig):
    assert rig.take(rig.message(CHAPTERS)) == 0

    assert rig.written() == sorted([rig.key(LIGHTS), rig.key(VIDEO), rig.manifest_key])
    assert (rig.waiting(), rig.coordinator.failures) == (0, [])


def test_the_manifest_states_what_stands_and_s3_keeps_the_crc_of_the_whole(rig):
    rig.take(rig.message(CHAPTERS))

    manifest = rig.manifest()
    assert (manifest["project"], manifest["session_id"], manifest["order"]) == ("main", rig.session_id, 1)
    assert [each["artifact_id"] for each in manifest["artifacts"]] == [VIDEO, LIGHTS]
    for each in manifest["artifacts"]:
        body = rig.body(rig.key(each["artifact_id"]))
        head = rig.s3.head_object(Bucket=BUCKET, Key=rig.key(each["artifact_id"]), ChecksumMode="ENABLED")
        assert (each["size_bytes"], each["crc64nvme"]) == (len(body), crc_of(body))
        assert (head["ChecksumCRC64NVME"], head["ChecksumType"]) == (crc_of(body), "FULL_OBJECT")


@pytest.mark.parametrize("project", ["main", "club"])
def test_every_call_names_the_project_of_its_order(rig, project: str):
    message = {**rig.message([b"no film"]), "project": project}
    message["originals"][0]["url"] = None

    rig.take(message)

    assert [asked.split(" ")[0] for asked in rig.coordinator.asked] == ["GET", "GET", "POST"]
    assert rig.coordinator.projects == [project] * 3


def test_a_video_is_told_as_one(rig):
    rig.take(rig.message(CHAPTERS))

    assert rig.s3.head_object(Bucket=BUCKET, Key=rig.key(VIDEO))["ContentType"] == "video/mp4"


@pytest.mark.parametrize("lacking", [VIDEO, LIGHTS])
def test_there_is_no_manifest_before_all_that_it_states_stands(rig, chaos, lacking):
    chaos.fail_before("CompleteMultipartUpload", key_prefix=rig.key(lacking))

    assert rig.take(rig.message(CHAPTERS)) == 75

    assert {rig.manifest_key, rig.key(lacking)}.isdisjoint(rig.written())
    assert (rig.waiting(), rig.coordinator.failures) == (1, [])


def test_an_order_that_was_interrupted_is_fulfilled_the_next_time(rig, chaos):
    message = rig.message(CHAPTERS)
    chaos.fail_before("CompleteMultipartUpload", key_prefix=rig.manifest_key)
    with pytest.raises(TryLater):
        rig.process(message)

    assert rig.process(message)

    assert rig.written() == sorted([rig.key(LIGHTS), rig.key(VIDEO), rig.manifest_key])


def test_a_doubled_order_makes_the_same_bytes_and_no_second_version(rig):
    message = rig.message(CHAPTERS)
    assert rig.take(message) == 0
    first = {key: rig.body(key) for key in rig.written()}

    assert rig.take(message) == 0

    assert rig.written() == sorted(first)
    assert {key: rig.body(key) for key in rig.written()} == first
    assert rig.coordinator.failures == []


@pytest.mark.parametrize("artifact_id", [VIDEO, LIGHTS])
def test_another_object_on_the_key_is_a_failure_and_stays(rig, artifact_id):
    rig.s3.put_object(Bucket=BUCKET, Key=rig.key(artifact_id), Body=b"of somebody else")

    assert rig.take(rig.message(CHAPTERS)) == 0

    assert rig.key(artifact_id) in failure_of(rig)
    assert rig.body(rig.key(artifact_id)) == b"of somebody else"
    assert rig.written().count(rig.key(artifact_id)) == 1
    assert rig.manifest_key not in rig.written()


@pytest.mark.parametrize("member", ["crc64nvme", "size_bytes"])
def test_a_damaged_original_is_a_failure_that_names_it(rig, member):
    message = rig.message(CHAPTERS)
    message["originals"][1][member] = message["originals"][0][member]

    assert rig.take(message) == 0

    assert "GX020038.MP4 is damaged" in failure_of(rig)
    assert (rig.written(), rig.waiting()) == ([], 0)


def test_an_original_that_is_no_film_is_a_failure_that_names_the_chapter(rig):
    assert rig.take(rig.message([CHAPTERS[0], b"no film at all" * 99])) == 0

    assert "chapter 2 cannot be decoded" in failure_of(rig)
    assert rig.written() == []


@pytest.mark.parametrize(
    ("marked", "told"),
    [
        ([], ""),
        ([1], "; hauled unfinished: GX020038.MP4"),
        ([0, 1], "; hauled unfinished: GX010038.MP4 and 1 more"),
    ],
)
def test_a_failure_tells_which_originals_were_hauled_unfinished(rig, marked, told):
    message = rig.message([CHAPTERS[0], b"no film at all" * 99])
    for place in marked:
        message["originals"][place]["unfinished"] = True

    assert rig.take(message) == 0

    assert "chapter 2 cannot be decoded" in failure_of(rig)
    assert failure_of(rig).endswith(told or "Error")


def test_an_unfinished_original_that_can_be_decoded_fails_no_order(rig):
    message = rig.message(CHAPTERS)
    message["originals"][0]["unfinished"] = True

    assert rig.take(message) == 0

    assert rig.manifest_key in rig.written()


def test_a_chapter_of_another_frame_rate_is_a_failure(rig):
    other = chapter_bytes(replace(FILM, fps=FILM.fps + 1), 1)

    assert rig.take(rig.message([CHAPTERS[0], other])) == 0

    assert "chapter 2 has another frame rate" in failure_of(rig)


def without_times(body: bytes) -> bytes:
    """A film whose frames and track take no time, by its own words: its frame rate is unset."""
    changed = bytearray(body)
    durations, first_frames = changed.find(b"mdhd") + 20, changed.find(b"stts") + 16
    for place in (durations, first_frames):
        changed[place : place + 4] = bytes(4)
    return bytes(changed)


def test_a_chapter_whose_frame_rate_is_unset_is_a_failure(rig):
    # Of three frames on, the decoder guesses a rate.
    film = without_times(chapter_bytes(replace(FILM, frames_per_chapter=2), 1))

    assert rig.take(rig.message([film])) == 0

    assert "chapter 1 does not say how many frames a second has" in failure_of(rig)


def test_a_chapter_of_another_picture_size_is_scaled_to_the_first(rig):
    other = chapter_bytes(replace(FILM, width=FILM.width + 32, height=FILM.height + 16), 1)

    assert rig.take(rig.message([CHAPTERS[0], other])) == 0

    assert rig.coordinator.failures == []
    with av.open(io.BytesIO(rig.body(rig.key(VIDEO))), "r") as video:
        sizes = {(frame.width, frame.height) for frame in video.decode(video=0)}
    assert sizes == {(FILM.width, FILM.height)}


@pytest.mark.parametrize("required", ["output.papi_a.avi", "output.report.pdf", "output.frames.json"])
def test_what_it_cannot_make_is_a_failure_before_anything_is_read(rig, required):
    assert rig.take(rig.message(CHAPTERS, LIGHTS, required)) == 0

    assert required in failure_of(rig)
    assert rig.written() == []


def test_without_an_address_the_coordinator_is_asked_for_one(rig):
    message = rig.message(CHAPTERS)
    message["originals"][1] |= {"url": None, "expires_at": None}

    assert rig.take(message) == 0

    asked = [path for path in rig.coordinator.asked if path.endswith("/url")]
    assert asked == [f"GET /v1/sessions/{rig.session_id}/artifacts/original.100GOPRO.GX020038.MP4/url"]


def test_for_an_address_that_s3_refuses_the_coordinator_is_asked_for_another(rig):
    message = rig.message(CHAPTERS[:1])
    message["originals"][0]["url"] += "0"

    assert rig.take(message) == 0

    assert rig.manifest_key in rig.written()


def test_an_order_is_left_for_later_when_s3_refuses_the_fresh_address_too(rig):
    message = rig.message(CHAPTERS[:1])
    artifact_id = message["originals"][0]["artifact_id"]
    message["originals"][0]["url"] += "0"
    rig.coordinator.urls[artifact_id] += "0"

    assert rig.take(message) == 75
    assert (rig.waiting(), rig.coordinator.failures) == (1, [])


@pytest.mark.parametrize(
    ("state", "order"), [("STORED", 2), ("PROCESSED", 1), ("FAILED", 1)], ids=["replaced", "done", "failed"]
)
def test_an_order_that_is_not_wanted_any_more_is_dropped(rig, state, order):
    rig.coordinator.state, rig.coordinator.order = state, order

    assert rig.take(rig.message(CHAPTERS)) == 0

    assert (rig.written(), rig.waiting(), rig.coordinator.failures) == ([], 0, [])


def test_an_order_of_a_smoke_test_is_dropped_and_no_failure(rig):
    message = {**rig.message([b"no film"]), "project": "smoke", "parameters": {"smoke": True}}

    assert rig.take(message) == 0

    assert (rig.written(), rig.waiting(), rig.coordinator.failures) == ([], 0, [])


@pytest.mark.parametrize(("project", "smoke"), [("main", True), ("smoke", False), ("smoke", "yes")])
def test_an_order_that_only_looks_like_a_smoke_tests_is_processed(rig, project: str, smoke: object):
    message = {**rig.message([b"no film"]), "project": project, "parameters": {"smoke": smoke}}

    assert rig.take(message) == 0

    assert len(rig.coordinator.failures) == 1


def test_the_failure_of_an_order_that_is_replaced_meanwhile_is_moot(rig):
    message = rig.message([b"no film"])

    class Replaced(FakeCoordinator):
        def _answered(self, path, said):
            answer = super()._answered(path, said)
            self.order = 2
            return answer

    with Server(Replaced()) as server:
        rig.coordinator_url = server.url
        assert rig.take(message) == 0

    assert rig.waiting() == 0


@pytest.mark.parametrize("status", [404, 429, 500, 503, 504])
def test_an_order_stays_when_the_coordinator_does_not_answer_as_it_should(rig, status):
    rig.coordinator.status = status

    assert rig.take(rig.message(CHAPTERS)) == 75
    assert (rig.waiting(), rig.coordinator.failures) == (1, [])


def test_an_order_stays_when_the_coordinator_is_not_there(rig):
    rig.coordinator_url = "http://127.0.0.1:9"

    assert rig.take(rig.message(CHAPTERS)) == 75
    assert rig.waiting() == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_processor_whose_token_is_refused_ends_and_eats_no_order(rig, status):
    rig.coordinator.status = status

    with pytest.raises(NotAllowed, match=str(status)):
        rig.take(rig.message(CHAPTERS))
    assert rig.waiting() == 1


@pytest.mark.parametrize("message", [[], "order", {"session_id": "s"}, None], ids=str)
def test_a_message_that_is_no_order_stays_until_it_is_a_dead_letter(rig, message):
    assert rig.take(message) == 75
    assert rig.waiting() == 1


class Unexpected(Bucket):
    """A bucket in which something happens that the processor does not expect."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def put_once(self, key: str, file: BinaryIO, content_type: str) -> Written:
        raise self._error


SECRET = "https://bucket.example.org/key?X-Amz-Signature=secret"


@pytest.mark.parametrize(
    "error",
    [
        IndexError(SECRET),
        ZeroDivisionError(),
        UnicodeError(SECRET),
        MemoryError(SECRET),
        RecursionError(),
        OSError(errno.EINVAL, SECRET),
        AssertionError(SECRET),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_unexpected_error_on_a_film_fails_its_order_with_type_and_place(rig, caplog, error):
    assert rig.take(rig.message(CHAPTERS[:1]), Unexpected(error)) == 0

    reason = failure_of(rig)
    assert re.match(rf"unexpected {type(error).__name__} at processing\.py:\d+; ", reason)
    assert rig.waiting() == 0  # it does not become a dead letter
    assert "processing.py" in caplog.text
    assert "secret" not in reason + caplog.text


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE])
def test_a_machine_without_room_fails_no_order_and_ends(rig, number: int):
    with pytest.raises(OSError, match=re.escape(os.strerror(number))):
        rig.take(rig.message(CHAPTERS[:1]), Unexpected(OSError(number, os.strerror(number))))

    assert (rig.waiting(), rig.coordinator.failures) == (1, [])


def test_an_unexpected_error_that_the_coordinator_does_not_hear_of_leaves_the_order(rig):
    message = rig.message(CHAPTERS[:1])
    rig.coordinator.failing = 503

    assert rig.take(message, Unexpected(IndexError())) == 75

    assert rig.waiting() == 1


@pytest.mark.parametrize(
    "shown", [[], None, "session", {}, {"order": 7, "state": "STORED"}, {"order": {"number": 1}}], ids=str
)
def test_a_session_that_is_shown_in_another_form_leaves_the_order(rig, shown):
    rig.coordinator.shown = shown

    assert rig.take(rig.message(CHAPTERS[:1])) == 75

    assert (rig.waiting(), rig.coordinator.failures) == (1, [])


@pytest.mark.parametrize("operation", ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"])
def test_a_processor_whose_storage_is_unfit_ends_and_eats_no_order(rig, chaos, operation: str):
    chaos.fail_before(operation, status=501, code="NotImplemented", key_prefix=rig.key(VIDEO))

    with pytest.raises(NotAllowed, match="NotImplemented"):
        rig.take(rig.message(CHAPTERS[:1]))
    assert (rig.waiting(), rig.coordinator.failures) == (1, [])


def test_a_processor_whose_keys_are_refused_fails_no_order(rig):
    stranger = Bucket(client("s3", rig.endpoint_url, secret="another"), BUCKET)

    with pytest.raises(NotAllowed):
        stranger.put_once(rig.key(VIDEO), io.BytesIO(b"video"), "video/mp4")


@pytest.mark.parametrize("size_bytes", [0, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1])
def test_files_of_every_length_are_written_whole(rig, size_bytes):
    body = b"\x5a" * size_bytes

    written = rig.bucket.put_once(rig.key(VIDEO), io.BytesIO(body), "video/mp4")

    head = rig.s3.head_object(Bucket=BUCKET, Key=rig.key(VIDEO), ChecksumMode="ENABLED")
    assert (written.size_bytes, written.crc64nvme) == (size_bytes, crc_of(body))
    assert (head["ContentLength"], head["ChecksumCRC64NVME"]) == (size_bytes, crc_of(body))


@pytest.mark.parametrize("body", [b"vidEo", b"video and more"])
def test_what_differs_in_a_bit_or_in_length_is_never_written_over(rig, body):
    rig.bucket.put_once(rig.key(VIDEO), io.BytesIO(b"video"), "video/mp4")

    with pytest.raises(CannotProcess):
        rig.bucket.put_once(rig.key(VIDEO), io.BytesIO(body), "video/mp4")
    assert rig.body(rig.key(VIDEO)) == b"video"


def test_a_write_whose_answer_was_lost_is_found_standing_the_next_time(rig, chaos):
    chaos.cut_after("CompleteMultipartUpload", key_prefix=rig.key(VIDEO))
    with pytest.raises(TryLater):
        rig.bucket.put_once(rig.key(VIDEO), io.BytesIO(b"video"), "video/mp4")

    rig.bucket.put_once(rig.key(VIDEO), io.BytesIO(b"video"), "video/mp4")

    assert rig.written() == [rig.key(VIDEO)]


def test_two_who_write_one_key_at_the_same_moment_are_no_failure(rig, chaos):
    chaos.fail_before("CompleteMultipartUpload", status=409, code="ConditionalRequestConflict")

    with pytest.raises(TryLater, match="ConditionalRequestConflict"):
        rig.bucket.put_once(rig.key(VIDEO), io.BytesIO(b"video"), "video/mp4")


def test_no_unfinished_upload_is_left_behind(rig, chaos):
    chaos.corrupt_body("UploadPart", key_prefix=rig.key(VIDEO))
    with pytest.raises(TryLater):
        rig.bucket.put_once(rig.key(VIDEO), io.BytesIO(b"video"), "video/mp4")

    assert "Uploads" not in rig.s3.list_multipart_uploads(Bucket=BUCKET, Prefix=rig.key(VIDEO))


class SlowWork:
    """A queue's client that counts how often a message was hidden anew."""

    def __init__(self) -> None:
        self.hidden: list[int] = []
        self.is_enough = threading.Event()

    def change_message_visibility(self, **said):
        self.hidden.append(said["VisibilityTimeout"])
        if len(self.hidden) == 2:
            self.is_enough.set()

    def receive_message(self, **_):
        return {}


def test_a_message_is_kept_from_others_for_as_long_as_the_work_takes():
    sqs: Any = SlowWork()

    with Queue(sqs, "queue", held_every_s=0.01).held(Message("body", "handle")):
        assert sqs.is_enough.wait(10)

    assert set(sqs.hidden) == {HIDDEN_S}


def test_no_order_within_the_wait_is_none():
    sqs: Any = SlowWork()

    assert Queue(sqs, "queue").next(0) is None


def test_nothing_secret_is_logged(rig, caplog):
    caplog.set_level(logging.INFO)
    message = rig.message(CHAPTERS[:1])
    rig.take(message)
    message["originals"][0]["url"] = "http://127.0.0.1:9/?X-Amz-Signature=secret"
    rig.take(message)

    assert "fulfilled" in caplog.text
    assert "later: S3 does not answer" in caplog.text
    assert TOKEN not in caplog.text
    assert "X-Amz" not in caplog.text


def command(rig: Rig, token_file) -> subprocess.CompletedProcess[str]:
    where = ["--queue-url", rig.queue_url, "--bucket", BUCKET, "--endpoint-url", rig.endpoint_url]
    who = ["--coordinator", rig.coordinator_url, "--token-file", str(token_file)]
    return subprocess.run(
        [sys.executable, "-m", "examples.processor", "--once", *where, *who],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=server.environment(rig.endpoint_url, {}),
    )


def test_the_command_sees_to_one_order_and_shows_no_secret(rig, tmp_path):
    token_file = tmp_path / "token"
    token_file.write_text(f"{TOKEN}\n")
    rig.sqs.send_message(QueueUrl=rig.queue_url, MessageBody=json.dumps(rig.message(CHAPTERS[:1])))

    done = command(rig, token_file)

    assert (done.returncode, done.stdout) == (0, "")
    assert "fulfilled" in done.stderr
    assert TOKEN not in done.stderr
    assert "X-Amz" not in done.stderr
    assert rig.manifest_key in rig.written()


def test_the_command_says_why_it_cannot_work(rig, tmp_path):
    done = command(rig, tmp_path / "missing")

    assert done.returncode == 1
    assert "missing" in done.stderr
    assert "Traceback" not in done.stderr
