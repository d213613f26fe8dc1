"""Log in to the page and out of it, and find out who calls with a cookie."""

import logging

from chalicelib.core import page_sessions, tokens
from chalicelib.core.errors import NotAuthenticated
from chalicelib.core.page_sessions import PageRules, PageSession
from chalicelib.core.tokens import PageSessionKey, Principal, Role
from chalicelib.flows.devices import Registry
from chalicelib.ports import Ports

log = logging.getLogger(__name__)

WHO_LOGS_IN = (Role.OPERATOR, Role.VIEWER)


def log_in(ports: Ports, principal: Principal, rules: PageRules) -> tuple[PageSession, str]:
    """A new page session of the caller's token, and its cookie's value, which cannot be had again.

    Raises NotPermitted for a role that does not log in, NotAuthenticated for a secret that another one replaced.
    """
    principal.demand(*WHO_LOGS_IN)
    assert principal.token_id, "the door lets only tokens in"
    token, now = ports.records.token(principal.token_id), ports.clock.now()
    if token is None or token.held is None or token.held.version != principal.secret_version:
        raise NotAuthenticated("another secret replaced this one; log in with the token's present secret")
    secret = ports.ids.secret()
    made = PageSession(
        token.token_id,
        ports.ids.page_session_id(),
        tokens.digest(secret),
        principal.secret_version,
        now,
        now,
        page_sessions.until(token, rules, now),
    )
    ports.records.put_page_session(made)
    log.info("page session opened", extra={"page_session_id": made.page_session_id})
    return made, page_sessions.written(made.key, secret)


def find_caller(registry: Registry, cookie: str, rules: PageRules) -> Principal:
    """Who calls with this cookie: one read, and seldom a write that says that the page session is used.

    Raises NotAuthenticated.
    """
    now, (key, secret) = registry.clock.now(), page_sessions.parsed(cookie)
    found, token = registry.records.page_session(key)
    principal = page_sessions.principal(found, token, secret, rules.idle_s, now)
    if found and found.must_be_renewed(now):
        registry.records.renew_page_session(found, now)
    return principal


def view_page_session(ports: Ports, key: PageSessionKey) -> PageSession:
    """The page session of a caller. Raises NotAuthenticated when it ended meanwhile."""
    found, _ = ports.records.page_session(key)
    if found is None:
        raise NotAuthenticated("somebody logged out meanwhile; log in again")
    return found


def log_out(ports: Ports, key: PageSessionKey) -> None:
    """End a page session: its cookie is good for nothing from now on; one that ended already is success."""
    ports.records.forget_page_session(key)
    log.info("page session ended", extra={"page_session_id": key.page_session_id})
