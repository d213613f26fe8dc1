"""The processing queue, over SQS."""

import re
from typing import TYPE_CHECKING

from chalicelib.aws.errors import named
from chalicelib.core.errors import TooLarge
from chalicelib.ports import MOST_MESSAGE_BYTES

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

_VISIBLE: "QueueAttributeNameType" = "ApproximateNumberOfMessages"
_IN_FLIGHT: "QueueAttributeNameType" = "ApproximateNumberOfMessagesNotVisible"

_NOT_TAKEN = re.compile("[\ud800-\udfff\ufffe\uffff]")
"""Characters that JSON may hold unescaped, but SQS refuses or replaces by U+FFFD: its documents say both.
Source: docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""


class SqsOrders:
    """The queue at `queue_url`; what dies there is at `dead_letters_url`, if that is known."""

    def __init__(self, sqs: "SQSClient", queue_url: str, dead_letters_url: str | None = None) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._dead_letters_url = dead_letters_url

    def send(self, message: str) -> None:
        """Put `message` on the queue; a reply that is lost may leave it there twice. Raises TooLarge."""
        body = _NOT_TAKEN.sub(_escaped, message)
        size_bytes = len(body.encode())
        if size_bytes > MOST_MESSAGE_BYTES:
            raise TooLarge(
                f"an order's message has {size_bytes} bytes, the queue takes {MOST_MESSAGE_BYTES}: "
                "order with shorter parameters or fewer required artifacts"
            )
        with named():
            self._sqs.send_message(QueueUrl=self._queue_url, MessageBody=body)

    def dead_letters(self) -> int | None:
        """Those that somebody has received and not deleted count too; None also where the queue is gone."""
        if self._dead_letters_url is None:
            return None
        try:
            with named():
                answer = self._sqs.get_queue_attributes(
                    QueueUrl=self._dead_letters_url, AttributeNames=[_VISIBLE, _IN_FLIGHT]
                )
        except self._sqs.exceptions.QueueDoesNotExist:
            return None
        found = answer.get("Attributes", {})
        return int(found[_VISIBLE]) + int(found[_IN_FLIGHT]) if {_VISIBLE, _IN_FLIGHT} <= set(found) else None


def _escaped(found: re.Match[str]) -> str:
    """A character that SQS takes in no message, as JSON writes it otherwise; it occurs only inside JSON's texts."""
    return f"\\u{ord(found[0]):04x}"
