"""S3 on the wire: a request taken apart, an answer put together, a refusal as S3 words it. Path style only."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote
from xml.sax.saxutils import escape  # nosec B406 # it only escapes

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
# moto never checks a signature, but without a header like this it takes a question for an anonymous one.
OWN_AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
)
BODILESS = frozenset({204, 304})

Headers = list[tuple[str, str]]
Query = list[tuple[str, str]]


class Refusal(Exception):
    """A request that S3 refuses: status, code and message as S3 gives them, `details` as further elements."""

    def __init__(self, status: int, code: str, message: str, **details: str) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.details = details

    def answer(self) -> Answer:
        return xml_answer("Error", self.body(), status=self.status, namespace=False)

    def body(self) -> str:
        return elements({"Code": self.code, "Message": self.message, **self.details})


class MarkerMet(Refusal):
    """A refusal because a delete marker is not an object; its answer names the marker, in `headers` besides others."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str], marker: str, **details: str
    ) -> None:
        super().__init__(status, code, message, **details)
        self.headers = {"x-amz-delete-marker": "true", "x-amz-version-id": marker, **headers}

    def answer(self) -> Answer:
        return super().answer().with_headers(self.headers)


@dataclass(frozen=True)
class Request:
    """One request to S3. `key` is empty where the bucket itself is meant, `bucket` where the service is."""

    environ: WSGIEnvironment = field(repr=False)
    method: str
    bucket: str
    key: str
    query: Query

    @classmethod
    def parsed(cls, environ: WSGIEnvironment) -> Request:
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        bucket, _, key = path.removeprefix("/").partition("/")
        query = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
        return cls(environ, environ["REQUEST_METHOD"], bucket, key, query)

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        return dict(self.query)

    def header(self, name: str) -> str | None:
        value = self.environ.get(variable(name))
        return None if value is None else str(value)

    def amazon_headers(self) -> dict[str, str]:
        """The `x-amz-*` headers, by their names in lower case."""
        return {
            name[5:].lower().replace("_", "-"): str(value)
            for name, value in self.environ.items()
            if name.startswith("HTTP_X_AMZ_")
        }

    @property
    def size_bytes(self) -> int | None:
        """The length that the request declares for its body; None when it declares none."""
        text = self.environ.get("CONTENT_LENGTH") or ""
        return int(text) if text.isdigit() else None

    def with_body(self, body: bytes) -> Request:
        """The same request, its body already received; the next reader reads `body`."""
        environ = {**self.environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
        return Request(environ, self.method, self.bucket, self.key, self.query)

    def with_headers(self, headers: Mapping[str, str | None]) -> Request:
        """The same request with `headers` set, or taken away where the value is None."""
        environ = dict(self.environ)
        for name, value in headers.items():
            if value is None:
                environ.pop(variable(name), None)
            else:
                environ[variable(name)] = value
        return Request(environ, self.method, self.bucket, self.key, self.query)


def variable(header: str) -> str:
    """The environment variable of WSGI that holds a header."""
    name = header.upper().replace("-", "_")
    return name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"


@dataclass(frozen=True)
class Answer:
    """A whole answer, its body in memory."""

    status: int
    headers: Headers
    body: bytes = b""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)

    def with_headers(self, headers: Mapping[str, str]) -> Answer:
        """The same answer; `headers`, in lower case, replace those of the same name."""
        kept = [(name, value) for name, value in self.headers if name.lower() not in headers]
        return Answer(self.status, [*kept, *headers.items()], self.body)

    def without_headers(self, is_unwanted: Callable[[str], bool]) -> Answer:
        kept = [(name, value) for name, value in self.headers if not is_unwanted(name.lower())]
        return Answer(self.status, kept, self.body)

    def send(self, method: str, start_response: StartResponse) -> list[bytes]:
        headers = self.headers
        if method != "HEAD" and self.status not in BODILESS:
            headers = self.with_headers({"content-length": str(len(self.body))}).headers
        start_response(f"{self.status} {phrase(self.status)}", headers)
        return [] if method == "HEAD" else [self.body]


def phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def asked(app: WSGIApplication, request: Request) -> Answer:
    """What `app` answers to `request`, whole."""
    said: list[tuple[str, Headers]] = []

    def start(status: str, headers: Headers, _: object = None, /) -> Callable[[bytes], object]:
        said.append((status, headers))
        return lambda _: None

    chunks = app(request.environ, start)
    try:
        body = b"".join(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    status, headers = said[-1]
    return Answer(int(status[:3]), list(headers), body)


def inner(request: Request, method: str, bucket: str, key: str, query: str = "") -> Request:
    """A question of our own to the application below, on behalf of `request`, without a body or conditions."""
    environ = {name: value for name, value in request.environ.items() if not name.startswith("HTTP_X_AMZ")}
    path = f"/{bucket}/{key}" if key else f"/{bucket}"
    environ |= {
        "HTTP_AUTHORIZATION": OWN_AUTHORIZATION,
        "REQUEST_METHOD": method,
        "PATH_INFO": path.encode().decode("latin-1"),
        "RAW_URI": quote(path),
        "QUERY_STRING": query,
        "CONTENT_LENGTH": "0",
        "wsgi.input": io.BytesIO(),
    }
    for name in ("CONTENT_TYPE", "HTTP_RANGE", "HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH", "HTTP_ORIGIN"):
        environ.pop(name, None)
    return Request.parsed(environ)


def elements(values: Mapping[str, object]) -> str:
    """`values` as XML elements; None is left out, a bool is `true` or `false`."""
    return "".join(
        f"<{name}>{escape(_text(value))}</{name}>" for name, value in values.items() if value is not None
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def xml_answer(root: str, inside: str, *, status: int = 200, namespace: bool = True) -> Answer:
    """An XML document as an answer; errors are the one kind of document without S3's namespace."""
    opening = f'{root} xmlns="{NAMESPACE}"' if namespace else root
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{opening}>{inside}</{root}>'.encode()
    return Answer(status, [("content-type", "application/xml")], body)
