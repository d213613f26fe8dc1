"""What the product has promised beside S1 to S10: to operators, of evidence, of tags, orders and proxies.

A word that comes while a function is about to act may be missed by some calls, never by more: what was said before its
last MOST_LATE calls, it must know.

Of what S3 purges two things are promised, and no more. As long as another version has the bytes of a film, an older
copy of them may go: a restore leaves one behind. The last copy goes only after a last look that found every output in
its place and no read that differs. What is lost after that look is for a person to find and to restore in time.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chalicelib.core import keys
from chalicelib.core.cleanup import CLEANED_TAG
from chalicelib.core.ids import ArtifactId, SessionId, UploadId
from chalicelib.core.picture import Picture
from chalicelib.core.session import Session, SessionState
from chalicelib.core.upload import Receipt, StoredObject, Upload, UploadState
from tests.histories.outcome import Broken
from tests.histories.scheduler import Process

if TYPE_CHECKING:
    from tests.histories.cloud import Cloud

MOST_LATE = 7
OUTPUTS_LATE, SWITCH_LATE = 6, 4
"""Right before a marker the outputs are looked at once more, and then the kill switch."""
LOOK_LATE = 12
"""A last look asks for each output first, then for originals, bucket and limits; it tags, and is written down."""
MOST_DUE = 100
SKEW_S = 3600.0
"""By so much a clock that is set right may be behind the time that was written before."""
LATE_FAILURE = "order {}: no light"
"""How the histories' processors say why they fail, and for which order."""


class Promises:
    """Looks at every call that changes something, and remembers since which step the world is as it is."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._calls: dict[Process, deque[int]] = {}
        self._since: dict[tuple[SessionId, str], int] = {}
        self._lost: dict[str, int] = {}
        self._disarmed_at: int | None = None
        self._pictures: dict[SessionId, Picture] = {}
        self._removed: set[str] = set()
        self.accepts: Counter[tuple[SessionId, ArtifactId]] = Counter()
        self._of_the_day: Counter[str] = Counter()
        self._grace_from: dict[SessionId, tuple[int, float]] = {}
        self._differs: dict[tuple[SessionId, ArtifactId], str] = {}
        self._orders: Counter[SessionId] = Counter()
        self._of_strangers: set[UploadId] = set()
        self._claims: dict[UploadId, str] = {}
        self._ever_claimed: set[tuple[UploadId, str]] = set()
        self._heard: dict[tuple[Process, UploadId], str] = {}

    def called(self, process: Process) -> None:
        """A process makes a call."""
        calls = self._calls.get(process)
        if calls is None:
            calls = self._calls[process] = deque(maxlen=LOOK_LATE)
        calls.append(self._cloud.steps)

    def begin(self) -> None:
        """The history begins with all that is so by now."""
        self._since = dict.fromkeys(self._since, 0)
        self._grace_from = {each: (0, at_s) for each, (_, at_s) in self._grace_from.items()}
        self._calls.clear()

    def armed(self, is_armed: bool) -> None:
        """An operator armed or disarmed cleanup."""
        self._disarmed_at = None if is_armed else self._cloud.steps

    def touched_by_a_stranger(self, upload_id: UploadId) -> None:
        """Somebody completed or aborted this upload past the coordinator, which therefore may end it."""
        self._of_strangers.add(upload_id)

    def is_touched_by_a_stranger(self, upload_id: UploadId) -> bool:
        return upload_id in self._of_strangers

    def hears(self, upload_id: UploadId, crc: str) -> None:
        """The function that runs now is told what the whole is."""
        self._heard[self._cloud.scheduler.current.process, upload_id] = crc

    def claims(self, upload_id: UploadId, crc: str) -> None:
        """Who sends an upload says what the whole is; what it said before counts no more if it was something else."""
        self._ever_claimed.add((upload_id, crc))
        if self._claims.get(upload_id) != crc:
            self._claims.pop(upload_id, None)

    def claimed(self, upload_id: UploadId, crc: str) -> None:
        """Who sends an upload has said what the whole is, and had an answer."""
        self._claims[upload_id] = crc

    def ordered(self, session_id: SessionId) -> None:
        """Somebody orders something that nobody ordered before."""
        self._orders[session_id] += 1
        picture = self._cloud.records.picture(session_id)
        if picture:
            self._cloud.rare.at_order(picture.session)

    def told(self, session_id: SessionId, artifact_id: ArtifactId, crc: str, accepts: int) -> None:
        """A device told of a read that differs, and heard that it is on record; it began to tell at `accepts`."""
        if accepts == self.accepts[session_id, artifact_id] and accepts % 2 == 0:
            self._differs[session_id, artifact_id] = crc
        self._demand_evidence(session_id)

    @contextmanager
    def accepting(self, session_id: SessionId, artifact_id: ArtifactId) -> Iterator[None]:
        """While the block runs, an operator accepts what differs."""
        self.accepts[session_id, artifact_id] += 1
        self._differs.pop((session_id, artifact_id), None)
        yield
        self.accepts[session_id, artifact_id] += 1

    def before(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name == "remove" and arguments[0].startswith(keys.OF_SESSIONS):
            self._demand_allowed(*arguments)
        elif name == "send":
            self._demand_sendable(json.loads(arguments[0]))

    def after(self, name: str, arguments: tuple[Any, ...]) -> None:
        if name == "write":
            self._note(arguments[0].session.session_id)
        elif name == "remove" and arguments[0].startswith(keys.CLEANED):
            self._note_removal(arguments[0])

    def purged(self, key: str, version_id: str) -> None:
        """S3's lifecycle has ended a version. Raises Broken where it was the last copy of bytes that must stay."""
        session_id = keys.session_of(key)
        picture = self._cloud.records.picture(session_id) if session_id else None
        if picture is None or version_id not in picture.gone_versions:
            raise Broken("S4", f"{key} is purged, and no cleanup removed it")
        if self._is_there_twice(picture, key, version_id):
            return
        session = picture.session
        if session.state is not SessionState.CLEANED:
            raise Broken("S4", f"{key} is purged, and its session is {session.state.value}")
        if not session.is_guarded:
            raise Broken("S4", f"{key} is purged, and its session had no last look")
        for artifact_id in picture.required:
            receipt = picture.receipt(artifact_id)
            if receipt is None or not self._is_present(receipt):
                raise Broken("S3", f"{key} is purged, and S3 has no version of {artifact_id}")

    def lost(self, key: str) -> None:
        """Somebody removed an output past the coordinator."""
        self._lost.setdefault(key, self._cloud.steps)

    @property
    def _now(self) -> float:
        return self._cloud.scheduler.now

    def _is_there_twice(self, picture: Picture, key: str, version_id: str) -> bool:
        """Whether the key's last receipt is of another version, which S3 has, and of the same bytes."""
        receipts = picture.receipts_at(key)
        purged = next((each for each in receipts if each.version_id == version_id), None)
        if purged is None or receipts[-1].version_id == version_id:
            return False
        return receipts[-1].crc64nvme == purged.crc64nvme and self._is_present(receipts[-1])

    def _knew(self, step: int | None, late: int = MOST_LATE) -> bool:
        """Whether the process that acts now must know what was so at this step, before its last `late` calls."""
        calls = self._calls.get(self._cloud.scheduler.current.process, ())
        return step is not None and len(calls) >= late and step < calls[-late]

    def _knew_of(self, session_id: SessionId, fact: str) -> bool:
        return self._knew(self._since.get((session_id, fact)))

    def _known_losses(self, picture: Picture, late: int) -> list[ArtifactId]:
        """The outputs that are not in their place, as the process that acts now must know."""
        receipts = ((each, picture.receipt(each)) for each in picture.required)
        return [
            artifact_id
            for artifact_id, receipt in receipts
            if receipt and not self._is_current(receipt) and self._knew(self._lost.get(receipt.key), late)
        ]

    def knew_of_grace(self, session_id: SessionId) -> bool:
        """Whether the process that acts now must know when the present grace began."""
        step, _ = self._grace_from.get(session_id, (0, 0.0))
        return self._knew(step)

    def _note(self, session_id: SessionId) -> None:
        """What has become of a session, and whether it may be so."""
        picture = self._cloud.records.picture(session_id)
        if picture is None:
            return
        before = self._pictures.get(session_id)
        self._pictures[session_id] = picture
        session = picture.session
        for fact, is_so in _facts(picture):
            if not is_so:
                self._since.pop((session_id, fact), None)
            else:
                self._since.setdefault((session_id, fact), self._cloud.steps)
        self._demand_uploads(picture, before)
        self._demand_due(picture)
        was = before.session if before else None
        if was is None:
            return
        if session.state is SessionState.PROCESSED and (
            was.state is not SessionState.PROCESSED or (was.held and not session.held)
        ):
            self._grace_from[session_id] = (self._cloud.steps, self._now)
        if session.state is SessionState.PROCESSED is not was.state:
            self._demand_processed(picture)
        if session.state is SessionState.CLEANED is not was.state:
            self._demand_cleaned(picture)
        if session.is_guarded and not was.is_guarded:
            self._demand_looked_at(picture)
        if session.restoring and not was.restoring and not session.held:
            raise Broken("S4", f"{session_id} is being restored, and nothing holds it")
        self._demand_restored(picture, was)
        self._demand_ordered(picture, was)
        self._demand_evidence(session_id)

    def _demand_due(self, picture: Picture) -> None:
        """A function may die after any write: the reconciler has what is under way on its list."""
        session_id, cloud = picture.session.session_id, self._cloud
        if not _is_under_way(picture):
            return
        until = cloud.now() + timedelta(seconds=SKEW_S)
        if not any(each.session_id == session_id for each in cloud.records.due(until, MOST_DUE)):
            raise Broken("due", f"{session_id} is {picture.session.state.value}, and no round looks at it")

    def _demand_uploads(self, picture: Picture, before: Picture | None) -> None:
        known = {each.upload_id: each for each in before.uploads} if before else {}
        for upload in picture.uploads:
            was = known.get(upload.upload_id)
            if was is upload:
                continue
            if upload.is_live and not upload.promise and upload.upload_id not in self._of_strangers:
                self._demand_parts(upload)
            if upload.copies and was is None:
                self._demand_kept(upload.key, upload.copies)
            if upload.receipt and (was is None or was.receipt is None):
                self._demand_claimed(upload, upload.receipt)
            if upload.state is UploadState.REJECTED and (was is None or was.state is not upload.state):
                self._demand_rejected(upload)

    def _demand_parts(self, upload: Upload) -> None:
        """What is open has its multipart upload, unless it is an object by now."""
        objects = self._cloud.objects
        stored = objects.head(upload.key)
        if stored is not None and stored.upload_id == upload.upload_id:
            return
        if not any(each.multipart_id == upload.multipart_id for each in objects.multiparts(upload.key)):
            raise Broken("S8", f"{upload.upload_id} is open, and S3 does not know its parts")

    def _demand_kept(self, key: str, version_id: str) -> None:
        """What is copied back cannot be purged meanwhile."""
        objects = self._cloud.objects
        for version in objects.versions(key):
            if version.version_id == version_id and objects.tag(version) == CLEANED_TAG:
                raise Broken("S4", f"{key} is copied back, and S3 may purge it before")

    def _demand_claimed(self, upload: Upload, receipt: Receipt) -> None:
        """Nothing is verified that its sender has not said, and nothing else than it said last."""
        if not upload.is_copied and (upload.upload_id, receipt.crc64nvme) not in self._ever_claimed:
            raise Broken("S7", f"{receipt.key} is verified as {receipt.crc64nvme}, and nobody claimed that")
        heard = self._heard.get((self._cloud.scheduler.current.process, upload.upload_id))
        claim = self._claims.get(upload.upload_id, heard)
        if claim not in (None, receipt.crc64nvme):
            raise Broken(
                "S7", f"{receipt.key} is verified as {receipt.crc64nvme}, and its sender claimed {claim}"
            )

    def _demand_rejected(self, upload: Upload) -> None:
        stored = self._cloud.objects.head(upload.key)
        if stored is None or stored.upload_id != upload.upload_id or upload.is_no_film:
            return
        if upload.upload_id in self._of_strangers:
            return
        if upload.key.startswith(keys.ORIGINALS) and self._is_true(stored):
            raise Broken("S4", f"{upload.key} is what the camera recorded, and is rejected: {upload.reason}")

    def _is_true(self, stored: StoredObject) -> bool:
        path = "/".join(stored.key.rsplit("/", 2)[1:])
        body = self._cloud.objects.body(stored.key)
        return any(body in device.films_at(path) for device in self._cloud.safety.devices)

    def _demand_processed(self, picture: Picture) -> None:
        """PROCESSED says that the present order's outputs are there, each as its processor meant it."""
        session, objects = picture.session, self._cloud.objects
        if session.order is None:
            raise Broken("S3", f"{session.session_id} is PROCESSED without an order")
        number = session.order.number
        stated = self._stated(session, number)
        for artifact_id in picture.required:
            receipt = picture.receipt(artifact_id)
            if receipt is None or f"/{number}/" not in receipt.key:
                raise Broken("S3", f"{session.session_id} is PROCESSED, order {number} has no {artifact_id}")
            if not any(each.version_id == receipt.version_id for each in objects.versions(receipt.key)):
                raise Broken("S3", f"{artifact_id} is verified, and its version is gone")
            meant = stated.get(artifact_id)
            if receipt.upload_id is None and meant != (receipt.size_bytes, receipt.crc64nvme):
                raise Broken("S3", f"{artifact_id} is not what its manifest states")

    def _stated(self, session: Session, number: int) -> dict[str, tuple[int, str]]:
        key = keys.manifest_key(session.session_id, number)
        if self._cloud.objects.head(key) is None:
            return {}
        document = json.loads(self._cloud.objects.body(key))
        return {
            each["artifact_id"]: (each["size_bytes"], each["crc64nvme"]) for each in document["artifacts"]
        }

    def _demand_cleaned(self, picture: Picture) -> None:
        """CLEANED says that what the intent names is hidden, and that S3 may end it."""
        objects, cleanup = self._cloud.objects, picture.session.cleanup
        for doomed in cleanup.doomed if cleanup else ():
            stored = objects.head(doomed.key)
            if stored is not None and stored.version_id == doomed.version_id:
                raise Broken("S7", f"{picture.session.session_id} is CLEANED, and {doomed.key} is there")
            for version in objects.versions(doomed.key):
                if version.version_id == doomed.version_id and objects.tag(version) != CLEANED_TAG:
                    raise Broken("S5", f"{doomed.key} is cleaned, and S3 keeps it for ever")

    def _demand_looked_at(self, picture: Picture) -> None:
        """A last look is over: from now on S3 may purge, and nobody looks any more."""
        session_id = picture.session.session_id
        if lost := self._known_losses(picture, LOOK_LATE):
            raise Broken("S4", f"the last look at {session_id} is over, and {', '.join(lost)} is lost")
        if picture.differing:
            raise Broken("S4", f"the last look at {session_id} is over, and two reads differ")

    def _demand_restored(self, picture: Picture, was: Session) -> None:
        """What is restored no longer is there, unless it is lost, and S3 does not end it."""
        session, objects = picture.session, self._cloud.objects
        for artifact_id in set(was.restoring) - set(session.restoring):
            receipt = picture.receipt(artifact_id)
            if receipt is None:
                continue
            current = objects.versions(receipt.key)[-1]
            if current.version_id != receipt.version_id:
                if receipt.version_id in picture.gone_versions or not self._is_present(receipt):
                    continue
                raise Broken("S4", f"{artifact_id} is restored, and another version is there")
            if objects.tag(current) == CLEANED_TAG and not session.cleanup:
                raise Broken("S4", f"{artifact_id} is restored, and the next marker lets S3 end it")

    def _is_present(self, receipt: Receipt) -> bool:
        versions = self._cloud.objects.versions(receipt.key)
        return any(each.version_id == receipt.version_id for each in versions)

    def _demand_ordered(self, picture: Picture, was: Session) -> None:
        session = picture.session
        order, earlier = session.order, was.order
        if order and earlier and order.number > earlier.number:
            if picture.gone:
                raise Broken("S3", f"{session.session_id} is ordered, and {picture.gone} are cleaned")
            if order.number > 1 + self._orders[session.session_id]:
                raise Broken("order", f"{session.session_id} has order {order.number}, and fewer were given")
        if order and order.sent_at and not (earlier and earlier.number == order.number and earlier.sent_at):
            self._demand_sent(session, order.number)
        failure = session.failure
        is_said = order and failure and failure.startswith("order ") and was.failure is None
        if order and is_said and failure != LATE_FAILURE.format(order.number):
            raise Broken("order", f"order {order.number} is failed by a word about another: {failure}")

    def _demand_sent(self, session: Session, number: int) -> None:
        """Nobody sends again what is on record as sent."""
        names = (session.project, session.name, number)
        sent = ((each["project"], each["session_id"], each["order"]) for each in self._cloud.orders.sent)
        if names not in sent:
            raise Broken(
                "order", f"order {number} of {session.session_id} is on record as sent, and was not sent"
            )

    def _demand_evidence(self, session_id: SessionId) -> None:
        """A read that differs is on record, until an operator accepts it."""
        picture = self._cloud.records.picture(session_id)
        for (session, artifact_id), crc in self._differs.items():
            if session != session_id or picture is None:
                continue
            known = picture.evidence(artifact_id)
            if known is not None and known.agrees:
                raise Broken("evidence", f"{artifact_id} was read as {crc}, and all reads are said to agree")

    def _demand_allowed(self, key: str, etag: str) -> None:
        """No word that was given in time forbids this removal."""
        objects = self._cloud.objects
        stored = objects.head(key)
        session_id = keys.session_of(key)
        if stored is None or stored.etag != etag or session_id is None:
            return
        if key.startswith(keys.PROXIES):
            raise Broken("proxy", f"{key} is removed")
        picture = self._cloud.records.picture(session_id)
        if picture is None or not (picture.session.cleanup and stored.version_id in picture.gone_versions):
            return
        for fact in ("held", "differs", "poison", "restoring"):
            if self._knew_of(session_id, fact):
                raise Broken("S3", f"{key} is removed, and its session is as follows: {fact}")
        if self._knew(self._disarmed_at, SWITCH_LATE):
            raise Broken("S3", f"{key} is removed, and cleanup is disarmed")
        if self._known_losses(picture, OUTPUTS_LATE):
            raise Broken("S3", f"{key} is removed, and an output is lost")
        _, began_s = self._grace_from.get(session_id, (0, 0.0))
        policy = self._cloud.policy
        if self.knew_of_grace(session_id) and self._now < began_s + policy.grace_s - policy.clock_tolerance_s:
            raise Broken("S3", f"{key} is removed {self._now - began_s:.0f} s after its grace began")
        if (
            stored.modified_at + timedelta(seconds=policy.grace_s - policy.clock_tolerance_s)
            > self._cloud.now()
        ):
            raise Broken("S3", f"{key} is removed, and it has just been brought back")

    def _is_current(self, receipt: Receipt) -> bool:
        stored = self._cloud.objects.head(receipt.key)
        return stored is not None and stored.version_id == receipt.version_id

    def _note_removal(self, key: str) -> None:
        *_, hidden, marker = (None, *self._cloud.objects.versions(key))
        if marker is None or marker.stored is not None or hidden is None or hidden.stored is None:
            return
        if hidden.version_id in self._removed:
            return
        self._removed.add(hidden.version_id)
        day = self._cloud.now().date().isoformat()
        self._of_the_day[day] += 1
        limit = self._cloud.policy.cleanup_limit.objects
        if self._of_the_day[day] > limit:
            raise Broken("S3", f"{self._of_the_day[day]} objects are removed on one day, more than {limit}")

    def _demand_sendable(self, message: dict[str, Any]) -> None:
        """An order goes out once, for a session that nobody holds, and whose originals are there."""
        session_id = SessionId(f"{message['project']}/{message['session_id']}")
        if self._knew_of(session_id, "held"):
            raise Broken("order", f"{session_id} is held, and its order goes out")
        picture = self._cloud.records.picture(session_id)
        order = picture.session.order if picture else None
        if order and order.number == message["order"] and self._knew_of(session_id, "sent"):
            raise Broken(
                "order", f"order {order.number} of {session_id} is on record as sent, and goes out again"
            )
        for original in message["originals"]:
            versions = self._cloud.objects.versions(original["key"])
            if not any(each.version_id == original["version_id"] for each in versions):
                raise Broken("S7", f"an order names {original['key']}, which is gone")


def _is_under_way(picture: Picture) -> bool:
    """Whether the next step can be taken at once, by nobody but a function."""
    session = picture.session
    if session.restoring:
        return True
    if session.state is SessionState.OPEN:
        return bool(picture.chapters) and not picture.missing
    if session.state is SessionState.STORED and session.order:
        return session.held is None or session.order.sent_at is not None
    cleanup = session.cleanup if session.state is SessionState.PROCESSED else None
    return cleanup is not None and cleanup.refusal is None


def _facts(picture: Picture) -> Iterator[tuple[str, bool]]:
    session = picture.session
    yield "held", session.held is not None
    yield "restoring", bool(session.restoring)
    yield "differs", bool(picture.differing)
    yield "poison", bool(picture.quarantined)
    yield "sent", session.order is not None and session.order.sent_at is not None
