"""The processing queue in memory."""

import json
import re
from typing import Any

from chalicelib.core.errors import TooLarge
from chalicelib.ports import MOST_MESSAGE_BYTES

_NOT_TAKEN = re.compile("[\ud800-\udfff\ufffe\uffff]")
"""Characters that travel as JSON's escapes, six bytes each, for SQS takes them in no other way."""


class MemoryOrders:
    """What was put on the queue, oldest first, as `sent`; `dead` is how many messages died, None if nobody knows."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.dead: int | None = 0

    def send(self, message: str) -> None:
        if len(_NOT_TAKEN.sub(r"\\u0000", message).encode()) > MOST_MESSAGE_BYTES:
            raise TooLarge(f"a message has at most {MOST_MESSAGE_BYTES} bytes")
        self.sent.append(json.loads(message))

    def dead_letters(self) -> int | None:
        return self.dead
