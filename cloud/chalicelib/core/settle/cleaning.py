"""What is owed to a session whose originals may go: intent first, then markers, then proof that they are gone."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from chalicelib.core.cleanup import Cleanup
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle import gates, plausibility
from chalicelib.core.settle.actions import Action, Clean, ConfirmOutputs, Finish, Inspect, PlanCleanup, Recall
from chalicelib.core.settle.facts import Facts
from chalicelib.core.settle.policy import Policy

FILMS_AT_ONCE = 20
"""The films that one look at a session reads; the next look reads further ones."""


def may_be_cleaned(picture: Picture, now: datetime, policy: Policy) -> bool:
    """Whether it is worth a look at S3: the record alone keeps no gate closed, or has an intent."""
    session = picture.session
    if session.state is not SessionState.PROCESSED:
        return False
    return session.cleanup is not None or not gates.closed_by_record(picture, now, policy)


def last_look_at(picture: Picture, policy: Policy) -> datetime | None:
    """When what was cleaned must be looked at before S3 purges it; None when it need not be.

    It counts from the intent: S3 counts from each marker, and the first may be days older than the last.
    """
    session = picture.session
    if session.cleanup is None or (session.state is SessionState.CLEANED and session.is_guarded):
        return None
    return session.cleanup.decided_at + timedelta(seconds=policy.last_look_s)


def is_last_look_due(picture: Picture, now: datetime, policy: Policy) -> bool:
    due_at = last_look_at(picture, policy)
    return due_at is not None and now >= due_at


def owed_to_cleanup(picture: Picture, facts: Facts, now: datetime, policy: Policy) -> Iterator[Action]:
    """The next steps of a cleanup; nothing while a gate is closed."""
    session = picture.session
    if session.state is SessionState.CLEANED:
        yield from _last_look(picture, facts, now, policy)
    elif session.state is not SessionState.PROCESSED or facts.bucket is None:
        return
    elif session.cleanup and _is_gone(session.cleanup, facts):
        yield Finish()
    elif is_last_look_due(picture, now, policy):
        # Stopped half way; what is gone already would be purged, and nobody would look any more.
        yield _recall(picture, "its cleanup did not finish in time")
    elif closed := gates.closed(picture, facts, now, policy):
        yield from _inspection(picture, facts, closed)
    elif session.cleanup is None:
        found = gates.doomed(picture, facts)
        if found:
            yield PlanCleanup(found, gates.evidence(picture))
    else:
        yield from _markers(session.cleanup, facts, now, policy)


def _inspection(picture: Picture, facts: Facts, closed: Mapping[str, str]) -> Iterator[Inspect]:
    """The next films to read, once every other gate is open."""
    waiting = plausibility.unread(picture, facts)
    if waiting and closed.keys() == {gates.PLAUSIBLE}:
        yield Inspect(waiting[:FILMS_AT_ONCE])


def _markers(cleanup: Cleanup, facts: Facts, now: datetime, policy: Policy) -> Iterator[Clean]:
    """As many removals as today's limit allows; none for a while after S3 refused one."""
    rests_until = cleanup.rests_until(policy.cleanup_patience_s)
    if rests_until and now < rests_until:
        return
    spent = facts.spent
    for each in cleanup.doomed:
        stored = facts.stored.get(each.key)
        if stored is None or not each.is_now(stored):
            continue
        if spent is None or not spent.leaves(policy.cleanup_limit, each.size_bytes):
            return
        spent = spent.with_one_more(each.size_bytes)
        yield Clean(each)


def _is_gone(cleanup: Cleanup, facts: Facts) -> bool:
    """Whether every key of the intent was looked at and shows no object."""
    return all(each.key in facts.stored and facts.stored[each.key] is None for each in cleanup.doomed)


def _last_look(picture: Picture, facts: Facts, now: datetime, policy: Policy) -> Iterator[Action]:
    seen = all(receipt.key in facts.stored for receipt in gates.evidence(picture))
    if not seen or not is_last_look_due(picture, now, policy):
        return
    lost = gates.lost_outputs(picture, facts)
    if lost:
        yield _recall(picture, f"it is no longer what was verified: {', '.join(lost)}")
    elif picture.differing:
        differing = ", ".join(each.artifact_id for each in picture.differing)
        yield _recall(picture, f"two reads of the card differ, and no operator accepted that: {differing}")
    elif gates.clocks_apart(facts, now, policy) is None:
        # By a clock that is ahead it would be over long before the purge, and nobody would look again.
        yield ConfirmOutputs()


def _recall(picture: Picture, why: str) -> Recall:
    originals = tuple(chapter.artifact_id for chapter in picture.chapters)
    return Recall(originals, f"restored because {why}"[:500])
