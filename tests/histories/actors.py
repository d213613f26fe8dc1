"""Who acts beside the devices: S3's events, the schedule, processors, operators."""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from chalicelib.core import keys
from chalicelib.core.artifact import made_key
from chalicelib.core.cleanup import Arming
from chalicelib.core.errors import Finalizing, PartsMismatch, ReelhaulError
from chalicelib.core.ids import ArtifactId, SessionId, UploadId
from chalicelib.core.order import wish
from chalicelib.core.session import SessionState
from chalicelib.core.settle import assembled
from chalicelib.core.tokens import ALL_PROJECTS, Principal, Role
from chalicelib.core.upload import StoredObject, Upload
from chalicelib.flows import completion, operations, uploads
from tests.histories.cloud import FUNCTION_LIMIT_S, Cloud, Invocation, hear, reconcile_round
from tests.histories.device import LASTING_MS
from tests.histories.scheduler import Process
from tests.histories.setting import Setting
from tests.histories.world.events import BucketEvents
from tests.support.films import make_film
from tests.support.memory import Refused, crc64nvme_of

OPERATOR = Principal(Role.OPERATOR, ALL_PROJECTS, None)
PROCESSOR = Principal(Role.PROCESSOR, "main", None)
VIDEO = ArtifactId("output.enhanced.mp4")
LIGHTS = ArtifactId("measurements.lights.json")
WISH = wish([VIDEO, LIGHTS], {})
FRAMES = 6


@functools.cache
def made_of(chapters: int) -> dict[ArtifactId, bytes]:
    """What a processor makes of so many chapters."""
    lasting_ms = chapters * LASTING_MS
    frames = [
        {"frame_number": each, "timestamp": each * lasting_ms / 1000 / FRAMES, "papi_a": {"status": "red"}}
        for each in range(FRAMES)
    ]
    return {VIDEO: make_film(lasting_ms, 75, seed=3), LIGHTS: json.dumps({"frames": frames}).encode()}


class Events:
    """S3's events on their way to the functions; one that fails comes again, and at last is a dead letter."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._events = BucketEvents(cloud.now_s, cloud.faults)
        cloud.objects.on_created = self._arise

    def _arise(self, name: str, stored: StoredObject) -> None:
        self._events.arise(name, stored)
        self._await()

    def _await(self) -> None:
        at_s = self._events.next_at_s()
        if at_s is not None:
            self._cloud.scheduler.start(Process("s3"), "s3", lambda: self._deliver(at_s))

    def _deliver(self, at_s: float) -> None:
        cloud = self._cloud
        cloud.scheduler.sleep(at_s - cloud.scheduler.now)
        while delivery := self._events.take():
            self._see(delivery.event["Records"][0]["s3"]["object"]["key"])
            run = cloud.run("s3 event", FUNCTION_LIMIT_S, functools.partial(hear, cloud, delivery))
            run.task.join()
            if not run.is_done:
                self._events.fail(delivery)
                if self._events.dead_letters:
                    cloud.rare.note("event that no function took")
        self._await()

    def _see(self, key: str) -> None:
        session_id = keys.session_of(key)
        picture = self._cloud.records.picture(session_id) if session_id else None
        if picture:
            self._cloud.rare.at_event(key, picture)


def reconciles(cloud: Cloud) -> Invocation:
    """A round of the reconciler, to its end."""
    run = cloud.run("reconciler", FUNCTION_LIMIT_S, lambda: reconcile_round(cloud))
    run.task.join()
    return run


class Processor:
    """Takes orders and brings what they ask for: by itself, or through the API; it may die, repeat and lie."""

    def __init__(self, cloud: Cloud, chance: random.Random, setting: Setting) -> None:
        self._cloud = cloud
        self._chance = chance
        self._uploads = setting.uploads_outputs
        self._lies = setting.lies
        self._tells_no_crc = setting.tells_no_crc
        self.is_honest = False

    def works(self) -> None:
        """The orders that the queue gives now; one who is honest does all that were ever sent, again if need be."""
        queue = self._cloud.orders
        if self.is_honest:
            for message in list(queue.sent):
                self._take(message)
            return
        while received := queue.receive():
            if self._take(received.content):
                queue.delete(received)

    def _take(self, message: Mapping[str, Any]) -> bool:
        session_id = SessionId(f"{message['project']}/{message['session_id']}")
        return self._process(session_id, message["order"], made_of(len(message["originals"])))

    def _process(self, session_id: SessionId, order: int, made: Mapping[ArtifactId, bytes]) -> bool:
        cloud, chance = self._cloud, self._chance
        for artifact_id, whole in made.items():
            if not self.is_honest and chance.random() < 0.1:
                cloud.note("processor", "dies")
                cloud.rare.note("processor dies between outputs")
                return False
            body = whole
            if not self.is_honest and self._lies and chance.random() < 0.5:
                # Other bytes of the same size, which can be read all the same.
                is_text = whole.startswith(b"{")
                turned = whole.replace(b" ", b"\t", 1) if is_text else whole[:-1] + bytes([whole[-1] ^ 1])
                body = chance.choice((whole[: len(whole) // 2], b"{", turned, turned))
            if self._uploads:
                self._upload(session_id, artifact_id, body, is_whole=body is whole)
            else:
                self._write(made_key(session_id, order, artifact_id), body)
        if not self._uploads:
            artifacts = [
                {"artifact_id": each, "size_bytes": len(body), "crc64nvme": crc64nvme_of(body)}
                for each, body in made.items()
            ]
            name = session_id.rpartition("/")[2]
            document = {"project": "main", "session_id": name, "order": order, "artifacts": artifacts}
            self._write(keys.manifest_key(session_id, order), json.dumps(document).encode())
        return True

    def _write(self, key: str, body: bytes) -> None:
        cloud = self._cloud
        cloud.scheduler.pass_turn()
        cloud.note("processor", "PUT")
        # S3 refuses to write it over.
        if cloud.objects.head(key) is not None:
            return
        if self._tells_no_crc and not key.endswith(".json"):
            cloud.objects.put_without_crc64nvme(key, body)
        else:
            cloud.objects.put_object(key, body)

    def _upload(self, session_id: SessionId, artifact_id: ArtifactId, body: bytes, *, is_whole: bool) -> None:
        cloud = self._cloud
        run = cloud.run(
            "api",
            60.0,
            lambda: uploads.open_upload(cloud.ports, PROCESSOR, session_id, artifact_id, len(body), None),
        )
        run.task.join()
        if not run.is_done:
            return
        upload = run.answer[0].upload
        if upload.receipt or not upload.is_live:
            return
        # What it sends need not be what it has made and claims.
        is_spoilt = is_whole and not self.is_honest and self._lies and self._chance.random() < 0.7
        sent = body[:-1] + bytes([body[-1] ^ 1]) if is_spoilt else body
        for number in upload.plan.numbers:
            start = upload.plan.start_of(number)
            part = sent[start : start + upload.plan.size_of(number)]
            try:
                cloud.objects.put_part(upload.key, upload.multipart_id, number, part)
            except Refused:
                return
            cloud.note("processor", "PUT part")
        if is_spoilt:
            # It takes what it sent for what it made, and sees its error while a round completes that.
            self._claim(upload, sent)
            cloud.run("reconciler", FUNCTION_LIMIT_S, lambda: reconcile_round(cloud))
            cloud.scheduler.sleep(0.0)
        claim = crc64nvme_of(body)
        cloud.safety.promises.claims(upload.upload_id, claim)

        def complete() -> object:
            cloud.safety.promises.hears(upload.upload_id, claim)
            return completion.complete_upload(cloud.ports, PROCESSOR, upload.upload_id, claim)

        run = cloud.run("api", 60.0, complete)
        run.task.join()
        if run.is_done or isinstance(run.error, Finalizing | PartsMismatch):
            cloud.safety.promises.claimed(upload.upload_id, claim)

    def _claim(self, upload: Upload, body: bytes) -> None:
        """Say that the whole is `body`, with the call that signs its last part."""
        cloud, number, claim = self._cloud, upload.plan.part_count, crc64nvme_of(body)
        wanted = [(number, crc64nvme_of(body[upload.plan.start_of(number) :]))]
        cloud.safety.promises.claims(upload.upload_id, claim)
        sign = functools.partial(uploads.sign_parts, cloud.ports, PROCESSOR, upload.upload_id, wanted, claim)
        run = cloud.run("api", 60.0, sign)
        run.task.join()
        if run.is_done:
            cloud.safety.promises.claimed(upload.upload_id, claim)


class Stranger:
    """Somebody with more rights in the bucket than anybody but the coordinator should have."""

    def __init__(self, cloud: Cloud, chance: random.Random) -> None:
        self._cloud = cloud
        self._chance = chance
        self._completed: set[str] = set()

    def leaves_uploads(self) -> None:
        """Multipart uploads that no record knows, as a function leaves them that dies before it records its own."""
        for kind in keys.OPENED_HERE:
            self._cloud.objects.create_multipart(f"{kind}main/left/GX990001.MP4", UploadId("u_left"))

    def completes(self, upload_id: UploadId) -> None:
        """An upload, as soon as S3 has all of its parts, without a promise on record."""
        cloud = self._cloud
        session_id = cloud.records.session_of(upload_id)
        picture = cloud.records.picture(session_id) if session_id else None
        upload = picture.upload(upload_id) if picture else None
        if upload is None or upload.promise or not upload.is_live or upload.key in self._completed:
            return
        with suppress(ReelhaulError):
            stored = cloud.objects.parts(upload.key, upload.multipart_id)
            if whole := assembled(upload.plan, stored):
                # Once: the object of a second time might have the ETag that the removal of the first one names.
                self._completed.add(upload.key)
                cloud.note("stranger", "complete an upload")
                cloud.safety.promises.touched_by_a_stranger(upload_id)
                cloud.rare.note("object that a stranger completed")
                cloud.objects.complete(upload.key, upload.multipart_id, stored, whole, upload.plan.size_bytes)

    def aborts(self) -> None:
        """The upload of an original whose parts are on their way."""
        cloud = self._cloud
        for multipart in cloud.objects.multiparts(keys.ORIGINALS):
            session_id = keys.session_of(multipart.key)
            picture = cloud.records.picture(session_id) if session_id else None
            for upload in picture.uploads if picture else ():
                if upload.multipart_id == multipart.multipart_id and upload.is_live:
                    cloud.note("stranger", "abort an upload")
                    cloud.safety.promises.touched_by_a_stranger(upload.upload_id)
                    cloud.objects.abort(multipart.key, multipart.multipart_id)

    def spoils(self, upload_id: UploadId) -> None:
        """A part, by other bytes, once its sender has said what the whole is."""
        cloud = self._cloud
        cloud.scheduler.linger(self._chance.randint(0, 40))
        session_id = cloud.records.session_of(upload_id)
        picture = cloud.records.picture(session_id) if session_id else None
        upload = picture.upload(upload_id) if picture else None
        if upload is None or upload.claim is None or not upload.is_live:
            return
        cloud.note("stranger", "write a part over")
        with suppress(Refused):
            cloud.objects.put_part(upload.key, upload.multipart_id, 1, bytes(upload.plan.size_of(1)))


class Operator:
    """Holds and releases, orders again, restores, arms and revokes, at any time."""

    def __init__(self, cloud: Cloud, chance: random.Random) -> None:
        self._cloud = cloud
        self._chance = chance

    def acts(self) -> None:
        """One word about one session."""
        cloud = self._cloud
        sessions = list(cloud.records.sessions())
        word = self._chance.choice(
            (self.holds, self.releases, self.orders, self.restores, self.disarms, self.fails)
        )
        if sessions:
            word(self._chance.choice(sessions))

    def acts_in_a_cleanup(self, session_id: SessionId) -> None:
        """One word about a session that is being cleaned, at this moment or a little later."""
        self._cloud.scheduler.sleep(self._chance.choice((0.0, 0.0, 1.0)))
        word = self._chance.choice((self.holds, self.orders, self.restores, self.disarms))
        word(session_id)

    def _says(self, name: str, act: Callable[[], object]) -> None:
        cloud = self._cloud
        cloud.note("operator", name)
        cloud.run("api", 60.0, act).task.join()

    def holds(self, session_id: SessionId) -> None:
        self._says("hold", lambda: operations.hold(self._cloud.ports, OPERATOR, session_id, "wait"))

    def releases(self, session_id: SessionId) -> None:
        self._says("release", lambda: operations.hold(self._cloud.ports, OPERATOR, session_id, None))

    def orders(self, session_id: SessionId) -> None:
        self._cloud.safety.promises.ordered(session_id)
        self._says("order", lambda: operations.order(self._cloud.ports, OPERATOR, session_id, WISH))

    def restores(self, session_id: SessionId) -> None:
        self._says(
            "restore", lambda: operations.restore(self._cloud.ports, OPERATOR, session_id, None, "wanted")
        )

    def fails(self, session_id: SessionId) -> None:
        self._says(
            "fail", lambda: operations.fail(self._cloud.ports, PROCESSOR, session_id, "no light", None)
        )

    def disarms(self, _session_id: SessionId) -> None:
        self.arms(False)

    def arms(self, is_armed: bool = True) -> None:
        cloud = self._cloud
        cloud.note("operator", "arm" if is_armed else "disarm")
        if not is_armed and any(self._is_cleaning(each) for each in cloud.records.sessions()):
            cloud.rare.note("disarmed in the middle of a cleanup")
        cloud.records.put_arming(Arming(is_armed, cloud.now(), "a history says so"))
        cloud.safety.promises.armed(is_armed)

    def _is_cleaning(self, session_id: SessionId) -> bool:
        picture = self._cloud.records.picture(session_id)
        return bool(picture and picture.session.cleanup and picture.session.state is SessionState.PROCESSED)
