"""Upload passes: the right to upload films into one session, for a client that can send no header."""

import hmac
from datetime import datetime

from msgspec import Struct

from chalicelib.core import ids, tokens
from chalicelib.core.errors import NotAuthenticated
from chalicelib.core.ids import SessionId, TokenId
from chalicelib.core.times import DAY_S, HOUR_S, rfc3339
from chalicelib.core.tokens import Principal, Role, Token

USUAL_LIFE_S = 4 * HOUR_S
LONGEST_LIFE_S = DAY_S
_LONGEST = 200


class UploadPass(Struct, frozen=True):
    """What is kept of a pass: never its secret, only the digest. `token_id` is the token that it was made with."""

    pass_id: TokenId
    session_id: SessionId
    digest: str
    token_id: TokenId
    created_at: datetime
    expires_at: datetime


def written(pass_id: TokenId, secret: str) -> str:
    """The pass as it stands in an address."""
    return f"{pass_id}.{secret}"


def parsed(text: str) -> tuple[TokenId, str]:
    """The id and the secret of a written pass. Raises NotAuthenticated."""
    pass_id, dot, secret = text.partition(".")
    if not dot or not pass_id or not secret or len(text) > _LONGEST or not text.isascii():
        raise _unknown()
    return TokenId(pass_id), secret


def principal(found: UploadPass | None, token: Token | None, secret: str, now: datetime) -> Principal:
    """Who calls with a pass that has `secret`; `token` is the one that it was made with. Raises NotAuthenticated."""
    known = found.digest if found else tokens.digest("")
    # Compared even without such a pass, so that the answer takes as long.
    is_proven = hmac.compare_digest(known, tokens.digest(secret))
    if found is None or not is_proven:
        raise _unknown()
    if now >= found.expires_at:
        raise NotAuthenticated(f"this upload pass ended at {rfc3339(found.expires_at)}; get a new one")
    if token is None or token.revoked_at:
        raise NotAuthenticated("the token of this upload pass was revoked; get one with another token")
    return Principal(Role.OPERATOR, ids.project_of(found.session_id), None, found.pass_id)


def _unknown() -> NotAuthenticated:
    return NotAuthenticated("this upload pass is not known or has ended; get a new one")
