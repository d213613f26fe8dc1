"""Limits as they are asked: before something new begins. What has begun is never stopped by one."""

import logging
from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct

from chalicelib.core import limits
from chalicelib.core.errors import TooManyRequests
from chalicelib.core.limits import Quota, Window, Windowed
from chalicelib.core.session import SessionState
from chalicelib.core.statistics.contribution import OPEN_UPLOADS, SESSIONS
from chalicelib.core.statistics.counts import Counts
from chalicelib.core.tokens import Principal, Role
from chalicelib.ports import Ports

log = logging.getLogger(__name__)

OPEN_DAYS = 90
"""Sessions of so many days count: an older one that is still open waits for a person."""

WAIT_FOR_ROOM_S = 60
"""What a caller is told to wait for something open to end, which happens at no known time."""

OPEN: Mapping[str, str] = {"open_sessions": SESSIONS[SessionState.OPEN], "open_uploads": OPEN_UPLOADS}
"""The counters of what is open, by the figure of a Quota."""


class Owned(Struct, frozen=True):
    """Whose limits: `scope` is what the answer calls it, `quota` its limits."""

    scope: str
    owner: str
    quota: Quota
    counts_by_device: bool


class Used(Struct, frozen=True):
    """One limit: `most` and `used` are None where there is no limit, `used` too where nobody counts."""

    scope: str
    what: str
    most: int | None
    used: int | None
    window_s: int | None


def demand_open(ports: Ports, principal: Principal, project: str, what: str) -> None:
    """Raises TooManyRequests when no other of `what` (a key of OPEN) may be open.

    Calls of the same moment do not see one another: a few more than the limit may be open.
    """
    for owned in _owners(ports, principal, project):
        most = getattr(owned.quota, what)
        if most is None or (owned.counts_by_device and principal.role is not Role.DEVICE):
            continue
        count = _counts(ports, principal, project, owned).get(OPEN[what], 0)
        if count >= most:
            raise _refused(owned, what, most, WAIT_FOR_ROOM_S)


def spend(ports: Ports, principal: Principal, project: str, what: Windowed, amount: int = 1) -> None:
    """Count `amount` in the present windows. Raises TooManyRequests, and has counted nothing, when one is full."""
    now = ports.clock.now()
    counted: list[Window] = []
    for owned in _owners(ports, principal, project):
        most = getattr(owned.quota, what.name)
        if most is None:
            continue
        window = limits.window(owned.owner, what, now)
        if not ports.records.use(window, amount, most):
            for each in counted:
                ports.records.give_back(each, amount)
            raise _refused(owned, what.name, most, window.wait_s(now))
        counted.append(window)


def tell(ports: Ports, principal: Principal, project: str) -> tuple[Used, ...]:
    """Every limit of the caller and of the project, and what of it is used now."""
    now = ports.clock.now()
    found = []
    for owned in _owners(ports, principal, project):
        counts: Counts | None = None
        for what in Quota.__struct_fields__:
            most = getattr(owned.quota, what)
            window = None if what in OPEN else limits.window(owned.owner, Windowed[what], now)
            used = None
            if most is not None and window is not None and what != Windowed.calls_a_minute.name:
                used = ports.records.used(window)
            elif (
                most is not None
                and what in OPEN
                and not (owned.counts_by_device and principal.device_id is None)
            ):
                counts = _counts(ports, principal, project, owned) if counts is None else counts
                used = counts.get(OPEN[what], 0)
            found.append(Used(owned.scope, what, most, used, window.what.value if window else None))
    return tuple(found)


def _owners(ports: Ports, principal: Principal, project: str) -> list[Owned]:
    """Whose limits a call counts against; none for an operator's command."""
    caller = limits.caller_of(principal)
    if caller is None:
        return []
    scope = "device" if principal.role is Role.DEVICE else "token"
    return [
        Owned(scope, caller, ports.limits.caller, counts_by_device=True),
        Owned("project", limits.project_of(project), ports.limits.project, counts_by_device=False),
    ]


def _counts(ports: Ports, principal: Principal, project: str, owned: Owned) -> Counts:
    first = (ports.clock.now() - timedelta(days=OPEN_DAYS)).date()
    device_id = principal.device_id if owned.counts_by_device else None
    return ports.records.counts(project, device_id, first, None)


def _refused(owned: Owned, what: str, most: int, wait_s: int) -> TooManyRequests:
    log.warning("limit reached", extra={"limit": what, "scope": owned.scope, "most": most})
    words = what.replace("_", " ")
    return TooManyRequests(
        f"this {owned.scope} has reached its limit of {most} {words}; GET /v1/limits tells all of them. "
        "nothing is lost: what has begun goes on, and this call succeeds later",
        wait_s,
    )
