"""The strict local AWS for tests: S3, DynamoDB and SQS at one loopback address."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from infra.local.aws.moto.serialise_dynamodb import Turns
from infra.local.aws.strict_s3 import Chaos, StrictS3
from infra.local.aws.strict_s3.moto_app import forget_copies, moto_app
from infra.local.http_server import Server


@contextmanager
def local_aws(chaos: Chaos | None = None) -> Iterator[str]:
    """Its address, while it runs; keys `test`/`test`, events to nobody, the faults that `chaos` is told."""
    layer = StrictS3(
        Turns(moto_app(), forget_copies),
        credentials={"test": "test"},
        clock=lambda: datetime.now(UTC),
        on_event=lambda _arn, _event: None,
        chaos=chaos or Chaos(),
    )
    with layer, Server(layer) as server:
        yield server.url
