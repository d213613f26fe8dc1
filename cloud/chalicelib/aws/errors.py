"""botocore's errors as the errors of `core`: one table.

Texts name the operation and S3's code only: never an address, a signature or what was sent.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from botocore.exceptions import (
    ClientError,
    ConnectionError,  # noqa: A004 its name in botocore
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
)

from chalicelib.core.errors import (
    Conflict,
    KeyTaken,
    MultipartGone,
    PartsRefused,
    StorageBusy,
    StorageUnfit,
    VersionGone,
)

_Named = Callable[[str, str], Exception]


def _gone(operation: str, code: str) -> Exception:
    return MultipartGone(f"{operation}: {code}")


def _taken(operation: str, code: str) -> Exception:
    return KeyTaken(f"{operation}: {code}")


def _refused(operation: str, code: str) -> Exception:
    return PartsRefused(f"{operation}: {code}", code)


def _busy(operation: str, code: str) -> Exception:
    return StorageBusy(f"{operation}: {code}; the same call succeeds later")


def _conflict(operation: str, code: str) -> Exception:
    return Conflict(f"{operation}: {code}; load and decide again")


def _purged(operation: str, code: str) -> Exception:
    return VersionGone(f"{operation}: {code}")


def _unfit(operation: str, code: str) -> Exception:
    return StorageUnfit(
        f"{operation}: {code}; this storage does not do all that Amazon S3 does and that the proof of bytes needs "
        "(CRC64NVME of each part and of the whole, writes on a condition): an operator must choose another bucket"
    )


_ANYWHERE: Mapping[str, _Named] = {
    "NoSuchUpload": _gone,
    "NoSuchVersion": _purged,
    "NotImplemented": _unfit,
    "ConditionalRequestConflict": _busy,
    "OperationAborted": _busy,
    "SlowDown": _busy,
    "ServiceUnavailable": _busy,
    "InternalError": _busy,
    "RequestTimeout": _busy,
    "RequestLimitExceeded": _busy,
    "RequestThrottled": _busy,
    "Throttling": _busy,
    "ThrottlingException": _busy,
    "ThrottlingError": _busy,
    "ProvisionedThroughputExceeded": _busy,
    "ProvisionedThroughputExceededException": _busy,
    "TransactionInProgressException": _busy,
    "TransactionConflictException": _conflict,
    "TransactionConflict": _conflict,
    "ConditionalCheckFailed": _conflict,
}

_AT_CREATE: Mapping[str, _Named] = {"InvalidRequest": _unfit, "InvalidArgument": _unfit}
"""Key and metadata apart, only the checksum is asked for there, the same for every upload."""

_AT_COMPLETE: Mapping[str, _Named] = {
    "PreconditionFailed": _taken,
    "MalformedXML": _refused,
    "InvalidPart": _refused,
    "InvalidPartOrder": _refused,
    "EntityTooSmall": _refused,
    "BadDigest": _refused,
    "InvalidRequest": _refused,
}

_AT_COPY: Mapping[str, _Named] = {"NoSuchKey": _purged}

_AT_TAGGING: Mapping[str, _Named] = {"NoSuchKey": _purged}

_BY_OPERATION: Mapping[str, Mapping[str, _Named]] = {
    "CreateMultipartUpload": _AT_CREATE,
    "CompleteMultipartUpload": _AT_COMPLETE,
    "UploadPartCopy": _AT_COPY,
    "PutObjectTagging": _AT_TAGGING,
}


@contextmanager
def named() -> Iterator[None]:
    """Raise what AWS answers inside as an error of `core` where the table has one, else as it is."""
    try:
        yield
    except ClientError as error:
        known = _of_answer(error)
        if known is None:
            raise
        raise known from error
    except (ConnectionError, HTTPClientError, IncompleteReadError, FlexibleChecksumError) as error:
        raise StorageBusy(f"no answer from storage: {type(error).__name__}") from error


def is_no_version(error: ClientError) -> bool:
    """Whether S3 says that it has no such version: purged, a delete marker (405), or an impossible version id."""
    named_argument = error.response.get("Error", {}).get("ArgumentName")
    return code_of(error) in ("NoSuchVersion", "NoSuchKey", "MethodNotAllowed", "404", "405") or (
        code_of(error) == "InvalidArgument" and named_argument in ("versionId", None)
    )


def code_of(error: ClientError) -> str:
    """AWS's code, such as `NoSuchUpload`; answers without a body have their status instead, such as `404`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _of_answer(error: ClientError) -> Exception | None:
    operation = error.operation_name
    table = {**_ANYWHERE, **_BY_OPERATION.get(operation, {})}
    for code in (code_of(error), *_reasons(error)):
        if code in table:
            return table[code](operation, code)
    if status_of(error) == 501:
        return _unfit(operation, code_of(error))
    if status_of(error) >= 500 or status_of(error) == 429:
        return _busy(operation, code_of(error))
    return None


def _reasons(error: ClientError) -> list[str]:
    """The codes of a cancelled transaction, one for each of its items; conflicts first, for they decide."""
    reasons = error.response.get("CancellationReasons", [])
    codes = [reason.get("Code", "None") for reason in reasons]
    return sorted(codes, key=lambda code: _ANYWHERE.get(code) is not _conflict)


def status_of(error: ClientError) -> int:
    """The answer's HTTP status; 0 where there is none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
