"""Enrolment codes: an operator makes one, and a device or program exchanges it once for a token."""

import hmac
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core import tokens
from chalicelib.core.errors import InvalidRequest, NotFound, StateConflict
from chalicelib.core.ids import CodeId, TokenId
from chalicelib.core.times import DAY_S, rfc3339

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that is read as a digit. Source: crockford.com/base32.html"""

CODE_LENGTH = 24
"""Characters of a code: eight name it, and sixteen, 80 random bits, prove it."""

USUAL_LIFE_S = DAY_S
LONGEST_LIFE_S = 30 * DAY_S
"""An unused code is as dangerous as a token, so it does not stay good for longer."""

_NAMING = 8
_GROUP = 4
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": "", " ": ""})


class Code(Struct, frozen=True):
    """What is kept of a code: never its secret, only the digest. It is good once, for the token that waits for it."""

    code_id: CodeId
    digest: str
    token_id: TokenId
    created_at: datetime
    expires_at: datetime
    exchanged_at: datetime | None = None

    def exchanged(self, now: datetime) -> "Code":
        """The code, spent."""
        return replace(self, exchanged_at=now)

    def demand_unspent(self, now: datetime) -> None:
        """Raises StateConflict for a code that was exchanged already, or whose time is over."""
        if self.exchanged_at:
            raise StateConflict(
                f"this code was used at {rfc3339(self.exchanged_at)}, and a code is good once; ask for another code"
            )
        if now >= self.expires_at:
            raise StateConflict(f"this code expired at {rfc3339(self.expires_at)}; ask for another code")


def written(characters: str) -> str:
    """24 characters as a person reads them out: `7K3Q-M2XA-…`, six groups of four."""
    return "-".join(characters[at : at + _GROUP] for at in range(0, CODE_LENGTH, _GROUP))


def parsed(text: str) -> tuple[CodeId, str]:
    """The id and the secret of a written code; small letters, spaces, and O for 0 are understood.

    Raises InvalidRequest, never with the code.
    """
    read = text.upper().translate(_READ_AS)
    if len(read) != CODE_LENGTH or not set(read) <= set(ALPHABET):
        raise InvalidRequest(
            "a code has 24 letters and digits in groups of four, as the operator's command printed it"
        )
    return CodeId(read[:_NAMING]), read[_NAMING:]


def until(now: datetime, life_s: int) -> datetime:
    """When a code made now ends. Raises InvalidRequest for a life that no code has."""
    if not 1 <= life_s <= LONGEST_LIFE_S:
        raise InvalidRequest(f"a code is good for 1 to {LONGEST_LIFE_S} seconds, not {life_s}")
    return now + timedelta(seconds=life_s)


def proven(code: Code | None, secret: str) -> Code:
    """The code that `secret` proves. Raises NotFound alike for an unknown code and a wrong secret."""
    known = code.digest if code else tokens.digest("")
    # Compared even without such a code, so that the answer takes as long.
    is_proven = hmac.compare_digest(known, tokens.digest(secret))
    if code is None or not is_proven:
        raise NotFound("there is no such code; compare it with what the operator's command printed")
    return code
