"""What can go wrong, as nouns; nothing of `core` is imported here. Status codes live in `web/wire/problems.py` alone.

ReelhaulError
|-- for the caller of the API
|   |-- InvalidRequest      the request says something that cannot be
|   |-- NotAuthenticated    no token, or not a good one
|   |-- NotPermitted        a good token of the wrong role
|   |-- NotFound            nothing has that name, or the token has no access to it
|   |-- SessionDiffers      the session exists and says something else
|   |-- StateConflict       right request, wrong moment
|   |-- SessionAdopted      another device has the session now
|   |-- PlanDiffers         the coordinator's plan is another
|   |-- UploadGone          the upload ended without an object
|   |-- NotAFilm            the upload's bytes are no film
|   |-- ProxiesOff          this deployment takes no proxies and thumbnails
|   |-- TooLarge            no legal plan exists, or no answer holds as much
|   |-- PartsMismatch       what S3 holds is not what the plan or the caller says
|   |-- Finalizing          being completed right now
|   |-- ClientTooOld
|   |-- StorageUnfit        the storage cannot do what the proof of bytes rests on
|   |-- KeyUsed             an Idempotency-Key came with another body before
|   |-- TooManyRequests     a limit of the caller or of its project is reached
|   `-- StorageBusy         S3 or DynamoDB ask for patience
`-- between flows and adapters
    |-- Conflict            somebody wrote the session first: load and decide again
    |-- MultipartGone       S3 knows no such multipart upload (completed, aborted or expired)
    |-- KeyTaken            an object stands on the key already
    |-- PartsRefused        S3 refuses to assemble these parts
    |-- VersionGone         S3 holds no such version
    |-- RemovalRefused      S3 refuses to remove an object
    |-- LakeWriterMissing   this function cannot write the lake: its layer is missing
    `-- Poison              a measurements file that cannot be indexed, even when tried again
"""

NO_SESSION = "there is no session with this id, or the token has no access to it"
NO_UPLOAD = "there is no upload with this id, or the token has no access to it"


class ReelhaulError(Exception):
    """A failure that has a name here; its text says what happened and what to do."""


class InvalidRequest(ReelhaulError):
    """The request says something that cannot be."""


class NotAuthenticated(ReelhaulError):
    """No token, or not a good one."""


class NotPermitted(ReelhaulError):
    """A good token, but not of a role that may do this."""


class NotFound(ReelhaulError):
    """The name is unknown, or the caller has no access to it: the answer is the same."""


class SessionDiffers(ReelhaulError):
    """The session exists and was confirmed with other facts, listed in `differences`."""

    def __init__(self, message: str, differences: tuple[str, ...]) -> None:
        super().__init__(message)
        self.differences = differences


class StateConflict(ReelhaulError):
    """The right request at a moment when it cannot be followed."""


class SessionAdopted(ReelhaulError):
    """The session was the caller's until an operator let the device `device_id` finish it."""

    def __init__(self, message: str, device_id: str) -> None:
        super().__init__(message)
        self.device_id = device_id


class PlanDiffers(ReelhaulError):
    """The caller named another size or part size than the coordinator's plan has."""

    def __init__(self, message: str, size_bytes: int, part_size_bytes: int) -> None:
        super().__init__(message)
        self.size_bytes = size_bytes
        self.part_size_bytes = part_size_bytes


class UploadGone(ReelhaulError):
    """The upload ended without an object, for `reason`; a new one can be opened."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class NotAFilm(ReelhaulError):
    """The bytes of a chapter are no film, for `reason`; the same bytes are not taken again."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class ProxiesOff(ReelhaulError):
    """This deployment takes no proxies and no thumbnails."""


class TooLarge(ReelhaulError):
    """More bytes or more parts than S3, the queue or one answer can take."""


class PartsMismatch(ReelhaulError):
    """Parts are `missing`, or `differing` from the plan or from what the caller read."""

    def __init__(self, message: str, missing: tuple[int, ...], differing: tuple[int, ...]) -> None:
        super().__init__(message)
        self.missing = missing
        self.differing = differing


class Finalizing(ReelhaulError):
    """The upload is being completed; ask again in a moment."""


class ClientTooOld(ReelhaulError):
    """The client's version is below `minimum_version`, or it did not name one."""

    def __init__(self, message: str, minimum_version: str) -> None:
        super().__init__(message)
        self.minimum_version = minimum_version


class StorageUnfit(ReelhaulError):
    """The storage cannot do what the proof of bytes rests on: keep versions, check CRC64NVME, write on a condition."""


class KeyUsed(ReelhaulError):
    """The Idempotency-Key of a call came with another body before."""


class TooManyRequests(ReelhaulError):
    """A limit is reached: the same call may succeed after `retry_after_s` seconds."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StorageBusy(ReelhaulError):
    """S3, DynamoDB or SQS ask for patience: the same call succeeds later."""

    def __init__(self, message: str, retry_after_s: int = 5) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Conflict(ReelhaulError):
    """Somebody wrote the session first: load it and decide again."""


class MultipartGone(ReelhaulError):
    """S3 knows no such multipart upload: it was completed, aborted or purged."""


class KeyTaken(ReelhaulError):
    """The key already has an object."""


class PartsRefused(ReelhaulError):
    """S3 refuses to assemble these parts, with `code` saying why."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class VersionGone(ReelhaulError):
    """S3 holds no such version of the object: it was purged, or never was."""


class RemovalRefused(ReelhaulError):
    """S3 refuses to remove an object, which remains; `code` says why."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class LakeWriterMissing(ReelhaulError):
    """This process cannot write the lake, which proves nothing about any file; the text says what to deploy."""


class Poison(ReelhaulError):
    """A measurements file cannot be indexed, even when tried again; the text says what is wrong with it and where."""
