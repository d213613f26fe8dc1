"""What each call answers, as types: the contract is made from them, and no call imports them.

Answers are written by `web/wire/responses` and its neighbours. Every answer that a test of `tests/web` gets is decoded
by the type that its route names here, so a member that is missing on either side fails that test. A member that not
every answer has is `| UnsetType = UNSET`; every other one is always there.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

Moment = Annotated[datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0)]
Whole = Annotated[int, Meta(ge=1)]
Crc = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9+/]{11}=$",
        description="CRC64NVME: the base64 of eight big-endian bytes, as S3 writes it",
        examples=["rosUhgp5mIg="],
    ),
]
Url = Annotated[str, Meta(description="presigned; it is good until `expires_at`", examples=["https://…"])]

Xxh128 = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$", examples=["99aa06d3014798d86001c324468d497f"])]
Level = Literal["read-once", "read-twice", "read-back"]

SessionState = Literal["OPEN", "STORED", "PROCESSED", "CLEANED", "FAILED"]
NeedKind = Literal[
    "lost",
    "differs",
    "infected",
    "rejected",
    "failed",
    "quarantined",
    "unscanned",
    "unproven",
    "refused",
    "held",
]
UploadState = Literal["OPEN", "COMPLETED", "VERIFIED", "CANCELLED", "EXPIRED", "REJECTED"]
Kind = Literal["original", "intermediate", "output", "measurements", "proxy", "thumbnail"]
Verdict = Literal["pass", "fail", "not enough data"]


class Answer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An object of an answer: these members and no others."""


class Camera(Answer, frozen=True, kw_only=True):
    serial: str
    model: str | None
    firmware: str | None


class Receipt(Answer, frozen=True, kw_only=True):
    """The licence to finish an artifact: S3 has exactly these bytes in exactly this version."""

    upload_id: Annotated[str | None, Meta(description="null for what a manifest stated")]
    artifact_id: str
    key: str
    version_id: str
    size_bytes: Count
    crc64nvme: Crc
    verified_at: Moment


class UploadOfChapter(Answer, frozen=True, kw_only=True):
    upload_id: str
    state: UploadState
    unproven_since: Moment | None


class Loss(Answer, frozen=True, kw_only=True):
    reason: str
    lost_at: Moment


class LostArtifact(Answer, frozen=True, kw_only=True):
    """An artifact that is damaged or gone; `remedy` is what can be done next."""

    artifact_id: str
    reason: str
    lost_at: Moment
    remedy: str


class FilmOfChapter(Answer, frozen=True, kw_only=True):
    """What the coordinator read of a chapter's verified bytes; `fault` is why its length is unknown."""

    is_broken: bool
    fault: str | None
    duration_ms: Whole | None


class ReadTwice(Answer, frozen=True, kw_only=True):
    """The second whole read of the card that speaks for all: one that differs, until an operator accepts it."""

    at: Moment
    by: Annotated[str, Meta(description="the device that read")]
    crc64nvme: Crc
    xxh128: Xxh128
    agrees: bool


class WasReadBack(Answer, frozen=True, kw_only=True):
    """S3's bytes were read and compared with the receipt."""

    at: Moment
    by: Literal["reading", "s3-batch"]
    agrees: bool


class ReadDifference(Answer, frozen=True, kw_only=True):
    """A second read that gave something else than was `expected`; `accepted` is an operator's reason to let it pass."""

    at: Moment
    by: str
    crc64nvme: Crc
    xxh128: Xxh128
    expected: Crc
    accepted: str | None


class Evidence(Answer, frozen=True, kw_only=True):
    """How surely a chapter is known. Where not all `agrees`, the card must be kept."""

    level: Level
    agrees: bool
    read_twice: ReadTwice | None
    read_back: WasReadBack | None
    differences: list[ReadDifference]


class Index(Answer, frozen=True, kw_only=True):
    """What is known of a measurements file; `quarantine` is why it is poison."""

    kind: str
    revision: str
    frames: Count
    rejected: Count
    indexed_at: Moment
    quarantine: str | None


class ScanOfArtifact(Answer, frozen=True, kw_only=True):
    """What keeps an artifact from its receipt: the finding of its scan, null while there is none."""

    finding: str | None
    since: Moment
    accepted: str | None


class Artifact(Answer, frozen=True, kw_only=True):
    artifact_id: str
    kind: Kind
    name: str
    size_bytes: Count | None
    required: bool
    cleaned: bool
    receipt: Receipt | None
    index: Index | None
    scan: ScanOfArtifact | None


class Chapter(Answer, frozen=True, kw_only=True):
    artifact_id: str
    directory: str
    filename: str
    size_bytes: Whole
    created: Annotated[
        int | None, Meta(description="the camera's wall clock when the chapter began, as an epoch")
    ]
    unfinished: bool
    trailing_bytes: Count
    film: FilmOfChapter | None
    upload: UploadOfChapter | None
    receipt: Receipt | None
    evidence: Evidence | None
    lost: Loss | None
    proxy: Annotated[
        Artifact | None, Meta(description="null without a receipt: none has come, or none is taken")
    ]
    thumbnail: Annotated[Artifact | None, Meta(description="likewise")]


class Progress(Answer, frozen=True, kw_only=True):
    """The last heartbeat as the device sent it, and when the coordinator heard it."""

    bytes_down: Count
    bytes_up: Count
    rate_down_bytes_s: Count | None
    rate_up_bytes_s: Count | None
    spool_bytes: Count
    disk_free_bytes: Count
    clock: Moment
    camera_ahead_s: int | None
    last_chapter_s: Count | None
    retried_parts: Count | None
    heard_at: Moment


class Guarantee(Answer, frozen=True, kw_only=True):
    """How safe a session is. `unknown` says why nobody knows when the camera closed the last chapter.

    `level` is the least of its chapters, null while one has no receipt; `agrees` is whether all reads of all agree.
    """

    safe_at: Moment | None
    last_closed_at: Moment | None
    safe_after_s: Count | None
    unknown: str | None
    waiting_chapters: Count
    waiting_bytes: Count
    predicted_clear_at: Moment | None
    level: Level | None
    agrees: bool


class Order(Answer, frozen=True, kw_only=True):
    number: Count
    required: list[str]
    added: list[str]
    left_out: list[str]
    below_minimum_reason: str | None
    accepted: str | None
    imported: bool
    parameters: dict[str, Any]
    ordered_at: Moment
    sent_at: Moment | None


class ClosedGate(Answer, frozen=True, kw_only=True):
    gate: str
    waits_for: str


class Gates(Answer, frozen=True, kw_only=True):
    """How the gates of cleanup stand, by their names.

    `asked_later` are those that need a look at S3: they are asked once no other one is closed.
    """

    closed: list[ClosedGate]
    open: list[str]
    asked_later: list[str]


class Storage(Answer, frozen=True, kw_only=True):
    """Where a session comes from."""

    origin: Literal["device", "browser", "older-system"]
    source: str | None
    row_id: str | None
    keys: dict[str, str]
    missing: list[str]
    recorded_at: Moment | None
    imported_at: Moment | None


class Session(Answer, frozen=True, kw_only=True):
    session_id: str
    state: SessionState
    version: Whole
    project: str
    device_id: str
    group: str | None
    camera: Camera
    created_at: Moment
    chapters: list[Chapter]
    missing: list[str]
    progress: Progress | None
    order: Order | None
    failure: str | None
    held: str | None
    processed_at: Moment | None
    cleaned_at: Moment | None
    cleanup_refused: str | None
    gates: Annotated[Gates | None, Meta(description="null once the session is CLEANED")]
    restoring: list[str]
    lost: list[LostArtifact]
    proven_at: Moment | None
    guarantee: Guarantee
    storage: Storage
    proxies: Annotated[bool, Meta(description="whether proxies and thumbnails are taken here")]


class Policy(Answer, frozen=True, kw_only=True):
    pause: bool
    pace_bytes_s: Whole | None


class Heartbeat(Answer, frozen=True, kw_only=True):
    """What a device should do, and what time it is here."""

    policy: Policy
    server_time: Moment


class Plan(Answer, frozen=True, kw_only=True):
    """How an artifact is cut: all parts are `part_size_bytes` long but the last."""

    size_bytes: Whole
    part_size_bytes: Whole
    part_count: Whole


class Part(Answer, frozen=True, kw_only=True):
    number: Whole
    size_bytes: Count
    crc64nvme: Crc | None


class Upload(Answer, frozen=True, kw_only=True):
    upload_id: str
    project: str
    session_id: str
    artifact_id: str
    state: UploadState
    way: Annotated[
        Literal["parts", "one-put"], Meta(description="in parts, or whole at the one address of part 1")
    ]
    plan: Plan
    parts: list[Part]
    missing: list[Whole]
    opened_at: Moment
    expires_at: Moment
    receipt: Receipt | None
    reason: str | None
    unproven_since: Moment | None


class PartUrl(Answer, frozen=True, kw_only=True):
    number: Whole
    url: Url
    headers: dict[str, str]
    expires_at: Moment
    expires_in_s: int


class PartUrls(Answer, frozen=True, kw_only=True):
    part_urls: list[PartUrl]


class ProofUrl(Answer, frozen=True, kw_only=True):
    first: Count
    size_bytes: Whole
    url: Url
    headers: dict[str, str]
    expires_at: Moment
    expires_in_s: int


class ProofUrls(Answer, frozen=True, kw_only=True):
    version_id: str
    size_bytes: Count
    proof_urls: list[ProofUrl]


class Artifacts(Answer, frozen=True, kw_only=True):
    artifacts: list[Artifact]


class ArtifactUrl(Answer, frozen=True, kw_only=True):
    url: Url
    expires_at: Moment
    expires_in_s: int
    size_bytes: Count
    version_id: str


class KnownChapter(Answer, frozen=True, kw_only=True):
    session_id: str
    device_id: str
    artifact_id: str
    directory: str
    filename: str
    size_bytes: Whole
    created: int | None
    modified: int | None
    etag: str | None
    gumi: str | None
    unfinished: bool
    trailing_bytes: Count
    receipt: Receipt | None
    evidence: Evidence | None


class KnownChapters(Answer, frozen=True, kw_only=True):
    asked_by: str | None
    chapters: list[KnownChapter]
    cursor: str | None


class Limit(Answer, frozen=True, kw_only=True):
    """One limit and what of it is used; a window begins at a whole minute, hour or day in UTC."""

    scope: Literal["device", "token", "project"]
    what: Literal["open_sessions", "open_uploads", "bytes_a_day", "calls_a_minute", "orders_an_hour"]
    most: Annotated[Count | None, Meta(description="null is no limit")]
    used: Annotated[Count | None, Meta(description="null where nobody counts")]
    window_s: Annotated[Whole | None, Meta(description="null for what is open now")]


class Limits(Answer, frozen=True, kw_only=True):
    part_size_bytes: Whole
    most_chapters: Whole
    most_part_urls: Whole
    largest_file_bytes: Annotated[Whole | None, Meta(description="null is no limit but S3's own")]
    allowed_extensions: list[str]
    limits: list[Limit]


class ChapterFigures(Answer, frozen=True, kw_only=True):
    count: Count
    size_bytes: Count
    verified: Count
    verified_bytes: Count


class SessionRow(Answer, frozen=True, kw_only=True):
    """What a list tells of a session."""

    session_id: str
    state: SessionState
    project: str
    device_id: str
    group: str | None
    camera: Camera
    created_at: Moment
    chapters: ChapterFigures
    progress: Progress | None
    failure: str | None
    held: str | None
    stored_at: Moment | None
    processed_at: Moment | None
    cleaned_at: Moment | None


class SessionPage(Answer, frozen=True, kw_only=True):
    sessions: list[SessionRow]
    cursor: str | None


class DeviceRow(Answer, frozen=True, kw_only=True):
    """A device and what was heard of it last, for which session."""

    device_id: str
    name: str
    project: str
    enrolled_at: Moment
    heard_at: Moment | None
    silent_s: Count | None
    hauling: Annotated[bool, Meta(description="chapters of that session wait for their receipt")]
    silent: Annotated[bool, Meta(description="it was hauling and sent no heartbeat for too long")]
    session_id: str | None
    camera: Camera | None
    client_version: str | None
    disk_free_bytes: Count | None
    spool_bytes: Annotated[Count | None, Meta(description="bytes on the device that S3 may lack")]
    rate_down_bytes_s: Count | None
    rate_up_bytes_s: Count | None
    waiting_bytes: Annotated[Count | None, Meta(description="of chapters of that session without a receipt")]
    predicted_clear_at: Moment | None


class DevicePage(Answer, frozen=True, kw_only=True):
    devices: list[DeviceRow]
    cursor: str | None


class GroupPage(Answer, frozen=True, kw_only=True):
    group: str
    sessions: list[SessionRow]
    cursor: str | None


class FramePage(Answer, frozen=True, kw_only=True):
    """Frames as their file has them, one after another."""

    artifact_id: str
    kind: str
    revision: str
    frames: list[dict[str, Any]]
    next_frame: Count | None


class BucketNumbers(Answer, frozen=True, kw_only=True):
    count: list[Count]
    min: list[float | None]
    max: list[float | None]
    mean: list[float | None]


class Points(Answer, frozen=True, kw_only=True):
    """A range of frames in buckets; lists have one value a bucket."""

    artifact_id: str
    source: Literal["overview", "frames"]
    version: Whole
    revision: str
    kind: str
    frames: Count
    first_frame: Count
    frames_per_bucket: Whole
    count: list[Count]
    first_s: list[float | None]
    last_s: list[float | None]
    numbers: dict[str, BucketNumbers]
    statuses: dict[str, dict[str, list[Count]]]


class Reject(Answer, frozen=True, kw_only=True):
    frame: Whole
    reason: str


class Spread(Answer, frozen=True, kw_only=True):
    count: Count
    min: float
    max: float
    mean: float


class Method(Answer, frozen=True, kw_only=True):
    name: str
    version: Whole
    parameters: dict[str, Any]


class Run(Answer, frozen=True, kw_only=True):
    """One climb or descent, and the fit of it."""

    run: Whole
    direction: Literal["climb", "level", "descent"]
    first_frame: Count
    last_frame: Count
    first_s: float
    last_s: float
    angle_min: float | None
    angle_max: float | None
    angle: float | None
    standard_error: float | None
    interval: list[float] | None
    width: float | None
    frames_used: Count
    frames_set_aside: dict[str, Count]
    outcome: str
    verdict: Verdict | UnsetType = UNSET
    reason: str | UnsetType = UNSET


class Turn(Answer, frozen=True, kw_only=True):
    """At which angle a light turns. Version 2 of a summary has all but the last four members, version 1 only those."""

    angle: float | UnsetType | None = UNSET
    standard_error: float | UnsetType | None = UNSET
    interval: list[float] | UnsetType | None = UNSET
    width: float | UnsetType | None = UNSET
    frames_used: Count | UnsetType = UNSET
    frames_set_aside: Count | UnsetType = UNSET
    outcome: str | UnsetType = UNSET
    runs: list[Run] | UnsetType = UNSET
    further_runs: Count | UnsetType = UNSET
    method: Method | str | UnsetType = UNSET
    frames: Count | UnsetType = UNSET
    angle_min: float | UnsetType | None = UNSET
    angle_max: float | UnsetType | None = UNSET
    angle_middle: float | UnsetType | None = UNSET


class Light(Answer, frozen=True, kw_only=True):
    """What is known of one light of the frames; the report tells no `numbers`."""

    frames: Count
    statuses: dict[str, Count]
    numbers: dict[str, Spread] | UnsetType = UNSET
    transition: Turn


class Summary(Answer, frozen=True, kw_only=True):
    """`summary.json` of the index, as docs/measurements.md tells it."""

    version: Whole
    revision: str
    kind: str
    frames: Count
    rejected: Count
    first_rejects: list[Reject]
    first_frame: Count | None
    last_frame: Count | None
    first_s: float | None
    last_s: float | None
    duration_s: float | None
    numbers: dict[str, Spread]
    units: Annotated[dict[str, str], Meta(description="of `generic` alone")] | UnsetType = UNSET
    lights: Annotated[dict[str, Light], Meta(description="of `papi` alone")] | UnsetType = UNSET


class SignedObject(Answer, frozen=True, kw_only=True):
    url: Url
    expires_at: Moment
    expires_in_s: int
    size_bytes: Count
    version_id: str


class FramesUrl(SignedObject, frozen=True, kw_only=True):
    artifact_id: str
    kind: str
    revision: str
    blocks: SignedObject


class ReportedSession(Answer, frozen=True, kw_only=True):
    project: str
    session_id: str
    device_id: str
    group: str | None
    state: SessionState
    created_at: Moment
    storage: Storage


class ReportedChapter(Answer, frozen=True, kw_only=True):
    artifact_id: str
    name: str
    camera_clock: Annotated[str | None, Meta(description="by the camera's wall clock, in no known zone")]
    size_bytes: Count
    crc64nvme: Crc | None
    verified_at: Moment | None
    level: Level | None
    agrees: bool


class Film(Answer, frozen=True, kw_only=True):
    chapters: list[ReportedChapter]
    first_s: float | None
    last_s: float | None
    duration_s: float | None


class ReportedOrder(Answer, frozen=True, kw_only=True):
    number: Count
    ordered_at: Moment
    required: list[str]
    parameters: dict[str, Any]


class ReportedMeasurements(Answer, frozen=True, kw_only=True):
    artifact_id: str
    kind: str
    version_id: str
    size_bytes: Count
    crc64nvme: Crc
    measured_at: Moment
    revision: str
    indexed_at: Moment
    frames: Count
    rejected: Count
    first_rejects: list[Reject]
    first_frame: Count | None
    last_frame: Count | None


class Asked(Answer, frozen=True, kw_only=True):
    """What the order asks of the lights, without what it does not say."""

    side: Literal["left", "right", "both"] | UnsetType = UNSET
    numbering: Literal["faa", "icao"] | UnsetType = UNSET
    nominal_angles: dict[str, float] | UnsetType = UNSET
    tolerance_arcmin: float | UnsetType = UNSET
    glide_path_angle: float | UnsetType = UNSET
    glide_path_tolerance_arcmin: float | UnsetType = UNSET
    symmetry_tolerance_arcmin: float | UnsetType = UNSET


class InspectedLight(Answer, frozen=True, kw_only=True):
    light: str
    wing: str | None
    box: int | None
    angle: float | None
    standard_error: float | None
    interval: list[float] | None
    width: float | None
    nominal_angle: float | None
    tolerance: float | None
    deviation: float | None
    verdict: Verdict
    reason: str


class GlidePath(Answer, frozen=True, kw_only=True):
    wing: str
    lights: list[str]
    angle: float | None
    standard_error: float | None
    interval: list[float] | None
    nominal_angle: float | None
    tolerance: float | None
    deviation: float | None
    verdict: Verdict | None
    reason: str | None


class Difference(Answer, frozen=True, kw_only=True):
    wing: str
    lights: list[str]
    boxes: list[int] | None
    difference: float | None
    standard_error: float | None
    interval: list[float] | None
    nominal_difference: float | None
    deviation: float | None


class Pair(Answer, frozen=True, kw_only=True):
    box: int | None
    lights: list[str]
    difference: float | None
    standard_error: float | None
    interval: list[float] | None
    tolerance: float | None
    verdict: Verdict | None
    reason: str | None


class Symmetry(Answer, frozen=True, kw_only=True):
    pairs: list[Pair]
    verdict: Verdict | None
    reason: str | None


class Inspection(Answer, frozen=True, kw_only=True):
    asked: Asked
    verdict: Verdict
    reason: str
    lights: list[InspectedLight]
    glide_paths: list[GlidePath]
    differences: list[Difference]
    symmetry: Symmetry


class Report(Answer, frozen=True, kw_only=True):
    """The inspection of the lights of a runway; angles, widths, deviations and tolerances in degrees."""

    session: ReportedSession
    camera: Camera
    film: Film
    order: ReportedOrder | None
    measurements: ReportedMeasurements
    needs_index: str | None
    inspection: Inspection
    lights: dict[str, Light]
    reported_at: Moment


class Health(Answer, frozen=True, kw_only=True):
    """Whether somebody must look; operators are told at what."""

    status: Literal["ok", "failing"]


class LastRound(Answer, frozen=True, kw_only=True):
    """What the reconciler did last; `finished` and `swept` are whether it came to the end of its work."""

    began_at: Moment
    ended_at: Moment
    settled: Count
    failed: Count
    unfinished: Count
    aborted_orphans: Count
    finished: bool
    swept: bool


class Waiting(Answer, frozen=True, kw_only=True):
    """How many sessions wait, 100 at most, and since when the first one does."""

    count: Count
    since: Moment | None


class CleanupArming(Answer, frozen=True, kw_only=True):
    armed: bool
    reason: str
    changed_at: Moment


class HealthDetails(Answer, frozen=True, kw_only=True):
    """What works; what waits is null where the table does not answer, and `cleanup` where nobody ever armed it."""

    status: Literal["ok", "failing"]
    at: Moment
    table: Literal["ok", "failing"]
    bucket: Literal["ok", "failing"]
    reconciler: Literal["ok", "failing"]
    last_round: LastRound | None
    due: Waiting | None
    late: Count | None
    unproven: Waiting | None
    cleanup: CleanupArming | None


class SessionCounts(Answer, frozen=True, kw_only=True):
    OPEN: Count
    STORED: Count
    PROCESSED: Count
    CLEANED: Count
    FAILED: Count
    held: Count
    needing: Annotated[Count, Meta(description="need a person")]


class ChapterCounts(Answer, frozen=True, kw_only=True):
    count: Count
    waiting: Count
    lost: Count
    read_twice: Count
    read_back: Count
    differing: Count


class ByteCounts(Answer, frozen=True, kw_only=True):
    """Bytes as the records know them; of parts that wait for their end S3 holds no more than these."""

    originals: Count
    intermediates: Count
    outputs: Count
    measurements: Count
    proxies: Count
    held: Count
    hidden: Count
    freed: Count
    orphaned_at_most: Count
    uploading_at_most: Count


class MonthlyCost(Answer, frozen=True, kw_only=True):
    per_gib: float
    held: float
    hidden: float
    orphaned_at_most: float
    uploading_at_most: float
    saved: float


class UploadCounts(Answer, frozen=True, kw_only=True):
    open: Count
    repeated: Count


class RetriedParts(Answer, frozen=True, kw_only=True):
    count: Count | None
    sessions: Count


class SafeAfter(Answer, frozen=True, kw_only=True):
    p50: Count | None
    p90: Count | None
    p99: Count | None


class GuaranteeKept(Answer, frozen=True, kw_only=True):
    """How soon sessions were safe; a quantile is at most 19 % too high."""

    within_s: Whole
    share_within: float | None
    sessions: Count
    unknown: Count
    safe_after_at_most_s: SafeAfter


class OldestChapter(Answer, frozen=True, kw_only=True):
    session_id: str
    device_id: str
    artifact_id: str | None
    since: Moment


class Backlog(Answer, frozen=True, kw_only=True):
    chapters: Count
    bytes: Count
    oldest: OldestChapter | None
    rate_up_bytes_s: Count | None
    clear_in_s: Count | None


class DeviceHeard(Answer, frozen=True, kw_only=True):
    """The last heartbeat of a device. One that is not hauling has nothing to tell."""

    device_id: str
    session_id: str
    heard_at: Moment
    silent_s: Count
    hauling: bool
    rate_up_bytes_s: Count | None
    spool_bytes: Count | None
    disk_free_bytes: Count | None


class Need(Answer, frozen=True, kw_only=True):
    """Why a session needs a person; `detail` tells of the first of `count` artifacts."""

    kind: NeedKind
    detail: str
    count: Whole


class NeedySession(Answer, frozen=True, kw_only=True):
    session_id: str
    state: SessionState
    device_id: str
    group: str | None
    created_at: Moment
    needs: list[Need]


class Attention(Answer, frozen=True, kw_only=True):
    """The sessions that need a person: how many, and the first of them, the newest first."""

    count: Count
    sessions: list[NeedySession]


class Figures(Answer, frozen=True, kw_only=True):
    """What sessions add up to."""

    sessions: SessionCounts
    chapters: ChapterCounts
    bytes: ByteCounts
    monthly_cost_usd: MonthlyCost
    uploads: UploadCounts
    retried_parts: RetriedParts
    guarantee: GuaranteeKept


class DayFigures(Answer, frozen=True, kw_only=True):
    """What the sessions that were created on one day (UTC) add up to."""

    day: str
    sessions: Count
    failed: Count
    needing: Count
    size_bytes: Annotated[Count, Meta(description="of what is verified and of what waits")]


class Overview(Answer, frozen=True, kw_only=True):
    """What a person looks at first. `reconciler` is `late` where its last round left due sessions out."""

    project: str
    attention: Attention
    reconciler: Literal["ok", "late", "silent"]
    last_round: LastRound | None
    dead_letters: Count | None
    devices: DevicePage
    sessions: SessionPage
    figures: Figures
    days: list[DayFigures]


class Budget(Answer, frozen=True, kw_only=True):
    cleaned: Count
    limit: Count


class CleanupToday(Answer, frozen=True, kw_only=True):
    """What the whole deployment cleaned on the present day (UTC), of what it may."""

    armed: bool
    day: str
    objects: Budget
    bytes: Budget


class Statistics(Answer, frozen=True, kw_only=True):
    project: str
    device: str | None
    first_day: str | None
    last_day: str | None
    sessions: SessionCounts
    chapters: ChapterCounts
    bytes: ByteCounts
    monthly_cost_usd: MonthlyCost
    uploads: UploadCounts
    retried_parts: RetriedParts
    guarantee: GuaranteeKept
    backlog: Backlog
    devices: list[DeviceHeard]
    cleanup: CleanupToday
    dead_letters: Count | None


class OpenApi(Struct, frozen=True, kw_only=True):
    """An OpenAPI 3.1 document."""

    openapi: str
    info: dict[str, Any]
    servers: list[dict[str, Any]]
    security: list[dict[str, Any]]
    paths: dict[str, Any]
    components: dict[str, Any]


class TokenKnown(Answer, frozen=True, kw_only=True):
    token_id: str
    expires_at: Annotated[Moment | None, Meta(description="null for a token without end")]


class Enrolment(TokenKnown, frozen=True, kw_only=True):
    """The token is `token_id`, a dot and the secret that the caller made; no answer has it."""

    role: Literal["device", "processor", "operator", "viewer"]
    project: str
    device_id: str | None
    name: str | None


class Rotation(TokenKnown, frozen=True, kw_only=True):
    """The token with its new secret, and until when the secret before it is good."""

    before_until: Moment | None


class MadeUploadPass(Answer, frozen=True, kw_only=True):
    """The right to upload films into one session, in an address; it is answered once and kept nowhere."""

    endpoint: Annotated[
        str, Meta(description="where stock Uppy finds Companion's routes: keep it secret as a token")
    ]
    expires_at: Moment


class Login(Answer, frozen=True, kw_only=True):
    """Who is logged in to the page; the cookie itself is in the header `Set-Cookie` alone."""

    role: Literal["operator", "viewer", "share"]
    project: str
    session: Annotated[
        str | None, Meta(description="the one session that it is for; null for all of the project")
    ]
    expires_at: Annotated[Moment, Meta(description="the page session ends then at the latest")]
    idle_s: Annotated[Whole, Meta(description="it ends sooner when it is not used for so long")]


class PushTicket(Answer, frozen=True, kw_only=True):
    """Where to open a WebSocket, once. It says `{"changed": "session", "session": NAME}`, for `socket_s` seconds."""

    url: str
    expires_at: Moment
    socket_s: Whole


class ShareMade(Answer, frozen=True, kw_only=True):
    """A new link: its address is the page's with `#/share/` and the token after it. No other answer has the token."""

    share_id: str
    token: str
    label: str
    expires_at: Moment


class Share(Answer, frozen=True, kw_only=True):
    """A link of a session, without its token; `made_by` is the id of the token that made it."""

    share_id: str
    label: str
    made_by: str
    created_at: Moment
    expires_at: Moment
    revoked_at: Moment | None


class Shares(Answer, frozen=True, kw_only=True):
    shares: list[Share]


class TrailStep(Answer, frozen=True, kw_only=True):
    """One thing that changed; `before` and `after` are null where it was or is absent."""

    thing: str
    name: str | None
    before: str | None
    after: str | None


class TrailEntry(Answer, frozen=True, kw_only=True):
    """What one write of the session changed, and who made it."""

    at: Moment
    version: Whole
    who: str
    token_id: str | None
    route: str | None
    request_id: str | None
    steps: list[TrailStep]


class Trail(Answer, frozen=True, kw_only=True):
    entries: list[TrailEntry]
    cursor: str | None
