"""The contract as the coordinator tells it: a valid document, an example of each type, a page without script."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib.core.errors import InvalidRequest
from chalicelib.core.picture import session_chapters
from chalicelib.web.contract import answers, limits
from chalicelib.web.contract.document import answer_names, openapi, problems_of
from chalicelib.web.contract.examples import EXAMPLES
from chalicelib.web.wire import parsing, problems, requests
from tests.support.builders import memory_ports
from tests.web.client import Caller, app_over
from tests.web.contract import ROUTES

CLOUD = Path(__file__).parents[2] / "cloud"
OPENAPI = "/v1/openapi.json"
DOCS = "/v1/docs"
WITHOUT_EXAMPLES = {"Summary", "Report", "OpenApi"}
"""Long ones, which docs/measurements.md and docs/api.md tell."""


@pytest.fixture(scope="module")
def document() -> Any:
    return openapi(ROUTES)


def operations(document: Any) -> list[Any]:
    return [told for methods in document["paths"].values() for told in methods.values()]


def anybody() -> Caller:
    return Caller(app_over(memory_ports()))


def test_the_document_is_valid_openapi(document: Any):
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_route_is_in_the_document_once(document: Any):
    told = [(method.upper(), path) for path, methods in document["paths"].items() for method in methods]

    assert sorted(told) == sorted((route.method, route.path) for route in ROUTES)
    assert len({each["operationId"] for each in operations(document)}) == len(ROUTES)


def test_every_type_is_told_under_its_own_name(document: Any):
    assert [name for name in document["components"]["schemas"] if not re.fullmatch("[A-Za-z]+", name)] == []


def test_every_problem_of_the_table_is_one_of_some_route():
    told = {row.slug for route in ROUTES for row in problems_of(route)}

    assert told == {row.slug for row in (*problems.ROWS.values(), problems.INTERNAL)}


def test_patterns_are_those_of_every_language(document: Any):
    patterns = re.findall(r'"pattern": "(.*?)"[,}]', json.dumps(document))

    assert len(patterns) > 20
    assert [each for each in patterns if not (each.startswith("^") and each.endswith("$"))] == []


def test_only_what_is_public_asks_for_no_token(document: Any):
    assert document["security"] == [{"token": []}, {"page": []}]
    assert {each["operationId"] for each in operations(document) if each.get("security") == []} == {
        "getHealth",
        "getOpenapi",
        "getDocs",
        "postEnrolment",
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_its_type_says(document: Any, name: str):
    kind = getattr(answers, name, None) or getattr(requests, name)
    schema = {**document["components"]["schemas"][name], "components": document["components"]}

    msgspec.convert(json.loads(json.dumps(EXAMPLES[name])), kind)
    jsonschema.Draft202012Validator(schema).validate(EXAMPLES[name])


def test_every_body_and_every_answer_has_an_example():
    bodies = {route.body.__name__ for route in ROUTES if route.body}
    told = {name.strip() for route in ROUTES for name in answer_names(route)}

    assert (bodies | told) - set(EXAMPLES) == WITHOUT_EXAMPLES


@pytest.mark.parametrize("name", limits.BODIES)
def test_a_limit_of_a_body_is_of_a_member_that_there_is(name: str):
    assert set(limits.BODIES[name]) <= set(getattr(requests, name).__struct_fields__)


class TestGetOpenapi:
    def test_answers_anybody_the_document_of_all_routes(self, document: Any):
        answer = anybody().call("GET", OPENAPI)

        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
        assert answer.document == document

    @pytest.mark.parametrize("path", [OPENAPI, DOCS])
    def test_a_caller_who_has_it_gets_no_more_than_304(self, path: str):
        tag = anybody().call("GET", path).headers["ETag"]

        again = anybody().call("GET", path, headers={"If-None-Match": tag})

        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)

    @pytest.mark.parametrize("path", [OPENAPI, DOCS])
    def test_a_token_is_not_read(self, path: str):
        answer = anybody().call("GET", path, headers={"Authorization": "Bearer nonsense"})

        assert (answer.status, answer.headers["Cache-Control"]) == (200, "public, max-age=300")


class Page(HTMLParser):
    """What a page links to and is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        said = {name: value for name, value in attrs if value}
        if "id" in said:
            self.ids.append(said["id"])
        self.links += [said[name] for name in ("href", "src") if name in said]
        assert not [name for name in said if name.startswith("on")]


class TestGetDocs:
    def test_answers_a_page_that_runs_and_fetches_nothing(self):
        answer = anybody().call("GET", DOCS)
        page = Page(answer.body.decode())

        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert {"script", "link", "img", "iframe", "form"} & set(page.tags) == set()
        assert {each for each in page.links if not each.startswith("#")} == {"openapi.json"}

    def test_every_link_leads_to_a_place_of_the_page(self):
        page = Page(anybody().call("GET", DOCS).body.decode())

        assert {each.removeprefix("#") for each in page.links} - {"openapi.json"} <= set(page.ids)
        assert len(page.ids) == len(set(page.ids))

    def test_names_every_call(self, document: Any):
        page = Page(anybody().call("GET", DOCS).body.decode())

        assert {each["operationId"] for each in operations(document)} <= set(page.ids)


def test_no_other_call_imports_the_contract():
    source = "import sys, chalicelib.web.api; print(sorted(m for m in sys.modules if 'web.contract' in m))"

    done = subprocess.run(
        [sys.executable, "-c", source], cwd=CLOUD, check=True, capture_output=True, text=True
    )

    assert done.stdout.strip() == "[]"


def chapter(number: int = 38, **changes: Any) -> dict[str, Any]:
    return {"directory": "100GOPRO", "filename": f"GX01{number:04d}.MP4", "size_bytes": 1, **changes}


def session(chapters: list[dict[str, Any]], serial: str = "C1") -> dict[str, Any]:
    return {"camera": {"serial": serial}, "chapters": chapters}


def order(count: int) -> dict[str, Any]:
    return {"required": [f"output.{number}.mp4" for number in range(count)]}


AT_LIMITS: list[tuple[str, dict[str, Any]]] = [
    *(
        ("SessionGiven", session([chapter(number) for number in range(count)]))
        for count in (0, 1, 2, 98, 99, 100)
    ),
    *(("SessionGiven", session([chapter()], "C" * length)) for length in (0, 1, 40, 41)),
    ("SessionGiven", session([chapter()], "C 1")),
    *(
        ("SessionGiven", session([chapter(directory=name)]))
        for name in ("100GOPR", "100GOPRO", "100GOPROX", "1X0GOPRO")
    ),
    *(("SessionGiven", session([chapter(filename="x" * length + ".MP4")])) for length in (1, 96, 97)),
    ("SessionGiven", session([chapter(filename="a/b.MP4")])),
    *(("SessionGiven", session([chapter(size_bytes=size)])) for size in (0, 1)),
    *(("OrderGiven", order(count)) for count in (0, 1, 49, 50, 51)),
    ("OrderGiven", {"required": ["output.a", "output.a"]}),
    *(("OrderGiven", {"required": [f"measurements.{'x' * length}"]}) for length in (0, 1, 100, 101)),
    ("OrderGiven", {"required": ["intermediate.a"]}),
    ("UploadAsked", {"artifact_id": "nothing.a", "size_bytes": 1}),
    *(("UploadAsked", {"artifact_id": "output.a", "size_bytes": size}) for size in (0, 1, 2**63 - 1, 2**63)),
    *(
        ("CompleteAsked", {"crc64nvme": each})
        for each in (None, "", "rosUhgp5mIg=", "rosUhgp5mIh=", "rosUhgp5mI==")
    ),
    *(
        ("PartUrlsAsked", {"parts": [{"number": 1, "crc64nvme": "rosUhgp5mIg="}], "crc64nvme": each})
        for each in (None, "", "rosUhgp5mIg=", "rosUhgp5mIh=", "rosUhgp5mI==")
    ),
    *(("FailureGiven", {"reason": "x" * length}) for length in (0, 1, 500, 501)),
    ("FailureGiven", {"reason": "one\nother"}),
    ("FailureGiven", {"reason": "one\tother"}),
    ("HoldGiven", {"held": True, "reason": "x", "more": 1}),
]


def is_accepted(name: str, body: Any) -> bool:
    """Whether the coordinator's values can be made of this body."""
    try:
        given = parsing.decoded(json.dumps(body).encode(), getattr(requests, name))
        match given:
            case requests.SessionGiven():
                given.recorded_by()
                session_chapters(given.listed())
            case requests.OrderGiven():
                given.wish()
            case requests.UploadAsked():
                given.wanted()
            case requests.CompleteAsked() | requests.PartUrlsAsked():
                given.claim()
    except InvalidRequest:
        return False
    return True


@pytest.mark.parametrize(("name", "body"), AT_LIMITS)
def test_the_document_allows_exactly_what_the_coordinator_takes(document: Any, name: str, body: Any):
    schema = {**document["components"]["schemas"][name], "components": document["components"]}

    assert jsonschema.Draft202012Validator(schema).is_valid(body) == is_accepted(name, body)
