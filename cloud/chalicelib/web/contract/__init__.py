"""What the API says of itself; imported when somebody asks for it, and by no other call."""

import hashlib
import json
from collections.abc import Sequence

from msgspec import Struct

from chalicelib.web.contract.document import openapi
from chalicelib.web.contract.page import page
from chalicelib.web.routing import Route


class Published(Struct, frozen=True):
    """A text that everybody gets, and what tells it from another version of it."""

    text: str
    etag: str


class Contract(Struct, frozen=True):
    """The OpenAPI document, as JSON and as a page."""

    document: Published
    page: Published


def published(routes: Sequence[Route]) -> Contract:
    """The contract of these routes."""
    document = openapi(routes)
    text = json.dumps(document, separators=(",", ":"))
    return Contract(_tagged(text), _tagged(page(document)))


def _tagged(text: str) -> Published:
    return Published(text, f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"')
