"""What is owed to measurements without an index: an attempt to make one, or the end of all attempts."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from chalicelib.core.measurements.limits import INDEXED_IN_PASSING_BYTES, MOST_ATTEMPTS
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle.actions import (
    Action,
    IndexLargeMeasurements,
    IndexMeasurements,
    Quarantine,
    RequestIndex,
)
from chalicelib.core.settle.policy import Policy
from chalicelib.core.upload import Receipt


def owed_to_measurements(picture: Picture, now: datetime, policy: Policy) -> Iterator[Action]:
    """An attempt for each version without an index; quarantine once all attempts are used up and surely over."""
    if not may_index(picture):
        return
    for receipt in picture.unindexed:
        yield from _owed(picture, receipt, now, policy)


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
    elif receipt.size_bytes <= INDEXED_IN_PASSING_BYTES:
        yield IndexMeasurements(receipt)
    else:
        yield IndexLargeMeasurements(receipt)
        if not may_be_running:
            yield RequestIndex(receipt)
