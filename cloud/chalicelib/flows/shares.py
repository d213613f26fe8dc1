"""Share links: make one for a session, list and revoke them, and find out who comes with one."""

import logging

from chalicelib.core import audit, ids, shares, tokens
from chalicelib.core.audit import Entry
from chalicelib.core.ids import SessionId, ShareId
from chalicelib.core.shares import Share
from chalicelib.core.tokens import Principal, Role
from chalicelib.flows.devices import Registry
from chalicelib.flows.sessions import view_session
from chalicelib.ports import Ports

log = logging.getLogger(__name__)


def create_share(
    ports: Ports, principal: Principal, session_id: SessionId, label: str, ttl_s: int, longest_s: int
) -> tuple[Share, str]:
    """A new share of the session and its token, which cannot be had again; it is good for `ttl_s`.

    Raises InvalidRequest, NotFound, NotPermitted, and StateConflict for a session with as many as it may have.
    """
    principal.demand(Role.OPERATOR)
    view_session(ports, principal, session_id)
    assert principal.token_id, "the door lets only tokens in"
    now, secret = ports.clock.now(), ports.ids.secret()
    end = shares.until(now, ttl_s, longest_s)
    shares.demand_room(ports.records.shares(session_id), now)
    digest = tokens.digest(secret)
    made = Share(ports.ids.share_id(), session_id, digest, label, principal.token_id, now, end)
    ports.records.put_share(made, entry_of(ports, made, f"made for {ids.name_of(session_id)}: {label}"))
    log.info("share made", extra={"session_id": session_id, "share_id": made.share_id})
    return made, f"{made.share_id}.{secret}"


def list_shares(ports: Ports, principal: Principal, session_id: SessionId) -> tuple[Share, ...]:
    """The session's shares, the newest first. Raises NotFound, NotPermitted."""
    principal.demand(Role.OPERATOR)
    view_session(ports, principal, session_id)
    return ports.records.shares(session_id)


def revoke_share(ports: Ports, principal: Principal, session_id: SessionId, share_id: ShareId) -> Share:
    """The share, which lets nobody in from now on; revoking it again changes nothing. Raises NotFound, NotPermitted."""
    principal.demand(Role.OPERATOR)
    view_session(ports, principal, session_id)
    found = shares.demanded(ports.records.share(share_id), session_id)
    revoked = found.revoked(ports.clock.now())
    if revoked != found:
        ports.records.put_share(revoked, entry_of(ports, revoked, "revoked"))
        log.info("share revoked", extra={"session_id": session_id, "share_id": share_id})
    return revoked


def find_holder(registry: Registry, written: str) -> Principal:
    """Who comes with this token of a link. Raises NotAuthenticated."""
    share_id, secret = shares.parsed(written)
    share = shares.proven(registry.records.share(share_id), secret)
    share.demand_good(registry.records.token(share.made_by), registry.clock.now())
    return shares.holder(share)


def entry_of(ports: Ports, share: Share, what: str) -> Entry:
    """The trail's entry of what is done with a share now."""
    done = audit.step("share", share.share_id, None, what)
    return audit.act(ports.acting, ports.clock.now(), ids.project_of(share.session_id), done)
