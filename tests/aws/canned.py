"""A botocore client whose answers a test writes down; requests are built, signed and parsed for real, none is sent."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.loaders import Loader, create_loader
from requests.structures import CaseInsensitiveDict

from chalicelib.aws.clients import Clients, clients_of

ENDPOINT_URL = "http://127.0.0.1:9"


class _Raw(io.BytesIO):
    """What botocore reads an answer from."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


@dataclass(frozen=True)
class Answer:
    """One answer of AWS; `body` is XML for S3 and JSON for DynamoDB."""

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sent:
    """One request that would have gone out."""

    url: str
    headers: Mapping[str, str]
    body: str


def failure(status: int, code: str) -> Answer:
    """An error of S3."""
    return Answer(status, f"<Error><Code>{code}</Code><Message>said S3</Message></Error>")


def clients(endpoint_url: str | None = ENDPOINT_URL, **credentials: str) -> Clients:
    """Clients as the house makes them, with test credentials."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", **credentials}
    core = botocore.session.Session()
    core.register_component("data_loader", _loader())
    session = boto3.Session(region_name="eu-west-1", botocore_session=core, **keys)
    return clients_of(session, endpoint_url)


@cache
def _loader() -> Loader:
    """One for all tests: it keeps the descriptions of the services that it has read."""
    return create_loader()


def answering(client: Any, *answers: Answer) -> list[Sent]:
    """`client` gives these answers, one a request, the last for ever; what it would have sent is in the list."""
    sent: list[Sent] = []

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        said = answers[min(len(sent), len(answers) - 1)]
        sent.append(_sent(request))
        return AWSResponse(request.url, said.status, _headers(said), _Raw(said.body.encode()))

    client.meta.events.register("before-send", answer)
    return sent


def _headers(said: Answer) -> HTTPHeaders:
    headers = HTTPHeaders()
    for name, value in said.headers.items():
        headers[name] = value
    return headers


def _sent(request: AWSPreparedRequest) -> Sent:
    headers = {name: _text(value) for name, value in request.headers.items()}
    return Sent(request.url, CaseInsensitiveDict(headers), _text(request.body or ""))


def _text(raw: Any) -> str:
    return raw.decode() if isinstance(raw, bytes) else str(raw)
