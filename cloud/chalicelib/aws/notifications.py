"""The topic of notifications, over SNS."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from chalicelib.aws.errors import named
from chalicelib.core.notices import Announcement

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

LONGEST_SUBJECT = 99
"""Characters; SNS takes fewer than 100.
Source: docs.aws.amazon.com/sns/latest/api/API_Publish.html"""

_FOR_PROGRAMS = ("sqs", "lambda", "http", "https", "firehose")


class SnsNotifier:
    """The topic `topic_arn` of a stage. It creates its client only when needed."""

    def __init__(self, sns: "Callable[[], SNSClient]", topic_arn: str, stage: str) -> None:
        self._sns = sns
        self._topic_arn = topic_arn
        self._stage = stage

    def publish(self, announcement: Announcement) -> None:
        """E-mail and telephones get the text; queues, functions and HTTP get the document, as JSON."""
        document = json.dumps({**announcement.document, "stage": self._stage}, ensure_ascii=False)
        messages = {"default": announcement.text, **dict.fromkeys(_FOR_PROGRAMS, document)}
        attributes = {
            "kind": announcement.kind.value,
            "project": announcement.project,
            "stage": self._stage,
        }
        with named():
            self._sns().publish(
                TopicArn=self._topic_arn,
                Subject=f"reelhaul {self._stage}: {announcement.subject}"[:LONGEST_SUBJECT],
                MessageStructure="json",
                Message=json.dumps(messages),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )
