"""What a processor asks of the coordinator: is this order still wanted, a fresh address, and to say that it failed."""

from collections.abc import Callable
from typing import TypeVar

from examples.processor.errors import NotAllowed, TryLater
from examples.processor.order import Order
from infra.client import CallFailed, Client, Problem, Session

_REFUSED = frozenset({401, 403})
_REPLACED = 409

T = TypeVar("T")


class CoordinatorClient:
    """The API at `url`, with a processor's token.

    Every call raises TryLater and NotAllowed, never CannotProcess: what goes wrong here is no fault of the order. An
    order of a session that the token may not see, say, ends among the dead letters and is not taken from anybody.
    """

    def __init__(self, url: str, token: str) -> None:
        self._client = Client(url, token)

    def wants(self, order: Order) -> bool:
        """Whether nobody has replaced, failed or fulfilled this order."""
        shown = self._call(order, lambda client: client.session(order.session_id))
        return _is_placed(shown, order.number)

    def address(self, order: Order, artifact_id: str) -> str:
        """A fresh address to read an artifact at."""
        return self._call(order, lambda client: client.artifact_url(order.session_id, artifact_id)).url

    def fail(self, order: Order, reason: str) -> None:
        """Say that the order cannot be fulfilled; whoever replaced it meanwhile has made that moot."""
        self._call(order, lambda client: _fail(client, order, reason[:500]))

    def _call(self, order: Order, ask: Callable[[Client], T]) -> T:
        """The answer to a call about the order's session, by a token of its project or of all."""
        try:
            return ask(self._client.of_project(order.project))
        except Problem as error:
            if error.status in _REFUSED:
                raise NotAllowed(f"the coordinator refuses the token: {error}") from None
            raise TryLater(f"the coordinator answers {error}") from None
        except CallFailed as error:
            raise TryLater(str(error)) from None


def _fail(client: Client, order: Order, reason: str) -> None:
    try:
        client.fail(order.session_id, reason, order.number)
    except Problem as error:
        if error.status != _REPLACED:
            raise


def _is_placed(shown: Session, number: int) -> bool:
    """Whether the session that is shown waits for what this order makes."""
    return shown.order is not None and shown.order.number == number and shown.state == "STORED"
