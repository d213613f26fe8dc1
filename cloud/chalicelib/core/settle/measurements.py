"""What is owed to measurements: an attempt to index them, the end of all attempts, the end of what is replaced."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from chalicelib.core.ids import ArtifactId
from chalicelib.core.measurements.index import Index, IndexAttempts, revision_of
from chalicelib.core.measurements.limits import INDEXED_IN_PASSING_BYTES, MOST_ATTEMPTS
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle.actions import (
    Action,
    IndexLargeMeasurements,
    IndexMeasurements,
    Quarantine,
    RemoveIndex,
    RemoveRemains,
    RequestIndex,
)
from chalicelib.core.settle.policy import Policy
from chalicelib.core.upload import Receipt


def owed_to_measurements(picture: Picture, now: datetime, policy: Policy) -> Iterator[Action]:
    """An attempt for each version without an index of the present format; quarantine once all attempts are surely over.

    An index of an older format is made once more in any state, by the function alone: a round has other work.
    """
    for receipt in to_index(picture):
        if not _is_being_removed(picture, receipt):
            yield from _owed(picture, receipt, now, policy)


def to_index(picture: Picture) -> tuple[Receipt, ...]:
    """The versions of which an index is to be made."""
    return (*(picture.unindexed if may_index(picture) else ()), *picture.outdated)


def _is_being_removed(picture: Picture, receipt: Receipt) -> bool:
    """Whether what an attempt writes would be removed beside it: first the removal must end."""
    index = picture.index_at(receipt.artifact_id, revision_of(receipt.version_id))
    return index is not None and index.is_being_removed


def may_index(picture: Picture) -> bool:
    """Whether measurements are indexed in the session's state; those of an import are in any."""
    session = picture.session
    return session.state in (SessionState.STORED, SessionState.PROCESSED) or session.has_import_order


def _owed(picture: Picture, receipt: Receipt, now: datetime, policy: Policy) -> Iterator[Action]:
    attempts = picture.session.attempts_at(receipt.version_id)
    may_be_running = attempts is not None and now < attempts.last_at + timedelta(seconds=policy.in_flight_s)
    if attempts and attempts.count >= MOST_ATTEMPTS:
        if not may_be_running:
            yield Quarantine(receipt, f"{attempts.count} attempts to index it came to nothing")
    elif receipt.size_bytes <= INDEXED_IN_PASSING_BYTES and receipt not in picture.outdated:
        yield IndexMeasurements(receipt)
    else:
        yield IndexLargeMeasurements(receipt)
        if not may_be_running:
            yield RequestIndex(receipt)


def owed_to_old_revisions(picture: Picture, now: datetime, policy: Policy) -> Iterator[Action]:
    """The removal of indexes that were replaced some time ago, and of what abandoned attempts left."""
    for index, at in _removals(picture, policy):
        if now >= at:
            yield RemoveIndex(index)
    for attempts, at in _abandoned(picture, policy):
        if now >= at:
            yield RemoveRemains(attempts.version_id, _artifact_of(picture, attempts.version_id))


def removal_times(picture: Picture, policy: Policy) -> Iterator[datetime]:
    """When something is owed to old revisions."""
    yield from (at for _, at in _removals(picture, policy))
    yield from (at for _, at in _abandoned(picture, policy))


def _removals(picture: Picture, policy: Policy) -> Iterator[tuple[Index, datetime]]:
    for index, since in picture.superseded():
        # What was begun is ended at once.
        yield index, since + timedelta(seconds=0 if index.removing_since else policy.superseded_s)


def _abandoned(picture: Picture, policy: Policy) -> Iterator[tuple[IndexAttempts, datetime]]:
    """Attempts at versions that need no index any more, and when none of them can be running."""
    wanted = {receipt.version_id for receipt in (*picture.unindexed, *picture.outdated)}
    for attempts in picture.session.attempts:
        if attempts.version_id not in wanted:
            yield attempts, attempts.last_at + timedelta(seconds=policy.in_flight_s)


def _artifact_of(picture: Picture, version_id: str) -> ArtifactId | None:
    by_upload = (upload.receipt for upload in picture.uploads)
    receipts = (receipt for receipt in (*picture.receipts, *by_upload) if receipt)
    return next((each.artifact_id for each in receipts if each.version_id == version_id), None)
