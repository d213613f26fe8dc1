"""Log in to the page and out of it, and find out who calls with a cookie."""

import logging
from datetime import datetime

from msgspec import Struct

from chalicelib.core import audit, ids, page_sessions, tokens
from chalicelib.core.audit import Entry
from chalicelib.core.errors import NotAuthenticated, NotFound
from chalicelib.core.ids import ShareId, TokenId
from chalicelib.core.page_sessions import PageRules, PageSession
from chalicelib.core.tokens import PageSessionKey, Principal, Role, Token
from chalicelib.flows.devices import Registry
from chalicelib.flows.shares import entry_of
from chalicelib.ports import Ports

log = logging.getLogger(__name__)

WHO_LOGS_IN = (Role.OPERATOR, Role.VIEWER, Role.SHARE)


def log_in(ports: Ports, principal: Principal, rules: PageRules) -> tuple[PageSession, str]:
    """A new page session of who shows a token, and its cookie's value, which cannot be had again.

    The use of a share link is in the audit trail. Raises NotPermitted for a role that does not log in, NotAuthenticated
    for a secret that another one replaced.
    """
    principal.demand(*WHO_LOGS_IN)
    shown = _shown_link(ports, principal) if principal.role is Role.SHARE else _shown_token(ports, principal)
    secret, now = ports.ids.secret(), ports.clock.now()
    made = PageSession(
        shown.token_id,
        ports.ids.page_session_id(),
        tokens.digest(secret),
        principal.secret_version,
        now,
        now,
        page_sessions.until(shown.ends_at, rules, now),
        shown.share_id,
    )
    ports.records.put_page_session(made, shown.entry)
    log.info("page session opened", extra={"page_session_id": made.page_session_id})
    return made, page_sessions.written(made.key, secret)


class _Shown(Struct, frozen=True):
    """What somebody logs in with, and when that ends; None is without end."""

    token_id: TokenId
    ends_at: datetime | None
    share_id: ShareId | None = None
    entry: Entry | None = None


def _shown_token(ports: Ports, principal: Principal) -> _Shown:
    assert principal.token_id, "the door lets only tokens in"
    token = ports.records.token(principal.token_id)
    if token is None or token.held is None or token.held.version != principal.secret_version:
        raise NotAuthenticated("another secret replaced this one; log in with the token's present secret")
    return _Shown(token.token_id, token.expires_at)


def _shown_link(ports: Ports, principal: Principal) -> _Shown:
    assert principal.token_id, "the door lets only tokens in"
    share = ports.records.share(ShareId(principal.token_id))
    if share is None:
        raise NotAuthenticated("this link is not known any more; ask for another one")
    used = entry_of(ports, share, f"used for {ids.name_of(share.session_id)}: {share.label}")
    return _Shown(share.made_by, share.expires_at, share.share_id, used)


def find_caller(registry: Registry, cookie: str, rules: PageRules) -> Principal:
    """Who calls with this cookie: one read, and seldom a write that says that the page session is used.

    Raises NotAuthenticated.
    """
    now, (key, secret) = registry.clock.now(), page_sessions.parsed(cookie)
    known = registry.records.page_session(key)
    principal = page_sessions.principal(known, secret, rules.idle_s, now)
    found = known.page_session
    if found and found.must_be_renewed(now):
        registry.records.renew_page_session(found, now)
    return principal


def log_out(registry: Registry, key: PageSessionKey) -> None:
    """End a page session: its cookie is good for nothing from now on; one that ended already is success."""
    registry.records.forget_page_session(key)
    log.info("page session ended", extra={"page_session_id": key.page_session_id})


def list_logins(registry: Registry, token_id: TokenId) -> tuple[PageSession, ...]:
    """The page sessions on record of a token and of the share links that it made, the oldest first. Raises NotFound."""
    _token(registry, token_id)
    return registry.records.page_sessions(token_id)


def end_logins(registry: Registry, token_id: TokenId) -> tuple[PageSession, ...]:
    """The page sessions of `list_logins`, which are over now; token and links stay good. Raises NotFound."""
    token, found = _token(registry, token_id), registry.records.page_sessions(token_id)
    for each in found:
        log_out(registry, each.key)
    if found:
        done = audit.step("token", token_id, None, f"logins ended: {len(found)}")
        registry.records.note(audit.act(registry.acting, registry.clock.now(), token.project, done))
    return found


def _token(registry: Registry, token_id: TokenId) -> Token:
    token = registry.records.token(token_id)
    if token is None:
        # Not echoed: who pastes the whole token here would find its secret in a log.
        raise NotFound("there is no token with this id; the id of a token is the text before its dot")
    return token
