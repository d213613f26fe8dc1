"""A client of the web floor over ports in memory: the app as `cloud/app.py` makes it, without the world behind it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalice.app import Chalice, RouteEntry
from chalice.test import Client
from msgspec import Struct

from chalicelib.core import tokens
from chalicelib.core.ids import DeviceId, TokenId
from chalicelib.core.order import Wish
from chalicelib.core.page_sessions import PageRules
from chalicelib.core.tokens import Role, Token
from chalicelib.ports import Enlisting, Ports, Records
from chalicelib.web import api, routing
from chalicelib.web.meter import CallMeter
from tests.support.builders import DEVICE_ID
from tests.support.memory import START
from tests.web.contract import demand_documented

SECRET = "s3cret"
REQUEST_ID = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
"""API Gateway's, of a call that is handed over."""


class Deployment(Struct, frozen=True):
    """What a deployment decides about devices."""

    minimum_client_version: str = "0.1.0"
    pause: bool = False
    pace_bytes_s: int | None = None
    default_wish: Wish | None = None
    page: PageRules = PageRules()
    browser_origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """An answer as it goes over the wire."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def said(self) -> dict[str, Any]:
        """The document of a problem without the number of its call."""
        return {name: each for name, each in self.document.items() if name != "request_id"}

    @property
    def problem(self) -> tuple[int, str, str]:
        """Status, slug and action of a problem; fails when this is none."""
        assert self.headers["Content-Type"] == "application/problem+json", self.body
        document = self.document
        assert document["status"] == self.status
        assert document["title"]
        assert document["detail"]
        return self.status, document["type"].removeprefix("urn:reelhaul:problem:"), document["action"]


@dataclass(frozen=True)
class Caller:
    """Somebody with headers, calling an app."""

    app: Chalice
    headers: Mapping[str, str] = field(default_factory=dict)

    def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """`body` goes as it is when it is bytes, else as JSON. Fails for an answer that its route does not declare."""
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        said = {"Content-Type": "application/json", **self.headers, **(headers or {})}
        response = Client(self.app).http.request(method, path, said, raw)
        demand_documented(method, path, response.status_code, response.headers, response.body)
        return Answer(response.status_code, response.headers, response.body)

    def hand_over(self, method: str, route: str, parameters: Mapping[str, str], body: str | None) -> Answer:
        """The call as API Gateway may hand it over: the path decoded, the body as text or absent."""
        event = {
            "requestContext": {"httpMethod": method, "resourcePath": route, "requestId": REQUEST_ID},
            "headers": dict(self.headers),
            "pathParameters": dict(parameters),
            "multiValueQueryStringParameters": None,
            "stageVariables": None,
            "body": body,
        }
        response = self.app(event, None)
        return Answer(response["statusCode"], response["headers"], response["body"].encode())


def app_over(ports: Ports, deployment: Deployment | None = None) -> Chalice:
    """The app on these ports."""
    # Each app lengthens AWS_EXECUTION_ENV in the environment that it is given, and botocore sends that in a header.
    app = Chalice("reelhaul", configure_logs=False, env={})
    app.api.binary_types = []
    app.routes = _Routes(app, ports, deployment or Deployment())
    return app


class _Routes(dict[str, dict[str, RouteEntry]]):
    """All routes by their paths; those of a module are registered when one of them is first asked for.

    Thousands of tests make an app for a call or two, and nine tenths of its seventy routes were made for none.
    """

    def __init__(self, app: Chalice, ports: Ports, deployment: Deployment) -> None:
        super().__init__({path: {} for path in MODULES_OF})
        self._app, self._ports, self._deployment = app, ports, deployment
        self._meter = CallMeter()
        self._registered: set[str] = set()

    def __getitem__(self, path: str) -> dict[str, RouteEntry]:
        for module in MODULES_OF[path]:
            if module.__name__ not in self._registered:
                self._registered.add(module.__name__)
                self._app.register_blueprint(
                    routing.blueprint(
                        module.__name__, module.ROUTES, self._ports, self._deployment, self._meter
                    )
                )
        return super().__getitem__(path)


MODULES_OF = {
    route.path: [each for each in api.MODULES if route.path in {its.path for its in each.ROUTES}]
    for module in api.MODULES
    for route in module.ROUTES
}


def device_of(ports: Ports, deployment: Deployment | None = None) -> Caller:
    """The device whose sessions the builders make, with a good token and version."""
    known = with_token(ports.records, Role.DEVICE, device_id=DEVICE_ID)
    return Caller(app_over(ports, deployment), {**known, "Reelhaul-Client-Version": "0.1.0"})


def caller_of(ports: Ports, role: Role) -> Caller:
    """A processor or an operator of the project that the builders' sessions belong to."""
    return Caller(app_over(ports), with_token(ports.records, role))


def with_token(
    records: Records,
    role: Role,
    project: str = "main",
    device_id: DeviceId | None = None,
    created_at: datetime = START,
    **changes: Any,
) -> dict[str, str]:
    """The header of a new token; what `changes` say is said of the recorded token."""
    token_id = TokenId(f"t_{role.value}-{project}-{device_id}-{len(changes)}")
    token = Token(token_id, role, project, device_id, tokens.digest(SECRET), created_at, **changes)
    records.enlist(Enlisting(tokens=(token,)))
    return {"Authorization": f"Bearer {tokens.written(token_id, SECRET)}"}
