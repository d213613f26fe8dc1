"""The one decision: what a session is owed, given what is recorded and what the world shows.

An event, an API call and the reconciler all ask `settle`; each then carries out only what its role allows
(`ALLOWED`) and leaves the rest as due work. Table by table in `docs/architecture.md`.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from chalicelib.core.landing import awaited_until
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle.actions import (
    ALLOWED,
    Abort,
    AbortLanding,
    Action,
    Actor,
    Clean,
    Complete,
    ComputeChecksum,
    ConfirmOutputs,
    CopyParts,
    Displace,
    Doubt,
    DropChecksumCopy,
    DropLanding,
    EndLanding,
    EndRestore,
    Expire,
    Fail,
    Finish,
    GiveUp,
    IndexLargeMeasurements,
    IndexMeasurements,
    Inspect,
    Land,
    Lose,
    MoveLanding,
    PlanCleanup,
    Process,
    Quarantine,
    Recall,
    RecordScan,
    RefuseLanding,
    Reject,
    Remove,
    RemoveIndex,
    RemoveRemains,
    Repair,
    RequestIndex,
    Rest,
    Scrubbed,
    SendOrder,
    StartRestore,
    Store,
    Verify,
    VerifyOutput,
    Wake,
    Withdraw,
)
from chalicelib.core.settle.at_rest import owed_to_damage
from chalicelib.core.settle.cleaning import last_look_at, owed_to_cleanup
from chalicelib.core.settle.facts import Facts, LandingSeen, Observation
from chalicelib.core.settle.landings import (
    due_landings,
    is_awaiting_films,
    landing_due_at,
    must_judge,
    owed_to_landings,
)
from chalicelib.core.settle.measurements import (
    owed_to_measurements,
    owed_to_old_revisions,
    removal_times,
    to_index,
)
from chalicelib.core.settle.outputs import (
    awaits_outputs,
    fault_on_record,
    is_processed,
    owed_for_outputs,
)
from chalicelib.core.settle.policy import Policy
from chalicelib.core.settle.restoring import owed_to_restore
from chalicelib.core.settle.scrubbing import owed_to_scrub, scrub_at
from chalicelib.core.settle.uploads import (
    assembled,
    due_uploads,
    is_being_cleared,
    may_be_assembling,
    owed_to_uploads,
    rest_until,
    undo_until,
    upload_due_at,
)

__all__ = [
    "ALLOWED",
    "Abort",
    "AbortLanding",
    "Action",
    "Actor",
    "Clean",
    "Complete",
    "ComputeChecksum",
    "ConfirmOutputs",
    "CopyParts",
    "Displace",
    "Doubt",
    "DropChecksumCopy",
    "DropLanding",
    "EndLanding",
    "EndRestore",
    "Expire",
    "Facts",
    "Fail",
    "Finish",
    "GiveUp",
    "IndexLargeMeasurements",
    "IndexMeasurements",
    "Inspect",
    "Land",
    "LandingSeen",
    "Lose",
    "MoveLanding",
    "Observation",
    "PlanCleanup",
    "Policy",
    "Process",
    "Quarantine",
    "Recall",
    "RecordScan",
    "RefuseLanding",
    "Reject",
    "Remove",
    "RemoveIndex",
    "RemoveRemains",
    "Repair",
    "RequestIndex",
    "Rest",
    "Scrubbed",
    "SendOrder",
    "StartRestore",
    "Store",
    "Verify",
    "VerifyOutput",
    "Wake",
    "Withdraw",
    "assembled",
    "due_at",
    "due_landings",
    "due_uploads",
    "is_being_cleared",
    "look_again_at",
    "may_be_assembling",
    "must_judge",
    "rest_until",
    "settle",
    "undo_until",
]


def settle(picture: Picture, facts: Facts, now: datetime, policy: Policy) -> tuple[Action, ...]:
    """What the session is owed now, in the order in which to do it; empty when nothing is.

    `facts` holds what was inspected. Nothing is decided about the rest.
    """
    # Alone: nothing else is decided on a receipt that proves nothing any more.
    damage = tuple(owed_to_damage(picture))
    if damage:
        return damage
    of_cleanup = tuple(owed_to_cleanup(picture, facts, now, policy))
    # Beside an intent or a marker only uploads of sidecars can be owed anything: they wait for the next look.
    is_removing = any(isinstance(action, PlanCleanup | Clean) for action in of_cleanup)
    owed = (
        *(() if is_removing else owed_to_landings(picture, facts, now, policy)),
        *(() if is_removing else owed_to_uploads(picture, facts, now, policy)),
        *_owed_to_order(picture, now),
        # Before the measurements: even if these stop their reader, a restore continues.
        *owed_to_restore(picture, facts, now, policy),
        *owed_to_measurements(picture, now, policy),
        *owed_for_outputs(picture, facts, now, policy),
        *of_cleanup,
        # Last: a removal that S3 refuses stops nothing else.
        *owed_to_old_revisions(picture, now, policy),
    )
    # A scrub's actions come alone: its findings are recorded before anything else is decided.
    return tuple(owed_to_scrub(picture, facts, now, policy)) or owed


def due_at(picture: Picture, now: datetime, policy: Policy) -> datetime | None:
    """When the reconciler must look at this session (again); None when nothing is left to do for it."""
    return min([*_times(picture, now, policy), *_patient_times(picture, policy)], default=None)


def look_again_at(picture: Picture, now: datetime, policy: Policy) -> datetime | None:
    """When to look again at a session that was due, and for which there is nothing more to do now."""
    later = now + timedelta(seconds=policy.cleanup_patience_s)
    patient = [later if at <= now else at for at in _patient_times(picture, policy)]
    return min([*_times(picture, now, policy), *patient], default=None)


def _times(picture: Picture, now: datetime, policy: Policy) -> Iterator[datetime]:
    """The times when work is due, other than those of `_patient_times`."""
    yield from (upload_due_at(upload, picture, now, policy) for upload in picture.uploads if upload.owes)
    yield from _landing_times(picture, now, policy)
    if _is_at_work(picture, now):
        yield now
    yield from removal_times(picture, policy)
    cleanup = picture.session.cleanup
    rests_until = cleanup.rests_until(policy.cleanup_patience_s) if cleanup else None
    if rests_until and picture.session.state is SessionState.PROCESSED:
        yield rests_until
    last_look = last_look_at(picture, policy)
    if last_look:
        yield last_look


def _patient_times(picture: Picture, policy: Policy) -> Iterator[datetime]:
    """When work is due that may have to be tried again: a cleanup, and a scrub of the originals."""
    for at in (_grace_ends_at(picture, policy), scrub_at(picture, policy)):
        if at:
            yield at


def _landing_times(picture: Picture, now: datetime, policy: Policy) -> Iterator[datetime]:
    """When landings are due, and when their session awaits no more films."""
    due = (landing_due_at(each, picture, now, policy) for each in picture.landings)
    yield from (at for at in due if at)
    until = awaited_until(picture.landings)
    if until and picture.session.state is SessionState.OPEN and picture.chapters and not picture.missing:
        yield until


def _is_at_work(picture: Picture, now: datetime) -> bool:
    session = picture.session
    is_stored, is_processed_now = (
        session.state is state for state in (SessionState.STORED, SessionState.PROCESSED)
    )
    return bool(
        _owed_to_order(picture, now)
        or awaits_outputs(picture)
        or (is_stored and (is_processed(picture) or fault_on_record(picture)))
        or to_index(picture)
        or session.restoring
        or session.checksum_copy
        or any(owed_to_damage(picture))
        or (is_processed_now and session.cleanup and not session.cleanup.refusal)
    )


def _grace_ends_at(picture: Picture, policy: Policy) -> datetime | None:
    """When a processed session may be cleaned at the earliest; None when a person must speak first."""
    session = picture.session
    if session.state is not SessionState.PROCESSED or session.processed_at is None:
        return None
    if session.held or session.restoring or picture.quarantined or session.has_import_order:
        return None
    return session.processed_at + timedelta(seconds=policy.grace_s)


def _owed_to_order(picture: Picture, now: datetime) -> tuple[Action, ...]:
    if picture.chapters and not picture.missing and picture.session.state is SessionState.OPEN:
        return () if is_awaiting_films(picture, now) else (Store(),)
    is_owed = picture.session.owes_order and not picture.missing and not is_processed(picture)
    return (SendOrder(),) if is_owed else ()
