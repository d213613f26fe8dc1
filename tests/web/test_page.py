"""What the coordinator serves as its page, and the rules that it gives browsers."""

from pathlib import Path

import pytest

from chalicelib.core.errors import NotFound
from chalicelib.ports import Ports
from chalicelib.web.page import Page, protection
from chalicelib.web.routing import PublicCall
from tests.support.builders import memory_ports
from tests.web.client import Deployment

CALL = PublicCall(Deployment(), {}, b"", {})


@pytest.fixture
def ports() -> Ports:
    return memory_ports()


@pytest.fixture
def page(tmp_path: Path) -> Page:
    (tmp_path / "index.html").write_text("<!doctype html><title>reelhaul</title>")
    (tmp_path / "main-ABCD1234.js").write_text("export {};")
    (tmp_path / "style-ABCD1234.css").write_text("body {}")
    (tmp_path / "icon.svg").write_text("<svg/>")
    (tmp_path / "build.py").write_text("secret")
    (tmp_path.parent / "above.js").write_text("secret")
    return Page(tmp_path)


def test_the_page_is_asked_for_again_each_time_and_an_unchanged_one_has_the_same_tag(
    page: Page, ports: Ports
):
    answer = page.get_page(ports, CALL)

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["ETag"] == page.get_page(ports, CALL).headers["ETag"]


def test_a_file_named_by_its_content_is_kept_for_good(page: Page, ports: Ports):
    answer = page.get_asset(ports, CALL, "main-ABCD1234.js")

    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_file_without_a_hash_in_its_name_is_kept_for_minutes(page: Page, ports: Ports):
    assert page.get_asset(ports, CALL, "icon.svg").headers["Cache-Control"] == "public, max-age=300"


@pytest.mark.parametrize(
    "name",
    ["other-ABCD1234.js", "build.py", "../above.js", "..%2fabove.js", "index.html", "", ".", "a" * 200],
)
def test_no_other_file_is_given(page: Page, ports: Ports, name: str):
    with pytest.raises(NotFound):
        page.get_asset(ports, CALL, name)


def test_without_built_files_the_answer_says_how_to_build_them(tmp_path: Path, ports: Ports):
    answer = Page(tmp_path).get_page(ports, CALL)

    assert answer.status_code == 404
    assert "make assets" in answer.body
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_the_page_runs_its_own_files_alone_and_reaches_the_bucket_alone():
    policy = protection(("https://footage.s3.eu-west-1.amazonaws.com",))["Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))

    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["worker-src"] == "'self'"
    assert rules["connect-src"] == "'self' https://footage.s3.eu-west-1.amazonaws.com"
    assert rules["media-src"] == "https://footage.s3.eu-west-1.amazonaws.com"
    assert rules["frame-ancestors"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert "unsafe" not in policy


def test_the_page_may_open_sockets_where_there_is_push_and_nowhere_else():
    bucket = "https://footage.s3.eu-west-1.amazonaws.com"
    said = protection((bucket,), "wss://a1b2.execute-api.eu-west-1.amazonaws.com/api")[
        "Content-Security-Policy"
    ]

    assert f"connect-src 'self' {bucket} wss://a1b2.execute-api.eu-west-1.amazonaws.com; " in said
    assert "wss:" not in protection((bucket,), None)["Content-Security-Policy"]
