"""Looking at the world before a decision: only at what the decision can depend on."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core import keys
from chalicelib.core.cleanup import Spent
from chalicelib.core.errors import MultipartGone, TooLarge, VersionGone
from chalicelib.core.ids import UploadId
from chalicelib.core.landing import Landing
from chalicelib.core.manifest import MOST_BYTES, Manifest, manifest
from chalicelib.core.picture import Picture
from chalicelib.core.scan import TAG, ScanTag
from chalicelib.core.settle import (
    Actor,
    Facts,
    LandingSeen,
    Observation,
    Policy,
    due_landings,
    due_uploads,
    must_judge,
)
from chalicelib.core.settle.cleaning import is_last_look_due, may_be_cleaned
from chalicelib.core.settle.gates import evidence
from chalicelib.core.settle.outputs import may_state_outputs
from chalicelib.core.settle.scanning import must_be_scanned, must_read_scan
from chalicelib.core.settle.scrubbing import is_scrub_due, to_scrub
from chalicelib.core.upload import StoredObject, Upload
from chalicelib.flows.inspect_film import judge_landing, judge_upload
from chalicelib.ports import ObjectStore, Ports


class About(Struct, frozen=True):
    """What a caller asks about: only one upload or landing, or the session itself with the objects of these keys."""

    upload_id: UploadId | None = None
    landing_id: UploadId | None = None
    keys: frozenset[str] = frozenset()


def observe(ports: Ports, picture: Picture, actor: Actor, about: About) -> Facts:
    """The facts that `actor` needs; with an upload's id, the facts of that upload only."""
    chosen = _chosen(picture, actor, about, ports.clock.now(), ports.policy)
    uploads = {upload.upload_id: _observe_upload(ports, picture, upload) for upload in chosen}
    landings = {
        each.landing_id: _observe_landing(ports, each) for each in _landings(ports, picture, actor, about)
    }
    if about.upload_id is not None or about.landing_id is not None:
        return Facts(uploads, landings=landings)
    said = _read_manifest(ports.objects, picture)
    stored = _head_each(ports.objects, _stated_keys(picture, said))
    facts = Facts(uploads, said, stored, _scans_of(ports, stored.values()), landings=landings)
    looks_at_all = actor in (Actor.RECONCILER, Actor.OPERATOR)
    return observe_cleanup(ports, picture, facts) if looks_at_all else facts


def observe_cleanup(ports: Ports, picture: Picture, facts: Facts) -> Facts:
    """`facts`, with all that a cleanup, its last look or a restore depends on, as far as one is in question."""
    now, policy = ports.clock.now(), ports.policy
    wanted = [picture.key(artifact_id) for artifact_id in picture.session.restoring]
    if is_scrub_due(picture, now, policy):
        wanted += [receipt.key for receipt in to_scrub(picture)]
    facts = replace(facts, stored={**facts.stored, **_head_each(ports.objects, wanted)})
    if is_last_look_due(picture, now, policy):
        return observe_gates(ports, picture, facts)
    if not may_be_cleaned(picture, now, policy):
        return facts
    # Where nobody armed cleanup, every session of long ago is looked at again and again: one read is enough then.
    arming = ports.records.arming()
    if picture.session.cleanup is None and (arming is None or not arming.is_armed):
        return replace(facts, arming=arming)
    return observe_gates(ports, picture, facts)


def observe_gates(ports: Ports, picture: Picture, facts: Facts) -> Facts:
    """`facts`, with all that any gate of a cleanup depends on, even if the record alone closes one."""
    wanted = [receipt.key for receipt in (*evidence(picture), *picture.cleanable)]
    return replace(
        facts,
        stored={**facts.stored, **_head_each(ports.objects, wanted)},
        bucket=ports.objects.bucket(),
        arming=ports.records.arming(),
        spent=ports.records.spent(ports.clock.now().date()) or Spent(),
    )


def observe_evidence(objects: ObjectStore, picture: Picture) -> Facts:
    """The present objects of the outputs that allowed the recorded cleanup."""
    cleanup = picture.session.cleanup
    return Facts(stored=_head_each(objects, [receipt.key for receipt in cleanup.evidence] if cleanup else ()))


def _chosen(picture: Picture, actor: Actor, about: About, now: datetime, policy: Policy) -> Iterable[Upload]:
    """The uploads to inspect: the one in question, those of an event's keys, or those that are due.

    Calls by people and processors about a session depend on no upload.
    """
    if about.landing_id is not None:
        return ()
    if about.upload_id is not None:
        return [each for each in picture.uploads if each.owes and each.upload_id == about.upload_id]
    if about.keys:
        return [each for each in picture.uploads if each.owes and each.key in about.keys]
    return () if actor is Actor.API else due_uploads(picture, now, policy)


def _landings(ports: Ports, picture: Picture, actor: Actor, about: About) -> Iterable[Landing]:
    """The landings to inspect: the one in question, or for the reconciler those that are due."""
    if about.landing_id is not None:
        return [each for each in picture.landings if each.landing_id == about.landing_id]
    looks_at_all = actor in (Actor.RECONCILER, Actor.OPERATOR) and about.upload_id is None and not about.keys
    return due_landings(picture, ports.clock.now(), ports.policy) if looks_at_all else ()


def _observe_landing(ports: Ports, landing: Landing) -> LandingSeen:
    stored = ports.objects.head(landing.key)
    is_judged = stored is not None and landing.is_of(stored) and must_judge(landing, ports.policy)
    return LandingSeen(stored, judge_landing(ports, landing, stored) if stored and is_judged else None)


def _observe_upload(ports: Ports, picture: Picture, upload: Upload) -> Observation:
    """What S3 shows of one upload now."""
    stored = ports.objects.head(upload.key)
    if stored and stored.upload_id == upload.upload_id:
        return _observe_object(ports, picture, upload, stored)
    if upload.is_one_put:
        return Observation((), stored)
    try:
        return Observation(ports.objects.parts(upload.key, upload.multipart_id), stored)
    except MultipartGone:
        # It may have been completed between the two looks.
        return _observe_object(ports, picture, upload, ports.objects.head(upload.key))


def _observe_object(
    ports: Ports, picture: Picture, upload: Upload, stored: StoredObject | None
) -> Observation:
    """What S3 shows of an upload that it assembled, or that is gone."""
    if stored is None:
        return Observation(None, None)
    film = judge_upload(ports, picture, upload, stored)
    scan = _read_scan(ports, stored) if must_read_scan(upload, stored, ports.policy) else None
    return Observation(None, stored, film, scan)


def _read_manifest(objects: ObjectStore, picture: Picture) -> Manifest | None:
    """What the processor says it wrote for the present order, if it may have said so."""
    session = picture.session
    if session.order is None or not may_state_outputs(picture):
        return None
    key = keys.manifest_key(session.session_id, session.order.number)
    try:
        body = objects.read(key, MOST_BYTES)
    except TooLarge as error:
        return Manifest(fault=str(error))
    return None if body is None else manifest(body, session.session_id, session.order.number)


def _stated_keys(picture: Picture, said: Manifest | None) -> list[str]:
    stated = said.stated if said else ()
    return [picture.key(each.artifact_id) for each in stated if picture.receipt(each.artifact_id) is None]


def _scans_of(ports: Ports, stored: Iterable[StoredObject | None]) -> dict[str, ScanTag]:
    """The scan tags of those that need a clean scan, by version id."""
    found = (each for each in stored if each and must_be_scanned(each.key, ports.policy))
    tags = {each.version_id: _read_scan(ports, each) for each in found}
    return {version_id: tag for version_id, tag in tags.items() if tag}


def _read_scan(ports: Ports, stored: StoredObject) -> ScanTag | None:
    """What the scan tag of exactly this version says; None when the version is gone by now."""
    try:
        return ScanTag(ports.objects.tags(stored.key, stored.version_id).get(TAG))
    except VersionGone:
        return None


def _head_each(objects: ObjectStore, wanted: Iterable[str]) -> dict[str, StoredObject | None]:
    return {key: objects.head(key) for key in dict.fromkeys(wanted)}
