"""Names of things, each its own type. Session ids are the caller's; all others are made here."""

import re
from typing import NewType

from chalicelib.core.errors import InvalidRequest

SessionId = NewType("SessionId", str)
UploadId = NewType("UploadId", str)
DeviceId = NewType("DeviceId", str)
TokenId = NewType("TokenId", str)
ArtifactId = NewType("ArtifactId", str)

_SESSION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_SERIAL = re.compile(r"[A-Za-z0-9]{1,40}")


def session_id(text: str) -> SessionId:
    """`text` as a session id: 1 to 100 of `A-Z a-z 0-9 . _ -`, the first a letter or digit.

    Raises InvalidRequest.
    """
    if not _SESSION_ID.fullmatch(text):
        raise InvalidRequest(
            "a session id has 1 to 100 characters of A-Z, a-z, 0-9, '.', '_' and '-', "
            "and begins with a letter or a digit"
        )
    return SessionId(text)


def project(text: str) -> str:
    """`text` as a project's name: 1 to 40 of `a-z 0-9 -`, the first a letter or digit.

    Raises InvalidRequest.
    """
    if not _PROJECT.fullmatch(text):
        raise InvalidRequest(
            "a project has 1 to 40 characters of a-z, 0-9 and '-', and begins with a letter or a digit"
        )
    return text


def serial(text: str) -> str:
    """`text` as a camera's serial: 1 to 40 letters and digits of ASCII. Raises InvalidRequest."""
    if not _SERIAL.fullmatch(text):
        raise InvalidRequest("a camera's serial has 1 to 40 letters and digits")
    return text
