"""What is owed to what landed: judged, given its place, copied there, and removed once its copy is proven."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from chalicelib.core.chapter import MOST_FILMS, Chapter
from chalicelib.core.landing import Landing, LandingState, awaited_until, fault_of
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle.actions import (
    AbortLanding,
    Action,
    DropLanding,
    EndLanding,
    Land,
    MoveLanding,
    RefuseLanding,
)
from chalicelib.core.settle.facts import Facts, LandingSeen
from chalicelib.core.settle.policy import Policy


def owed_to_landings(picture: Picture, facts: Facts, now: datetime, policy: Policy) -> Iterator[Action]:
    """What the landings that were looked at are owed, in the order of their opening.

    One film at a time is given its place: what the next one finds there depends on it.
    """
    is_placing = False
    for landing in picture.landings:
        seen = facts.landings.get(landing.landing_id)
        action = _owed(landing, seen, picture, now, policy) if seen else None
        if action is None or (is_placing and isinstance(action, MoveLanding)):
            continue
        is_placing = is_placing or isinstance(action, MoveLanding)
        yield action


def must_judge(landing: Landing, policy: Policy) -> bool:
    """Whether the bytes of what landed decide about it."""
    return landing.is_on_its_way and (policy.checks_films or landing.told_bytes is None)


def due_landings(picture: Picture, now: datetime, policy: Policy) -> tuple[Landing, ...]:
    """The landings that the reconciler looks at now."""
    return tuple(
        each
        for each in picture.landings
        if (at := landing_due_at(each, picture, now, policy)) is not None and at <= now
    )


def landing_due_at(landing: Landing, picture: Picture, now: datetime, policy: Policy) -> datetime | None:
    """When the reconciler must look at a landing; None when nothing of it is due by itself."""
    if not landing.owes:
        return None
    match landing.state:
        case LandingState.CANCELLED:
            return _undo_until(landing, policy)
        case LandingState.ARRIVING:
            # No call reports a form's object, or one whose completion lost its answer.
            return now if landing.is_form or landing.completing_at else landing.expires_at
        case LandingState.MOVED:
            return None if _is_being_copied(landing, picture) else now
    return now


def is_awaiting_films(picture: Picture, now: datetime) -> bool:
    """Whether more films may come to this session, so that it is not STORED yet."""
    if any(each.state is LandingState.LANDED for each in picture.landings):
        return True
    until = awaited_until(picture.landings)
    return until is not None and now < until


def _owed(
    landing: Landing, seen: LandingSeen, picture: Picture, now: datetime, policy: Policy
) -> Action | None:
    if landing.is_on_its_way:
        return _owed_on_its_way(landing, seen, now, policy)
    if landing.state is LandingState.LANDED:
        return _owed_once_landed(landing, picture)
    if landing.state is LandingState.MOVED:
        return _owed_once_moved(landing, seen, picture)
    return AbortLanding(landing.landing_id) if landing.owes_abort else None


def _owed_on_its_way(landing: Landing, seen: LandingSeen, now: datetime, policy: Policy) -> Action | None:
    stored = seen.stored
    if stored and landing.is_of(stored):
        if must_judge(landing, policy) and seen.film is None:
            return None  # it could not be read: look again
        fault = fault_of(landing, stored, seen.film)
        return RefuseLanding(landing.landing_id, fault) if fault else Land(landing.landing_id, stored)
    if landing.state is LandingState.CANCELLED and now >= _undo_until(landing, policy):
        return EndLanding(landing.landing_id, landing.reason or "")
    if landing.state is LandingState.ARRIVING and now >= landing.expires_at:
        return EndLanding(landing.landing_id, "its client was not heard from any more")
    return None


def _owed_once_landed(landing: Landing, picture: Picture) -> Action | None:
    assert landing.landed, "a landing that landed has its object on record"
    film = landing.film(landing.landed.size_bytes)
    known = next((each for each in picture.chapters if each.artifact_id == film.artifact_id), None)
    refusal = _why_without_place(landing, film, known, picture)
    if refusal:
        return RefuseLanding(landing.landing_id, refusal)
    latest = picture.latest_upload(film.artifact_id) if known else None
    if latest and latest.is_live:
        return None  # somebody else brings the same film: its end decides
    return MoveLanding(landing.landing_id)


def _why_without_place(
    landing: Landing, film: Chapter, known: Chapter | None, picture: Picture
) -> str | None:
    """Why the session has no place for the film; None when it has."""
    state = picture.session.state
    receipt = picture.receipt(film.artifact_id) if known else None
    if receipt and not landing.is_proven_by(receipt):
        return f"the session has another film of the name {landing.filename}"
    if receipt:
        return None
    if known and known.size_bytes != film.size_bytes:
        return (
            f"the session waits for a film {landing.filename} of {known.size_bytes} bytes, and this one has "
            f"{film.size_bytes}"
        )
    if state is not SessionState.OPEN:
        return (
            f"the session is {state.value} and takes no more films; put it into another session of its group"
        )
    if known is None and len(picture.chapters) >= MOST_FILMS:
        return f"a session of a browser has at most {MOST_FILMS} films"
    return None


def _owed_once_moved(landing: Landing, seen: LandingSeen, picture: Picture) -> Action | None:
    assert landing.upload_id, "a landing that moved names the upload that copies it"
    upload = picture.upload(landing.upload_id)
    if upload.receipt and landing.is_proven_by(upload.receipt):
        return DropLanding(landing.landing_id, seen.stored)
    if upload.is_live:
        return None
    return RefuseLanding(landing.landing_id, f"its copy ended without a receipt: {upload.reason}")


def _is_being_copied(landing: Landing, picture: Picture) -> bool:
    return any(each.upload_id == landing.upload_id and each.is_live for each in picture.uploads)


def _undo_until(landing: Landing, policy: Policy) -> datetime:
    return (landing.ended_at or landing.opened_at) + timedelta(seconds=policy.undo_s)
