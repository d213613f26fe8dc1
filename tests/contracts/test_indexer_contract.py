"""What the function that indexes measurements hears when it is asked, whatever carries the question."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any, Protocol
from urllib.parse import unquote_plus

import pytest

from chalicelib.aws.indexer import LambdaIndexer
from chalicelib.ports import Indexer
from infra.local.aws.lambdas.invocations import Invocations
from infra.local.aws.moto import server
from infra.local.http_server import Server
from tests.infra.deployed_functions import Register, make_function
from tests.support.memory import MemoryIndexer

KEYS = ("measurements/match-17/1/lights.json", "measurements/a.b_c-d/12/odd=20name+more.json")


class Function(Protocol):
    """An indexer, and what its function heard."""

    @property
    def indexer(self) -> Indexer: ...

    def heard(self) -> list[str]:
        """The keys, oldest first, as `flows.s3_events` reads them."""


class InMemory:
    def __init__(self) -> None:
        self.indexer = MemoryIndexer()

    def heard(self) -> list[str]:
        return self.indexer.requested


class Local:
    """The strict local Lambda, with one function."""

    def __init__(self, url: str, sent: list[tuple[str, Any]], name: str) -> None:
        functions = server.session().client("lambda", endpoint_url=url, config=server.ONE_TRY)
        self.indexer = LambdaIndexer(lambda: functions, name, "footage")
        self._sent = sent

    def heard(self) -> list[str]:
        return [
            unquote_plus(entry["s3"]["object"]["key"])
            for _, event in self._sent
            for entry in event["Records"]
        ]


@pytest.fixture(params=["memory", "local"])
def function(request: pytest.FixtureRequest) -> Iterator[Function]:
    if request.param == "memory":
        yield InMemory()
        return
    register, sent = Register(), list[tuple[str, Any]]()
    deployed = make_function("def handler(event, context): ...")
    register.deploy(deployed)
    app = Invocations(register, lambda name, event: sent.append((name, event)))
    with closing(Server(app).start()) as server:
        yield Local(server.url, sent, deployed.name)


def test_each_question_is_heard_with_its_key(function: Function):
    for key in KEYS:
        function.indexer.request(key)

    assert function.heard() == list(KEYS)


def test_asking_twice_is_heard_twice(function: Function):
    function.indexer.request(KEYS[0])
    function.indexer.request(KEYS[0])

    assert function.heard() == [KEYS[0]] * 2
