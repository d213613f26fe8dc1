"""API Gateway's WebSockets on this machine: what opens a socket, what a page and the coordinator may say there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
import requests
import websockets.sync.client
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.protocol import State

from infra.local.aws.gateway import sockets
from infra.local.aws.gateway.sockets import LARGEST_MESSAGE_BYTES, SocketGateway
from infra.local.aws.lambdas.functions import Outcome
from infra.local.http_server import Server

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
WITHOUT_MESSAGES = {"$connect": "connect", "$disconnect": "disconnect"}


class Functions:
    """The functions of the routes: they answer `outcome`, and what they were called with is kept."""

    def __init__(self, routes: dict[str, str], outcome: Outcome) -> None:
        self.routes = routes
        self.calls: list[tuple[str, Any]] = []
        self._outcome = outcome

    def invoke(self, function: str, event: Any) -> Outcome:
        self.calls.append((function, event))
        return self._outcome

    def called(self, name: str) -> Any:
        [event] = [event for function, event in self.calls if function == name]
        return event


@contextmanager
def gateway(functions: Functions, **limits: float) -> Iterator[SocketGateway]:
    made = SocketGateway(
        sockets.listening(), functions.routes.get, functions.invoke, now=lambda: NOON, **limits
    )
    try:
        yield made
    finally:
        made.close()


def functions_of(routes: dict[str, str] | None = None, status: int = 200) -> Functions:
    return Functions(WITHOUT_MESSAGES if routes is None else routes, Outcome({"statusCode": status}))


def connected(address: str) -> Any:
    return websockets.sync.client.connect(address, proxy=None)


def test_a_socket_opens_and_closes_with_the_events_of_api_gateway():
    functions = functions_of()
    with gateway(functions) as made, connected(f"{made.url}?ticket=a%20b"):
        pass
    opened, closed = functions.called("connect"), functions.called("disconnect")

    assert opened["queryStringParameters"] == {"ticket": "a b"}
    assert opened["multiValueQueryStringParameters"] == {"ticket": ["a b"]}
    assert opened["headers"]["Host"] == opened["requestContext"]["domainName"]
    kinds = [
        (each["requestContext"]["routeKey"], each["requestContext"]["eventType"]) for each in (opened, closed)
    ]
    assert kinds == [("$connect", "CONNECT"), ("$disconnect", "DISCONNECT")]
    assert opened["requestContext"]["connectionId"] == closed["requestContext"]["connectionId"]


def refusal(address: str) -> int | None:
    """The status with which no socket is opened; None where one is."""
    try:
        with connected(address):
            return None
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize(
    ("functions", "path", "status"),
    [
        (functions_of(status=401), "", 401),
        (functions_of(status=299), "", None),
        (functions_of(status=300), "", 300),
        (Functions(WITHOUT_MESSAGES, Outcome.failed("Error", "broken")), "", 502),
        (functions_of(), "/elsewhere", 403),
        (functions_of({}), "", 403),
    ],
    ids=["refused", "let in", "just not let in", "broken", "another path", "no function"],
)
def test_a_socket_opens_only_when_its_function_says_so(functions: Functions, path: str, status: int | None):
    with gateway(functions) as made:
        assert refusal(made.url + path) == status


def test_what_a_page_says_is_refused_where_no_function_hears_it():
    with gateway(functions_of()) as made, connected(made.url) as page:
        page.send('{"action": "say"}')
        answer = json.loads(page.recv(timeout=10))

    assert answer["message"] == "Forbidden"
    assert set(answer) == {"message", "connectionId", "requestId"}


def test_what_a_page_says_comes_to_the_function_of_all_messages():
    functions = functions_of({**WITHOUT_MESSAGES, "$default": "hear"})
    with gateway(functions) as made, connected(made.url) as page:
        page.send("Größe")
        page.close()

    assert functions.called("hear")["body"] == "Größe"


def test_a_socket_on_which_nothing_is_said_ends():
    with (
        gateway(functions_of(), idle_s=0.05) as made,
        connected(made.url) as page,
        pytest.raises(ConnectionClosed),
    ):
        page.recv(timeout=10)


def test_a_socket_that_talks_ends_too():
    with gateway(functions_of(), longest_s=0.05) as made, connected(made.url) as page:
        with suppress(ConnectionClosed):
            for _ in range(10_000):
                page.send("still here")
                page.recv(timeout=10)
        assert page.state is State.CLOSED


def test_a_cut_socket_is_closed():
    functions = functions_of()
    with gateway(functions) as made, connected(made.url) as page:
        page.send("hello")
        page.recv(timeout=10)  # so it is held
        made.cut()
        with pytest.raises(ConnectionClosed):
            page.recv(timeout=10)
    assert functions.called("disconnect")


@contextmanager
def management(made: SocketGateway) -> Iterator[tuple[str, Any]]:
    """The address of the management API, and boto3's client of it."""
    with Server(made) as server:
        session = boto3.Session("test", "test", region_name="us-east-1")
        yield server.url, session.client("apigatewaymanagementapi", endpoint_url=server.url)


def code_of(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("more", [-1, 0])
def test_a_message_of_the_largest_size_comes_whole(more: int):
    with gateway(functions_of()) as made, connected(made.url) as page, management(made) as (_, client):
        page.send("hello")
        page.recv(timeout=10)
        [connection_id] = made.connection_ids

        client.post_to_connection(ConnectionId=connection_id, Data=b"x" * (LARGEST_MESSAGE_BYTES + more))

        assert len(page.recv(timeout=10)) == LARGEST_MESSAGE_BYTES + more


def test_a_larger_message_is_refused_and_a_closed_socket_is_gone():
    with gateway(functions_of()) as made, management(made) as (_, client):
        with pytest.raises(ClientError) as large:
            client.post_to_connection(ConnectionId="never=", Data=b"x" * (LARGEST_MESSAGE_BYTES + 1))
        with pytest.raises(client.exceptions.GoneException) as gone:
            client.post_to_connection(ConnectionId="never=", Data=b"x")

    assert code_of(large) == ("PayloadTooLargeException", 413)
    assert code_of(gone) == ("GoneException", 410)


def test_only_signed_calls_are_taken():
    with gateway(functions_of()) as made, management(made) as (url, _):
        answer = requests.post(f"{url}/@connections/never=", data=b"x", timeout=10)

    assert answer.status_code == 403
