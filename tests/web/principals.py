"""Who calls: one of each kind, with what it sends."""

from datetime import timedelta

from chalicelib.core.ids import DeviceId
from chalicelib.core.times import DAY_S
from chalicelib.core.tokens import ALL_PROJECTS, Role
from tests.support.builders import DEVICE_ID, MemoryPorts
from tests.support.memory import START
from tests.web.client import SECRET, with_token

DAY = timedelta(seconds=DAY_S)

CALLERS = {
    "no": "no token",
    "bad": "malformed token",
    "unk": "unknown token",
    "sec": "wrong secret",
    "rev": "revoked token",
    "exp": "expired token",
    "own": "the session's device",
    "dev": "device of the same project",
    "dvX": "device of another project",
    "dvP": "the device of another project's token",
    "prc": "processor",
    "prX": "processor of another project",
    "prA": "processor of all projects",
    "opr": "operator",
    "opX": "operator of another project",
    "opA": "operator of all projects",
}
"""Who calls, by a short name: the columns of the table of `test_auth`."""

ROLES = {
    Role.DEVICE: ("own", "dev", "dvX", "dvP"),
    Role.PROCESSOR: ("prc", "prX", "prA"),
    Role.OPERATOR: ("opr", "opX", "opA"),
}


def headers_of(column: str, ports: MemoryPorts) -> dict[str, str]:
    """What this caller sends, once the token is on record."""
    records = ports.records
    elsewhere = DeviceId("d_elsewhere")
    match caller := CALLERS[column]:
        case "no token":
            return {}
        case "malformed token":
            return {"Authorization": "Bearer nonsense"}
        case "unknown token":
            return {"Authorization": f"Bearer t_unknown.{SECRET}"}
        case "wrong secret":
            return {
                "Authorization": with_token(records, Role.DEVICE, device_id=DEVICE_ID)["Authorization"] + "x"
            }
        case "revoked token" | "expired token":
            is_revoked = caller == "revoked token"
            ended = {"revoked_at": START} if is_revoked else {"created_at": START - DAY, "life_s": DAY_S}
            return with_token(records, Role.DEVICE, device_id=DEVICE_ID, **ended)
        case "device of another project":
            return with_token(records, Role.DEVICE, "other", elsewhere)
        case "device of the same project":
            return with_token(records, Role.DEVICE, "main", elsewhere)
        case "the device of another project's token":
            return with_token(records, Role.DEVICE, "other", DEVICE_ID)
        case "the session's device":
            return with_token(records, Role.DEVICE, "main", DEVICE_ID)
        case _:
            role, _, of = caller.partition(" of ")
            projects = {"": "main", "another project": "other", "all projects": ALL_PROJECTS}
            return with_token(records, Role(role), projects[of])
