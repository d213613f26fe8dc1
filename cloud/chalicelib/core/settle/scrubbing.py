"""Scrub idle originals: check at least once a week that S3 still has each of them.

A scrub judges only originals that should exist: it skips those that a cleanup removes or a restore brings back.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle.actions import Action, Repair, Scrubbed
from chalicelib.core.settle.facts import Facts
from chalicelib.core.settle.policy import Policy
from chalicelib.core.upload import Receipt, StoredObject


def scrub_at(picture: Picture, policy: Policy) -> datetime | None:
    """When to scrub the originals; None when none of them should exist."""
    standing = to_scrub(picture)
    if not standing:
        return None
    since = picture.session.scrubbed_at or min(receipt.verified_at for receipt in standing)
    return since + timedelta(seconds=policy.scrub_s)


def is_scrub_due(picture: Picture, now: datetime, policy: Policy) -> bool:
    due_at = scrub_at(picture, policy)
    return due_at is not None and now >= due_at


def to_scrub(picture: Picture) -> tuple[Receipt, ...]:
    """The receipts of the originals that should exist."""
    session = picture.session
    if session.state is SessionState.CLEANED or session.cleanup:
        return ()
    gone, restoring = picture.gone_versions, session.restoring
    return tuple(
        each
        for each in picture.originals
        if each.version_id not in gone and each.artifact_id not in restoring
    )


def owed_to_scrub(picture: Picture, facts: Facts, now: datetime, policy: Policy) -> Iterator[Action]:
    """Restore what is gone or replaced; the scrub ends once every original is proven."""
    standing = to_scrub(picture)
    if not is_scrub_due(picture, now, policy) or any(each.key not in facts.stored for each in standing):
        return
    found = {each.artifact_id: (each, facts.stored[each.key]) for each in standing}
    gone = tuple(artifact_id for artifact_id, (_, stored) in found.items() if stored is None)
    replaced = tuple(artifact_id for artifact_id, pair in found.items() if _is_replaced(*pair))
    if gone or replaced:
        named = [f"{what}: {', '.join(ids)}" for what, ids in (("gone", gone), ("replaced", replaced)) if ids]
        yield Repair((*gone, *replaced), f"originals that nobody here removed are {'; '.join(named)}"[:500])
    elif all(_is_proven(*pair) for pair in found.values()):
        yield Scrubbed()


def _is_replaced(receipt: Receipt, stored: StoredObject | None) -> bool:
    """Whether S3 shows another version under its key. Details that S3 omits are unknown and not a fault."""
    return stored is not None and stored.version_id != receipt.version_id


def _is_proven(receipt: Receipt, stored: StoredObject | None) -> bool:
    return bool(stored and receipt.is_kept_by(stored) and stored.upload_id == receipt.upload_id)
