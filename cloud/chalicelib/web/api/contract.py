"""What `docs/api.md` says, from the coordinator itself: for programs and for people, and for anybody."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from chalice.app import Response

from chalicelib.ports import Ports
from chalicelib.web.routing import WITHOUT_TOKEN, PublicCall, Route
from chalicelib.web.wire import forms

if TYPE_CHECKING:
    from chalicelib.web.contract import Contract

MAX_AGE = {"Cache-Control": "public, max-age=300"}


def get_openapi(_ports: Ports, _call: PublicCall) -> Response:
    document = _published().document
    return Response(document.text, {"Content-Type": forms.JSON, "ETag": document.etag, **MAX_AGE}, 200)


def get_docs(_ports: Ports, _call: PublicCall) -> Response:
    page = _published().page
    return forms.text_answer(page.text, forms.HTML, {**forms.UNTRUSTING, "ETag": page.etag, **MAX_AGE})


@cache
def _published() -> Contract:
    """Made at the first question: no other call waits for it."""
    from chalicelib.web import api
    from chalicelib.web.contract import published

    return published([route for subject in api.SUBJECTS for route in subject.ROUTES])


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/v1/openapi.json",
        get_openapi,
        "This contract, as OpenAPI 3.1",
        answer="OpenApi",
        roles=WITHOUT_TOKEN,
    ),
    Route(
        "GET",
        "/v1/docs",
        get_docs,
        "This contract, as a page to read",
        answer=forms.HTML,
        roles=WITHOUT_TOKEN,
    ),
)
