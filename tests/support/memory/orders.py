"""The processing queue in memory."""

import json
from typing import Any

from chalicelib.core.errors import TooLarge
from chalicelib.ports import MOST_MESSAGE_BYTES


class MemoryOrders:
    """What was put on the queue, oldest first, as `sent`; `dead` is how many messages died, None if nobody knows."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.dead: int | None = 0

    def send(self, message: str) -> None:
        if len(message.encode("utf-8", "surrogatepass")) > MOST_MESSAGE_BYTES:
            raise TooLarge(f"a message has at most {MOST_MESSAGE_BYTES} bytes")
        self.sent.append(json.loads(message))

    def dead_letters(self) -> int | None:
        return self.dead
