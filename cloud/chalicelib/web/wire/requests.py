"""Bodies of calls on their way in, as Structs; `docs/api.md` is the contract.

Texts and numbers are bounded here, so that every item fits into its record.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from msgspec import Meta, Struct

from chalicelib.core import artifact, crc, order
from chalicelib.core.chapter import Chapter
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.evidence import WholeRead, xxh128
from chalicelib.core.ids import ArtifactId
from chalicelib.core.order import Wish
from chalicelib.core.picture import Progress
from chalicelib.core.session import Camera
from chalicelib.core.upload import Way
from chalicelib.core.upload_passes import LONGEST_LIFE_S, USUAL_LIFE_S
from chalicelib.ports import ByteRange

MOST_LEVELS = 20
"""The greatest depth of lists and objects in an order's parameters; a reader may not manage a thousand."""

Value = TypeVar("Value")

_LARGEST = 2**63 - 1

Text = Annotated[str, Meta(max_length=200, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]
LongId = Annotated[str, Meta(max_length=201, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]
"""`thumbnail.` is one character longer than `original.`, whose ids have at most 200."""
Reason = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\A[^\x00-\x09\x0b-\x1f\x7f]*\Z")]
Label = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\A[^\x00-\x1f\x7f]*\Z")]
Size = Annotated[int, Meta(ge=1, le=_LARGEST)]
Count = Annotated[int, Meta(ge=0, le=_LARGEST)]
Epoch = Annotated[int, Meta(ge=-_LARGEST, le=_LARGEST)]
Moment = Annotated[datetime, Meta(tz=True)]


class Request(Struct, frozen=True, forbid_unknown_fields=True):
    """A body of a call."""


Digest = Annotated[
    str,
    Meta(
        pattern=r"\A[0-9a-f]{64}\Z",
        description="SHA-256 of the secret that the caller made of 256 random bits, in hex",
    ),
]


class EnrolmentAsked(Request, frozen=True):
    code: Annotated[str, Meta(min_length=1, max_length=60)]
    secret_digest: Digest


class LoginAsked(Request, frozen=True):
    """Nothing: the token in the header says all."""


class ShareAsked(Request, frozen=True):
    label: Label
    ttl_s: Size


class UploadPassAsked(Request, frozen=True):
    ttl_s: Annotated[
        int,
        Meta(ge=60, le=LONGEST_LIFE_S, description="how long the pass is good"),
    ] = USUAL_LIFE_S


class RotationAsked(Request, frozen=True):
    secret_digest: Digest


class TicketAsked(Request, frozen=True):
    """An object without members."""


class CameraGiven(Request, frozen=True):
    serial: Text
    model: Text | None = None
    firmware: Text | None = None

    def value(self) -> Camera:
        return Camera(self.serial, self.model, self.firmware)


class ChapterGiven(Request, frozen=True):
    directory: Text
    filename: Text
    size_bytes: Size
    created: Epoch | None = None
    modified: Epoch | None = None
    etag: Text | None = None
    gumi: Text | None = None
    unfinished: bool = False
    trailing_bytes: Count = 0

    def value(self) -> Chapter:
        return Chapter(
            self.directory,
            self.filename,
            self.size_bytes,
            self.created,
            self.modified,
            self.etag,
            self.gumi,
            self.unfinished,
            self.trailing_bytes,
        )


class OrderGiven(Request, frozen=True):
    required: tuple[Text, ...]
    parameters: dict[str, Any] = {}
    below_minimum_reason: Reason | None = None

    def wish(self) -> Wish:
        """Raises InvalidRequest."""
        if not _is_within(MOST_LEVELS, self.parameters):
            raise InvalidRequest(f"an order's parameters are at most {MOST_LEVELS} lists and objects deep")
        return order.wish(self.required, self.parameters, self.below_minimum_reason)


class SessionGiven(Request, frozen=True):
    camera: CameraGiven
    chapters: tuple[ChapterGiven, ...]
    group: Text | None = None
    order: OrderGiven | None = None

    def recorded_by(self) -> Camera:
        return _placed("$.camera", self.camera.value)

    def listed(self) -> list[Chapter]:
        return [_placed(f"$.chapters[{place}]", given.value) for place, given in enumerate(self.chapters)]

    def wish(self, default: Wish | None) -> Wish | None:
        """What the session is to be ordered as: what it says itself, else `default`."""
        return _placed("$.order", self.order.wish) if self.order else default


class UploadAsked(Request, frozen=True):
    artifact_id: LongId
    size_bytes: Size
    part_size_bytes: Size | None = None
    way: Way = Way.PARTS

    def wanted(self) -> ArtifactId:
        return _known_id("$.artifact_id", self.artifact_id)


class PartAsked(Request, frozen=True):
    number: Size
    crc64nvme: Text

    def value(self) -> tuple[int, Crc64Nvme]:
        return self.number, crc.crc64nvme(self.crc64nvme)


class PartUrlsAsked(Request, frozen=True):
    """Parts to sign; `crc64nvme` is the whole's, once the sender has read all of it."""

    parts: tuple[PartAsked, ...]
    crc64nvme: Text | None = None

    def claim(self) -> Crc64Nvme | None:
        return _claim(self.crc64nvme)

    def wanted(self) -> list[tuple[int, Crc64Nvme]]:
        return [_placed(f"$.parts[{place}]", asked.value) for place, asked in enumerate(self.parts)]


class RangeAsked(Request, frozen=True):
    first: Count
    size_bytes: Size

    def value(self) -> ByteRange:
        return ByteRange(self.first, self.size_bytes)


class ProofUrlsAsked(Request, frozen=True):
    ranges: tuple[RangeAsked, ...]

    def wanted(self) -> list[ByteRange]:
        return [asked.value() for asked in self.ranges]


class EvidenceGiven(Request, frozen=True):
    """A second whole read of a chapter's card; `read_at` is when it ended."""

    size_bytes: Size
    crc64nvme: Text
    xxh128: Text
    read_at: Moment

    def whole_read(self) -> WholeRead:
        """Raises InvalidRequest."""
        return WholeRead(
            self.size_bytes,
            _placed("$.crc64nvme", lambda: crc.crc64nvme(self.crc64nvme)),
            _placed("$.xxh128", lambda: xxh128(self.xxh128)),
            _in_utc("$.read_at", self.read_at),
        )


class CompleteAsked(Request, frozen=True):
    crc64nvme: Text | None = None

    def claim(self) -> Crc64Nvme | None:
        return _claim(self.crc64nvme)


class ProgressGiven(Request, frozen=True):
    bytes_down: Count
    bytes_up: Count
    spool_bytes: Count
    disk_free_bytes: Count
    clock: Moment
    rate_down_bytes_s: Count | None = None
    rate_up_bytes_s: Count | None = None
    camera_clock: Epoch | None = None
    last_chapter_s: Count | None = None
    retried_parts: Count | None = None

    def progress(self, heard_at: datetime) -> Progress:
        return Progress(
            self.bytes_down,
            self.bytes_up,
            self.rate_down_bytes_s,
            self.rate_up_bytes_s,
            self.spool_bytes,
            self.disk_free_bytes,
            _in_utc("$.clock", self.clock),
            heard_at,
            None if self.camera_clock is None else self.camera_clock - round(heard_at.timestamp()),
            self.last_chapter_s,
            self.retried_parts,
        )


class FailureGiven(Request, frozen=True):
    reason: Reason
    order: Size | None = None


class HoldGiven(Request, frozen=True):
    held: bool
    reason: Reason | None = None

    def why(self) -> str | None:
        """The reason for holding, None for a release. Raises InvalidRequest."""
        if self.held and self.reason is None:
            raise InvalidRequest("`reason` is missing; who holds a session says why")
        if not self.held and self.reason is not None:
            raise InvalidRequest("`reason` goes with a hold; a release has none, leave it out")
        return self.reason


class RestoreGiven(Request, frozen=True):
    reason: Reason
    artifacts: tuple[Text, ...] | None = None

    def wanted(self) -> list[ArtifactId] | None:
        """The artifacts to restore; None when all that was cleaned is meant. Raises InvalidRequest."""
        if self.artifacts is None:
            return None
        if not self.artifacts or len(set(self.artifacts)) < len(self.artifacts):
            raise InvalidRequest("$.artifacts: name each artifact once, or leave it out to restore all")
        return [_known_id(f"$.artifacts[{place}]", each) for place, each in enumerate(self.artifacts)]


def _claim(text: str | None) -> Crc64Nvme | None:
    return None if text is None else _placed("$.crc64nvme", lambda: crc.crc64nvme(text))


def _known_id(place: str, text: str) -> ArtifactId:
    return _placed(place, lambda: artifact.known_id(text))


def _placed(place: str, value: Callable[[], Value]) -> Value:
    """What `value` makes; the InvalidRequest it raises names the place."""
    try:
        return value()
    except InvalidRequest as error:
        raise InvalidRequest(f"{place}: {error}") from error


def _in_utc(place: str, at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise InvalidRequest(f"{place}: this moment is outside the years 1 to 9999 in UTC") from error


def _is_within(levels: int, value: object) -> bool:
    """Whether no list or object lies more than `levels` deep in `value`."""
    if not isinstance(value, dict | list):
        return True
    inner = value.values() if isinstance(value, dict) else value
    return levels > 0 and all(_is_within(levels - 1, each) for each in inner)
