"""Who calls: one of each kind, with what it sends."""

from collections.abc import Mapping
from datetime import timedelta

from chalicelib.core import tokens
from chalicelib.core.acting import COORDINATOR
from chalicelib.core.audit import act, step
from chalicelib.core.ids import DeviceId, SessionId, ShareId, TokenId
from chalicelib.core.shares import Share
from chalicelib.core.times import DAY_S
from chalicelib.core.tokens import ALL_PROJECTS, Role
from tests.support.builders import DEVICE_ID, SESSION_ID, MemoryPorts
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
    "lnk": "link to the session",
    "shC": "who came by a link to the session",
    "shX": "who came by a link to another session",
}
"""Who calls, by a short name: the columns of the table of `test_auth`."""

ROLES = {
    Role.DEVICE: ("own", "dev", "dvX", "dvP"),
    Role.PROCESSOR: ("prc", "prX", "prA"),
    Role.OPERATOR: ("opr", "opX", "opA"),
    Role.VIEWER: ("vwr", "vwX", "vwA"),
    Role.SHARE: ("lnk",),
}
"""Who shows a token."""

LOGGED_IN = {Role.OPERATOR: ("opC",), Role.VIEWER: ("vwC",), Role.SHARE: ("shC", "shX")}
"""Who shows the cookie of a page session."""


HOST = "page.example.org"
ORIGIN = f"https://{HOST}"


def logged_in(ports: MemoryPorts, role: Role, project: str = "main") -> dict[str, str]:
    """What the page sends once a holder of a new token is logged in."""
    return by_cookie(ports, with_token(ports.records, role, project))


def by_link(ports: MemoryPorts, session_id: SessionId = SESSION_ID) -> dict[str, str]:
    """The header of a new link's token; the session need not exist."""
    maker = (
        with_token(ports.records, Role.OPERATOR)["Authorization"].removeprefix("Bearer ").partition(".")[0]
    )
    share_id = ShareId(f"s_{session_id.replace('/', '-')}")
    end = START + 30 * DAY
    share = Share(share_id, session_id, tokens.digest(SECRET), "the coach", TokenId(maker), START, end)
    ports.records.put_share(share, act(COORDINATOR, START, "main", step("share", share_id, None, "made")))
    return {"Authorization": f"Bearer {share_id}.{SECRET}"}


def by_cookie(ports: MemoryPorts, headers: Mapping[str, str]) -> dict[str, str]:
    """What the page sends once who sends these headers is logged in."""
    holder = Caller(app_over(ports), {**headers, "Host": HOST})
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
            return _with_link(caller, ports) or _of_role(caller, ports)


def _with_link(caller: str, ports: MemoryPorts) -> dict[str, str] | None:
    match caller:
        case "link to the session":
            return by_link(ports)
        case "who came by a link to the session":
            return by_cookie(ports, by_link(ports))
        case "who came by a link to another session":
            return by_cookie(ports, by_link(ports, SessionId("main/another")))
        case _:
            return None


def _of_role(caller: str, ports: MemoryPorts) -> dict[str, str]:
    role, _, of = caller.partition(" of ")
    if role.endswith(" who is logged in"):
        return logged_in(ports, Role(role.partition(" ")[0]))
    projects = {"": "main", "another project": "other", "all projects": ALL_PROJECTS}
    return with_token(ports.records, Role(role), projects[of])
