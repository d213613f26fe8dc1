"""Keys of S3 objects: kind first, then the session. Only `[A-Za-z0-9._/=-]` occurs in them."""

import re

from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import SessionId, session_id

ORIGINALS = "originals/"

_PLAIN = re.compile(rb"[A-Za-z0-9._-]")


def escaped(name: str) -> str:
    """`name` with every byte outside `[A-Za-z0-9._-]` written as `=XX` (UTF-8, upper-case hex).

    No two names share an escape, and every event encoding reads it the same.
    """
    octets = (bytes([octet]) for octet in name.encode())
    return "".join(octet.decode() if _PLAIN.fullmatch(octet) else f"={octet[0]:02X}" for octet in octets)


def original_key(session: SessionId, directory: str, filename: str) -> str:
    """Where the chapter `directory/filename` of `session` is stored."""
    return f"{ORIGINALS}{session}/{escaped(directory)}/{escaped(filename)}"


def session_of(key: str) -> SessionId | None:
    """The session that an original's `key` belongs to, or None when the key is not one of ours."""
    head, _, rest = key.partition("/")
    name, slash, _ = rest.partition("/")
    if f"{head}/" != ORIGINALS or not slash:
        return None
    try:
        return session_id(name)
    except InvalidRequest:
        return None
