"""What moto refuses of an unmodified `chalice deploy`, though AWS takes it, put into moto's words on the way.

Stands directly in front of moto: whoever verifies signatures must do so before bodies are changed here.
Source: measured with chalice 1.34.0 and moto 5.2.5.
"""

from __future__ import annotations

import copy
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Document = dict[str, Any]

_APIS = re.compile(r"/restapis(?:/([a-z0-9]+))?/?")
_OF_SOCKETS: Mapping[str, re.Pattern[str]] = {
    "POST": re.compile(r"/v2/apis/[a-z0-9]+/deployments/?"),
    "PATCH": re.compile(r"/v2/apis/[a-z0-9]+/stages/[A-Za-z0-9_-]+/?"),
}
"""What moto cannot do with a WebSocket API, by method."""
_FILTER_NAME = re.compile(rb"(?<=<Name>)(?:Prefix|Suffix)(?=</Name>)")
_INTEGRATION = "x-amazon-apigateway-integration"


class ChaliceFront:
    """`app`, which is moto, as `chalice deploy` needs it."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self._documents: dict[str, Document] = {}

    @property
    def documents(self) -> Mapping[str, Document]:
        """What each REST API was imported from, as it was sent, by id, oldest first; moto keeps only some of it.

        The mapping is always that of the moment: it changes with each deploy.
        """
        return MappingProxyType(self._documents)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if _is_notification(environ):
            return self._app(_with_body(environ, for_moto_s3(_body(environ))), start_response)
        api = _APIS.fullmatch(environ["PATH_INFO"]) if _service(environ) == "apigateway" else None
        if api and _is_import(environ):
            return self._import(environ, start_response)
        of_sockets = _OF_SOCKETS.get(environ["REQUEST_METHOD"])
        if of_sockets and of_sockets.fullmatch(environ["PATH_INFO"]):
            # The routes are those that moto was told last, and nothing is throttled here.
            start_response("201 Created", [("Content-Type", "application/json")])
            return [b'{"deploymentId": "local", "deploymentStatus": "DEPLOYED"}']
        if api and environ["REQUEST_METHOD"] == "DELETE":
            self._documents.pop(api[1], None)
        return self._app(environ, start_response)

    def _import(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        document = json.loads(_body(environ))
        status: list[str] = []

        def start(said: str, *others: Any) -> Callable[[bytes], object]:
            status.append(said)
            return start_response(said, *others)

        answer = b"".join(self._app(_with_body(environ, json.dumps(for_moto(document)).encode()), start))
        if status[-1].startswith("2"):
            self._documents[json.loads(answer)["id"]] = document
        return [answer]


def for_moto_s3(notification: bytes) -> bytes:
    """A notification configuration with the names of its filters in lower case."""
    return _FILTER_NAME.sub(lambda name: name[0].lower(), notification)


def for_moto(document: Document) -> Document:
    """A Swagger document as moto takes it: called OpenAPI 3, described, mock integrations with address and method."""
    made = copy.deepcopy(document)
    if made.pop("swagger", None):
        made["openapi"] = "3.0.1"
    made["info"].setdefault("description", "")
    for operations in made["paths"].values():
        for operation in operations.values():
            integration = operation[_INTEGRATION]
            if integration["type"] == "mock":
                integration.setdefault("uri", "")
                integration.setdefault("httpMethod", "POST")
    return made


def _is_notification(environ: WSGIEnvironment) -> bool:
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return environ["REQUEST_METHOD"] == "PUT" and "notification" in query and _service(environ) == "s3"


def _is_import(environ: WSGIEnvironment) -> bool:
    mode = parse_qs(environ.get("QUERY_STRING", "")).get("mode", [""])[0]
    return (environ["REQUEST_METHOD"], mode) in (("POST", "import"), ("PUT", "overwrite"))


def _service(environ: WSGIEnvironment) -> str:
    """The service that a request is signed for, by the scope of its credential; empty when it is not signed."""
    scope = re.search(r"Credential=[^/]+/\d+/[^/]*/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
    return scope[1] if scope else ""


def _body(environ: WSGIEnvironment) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return body


def _with_body(environ: WSGIEnvironment, body: bytes) -> WSGIEnvironment:
    return {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
