"""The tables of docs/api.md, made from what the routes say of themselves: `python -m infra.api_docs` writes them."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from chalicelib.core.tokens import Role
from chalicelib.web import api
from chalicelib.web.contract.document import (
    every_problem,
    own_problems,
    problem_members,
    query_parameters,
    says_when,
)
from chalicelib.web.routing import Route
from infra import door

PAGE = Path(__file__).parents[1] / "docs" / "api.md"

_TABLE = re.compile(r"(<!-- table: (\w+), by `make api-docs` -->\n).*?(<!-- end -->)", re.DOTALL)


def tables() -> Mapping[str, str]:
    """Each table by the name that its place on the page has."""
    routes = [route for subject in api.SUBJECTS for route in subject.ROUTES]
    made: Mapping[str, Callable[[Sequence[Route]], str]] = {
        "calls": _calls,
        "queries": _queries,
        "problems": _problems,
    }
    return {name: make(routes) for name, make in made.items()}


def renewed(page: str) -> str:
    """The page with each of its tables as it should be. Raises KeyError for a table that is not made here."""
    made = tables()
    return _TABLE.sub(lambda found: f"{found[1]}{made[found[2]]}{found[3]}", page)


def _calls(routes: Sequence[Route]) -> str:
    return _table(
        ("call", *(role.value for role in Role), "answers", "problems of its own"),
        (
            (
                f"{route.method} {route.path}",
                *(_may(role, route) for role in Role),
                ", ".join(str(status) for status in route.statuses),
                ", ".join(f"{row.status} {row.slug}" for row in own_problems(route)),
            )
            for route in routes
        ),
    )


def _may(role: Role, route: Route) -> str:
    if not route.roles:
        return "no token"
    return "yes" if role in route.roles else ""


def _queries(routes: Sequence[Route]) -> str:
    return _table(
        ("call", "parameter", "what"),
        (
            (f"{route.method} {route.path}", f"`{each['name']}`", _what(each))
            for route in routes
            for each in query_parameters(route)
        ),
    )


def _what(parameter: Mapping[str, Any]) -> str:
    """What a parameter may be, an example, and what it is for."""
    schema = parameter["schema"]
    kind = ", ".join(f"`{each}`" for each in schema.get("enum", ())) or schema["type"]
    if "minimum" in schema:
        kind = (
            f"{schema['minimum']} to {schema['maximum']}" if "maximum" in schema else f"≥ {schema['minimum']}"
        )
    example = f", such as `{schema['examples'][0]}`" if "examples" in schema else ""
    description = f": {parameter['description']}" if "description" in parameter else ""
    return f"{kind}{example}{description}"


def _problems(routes: Sequence[Route]) -> str:
    return _table(
        ("status", "slug", "action", "more members"),
        (
            (
                str(row.status),
                row.slug,
                row.action.value,
                ", ".join((*problem_members(row), *(("+ `Retry-After`",) if says_when(row) else ()))),
            )
            for row in every_problem(routes)
        ),
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_line(heads), "|" + "---|" * len(heads), *(_line(row) for row in rows)]
    return "".join(f"{line}\n" for line in lines)


def _line(cells: Iterable[str]) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def main() -> int:
    """Write the page where a table is not as it should be, and say so."""
    before = PAGE.read_text()
    after = renewed(before)
    if after != before:
        PAGE.write_text(after)
    print(
        f"{PAGE.name}: {'its tables were written' if after != before else 'its tables are as they should be'}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(door.ended(main))
