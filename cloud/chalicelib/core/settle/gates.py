"""The gates of cleanup: every one must be open before an original is touched. Unknown means keep.

A gate answers why it is closed, or None when it is open. `RECORD` gates read the record alone, `WORLD` gates what S3
and the deployment show at this moment as well. All are asked again at every look; LAST_MOMENT are asked again right
before every single delete marker.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from chalicelib.core.artifact import is_sidecar
from chalicelib.core.cleanup import Doomed
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle import plausibility
from chalicelib.core.settle.at_rest import undecided
from chalicelib.core.settle.facts import Facts
from chalicelib.core.settle.outputs import why_not_indexed
from chalicelib.core.settle.policy import Policy
from chalicelib.core.upload import Receipt

PLAUSIBLE = "outputs-plausible"
"""The gate that needs films read; they are read once all other gates are open."""


class GateStates(Struct, frozen=True):
    """Each gate by what is known of it without a look at S3: closed and why, open, or asked with a look alone."""

    closed: Mapping[str, str]
    open: tuple[str, ...]
    asked_later: tuple[str, ...]


RecordGate = Callable[[Picture, datetime, Policy], str | None]
WorldGate = Callable[[Picture, Facts, datetime, Policy], str | None]


def _is_processed(picture: Picture, _now: datetime, _policy: Policy) -> str | None:
    state, failure = picture.session.state, picture.session.failure
    if state is SessionState.PROCESSED and failure is None:
        return None
    return failure or f"the session is {state.value}"


def _requires_outputs(picture: Picture, _now: datetime, _policy: Policy) -> str | None:
    return None if picture.required else "the session's order requires no output"


def _is_ordered_here(picture: Picture, _now: datetime, _policy: Policy) -> str | None:
    """Why an import alone allows no cleanup: nobody here asked for what the older system made, or checked it."""
    is_import = picture.session.has_import_order
    return "imported, and not ordered here: order the session first" if is_import else None


def _minimum_is_required(picture: Picture, _now: datetime, policy: Policy) -> str | None:
    """Why the order does not require the present minimum; the order may be older than the minimum."""
    order = picture.session.order
    lacking = order.wish.lacks(policy.required_outputs) if order else policy.required_outputs
    return f"the deployment requires it and the order does not: {', '.join(lacking)}" if lacking else None


def _outputs_are_verified(picture: Picture, _now: datetime, _policy: Policy) -> str | None:
    return f"not verified: {', '.join(picture.awaited)}" if picture.awaited else None


def _measurements_are_indexed(picture: Picture, _now: datetime, _policy: Policy) -> str | None:
    return why_not_indexed(picture)


def _chapters_are_verified(picture: Picture, _now: datetime, _policy: Policy) -> str | None:
    return f"not verified: {', '.join(picture.missing)}" if picture.missing or not picture.chapters else None


def _nothing_is_open(picture: Picture, _now: datetime, _policy: Policy) -> str | None:
    if picture.session.restoring:
        return f"being restored: {', '.join(picture.session.restoring)}"
    # A sidecar touches no key of what is cleaned, and nothing waits for it.
    owing = [each.upload_id for each in picture.uploads if each.owes and not is_sidecar(each.artifact_id)]
    return f"uploads are open: {', '.join(owing)}" if owing else None


def _is_not_held(picture: Picture, _now: datetime, _policy: Policy) -> str | None:
    return f"held: {picture.session.held}" if picture.session.held else None


def _nothing_is_quarantined(picture: Picture, _now: datetime, _policy: Policy) -> str | None:
    found = [f"{index.artifact_id} ({index.quarantine})" for index in picture.quarantined]
    if found:
        return f"quarantined: {', '.join(found)}"
    unknown = [receipt.artifact_id for receipt in picture.unindexed]
    return f"nobody looked yet whether it is poison: {', '.join(unknown)}" if unknown else None


def _originals_are_finished(picture: Picture, _now: datetime, _policy: Policy) -> str | None:
    """Whether each film was finished by its camera, or an operator looked at what was made of those that were not."""
    order = picture.session.order
    if order and order.accepted is not None:
        return None
    found = [chapter.name for chapter in picture.chapters if chapter.unfinished]
    return f"hauled unfinished, and no operator accepted the outputs: {', '.join(found)}" if found else None


def _nothing_is_lost(picture: Picture, _now: datetime, _policy: Policy) -> str | None:
    """Whether nothing of the session is damaged or gone, required or not."""
    lost = {each.artifact_id for each in picture.lost} | {
        receipt.artifact_id for _, receipt in undecided(picture)
    }
    return f"damaged or lost: {', '.join(sorted(lost))}" if lost else None


def _evidence_agrees(picture: Picture, _now: datetime, _policy: Policy) -> str | None:
    """Whether no second read of a card gave anything else, but for what an operator accepted."""
    found = [
        f"{each.artifact_id} ({difference.words})"
        for each in picture.differing
        for difference in each.open_differences
    ]
    return f"two reads differ, keep the card: {', '.join(found)}"[:1000] if found else None


def _evidence_suffices(picture: Picture, _now: datetime, policy: Policy) -> str | None:
    """Whether each chapter is known as surely as the deployment demands; one without a receipt is another gate's."""
    demanded = policy.require_evidence
    known = (picture.evidence(chapter.artifact_id) for chapter in picture.chapters)
    lacking = [
        f"{each.artifact_id} ({each.level.value})"
        for each in known
        if each and not each.level.reaches(demanded)
    ]
    return f"the deployment demands {demanded.value}: {', '.join(lacking)}"[:1000] if lacking else None


def _originals_are_whole(picture: Picture, _now: datetime, _policy: Policy) -> str | None:
    """Whether no original is a broken film but those that a device marked; these wait for an operator's word instead.

    An operator accepts outputs, and may not know of it: what can be repaired is kept all the same.
    """
    marked = {chapter.artifact_id for chapter in picture.chapters if chapter.unfinished}
    found = [
        f"{each.artifact_id} ({each.fault})"
        for each in picture.broken_films
        if each.artifact_id not in marked
    ]
    return f"broken, and kept for a repair: {', '.join(found)}"[:1000] if found else None


def _grace_is_over(picture: Picture, now: datetime, policy: Policy) -> str | None:
    began_at = picture.session.processed_at
    if began_at is None:
        return "nobody recorded when the grace began"
    ends_at = began_at + timedelta(seconds=policy.grace_s)
    return None if now >= ends_at else f"the grace ends at {ends_at:%Y-%m-%d %H:%M} UTC"


RECORD: Mapping[str, RecordGate] = {
    "processed": _is_processed,
    "outputs-required": _requires_outputs,
    "ordered-here": _is_ordered_here,
    "minimum-required": _minimum_is_required,
    "outputs-verified": _outputs_are_verified,
    "measurements-indexed": _measurements_are_indexed,
    "chapters-verified": _chapters_are_verified,
    "nothing-open": _nothing_is_open,
    "not-held": _is_not_held,
    "not-quarantined": _nothing_is_quarantined,
    "originals-finished": _originals_are_finished,
    "nothing-lost": _nothing_is_lost,
    "originals-whole": _originals_are_whole,
    "evidence-agrees": _evidence_agrees,
    "evidence-suffices": _evidence_suffices,
    "grace-over": _grace_is_over,
}


def _is_armed(_picture: Picture, facts: Facts, _now: datetime, _policy: Policy) -> str | None:
    if facts.arming is None:
        return "cleanup was never armed here: everything is kept"
    return None if facts.arming.is_armed else f"cleanup is disarmed: {facts.arming.reason}"


def _clocks_agree(_picture: Picture, facts: Facts, now: datetime, policy: Policy) -> str | None:
    return clocks_apart(facts, now, policy)


def _grace_is_over_in_s3(picture: Picture, facts: Facts, _now: datetime, policy: Policy) -> str | None:
    """By S3's clock alone, since the last required output was written, or an original was brought back."""
    if facts.bucket is None:
        return "S3's time is not known"
    for receipt in (*evidence(picture), *picture.cleanable):
        stored = facts.stored.get(receipt.key)
        if stored and facts.bucket.at < stored.modified_at + timedelta(seconds=policy.grace_s):
            return (
                f"{receipt.artifact_id} was written at {stored.modified_at:%Y-%m-%d %H:%M} UTC by S3's clock"
            )
    return None


def _outputs_stand(picture: Picture, facts: Facts, _now: datetime, _policy: Policy) -> str | None:
    lost = lost_outputs(picture, facts)
    return f"no longer what was verified: {', '.join(lost)}" if lost else None


def _bucket_keeps(_picture: Picture, facts: Facts, _now: datetime, policy: Policy) -> str | None:
    return facts.bucket.why_unfit(policy.restorable_days) if facts.bucket else "the bucket was not looked at"


def _originals_stand(picture: Picture, facts: Facts, _now: datetime, _policy: Policy) -> str | None:
    """Each original is exactly what was verified, or was removed under an intent of ours."""
    for chapter in picture.chapters:
        receipt = picture.receipt(chapter.artifact_id)
        if receipt is None or receipt.key not in facts.stored:
            return f"{chapter.name} was not looked at"
        stored = facts.stored[receipt.key]
        if stored is None and receipt.version_id not in picture.gone_versions:
            return f"{chapter.name} is gone, and nobody here removed it"
        if stored and not receipt.is_kept_by(stored):
            return f"another object is in the place of {chapter.name}"
    return None


def _outputs_are_plausible(picture: Picture, facts: Facts, _now: datetime, policy: Policy) -> str | None:
    return plausibility.doubts(picture, facts, policy)


def _breaker_holds(picture: Picture, facts: Facts, _now: datetime, policy: Policy) -> str | None:
    """The next object to be cleaned must fit into what today's limit leaves."""
    if facts.spent is None:
        return "what was cleaned today is not known"
    spent, limit = facts.spent, policy.cleanup_limit
    next_bytes = next((each.size_bytes for each in doomed(picture, facts)), 0)
    if spent.leaves(limit, next_bytes):
        return None
    return (
        f"{spent.objects} objects and {spent.size_bytes} bytes were cleaned today; the next one, of {next_bytes} "
        f"bytes, would pass the limit of {limit.objects} objects and {limit.size_bytes} bytes a day"
    )


WORLD: Mapping[str, WorldGate] = {
    "armed": _is_armed,
    "clocks-agree": _clocks_agree,
    "grace-over-in-s3": _grace_is_over_in_s3,
    "outputs-stand": _outputs_stand,
    "bucket-keeps": _bucket_keeps,
    "originals-stand": _originals_stand,
    PLAUSIBLE: _outputs_are_plausible,
    "breaker": _breaker_holds,
}


LAST_MOMENT = ("armed", "outputs-stand")


def closed_at_the_last_moment(
    picture: Picture, facts: Facts, now: datetime, policy: Policy
) -> dict[str, str]:
    """Those of LAST_MOMENT that have closed since the decision, with why."""
    answers = {name: WORLD[name](picture, facts, now, policy) for name in LAST_MOMENT}
    return {name: why for name, why in answers.items() if why}


def closed_by_record(picture: Picture, now: datetime, policy: Policy) -> dict[str, str]:
    """The gates that the record alone keeps closed, with why."""
    answers = {name: gate(picture, now, policy) for name, gate in RECORD.items()}
    return {name: why for name, why in answers.items() if why}


def states(picture: Picture, now: datetime, policy: Policy) -> GateStates | None:
    """How the gates stand by the record alone; None once the session is CLEANED: nothing waits for them any more."""
    if picture.session.state is SessionState.CLEANED:
        return None
    closed = closed_by_record(picture, now, policy)
    return GateStates(closed, tuple(name for name in RECORD if name not in closed), tuple(WORLD))


def closed(picture: Picture, facts: Facts, now: datetime, policy: Policy) -> dict[str, str]:
    """Every closed gate, with why; empty when the session may be cleaned at this moment."""
    answers = {name: gate(picture, facts, now, policy) for name, gate in WORLD.items()}
    return closed_by_record(picture, now, policy) | {name: why for name, why in answers.items() if why}


def clocks_apart(facts: Facts, now: datetime, policy: Policy) -> str | None:
    """Why our clock cannot be believed; None when S3's agrees."""
    if facts.bucket is None:
        return "S3's time is not known"
    apart_s = abs((now - facts.bucket.at).total_seconds())
    return None if apart_s <= policy.clock_tolerance_s else f"our clock and S3's are {apart_s:.0f} s apart"


def lost_outputs(picture: Picture, facts: Facts) -> tuple[str, ...]:
    """The required outputs whose keys do not show the pinned version; what was not looked at counts as lost."""
    pinned = {receipt.artifact_id: receipt for receipt in evidence(picture)}
    lost = []
    for artifact_id in picture.required:
        receipt = pinned.get(artifact_id)
        stored = facts.stored.get(receipt.key) if receipt else None
        if receipt is None or stored is None or not receipt.stands_as(stored) or stored.size_bytes < 1:
            lost.append(str(artifact_id))
    return tuple(lost)


def lost_evidence(picture: Picture, facts: Facts) -> tuple[str, ...]:
    """The outputs that allowed the recorded cleanup and have changed or gone; an uninspected one counts as lost."""
    cleanup = picture.session.cleanup
    evidence = ((receipt, facts.stored.get(receipt.key)) for receipt in (cleanup.evidence if cleanup else ()))
    return tuple(
        str(receipt.artifact_id)
        for receipt, stored in evidence
        if stored is None or not receipt.stands_as(stored)
    )


def doomed(picture: Picture, facts: Facts) -> tuple[Doomed, ...]:
    """The originals and intermediates that are exactly as they were verified."""
    return tuple(
        Doomed(
            receipt.artifact_id,
            receipt.key,
            receipt.version_id,
            stored.etag,
            receipt.size_bytes,
            receipt.crc64nvme,
        )
        for receipt in picture.cleanable
        if (stored := facts.stored.get(receipt.key)) and receipt.is_kept_by(stored)
    )


def evidence(picture: Picture) -> tuple[Receipt, ...]:
    """The receipts of all required outputs that have one."""
    found = (picture.receipt(artifact_id) for artifact_id in picture.required)
    return tuple(receipt for receipt in found if receipt)
