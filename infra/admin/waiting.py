"""What a session still waits for, in words: what somebody must do or time must bring, and what only keeps originals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.core.artifact import is_sidecar
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Facts
from chalicelib.core.settle.at_rest import remedy, undecided
from chalicelib.core.settle.gates import PLAUSIBLE
from chalicelib.core.settle.outputs import why_not_indexed
from chalicelib.core.settle.plausibility import unread
from infra.admin.cleanup_plan import ARMED

_PATIENT = (
    *(ARMED, "ordered-here", "grace-over", "grace-over-in-s3", "breaker"),
    *("not-held", "originals-finished", "originals-whole", "evidence-suffices"),
)
"""Gates that time or an operator opens; apart from them nothing is wrong and nothing is pending."""

_TOLD_OTHERWISE = ("nothing-open", "not-quarantined", "nothing-lost", "evidence-agrees")
"""Gates that say of a processed session what its uploads, restores, measurements, losses and reads say themselves."""


@dataclass(frozen=True)
class Owed:
    """One thing that a session waits for: `what` in one word, `why` in a sentence's end."""

    what: str
    why: str


def still_owed(picture: Picture, closed: Mapping[str, str], lost: Sequence[str]) -> tuple[Owed, ...]:
    """What the session waits for.

    `closed` are the closed gates of a PROCESSED session; `lost` are outputs that have changed or gone since its
    originals were cleaned.
    """
    return (
        *_on_the_way(picture),
        *_of_scans(picture),
        *_of_measurements(picture),
        *_of_uploads(picture),
        *_of_cleanup(picture, closed),
        *_of_evidence(lost),
    )


def kept_by(closed: Mapping[str, str]) -> Mapping[str, str]:
    """The closed gates that patience or an operator opens."""
    return {gate: why for gate, why in closed.items() if gate in _PATIENT}


def _on_the_way(picture: Picture) -> Iterator[Owed]:
    """Up to PROCESSED."""
    session, order = picture.session, picture.session.order
    if session.state is SessionState.FAILED:
        yield Owed("failed", f"{session.failure}; order it again")
    for lost in picture.lost:
        since = f"{lost.artifact_id}, since {lost.at:%Y-%m-%d %H:%M} UTC"
        yield Owed("lost", f"{since}: {lost.reason}; {remedy(picture, lost.artifact_id)}")
    for damage, receipt in undecided(picture):
        yield Owed("damaged", f"{receipt.artifact_id}: {damage.fault}; the next round decides what follows")
    for each in picture.differing:
        words = "; ".join(difference.words for difference in each.open_differences)
        yield Owed(
            "differs",
            f"{each.artifact_id}: {words}; keep the card, read it a third time, then accept --evidence",
        )
    if picture.missing:
        yield Owed("chapters", f"not verified: {', '.join(picture.missing)}")
    if order and order.is_import and picture.awaited:
        yield Owed("import", f"not imported yet: {', '.join(picture.awaited)}; run migrate again")
    elif session.state is SessionState.STORED and order:
        if order.sent_at is None and not order.is_import:
            yield (
                Owed("held", session.held)
                if session.held
                else Owed("order", f"number {order.number} not sent")
            )
        elif picture.awaited:
            yield Owed("outputs", f"order {order.number} has not made: {', '.join(picture.awaited)}")
        else:
            yield from (Owed("index", why) for why in [why_not_indexed(picture)] if why)


def _of_scans(picture: Picture) -> Iterator[Owed]:
    """What has no receipt because of its scan; an infected one is told as the hold or the failure that it is."""
    for scan in picture.scans():
        if not scan.is_infected:
            yield Owed("scan", scan.words)


def _of_measurements(picture: Picture) -> Iterator[Owed]:
    if picture.session.state is SessionState.PROCESSED and picture.unindexed:
        yield Owed("index", f"not yet inspected: {', '.join(each.artifact_id for each in picture.unindexed)}")
    if picture.outdated:
        names = ", ".join(each.artifact_id for each in picture.outdated)
        yield Owed("index", f"older than this release, asked for once more: {names}")
    for index in picture.quarantined:
        yield Owed("quarantined", f"{index.artifact_id}: {index.quarantine}")


def _of_uploads(picture: Picture) -> Iterator[Owed]:
    session = picture.session
    receipts = ((artifact_id, picture.receipt(artifact_id)) for artifact_id in session.restoring)
    gone = [
        artifact_id for artifact_id, each in receipts if each and each.version_id in picture.gone_versions
    ]
    if gone:
        yield Owed("restore", f"being copied: {', '.join(gone)}")
    elif session.restoring:
        yield Owed("restore", "all of it is restored; an old delete marker may still arrive")
    unproven = [each.upload_id for each in picture.uploads if each.unproven_since]
    if unproven:
        yield Owed(
            "unproven", f"S3 does not give the CRC64NVME of: {', '.join(unproven)}; may it use the key?"
        )
    told = {*picture.missing, *picture.awaited, *session.restoring}
    # Nobody waits for a sidecar: its upload ends by itself.
    waited_for = (each for each in picture.uploads if not is_sidecar(each.artifact_id))
    owing = [each.upload_id for each in waited_for if each.owes and each.artifact_id not in told]
    if owing:
        yield Owed("uploads", f"not ended: {', '.join(owing)}")


def _of_cleanup(picture: Picture, closed: Mapping[str, str]) -> Iterator[Owed]:
    """A cleanup that has begun must end; gates that neither time nor an operator opens need somebody to look."""
    told = [*_PATIENT, *_TOLD_OTHERWISE]
    if unread(picture, Facts()):
        # The reconciler reads the films once everything else is open.
        told.append(PLAUSIBLE)
    trouble = {gate: why for gate, why in closed.items() if gate not in told}
    if picture.session.state is not SessionState.PROCESSED:
        return
    if picture.session.cleanup:
        refusal = picture.session.cleanup.refusal
        refused = [refusal.reason] if refusal else []
        reasons = ", ".join([*refused, *(f"{gate} ({why})" for gate, why in closed.items())])
        yield Owed("cleanup", f"begun, not ended: {reasons or 'it continues'}")
        return
    yield from (Owed("cleanup", f"{gate}: {why}") for gate, why in trouble.items())


def _of_evidence(lost: Sequence[str]) -> Iterator[Owed]:
    if lost:
        yield Owed(
            "lost",
            f"no longer what was verified when the originals were cleaned: {', '.join(lost)}; "
            "restore the originals before S3 purges them",
        )
