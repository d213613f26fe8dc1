"""What ApiGatewayPush keeps in mind between calls: sockets for a few seconds, and that sending failed."""

from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.aws import items
from chalicelib.aws.push import KNOWN_S, REST_S, ApiGatewayPush
from chalicelib.core.push import Listener, Socket
from tests.support.builders import START

SOCKET = Socket("c=", Listener("main"), START)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Table:
    """A table with one socket, whose reads are counted."""

    def __init__(self) -> None:
        self.reads = 0

    def get_paginator(self, _operation: str) -> "Table":
        return self

    def paginate(self, **_query: Any) -> list[dict[str, Any]]:
        self.reads += 1
        return [{"Items": [items.socket_item(SOCKET)]}]

    def put_item(self, **_: Any) -> None: ...


class Gone(Exception):
    pass


class Api:
    """A WebSocket API that fails with `error`, if any."""

    exceptions = SimpleNamespace(GoneException=Gone)

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def post_to_connection(self, **_: Any) -> None:
        if self.error:
            raise self.error


def push_of(api: Any, table: Any, clock: Clock) -> ApiGatewayPush:
    return ApiGatewayPush(lambda: api, table, "records", "wss://sockets.test/api", clock)


@pytest.mark.parametrize(("passed_s", "reads"), [(KNOWN_S - 0.1, 1), (KNOWN_S, 2), (KNOWN_S + 0.1, 2)])
def test_calls_that_change_much_read_the_sockets_once_in_a_while(passed_s: float, reads: int):
    table, clock = Table(), Clock()
    push = push_of(Api(), table, clock)

    assert push.recent_sockets() == (SOCKET,)
    clock.now += passed_s
    assert push.recent_sockets() == (SOCKET,)

    assert table.reads == reads


def test_a_socket_that_was_opened_here_is_known_at_once():
    table = Table()
    push = push_of(Api(), table, Clock())
    push.recent_sockets()

    push.put_socket(SOCKET)
    push.recent_sockets()

    assert table.reads == 2


@pytest.mark.parametrize(
    ("passed_s", "rests"), [(REST_S - 0.1, True), (REST_S, False), (REST_S + 0.1, False)]
)
def test_after_sending_failed_nothing_is_sent_for_a_while(passed_s: float, rests: bool):
    table, clock = Table(), Clock()
    push = push_of(Api(OSError("no answer")), table, clock)

    with pytest.raises(OSError, match="no answer"):
        push.send("c=", "{}")
    clock.now += passed_s

    assert push.recent_sockets() == (() if rests else (SOCKET,))
    assert table.reads == (0 if rests else 1)


def test_a_closed_socket_is_no_failure():
    push = push_of(Api(Gone()), Table(), Clock())

    assert not push.send("c=", "{}")

    assert push.recent_sockets() == (SOCKET,)
