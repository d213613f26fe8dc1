"""Who calls: one of each kind, with what it sends."""

from datetime import timedelta

from chalicelib.core.ids import DeviceId
from chalicelib.core.times import DAY_S
from chalicelib.core.tokens import ALL_PROJECTS, Role
from tests.support.builders import DEVICE_ID, MemoryPorts
from tests.support.memory import START
from tests.web.client import SECRET, Caller, app_over, with_token

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
    "vwr": "viewer",
    "vwX": "viewer of another project",
    "vwA": "viewer of all projects",
    "opC": "operator who is logged in",
    "vwC": "viewer who is logged in",
}
"""Who calls, by a short name: the columns of the table of `test_auth`."""

ROLES = {
    Role.DEVICE: ("own", "dev", "dvX", "dvP"),
    Role.PROCESSOR: ("prc", "prX", "prA"),
    Role.OPERATOR: ("opr", "opX", "opA"),
    Role.VIEWER: ("vwr", "vwX", "vwA"),
}
"""Who shows a token."""

LOGGED_IN = {Role.OPERATOR: ("opC",), Role.VIEWER: ("vwC",)}
"""Who shows the cookie of a page session."""


HOST = "page.example.org"
ORIGIN = f"https://{HOST}"


def logged_in(ports: MemoryPorts, role: Role, project: str = "main") -> dict[str, str]:
    """What the page sends once a holder of a new token is logged in."""
    holder = Caller(app_over(ports), with_token(ports.records, role, project) | {"Host": HOST})
    answer = holder.call("POST", "/v1/login", {})
    return {"Host": HOST, "Origin": ORIGIN, "Cookie": answer.headers["Set-Cookie"].partition(";")[0]}


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
            return _of_role(caller, ports)


def _of_role(caller: str, ports: MemoryPorts) -> dict[str, str]:
    role, _, of = caller.partition(" of ")
    if role.endswith(" who is logged in"):
        return logged_in(ports, Role(role.partition(" ")[0]))
    projects = {"": "main", "another project": "other", "all projects": ALL_PROJECTS}
    return with_token(ports.records, Role(role), projects[of])
