"""Tokens: who is calling, in which role, for which project. Decided here and nowhere else."""

import hashlib
import hmac
from datetime import datetime
from enum import Enum

from msgspec import Struct

from chalicelib.core import ids
from chalicelib.core.errors import NO_SESSION, NotAuthenticated, NotFound, NotPermitted
from chalicelib.core.ids import DeviceId, TokenId
from chalicelib.core.session import Session

ALL_PROJECTS = "*"


class Role(Enum):
    DEVICE = "device"
    PROCESSOR = "processor"
    OPERATOR = "operator"


class Token(Struct, frozen=True):
    """What is kept of a token: never the secret, only its digest."""

    token_id: TokenId
    role: Role
    project: str
    device_id: DeviceId | None
    digest: str
    created_at: datetime
    revoked_at: datetime | None = None


class Device(Struct, frozen=True):
    """An enrolled machine that hauls."""

    device_id: DeviceId
    name: str
    project: str
    enrolled_at: datetime


class Principal(Struct, frozen=True):
    """Who is calling; `token_id` is None for an operator's command, which has AWS credentials instead."""

    role: Role
    project: str
    device_id: DeviceId | None
    token_id: TokenId | None = None

    def may_see(self, session: Session) -> bool:
        """Whether `session` exists for this caller: own project, and for a device its own sessions."""
        if not self.is_of(session.project):
            return False
        return self.role is not Role.DEVICE or self.device_id == session.device_id

    def is_of(self, project: str) -> bool:
        """Whether the token is of `project`, or of all."""
        return self.project in (ALL_PROJECTS, project)

    def meant_project(self, named: str | None) -> str:
        """The project of a call: the one it names, else the token's own; `main` for a token of all projects.

        Raises InvalidRequest for an invalid project name, NotFound for a project that the token may not see.
        """
        if named is None:
            return ids.MAIN if self.project == ALL_PROJECTS else self.project
        if not self.is_of(ids.project(named)):
            raise NotFound(f"the token has no access to a project {named}")
        return named

    def demand(self, *roles: Role) -> None:
        """Raises NotPermitted unless the caller has one of `roles`."""
        if self.role not in roles:
            allowed = " or ".join(role.value for role in roles)
            raise NotPermitted(f"this call is for a {allowed}; the token is a {self.role.value}'s")

    def demand_sight(self, session: Session) -> None:
        """Raises NotFound when `session` lies outside what this caller may see."""
        if not self.may_see(session):
            raise NotFound(NO_SESSION)


def written(token_id: TokenId, secret: str) -> str:
    """The token as its holder keeps it: `t_….secret`."""
    return f"{token_id}.{secret}"


def parsed(text: str) -> tuple[TokenId, str]:
    """The id and the secret of a written token. Raises NotAuthenticated."""
    token_id, dot, secret = text.partition(".")
    if not dot or not token_id.startswith("t_") or not secret or len(text) > 200 or not text.isascii():
        raise NotAuthenticated("the Authorization header must be 'Bearer t_….…', as enrolment printed it")
    return TokenId(token_id), secret


def digest(secret: str) -> str:
    """What is kept of a secret; fast is right for 256 random bits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def principal(token: Token | None, secret: str) -> Principal:
    """The caller that `secret` proves to be the token's holder. Raises NotAuthenticated."""
    known = token.digest if token else digest("")
    # Compared even without such a token, so that the answer takes as long.
    proven = hmac.compare_digest(known, digest(secret))
    if token is None or not proven:
        raise NotAuthenticated("this token is not known; enrol the device again")
    if token.revoked_at:
        raise NotAuthenticated("this token was revoked; enrol the device again")
    return Principal(token.role, token.project, token.device_id, token.token_id)
