"""The tables of docs/api.md are those that the routes make, and the command that writes them leaves the prose alone."""

import pytest

from infra import api_docs

HEAD = "| call | device | processor | operator | viewer | share | answers | problems of its own |"


def test_the_tables_of_the_page_are_what_the_routes_say():
    page = api_docs.PAGE.read_text()

    assert api_docs.renewed(page) == page, "run `make api-docs`"


def test_the_page_has_a_place_for_every_table():
    page = api_docs.PAGE.read_text()

    assert [name for name in api_docs.tables() if f"<!-- table: {name}, by" not in page] == []


def test_a_table_is_written_anew_between_its_marks_and_the_prose_stays():
    page = "before\n\n<!-- table: calls, by `make api-docs` -->\n| old |\n<!-- end -->\n\nafter\n"

    renewed = api_docs.renewed(page)

    assert renewed.startswith("before\n\n<!-- table: calls")
    assert renewed.endswith("<!-- end -->\n\nafter\n")
    assert HEAD in renewed
    assert "| old |" not in renewed


def test_a_place_for_a_table_that_there_is_not_is_a_fault():
    with pytest.raises(KeyError, match="prices"):
        api_docs.renewed("<!-- table: prices, by `make api-docs` -->\n<!-- end -->")


def test_a_route_without_a_token_says_so():
    [row] = [line for line in api_docs.tables()["calls"].splitlines() if "/v1/docs" in line]

    assert row == "| GET /v1/docs | no token | no token | no token | no token | no token | 200 | |"
