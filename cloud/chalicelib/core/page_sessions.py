"""Page sessions: who has a token shows it to the page once, and the browser keeps a cookie in place of it."""

import hmac
from datetime import datetime, timedelta

from msgspec import Struct

from chalicelib.core import tokens
from chalicelib.core.errors import NotAuthenticated
from chalicelib.core.ids import PageSessionId, TokenId
from chalicelib.core.times import DAY_S, HOUR_S, rfc3339
from chalicelib.core.tokens import PageSessionKey, Principal, Token

RENEW_S = 180
"""A use is recorded when the one on record is so old: so calls rarely write, and idle time may count so much more."""

_LONGEST_COOKIE = 300


class PageRules(Struct, frozen=True):
    """What a deployment decides about its page: `origins` are further ones that it is reached at."""

    idle_s: int = 8 * HOUR_S
    life_s: int = 7 * DAY_S
    origins: tuple[str, ...] = ()


class PageSession(Struct, frozen=True):
    """What is kept of a login: never the cookie's secret, only its digest.

    `secret_version` is that of the token's secret at the login: another secret of the token ends the page session.
    """

    token_id: TokenId
    page_session_id: PageSessionId
    digest: str
    secret_version: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime

    @property
    def key(self) -> PageSessionKey:
        return PageSessionKey(self.token_id, self.page_session_id)

    def must_be_renewed(self, now: datetime) -> bool:
        """Whether this use is to be recorded."""
        return now >= self.seen_at + timedelta(seconds=RENEW_S)


def written(key: PageSessionKey, secret: str) -> str:
    """The cookie's value: `p_….secret.t_…`. With the token's id, one read finds all that a call depends on."""
    return f"{key.page_session_id}.{secret}.{key.token_id}"


def parsed(text: str) -> tuple[PageSessionKey, str]:
    """The key and the secret of a cookie's value. Raises NotAuthenticated."""
    named, *rest = text.split(".")
    if len(text) > _LONGEST_COOKIE or not text.isascii() or len(rest) != 2 or not all((named, *rest)):
        raise NotAuthenticated("the cookie is none that the page gave out; log in again")
    secret, token_id = rest
    return PageSessionKey(TokenId(token_id), PageSessionId(named)), secret


def until(token: Token, rules: PageRules, now: datetime) -> datetime:
    """When a page session of `token` that begins now ends at the latest: with the token's secret, if that is sooner."""
    end = now + timedelta(seconds=rules.life_s)
    return min(end, token.expires_at) if token.expires_at else end


def principal(
    found: PageSession | None, token: Token | None, secret: str, idle_s: int, now: datetime
) -> Principal:
    """The caller whose cookie has `secret`; `token` is the one that the page session was opened with.

    Raises NotAuthenticated for a page session that is unknown, idle, over, or whose token is not good any more.
    """
    known = found.digest if found else tokens.digest("")
    # Compared even without such a page session, so that the answer takes as long.
    is_proven = hmac.compare_digest(known, tokens.digest(secret))
    if found is None or not is_proven:
        raise NotAuthenticated("there is no such page session, or somebody logged out; log in again")
    if now >= found.expires_at:
        raise NotAuthenticated(f"this page session ended at {rfc3339(found.expires_at)}; log in again")
    if now >= found.seen_at + timedelta(seconds=idle_s):
        raise NotAuthenticated("this page session was not used for too long; log in again")
    held = token.held if token else None
    if token is None or held is None or token.revoked_at:
        raise NotAuthenticated("the token of this page session was revoked; log in with another one")
    if held.version != found.secret_version:
        raise NotAuthenticated("the token of this page session has another secret now; log in with that one")
    if token.expires_at and now >= token.expires_at:
        raise NotAuthenticated(
            f"the token of this page session expired at {rfc3339(token.expires_at)}; log in with another one"
        )
    return Principal(
        token.role, token.project, token.device_id, token.token_id, held.version, page_session=found.key
    )
