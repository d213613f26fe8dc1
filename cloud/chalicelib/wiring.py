"""Settings -> ports: the one place where the house meets the world."""

import secrets
import string
import sys
from datetime import UTC, datetime
from functools import cache

from chalicelib.aws.clients import Clients, connect
from chalicelib.aws.frame_index import S3FrameIndex
from chalicelib.aws.indexer import LambdaIndexer
from chalicelib.aws.lake import ParquetLake
from chalicelib.aws.notifications import SnsNotifier
from chalicelib.aws.object_store import S3ObjectStore
from chalicelib.aws.orders import SqsOrders
from chalicelib.aws.records import DynamoRecords
from chalicelib.aws.signer import S3Signer
from chalicelib.core import enrolment
from chalicelib.core.ids import DeviceId, PageSessionId, ShareId, TokenId, UploadId
from chalicelib.logs import EmbeddedMetrics
from chalicelib.ports import Ports, Push, Signer
from chalicelib.settings import Settings

_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 22  # of 62 characters: 131 random bits


class SystemClock:
    """The machine's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class RandomIds:
    """Ids and secrets that cannot be guessed."""

    def upload_id(self) -> UploadId:
        return UploadId(f"u_{_random_name()}")

    def device_id(self) -> DeviceId:
        return DeviceId(f"d_{_random_name()}")

    def token_id(self) -> TokenId:
        return TokenId(f"t_{_random_name()}")

    def page_session_id(self) -> PageSessionId:
        return PageSessionId(f"p_{_random_name()}")

    def share_id(self) -> ShareId:
        return ShareId(f"s_{_random_name()}")

    def secret(self) -> str:
        return secrets.token_urlsafe(32)

    def code(self) -> str:
        return "".join(secrets.choice(enrolment.ALPHABET) for _ in range(enrolment.CODE_LENGTH))


def ports(settings: Settings) -> Ports:
    """The real world as `settings` say."""
    clients = _clients(settings.region, settings.endpoint_url)
    clock = SystemClock()
    return Ports(
        objects=S3ObjectStore(clients.s3, settings.bucket),
        frame_index=S3FrameIndex(clients.s3, settings.bucket),
        lake=ParquetLake(),
        records=DynamoRecords(clients.dynamodb, settings.table),
        signer=_signer(settings, clients),
        orders=SqsOrders(clients.sqs, settings.order_queue_url, settings.dead_letter_queue_url),
        indexer=LambdaIndexer(
            clients.functions, f"reelhaul-{settings.stage}-on_measurements", settings.bucket
        ),
        ids=RandomIds(),
        clock=clock,
        metrics=EmbeddedMetrics(settings.stage, clock, sys.stdout),
        policy=settings.policy,
        limits=settings.limits,
        notifier=SnsNotifier(clients.notifications, settings.notification_topic, settings.stage)
        if settings.notification_topic
        else None,
        push=_push(settings, clients) if settings.push_url else None,
    )


def _push(settings: Settings, clients: Clients) -> Push:
    # Only a stage with push loads it.
    from chalicelib.aws.push import ApiGatewayPush

    address = settings.push_url or ""
    management = "http" + address.removeprefix("ws")
    return ApiGatewayPush(lambda: clients.sockets(management), clients.dynamodb, settings.table, address)


def _signer(settings: Settings, clients: Clients) -> Signer:
    at_s3 = S3Signer(settings.bucket, settings.region, clients.credentials, settings.endpoint_url)
    if settings.cdn is None:
        return at_s3
    # Only a stage with a CDN loads what signs for it.
    from chalicelib.aws.cdn_signer import Cdn, CdnSigner, key_of

    return CdnSigner(
        at_s3, Cdn(*settings.cdn), key_of(clients.parameters, f"/reelhaul/{settings.stage}/cdn-key")
    )


@cache
def _clients(region: str, endpoint_url: str | None) -> Clients:
    """Made once a process: a client costs 100 ms and keeps its connections."""
    return connect(region, endpoint_url)


def _random_name() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
