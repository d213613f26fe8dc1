"""Push over API Gateway's WebSockets: tickets and sockets are in the table, messages go to its management API."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chalicelib.aws import items
from chalicelib.aws.errors import named
from chalicelib.core.push import Socket, Ticket

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient
    from mypy_boto3_dynamodb import DynamoDBClient

KNOWN_S = 5.0
"""How old what `recent_sockets` tells may be: so much later does a running function know of a new socket."""

REST_S = 30.0
"""After sending failed, so long nothing is sent: what fails may take a second each time."""


class ApiGatewayPush:
    """The WebSocket API at `address`, and the table `table`. It creates its client only when there is a socket."""

    def __init__(
        self,
        sockets: "Callable[[], ApiGatewayManagementApiClient]",
        dynamodb: "DynamoDBClient",
        table: str,
        address: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sockets = sockets
        self._dynamodb = dynamodb
        self._table = table
        self._address = address
        self._monotonic = monotonic
        self._known: tuple[Socket, ...] = ()
        self._known_until = 0.0
        self._rests_until = 0.0

    @property
    def address(self) -> str:
        return self._address

    def put_ticket(self, digest: str, ticket: Ticket) -> None:
        self._put(items.ticket_item(digest, ticket))

    def take_ticket(self, digest: str) -> Ticket | None:
        """As the port says. The client repeats a call whose reply was lost, and finds no ticket then."""
        with named():
            answer = self._dynamodb.delete_item(
                TableName=self._table,
                Key=items.attributes(items.ticket_key(digest)),
                ReturnValues="ALL_OLD",
            )
        item = answer.get("Attributes")
        return items.value(item, Ticket) if item else None

    def put_socket(self, socket: Socket) -> None:
        self._put(items.socket_item(socket))
        self._known_until = 0.0

    def forget_socket(self, connection_id: str) -> None:
        with named():
            self._dynamodb.delete_item(
                TableName=self._table, Key=items.attributes(items.socket_key(connection_id))
            )
        self._known = tuple(each for each in self._known if each.connection_id != connection_id)

    def sockets(self) -> tuple[Socket, ...]:
        return self._read(ConsistentRead=True)

    def recent_sockets(self) -> tuple[Socket, ...]:
        now = self._monotonic()
        if now < self._rests_until:
            return ()
        if now >= self._known_until:
            self._known = self._read()
            self._known_until = now + KNOWN_S
        return self._known

    def send(self, connection_id: str, message: str) -> bool:
        client = self._sockets()
        try:
            with named():
                client.post_to_connection(ConnectionId=connection_id, Data=message.encode())
        except client.exceptions.GoneException:
            return False
        except Exception:
            self._rests_until = self._monotonic() + REST_S
            raise
        return True

    def _read(self, **how: Any) -> tuple[Socket, ...]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues=items.attributes({":pk": items.SOCKETS_PK}),
            **how,
        )
        with named():
            return tuple(items.value(item, Socket) for page in pages for item in page["Items"])

    def _put(self, item: items.Item) -> None:
        with named():
            self._dynamodb.put_item(TableName=self._table, Item=item)
