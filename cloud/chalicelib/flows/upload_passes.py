"""Make an upload pass, and find out who calls with one."""

import logging
from datetime import timedelta

from chalicelib.core import tokens, upload_passes
from chalicelib.core.errors import InvalidRequest
from chalicelib.core.ids import SessionId
from chalicelib.core.tokens import Principal, Role
from chalicelib.core.upload_passes import UploadPass
from chalicelib.ports import Ports

log = logging.getLogger(__name__)


def make_pass(
    ports: Ports, principal: Principal, session_id: SessionId, life_s: int
) -> tuple[UploadPass, str]:
    """A new pass for this session alone, and how it is written, which cannot be had again.

    The session may begin with its first film. Raises InvalidRequest for a caller without a token.
    """
    principal.demand(Role.OPERATOR)
    picture = ports.records.picture(session_id)
    if picture:
        principal.demand_sight(picture.session)
    if principal.token_id is None:
        raise InvalidRequest("only a caller with a token makes an upload pass")
    now, secret = ports.clock.now(), ports.ids.secret()
    made = UploadPass(
        ports.ids.token_id(),
        session_id,
        tokens.digest(secret),
        principal.token_id,
        now,
        now + timedelta(seconds=life_s),
    )
    ports.records.put_upload_pass(made)
    log.info("upload pass made", extra={"session_id": session_id, "pass_id": made.pass_id})
    return made, upload_passes.written(made.pass_id, secret)


def find_caller(ports: Ports, text: str) -> tuple[Principal, SessionId]:
    """Who calls with a written pass, and into which session it leads. Raises NotAuthenticated."""
    pass_id, secret = upload_passes.parsed(text)
    found = ports.records.upload_pass(pass_id)
    token = ports.records.token(found.token_id) if found else None
    principal = upload_passes.principal(found, token, secret, ports.clock.now())
    assert found, "only a pass on record is proven"
    return principal, found.session_id
