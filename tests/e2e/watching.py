"""A page that watches: it takes a ticket, opens its socket and hears hints."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import requests
import websockets.sync.client
from websockets.exceptions import ConnectionClosed

from chalicelib.aws.items import SOCKETS_PK
from chalicelib.core.tokens import Role
from infra.admin.commands.tokens import enroll
from tests.e2e.rig import DEADLINE_S, Rig


class WatchingPage:
    """What a page's socket has said so far."""

    def __init__(self, socket: websockets.sync.client.ClientConnection) -> None:
        self._socket = socket
        self._heard: list[str] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def heard(self) -> list[str]:
        """The names of the sessions that changed, one for each hint."""
        return list(self._heard)

    def _listen(self) -> None:
        try:
            for message in self._socket:
                hint = json.loads(message)
                assert set(hint) == {"changed", "session"}
                assert hint["changed"] == "session"
                self._heard.append(hint["session"])
        except ConnectionClosed:
            return


def known_sockets(rig: Rig) -> int:
    """How many sockets are on record."""
    found = rig.world.aws.client("dynamodb").query(
        TableName=rig.world.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": SOCKETS_PK}},
    )
    return len(found["Items"])


def ticket_for(rig: Rig, project: str = "main") -> str:
    """The address of a socket for an operator's page."""
    token = enroll(rig.world.registry, role=Role.OPERATOR, project=project).token
    answer = requests.post(
        f"{rig.world.coordinator_url}/v1/push-tickets",
        json={},
        headers={"Authorization": f"Bearer {token}"},
        timeout=DEADLINE_S,
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"])


@contextmanager
def watching(rig: Rig, project: str = "main") -> Iterator[WatchingPage]:
    """An operator's page with an open socket."""
    with websockets.sync.client.connect(ticket_for(rig, project), proxy=None) as socket:
        yield WatchingPage(socket)
