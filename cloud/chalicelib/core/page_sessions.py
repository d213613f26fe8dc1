"""Page sessions: who has a token shows it to the page once, and the browser keeps a cookie in place of it."""

import hmac
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core import shares, tokens
from chalicelib.core.errors import NotAuthenticated
from chalicelib.core.ids import PageSessionId, ShareId, TokenId
from chalicelib.core.shares import Share
from chalicelib.core.times import DAY_S, HOUR_S, rfc3339
from chalicelib.core.tokens import PageSessionKey, Principal, Token

RENEW_S = 180
"""A use is recorded when the one on record is so old: so calls rarely write, and idle time may count so much more."""

_LONGEST_COOKIE = 300


class PageRules(Struct, frozen=True):
    """What a deployment decides about its page: `origins` are further ones that it is reached at.

    `share_longest_s` is how long a share link may be good.
    """

    idle_s: int = 8 * HOUR_S
    life_s: int = 7 * DAY_S
    share_longest_s: int = 7 * DAY_S
    origins: tuple[str, ...] = ()


class PageSession(Struct, frozen=True):
    """What is kept of a login: never the cookie's secret, only its digest.

    `token_id` is of the token that it was opened with, or that made the share `share_id` that it was opened with.
    `secret_version` is that of the token's secret at the login: another secret of the token ends the page session, but
    not that of a share.
    """

    token_id: TokenId
    page_session_id: PageSessionId
    digest: str
    secret_version: int
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    share_id: ShareId | None = None

    @property
    def key(self) -> PageSessionKey:
        return PageSessionKey(self.token_id, self.page_session_id, self.share_id)

    def must_be_renewed(self, now: datetime) -> bool:
        """Whether this use is to be recorded."""
        return now >= self.seen_at + timedelta(seconds=RENEW_S)


def written(key: PageSessionKey, secret: str) -> str:
    """The cookie's value: `p_….secret.t_…`, and `.s_…` of a share.

    With these ids one read finds all that a call depends on; the record decides whether they are the right ones.
    """
    of_share = f".{key.share_id}" if key.share_id else ""
    return f"{key.page_session_id}.{secret}.{key.token_id}{of_share}"


def parsed(text: str) -> tuple[PageSessionKey, str]:
    """The key and the secret of a cookie's value. Raises NotAuthenticated."""
    named, *rest = text.split(".")
    if (
        len(text) > _LONGEST_COOKIE
        or not text.isascii()
        or len(rest) not in (2, 3)
        or not all((named, *rest))
    ):
        raise NotAuthenticated("the cookie is none that the page gave out; log in again")
    secret, token_id, *of_share = rest
    share_id = ShareId(of_share[0]) if of_share else None
    return PageSessionKey(TokenId(token_id), PageSessionId(named), share_id), secret


def until(source_ends_at: datetime | None, rules: PageRules, now: datetime) -> datetime:
    """When a page session that begins now ends at the latest: with what it was opened with, if that is sooner."""
    end = now + timedelta(seconds=rules.life_s)
    return min(end, source_ends_at) if source_ends_at else end


class Known(Struct, frozen=True):
    """What is on record of a cookie: the page session, its token, and the share that the cookie names."""

    page_session: PageSession | None
    token: Token | None
    share: Share | None = None


def principal(known: Known, secret: str, idle_s: int, now: datetime) -> Principal:
    """The caller whose cookie has `secret`.

    Raises NotAuthenticated for a page session that is unknown, idle or over, or whose token or share is not good.
    """
    found = _proven(known.page_session, secret)
    if now >= found.expires_at:
        raise NotAuthenticated(f"this page session ended at {rfc3339(found.expires_at)}; log in again")
    if now >= found.seen_at + timedelta(seconds=idle_s):
        raise NotAuthenticated("this page session was not used for too long; log in again")
    if found.share_id is None:
        return _holder(found, known.token, now)
    share = known.share
    if share is None or share.share_id != found.share_id:
        raise NotAuthenticated("the link of this page session is not known any more; ask for another one")
    share.demand_good(known.token, now)
    return replace(shares.holder(share), page_session=found.key, login_ends_at=found.expires_at)


def _proven(found: PageSession | None, secret: str) -> PageSession:
    known = found.digest if found else tokens.digest("")
    # Compared even without such a page session, so that the answer takes as long.
    is_proven = hmac.compare_digest(known, tokens.digest(secret))
    if found is None or not is_proven:
        raise NotAuthenticated("this page session has ended or is not known; log in again")
    return found


def _holder(found: PageSession, token: Token | None, now: datetime) -> Principal:
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
        token.role,
        token.project,
        token.device_id,
        token.token_id,
        held.version,
        page_session=found.key,
        login_ends_at=found.expires_at,
    )
