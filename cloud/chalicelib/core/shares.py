"""Share links: who has one may watch one session for a while, and do nothing else."""

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core import ids, tokens
from chalicelib.core.errors import InvalidRequest, NotAuthenticated, NotFound, StateConflict
from chalicelib.core.ids import SessionId, ShareId, TokenId
from chalicelib.core.times import DAY_S, rfc3339
from chalicelib.core.tokens import Principal, Role, Token

MOST_OPEN = 20
"""Shares of one session that are good at a time; calls of the same moment may make a few more."""

MOST_KEPT = 100
"""Shares of one session on record, those included that ended within the last `KEPT_S`."""

KEPT_S = 30 * DAY_S
"""How long a share stays on record after its end, so that people see who had access."""

SHORTEST_S = 60
_BEGINS = "s_"


class Share(Struct, frozen=True):
    """What is kept of a share link: never its secret, only the digest. It is good while its maker's token is."""

    share_id: ShareId
    session_id: SessionId
    digest: str
    label: str
    made_by: TokenId
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether it lets anybody in, as long as its maker's token is good."""
        return self.revoked_at is None and now < self.expires_at

    @property
    def kept_until(self) -> datetime:
        """When the table may forget it."""
        return (self.revoked_at or self.expires_at) + timedelta(seconds=KEPT_S)

    def revoked(self, now: datetime) -> "Share":
        """The share, good for nothing from now on; one that was revoked before stays as it is."""
        return self if self.revoked_at else replace(self, revoked_at=now)

    def demand_good(self, maker: Token | None, now: datetime) -> None:
        """Raises NotAuthenticated for a link that is over, was revoked, or whose maker's token is not good any more."""
        if self.revoked_at:
            raise NotAuthenticated("this link was revoked; ask for another one")
        if now >= self.expires_at:
            raise NotAuthenticated(f"this link expired at {rfc3339(self.expires_at)}; ask for another one")
        is_over = maker is not None and maker.expires_at is not None and now >= maker.expires_at
        if maker is None or maker.revoked_at or is_over:
            raise NotAuthenticated("the token that made this link is not good any more; ask for another link")


def is_of_a_share(text: str) -> bool:
    """Whether a written token is a share link's."""
    return text.startswith(_BEGINS)


def parsed(text: str) -> tuple[ShareId, str]:
    """The id and the secret of a link's token, `s_….secret`. Raises NotAuthenticated."""
    share_id, dot, secret = text.partition(".")
    if not dot or not is_of_a_share(share_id) or not secret or len(text) > 200 or not text.isascii():
        raise NotAuthenticated(
            "this link is not complete, or the page did not make it; ask for the link again"
        )
    return ShareId(share_id), secret


def until(now: datetime, ttl_s: int, longest_s: int) -> datetime:
    """When a share made now ends. Raises InvalidRequest for a time that no share has."""
    if not SHORTEST_S <= ttl_s <= longest_s:
        raise InvalidRequest(f"$.ttl_s: a link is good for {SHORTEST_S} to {longest_s} seconds, not {ttl_s}")
    return now + timedelta(seconds=ttl_s)


def demand_room(known: Sequence[Share], now: datetime) -> None:
    """Raises StateConflict when a session with these shares gets no further one."""
    if sum(each.is_open(now) for each in known) >= MOST_OPEN:
        raise StateConflict(f"this session has {MOST_OPEN} links that are good; revoke one first")
    if len(known) >= MOST_KEPT:
        raise StateConflict(
            f"this session had {MOST_KEPT} links within {KEPT_S // DAY_S} days; use one of those, or a viewer's token"
        )


def proven(share: Share | None, secret: str) -> Share:
    """The share that `secret` proves. Raises NotAuthenticated alike for an unknown share and a wrong secret."""
    known = share.digest if share else tokens.digest("")
    # Compared even without such a share, so that the answer takes as long.
    is_proven = hmac.compare_digest(known, tokens.digest(secret))
    if share is None or not is_proven:
        raise NotAuthenticated("this link is not known, or a part of it is missing; ask for it again")
    return share


def demanded(share: Share | None, session_id: SessionId) -> Share:
    """The share, if it is of that session. Raises NotFound."""
    if share is None or share.session_id != session_id:
        raise NotFound("this session has no link with this id")
    return share


def holder(share: Share) -> Principal:
    """Who has the link: a caller that sees one session."""
    project = ids.project_of(share.session_id)
    return Principal(Role.SHARE, project, None, TokenId(share.share_id), only_session=share.session_id)
