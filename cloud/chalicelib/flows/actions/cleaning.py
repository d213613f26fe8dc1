"""Carrying out a cleanup, and bringing back what was cleaned."""

import logging
from contextlib import suppress

from msgspec.structs import replace

from chalicelib.core.cleanup import Cleanup, Refusal
from chalicelib.core.errors import Conflict, NotFound, RemovalRefused, VersionGone
from chalicelib.core.events import Event
from chalicelib.core.film import Film
from chalicelib.core.parts import plan_parts
from chalicelib.core.picture import Picture
from chalicelib.core.session import Lost
from chalicelib.core.settle import (
    Clean,
    ConfirmOutputs,
    EndRestore,
    Finish,
    Inspect,
    PlanCleanup,
    Recall,
    StartRestore,
)
from chalicelib.core.settle.facts import Facts
from chalicelib.core.settle.gates import closed_at_the_last_moment, evidence
from chalicelib.core.settle.plausibility import known_films
from chalicelib.core.settle.restoring import PURGED, is_purged
from chalicelib.core.upload import Receipt
from chalicelib.flows.create_upload import create_upload
from chalicelib.flows.inspect_film import inspect_film
from chalicelib.flows.store import demand_unwritten, report, save
from chalicelib.ports import Ports


def inspect(ports: Ports, picture: Picture, action: Inspect) -> Picture:
    """Read films and record them; a failed read or the end of time loses nothing that was read before."""
    found: list[Film] = []
    try:
        for receipt in action.receipts:
            found.append(inspect_film(ports, picture, receipt))
    finally:
        films = known_films(picture, found)
        picture = save(ports, picture, session=picture.session.inspected(films)) if found else picture
    faults = {film.artifact_id: film.fault for film in found if film.fault}
    level = logging.WARNING if faults else logging.INFO
    return report(ports, picture, Event.FILMS_INSPECTED, level, films=len(found), faults=faults)


def plan_cleanup(ports: Ports, picture: Picture, action: PlanCleanup) -> Picture:
    cleanup = Cleanup(ports.clock.now(), action.doomed, action.evidence)
    picture = save(ports, picture, session=picture.session.intending(cleanup))
    size_bytes = sum(each.size_bytes for each in action.doomed)
    return report(ports, picture, Event.CLEANUP_INTENDED, objects=len(action.doomed), size_bytes=size_bytes)


def clean(ports: Ports, picture: Picture, action: Clean) -> Picture:
    """Write a delete marker over exactly the object that the recorded intent names. Raises Conflict.

    Right before the marker the flow checks the record, the kill switch and the outputs once more, and counts the
    removal: a crash counts too much, never too little. A refused removal counts once a day and is retried later.
    The tag comes before the marker: S3 never purges a hidden version without the tag.
    """
    doomed, cleanup = action.doomed, picture.session.cleanup
    if cleanup is None or doomed not in cleanup.doomed:
        raise Conflict("no intent on record names this object; decide again")
    rests_until = cleanup.rests_until(ports.policy.cleanup_patience_s)
    if rests_until and ports.clock.now() < rests_until:
        return picture
    demand_unwritten(ports, picture)
    now = ports.clock.now()
    closed = closed_at_the_last_moment(picture, _look_once_more(ports, picture), now, ports.policy)
    if closed:
        return report(ports, picture, Event.CLEANUP_STOPPED, logging.WARNING, closed=closed)
    is_counted = cleanup.has_counted(doomed, now.date())
    if not is_counted and not ports.records.spend(now.date(), doomed.size_bytes, ports.policy.cleanup_limit):
        return report(ports, picture, Event.CLEANUP_LIMITED, logging.WARNING, key=doomed.key)
    try:
        ports.objects.tag_cleaned(doomed.key, doomed.version_id)
        ports.objects.remove(doomed.key, doomed.etag)
    except RemovalRefused as refused:
        refusal = Refusal(doomed.version_id, now, str(refused))
        return _record_refusal(ports, picture, replace(cleanup, refusal=refusal), refusal.reason)
    ports.metrics.count(Event.BYTES_CLEANED, doomed.size_bytes)
    return report(ports, picture, Event.OBJECT_CLEANED, key=doomed.key, version_id=doomed.version_id)


def _record_refusal(ports: Ports, picture: Picture, cleanup: Cleanup, reason: str) -> Picture:
    picture = save(ports, picture, session=picture.session.intending(cleanup))
    return report(ports, picture, Event.CLEANUP_REFUSED, logging.ERROR, reason=reason)


def finish(ports: Ports, picture: Picture, _: Finish) -> Picture:
    session = picture.session.after_cleanup(ports.clock.now())
    return report(ports, save(ports, picture, session=session), Event.SESSION_CLEANED)


def confirm_outputs(ports: Ports, picture: Picture, _: ConfirmOutputs) -> Picture:
    """Record that the last look found every output; S3 may purge what stayed away in an earlier restore as well."""
    intent = picture.session.cleanup
    named = {each.version_id for each in intent.doomed} if intent else set()
    for receipt in picture.restorable:
        if receipt.version_id not in named:
            with suppress(VersionGone):
                ports.objects.tag_cleaned(receipt.key, receipt.version_id)
    return report(ports, save(ports, picture, session=picture.session.guarded()), Event.CLEANUP_GUARDED)


def recall(ports: Ports, picture: Picture, action: Recall) -> Picture:
    session = picture.session.bringing_back(action.artifact_ids, action.reason, ports.clock.now())
    picture = save(ports, picture, session=session)
    return report(ports, picture, Event.CLEANUP_RECALLED, logging.ERROR, reason=action.reason)


def start_restore(ports: Ports, picture: Picture, action: StartRestore) -> Picture:
    """Open an upload whose parts are copied from the verified version; it can be completed as nothing else.

    S3 purges nothing of the session until it is cleaned again.
    """
    receipt = picture.receipt(action.artifact_id)
    if receipt is None:
        raise NotFound(f"{action.artifact_id} was never verified: there is nothing to restore")
    plan = plan_parts(receipt.size_bytes, ports.policy.restore_part_size_bytes)
    crc, version_id = receipt.crc64nvme, receipt.version_id
    # What is not wanted back as well: the restore ends the cleanup, and no last look comes before S3 would purge it.
    for each in (receipt, *picture.restorable):
        _keep(ports, each)
    picture, _ = create_upload(ports, picture, receipt.artifact_id, plan, claim=crc, copies=version_id)
    return report(ports, picture, Event.RESTORE_BEGUN, artifact_id=receipt.artifact_id)


def end_restore(ports: Ports, picture: Picture, action: EndRestore) -> Picture:
    """End a restore: keep the present version; let S3 purge a cleaned version that it was copied from."""
    receipt = picture.receipt(action.artifact_id)
    if receipt and action.stands == receipt.version_id:
        _keep(ports, receipt)
        _let_go_of_copied(ports, picture, receipt)
    session = picture.session.brought_back(action.artifact_id, action.stands)
    is_ours = receipt is not None and receipt.version_id in picture.gone_versions
    if receipt and action.stands is None and is_purged(picture, receipt) and not is_ours:
        lost = Lost(action.artifact_id, receipt.version_id, PURGED, ports.clock.now())
        return _report_loss(ports, save(ports, picture, session=session.losing(lost)), lost)
    picture = save(ports, picture, session=session)
    level = logging.INFO if action.stands else logging.ERROR
    return report(
        ports, picture, Event.RESTORE_ENDED, level, artifact_id=action.artifact_id, version_id=action.stands
    )


def _report_loss(ports: Ports, picture: Picture, lost: Lost) -> Picture:
    return report(
        ports,
        picture,
        Event.ORIGINAL_LOST,
        logging.ERROR,
        artifact_id=lost.artifact_id,
        version_id=lost.version_id,
        reason=lost.reason,
    )


def _keep(ports: Ports, receipt: Receipt) -> None:
    """Keep S3 from purging the version; if S3 purged it already, a copy of it will fail."""
    with suppress(VersionGone):
        ports.objects.untag_cleaned(receipt.key, receipt.version_id)


def _let_go_of_copied(ports: Ports, picture: Picture, receipt: Receipt) -> None:
    """Let S3 purge the cleaned version that was copied to the present one: its bytes are there twice."""
    copied = picture.upload(receipt.upload_id).copies if receipt.upload_id else None
    if copied in picture.session.cleaned and copied != receipt.version_id:
        with suppress(VersionGone):
            ports.objects.tag_cleaned(receipt.key, copied)


def _look_once_more(ports: Ports, picture: Picture) -> Facts:
    stored = {receipt.key: ports.objects.head(receipt.key) for receipt in evidence(picture)}
    return Facts(stored=stored, arming=ports.records.arming())
