"""The queue of orders as SQS is: `SimulatedQueue` in place of `MemoryOrders` among the ports of a history.

    queue = SimulatedQueue(now_s, chance)
    ports = replace(ports, orders=cast(Any, queue))
    received = queue.receive()      any message that is visible: now nobody else gets it for `VISIBLE_AFTER_S`
    queue.delete(received)          its processor ended it; a processor that dies deletes nothing
    queue.next_at_s()               when one becomes visible next, None when none ever will

A message that was received `MOST_RECEIVES` times and becomes visible once more goes to the dead letters instead.
Faults, by the names that `chance` is asked for: `message doubled` (the reply was lost and the SDK sent again, or SQS
has one more copy), `message late` (up to `LATEST_S`), `delete lost` (SQS answers and delivers the message again).
Messages come in no order.
Source: docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.histories.world.chance import Chance
from tests.support.memory import MemoryOrders

VISIBLE_AFTER_S = 900.0
MOST_RECEIVES = 5
"""As storage.yaml says of OrderQueue."""

LATEST_S = 900.0


@dataclass(eq=False)
class _Message:
    content: Any
    visible_at_s: float
    receives: int = 0


@dataclass(frozen=True)
class Received:
    """A message in a processor's hands; `receives` is how often it was received, this time included."""

    content: Any
    receives: int
    receipt: object


class SimulatedQueue(MemoryOrders):
    """The port `Orders`, and what processors do at the queue. `sent` is every message that was ever sent, in order."""

    def __init__(self, now_s: Callable[[], float], chance: Chance) -> None:
        super().__init__()
        self._now_s = now_s
        self._chance = chance
        self._messages: list[_Message] = []
        self.letters: list[Any] = []
        """The dead ones."""

    def send(self, message: str) -> None:
        super().send(message)
        for _ in range(2 if self._chance.strikes("message doubled") else 1):
            late_s = self._chance.between(0.0, LATEST_S) if self._chance.strikes("message late") else 0.0
            self._messages.append(_Message(self.sent[-1], self._now_s() + late_s))

    def dead_letters(self) -> int | None:
        self._bury()
        return len(self.letters)

    def receive(self) -> Received | None:
        """One of the messages that are visible, or None."""
        self._bury()
        visible = [each for each in self._messages if each.visible_at_s <= self._now_s()]
        if not visible:
            return None
        message = visible[int(self._chance.between(0, len(visible))) % len(visible)]
        message.receives += 1
        message.visible_at_s = self._now_s() + VISIBLE_AFTER_S
        return Received(message.content, message.receives, message)

    def delete(self, received: Received) -> None:
        if not self._chance.strikes("delete lost"):
            self._messages = [each for each in self._messages if each is not received.receipt]

    def next_at_s(self) -> float | None:
        return min((each.visible_at_s for each in self._messages), default=None)

    def _bury(self) -> None:
        now_s = self._now_s()
        dead = [
            each for each in self._messages if each.receives >= MOST_RECEIVES and each.visible_at_s <= now_s
        ]
        for each in dead:
            self._messages.remove(each)
            self.letters.append(each.content)
