"""The one table from AWS's answers to the errors of core."""

from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    FlexibleChecksumError,
    IncompleteReadError,
    ParamValidationError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from chalicelib.aws.errors import named
from chalicelib.core.errors import (
    Conflict,
    KeyTaken,
    MultipartGone,
    PartsRefused,
    StorageBusy,
    StorageUnfit,
    VersionGone,
)

URL = "https://footage.s3.eu-west-1.amazonaws.com/key?X-Amz-Signature=abcdef"


def answer(
    code: str, status: int = 400, operation: str = "CompleteMultipartUpload", reasons: tuple[str, ...] = ()
) -> ClientError:
    said: Any = {
        "Error": {"Code": code, "Message": f"see {URL}"},
        "ResponseMetadata": {"HTTPStatusCode": status},
        "CancellationReasons": [{"Code": reason} for reason in reasons],
    }
    return ClientError(said, operation)


def raised(error: Exception) -> Exception:
    with pytest.raises(Exception) as info, named():  # noqa: PT011 - which one it is, is the question
        raise error
    return info.value


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("NoSuchUpload", 404, MultipartGone),
        ("PreconditionFailed", 412, KeyTaken),
        ("ConditionalRequestConflict", 409, StorageBusy),
        ("InvalidPart", 400, PartsRefused),
        ("InvalidPartOrder", 400, PartsRefused),
        ("EntityTooSmall", 400, PartsRefused),
        ("BadDigest", 400, PartsRefused),
        ("InvalidRequest", 400, PartsRefused),
        ("MalformedXML", 400, PartsRefused),
        ("SlowDown", 503, StorageBusy),
        ("RequestTimeout", 400, StorageBusy),
        ("InternalError", 200, StorageBusy),
        ("anything", 500, StorageBusy),
        ("anything", 429, StorageBusy),
    ],
)
def test_what_a_completion_is_answered_has_a_name(code: str, status: int, kind: type[Exception]):
    assert type(raised(answer(code, status))) is kind


def test_a_refusal_of_parts_carries_s3s_code():
    refused = raised(answer("EntityTooSmall"))

    assert isinstance(refused, PartsRefused)
    assert refused.code == "EntityTooSmall"


@pytest.mark.parametrize("code", ["PreconditionFailed", "InvalidRequest", "InvalidPart"])
def test_only_a_completion_can_be_refused_for_its_parts_or_its_key(code: str):
    error = answer(code, operation="DeleteObject")

    assert raised(error) is error


@pytest.mark.parametrize(
    ("code", "kind"),
    [("NoSuchVersion", VersionGone), ("NoSuchKey", VersionGone), ("NoSuchUpload", MultipartGone)],
)
def test_what_a_copy_is_answered_has_a_name(code: str, kind: type[Exception]):
    assert type(raised(answer(code, 404, "UploadPartCopy"))) is kind


def test_only_for_a_copy_a_missing_key_is_a_version_that_is_gone():
    error = answer("NoSuchKey", 404, "GetObject")

    assert raised(error) is error


@pytest.mark.parametrize(
    "operation", ["CreateMultipartUpload", "CompleteMultipartUpload", "PutObjectTagging"]
)
@pytest.mark.parametrize("code", ["NotImplemented", "501", "Unheard-of"])
def test_what_storage_has_not_implemented_is_never_tried_again(operation: str, code: str):
    error = raised(answer(code, 501, operation))

    assert type(error) is StorageUnfit
    assert code in str(error)
    assert "an operator must choose another bucket" in str(error)


@pytest.mark.parametrize("status", [500, 502, 503, 507])
def test_the_statuses_beside_it_are_tried_again(status: int):
    assert type(raised(answer("Unheard-of", status))) is StorageBusy


@pytest.mark.parametrize("code", ["InvalidRequest", "InvalidArgument"])
def test_only_at_its_opening_an_odd_request_says_that_storage_is_unfit(code: str):
    assert type(raised(answer(code, 400, "CreateMultipartUpload"))) is StorageUnfit
    assert type(raised(answer(code, 400, "HeadObject"))) is ClientError


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket", "ValidationException"])
def test_an_answer_without_a_name_is_raised_as_it_is(code: str):
    error = answer(code)

    assert raised(error) is error


@pytest.mark.parametrize(
    ("reasons", "kind"),
    [
        (("ConditionalCheckFailed", "None"), Conflict),
        (("None", "TransactionConflict"), Conflict),
        (("ThrottlingError", "ConditionalCheckFailed"), Conflict),
        (("None", "ThrottlingError"), StorageBusy),
        (("ProvisionedThroughputExceeded",), StorageBusy),
    ],
)
def test_a_cancelled_transaction_is_named_by_its_reasons(reasons: tuple[str, ...], kind: type[Exception]):
    error = answer("TransactionCanceledException", 400, "TransactWriteItems", reasons)

    assert type(raised(error)) is kind


def test_a_transaction_cancelled_for_another_reason_is_raised_as_it_is():
    error = answer("TransactionCanceledException", 400, "TransactWriteItems", ("ValidationError",))

    assert raised(error) is error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("TransactionConflictException", Conflict),
        ("TransactionInProgressException", StorageBusy),
        ("ThrottlingException", StorageBusy),
        ("ProvisionedThroughputExceededException", StorageBusy),
        ("RequestLimitExceeded", StorageBusy),
    ],
)
def test_what_the_table_answers_has_a_name(code: str, kind: type[Exception]):
    assert type(raised(answer(code, 400, "UpdateItem"))) is kind


def test_a_queue_that_asks_for_patience_is_storage_busy():
    assert type(raised(answer("RequestThrottled", 403, "SendMessage"))) is StorageBusy


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
        ConnectionClosedError(endpoint_url=URL),
        ResponseStreamingError(error=URL),
        IncompleteReadError(actual_bytes=1, expected_bytes=2),
        FlexibleChecksumError(error_msg=URL),
    ],
)
def test_no_answer_at_all_or_only_some_of_it_is_storage_busy(error: Exception):
    assert type(raised(error)) is StorageBusy


def test_a_mistake_of_ours_is_raised_as_it_is():
    error = ParamValidationError(report="Key must be text")

    assert raised(error) is error


@pytest.mark.parametrize(
    "error",
    [
        answer("SlowDown", 503),
        answer("NoSuchUpload", 404),
        answer("InvalidPart"),
        answer("PreconditionFailed", 412),
        EndpointConnectionError(endpoint_url=URL),
    ],
)
def test_texts_hold_no_address(error: Exception):
    text = str(raised(error))

    assert "https" not in text
    assert "Signature" not in text
