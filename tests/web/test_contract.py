"""What routes say of themselves is whole, and every answer that a test of this folder gets is held against it."""

import json

import pytest

from chalicelib.web.contract import queries
from chalicelib.web.routing import NO_BODY, Route
from tests.web.client import device_of
from tests.web.contract import ROUTES, demand_documented, route_of, types_of
from tests.web.usual import SESSION, opened

by_name = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")


@by_name
def test_a_route_names_types_that_there_are(route: Route):
    assert route.summary
    assert not route.summary.endswith(".")
    assert types_of(route) or "/" in route.answer or route.answer == NO_BODY
    assert route.query is None or hasattr(queries, route.query)


@by_name
def test_a_route_takes_a_body_where_its_method_does(route: Route):
    assert (route.body is not None) == (route.method in ("PUT", "POST"))


def test_a_member_that_the_contract_does_not_have_is_noticed():
    ports = opened()
    document = device_of(ports).call("GET", SESSION).document | {"more": 1}

    with pytest.raises(AssertionError, match="unknown field `more`"):
        demand_documented(
            "GET", SESSION, 200, {"Content-Type": "application/json"}, json.dumps(document).encode()
        )


def test_a_member_that_an_answer_lacks_is_noticed():
    document = device_of(opened()).call("GET", SESSION).document
    del document["chapters"][0]["receipt"]

    with pytest.raises(AssertionError, match="missing required field `receipt`"):
        demand_documented(
            "GET", SESSION, 200, {"Content-Type": "application/json"}, json.dumps(document).encode()
        )


def test_a_status_that_the_contract_does_not_have_is_noticed():
    with pytest.raises(AssertionError, match="does not declare 201"):
        demand_documented("GET", SESSION, 201, {}, b"")


def test_a_path_belongs_to_one_route_with_its_query_or_without():
    assert route_of("GET", f"{SESSION}/frames?limit=3") is route_of("GET", f"{SESSION}/frames")
    assert route_of("GET", "/v1/nothing") is None
