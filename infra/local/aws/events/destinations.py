"""Where events end that no function took, and who gets an event at all: queues and functions, by ARN."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from infra.local.aws.lambdas.functions import FunctionError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

ToQueue = Callable[[str, str], None]
"""Writes a body to the queue of an ARN."""


@dataclass(frozen=True)
class FailurePolicy:
    """What becomes of an event that the function fails on."""

    function_arn: str
    retries: int
    dead_letters_arn: str | None


def dead_letter(
    request_id: str, attempts: int, policy: FailurePolicy, event: object, error: FunctionError, now: datetime
) -> str:
    """The message that Lambda sends to an on-failure destination.

    Source: docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    return json.dumps(
        {
            "version": "1.0",
            "timestamp": f"{now:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "requestContext": {
                "requestId": request_id,
                "functionArn": f"{policy.function_arn}:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": attempts,
            },
            "requestPayload": event,
            "responseContext": {
                "statusCode": 200,
                "executedVersion": "$LATEST",
                "functionError": "Unhandled",
            },
            "responsePayload": error.payload(),
        }
    )


def to_queues(sqs: SQSClient) -> ToQueue:
    """Writes to the queues that `sqs` reaches."""

    def send(queue_arn: str, body: str) -> None:
        url = sqs.get_queue_url(QueueName=queue_arn.split(":")[5])["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody=body)

    return send


def to_targets(functions: Callable[[str, object], None], queues: ToQueue) -> Callable[[str, object], None]:
    """Hands an event to its target by the target's ARN: a queue or a function."""

    def tell(target_arn: str, event: object) -> None:
        if target_arn.split(":")[2] == "sqs":
            queues(target_arn, json.dumps(event))
        else:
            functions(target_arn, event)

    return tell
