"""Who acts: what log lines, answers and the audit trail say of a call or of a function's run."""

from msgspec import Struct
from msgspec.structs import replace

from chalicelib.core.ids import TokenId
from chalicelib.core.tokens import Principal

NOBODY = "nobody"
"""Who calls before the token is read, and where none is asked for."""


class Acting(Struct, frozen=True):
    """One call, or one run of a function or a command.

    `who` is a device's id, the role of another token, or the name of a function or a command. `route` is the call's
    method and path as the contract writes them. `request_id` is API Gateway's for a call, Lambda's for a function.
    """

    who: str
    token_id: TokenId | None = None
    route: str | None = None
    request_id: str | None = None

    @classmethod
    def of_function(cls, name: str, request_id: str | None = None) -> "Acting":
        """A function that no caller started: an event's or the schedule's."""
        return cls(name, request_id=request_id)

    @classmethod
    def of_call(cls, route: str, request_id: str) -> "Acting":
        """A call of which it is not known yet who makes it."""
        return cls(NOBODY, None, route, request_id)

    def by(self, principal: Principal) -> "Acting":
        """The same call, made by `principal`."""
        return replace(self, who=principal.device_id or principal.role.value, token_id=principal.token_id)


COORDINATOR = Acting.of_function("coordinator")
"""Who acts where no door has said yet who it is."""
