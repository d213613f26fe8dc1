"""The processing queue in memory."""

import json
from typing import Any

from chalicelib.core.errors import TooLarge
from chalicelib.ports import MOST_MESSAGE_BYTES


class MemoryOrders:
    """What was put on the queue, oldest first, as `sent`."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, message: str) -> None:
        if len(message.encode("utf-8", "surrogatepass")) > MOST_MESSAGE_BYTES:
            raise TooLarge(f"a message has at most {MOST_MESSAGE_BYTES} bytes")
        self.sent.append(json.loads(message))
