"""Sessions whose films come from a browser: an operator opens one, adds films while it is OPEN, or takes one back."""

import logging
from collections.abc import Sequence

from chalicelib.core.chapter import MOST_FILMS, Chapter
from chalicelib.core.errors import Conflict, InvalidRequest, SessionDiffers, StateConflict, StorageBusy
from chalicelib.core.ids import BROWSER, ArtifactId, SessionId
from chalicelib.core.keys import BROWSER_FILMS
from chalicelib.core.order import Wish, add_minimum
from chalicelib.core.parts import plan_parts
from chalicelib.core.picture import Picture, film_differences, session_chapters
from chalicelib.core.session import Camera, Origin, Session, SessionState
from chalicelib.core.settle import Actor
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows.limits import demand_open
from chalicelib.flows.sessions import allowed_wish, view_session
from chalicelib.flows.settle import settle_session
from chalicelib.flows.store import ATTEMPTS, create, save
from chalicelib.ports import Ports

log = logging.getLogger(__name__)


def confirm_films(
    ports: Ports,
    principal: Principal,
    session_id: SessionId,
    camera: Camera,
    group: str | None,
    listed: Sequence[Chapter],
    wish: Wish | None,
) -> tuple[Picture, bool]:
    """The session with these films in this order, and whether it is new; a new one is ordered as `wish` says.

    `listed` names every film: those on record, and while the session is OPEN more of them. A wish without a reason to
    go below the deployment's minimum has the minimum added. Raises SessionDiffers when the session exists and says
    something else, or is none of a browser's; StateConflict for more films once it is not OPEN.
    """
    principal.demand(Role.OPERATOR)
    now = ports.clock.now()
    wanted = Session(session_id, BROWSER, camera, group, now)
    principal.demand_sight(wanted)
    wanted = wanted.ordered(_allowed(ports, principal, wish), now) if wish else wanted
    films = _demand_films(ports, listed)
    for _ in range(ATTEMPTS):
        known = ports.records.picture(session_id)
        try:
            if known is None:
                return _open(ports, principal, wanted, films), True
            return _extend(ports, known, wanted, films), False
        except Conflict:
            log.info("session written by another", extra={"session_id": session_id})
    raise StorageBusy(f"session {session_id} is being written by others; ask again")


def withdraw_film(
    ports: Ports, principal: Principal, session_id: SessionId, artifact_id: ArtifactId
) -> Picture:
    """The session without a film that never was verified, so that it waits for the others alone.

    Raises NotFound for one that it does not have, StateConflict for one that has or had a receipt, whose upload is
    live, or that is the only one.
    """
    principal.demand(Role.OPERATOR)
    for _ in range(ATTEMPTS):
        picture = view_session(ports, principal, session_id)
        demand_browsers(picture)
        film = picture.chapter(artifact_id)
        _demand_withdrawable(picture, film)
        try:
            save(ports, picture, chapters=[each for each in picture.chapters if each != film])
        except Conflict:
            log.info("session written by another", extra={"session_id": session_id})
            continue
        log.info("film withdrawn", extra={"session_id": session_id, "artifact_id": artifact_id})
        return settle_session(ports, session_id, Actor.API)
    raise StorageBusy(f"session {session_id} is being written by others; ask again")


def demand_browsers(picture: Picture) -> None:
    """Raises StateConflict for a session whose films do not come from a browser."""
    if picture.session.origin is not Origin.BROWSER:
        raise StateConflict(
            f"the films of session {picture.session.name} do not come from a browser; choose another session"
        )


def _allowed(ports: Ports, principal: Principal, asked: Wish) -> Wish:
    if asked.below_minimum_reason is None:
        return add_minimum(asked, ports.policy.required_outputs)
    return allowed_wish(ports, principal, asked)


def _demand_films(ports: Ports, listed: Sequence[Chapter]) -> tuple[Chapter, ...]:
    """`listed` as the films of a browser's session. Raises InvalidRequest, TooLarge."""
    films = session_chapters(listed)
    if len(films) > MOST_FILMS:
        raise InvalidRequest(f"a session of a browser has at most {MOST_FILMS} films, not {len(films)}")
    for film in films:
        if film.directory != BROWSER_FILMS:
            raise InvalidRequest(
                f"{film.name}: a browser's films are in the directory {BROWSER_FILMS}, as no card has it"
            )
        plan_parts(film.size_bytes, ports.policy.part_size_bytes)
    return films


def _open(ports: Ports, principal: Principal, wanted: Session, films: tuple[Chapter, ...]) -> Picture:
    ports.limits.demand_chapters(films)
    demand_open(ports, principal, wanted.project, "open_sessions")
    picture = create(ports, wanted, films)
    log.info("session opened", extra={"session_id": wanted.session_id, "chapters": len(films)})
    return picture


def _extend(ports: Ports, known: Picture, wanted: Session, films: tuple[Chapter, ...]) -> Picture:
    """The session, with the films that it does not have yet."""
    if known.session.origin is not Origin.BROWSER:
        raise SessionDiffers(
            f"session {wanted.name} is none of a browser's; choose another name",
            (f"its films come from: {known.session.origin.value}",),
        )
    found = film_differences(known, wanted, films)
    if found:
        raise SessionDiffers(f"session {wanted.name} has other facts on record; look at it again", found)
    if films == known.chapters:
        return known
    state = known.session.state
    if state is not SessionState.OPEN:
        raise StateConflict(
            f"the session is {state.value} and takes no more films; put them into another session of its group"
        )
    ports.limits.demand_chapters([each for each in films if each not in known.chapters])
    return save(ports, known, chapters=films)


def _demand_withdrawable(picture: Picture, film: Chapter) -> None:
    state, key = picture.session.state, film.key(picture.session.session_id)
    uploads = [each for each in picture.uploads if each.key == key]
    if state is not SessionState.OPEN:
        raise StateConflict(f"the session is {state.value}: its films stay as they are")
    if any(each.receipt for each in uploads):
        raise StateConflict(f"{film.name} has a receipt; what is stored stays in its session")
    if any(each.is_live for each in uploads):
        raise StateConflict(f"{film.name} is being uploaded; cancel that first")
    if len(picture.chapters) == 1:
        raise StateConflict(
            f"{film.name} is the only film; add the right one first, or fail the session with a reason"
        )
