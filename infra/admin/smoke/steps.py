"""The steps of a smoke test: each does one thing as its user would, and says what it expected where that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core import artifact, ids, tokens
from chalicelib.core.artifact import Kind
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.errors import Conflict, NotFound, ReelhaulError
from chalicelib.core.ids import ArtifactId, DeviceId, SessionId, TokenId, UploadId
from chalicelib.core.keys import lake_key
from chalicelib.core.measurements.kinds.generic import Generic
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Actor, Facts
from chalicelib.core.settle.gates import PLAUSIBLE
from chalicelib.core.settle.plausibility import unread
from chalicelib.core.times import DAY_S
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload import Upload as RecordedUpload
from chalicelib.flows import devices, operations
from chalicelib.flows.completion import cancel_upload
from chalicelib.flows.devices import Grant
from chalicelib.flows.enrolment import invite
from chalicelib.flows.revocation import revoke_device
from chalicelib.flows.settle import settle_session
from chalicelib.flows.store import load, save
from chalicelib.logs import without_secrets
from chalicelib.ports import PartUrl, Ports
from infra.admin.cleanup_plan import ARMED, closed_gates, plan
from infra.admin.dry_run import rehearsed
from infra.admin.formats import counted, moment, size
from infra.admin.smoke.api import Api, NotRead
from infra.admin.smoke.made import FRAMES, body_of, crc64nvme_of
from infra.client import CallFailed, Client, NoAnswer, Problem, Route, Upload
from infra.migration.send import NotSent, Send

if TYPE_CHECKING:
    from infra.admin.console import Say

PROJECT = "smoke"
"""The only project that a smoke test touches: its tokens are good for no other."""

PREFIX = "smoke-"
"""How the names of its sessions begin."""

DIRECTORY, FILENAME = "100GOPRO", "GX010001.MP4"
FILM = ArtifactId(f"original.{DIRECTORY}.{FILENAME}")
VIDEO = ArtifactId("output.smoke.mp4")
MEASUREMENTS = ArtifactId("measurements.smoke.json")

ATTEMPTS = 10
EVENT_S = 60
"""How long S3 and the event functions may take; the reconciler would bring what is lost, and is not tested here."""

ROUNDS_S = 1_500
"""How long a cleanup or a restore may take: five rounds of a reconciler that runs every five minutes."""

POLL_S = 2.0
_TOKEN_S = DAY_S
"""A token that no one could revoke any more ends by itself."""

_CODE_S = 600
_REASON = "smoke test"
_WAITS = frozenset({ARMED, "grace-over", "grace-over-in-s3", "breaker"})
"""The gates that a sound session may have closed: time or an operator opens them."""

HEALTH: Route[dict[str, Any]] = Route("GET", "/v1/health", dict)
ENROL: Route[dict[str, Any]] = Route("POST", "/v1/enrolments", dict)

_FAULTS = (CallFailed, NotSent, NotRead, ReelhaulError, BotoCoreError, ClientError, OSError)

Found = TypeVar("Found")


class StepFailed(Exception):
    """A step did not end as it should; the text says what was found instead."""


class StepOwed(Exception):
    """Time or an operator must act before a step can end; the text says which."""


@dataclass(frozen=True)
class Place:
    """The deployed stage: its API at `url`, and its ports with the operator's own credentials."""

    stage: str
    url: str
    ports: Ports
    api: Api
    send: Send
    pause: Callable[[float], None]
    note: Say


@dataclass(frozen=True)
class Step:
    """A step by name: what is expected of it, and the section of docs/operations.md that helps where it fails."""

    name: str
    expected: str
    look: str


HEALTHY = Step("health", "GET /v1/health answers 200", "Does the coordinator work?")
ENROLLED = Step("enrol", "a code is exchanged for a device's token", "Who may call")
CONFIRMED = Step("confirm", "a session of one film is opened", "Does the coordinator work?")
UPLOADED = Step("upload", "S3 takes the film's parts, and its receipt has our CRC64NVME", "ApiFails")
STORED = Step("stored", "the session is STORED", "Is everything safe?")
ORDERED = Step("order", "S3's event alone has the order sent to the queue", "DeadLettersNotEmpty")
MADE = Step("outputs", "what the order requires is brought and verified", "Outputs that are not plausible")
HEARD = Step("event", f"S3's event alone has an output verified within {EVENT_S} s", "DeadLettersNotEmpty")
PROCESSED = Step("processed", "the session is PROCESSED, its measurements indexed", "FunctionErrors")
INDEXED = Step("frames", "frames, overview and lake give what was measured", "An index that is new")
READ = Step("read", "the film's bytes at its signed address have its CRC64NVME", "Proof at rest")
PROVEN = Step("proof", "the outputs' bytes have their CRC64NVME", "Proof at rest")
GATES = Step("gates", "only time or an operator keeps the original", "What would be cleaned, and why not?")
CLEANED = Step("cleanup", "the reconciler hides the original", "What would be cleaned, and why not?")
RESTORED = Step("restore", "the original is back, byte by byte", "Bringing back what was cleaned")
RELEASED = Step(
    "release", "the session is released, and is cleaned again by itself", "Arming, and the kill switch"
)
ENDED = Step("end", "tokens and device are revoked, and nothing is open", "Who may call")


@dataclass(frozen=True)
class Done:
    """How a step ended: `outcome` is ok, failed or owed; `told` is what it found."""

    step: Step
    outcome: str
    seconds: float
    told: str


@dataclass
class SmokeTest:
    """One session's way through the stage, and what came of each step."""

    place: Place
    name: str
    done: list[Done] = field(default_factory=list)
    left: tuple[str, ...] = ()
    stopped: bool = False
    _device_id: DeviceId | None = None
    _token_ids: list[TokenId] = field(default_factory=list)
    _device: Client | None = None
    _processor: Client | None = None
    _operator: Client | None = None

    @property
    def session_id(self) -> SessionId:
        return ids.session_id(PROJECT, self.name)

    @property
    def outcome(self) -> str:
        """`failed` where a step failed, `owed` where one waits or somebody stopped the walk, else `ok`."""
        outcomes = {each.outcome for each in self.done}
        if "failed" in outcomes:
            return "failed"
        return "owed" if self.stopped or "owed" in outcomes else "ok"

    def whole(self) -> None:
        """All steps, on a session of its own."""
        self._take_all(
            (
                (HEALTHY, self._ask_health),
                (ENROLLED, self._enrol),
                (CONFIRMED, self._confirm),
                (UPLOADED, self._upload),
                (STORED, self._await_stored),
                (ORDERED, self._await_order),
                (READ, self._read_film),
                (MADE, self._make),
                (HEARD, self._await_event),
                (PROCESSED, self._await_processed),
                (INDEXED, self._read_frames),
                (PROVEN, self._read_outputs),
                *self._last(),
            )
        )

    def rest(self) -> None:
        """The steps that an earlier run owed."""
        self._take_all(((HEALTHY, self._ask_health), (ENROLLED, self._grant), *self._last()))

    def _last(self) -> Sequence[tuple[Step, Callable[[], str]]]:
        return (
            (GATES, self._look_at_gates),
            (CLEANED, self._await_cleaned),
            (RESTORED, self._restore),
            (RELEASED, self._release),
        )

    def _take_all(self, steps: Sequence[tuple[Step, Callable[[], str]]]) -> None:
        """The steps one after the other, up to the first that does not end well; at the end nothing is open."""
        try:
            for step, do in steps:
                if not self._take(step, do):
                    break
        except KeyboardInterrupt:
            self.stopped = True
            self.place.note("stopped; what was begun is ended now")
        self._take(ENDED, self._end)

    def _take(self, step: Step, do: Callable[[], str]) -> bool:
        began_at = self.place.ports.clock.now()
        outcome = "ok"
        try:
            told = do()
        except StepOwed as owed:
            outcome, told = "owed", str(owed)
        except StepFailed as failed:
            outcome, told = "failed", str(failed)
        except _FAULTS as fault:
            outcome, told = "failed", _words(fault)
        seconds = (self.place.ports.clock.now() - began_at).total_seconds()
        self.done.append(Done(step, outcome, seconds, told))
        self.place.note(f"{step.name.ljust(9)}  {seconds:7.1f} s  {outcome}: {told}")
        return outcome == "ok"

    # From here on: one method for each step; its text is what the step found.

    def _ask_health(self) -> str:
        self.place.api.client(self.place.url, "-").ask(HEALTH)
        return f"{self.place.url} answers"

    def _enrol(self) -> str:
        """As a device: by a code, with a secret of its own."""
        ports = self.place.ports
        device, code, written = invite(ports, Grant(Role.DEVICE, PROJECT, self.name, None, _TOKEN_S), _CODE_S)
        assert device, "a device's grant makes one"
        self._device_id = device.device_id
        secret = ports.ids.secret()
        asked = {"code": written, "secret_digest": tokens.digest(secret)}
        answer = self.place.api.client(self.place.url, "-").ask(ENROL, asked)
        if (answer.get("project"), answer.get("device_id")) != (PROJECT, device.device_id):
            raise StepFailed(
                f"the code was exchanged for {answer.get('device_id')} of {answer.get('project')}"
            )
        self._device = self._client(tokens.written(code.token_id, secret))
        self._grant()
        return f"device {device.device_id} of project {PROJECT}"

    def _grant(self) -> str:
        """A processor's and an operator's token, of this project alone."""
        self._processor = self._client(self._token(Role.PROCESSOR))
        self._operator = self._client(self._token(Role.OPERATOR))
        return f"tokens of project {PROJECT} alone"

    def _confirm(self) -> str:
        film = body_of(self.name, FILM)
        chapter = {"directory": DIRECTORY, "filename": FILENAME, "size_bytes": len(film)}
        order = {"required": list(self._required()), "parameters": {"smoke": True}}
        serial = "".join(each for each in self.name if each.isalnum())
        body = {"camera": {"serial": serial}, "chapters": [chapter], "order": order}
        self.device.confirm_session(self.name, body)
        return f"{self.session_id}, one film of {size(len(film))}"

    def _upload(self) -> str:
        done = self._bring(self.device, FILM)
        if done.receipt is None:
            raise StepFailed(f"the upload is {done.state}, without a receipt")
        return f"receipt {done.receipt.crc64nvme}"

    def _await_stored(self) -> str:
        self._await_state("STORED", EVENT_S)
        return "every chapter has its receipt"

    def _await_order(self) -> str:
        def sent() -> str | None:
            order = self.operator.session(self.name).order
            return str(order.number) if order and order.sent_at else None

        return f"order {self._until(sent, EVENT_S, 'it was not sent')} was sent"

    def _read_film(self) -> str:
        """Before there are outputs: a stage without a grace cleans it as soon as they are proven."""
        self._compare(FILM)
        return f"{size(len(body_of(self.name, FILM)))} at a signed address"

    def _make(self) -> str:
        """As a processor without keys to the bucket; one output is left for the step after this."""
        brought = [each for each in self._required() if each != VIDEO]
        for artifact_id in brought:
            self._bring(self.processor, artifact_id)
        return f"{counted(len(brought), 'artifact')}: {', '.join(brought)}"

    def _await_event(self) -> str:
        """S3 assembles an output past the coordinator, as where it died right after it asked: only the event tells."""
        ports, body = self.place.ports, body_of(self.name, VIDEO)
        opened = self._send_all(self.processor, VIDEO, body)
        upload = self._promise(UploadId(opened.upload_id), crc64nvme_of(body))
        parts = ports.objects.parts(upload.key, upload.multipart_id)
        ports.objects.complete(upload.key, upload.multipart_id, parts, crc64nvme_of(body), len(body))

        def heard() -> str | None:
            # Not by the upload itself: whoever asks for that has it settled, without any event.
            listed = self.operator.artifacts(self.name).artifacts
            receipts = [each.receipt for each in listed if each.artifact_id == VIDEO and each.receipt]
            return receipts[0].crc64nvme if receipts else None

        return f"receipt {self._until(heard, EVENT_S, 'no event had it verified')}"

    def _promise(self, upload_id: UploadId, crc64nvme: Crc64Nvme) -> RecordedUpload:
        """The upload, promised as a completion does it: without that, what arrives would be rejected.

        Events of the other outputs write the session at the same time. Raises StepFailed where they never pause.
        """
        ports = self.place.ports
        for _ in range(ATTEMPTS):
            picture = load(ports, self.session_id)
            upload = picture.upload(upload_id).promised(crc64nvme, ports.clock.now())
            try:
                save(ports, picture, upload)
            except Conflict:
                continue
            return upload
        raise StepFailed("others keep writing the session")

    def _await_processed(self) -> str:
        self._await_state("PROCESSED", EVENT_S)
        return f"{counted(len(self._required()), 'required artifact')} proven, measurements indexed"

    def _read_frames(self) -> str:
        page = self.operator.frames(self.name, artifact=MEASUREMENTS)
        found = [frame.get("frame_number") for frame in page.frames]
        if found != list(range(FRAMES)):
            raise StepFailed(f"{len(found)} of {FRAMES} frames came back")
        counted_frames = self.operator.summary(self.name, MEASUREMENTS).get("frames")
        if counted_frames != FRAMES:
            raise StepFailed(f"the overview counts {counted_frames} of {FRAMES} frames")
        address = self.operator.frames_url(self.name, MEASUREMENTS)
        if len(self.place.api.fetch(address.url)) != address.size_bytes:
            raise StepFailed("the file of all frames has another size than its address says")
        session = load(self.place.ports, self.session_id).session
        key = lake_key(Generic.name, self.session_id, session.created_at, MEASUREMENTS, page.revision)
        try:
            self.place.ports.frame_index.read(key, 0, 0)
        except NotFound:
            raise StepFailed(f"the lake has no file {key}") from None
        return f"{FRAMES} frames, their overview and a file in the lake"

    def _read_outputs(self) -> str:
        for artifact_id in self._required():
            self._compare(artifact_id)
        return f"{counted(len(self._required()), 'artifact')} read at signed addresses"

    def _look_at_gates(self) -> str:
        """As `cleanup --plan`: nothing is written. A stage without a grace may be at it already.

        Films are read last, once the grace is over, so their length may be unknown now.
        """
        if self._state() is SessionState.CLEANED or self._was_restored():
            return "cleaned already"
        closed = self._closed()
        waits = {*_WAITS, PLAUSIBLE} if unread(self._picture(), Facts()) else _WAITS
        wrong = {gate: why for gate, why in closed.items() if gate not in waits}
        if wrong and self._state() is not SessionState.CLEANED:
            raise StepFailed("; ".join(f"{gate}: {why}" for gate, why in wrong.items()))
        return f"closed: {', '.join(closed) or 'none'}"

    def _await_cleaned(self) -> str:
        """No gate is passed by: where the grace is days, a later run looks again."""
        if self._was_restored():
            return "cleaned before, and being restored"
        if self._state() is not SessionState.CLEANED:
            self._demand_ripe()
        self._await_state("CLEANED", ROUNDS_S)
        if self.place.ports.objects.head(self._picture().key(FILM)):
            raise StepFailed("the session is CLEANED, and S3 still shows the original")
        return "the original is hidden"

    def _restore(self) -> str:
        if not self._was_restored():
            self.operator.restore(self.name, _REASON)

        def restored() -> bool | None:
            picture = self._picture()
            receipt = picture.receipt(FILM)
            return True if receipt and receipt.version_id not in picture.gone_versions else None

        self._until(restored, ROUNDS_S, "it is still being restored")
        self._compare(FILM)
        return "the bytes are those that were uploaded"

    def _release(self) -> str:
        """The restored original goes by the rules by which it went before, after another grace."""
        self.operator.release(self.name)
        return "the reconciler cleans it again by itself"

    def _end(self) -> str:
        """Nobody holds a token, no upload is open, and a session that is not whole is given up."""
        ports, faults = self.place.ports, []
        for token_id in self._token_ids:
            faults += self._tried(partial(devices.revoke, ports, token_id))
        if self._device_id:
            faults += self._tried(partial(revoke_device, ports, self._device_id))
        try:
            faults += self._given_up()
        except _FAULTS as fault:
            faults.append(_not_ended(fault))
        self.left = (*self._remains(), *faults)
        if faults:
            raise StepFailed("; ".join(faults))
        return f"{counted(len(self._token_ids) + bool(self._device_id), 'token')} revoked, nothing is open"

    # What the steps share.

    @property
    def device(self) -> Client:
        assert self._device, "the device is enrolled first"
        return self._device

    @property
    def processor(self) -> Client:
        assert self._processor, "the tokens are made first"
        return self._processor

    @property
    def operator(self) -> Client:
        assert self._operator, "the tokens are made first"
        return self._operator

    def _client(self, token: str) -> Client:
        return self.place.api.client(self.place.url, token)

    def _token(self, role: Role) -> str:
        _, token = devices.enrol(self.place.ports, role, PROJECT, life_s=_TOKEN_S)
        self._token_ids.append(tokens.parsed(token)[0])
        return token

    def _required(self) -> tuple[ArtifactId, ...]:
        """What the deployment requires of every order, and what shows that indexing and events work."""
        return tuple(dict.fromkeys((*self.place.ports.policy.required_outputs, VIDEO, MEASUREMENTS)))

    def _send_all(self, client: Client, artifact_id: ArtifactId, body: bytes) -> Upload:
        """The open upload of an artifact, all of whose parts S3 has."""
        opened = client.open_upload(self.name, artifact_id, len(body))
        step = opened.plan.part_size_bytes
        for number in range(1, opened.plan.part_count + 1):
            part = body[(number - 1) * step : number * step]
            [to] = client.part_urls(opened.upload_id, {number: crc64nvme_of(part)}).part_urls
            self.place.send(PartUrl(to.number, to.url, to.headers, to.expires_at), part)
        return opened

    def _bring(self, client: Client, artifact_id: ArtifactId) -> Upload:
        """The completed upload of an artifact; one that waits for its scan has no receipt yet."""
        body = body_of(self.name, artifact_id)
        opened = self._send_all(client, artifact_id, body)
        try:
            done = client.complete(opened.upload_id, crc64nvme_of(body))
        except Problem as problem:
            if problem.action != "retry":
                raise
            done = client.upload(opened.upload_id)
        if done.receipt and done.receipt.crc64nvme != crc64nvme_of(body):
            raise StepFailed(
                f"the receipt of {artifact_id} has CRC64NVME {done.receipt.crc64nvme}, not {crc64nvme_of(body)}"
            )
        return done

    def _compare(self, artifact_id: ArtifactId) -> None:
        body = self.place.api.fetch(self.operator.artifact_url(self.name, artifact_id).url)
        found, wanted = crc64nvme_of(body), crc64nvme_of(body_of(self.name, artifact_id))
        if found != wanted:
            raise StepFailed(f"{artifact_id} reads back with CRC64NVME {found}, not {wanted}")

    def _await_state(self, wanted: str, patience_s: int) -> None:
        """Until the session's state is `wanted`, or a later one."""
        order = [each.value for each in SessionState if each is not SessionState.FAILED]
        seen = ["not known"]

        def reached() -> bool | None:
            session = self.operator.session(self.name)
            seen[0] = session.state
            if session.state == "FAILED":
                raise StepFailed(f"the session is FAILED: {session.failure}")
            return True if order.index(session.state) >= order.index(wanted) else None

        self._until(reached, patience_s, lambda: f"the session is {seen[0]}")

    def _until(
        self, look: Callable[[], Found | None], patience_s: int, otherwise: str | Callable[[], str]
    ) -> Found:
        """What `look` finds, asked again and again. Raises StepFailed after `patience_s` seconds."""
        clock = self.place.ports.clock
        ends_at = clock.now() + timedelta(seconds=patience_s)
        while True:
            try:
                found = look()
            except NoAnswer:
                found = None
            except Problem as problem:
                if problem.action != "retry":
                    raise
                found = None
            if found is not None:
                return found
            if clock.now() >= ends_at:
                told = otherwise if isinstance(otherwise, str) else otherwise()
                raise StepFailed(f"after {patience_s} s: {told}")
            self.place.pause(POLL_S)

    def _picture(self) -> Picture:
        return load(self.place.ports, self.session_id)

    def _was_restored(self) -> bool:
        """Whether a restore was asked for, by this run or an earlier one that was stopped."""
        picture = self._picture()
        return bool(picture.session.restoring) or any(each.copies for each in picture.uploads)

    def _state(self) -> SessionState:
        return self._picture().session.state

    def _closed(self) -> dict[str, str]:
        """The closed gates, with the films read that the reconciler would read."""
        [kept] = plan(rehearsed(self.place.ports), [self.session_id], self.place.note).sessions
        if kept.fault:
            raise StepFailed(kept.fault)
        return dict(kept.closed or {})

    def _demand_ripe(self) -> None:
        """Raises StepOwed while time or an operator keeps the original for longer than a few rounds."""
        ports = self.place.ports
        picture = self._picture()
        closed, _ = closed_gates(ports, picture)
        later = f"then: smoke --stage {self.place.stage} --resume"
        if ARMED in closed:
            raise StepOwed(f"{closed[ARMED]}; arm it (cleanup --arm), {later}")
        if "breaker" in closed:
            raise StepOwed(f"{closed['breaker']}; {later}")
        processed_at = picture.session.processed_at
        if processed_at:
            ripe_at = processed_at + timedelta(seconds=ports.policy.grace_s)
            if ripe_at > ports.clock.now() + timedelta(seconds=ROUNDS_S):
                raise StepOwed(f"the grace ends at {moment(ripe_at)}; {later}")

    def _given_up(self) -> Iterator[str]:
        """End what a walk that broke off left open; what could not be ended."""
        ports = self.place.ports
        for upload_id in self._live_uploads():
            # S3 may have all of it already: then it is verified, and nothing of it is open.
            yield from self._tried(partial(settle_session, ports, self.session_id, Actor.API, upload_id))
        maker = Principal(Role.PROCESSOR, PROJECT, None)
        for upload_id in self._live_uploads():
            yield from self._tried(partial(cancel_upload, ports, maker, upload_id, _REASON))
        picture = ports.records.picture(self.session_id)
        if picture and picture.session.state in (SessionState.OPEN, SessionState.STORED):
            operator = Principal(Role.OPERATOR, PROJECT, None)
            fail = partial(operations.fail, ports, operator, self.session_id, "a smoke test broke off", None)
            yield from self._tried(fail)

    def _live_uploads(self) -> list[UploadId]:
        """Of the processor; those of the device end with the device. The reconciler's own copies are not counted."""
        picture = self.place.ports.records.picture(self.session_id)
        uploads = picture.uploads if picture else ()
        return [
            each.upload_id
            for each in uploads
            if each.is_live and not each.copies and not artifact.is_of_a_device(each.artifact_id)
        ]

    def _tried(self, act: Callable[[], object]) -> list[str]:
        """Why it could not be done; nothing when it was."""
        try:
            act()
        except _FAULTS as fault:
            return [_not_ended(fault)]
        return []

    def _remains(self) -> Iterator[str]:
        """What still exists of the session, and what becomes of it."""
        try:
            picture = self.place.ports.records.picture(self.session_id)
        except _FAULTS as fault:
            yield f"not known: {_words(fault)}"
            return
        if picture is None:
            return
        yield f"{self.session_id} stays on record, {picture.session.state.value}"
        made = [
            receipt
            for receipt in picture.last_receipts
            if artifact.kind_of(receipt.artifact_id) in (Kind.OUTPUT, Kind.MEASUREMENTS)
        ]
        if made:
            total = size(sum(receipt.size_bytes for receipt in made))
            yield f"{counted(len(made), 'output')}, {total}, with index and lake file: no rule removes outputs"
        original = picture.receipt(FILM)
        if original is None:
            return
        if original.version_id in picture.gone_versions:
            yield f"the original, {size(original.size_bytes)}, is hidden; S3 purges it by the bucket's lifecycle"
        elif picture.session.state is SessionState.PROCESSED:
            yield f"the original, {size(original.size_bytes)}, waits for its cleanup"
        else:
            yield f"the original, {size(original.size_bytes)}: nothing cleans what is not processed"
        if picture.session.order and picture.session.order.sent_at:
            yield "an order's message is in the queue until a processor takes it (parameters: `smoke` is true)"


def _not_ended(fault: Exception) -> str:
    return f"not ended: {_words(fault)}"


def _words(fault: Exception) -> str:
    return without_secrets(str(fault)) or type(fault).__name__
