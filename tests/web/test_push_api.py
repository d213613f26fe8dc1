"""Tickets as a call, and what API Gateway is answered when a page opens a socket or closes it."""

from typing import Any

import pytest
from msgspec.structs import replace

from chalicelib.core.push import MOST_SOCKETS, Listener
from chalicelib.core.tokens import ALL_PROJECTS, Role
from chalicelib.flows.push import NO_PUSH
from chalicelib.web import sockets
from tests.support.builders import SESSION_ID, MemoryPorts, memory_ports
from tests.support.memory import MemoryPush
from tests.web.client import Answer, Caller, app_over, with_token
from tests.web.principals import by_cookie, by_link

TICKETS = "/v1/push-tickets"


@pytest.fixture
def push() -> MemoryPush:
    return MemoryPush()


@pytest.fixture
def ports(push: MemoryPush) -> MemoryPorts:
    return replace(memory_ports(), push=push)


def asked(ports: MemoryPorts, headers: dict[str, str], body: Any = None) -> Answer:
    return Caller(app_over(ports), headers).call("POST", TICKETS, {} if body is None else body)


def listener(push: MemoryPush) -> Listener:
    [ticket] = push.tickets.values()
    return ticket.listener


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_who_sees_a_project_listens_to_all_of_it(ports: MemoryPorts, push: MemoryPush, role: Role):
    answer = asked(ports, by_cookie(ports, with_token(ports.records, role)))

    assert answer.status == 201
    assert answer.document["url"].startswith(f"{push.address}?ticket=")
    assert (answer.document["expires_at"], answer.document["socket_s"]) == ("2026-11-21T12:00:30Z", 600)
    assert listener(push) == Listener("main")


def test_a_token_of_all_projects_listens_to_the_one_that_it_names(ports: MemoryPorts, push: MemoryPush):
    headers = with_token(ports.records, Role.OPERATOR, ALL_PROJECTS) | {"Reelhaul-Project": "club"}

    assert asked(ports, headers).status == 201

    assert listener(push) == Listener("club")


def test_who_has_a_link_to_one_session_listens_to_that_one_alone(ports: MemoryPorts, push: MemoryPush):
    assert asked(ports, by_cookie(ports, by_link(ports))).status == 201

    assert listener(push) == Listener("main", SESSION_ID)


def test_without_push_the_page_is_told_so():
    ports = memory_ports()

    answer = asked(ports, with_token(ports.records, Role.OPERATOR))

    assert answer.problem == (404, "not-found", "stop")
    assert answer.document["detail"] == NO_PUSH


def test_a_body_with_more_than_nothing_is_refused(ports: MemoryPorts):
    assert asked(ports, with_token(ports.records, Role.OPERATOR), {"more": 1}).status == 400


def event(connection_id: str, query: dict[str, str] | None = None) -> dict[str, Any]:
    return {"requestContext": {"connectionId": connection_id}, "queryStringParameters": query}


def ticket_of(ports: MemoryPorts) -> str:
    url: str = asked(ports, with_token(ports.records, Role.OPERATOR)).document["url"]
    return url.partition("?ticket=")[2]


def test_a_ticket_opens_a_socket_and_closing_it_forgets_it(ports: MemoryPorts, push: MemoryPush):
    assert sockets.connect(ports, event("c=", {"ticket": ticket_of(ports)})) == {"statusCode": 200}
    assert [each.connection_id for each in push.sockets()] == ["c="]

    assert sockets.disconnect(ports, event("c=")) == {"statusCode": 200}
    assert push.sockets() == ()


@pytest.mark.parametrize("query", [None, {}, {"ticket": ""}, {"ticket": "guessed"}, {"other": "x"}])
def test_without_a_good_ticket_no_socket_opens(
    ports: MemoryPorts, push: MemoryPush, query: dict[str, str] | None
):
    assert sockets.connect(ports, event("c=", query)) == {"statusCode": 401}
    assert push.sockets() == ()


def test_beyond_the_sockets_of_a_project_none_opens(ports: MemoryPorts):
    for number in range(MOST_SOCKETS):
        opened = sockets.connect(ports, event(f"c{number}", {"ticket": ticket_of(ports)}))
        assert opened == {"statusCode": 200}

    assert sockets.connect(ports, event("one more", {"ticket": ticket_of(ports)})) == {"statusCode": 429}


def test_without_push_no_socket_opens():
    assert sockets.connect(memory_ports(), event("c=", {"ticket": "x"})) == {"statusCode": 404}
