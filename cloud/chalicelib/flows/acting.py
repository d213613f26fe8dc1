"""Who acts at this moment: every log line names it, and the ports of a call carry it to what it records."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from msgspec.structs import replace

from chalicelib.core.acting import Acting
from chalicelib.core.tokens import Principal
from chalicelib.flows.push import telling
from chalicelib.ports import Ports

_current: ContextVar[Acting | None] = ContextVar("acting", default=None)
"""Of this thread: `chalice local` answers calls in several."""


def current() -> Acting | None:
    """Who acts; None outside of every call and run."""
    return _current.get()


@contextmanager
def acting(who: Acting) -> Iterator[None]:
    """Within it `who` acts, or the caller that `identify` names then."""
    before = _current.set(who)
    try:
        yield
    finally:
        _current.reset(before)


def identify(principal: Principal) -> None:
    """From now on `principal` is known to make the call."""
    known = current()
    assert known, "no call is being answered"
    _current.set(known.by(principal))


def acting_ports(ports: Ports) -> Ports:
    """`ports` that know who acts at this moment, and of nothing that changed."""
    return replace(ports, acting=current() or ports.acting, changed=[] if ports.push else None)


@contextmanager
def running(ports: Ports, function: str, context: object) -> Iterator[Ports]:
    """Within it `function` acts: the ports for that. `context` is what Lambda tells of the run."""
    who = Acting.of_function(function, getattr(context, "aws_request_id", None))
    with acting(who), telling(acting_ports(ports)) as its_ports:
        yield its_ports
