"""The clients of S3, DynamoDB, SQS, Lambda, SNS and API Gateway, and the credentials they use."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from msgspec import Struct

from chalicelib.aws.signer import SigningCredentials

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

_CONFIG = Config(
    # The only layer of retries in the cloud: flows and handlers do not repeat a call.
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=3,
    read_timeout=20,
    signature_version="v4",
)
# A table answers in milliseconds; a stalled read must leave the API's 29 seconds room for another try.
_DYNAMODB_CONFIG = _CONFIG.merge(Config(read_timeout=5))
# A hint may be lost, and a device waits for the answer of its call.
_PUSH_CONFIG = Config(
    retries={"total_max_attempts": 1}, connect_timeout=0.5, read_timeout=0.5, signature_version="v4"
)
_S3_CONFIG = _CONFIG.merge(
    # Both are needed for regional addresses: bucket.s3.region.amazonaws.com, never a redirect.
    Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
)


class Clients(Struct, frozen=True):
    """What one process uses to talk to AWS; `credentials` answers those of the moment."""

    s3: "S3Client"
    dynamodb: "DynamoDBClient"
    sqs: "SQSClient"
    functions: "Callable[[], LambdaClient]"
    """Creates the client at the first call: only the reconciler needs it, and seldom."""
    notifications: "Callable[[], SNSClient]"
    """Creates the client at the first call: only the reconciler needs it, when there is something to tell."""
    parameters: "Callable[[], SSMClient]"
    """Creates the client at the first call: only a stage with a CDN needs it, once a process."""
    sockets: "Callable[[str], ApiGatewayManagementApiClient]"
    """Creates the client of the WebSocket API at an address (`https://…`): only who has something to tell a page."""
    credentials: Callable[[], SigningCredentials]


def connect(region: str, endpoint_url: str | None) -> Clients:
    """Clients of `region`, or of the one endpoint that replaces all of AWS, with the process's own credentials.

    Raises RuntimeError when it has none.
    """
    return clients_of(boto3.Session(region_name=region), endpoint_url)


def clients_of(session: boto3.Session, endpoint_url: str | None) -> Clients:
    """Clients with the region and the credentials of `session`. Raises RuntimeError when it has none."""
    credentials = session.get_credentials()
    if credentials is None:
        raise RuntimeError("this process has no AWS credentials")
    return Clients(
        session.client("s3", endpoint_url=endpoint_url, config=_S3_CONFIG),
        session.client("dynamodb", endpoint_url=endpoint_url, config=_DYNAMODB_CONFIG),
        session.client("sqs", endpoint_url=endpoint_url, config=_CONFIG),
        cache(lambda: session.client("lambda", endpoint_url=endpoint_url, config=_CONFIG)),
        cache(lambda: session.client("sns", endpoint_url=endpoint_url, config=_CONFIG)),
        cache(lambda: session.client("ssm", endpoint_url=endpoint_url, config=_CONFIG)),
        cache(
            lambda address: session.client(
                "apigatewaymanagementapi", endpoint_url=endpoint_url or address, config=_PUSH_CONFIG
            )
        ),
        lambda: signing_credentials(credentials),
    )


def signing_credentials(credentials: "Credentials") -> SigningCredentials:
    """The credentials of the moment, refreshed if they need it, with their expiry as far as botocore knows it."""
    frozen = credentials.get_frozen_credentials()
    # botocore has no public name for it; environment credentials, as in Lambda, have none at all.
    expires_at = getattr(credentials, "_expiry_time", None)
    return SigningCredentials(frozen.access_key or "", frozen.secret_key or "", frozen.token, expires_at)
