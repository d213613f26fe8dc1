"""Tokens: who is calling, in which role, for which project. Decided here and nowhere else."""

import hashlib
import hmac
from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct

from chalicelib.core import ids
from chalicelib.core.errors import NO_SESSION, NotAuthenticated, NotFound, NotPermitted, SessionAdopted
from chalicelib.core.ids import DeviceId, PageSessionId, SessionId, ShareId, TokenId
from chalicelib.core.session import Session
from chalicelib.core.times import rfc3339

ALL_PROJECTS = "*"


class Role(Enum):
    DEVICE = "device"
    PROCESSOR = "processor"
    OPERATOR = "operator"
    VIEWER = "viewer"
    """Reads what an operator reads, but no audit trail; changes nothing."""
    SHARE = "share"
    """Of who has a share link: sees one session; no token of an operator's command has this role."""


GRANTED = (Role.DEVICE, Role.PROCESSOR, Role.OPERATOR, Role.VIEWER)
"""The roles that an operator's command gives tokens."""

ONLY_LOOKING = (Role.VIEWER, Role.SHARE)
"""They may call what a route names them for, and nothing else."""


class Secrets(Struct, frozen=True):
    """The digests of the secrets that a token's holder made: the present one, and for a while the one before.

    `version` counts them: 1 is the first.
    """

    digest: str
    made_at: datetime
    version: int = 1
    before: str | None = None
    before_until: datetime | None = None

    def replaced(self, digest: str, now: datetime, until: datetime) -> "Secrets":
        """These secrets after a rotation: the present one is still good `until` then, the one before it ends now."""
        return Secrets(digest, now, self.version + 1, self.digest, until)


class Token(Struct, frozen=True):
    """What is kept of a token: never a secret, only digests.

    `digest` is of the secret that the operator's command made; None where the holder makes it, in exchange for a code.
    `secrets` are what the holder has made itself, and then they count alone. Each secret is good for `life_s`, or
    without end.
    """

    token_id: TokenId
    role: Role
    project: str
    device_id: DeviceId | None
    digest: str | None
    created_at: datetime
    revoked_at: datetime | None = None
    life_s: int | None = None
    secrets: Secrets | None = None

    @property
    def held(self) -> Secrets | None:
        """What its holder knows; None while a code for it is not exchanged."""
        if self.secrets or self.digest is None:
            return self.secrets
        return Secrets(self.digest, self.created_at, version=0)

    @property
    def expires_at(self) -> datetime | None:
        """When the present secret ends; None is without end, or not held yet."""
        held = self.held
        return held.made_at + timedelta(seconds=self.life_s) if held and self.life_s else None


class Device(Struct, frozen=True):
    """An enrolled machine that hauls."""

    device_id: DeviceId
    name: str
    project: str
    enrolled_at: datetime


class PageSessionKey(Struct, frozen=True):
    """A login of the page, and what it was made with: the token, or the share that the token's holder made."""

    token_id: TokenId
    page_session_id: PageSessionId
    share_id: ShareId | None = None


class Principal(Struct, frozen=True):
    """Who is calling, with which of the token's secrets.

    `token_id` is None for an operator's command, which has AWS credentials instead; for who has a share link it is the
    link's id. `page_session` is None for who shows the token itself, and not the cookie of a page session; with the
    cookie, `login_ends_at` is the end of that. `only_session` is the one session that a share link is for.
    """

    role: Role
    project: str
    device_id: DeviceId | None
    token_id: TokenId | None = None
    secret_version: int = 0
    page_session: PageSessionKey | None = None
    only_session: SessionId | None = None
    login_ends_at: datetime | None = None

    def may_see(self, session: Session) -> bool:
        """Whether `session` exists for this caller: own project, for a device its own sessions, for a share the one."""
        if not self.is_of(session.project) or self.only_session not in (None, session.session_id):
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
        if self.role in roles:
            return
        allowed = " or ".join(role.value for role in roles)
        if self.role in ONLY_LOOKING:
            raise NotPermitted(
                f"a {self.role.value} looks and changes nothing; this call asks for the role {allowed}"
            )
        raise NotPermitted(f"this call is for a {allowed}; the token is a {self.role.value}'s")

    def demand_sight(self, session: Session, unseen: str = NO_SESSION) -> None:
        """Raises NotFound, saying `unseen`, when `session` lies outside what this caller may see.

        Raises SessionAdopted for the device that had it before.
        """
        if self.may_see(session):
            return
        former = session.former_device(self.device_id) if self.is_of(session.project) else None
        if former is None:
            raise NotFound(unseen)
        raise SessionAdopted(
            f"an operator let device {session.device_id} finish session {session.name} at {rfc3339(former.until)}; "
            "this device has nothing more to do for it",
            session.device_id,
        )


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


def principal(token: Token | None, secret: str, now: datetime) -> Principal:
    """The caller that `secret` proves to be the token's holder. Raises NotAuthenticated."""
    held = token.held if token else None
    known = held or Secrets(digest(""), now)
    # Both compared, even without such a token, so that the answer takes as long.
    is_present = hmac.compare_digest(known.digest, digest(secret))
    is_before = hmac.compare_digest(known.before or digest(""), digest(secret))
    if token is None or held is None or not (is_present or is_before):
        raise NotAuthenticated("this token is not known; enrol again")
    if token.revoked_at:
        raise NotAuthenticated("this token was revoked; enrol again")
    end = token.expires_at if is_present else held.before_until
    if end and now >= end:
        raise NotAuthenticated(f"this token expired at {rfc3339(end)}; enrol again")
    version = held.version if is_present else held.version - 1
    return Principal(token.role, token.project, token.device_id, token.token_id, version)
