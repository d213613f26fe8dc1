"""Our API, as docs/api.md says: typed answers, problems as errors, retries at this one layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, TypeVar
from urllib.parse import urlencode

import requests

from edge_client.base.errors import (
    CoordinatorBusy,
    CoordinatorRefusal,
    CoordinatorUnreachable,
    SessionUnknown,
    describe,
)
from edge_client.base.retry import Retry
from edge_client.coordinator import answers
from edge_client.coordinator.answers import ProofUrls
from edge_client.coordinator.problems import read_answer
from edge_client.http.exchange import LIBRARY_ERRORS, Timeouts, bare_session
from edge_client.model.api import (
    Enrolled,
    HeartbeatAnswer,
    HeartbeatReport,
    SessionState,
    SessionView,
    StoredSession,
    Token,
    UploadView,
)
from edge_client.model.haul_state import KnownChapter, StoredVersion
from edge_client.model.levels import Evidence, WholeRead
from edge_client.model.parts import PartUrl, PieceUrl, Span, SpooledPart, crc_text
from edge_client.model.plan import SessionPlan

TIMEOUTS = Timeouts()
# Each page has up to 20 sessions: more than any camera films in its life.
MOST_PAGES = 1000

T = TypeVar("T")


class Coordinator:
    """The coordinator's calls. Each is idempotent and tried again until it is answered or patience ends."""

    def __init__(
        self,
        base_url: str,
        token: Token | None,
        version: str,
        retry: Retry,
        session: requests.Session | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._retry = retry
        self._session = session or bare_session(TIMEOUTS)
        self._headers = {"Reelhaul-Client-Version": version}
        if token:
            self._headers["Authorization"] = f"Bearer {token.text}"

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def enroll(self, code: str, secret_digest: str) -> Enrolled:
        """Who this machine is from now on, in exchange for a code; the same code and digest again change nothing."""
        body = {"code": code, "secret_digest": secret_digest}
        return self._call("POST", "/v1/enrolments", body, answers.enrolled)

    def rotate(self, secret_digest: str) -> str | None:
        """Until when the secret before is good, now that there is another; the same digest again changes nothing."""
        return self._call("POST", "/v1/token/rotate", {"secret_digest": secret_digest}, answers.rotated)

    def with_retry(self, retry: Retry) -> Coordinator:
        """The same coordinator, over the same connections, with another patience."""
        other = copy(self)
        other._retry = retry
        return other

    def put_session(self, plan: SessionPlan) -> SessionView:
        """Create or confirm the session, and see its chapters."""
        chapters = [
            {name: value for name, value in chapter.facts().items() if name != "head_crc"}
            for chapter in plan.chapters
        ]
        body: dict[str, object] = {"camera": vars(plan.camera), "chapters": chapters}
        if plan.group is not None:
            body["group"] = plan.group
        return self._call("PUT", f"/v1/sessions/{plan.session_id}", body, answers.session)

    def open_upload(self, session_id: str, artifact_id: str, size_bytes: int) -> UploadView:
        """The upload of one chapter: opened now, open since before, or already verified."""
        body = {"artifact_id": artifact_id, "size_bytes": size_bytes}
        return self._call("POST", f"/v1/sessions/{session_id}/uploads", body, answers.upload)

    def upload(self, upload_id: str) -> UploadView:
        """The upload as it is now."""
        return self._call("GET", f"/v1/uploads/{upload_id}", None, answers.upload)

    def part_urls(
        self, upload_id: str, parts: Sequence[SpooledPart], claim: int | None = None
    ) -> dict[int, PartUrl]:
        """Presigned PUTs for at most 32 parts, by part number. Raises UploadGone.

        `claim` is the CRC64NVME of the whole once all of it was read: the coordinator completes nothing else.
        """
        asked: dict[str, object] = {
            "parts": [{"number": part.span.number, "crc64nvme": crc_text(part.crc)} for part in parts]
        }
        if claim is not None:
            asked["crc64nvme"] = crc_text(claim)
        path = f"/v1/uploads/{upload_id}/part-urls"

        def attempt() -> dict[int, PartUrl]:
            asked_at = self._retry.timing.monotonic()
            return self._once("POST", path, asked, lambda answer: answers.part_urls(answer, asked_at))

        urls = self._retry.run(f"POST {path}", attempt)
        if missing := {part.span.number for part in parts} - urls.keys():
            raise CoordinatorRefusal(f"the coordinator gave no URL for parts {sorted(missing)}")
        return urls

    def complete(self, upload_id: str, crc: int) -> UploadView:
        """The upload, verified and with its receipt. Raises PartsMismatch, UploadGone.

        After a lost reply the upload itself is asked first: it may be complete.
        """

        def attempt(failed: int) -> UploadView:
            seen = self._once("GET", f"/v1/uploads/{upload_id}", None, answers.upload) if failed else None
            if seen is None or seen.receipt is None:
                seen = self._once(
                    "POST", f"/v1/uploads/{upload_id}/complete", {"crc64nvme": crc_text(crc)}, answers.upload
                )
            if seen.receipt is None:
                raise CoordinatorBusy(f"the upload is {seen.state}, not yet verified")
            return seen

        return self._retry.attempts("completing the upload", attempt)

    def known_chapters(self, serial: str) -> tuple[KnownChapter, ...]:
        """Every chapter of this camera that a session of our project has, from any device.

        Raises CoordinatorRefusal for pages without end.
        """
        found: list[KnownChapter] = []
        path, query = f"/v1/cameras/{serial}/chapters", ""
        cursors = set[str]()
        for _ in range(MOST_PAGES):
            page, cursor = self._call("GET", path + query, None, answers.known_chapters)
            found += page
            if cursor is None:
                return tuple(found)
            if cursor in cursors:
                raise CoordinatorRefusal(
                    "the coordinator's list of chapters leads back to a page that was read"
                )
            cursors.add(cursor)
            query = f"?{urlencode({'cursor': cursor})}"
        raise CoordinatorRefusal(f"the coordinator's list of chapters has more than {MOST_PAGES} pages")

    def proof_urls(
        self, chapter: KnownChapter, stored: StoredVersion, spans: Sequence[Span]
    ) -> dict[int, PieceUrl]:
        """Presigned GETs for at most 32 ranges of a verified original of our project, by first byte.

        Raises CoordinatorRefusal when the receipt is for another version by now.
        """
        asked = [{"first": span.first, "size_bytes": span.size_bytes} for span in spans]
        path = f"/v1/sessions/{chapter.session_id}/artifacts/{chapter.artifact_id}/proof-urls"

        def attempt() -> ProofUrls:
            asked_at = self._retry.timing.monotonic()
            return self._once(
                "POST", path, {"ranges": asked}, lambda answer: answers.proof_urls(answer, asked_at)
            )

        found = self._retry.run(f"POST {path}", attempt)
        if (found.version_id, found.size_bytes) != (stored.version_id, stored.size_bytes):
            raise CoordinatorRefusal("what is stored is another version by now; ask again")
        urls = {url.first: url for url in found.urls}
        if any(span.first not in urls or urls[span.first].size_bytes != span.size_bytes for span in spans):
            raise CoordinatorRefusal("the coordinator gave no URL for a range that was asked for")
        return urls

    def add_evidence(self, session_id: str, artifact_id: str, read: WholeRead) -> Evidence:
        """What is known of a chapter, this second read of its card included; the same read again changes nothing.

        Raises SessionUnknown also of a coordinator that keeps no evidence.
        """
        body = {
            "size_bytes": read.size_bytes,
            "crc64nvme": crc_text(read.crc),
            "xxh128": read.xxh128,
            "read_at": read.read_at,
        }
        path = f"/v1/sessions/{session_id}/artifacts/{artifact_id}/evidence"
        return self._call("POST", path, body, answers.recorded_evidence)

    def session_state(self, session_id: str) -> SessionState | None:
        """The coordinator's document of a session, or None when it has none of that name; a single try."""
        try:
            return self._once("GET", f"/v1/sessions/{session_id}", None, answers.session_state)
        except SessionUnknown:
            return None

    def stored_session(self, session_id: str) -> StoredSession | None:
        """What S3 has of a session, or None when the coordinator shows us none of that name; a single try of each call.

        None does not mean that S3 has nothing: another device's session is not shown either.
        """
        state = self.session_state(session_id)
        if state is None:
            return None
        uploads = {
            path: self._once("GET", f"/v1/uploads/{upload_id}", None, answers.upload)
            for path, upload_id in state.uploads.items()
            if path not in state.verified
        }
        return StoredSession(state.verified, uploads)

    def heartbeat(self, session_id: str, beat: HeartbeatReport) -> HeartbeatAnswer:
        """What the coordinator answers to one heartbeat; a single try. Raises EdgeError."""
        return self._once(
            "POST", f"/v1/sessions/{session_id}/progress", beat.document(), answers.heartbeat_answer
        )

    def _call(self, method: str, path: str, body: object, read: Callable[[dict[str, Any]], T]) -> T:
        return self._retry.run(f"{method} {path}", lambda: self._once(method, path, body, read))

    def _once(self, method: str, path: str, body: object, read: Callable[[dict[str, Any]], T]) -> T:
        self._retry.tally.called()
        try:
            response = self._session.request(
                method,
                self._base_url + path,
                json=body,
                headers=self._headers,
                timeout=(TIMEOUTS.connect_s, TIMEOUTS.answer_s),
            )
        except LIBRARY_ERRORS as error:
            reason = describe(error)
        else:
            return answers.read_with(read_answer(response), read)
        # Raised outside the handler: a chained library error would hold the request with its token.
        raise CoordinatorUnreachable(f"no answer from the coordinator ({reason})")
