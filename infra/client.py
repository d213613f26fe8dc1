"""A client of the coordinator's API for processors and scripts: this one file, requests and msgspec.

    client = Client("https://….execute-api.eu-west-1.amazonaws.com/api", token)
    for row in client.all_sessions(state="STORED"):
        print(row.session_id, client.artifacts(row.session_id).artifacts)

It may be copied: it imports nothing of this project. Each method is one call of docs/api.md and answers its types.
Members that a newer coordinator tells in addition are passed over. Errors are CallFailed; no text of one has an address
or the token.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec
import requests
from msgspec import Struct

TIMEOUTS_S = (10.0, 30.0)
"""Until there is a connection, and between two pieces of an answer."""

Answered = TypeVar("Answered")


class CallFailed(Exception):
    """A call without the answer that it is for."""


class NoAnswer(CallFailed):
    """The coordinator did not answer: try again later."""


class BadAnswer(CallFailed):
    """Something that is not the coordinator answered, or a version of it that this client does not know."""


class Problem(CallFailed):
    """The coordinator refuses the call. `action` says what to do: retry, resign, reopen, replan, stop.

    `slug` names the problem, as docs/api.md has it; it is None for what the gateway answered by itself. `members` are
    all that the problem tells, `retry_after_s` is how long to wait, if that is known.
    """

    def __init__(
        self,
        status: int,
        slug: str | None,
        action: str,
        members: Mapping[str, Any],
        retry_after_s: int | None,
    ) -> None:
        super().__init__(f"{status} {slug or 'of the gateway'}: {members.get('detail') or 'no detail'}")
        self.status = status
        self.slug = slug
        self.action = action
        self.members = members
        self.retry_after_s = retry_after_s


class Receipt(Struct, frozen=True):
    upload_id: str | None
    artifact_id: str
    key: str
    version_id: str
    size_bytes: int
    crc64nvme: str
    verified_at: datetime


class UploadOfChapter(Struct, frozen=True):
    upload_id: str
    state: str
    unproven_since: datetime | None


class Loss(Struct, frozen=True):
    reason: str
    lost_at: datetime


class Chapter(Struct, frozen=True):
    artifact_id: str
    directory: str
    filename: str
    size_bytes: int
    unfinished: bool
    trailing_bytes: int
    upload: UploadOfChapter | None
    receipt: Receipt | None
    lost: Loss | None


class Order(Struct, frozen=True):
    number: int
    required: list[str]
    parameters: dict[str, Any]
    ordered_at: datetime
    sent_at: datetime | None


class Camera(Struct, frozen=True):
    serial: str
    model: str | None
    firmware: str | None


class Session(Struct, frozen=True):
    session_id: str
    state: str
    version: int
    project: str
    device_id: str
    group: str | None
    camera: Camera
    created_at: datetime
    chapters: list[Chapter]
    missing: list[str]
    order: Order | None
    failure: str | None
    held: str | None
    processed_at: datetime | None
    cleaned_at: datetime | None
    restoring: list[str]


class ChapterFigures(Struct, frozen=True):
    count: int
    size_bytes: int
    verified: int
    verified_bytes: int


class SessionRow(Struct, frozen=True):
    session_id: str
    state: str
    project: str
    device_id: str
    group: str | None
    created_at: datetime
    chapters: ChapterFigures
    failure: str | None
    held: str | None


class SessionPage(Struct, frozen=True):
    sessions: list[SessionRow]
    cursor: str | None


class Plan(Struct, frozen=True):
    size_bytes: int
    part_size_bytes: int
    part_count: int


class Part(Struct, frozen=True):
    number: int
    size_bytes: int
    crc64nvme: str | None


class Upload(Struct, frozen=True):
    upload_id: str
    project: str
    session_id: str
    artifact_id: str
    state: str
    plan: Plan
    parts: list[Part]
    missing: list[int]
    opened_at: datetime
    expires_at: datetime
    receipt: Receipt | None
    reason: str | None


class PartUrl(Struct, frozen=True):
    number: int
    url: str
    headers: dict[str, str]
    expires_at: datetime
    expires_in_s: int


class PartUrls(Struct, frozen=True):
    part_urls: list[PartUrl]


class ProofUrl(Struct, frozen=True):
    first: int
    size_bytes: int
    url: str
    headers: dict[str, str]
    expires_at: datetime


class ProofUrls(Struct, frozen=True):
    version_id: str
    size_bytes: int
    proof_urls: list[ProofUrl]


class Index(Struct, frozen=True):
    kind: str
    revision: str
    frames: int
    rejected: int
    indexed_at: datetime
    quarantine: str | None


class Artifact(Struct, frozen=True):
    artifact_id: str
    kind: str
    name: str
    size_bytes: int | None
    required: bool
    cleaned: bool
    receipt: Receipt | None
    index: Index | None


class Artifacts(Struct, frozen=True):
    artifacts: list[Artifact]


class Address(Struct, frozen=True):
    """Where to read exactly one version of an object, until `expires_at`."""

    url: str
    expires_at: datetime
    expires_in_s: int
    size_bytes: int
    version_id: str


class FramesUrl(Address, frozen=True):
    artifact_id: str
    kind: str
    revision: str
    blocks: Address


class FramePage(Struct, frozen=True):
    artifact_id: str
    kind: str
    revision: str
    frames: list[dict[str, Any]]
    next_frame: int | None


class KnownChapter(Struct, frozen=True):
    session_id: str
    device_id: str
    artifact_id: str
    directory: str
    filename: str
    size_bytes: int
    receipt: Receipt | None


class KnownChapters(Struct, frozen=True):
    chapters: list[KnownChapter]
    cursor: str | None


class Route(Struct, Generic[Answered], frozen=True):
    """A call of the contract, and the type of its answer."""

    method: str
    path: str
    answer: type[Answered]


Json = dict[str, Any]
_SESSION = "/v1/sessions/{session_id}"
_UPLOAD = "/v1/uploads/{upload_id}"

CONFIRM_SESSION = Route("PUT", _SESSION, Session)
WITHDRAW_FILM = Route("DELETE", f"{_SESSION}/chapters/{{artifact_id}}", Session)
GET_SESSION = Route("GET", _SESSION, Session)
GET_SESSIONS = Route("GET", "/v1/sessions", SessionPage)
GET_GROUP = Route("GET", "/v1/groups/{group}", SessionPage)
POST_PROGRESS: Route[Json] = Route("POST", f"{_SESSION}/progress", Json)
POST_ORDER = Route("POST", f"{_SESSION}/order", Session)
POST_FAILURE = Route("POST", f"{_SESSION}/failure", Session)
POST_HOLD = Route("POST", f"{_SESSION}/hold", Session)
POST_RESTORE = Route("POST", f"{_SESSION}/restore", Session)
GET_AUDIT: Route[Json] = Route("GET", f"{_SESSION}/audit", Json)
POST_SHARE: Route[Json] = Route("POST", f"{_SESSION}/shares", Json)
GET_SHARES: Route[Json] = Route("GET", f"{_SESSION}/shares", Json)
DELETE_SHARE: Route[Json] = Route("DELETE", f"{_SESSION}/shares/{{share_id}}", Json)
GET_LIMITS: Route[Json] = Route("GET", "/v1/limits", Json)
GET_OVERVIEW: Route[Json] = Route("GET", "/v1/overview", Json)
GET_STATISTICS: Route[Json] = Route("GET", "/v1/statistics", Json)
GET_DEVICES: Route[Json] = Route("GET", "/v1/devices", Json)
GET_ARTIFACTS = Route("GET", f"{_SESSION}/artifacts", Artifacts)
GET_ARTIFACT_URL = Route("GET", f"{_SESSION}/artifacts/{{artifact_id}}/url", Address)
POST_PROOF_URLS = Route("POST", f"{_SESSION}/artifacts/{{artifact_id}}/proof-urls", ProofUrls)
POST_EVIDENCE: Route[Json] = Route("POST", f"{_SESSION}/artifacts/{{artifact_id}}/evidence", Json)
POST_UPLOAD = Route("POST", f"{_SESSION}/uploads", Upload)
GET_UPLOAD = Route("GET", _UPLOAD, Upload)
DELETE_UPLOAD = Route("DELETE", _UPLOAD, Upload)
POST_PART_URLS = Route("POST", f"{_UPLOAD}/part-urls", PartUrls)
POST_COMPLETE = Route("POST", f"{_UPLOAD}/complete", Upload)
GET_FRAMES = Route("GET", f"{_SESSION}/frames", FramePage)
GET_SUMMARY: Route[Json] = Route("GET", f"{_SESSION}/frames/summary", Json)
GET_FRAMES_URL = Route("GET", f"{_SESSION}/frames/url", FramesUrl)
GET_REPORT: Route[Json] = Route("GET", f"{_SESSION}/frames/report", Json)
GET_KNOWN_CHAPTERS = Route("GET", "/v1/cameras/{serial}/chapters", KnownChapters)


class Client:
    """The coordinator at `url`, for the holder of `token`.

    `project` is named with every call; a token of one project needs none. `client_version` is needed by devices alone.
    """

    def __init__(
        self, url: str, token: str, project: str | None = None, client_version: str | None = None
    ) -> None:
        self._url = url.rstrip("/")
        said = {"Reelhaul-Project": project, "Reelhaul-Client-Version": client_version}
        self._headers = {
            "Authorization": f"Bearer {token}",
            **{name: value for name, value in said.items() if value is not None},
        }
        self._session = requests.Session()
        # A netrc's entry for every host would replace the token.
        self._session.trust_env = False

    def of_project(self, project: str) -> "Client":
        """The same client for calls about another project; for tokens of all projects."""
        other = copy.copy(self)
        other._headers = {**self._headers, "Reelhaul-Project": project}
        return other

    def session(self, session_id: str) -> Session:
        return self.ask(GET_SESSION, session_id=session_id)

    def sessions(self, cursor: str | None = None, **asked: str | int) -> SessionPage:
        """A page of the sessions of the project, narrowed by the parameters of docs/api.md (`state`, `group`, …)."""
        return self.ask(GET_SESSIONS, query={**asked, "cursor": cursor})

    def all_sessions(self, **asked: str | int) -> Iterator[SessionRow]:
        """The sessions of the project, page after page."""
        cursor: str | None = None
        while True:
            page = self.sessions(cursor, **asked)
            yield from page.sessions
            if page.cursor is None:
                return
            cursor = page.cursor

    def group(self, group: str, cursor: str | None = None) -> SessionPage:
        """A page of the sessions of a group."""
        return self.ask(GET_GROUP, query={"cursor": cursor}, group=group)

    def confirm_session(self, session_id: str, body: Mapping[str, Any]) -> Session:
        """Open the session, or confirm it: for devices; for operators one of a browser, to which it may add films."""
        return self.ask(CONFIRM_SESSION, body, session_id=session_id)

    def withdraw_film(self, session_id: str, artifact_id: str) -> Session:
        """Take a film that has no receipt out of a browser's session that is OPEN: for operators."""
        return self.ask(WITHDRAW_FILM, session_id=session_id, artifact_id=artifact_id)

    def progress(self, session_id: str, body: Mapping[str, Any]) -> Json:
        """Tell how far the device is; the answer says what it should do."""
        return self.ask(POST_PROGRESS, body, session_id=session_id)

    def order(
        self, session_id: str, required: Sequence[str], parameters: Mapping[str, Any] | None = None
    ) -> Session:
        body = {"required": list(required), "parameters": dict(parameters or {})}
        return self.ask(POST_ORDER, body, session_id=session_id)

    def fail(self, session_id: str, reason: str, order: int | None = None) -> Session:
        """Say why the order with this number cannot be fulfilled; without a number it is the present order."""
        return self.ask(POST_FAILURE, {"reason": reason, "order": order}, session_id=session_id)

    def hold(self, session_id: str, reason: str) -> Session:
        return self.ask(POST_HOLD, {"held": True, "reason": reason}, session_id=session_id)

    def release(self, session_id: str) -> Session:
        return self.ask(POST_HOLD, {"held": False}, session_id=session_id)

    def restore(self, session_id: str, reason: str, artifacts: Sequence[str] | None = None) -> Session:
        """Have what was cleaned brought back: these artifacts, or all."""
        body = {"reason": reason, "artifacts": None if artifacts is None else list(artifacts)}
        return self.ask(POST_RESTORE, body, session_id=session_id)

    def audit(self, session_id: str, cursor: str | None = None) -> Json:
        """A page of who changed what of the session."""
        return self.ask(GET_AUDIT, query={"cursor": cursor}, session_id=session_id)

    def share(self, session_id: str, label: str, ttl_s: int) -> Json:
        """A link with which anybody may watch the session for so long; only this answer has its token."""
        return self.ask(POST_SHARE, {"label": label, "ttl_s": ttl_s}, session_id=session_id)

    def shares(self, session_id: str) -> Json:
        """The links of the session, without their tokens."""
        return self.ask(GET_SHARES, session_id=session_id)

    def revoke_share(self, session_id: str, share_id: str) -> Json:
        return self.ask(DELETE_SHARE, session_id=session_id, share_id=share_id)

    def limits(self) -> Json:
        return self.ask(GET_LIMITS)

    def overview(self) -> Json:
        """What needs a person, the devices, the newest sessions, and what all sessions add up to."""
        return self.ask(GET_OVERVIEW)

    def statistics(self, **asked: str | int) -> Json:
        """By the parameters of docs/api.md."""
        return self.ask(GET_STATISTICS, query=asked)

    def devices(self, cursor: str | None = None) -> Json:
        """A page of the devices of the project."""
        return self.ask(GET_DEVICES, query={"cursor": cursor})

    def artifacts(self, session_id: str) -> Artifacts:
        return self.ask(GET_ARTIFACTS, session_id=session_id)

    def artifact_url(self, session_id: str, artifact_id: str) -> Address:
        """Where to read a verified artifact."""
        return self.ask(GET_ARTIFACT_URL, session_id=session_id, artifact_id=artifact_id)

    def proof_urls(self, session_id: str, artifact_id: str, ranges: Iterable[tuple[int, int]]) -> ProofUrls:
        """Where to read ranges of a verified original, each its first byte and its size: for devices."""
        body = {"ranges": [{"first": first, "size_bytes": size} for first, size in ranges]}
        return self.ask(POST_PROOF_URLS, body, session_id=session_id, artifact_id=artifact_id)

    def tell_evidence(self, session_id: str, artifact_id: str, body: Mapping[str, Any]) -> Json:
        """Tell of a second whole read of a chapter's card; the answer says how surely it is known: for devices."""
        return self.ask(POST_EVIDENCE, body, session_id=session_id, artifact_id=artifact_id)

    def open_upload(self, session_id: str, artifact_id: str, size_bytes: int) -> Upload:
        """The open upload of an artifact; its parts are as its plan says."""
        body = {"artifact_id": artifact_id, "size_bytes": size_bytes}
        return self.ask(POST_UPLOAD, body, session_id=session_id)

    def upload(self, upload_id: str) -> Upload:
        return self.ask(GET_UPLOAD, upload_id=upload_id)

    def part_urls(self, upload_id: str, parts: Mapping[int, str]) -> PartUrls:
        """Where to PUT these parts, each its number and its CRC64NVME; at most 32."""
        body = {"parts": [{"number": number, "crc64nvme": crc} for number, crc in parts.items()]}
        return self.ask(POST_PART_URLS, body, upload_id=upload_id)

    def complete(self, upload_id: str, crc64nvme: str | None = None) -> Upload:
        return self.ask(POST_COMPLETE, {"crc64nvme": crc64nvme}, upload_id=upload_id)

    def cancel(self, upload_id: str) -> Upload:
        return self.ask(DELETE_UPLOAD, upload_id=upload_id)

    def frames(self, session_id: str, **asked: str | int) -> FramePage:
        """A page of frames, by the parameters of docs/api.md but `points`."""
        return self.ask(GET_FRAMES, query=asked, session_id=session_id)

    def summary(self, session_id: str, artifact: str | None = None) -> Json:
        return self.ask(GET_SUMMARY, query={"artifact": artifact}, session_id=session_id)

    def frames_url(self, session_id: str, artifact: str | None = None) -> FramesUrl:
        """Where to read all frames in one file, and its blocks."""
        return self.ask(GET_FRAMES_URL, query={"artifact": artifact}, session_id=session_id)

    def report(self, session_id: str, artifact: str | None = None) -> Json:
        """The inspection of the lights, as JSON."""
        return self.ask(GET_REPORT, query={"artifact": artifact}, session_id=session_id)

    def known_chapters(self, serial: str, cursor: str | None = None) -> KnownChapters:
        """A page of the chapters that the project knows of a camera."""
        return self.ask(GET_KNOWN_CHAPTERS, query={"cursor": cursor}, serial=serial)

    def ask(
        self,
        route: Route[Answered],
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int | None] | None = None,
        **names: str,
    ) -> Answered:
        """The answer to any call. Raises CallFailed."""
        path = route.path.format(**{name: quote(value, safe="") for name, value in names.items()})
        try:
            answer = self._session.request(
                route.method,
                f"{self._url}{path}",
                params=query,
                json=body,
                headers=self._headers,
                timeout=TIMEOUTS_S,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            # Its text would hold the address.
            raise NoAnswer(f"the coordinator does not answer: {type(error).__name__}") from None
        if answer.status_code not in (200, 201):
            raise _problem(answer)
        try:
            return msgspec.json.decode(answer.content, type=route.answer)
        except msgspec.MsgspecError as error:
            raise BadAnswer(f"{route.method} {route.path} is answered with something else: {error}") from None


def _problem(answer: requests.Response) -> CallFailed:
    """The problem that the answer tells; of the gateway's own form, what is to be done follows from the status."""
    try:
        told = answer.json()
    except ValueError:
        told = None
    if answer.status_code < 400:
        return BadAnswer(f"something that is not the coordinator answers {answer.status_code}")
    told = told if isinstance(told, dict) else {}
    seconds = answer.headers.get("Retry-After", "")
    retry_after_s = int(seconds) if seconds.isdecimal() else None
    slug = str(told.get("type", "")).removeprefix("urn:reelhaul:problem:") or None
    usual = "retry" if answer.status_code == 429 or answer.status_code >= 500 else "stop"
    return Problem(answer.status_code, slug, str(told.get("action", usual)), told, retry_after_s)
