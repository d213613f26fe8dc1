"""What a processor asks of the coordinator: is this order still wanted, a fresh address, and to say that it failed."""

from collections.abc import Callable
from typing import Any, TypeVar

import requests

from examples.processor.errors import NotAllowed, TryLater
from examples.processor.order import Order

_TIMEOUT_S = (10, 30)
_REFUSED = frozenset({401, 403})

T = TypeVar("T")


class CoordinatorClient:
    """The API at `url`, with a processor's token.

    Every call raises TryLater and NotAllowed, never CannotProcess: what goes wrong here is no fault of the order. An
    order of a session that the token may not see, say, ends among the dead letters and is not taken from anybody.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"

    def wants(self, order: Order) -> bool:
        """Whether nobody has replaced, failed or fulfilled this order."""
        return self._call(order, "GET", "", lambda shown: _is_placed(shown, order.number))

    def address(self, order: Order, artifact_id: str) -> str:
        """A fresh address to read an artifact at."""
        return self._call(order, "GET", f"/artifacts/{artifact_id}/url", lambda told: str(told["url"]))

    def fail(self, order: Order, reason: str) -> None:
        """Say that the order cannot be fulfilled; whoever replaced it meanwhile has made that moot."""
        told = {"reason": reason[:500], "order": order.number}
        answer = self._answer(order, "POST", "/failure", told)
        if answer.status_code not in (200, 409):
            raise TryLater(f"the coordinator answers {answer.status_code} to a failure")

    def _call(self, order: Order, method: str, path: str, read: Callable[[Any], T]) -> T:
        answer = self._answer(order, method, path)
        if answer.status_code != 200:
            raise TryLater(f"the coordinator answers {answer.status_code} to {method} {path}")
        try:
            return read(answer.json())
        except (ValueError, KeyError, TypeError, AttributeError):
            raise TryLater("something that is not the coordinator answers") from None

    def _answer(self, order: Order, method: str, path: str, body: object = None) -> requests.Response:
        """The answer to a call about the order's session, by a token of its project or of all."""
        try:
            answer = self._session.request(
                method,
                f"{self._url}/v1/sessions/{order.session_id}{path}",
                json=body,
                headers={"Reelhaul-Project": order.project},
                timeout=_TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            # Its text would hold the address.
            raise TryLater(f"the coordinator does not answer: {type(error).__name__}") from None
        if answer.status_code in _REFUSED:
            raise NotAllowed(f"the coordinator refuses the token: {answer.status_code} to {method} {path}")
        return answer


def _is_placed(shown: Any, number: int) -> bool:
    """Whether the session that is shown waits for what this order makes."""
    placed = shown["order"] or {}
    return bool(placed.get("number") == number and shown["state"] == "STORED")
