"""`python -m examples.processor`: the sample processor, at work on a queue."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from examples.processor import processing
from examples.processor.bucket import Bucket
from examples.processor.coordinator import CoordinatorClient
from examples.processor.errors import NotAllowed, TryLater
from examples.processor.order import Order
from examples.processor.queue import LONGEST_POLL_S, Message, Queue
from infra import door

_EXAMPLES = """examples:
  python -m examples.processor --queue-url URL --bucket NAME --coordinator https://…/api --token-file processor.token
  python -m examples.processor --once --queue-url URL --bucket NAME --coordinator URL --token-file processor.token

Keys to the queue and the bucket come from the environment, as for any AWS client.
exit codes: 0 done or ended by Ctrl-C, 1 it cannot work and says why, 2 usage, 75 with --once: no order, or try again"""

RETRY_S = 30
TRY_AGAIN = 75

log = logging.getLogger("processor")


def run(arguments: Sequence[str]) -> int:
    """The command; its exit code."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="processor: %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    try:
        token = given.token_file.read_text().strip()
        queue, bucket = _aws(given)
        return _work(queue, CoordinatorClient(given.coordinator, token), bucket, given.once)
    except KeyboardInterrupt:
        return 0
    except (OSError, BotoCoreError, ClientError, NotAllowed) as error:
        print(f"processor: {type(error).__name__}: {error}", file=sys.stderr)
        return 1


def _aws(given: argparse.Namespace) -> tuple[Queue, Bucket]:
    s3 = boto3.client(
        "s3",
        endpoint_url=given.endpoint_url,
        region_name=given.region,
        # Every part carries the checksum that is right for it; none is to be added.
        config=Config(request_checksum_calculation="when_required"),
    )
    sqs = boto3.client("sqs", endpoint_url=given.endpoint_url, region_name=given.region)
    return Queue(sqs, given.queue_url), Bucket(s3, given.bucket)


def _work(queue: Queue, coordinator: CoordinatorClient, bucket: Bucket, once: bool) -> int:
    while not once:
        take_one(queue, coordinator, bucket)
    return take_one(queue, coordinator, bucket)


def take_one(queue: Queue, coordinator: CoordinatorClient, bucket: Bucket) -> int:
    """Sees to the next order: 0 when it needs no other try, 75 when it does or none came. Raises NotAllowed."""
    message = queue.next(LONGEST_POLL_S)
    if message is None:
        return TRY_AGAIN
    return 0 if _is_done(queue, message, coordinator, bucket) else TRY_AGAIN


def _is_done(queue: Queue, message: Message, coordinator: CoordinatorClient, bucket: Bucket) -> bool:
    """Whether the message needs no other try."""
    try:
        order = Order.parsed(message.body)
    except (ValueError, KeyError, TypeError) as error:
        # Left alone it becomes a dead letter, which an operator hears of.
        log.error("a message that is not an order becomes a dead letter: %s", type(error).__name__)
        return False
    try:
        with queue.held(message):
            processing.process(order, coordinator, bucket)
    except TryLater as reason:
        log.warning("later: %s", reason)
        queue.later(message, RETRY_S)
        return False
    queue.done(message)
    return True


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m examples.processor",
        description="Take orders, measure the four approach lights frame by frame, write what was ordered.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--queue-url", required=True, metavar="URL", help="the processing queue")
    made.add_argument("--bucket", required=True, metavar="NAME", help="the bucket to write outputs to")
    made.add_argument("--coordinator", required=True, metavar="URL", help="the coordinator's address")
    made.add_argument(
        "--token-file", required=True, type=Path, metavar="FILE", help="a file that holds a processor's token"
    )
    made.add_argument(
        "--endpoint-url", metavar="URL", help="the address of another AWS, such as the local one"
    )
    made.add_argument("--region", help="the AWS region; default: that of the environment")
    made.add_argument("--once", action="store_true", help="one order, and then the end")
    return made


if __name__ == "__main__":
    sys.exit(door.ended(lambda: run(sys.argv[1:])))
