"""Codes and rotation: the holder makes the secret and sends its digest, so that a repeated call acts once."""

import hmac
import logging
from datetime import timedelta

from chalicelib.core import audit, enrolment, tokens
from chalicelib.core.audit import Entry
from chalicelib.core.enrolment import Code
from chalicelib.core.errors import Conflict, NotFound, StateConflict, StorageBusy
from chalicelib.core.ids import TokenId
from chalicelib.core.times import DAY_S, rfc3339
from chalicelib.core.tokens import Device, Secrets, Token
from chalicelib.flows.devices import Grant, Registry, demand_grantable, enlist_token
from chalicelib.ports import Ports

log = logging.getLogger(__name__)

OVERLAP_S = DAY_S
"""How long a secret is still good after a rotation: whoever reads the same file has a day to read it again."""

_ATTEMPTS = 3


def invite(registry: Registry, grant: Grant, life_s: int) -> tuple[Device | None, Code, str]:
    """The device, the code, and how it is written, which cannot be shown again; it is good once, for `life_s`.

    The token is there from now on, and nobody holds it before the exchange. Raises InvalidRequest, NotFound.
    """
    demand_grantable(registry, grant)
    now, written = registry.clock.now(), enrolment.written(registry.ids.code())
    code_id, secret = enrolment.parsed(written)
    end = enrolment.until(now, life_s)

    def code_for(token_id: TokenId) -> Code:
        return Code(code_id, tokens.digest(secret), token_id, now, end)

    device, token = enlist_token(registry, grant, None, code_for)
    log.info("code made", extra={"code_id": code_id, "token_id": token.token_id})
    return device, code_for(token.token_id), written


def exchange(ports: Ports, written: str, secret_digest: str) -> tuple[Device | None, Token, bool]:
    """The device and the token that a code is exchanged for, and whether that was done now.

    The token's secret is the caller's own, of which it sends the digest. The same code with the same digest answers the
    same token again: a reply that was lost costs nothing. Raises InvalidRequest, NotFound, StateConflict.
    """
    code_id, secret = enrolment.parsed(written)
    for _ in range(_ATTEMPTS):
        now = ports.clock.now()
        code = enrolment.proven(ports.records.code(code_id), secret)
        token = _token(ports, code.token_id)
        if token.secrets and code.exchanged_at and _is(token.secrets, secret_digest):
            return _device_of(ports, token), token, False
        code.demand_unspent(now)
        if token.revoked_at:
            raise StateConflict("what this code is for was revoked; ask for another code")
        try:
            entry = _entry(ports, token, "enrolled with its code")
            ports.records.put_secrets(code.token_id, Secrets(secret_digest, now), code.exchanged(now), entry)
        except Conflict:
            log.info("code exchanged by another", extra={"code_id": code_id})
            continue
        log.info("code exchanged", extra={"code_id": code_id, "token_id": token.token_id})
        return _device_of(ports, token), _token(ports, code.token_id), True
    raise StorageBusy("others exchange this code; ask again")


def rotate(ports: Ports, token_id: TokenId, version: int, secret_digest: str) -> tuple[Token, bool]:
    """The token with its holder's new secret, and whether that was recorded now; the one before ends after an overlap.

    `version` is that of the secret with which this is asked. The same digest again changes nothing. Raises
    StateConflict when another secret replaced the caller's: an old one cannot shut out who has the new one.
    """
    for _ in range(_ATTEMPTS):
        now, token = ports.clock.now(), _token(ports, token_id)
        held = token.held
        assert held, "who calls holds it"
        if _is(held, secret_digest):
            return token, False
        if held.version != version:
            raise StateConflict(
                f"another secret replaced this one at {rfc3339(held.made_at)}; use that one, or ask for a code"
            )
        overlap = now + timedelta(seconds=OVERLAP_S)
        until = min(overlap, token.expires_at) if token.expires_at else overlap
        try:
            entry = _entry(ports, token, f"rotated; the secret before is good until {rfc3339(until)}")
            ports.records.put_secrets(token_id, held.replaced(secret_digest, now, until), entry=entry)
        except Conflict:
            log.info("token rotated by another", extra={"token_id": token_id})
            continue
        log.info("token rotated", extra={"token_id": token_id})
        return _token(ports, token_id), True
    raise StorageBusy("others rotate this token; ask again")


def _token(ports: Ports, token_id: TokenId) -> Token:
    token = ports.records.token(token_id)
    if token is None:
        raise NotFound("there is no token of this code any more; ask for another code")
    return token


def _entry(ports: Ports, token: Token, what: str) -> Entry:
    done = audit.step("token", token.token_id, None, what)
    return audit.act(ports.acting, ports.clock.now(), token.project, done)


def _is(secrets: Secrets, digest: str) -> bool:
    return hmac.compare_digest(secrets.digest, digest)


def _device_of(ports: Ports, token: Token) -> Device | None:
    return ports.records.device(token.device_id) if token.device_id else None
