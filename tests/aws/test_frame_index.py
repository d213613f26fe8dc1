"""What the index over S3 asks and how it reads answers that no local engine gives on demand."""

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.frame_index import S3FrameIndex
from chalicelib.core.errors import NotFound, StorageBusy, VersionGone
from tests.aws.canned import Answer, Sent, answering, clients, failure

KEY = "measurements/match-17/papi.json"


def frame_index(*answers: Answer) -> tuple[S3FrameIndex, list[Sent]]:
    s3 = clients().s3
    return S3FrameIndex(s3, "footage"), answering(s3, *answers)


def test_a_source_is_asked_for_by_its_version():
    index, sent = frame_index(Answer(200, "[]", {"content-length": "2"}))

    assert b"".join(index.source(KEY, "v/1")) == b"[]"
    assert "versionId=v%2F1" in sent[0].url


def test_a_source_that_is_cut_short_is_never_the_whole_source():
    index, _ = frame_index(Answer(200, "[{}", {"content-length": "9"}))
    chunks = index.source(KEY, "v1")

    with pytest.raises(StorageBusy):
        list(chunks)


def test_a_range_that_is_cut_short_is_never_the_whole_range():
    index, _ = frame_index(Answer(206, "[{}", {"content-length": "9"}))

    with pytest.raises(StorageBusy):
        index.read(KEY, 0, 8)


def test_a_range_names_its_first_and_its_last_byte():
    index, sent = frame_index(Answer(206, "x"))
    index.read(KEY, 5, 5)
    index.read(KEY, 5)

    assert [request.headers["range"] for request in sent] == ["bytes=5-5", "bytes=5-"]


@pytest.mark.parametrize(
    "answer", [failure(404, "NoSuchVersion"), failure(404, "NoSuchKey"), failure(405, "MethodNotAllowed")]
)
def test_a_version_that_s3_does_not_hold_or_that_is_a_delete_marker_is_gone(answer: Answer):
    index, _ = frame_index(answer)

    with pytest.raises(VersionGone):
        list(index.source(KEY, "v1"))


def test_an_id_that_can_be_no_version_is_gone():
    index, _ = frame_index(failure(400, "InvalidArgument"))

    with pytest.raises(VersionGone):
        list(index.source(KEY, "?"))


@pytest.mark.parametrize("answer", [failure(404, "NoSuchKey"), failure(416, "InvalidRange")])
def test_bytes_that_are_not_there_are_not_found(answer: Answer):
    index, _ = frame_index(answer)

    with pytest.raises(NotFound):
        index.read(KEY)


def test_what_may_not_be_read_is_neither_gone_nor_absent():
    index, _ = frame_index(failure(403, "AccessDenied"))

    with pytest.raises(ClientError):
        list(index.source(KEY, "v1"))
    with pytest.raises(ClientError):
        index.read(KEY)


def test_a_storage_that_is_busy_is_said_to_be():
    index, _ = frame_index(failure(507, "Busy"))

    with pytest.raises(StorageBusy):
        list(index.source(KEY, "v1"))
