"""The picture of a session: all that is recorded of it, and what follows from that alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from chalicelib.core import artifact, keys
from chalicelib.core.artifact import Kind
from chalicelib.core.chapter import Chapter
from chalicelib.core.errors import InvalidRequest, NotFound, StateConflict
from chalicelib.core.evidence import Evidence, Level, ReadBack
from chalicelib.core.film import Film
from chalicelib.core.ids import ArtifactId, UploadId
from chalicelib.core.landing import Landing
from chalicelib.core.measurements.index import FORMAT, Index
from chalicelib.core.once import once
from chalicelib.core.scan import Scan
from chalicelib.core.session import Lost, Session
from chalicelib.core.statistics.counts import Counts
from chalicelib.core.upload import Receipt, Upload

MOST_CHAPTERS = 99
"""A recording's chapters are numbered 01 to 99; with their session they fill one DynamoDB transaction."""


class Progress(Struct, frozen=True):
    """A device's last heartbeat for a session, in bytes and bytes per second; `heard_at` is the server's clock.

    `camera_ahead_s` is how far the camera's wall clock is ahead of the server's, read as UTC; `last_chapter_s` how long
    the session's last chapter plays; `retried_parts` how many parts went up again. None where no heartbeat told it.
    """

    bytes_down: int
    bytes_up: int
    rate_down_bytes_s: int | None
    rate_up_bytes_s: int | None
    spool_bytes: int
    disk_free_bytes: int
    clock: datetime
    heard_at: datetime
    camera_ahead_s: int | None = None
    last_chapter_s: int | None = None
    retried_parts: int | None = None


class Picture(Struct, frozen=True, dict=True):
    """All that is recorded of one session, read in one consistent query.

    `chapters` are in the order of recording, `uploads` in the order of opening. `receipts` are of what processors
    wrote themselves; what came by an upload has its receipt there. `indexes` are of versions of measurements.
    `landings` are films on their way from clients without checksums, in the order of opening.
    `counted` is what the counters have of the session; it says nothing of the session itself.
    Several decisions ask the same of one picture: what takes a look at all receipts is worked out once.
    """

    session: Session
    chapters: tuple[Chapter, ...]
    uploads: tuple[Upload, ...] = ()
    progress: Progress | None = None
    receipts: tuple[Receipt, ...] = ()
    indexes: tuple[Index, ...] = ()
    counted: Counts = field(default_factory=dict)
    landings: tuple[Landing, ...] = ()

    __hash__ = None  # type: ignore[assignment]  # counts are a mapping

    def __eq__(self, other: object) -> bool:
        """Whether both record the same of the session; what the counters have is not compared."""
        if not isinstance(other, Picture):
            return NotImplemented
        names = [name for name in self.__struct_fields__ if name != "counted"]
        return all(getattr(self, name) == getattr(other, name) for name in names)

    def chapter(self, artifact_id: ArtifactId) -> Chapter:
        """The chapter whose original is `artifact_id`. Raises NotFound."""
        chapter = self._chapters_by_id.get(artifact_id)
        if chapter is None:
            raise NotFound(f"session {self.session.name} has no artifact with this id")
        return chapter

    @once
    def _chapters_by_id(self) -> Mapping[ArtifactId, Chapter]:
        return {chapter.artifact_id: chapter for chapter in self.chapters}

    def landing(self, landing_id: UploadId) -> Landing:
        """Raises NotFound."""
        for landing in self.landings:
            if landing.landing_id == landing_id:
                return landing
        raise NotFound("there is no upload with this id")

    def upload(self, upload_id: UploadId) -> Upload:
        """Raises NotFound."""
        for upload in self.uploads:
            if upload.upload_id == upload_id:
                return upload
        raise NotFound("there is no upload with this id")

    def key(self, artifact_id: ArtifactId) -> str:
        """The key of the artifact: a chapter's original or sidecar, or what the present order makes.

        Raises NotFound for a chapter that the session does not have, StateConflict when nothing is ordered.
        """
        known = self._keys.get(artifact_id)
        if known is None:
            known = self._keys[artifact_id] = self._key(artifact_id)
        return known

    @once
    def _keys(self) -> dict[ArtifactId, str]:
        """The keys that were asked for so far."""
        return dict(self._original_keys)

    def _key(self, artifact_id: ArtifactId) -> str:
        session = self.session
        if artifact.is_of_a_device(artifact_id):
            chapter = self.chapter(artifact.original_of(artifact_id))
            return chapter.sidecar_key(session.session_id, artifact.kind_of(artifact_id))
        if session.order is None:
            raise StateConflict(f"session {session.name} is not ordered: nothing is made of it yet")
        return artifact.made_key(session.session_id, session.order.number, artifact_id)

    @once
    def _original_keys(self) -> Mapping[ArtifactId, str]:
        session_id = self.session.session_id
        return {chapter.artifact_id: chapter.key(session_id) for chapter in self.chapters}

    def latest_upload(self, artifact_id: ArtifactId) -> Upload | None:
        """The upload that speaks for an artifact: the last verified one, else the last opened."""
        key = self.key(artifact_id)
        uploads = [
            upload for upload in self.uploads if upload.key == key and not self._is_lost(upload.receipt)
        ]
        verified = [upload for upload in uploads if upload.receipt]
        return next(reversed(verified or uploads), None)

    def receipt(self, artifact_id: ArtifactId) -> Receipt | None:
        """The receipt of an artifact, once it has one."""
        receipts = self.receipts_by_key.get(self.key(artifact_id))
        return receipts[-1] if receipts else None

    @once
    def originals(self) -> tuple[Receipt, ...]:
        """The receipts of the chapters that have one, in the order of recording."""
        found = self.receipts_by_key
        return tuple(found[key][-1] for key in self._original_keys.values() if key in found)

    def film_bytes(self, artifact_id: ArtifactId, size_bytes: int) -> int:
        """How many of the artifact's `size_bytes` are a film: of an original without those after its last box.

        What a processor makes has none: its boxes fill it to its end.
        """
        trailing = (each.trailing_bytes for each in self.chapters if each.artifact_id == artifact_id)
        return size_bytes - next(trailing, 0)

    def film(self, artifact_id: ArtifactId) -> Film | None:
        """What was read of the artifact's verified version; None when nobody has read it."""
        receipt = self.receipt(artifact_id)
        return next((each for each in self.session.films if receipt and each.is_of(receipt)), None)

    def evidence(self, artifact_id: ArtifactId) -> Evidence | None:
        """How surely a chapter is known; None before its receipt."""
        return self._evidence_by_id.get(artifact_id)

    @once
    def _evidence_by_id(self) -> Mapping[ArtifactId, Evidence]:
        recorded = {each.artifact_id: each for each in self.session.evidence}
        damaged = {each.version_id: each for each in self.session.damage}
        found = {}
        for artifact_id, key in self._original_keys.items():
            receipts = self.receipts_at(key)
            if not receipts:
                continue
            known = recorded.get(artifact_id, Evidence(artifact_id)).against(receipts[-1])
            damage = damaged.get(receipts[-1].version_id)
            if damage:
                back = ReadBack(damage.version_id, damage.found_at, "reading", agrees=False)
                known = replace(known, read_back=back)
            found[artifact_id] = known
        return found

    @once
    def level(self) -> Level | None:
        """The least level of its chapters; None while one has no receipt, and when there are none."""
        if self.missing:
            return None
        known = (each.level for each in self._evidence_by_id.values())
        return min(known, key=tuple(Level).index, default=None)

    @property
    def agrees(self) -> bool:
        """Whether all reads of all chapters agree, but for what an operator accepted."""
        return not self.differing and all(each.agrees for each in self._evidence_by_id.values())

    @once
    def differing(self) -> tuple[Evidence, ...]:
        """The chapters of which a second read differs and no operator has accepted that.

        A lost chapter counts too: its card may be all that is left.
        """
        if not self.session.evidence:
            return ()
        recorded = {each.artifact_id: each for each in self.session.evidence}
        present = {**recorded, **self._evidence_by_id}
        return tuple(each for each in present.values() if each.open_differences)

    def scan(self, artifact_id: ArtifactId) -> Scan | None:
        """What keeps the present order's artifact from its receipt: the scan of the last version that was seen."""
        if self.session.order is None or self.receipt(artifact_id):
            return None
        key = self.key(artifact_id)
        return next((each for each in reversed(self.session.scans) if each.key == key), None)

    def scans(self) -> Iterator[Scan]:
        """The scans that keep artifacts of the present order from their receipts."""
        if self.session.order is None:
            return
        for artifact_id in dict.fromkeys(each.artifact_id for each in self.session.scans):
            scan = self.scan(artifact_id)
            if scan:
                yield scan

    @property
    def broken_films(self) -> tuple[Film, ...]:
        """The originals that are not whole films; what may be repaired."""
        films = (self.film(chapter.artifact_id) for chapter in self.chapters)
        return tuple(film for film in films if film and film.is_broken)

    def receipts_at(self, key: str) -> tuple[Receipt, ...]:
        """The receipts of what a key has, or had; the last one speaks for it."""
        return self.receipts_by_key.get(key, ())

    @once
    def receipts_by_key(self) -> Mapping[str, tuple[Receipt, ...]]:
        """The receipts of each key, the last one last; without those of versions that are lost."""
        found: dict[str, tuple[Receipt, ...]] = {}
        for receipt in self._every_receipt:
            if not self._is_lost(receipt):
                found[receipt.key] = (*found.get(receipt.key, ()), receipt)
        return found

    @once
    def _every_receipt(self) -> tuple[Receipt, ...]:
        """What processors wrote themselves, then what came by uploads; those of lost versions included."""
        return (*self.receipts, *(upload.receipt for upload in self.uploads if upload.receipt))

    def _is_lost(self, receipt: Receipt | None) -> bool:
        """Whether the verified version is lost for good: its receipt proves nothing any more."""
        return receipt is not None and receipt.version_id in self._lost_versions

    @once
    def _lost_versions(self) -> frozenset[str]:
        return frozenset(each.version_id for each in self.session.lost)

    @once
    def lost(self) -> tuple[Lost, ...]:
        """The lost artifacts of chapters and of the present order that nothing has replaced."""
        return tuple(
            each
            for each in self.session.lost
            if self._is_present(each) and not self.receipt(each.artifact_id)
        )

    def _is_present(self, lost: Lost) -> bool:
        """Whether the lost version is of a chapter or of the present order: an earlier one's outputs are not missed."""
        return artifact.is_original(lost.artifact_id) or lost.version_id in self._versions_at(
            self.key(lost.artifact_id)
        )

    def _versions_at(self, key: str) -> Iterator[str]:
        """The verified versions of a key, lost ones included."""
        return (receipt.version_id for receipt in self._every_receipt if receipt.key == key)

    @property
    def lost_originals(self) -> tuple[Lost, ...]:
        """The lost chapters: without them nothing can be made."""
        return tuple(each for each in self.lost if artifact.is_original(each.artifact_id))

    def lost_at(self, key: str) -> Lost | None:
        """What was lost at this key and not replaced; None when nothing was."""
        if not self.session.lost or self.receipts_at(key):
            return None
        versions = frozenset(self._versions_at(key))
        return next((each for each in self.session.lost if each.version_id in versions), None)

    @property
    def last_receipts(self) -> tuple[Receipt, ...]:
        """The receipt that speaks for each key, of every order."""
        return tuple(found[-1] for found in self.receipts_by_key.values())

    def index(self, receipt: Receipt) -> Index | None:
        """What became of this very version of measurements; None as long as it was not looked into.

        Of several formats the newest that can be read. A newer one than FORMAT, of a deployment that was taken back,
        counts as none; so does one that is removed.
        """
        found = (index for index in self._indexes_of(receipt) if index.format <= FORMAT)
        return max(found, key=lambda index: (index.is_published, index.format), default=None)

    def _indexes_of(self, receipt: Receipt) -> Iterator[Index]:
        for index in self.indexes:
            if index.of_version(receipt.artifact_id, receipt.version_id) and index.removing_since is None:
                yield index

    def index_at(self, artifact_id: ArtifactId, revision: str) -> Index | None:
        """What is recorded under a revision, removed or not."""
        wanted = (artifact_id, revision)
        return next((index for index in self.indexes if (index.artifact_id, index.revision) == wanted), None)

    @property
    def required(self) -> tuple[ArtifactId, ...]:
        """What the present order requires; nothing when there is none."""
        return self.session.order.wish.required if self.session.order else ()

    @once
    def awaited(self) -> tuple[ArtifactId, ...]:
        """What the present order requires and has no receipt."""
        return tuple(each for each in self.required if self.receipt(each) is None)

    @once
    def made(self) -> tuple[Receipt, ...]:
        """The receipts of what processors made for the present order, of every kind."""
        order = self.session.order
        if order is None:
            return ()
        below = artifact.made_prefixes(self.session.session_id, order.number)
        return tuple(receipt for receipt in self._every_receipt if receipt.key.startswith(below))

    @once
    def measurements(self) -> tuple[Receipt, ...]:
        """The receipts of the present order's measurements."""
        return tuple(each for each in self.made if artifact.kind_of(each.artifact_id) is Kind.MEASUREMENTS)

    @once
    def unindexed(self) -> tuple[Receipt, ...]:
        """The present order's measurements that nobody looked into yet."""
        return tuple(each for each in self.measurements if self.index(each) is None)

    @once
    def outdated(self) -> tuple[Receipt, ...]:
        """The present order's measurements that have an index of an older format and none of the present one.

        A version that turned out to be poison in the present format keeps its older index.
        """
        return tuple(
            each
            for each in self.measurements
            if (index := self.index(each))
            and index.is_published
            and all(other.format != FORMAT for other in self._indexes_of(each))
        )

    def superseded(self) -> Iterator[tuple[Index, datetime]]:
        """The indexes whose artifact has another one that is published now, and since when; those under removal too."""
        for index in self.indexes:
            if index.removed_at or index.quarantine:
                continue
            if index.removing_since:
                yield index, index.removing_since
                continue
            present = self._published(index.artifact_id)
            if present and present.revision != index.revision:
                yield index, max(index.indexed_at, present.indexed_at)

    def _published(self, artifact_id: ArtifactId) -> Index | None:
        """The index that readers of the artifact get now; None when there is none."""
        receipt = self.receipt(artifact_id) if self.session.order else None
        index = self.index(receipt) if receipt else None
        return index if index and index.is_published else None

    @once
    def quarantined(self) -> tuple[Index, ...]:
        """The present order's measurements that are poison."""
        found = (self.index(each) for each in self.measurements)
        return tuple(index for index in found if index and not index.is_published)

    @once
    def cleanable(self) -> tuple[Receipt, ...]:
        """What cleanup may remove: the last receipt of each original, and of each intermediate of any order."""
        verified = [upload.receipt for upload in self.uploads if upload.receipt]
        kept = (each for each in verified if keys.may_be_removed(each.key) and not self._is_lost(each))
        last = {receipt.key: receipt for receipt in kept}
        return tuple(last.values())

    @once
    def gone_versions(self) -> frozenset[str]:
        """The versions that a cleanup removed, or may remove at any moment."""
        doomed = self.session.cleanup.doomed if self.session.cleanup else ()
        return frozenset((*self.session.cleaned, *(each.version_id for each in doomed)))

    @property
    def gone(self) -> tuple[str, ...]:
        """The names of chapters whose bytes a cleanup removed, or may remove at any moment."""
        receipts = ((chapter.name, self.receipt(chapter.artifact_id)) for chapter in self.chapters)
        return tuple(name for name, each in receipts if each and each.version_id in self.gone_versions)

    @property
    def restorable(self) -> tuple[Receipt, ...]:
        """What a cleanup removed and a restore can name: originals, and intermediates of the present order."""
        made = [receipt.key for receipt in self.made]
        originals = [self.key(chapter.artifact_id) for chapter in self.chapters]
        named = {*made, *originals}
        return tuple(
            each for each in self.cleanable if each.key in named and each.version_id in self.gone_versions
        )

    @once
    def missing(self) -> tuple[ArtifactId, ...]:
        """The chapters without a receipt."""
        keys_by_id = self._original_keys.items()
        return tuple(artifact_id for artifact_id, key in keys_by_id if key not in self.receipts_by_key)

    def with_counted(self, counted: Counts) -> "Picture":
        """This picture, whose session counts for `counted` now. What was worked out of the record stays known."""
        after = replace(self, counted=counted)
        after.__dict__.update(self.__dict__)
        return after

    def with_upload(self, upload: Upload) -> "Picture":
        """This picture with `upload` in the place of the one with its id, or added."""
        others = [known for known in self.uploads if known.upload_id != upload.upload_id]
        uploads = sorted([*others, upload], key=lambda each: (each.opened_at, each.upload_id))
        return replace(self, uploads=tuple(uploads))

    def with_landing(self, landing: Landing) -> "Picture":
        """This picture with `landing` in the place of the one with its id, or added."""
        others = [known for known in self.landings if known.landing_id != landing.landing_id]
        landings = sorted([*others, landing], key=lambda each: (each.opened_at, each.landing_id))
        return replace(self, landings=tuple(landings))

    def with_receipt(self, receipt: Receipt) -> "Picture":
        """This picture with the receipt of what a processor wrote itself."""
        return replace(self, receipts=(*self.receipts, receipt))

    def with_index(self, index: Index) -> "Picture":
        """This picture with what became of one version of measurements, in the place of what its revision had."""
        named = (index.artifact_id, index.revision)
        others = (each for each in self.indexes if (each.artifact_id, each.revision) != named)
        return replace(self, indexes=(*others, index))


def session_chapters(given: Iterable[Chapter]) -> tuple[Chapter, ...]:
    """`given` as a session's chapters. Raises InvalidRequest for none, more than 99, or one named twice."""
    listed = tuple(given)
    if not 1 <= len(listed) <= MOST_CHAPTERS:
        raise InvalidRequest(f"a session has 1 to {MOST_CHAPTERS} chapters, not {len(listed)}")
    names = [chapter.name for chapter in listed]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidRequest(f"a chapter is named twice: {', '.join(twice)}")
    return listed


def differences(picture: Picture, session: Session, listed: Sequence[Chapter]) -> tuple[str, ...]:
    """What `session` with the chapters `listed` says otherwise than the picture; empty when it confirms it."""
    counts = ("number of chapters", len(picture.chapters), len(listed))
    found = _session_differences(picture.session, session, counts)
    return (*found, *_chapter_differences(picture.chapters, listed))


def film_differences(picture: Picture, session: Session, listed: Sequence[Chapter]) -> tuple[str, ...]:
    """What `session` says otherwise than the picture of a browser's session, to which `listed` may add films."""
    by_id = {each.artifact_id: each for each in listed}
    lacking = [
        f"{each.name} is on record and not in the request"
        for each in picture.chapters
        if each.artifact_id not in by_id
    ]
    both = [each for each in picture.chapters if each.artifact_id in by_id]
    said = [by_id[each.artifact_id] for each in both]
    return (*_session_differences(picture.session, session), *lacking, *_chapter_differences(both, said))


def _session_differences(known: Session, said: Session, *counts: tuple[str, object, object]) -> Iterator[str]:
    facts = (
        ("camera serial", known.camera.serial, said.camera.serial),
        ("group", known.group, said.group),
        *counts,
    )
    for name, before, now in facts:
        if before != now:
            yield f"{name}: {before} here, {now} in the request"


def _chapter_differences(known: Sequence[Chapter], listed: Sequence[Chapter]) -> list[str]:
    fields = ("name", "size_bytes", "created", "modified", "etag", "gumi", "unfinished")
    return [
        f"chapter {place}, {field}: {getattr(before, field)} here, {getattr(now, field)} in the request"
        for place, (before, now) in enumerate(zip(known, listed, strict=False), start=1)
        for field in fields
        if _differs(field, before, now)
    ]


def _differs(field: str, before: Chapter, now: Chapter) -> bool:
    said, says = getattr(before, field), getattr(now, field)
    # A camera that would not tell its file's id today has not told another one.
    unsaid = field == "gumi" and None in (said, says)
    return bool(said != says) and not unsaid
