"""The audit trail: who changed what, when, by which call. An entry is written with what it tells of."""

from collections.abc import Callable, Iterator
from datetime import datetime

from msgspec import Struct

from chalicelib.core.acting import Acting
from chalicelib.core.evidence import Evidence
from chalicelib.core.ids import SessionId
from chalicelib.core.picture import Picture
from chalicelib.core.session import Session
from chalicelib.core.times import rfc3339
from chalicelib.core.upload import Upload

LONGEST_TEXT = 500
"""Characters of a state or a reason in the trail."""


class Step(Struct, frozen=True):
    """One thing that changed: what it was `before`, and is `after`; None is absent."""

    thing: str
    name: str | None = None
    before: str | None = None
    after: str | None = None


class Entry(Struct, frozen=True):
    """What one write changed, and who made it.

    With a session it tells of the write that made its `version`; without one, of an administrative act.
    """

    at: datetime
    acting: Acting
    project: str
    steps: tuple[Step, ...]
    session_id: SessionId | None = None
    version: int | None = None


def entry_of(before: Picture | None, after: Picture, acting: Acting, at: datetime) -> Entry | None:
    """The entry of a session's write; None when no state changed, as when the reconciler only looks later."""
    steps = tuple(_session_steps(before.session if before else None, after.session))
    steps += tuple(_chapter_steps(before, after))
    steps += tuple(_upload_steps(before, after))
    steps += tuple(_landing_steps(before, after))
    steps += tuple(_receipt_steps(before, after))
    steps += tuple(_evidence_steps(before.session if before else None, after.session))
    session = after.session
    return Entry(at, acting, session.project, steps, session.session_id, session.version) if steps else None


def act(acting: Acting, at: datetime, project: str, *steps: Step) -> Entry:
    """The entry of an administrative act; `*` is the project of what is about all of them."""
    return Entry(at, acting, project, steps)


def step(thing: str, name: str | None, before: str | None, after: str | None) -> Step:
    """A step whose texts are no longer than the trail keeps."""
    return Step(
        thing, name, before[:LONGEST_TEXT] if before else None, after[:LONGEST_TEXT] if after else None
    )


def _session_steps(before: Session | None, after: Session) -> Iterator[Step]:
    if before and before.device_id != after.device_id:
        yield step("device", None, before.device_id, after.device_id)
    for thing, fact, tell in _TOLD:
        # What a write leaves as it was is the same value, and most writes leave most of it.
        if before and getattr(before, fact) is getattr(after, fact):
            continue
        was, now = tell(before) if before else None, tell(after)
        if was != now:
            yield step(thing, None, was, now)


def _order(session: Session) -> str | None:
    order = session.order
    if order is None:
        return None
    sent = f", sent at {rfc3339(order.sent_at)}" if order.sent_at else ""
    return f"number {order.number}{sent}: {', '.join(order.wish.required)}"


def _accepted(session: Session) -> str | None:
    return session.order.accepted if session.order else None


def _cleanup(session: Session) -> str | None:
    return f"intended at {rfc3339(session.cleanup.decided_at)}" if session.cleanup else None


_TOLD: tuple[tuple[str, str, Callable[[Session], str | None]], ...] = (
    ("session", "state", lambda session: session.state.value),
    ("failure", "failure", lambda session: session.failure),
    ("hold", "held", lambda session: session.held),
    ("order", "order", _order),
    ("accepted", "order", _accepted),
    ("cleanup", "cleanup", _cleanup),
    ("restore", "restoring", lambda session: ", ".join(session.restoring) or None),
    ("lost", "lost", lambda session: ", ".join(each.artifact_id for each in session.lost) or None),
    ("damage", "damage", lambda session: ", ".join(each.version_id for each in session.damage) or None),
)
"""The states of a session in the order of the trail: the word for each, its field, and how the trail tells it."""


def _chapter_steps(before: Picture | None, after: Picture) -> Iterator[Step]:
    """Of a browser's session, the films that were added or taken back; the first ones come with the session."""
    was = {each.name for each in before.chapters} if before else {each.name for each in after.chapters}
    now = {each.name for each in after.chapters}
    for name in sorted(was ^ now):
        yield step("film", name, *(("LISTED", None) if name in was else (None, "LISTED")))


def _upload_steps(before: Picture | None, after: Picture) -> Iterator[Step]:
    was = {each.upload_id: each for each in before.uploads} if before else {}
    for each in after.uploads:
        known = was.get(each.upload_id)
        if known is None or known.state is not each.state:
            name = f"{each.upload_id} of {each.artifact_id}"
            yield step("upload", name, known.state.value if known else None, _state(each))


def _landing_steps(before: Picture | None, after: Picture) -> Iterator[Step]:
    was = {each.landing_id: each for each in before.landings} if before else {}
    for each in after.landings:
        known = was.get(each.landing_id)
        if known is None or known.state is not each.state:
            now = f"{each.state.value}: {each.reason}" if each.reason else each.state.value
            name = f"{each.landing_id} of {each.filename}"
            yield step("landing", name, known.state.value if known else None, now)


def _state(upload: Upload) -> str:
    return f"{upload.state.value}: {upload.reason}" if upload.reason else upload.state.value


def _receipt_steps(before: Picture | None, after: Picture) -> Iterator[Step]:
    """Of what processors wrote themselves; the receipt of an upload is told by its state."""
    was = {each.key for each in before.receipts} if before else set()
    for each in after.receipts:
        if each.key not in was:
            yield step("output", each.artifact_id, None, "VERIFIED")


def _evidence_steps(before: Session | None, after: Session) -> Iterator[Step]:
    """Of each chapter about which something more is known."""
    for each in after.evidence:
        known = before.evidence_of(each.artifact_id) if before else Evidence(each.artifact_id)
        for fact in each.facts:
            if fact not in known.facts:
                yield step("evidence", each.artifact_id, None, fact)
        if known.level is not each.level:
            yield step("level", each.artifact_id, known.level.value, each.level.value)
