"""The processing queue: an order stays on it until it is fulfilled or told to have failed."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LONGEST_POLL_S = 20
HIDDEN_S = 900
HELD_EVERY_S = 300.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Message:
    """One delivery of an order."""

    body: str
    handle: str


class Queue:
    """The queue at `url`."""

    def __init__(self, sqs: "SQSClient", url: str, held_every_s: float = HELD_EVERY_S) -> None:
        self._sqs = sqs
        self._url = url
        self._held_every_s = held_every_s

    def next(self, wait_s: int) -> Message | None:
        """The next order within `wait_s` seconds (at most 20), hidden from others while it is worked on; or None."""
        answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=1, WaitTimeSeconds=wait_s)
        for each in answer.get("Messages", ()):
            return Message(each["Body"], each["ReceiptHandle"])
        return None

    @contextmanager
    def held(self, message: Message) -> Iterator[None]:
        """The message stays hidden from others meanwhile, however long it takes (SQS allows twelve hours)."""
        is_over = threading.Event()
        holder = threading.Thread(target=self._hold, args=(message, is_over), daemon=True)
        holder.start()
        try:
            yield
        finally:
            is_over.set()
            holder.join()

    def _hold(self, message: Message, is_over: threading.Event) -> None:
        while not is_over.wait(self._held_every_s):
            try:
                self.later(message, HIDDEN_S)
            except (BotoCoreError, ClientError) as error:
                # At worst another processor makes the same once more.
                log.warning("the order could not be kept from others: %s", type(error).__name__)

    def done(self, message: Message) -> None:
        """It is delivered no more."""
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message.handle)

    def later(self, message: Message, seconds: int) -> None:
        """It is delivered again after `seconds`."""
        self._sqs.change_message_visibility(
            QueueUrl=self._url, ReceiptHandle=message.handle, VisibilityTimeout=seconds
        )
