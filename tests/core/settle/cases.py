"""A session whose every gate of cleanup is open, as values, and what a test changes of it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core.cleanup import Arming, Bucket, Cleanup, Spent
from chalicelib.core.crc import Crc64Nvme
from chalicelib.core.film import Film
from chalicelib.core.ids import ArtifactId, UploadId
from chalicelib.core.keys import CLEANED
from chalicelib.core.measurements.index import FORMAT, Index, revision_of
from chalicelib.core.order import Order, wish
from chalicelib.core.parts import PartPlan
from chalicelib.core.picture import Picture
from chalicelib.core.session import Session, SessionState
from chalicelib.core.settle import Action, Facts, Policy, due_at, gates, settle
from chalicelib.core.upload import Receipt, StoredObject, Upload
from tests.support.builders import POLICY as POLICY
from tests.support.builders import START as START
from tests.support.builders import make_chapter, make_picture, make_upload
from tests.support.memory import crc64nvme_of

CHAPTERS = (make_chapter(1), make_chapter(2, size_bytes=7))
ORIGINALS = tuple(chapter.artifact_id for chapter in CHAPTERS)
VIDEO = ArtifactId("output.enhanced.mp4")
LIGHTS = ArtifactId("measurements.lights.json")
SPARE = ArtifactId("measurements.spare.json")
AUDIO = ArtifactId("intermediate.audio.wav")
ORDER = Order(1, wish([VIDEO, LIGHTS], {}), START, START)
LASTING_MS = (6_000, 4_000)
"""How long the chapters last; the video and the measurements of a session with open gates cover all of it."""
PROCESSED_AT = START + timedelta(hours=1)
NOW = PROCESSED_AT + timedelta(seconds=POLICY.grace_s)
Owed = TypeVar("Owed")
OTHER_CRC = Crc64Nvme("AAAAAAAAAAA=")


class Case(Struct, frozen=True):
    """What is recorded and seen at a moment."""

    picture: Picture
    facts: Facts
    now: datetime = NOW
    policy: Policy = POLICY

    def owed(self) -> tuple[Action, ...]:
        return settle(self.picture, self.facts, self.now, self.policy)

    def kinds(self) -> list[str]:
        """The names of what is owed."""
        return [type(action).__name__ for action in self.owed()]

    def only(self, kind: type[Owed]) -> Owed:
        """The one action that is owed, which is of this kind."""
        [action] = self.owed()
        assert isinstance(action, kind)
        return action

    def closed(self) -> dict[str, str]:
        return gates.closed(self.picture, self.facts, self.now, self.policy)

    def due(self) -> datetime | None:
        return due_at(self.picture, self.now, self.policy)

    def at(self, seconds: float, since: datetime | None = None) -> "Case":
        """This case so many seconds later, or after `since`; S3's clock agrees."""
        now = (since or self.now) + timedelta(seconds=seconds)
        bucket = replace(self.facts.bucket, at=now) if self.facts.bucket else None
        return replace(self, now=now, facts=replace(self.facts, bucket=bucket))

    def session(self, **changes: Any) -> "Case":
        session = replace(self.picture.session, **changes)
        return self.after(session)

    def after(self, session: Session) -> "Case":
        return replace(self, picture=replace(self.picture, session=session))

    def recorded(self, **changes: Any) -> "Case":
        return replace(self, picture=replace(self.picture, **changes))

    def told(self, **changes: Any) -> "Case":
        """This case with other facts."""
        return replace(self, facts=replace(self.facts, **changes))

    def seen(self, key: str, stored: StoredObject | None) -> "Case":
        return self.told(stored={**self.facts.stored, key: stored})

    def unseen(self, key: str) -> "Case":
        return self.told(stored={each: seen for each, seen in self.facts.stored.items() if each != key})

    def changed(self, artifact_id: ArtifactId, **changes: Any) -> "Case":
        """This case with another object on the artifact's key."""
        stored = self.object(artifact_id)
        return self.seen(stored.key, replace(stored, **changes))

    def gone(self, *artifact_ids: ArtifactId) -> "Case":
        """This case without objects on these artifacts' keys."""
        nothing: Mapping[str, None] = {self.key(artifact_id): None for artifact_id in artifact_ids}
        return self.told(stored={**self.facts.stored, **nothing})

    def inspected(self, *durations_ms: int) -> "Case":
        """This case with its films read: the chapters in their order, then the video."""
        receipts = [self.receipt(artifact_id) for artifact_id in (*ORIGINALS, VIDEO)]
        films = tuple(
            Film(receipt.artifact_id, receipt.version_id, duration_ms)
            for receipt, duration_ms in zip(receipts, durations_ms, strict=True)
        )
        return self.session(films=films)

    def film(self, artifact_id: ArtifactId, **changes: Any) -> "Case":
        """This case where reading the artifact has told something else."""
        films = self.picture.session.films
        return self.session(
            films=tuple(
                replace(each, **changes) if each.artifact_id == artifact_id else each for each in films
            )
        )

    def uploaded(self, upload: Upload) -> "Case":
        return replace(self, picture=self.picture.with_upload(upload))

    def key(self, artifact_id: ArtifactId) -> str:
        return self.picture.key(artifact_id)

    def object(self, artifact_id: ArtifactId) -> StoredObject:
        stored = self.facts.stored[self.key(artifact_id)]
        assert stored is not None
        return stored

    def receipt(self, artifact_id: ArtifactId) -> Receipt:
        receipt = self.picture.receipt(artifact_id)
        assert receipt is not None
        return receipt


def crc_of(artifact_id: ArtifactId) -> Crc64Nvme:
    return crc64nvme_of(artifact_id.encode())


def receipt_of(picture: Picture, artifact_id: ArtifactId, size_bytes: int = 5, **changes: Any) -> Receipt:
    """The receipt of what a processor wrote itself."""
    key = picture.key(artifact_id)
    version_id = f"version-of-{artifact_id}"
    receipt = Receipt(None, artifact_id, key, version_id, size_bytes, crc_of(artifact_id), START)
    return replace(receipt, **changes)


def stored_of(receipt: Receipt, **changes: Any) -> StoredObject:
    """The very object that was verified."""
    stored = StoredObject(
        receipt.key,
        receipt.size_bytes,
        receipt.crc64nvme,
        f'"etag-of-{receipt.version_id}"',
        receipt.version_id,
        receipt.upload_id,
        START,
    )
    return replace(stored, **changes)


def upload_of(picture: Picture, artifact_id: ArtifactId, size_bytes: int = 5, **changes: Any) -> Upload:
    """An OPEN upload of the artifact."""
    upload = make_upload(
        upload_id=UploadId(f"u_{artifact_id}"),
        artifact_id=artifact_id,
        key=picture.key(artifact_id),
        plan=PartPlan(size_bytes, 10),
    )
    return replace(upload, **changes)


def verified(upload: Upload, **changes: Any) -> Upload:
    """The upload with its receipt."""
    crc, version_id = crc_of(upload.artifact_id), f"version-of-{upload.upload_id}"
    stored = StoredObject(
        upload.key, upload.plan.size_bytes, crc, f'"{version_id}"', version_id, upload.upload_id, START
    )
    return upload.promised(crc, START).verified(replace(stored, **changes), START)


def index_of(receipt: Receipt, **changes: Any) -> Index:
    """A published index of 40 frames, which cover all of the chapters."""
    revision = revision_of(receipt.version_id)
    index = Index(
        receipt.artifact_id,
        receipt.version_id,
        revision,
        "papi",
        40,
        0,
        START,
        span_ms=sum(LASTING_MS),
        format=FORMAT,
    )
    return replace(index, **changes)


def stored_session() -> Case:
    """A STORED session whose order was sent, and of which a processor has made nothing yet."""
    session = {"state": SessionState.STORED, "order": ORDER}
    empty = make_picture(chapters=CHAPTERS, **session)
    originals = [verified(upload_of(empty, chapter.artifact_id, chapter.size_bytes)) for chapter in CHAPTERS]
    return Case(make_picture(*originals, chapters=CHAPTERS, **session), Facts(), PROCESSED_AT)


def made_session() -> Case:
    """A STORED session of which everything that its order requires is verified and indexed."""
    case = stored_session()
    later = START + timedelta(seconds=1)
    picture = case.picture.with_upload(verified(upload_of(case.picture, AUDIO, opened_at=later)))
    made = [receipt_of(picture, artifact_id) for artifact_id in (VIDEO, LIGHTS)]
    return case.recorded(uploads=picture.uploads, receipts=tuple(made), indexes=(index_of(made[1]),))


def open_gates() -> Case:
    """A PROCESSED session whose every gate is open at NOW, not a second earlier."""
    case = made_session().session(state=SessionState.PROCESSED, processed_at=PROCESSED_AT)
    by_upload = [upload.receipt for upload in case.picture.uploads if upload.receipt]
    receipts = [*case.picture.receipts, *by_upload]
    facts = Facts(
        stored={receipt.key: stored_of(receipt) for receipt in receipts},
        bucket=Bucket(True, dict.fromkeys(CLEANED, POLICY.restorable_days), NOW),
        arming=Arming(True, START, "a test says so"),
        spent=Spent(),
    )
    return replace(case, facts=facts, now=NOW).inspected(*LASTING_MS, sum(LASTING_MS))


def intended() -> Case:
    """The same session with its intent on record, and nothing removed yet."""
    case = open_gates()
    doomed, evidence = gates.doomed(case.picture, case.facts), gates.evidence(case.picture)
    return case.after(case.picture.session.intending(Cleanup(NOW, doomed, evidence)))


def cleaned() -> Case:
    """The same session once everything is gone, at the moment at which it is CLEANED."""
    case = intended().gone(*ORIGINALS, AUDIO)
    return case.after(case.picture.session.after_cleanup(NOW))
