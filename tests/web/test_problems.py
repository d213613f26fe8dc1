"""Errors as problems: one table in the code, told in docs/api.md."""

import logging
import re
from pathlib import Path

import pytest
from chalice.app import Response

from chalicelib.core import errors
from chalicelib.core.errors import (
    ClientTooOld,
    Conflict,
    InvalidRequest,
    KeyTaken,
    MultipartGone,
    PartsMismatch,
    PartsRefused,
    PlanDiffers,
    Poison,
    ReelhaulError,
    SessionDiffers,
    StorageBusy,
    TooManyRequests,
    UploadGone,
    VersionGone,
)
from chalicelib.web.wire import problems

CONTRACT = Path(__file__).parents[2] / "docs" / "api.md"
ROW = re.compile(r"\| (\d{3}) \| ([a-z-]+) \| ([a-z]+) \|(.*)\|")


def answer_to(error: Exception) -> Response:
    @problems.answered
    def view() -> Response:
        raise error

    return view()


def of_core() -> list[type[ReelhaulError]]:
    """Every error class of `core.errors` that has none of them below it."""
    found = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ReelhaulError)
    ]
    above = {base for kind in found for base in kind.__bases__}
    return [kind for kind in found if kind not in above]


@pytest.mark.parametrize("kind", of_core(), ids=lambda kind: kind.__name__)
def test_every_error_of_core_has_exactly_one_row(kind: type[ReelhaulError]):
    assert (kind in problems.ROWS) + (kind in problems.INWARD) == 1


def test_the_errors_of_core_are_found():
    assert len(of_core()) == 27
    assert {StorageBusy, Conflict} <= set(of_core())


def test_the_contract_names_the_same_problems():
    told = {
        (int(status), slug, action, frozenset(re.findall(r"`([a-z_]+)`", more)), "Retry-After" in more)
        for status, slug, action, more in ROW.findall(CONTRACT.read_text())
    }
    internal = (None, problems.INTERNAL)
    rows = [*problems.ROWS.items(), internal]

    assert told == {
        (
            row.status,
            row.slug,
            row.action.value,
            frozenset(row.members),
            kind in (StorageBusy, TooManyRequests),
        )
        for kind, row in rows
    }


def test_a_problem_says_what_and_what_to_do():
    response = answer_to(InvalidRequest("size_bytes must be at least 1"))

    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.body == {
        "type": "urn:reelhaul:problem:invalid-request",
        "title": "Invalid request",
        "status": 400,
        "detail": "size_bytes must be at least 1",
        "action": "stop",
    }


@pytest.mark.parametrize(
    ("error", "members"),
    [
        (SessionDiffers("differs", ("group: a here",)), {"differences": ("group: a here",)}),
        (UploadGone("gone", "its deadline passed"), {"reason": "its deadline passed"}),
        (PartsMismatch("mismatch", (1, 2), (3,)), {"missing": (1, 2), "differing": (3,)}),
        (ClientTooOld("old", "0.2.0"), {"minimum_version": "0.2.0"}),
        (
            PlanDiffers("differs", size_bytes=25, part_size_bytes=10),
            {"plan": {"size_bytes": 25, "part_size_bytes": 10, "part_count": 3}},
        ),
    ],
)
def test_what_the_error_knows_goes_along(error: ReelhaulError, members: dict[str, object]):
    body = answer_to(error).body

    assert {name: body[name] for name in members} == members


def test_a_plea_for_patience_says_for_how_long():
    response = answer_to(StorageBusy("wait", 7))

    assert (response.status_code, response.headers["Retry-After"]) == (503, "7")


@pytest.mark.parametrize(
    ("error", "slug", "action"),
    [
        (Conflict("version 7"), "storage-busy", "retry"),
        (MultipartGone("multipart-1"), "storage-busy", "retry"),
        (KeyTaken("originals/a"), "state-conflict", "stop"),
        (PartsRefused("InvalidPart", "InvalidPart"), "parts-mismatch", "resign"),
        (VersionGone("version-7 of originals/a"), "not-found", "stop"),
        (Poison("frame 7 has no number"), "state-conflict", "stop"),
    ],
)
def test_an_error_between_flows_and_adapters_is_told_in_words_for_the_caller(
    error: ReelhaulError, slug: str, action: str
):
    body = answer_to(error).body

    assert (body["type"], body["action"]) == (f"urn:reelhaul:problem:{slug}", action)
    assert str(error) not in body["detail"]


def test_what_nobody_named_is_internal_and_shows_nothing_of_itself():
    body = answer_to(KeyError("table-of-the-house")).body

    assert (body["status"], body["type"], body["action"]) == (500, "urn:reelhaul:problem:internal", "retry")
    assert "table-of-the-house" not in str(body)


def test_what_nobody_named_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture):
    answer_to(KeyError("table-of-the-house"))

    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info is not None
    assert "table-of-the-house" in str(record.exc_info[1])


def test_an_error_of_a_kind_below_a_known_one_is_told_as_that_one():
    class Throttled(StorageBusy):
        """A module's own kind of patience."""

    assert answer_to(Throttled("wait")).status_code == 503


def test_a_detail_that_quotes_a_huge_request_is_cut():
    assert len(answer_to(InvalidRequest("x" * 10**6)).body["detail"]) == 1000


def test_an_answer_without_an_error_passes():
    @problems.answered
    def view() -> Response:
        return Response({"fine": True}, status_code=201)

    assert (view().status_code, view().body) == (201, {"fine": True})
