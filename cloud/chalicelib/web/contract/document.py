"""The API as OpenAPI 3.1, made from the routes, their types and the table of problems."""

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from chalicelib.core.errors import (
    ClientTooOld,
    InvalidRequest,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    ReelhaulError,
    SessionAdopted,
    StorageBusy,
    StorageUnfit,
    TooLarge,
    TooManyRequests,
)
from chalicelib.core.tokens import Role
from chalicelib.web.auth import COOKIE
from chalicelib.web.contract import answers, limits, queries
from chalicelib.web.contract.examples import EXAMPLES
from chalicelib.web.numbered import REQUEST_ID_HEADER
from chalicelib.web.routing import EVERYBODY, NO_BODY, Route, ShownBy
from chalicelib.web.wire import problems
from chalicelib.web.wire.forms import JSON
from chalicelib.web.wire.problems import Row

Document = dict[str, Any]

PROBLEM_JSON = "application/problem+json"
GATEWAY = "GatewayMessage"
"""The form of what is answered before any view."""

_PUBLIC = (StorageBusy,)
_WITH_TOKEN = (
    InvalidRequest,
    NotAuthenticated,
    NotPermitted,
    NotFound,
    TooLarge,
    ClientTooOld,
    TooManyRequests,
    StorageUnfit,
    StorageBusy,
)
_BEFORE_A_VIEW = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.GATEWAY_TIMEOUT)
_SECURITY: Mapping[ShownBy, Any] = {
    ShownBy.EITHER: [{"token": []}, {"page": []}],
    ShownBy.TOKEN: [{"token": []}],
    ShownBy.COOKIE: [{"page": []}],
}
_REF = "#/components/schemas/{name}"
_SAYS_WHEN = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
_NUMBERED = {
    REQUEST_ID_HEADER: {
        "description": "what the coordinator's log calls this call by",
        "schema": {"type": "string"},
    }
}
_RETRY_AFTER = {"Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 0}}}
_MEMBERS: Mapping[str, Any] = {
    "device_id": {"type": "string"},
    "differences": {"type": "array", "items": {"type": "string"}, "description": "list of texts"},
    "plan": {"$ref": _REF.format(name="Plan")},
    "reason": {"type": "string"},
    "missing": {"type": "array", "items": {"type": "integer"}, "description": "part numbers"},
    "differing": {"type": "array", "items": {"type": "integer"}, "description": "part numbers"},
    "minimum_version": {"type": "string"},
}
"""What a problem may tell in addition, by member."""

_ABOUT = """Brings camera footage home. A device opens a session and uploads its chapters over presigned part addresses;
processors make what its order asks for; operators hold, restore and look.

Times are RFC 3339 in UTC, sizes are bytes, and a CRC64NVME is the base64 of eight big-endian bytes. Bodies are decoded
strictly: a member that is not named here is refused. Errors are problems (RFC 9457); `action` says what a client does
next. Unknown routes, wrong methods and the gateway's own 429 and 504 are answered before any view, as a
GatewayMessage."""


def openapi(routes: Sequence[Route]) -> Document:
    """The OpenAPI document of these routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "reelhaul",
            "version": "1",
            "description": _ABOUT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "..", "description": "the address that this document came from, without /v1"}],
        "security": _SECURITY[ShownBy.EITHER],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "`t_….…`, as enrolment printed it; it carries role and project",
                },
                "page": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": "of a page session; changes with it need the header Origin of the page itself",
                },
            },
            "responses": _response_components(routes),
            "schemas": _schemas(routes),
        },
    }


def problems_of(route: Route) -> list[Row]:
    """Every problem that the route may answer, in the order of their statuses."""
    kinds: Iterable[type[ReelhaulError]] = (*(_WITH_TOKEN if route.roles else _PUBLIC), *route.problems)
    adopted = (SessionAdopted,) if Role.DEVICE in route.roles and _is_of_a_session(route) else ()
    rows = {problems.ROWS[kind].slug: problems.ROWS[kind] for kind in (*kinds, *adopted)}
    return sorted([*rows.values(), problems.INTERNAL], key=lambda row: row.status)


def _is_of_a_session(route: Route) -> bool:
    return "{session_id}" in route.path or "{upload_id}" in route.path


def own_problems(route: Route) -> list[Row]:
    """Those of its problems that not every call has."""
    usual = {problems.ROWS[kind].slug for kind in (*_WITH_TOKEN, SessionAdopted)}
    return [row for row in problems_of(route) if row.slug not in usual and row != problems.INTERNAL]


def every_problem(routes: Sequence[Route]) -> list[Row]:
    """Every problem that any of the routes may answer, in the order of the table of problems."""
    told = {row.slug for route in routes for row in problems_of(route)}
    return [row for row in (*problems.ROWS.values(), problems.INTERNAL) if row.slug in told]


def problem_members(row: Row) -> list[str]:
    """What a problem tells in addition, and of what kind that is."""
    kinds = {name: _MEMBERS[name].get("description") for name in row.members}
    return [f"`{name}` ({kind})" if kind else f"`{name}`" for name, kind in kinds.items()]


def says_when(row: Row) -> bool:
    """Whether the answer says after how many seconds the same call may be tried again."""
    return row.status in _SAYS_WHEN


def answer_names(route: Route) -> list[str]:
    """The names of the types of what the route answers; none where it is not JSON."""
    return (
        []
        if "/" in route.answer or route.answer == NO_BODY
        else [name.strip() for name in route.answer.split("|")]
    )


def _operation(route: Route) -> Document:
    told: Document = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "description": _for_whom(route),
        "tags": [_tag(route)],
        "x-roles": [role.value for role in route.roles],
        "parameters": [*_path_parameters(route), *query_parameters(route), *_header_parameters(route)],
        "responses": _responses(route),
    }
    if route.body is not None:
        told["requestBody"] = {"required": True, "content": {JSON: _content(route.body.__name__)}}
    if not route.roles:
        told["security"] = []
    elif route.shown_by is not ShownBy.EITHER:
        told["security"] = _SECURITY[route.shown_by]
    return told


def _operation_id(route: Route) -> str:
    return "".join(
        word.capitalize() if place else word for place, word in enumerate(route.view.__name__.split("_"))
    )


def _tag(route: Route) -> str:
    """The subject of a call: the module of `web/api` that has its view."""
    return route.view.__module__.rpartition(".")[2]


def _for_whom(route: Route) -> str:
    if not route.roles:
        return "For anybody; no token is asked for."
    *others, last = (f"{role.value}s" for role in route.roles)
    whom = f"{', '.join(others)} and {last}" if others else last
    return f"For {whom}." if route.roles == EVERYBODY else f"For {whom}; another role gets 403."


def _path_parameters(route: Route) -> list[Document]:
    return [
        {"name": name, "in": "path", "required": True, **_parameter({"type": "string", **limits.PATH[name]})}
        for name in re.findall(r"{(\w+)}", route.path)
    ]


def query_parameters(route: Route) -> list[Document]:
    """The parameters of the route's query, as OpenAPI has them."""
    if route.query is None:
        return []
    schema = _portable(msgspec.json.schema(getattr(queries, route.query)))
    [members] = [each["properties"] for each in schema["$defs"].values()]
    return [
        {"name": name, "in": "query", "required": False, **_parameter(_said(member))}
        for name, member in members.items()
    ]


def _header_parameters(route: Route) -> list[Document]:
    named = dict(limits.HEADERS) if route.roles else {}
    if route.method == "GET":
        named["If-None-Match"] = {"description": "answers 304 when the `ETag` is one of these, or is `*`"}
    return [
        {"name": name, "in": "header", "required": False, **_parameter({"type": "string", **schema})}
        for name, schema in named.items()
    ]


def _parameter(schema: Mapping[str, Any]) -> Document:
    """A parameter's description and schema."""
    description = schema.get("description")
    told = {name: value for name, value in schema.items() if name != "description"}
    return {**({"description": description} if description else {}), "schema": told}


def _said(member: Mapping[str, Any]) -> Document:
    """A member that may be left out, without the null that it is then: a query has no null."""
    told = {name: value for name, value in member.items() if name not in ("anyOf", "default")}
    [kind] = [each for each in member.get("anyOf", [{}]) if each.get("type") != "null"]
    return {**kind, **told}


def _responses(route: Route) -> Document:
    told: Document = {str(status): _answered(route) for status in route.statuses}
    if route.method == "GET":
        told["304"] = {"description": "The caller has it already."}
    for status, rows in _groups(route):
        if status in route.statuses:  # the call answers with this status too
            told[str(status)]["content"] |= _group(rows)["content"]
        else:
            told[str(status)] = {"$ref": f"#/components/responses/{_group_name(rows)}"}
    # What lies before a view has one form, and a status that views give too is described with them.
    for status in (*_BEFORE_A_VIEW, *((HTTPStatus.UNSUPPORTED_MEDIA_TYPE,) if route.body else ())):
        told.setdefault(str(int(status)), {"$ref": f"#/components/responses/{GATEWAY}"})
    return dict(sorted(told.items()))


def _answered(route: Route) -> Document:
    if route.answer == NO_BODY:
        return {"description": f"{route.summary}.", "headers": _NUMBERED}
    names = answer_names(route)
    content = {JSON: _content(*names)} if names else {route.answer: {"schema": {"type": "string"}}}
    content |= {form: {"schema": {"type": "string"}} for form in route.forms}
    return {"description": f"{route.summary}.", "headers": _NUMBERED, "content": content}


def _content(*names: str) -> Document:
    """JSON of one of the types with these names, and an example of each."""
    refs = [{"$ref": _REF.format(name=name)} for name in names]
    examples = {name: {"value": EXAMPLES[name]} for name in names if name in EXAMPLES}
    return {
        "schema": refs[0] if len(refs) == 1 else {"anyOf": refs},
        **({"examples": examples} if examples else {}),
    }


def _groups(route: Route) -> list[tuple[int, list[Row]]]:
    """The problems of a route by their status."""
    return [
        (status, list(rows)) for status, rows in itertools.groupby(problems_of(route), lambda row: row.status)
    ]


def _group_name(rows: Sequence[Row]) -> str:
    return "Or".join(_camel(row.slug) for row in rows)


def _group(rows: Sequence[Row]) -> Document:
    """The response of one status: one of these problems."""
    status = rows[0].status
    refs = [{"$ref": _REF.format(name=_problem_name(row))} for row in rows]
    content = {PROBLEM_JSON: {"schema": refs[0] if len(refs) == 1 else {"oneOf": refs}}}
    if status in _BEFORE_A_VIEW:
        content[JSON] = {"schema": {"$ref": _REF.format(name=GATEWAY)}}
    return {
        "description": "; ".join(f"`{row.slug}`: {row.action.value}" for row in rows) + ".",
        "headers": {**_NUMBERED, **(_RETRY_AFTER if says_when(rows[0]) else {})},
        "content": content,
    }


def _response_components(routes: Sequence[Route]) -> Document:
    told = {_group_name(rows): _group(rows) for route in routes for _, rows in _groups(route)}
    told[GATEWAY] = {
        "description": "Answered before any view.",
        "content": {JSON: {"schema": {"$ref": _REF.format(name=GATEWAY)}}},
    }
    return dict(sorted(told.items()))


def _camel(slug: str) -> str:
    return "".join(word.capitalize() for word in slug.split("-"))


def _problem_name(row: Row) -> str:
    return f"{_camel(row.slug)}Problem"


def _problem_schema(row: Row) -> Document:
    members = {name: _MEMBERS[name] for name in row.members}
    told = {
        "type": {"const": row.type},
        "title": {"const": row.title},
        "status": {"const": row.status},
        "detail": {"type": "string"},
        "action": {"const": row.action.value},
        "request_id": {"type": "string", "description": "what the coordinator's log calls this call by"},
        **members,
    }
    return {
        "type": "object",
        "title": row.title,
        "properties": told,
        "required": list(told),
        "additionalProperties": False,
    }


def _schemas(routes: Sequence[Route]) -> Document:
    kinds = [answers.Plan, *(route.body for route in routes if route.body)]
    kinds += [getattr(answers, name) for route in routes for name in answer_names(route)]
    _, schemas = msgspec.json.schema_components(dict.fromkeys(kinds), ref_template=_REF)
    told: Document = _portable(schemas)
    for name, members in limits.BODIES.items():
        for member, further in members.items():
            _narrow(told[name]["properties"][member], further)
    rows = {row.slug: row for route in routes for row in problems_of(route)}
    told |= {_problem_name(row): _problem_schema(row) for row in rows.values()}
    told[GATEWAY] = {
        "type": "object",
        "description": "What is answered before any view: by the gateway, or for a body of another Content-Type.",
        "minProperties": 1,
        "properties": {name: {"type": "string"} for name in ("message", "Message", "Code")},
        "additionalProperties": False,
    }
    return dict(sorted(told.items()))


def _narrow(schema: Document, further: Mapping[str, Any]) -> None:
    """Have the schema of a member say `further` of what it may be, null aside."""
    [kind] = [each for each in schema.get("anyOf", [schema]) if each.get("type") != "null"]
    kind.update(further)


def _portable(schema: Any) -> Any:
    """The schema with patterns of ECMA-262, which has no `\\A` and no `\\Z`."""
    if isinstance(schema, list):
        return [_portable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: re.sub(r"^\\A|\\Z$", lambda found: "^" if found[0] == r"\A" else "$", value)
        if name == "pattern" and isinstance(value, str)
        else _portable(value)
        for name, value in schema.items()
    }
