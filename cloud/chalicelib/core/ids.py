"""Names of things, each its own type. Names of sessions are the caller's; all others are made here."""

import re
from typing import NewType

from chalicelib.core.errors import InvalidRequest

SessionId = NewType("SessionId", str)
"""`PROJECT/NAME`, such as `main/match-17`: a name is unique within its project. Neither half may hold a slash."""

UploadId = NewType("UploadId", str)
DeviceId = NewType("DeviceId", str)
TokenId = NewType("TokenId", str)
CodeId = NewType("CodeId", str)
PageSessionId = NewType("PageSessionId", str)
ShareId = NewType("ShareId", str)
ArtifactId = NewType("ArtifactId", str)

MAIN = "main"
"""The project of a call that names none."""

BROWSER = DeviceId("browser")
"""The device of sessions whose films come from browsers. It has no token, so that no device sees these sessions."""

_SESSION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PROJECT = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_DEVICE_ID = re.compile(r"[A-Za-z0-9_-]{1,60}")
_SERIAL = re.compile(r"[A-Za-z0-9]{1,40}")


def session_id(project_name: str, name: str) -> SessionId:
    """The id of the session `name` of a project; a name has 1 to 100 of `A-Z a-z 0-9 . _ -`, first a letter or digit.

    Raises InvalidRequest.
    """
    if not _SESSION_NAME.fullmatch(name):
        raise InvalidRequest(
            "a session id has 1 to 100 characters of A-Z, a-z, 0-9, '.', '_' and '-', "
            "and begins with a letter or a digit"
        )
    return SessionId(f"{project(project_name)}/{name}")


def parsed_session_id(text: str) -> SessionId:
    """The id that `PROJECT/NAME` is. Raises InvalidRequest."""
    project_name, _, name = text.partition("/")
    return session_id(project_name, name)


def parsed_device_id(text: str) -> DeviceId:
    """`text` as a device's id. Raises InvalidRequest."""
    if not _DEVICE_ID.fullmatch(text):
        raise InvalidRequest("must be a device's id like d_…")
    return DeviceId(text)


def project_of(session: SessionId) -> str:
    """The project's half of a session's id."""
    return session.split("/")[0]


def name_of(session: SessionId) -> str:
    """The session's own half of its id: what its project calls it."""
    return session.split("/")[1]


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
