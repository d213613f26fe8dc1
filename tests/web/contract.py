"""What the contract says of answers, for tests that hold them against it: docs/api.md, and the types of the routes."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from chalicelib.web import api
from chalicelib.web.contract import answers
from chalicelib.web.contract.document import PROBLEM_JSON, answer_names, problems_of
from chalicelib.web.routing import Route

ROUTES: tuple[Route, ...] = tuple(route for subject in api.SUBJECTS for route in subject.ROUTES)

CONTRACT = Path(__file__).parents[2] / "docs" / "api.md"


def shape(document: Any) -> Any:
    """The names in a document at every depth, without its values; a list is the shape of its first element."""
    if isinstance(document, dict):
        return {name: shape(value) for name, value in document.items()}
    if isinstance(document, list):
        return [shape(document[0])] if document else []
    return None


def documented(beginning: str) -> Any:
    """The one JSON block of the contract that begins so."""
    blocks = re.findall(r"```json\n(.*?)```", CONTRACT.read_text(), re.DOTALL)
    [block] = [block for block in blocks if block.startswith(beginning)]
    return json.loads(block)


def route_of(method: str, path: str) -> Route | None:
    """The route that a call of `path`, query and all, comes to."""
    found = [each for each in ROUTES if each.method == method and _is_path_of(each, path.partition("?")[0])]
    return found[0] if found else None


def types_of(route: Route) -> list[Any]:
    """The types that the route's answers have; none for a media type."""
    return [getattr(answers, name) for name in answer_names(route)]


def demand_documented(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Fails for a status, a problem, a form or a member that the route does not declare, and for a missing member."""
    route = route_of(method, path)
    if route is None:
        return
    form = headers.get("Content-Type", "").partition(";")[0]
    if form == PROBLEM_JSON:
        declared = {(row.status, row.type) for row in problems_of(route)}
        assert (status, json.loads(body)["type"]) in declared, (
            f"{method} {route.path} does not declare {body!r}"
        )
    elif status == 415:
        assert route.body
    elif status == 204:
        assert (route.statuses, body) == ((204,), b"")
    elif status == 304:
        assert method == "GET"
    else:
        assert status in route.statuses, f"{method} {route.path} does not declare {status}"
        _demand_form(route, form, body)


def _demand_form(route: Route, form: str, body: bytes) -> None:
    if form == "application/json":
        _decode(body, types_of(route))
    else:
        assert form in (*route.forms, route.answer), f"{route.method} {route.path} does not declare {form}"


def _decode(body: bytes, kinds: list[Any]) -> None:
    """Fails unless the body is one of the `kinds`, strictly."""
    faults = []
    for kind in kinds:
        try:
            msgspec.json.decode(body, type=kind)
        except msgspec.ValidationError as error:
            faults.append(f"{kind.__name__}: {error}")
        else:
            return
    raise AssertionError(f"the answer is not what its route declares: {'; '.join(faults)}: {body[:500]!r}")


def _is_path_of(route: Route, path: str) -> bool:
    return re.fullmatch(re.sub(r"{\w+}", "[^/]+", route.path), path) is not None
