"""What a cleanup would do to each session, gate by gate; nothing here writes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from chalicelib.core.cleanup import Arming, Doomed, Spent
from chalicelib.core.ids import ArtifactId, SessionId
from chalicelib.core.picture import Picture
from chalicelib.core.session import SessionState
from chalicelib.core.settle import Facts, gates
from chalicelib.core.settle.plausibility import unread
from chalicelib.flows.inspect_film import inspect_film
from chalicelib.flows.observe import observe_gates
from chalicelib.flows.store import load
from chalicelib.logs import without_secrets
from chalicelib.ports import Ports

ARMED = "armed"
"""The gate that is an operator's to open."""

Progress = Callable[[str], None]

_TELL_EVERY = 100


@dataclass(frozen=True)
class Kept:
    """Why a session's originals and intermediates may not go now, and which of them exist.

    `closed` has each closed gate by name, with its reason. `required` is what the present order requires;
    `left_out` is what an operator left out of the deployment's minimum, for `below_minimum_reason`. `level` is how
    surely the least known chapter is known, `agrees` whether all reads of all agree. `fault` is why the session could
    not be inspected.
    """

    session_id: SessionId
    state: str | None = None
    standing: tuple[Doomed, ...] = ()
    closed: Mapping[str, str] | None = None
    required: tuple[ArtifactId, ...] = ()
    left_out: tuple[ArtifactId, ...] = ()
    below_minimum_reason: str | None = None
    level: str | None = None
    agrees: bool = True
    fault: str | None = None

    @property
    def would_go(self) -> bool:
        """Whether nothing but the arming is between what exists and its cleanup."""
        return bool(self.standing) and self.closed is not None and not self.closed.keys() - {ARMED}


@dataclass(frozen=True)
class Plan:
    """All inspected sessions, with the values that apply to all of them.

    `spent` is today's (UTC), `minimum` what the deployment requires of every order.
    """

    arming: Arming | None
    spent: Spent
    limit: Spent
    minimum: tuple[ArtifactId, ...]
    sessions: tuple[Kept, ...]

    @property
    def going(self) -> tuple[Kept, ...]:
        return tuple(each for each in self.sessions if each.would_go)

    @property
    def total(self) -> Spent:
        """Objects and bytes of what would go."""
        doomed = [each for session in self.going for each in session.standing]
        return Spent(len(doomed), sum(each.size_bytes for each in doomed))

    @property
    def faults(self) -> tuple[Kept, ...]:
        return tuple(each for each in self.sessions if each.fault)


def plan(ports: Ports, named: Sequence[SessionId], progress: Progress) -> Plan:
    """The plan for the sessions that are `named`, or else for every PROCESSED one; by session id."""
    arming, spent = ports.records.arming(), ports.records.spent(ports.clock.now().date())
    wanted = dict.fromkeys(named) if named else sorted(ports.records.sessions())
    looked = watched(wanted, len(wanted), progress)
    found = [_kept(ports, session_id, is_named=bool(named)) for session_id in looked]
    policy, sessions = ports.policy, tuple(each for each in found if each)
    return Plan(arming, spent or Spent(), policy.cleanup_limit, policy.required_outputs, sessions)


def watched(
    sessions: Iterable[SessionId], number: int, progress: Progress, every: int = _TELL_EVERY
) -> Iterable[SessionId]:
    """`sessions`, with a line of progress after every so many."""
    for done, session_id in enumerate(sessions):
        if done and done % every == 0:
            progress(f"{done} of {number} sessions")
        yield session_id


def closed_gates(ports: Ports, picture: Picture) -> tuple[Mapping[str, str], tuple[Doomed, ...]]:
    """Every closed gate of the session with its reason, and what exists of what a cleanup takes."""
    facts = observe_gates(ports, picture, Facts())
    return gates.closed(picture, facts, ports.clock.now(), ports.policy), _standing(picture, facts)


def _gates_with_films(ports: Ports, picture: Picture) -> tuple[Mapping[str, str], tuple[Doomed, ...]]:
    """As `closed_gates`, with the films read that the reconciler would read next; nothing is recorded."""
    facts, now = observe_gates(ports, picture, Facts()), ports.clock.now()
    closed = gates.closed(picture, facts, now, ports.policy)
    waiting = unread(picture, facts)
    if waiting and not closed.keys() - {ARMED, gates.PLAUSIBLE}:
        facts = replace(facts, films=tuple(inspect_film(ports, picture, receipt) for receipt in waiting))
        closed = gates.closed(picture, facts, now, ports.policy)
    return closed, _standing(picture, facts)


def why(error: Exception) -> str:
    """The words for a session that could not be inspected or settled."""
    return without_secrets(str(error)) or type(error).__name__


def _kept(ports: Ports, session_id: SessionId, is_named: bool) -> Kept | None:
    """None for a session that nobody named and no cleanup is about."""
    try:
        picture = load(ports, session_id)
        state = picture.session.state
        if state is not SessionState.PROCESSED and not is_named:
            return None
        closed, standing = _gates_with_films(ports, picture)
    except Exception as error:  # noqa: BLE001 a door for each session: one that fails does not hide the others
        return Kept(session_id, fault=why(error))
    order = picture.session.order
    left_out, why_left_out = (order.wish.left_out, order.wish.below_minimum_reason) if order else ((), None)
    return Kept(
        session_id,
        state.value,
        standing,
        closed,
        picture.required,
        left_out,
        why_left_out,
        picture.level.value if picture.level else None,
        picture.agrees,
    )


def _standing(picture: Picture, facts: Facts) -> tuple[Doomed, ...]:
    """An intent on record takes what it names and nothing else; without one, all that is still as it was verified."""
    cleanup = picture.session.cleanup
    if cleanup is None:
        return gates.doomed(picture, facts)
    looked_at = ((each, facts.stored.get(each.key)) for each in cleanup.doomed)
    return tuple(each for each, stored in looked_at if stored and each.is_now(stored))
