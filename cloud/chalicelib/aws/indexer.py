"""The function that indexes measurements, over Lambda."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from chalicelib.aws.errors import named

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class LambdaIndexer:
    """The function `function_name`, which takes S3's events of `bucket`. It creates its client only when needed."""

    def __init__(self, functions: "Callable[[], LambdaClient]", function_name: str, bucket: str) -> None:
        self._functions = functions
        self._function_name = function_name
        self._bucket = bucket

    def request(self, key: str) -> None:
        event = {"Records": [{"s3": {"bucket": {"name": self._bucket}, "object": {"key": quote_plus(key)}}}]}
        with named():
            self._functions().invoke(
                FunctionName=self._function_name,
                # Lambda keeps the event, tries it three times, then puts it into the dead-letter queue, as S3's own.
                InvocationType="Event",
                Payload=json.dumps(event).encode(),
            )
