"""The example of a processor's role in docs/processors.md: what one project's may touch, and what of others."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from chalicelib.core import keys
from chalicelib.core.ids import SessionId
from infra.local.aws.strict_s3.operations import Demand
from infra.local.aws.strict_s3.policy import Policy
from tests.support.builders import make_chapter, make_session_id

PAGE = Path(__file__).parents[2] / "docs" / "processors.md"
BUCKET = "BUCKET"
OURS = make_session_id(project="club")
WRITES = ("s3:PutObject", "s3:AbortMultipartUpload", "s3:GetObject")
ELSEWHERE = [make_session_id(project=each) for each in ("main", "clu", "club-2", "club2")]
"""Names of projects that a careless prefix takes for `club`."""


def statements() -> list[dict[str, Any]]:
    [shown] = [
        each for each in re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.S) if "Statement" in each
    ]
    return list(json.loads(shown)["Statement"])


def is_allowed(action: str, key: str) -> bool:
    """Whether an Allow of the example covers this; prefixes are matched as the strict layer matches those of a Deny."""
    about_s3 = [each for each in statements() if any(name.startswith("s3:") for name in each["Action"])]
    covering = [{**each, "Effect": "Deny", "Principal": "*"} for each in about_s3]
    return Policy.parsed({"Statement": covering}).denies_any(Demand(action, BUCKET, key), {})


def made(session: SessionId) -> list[str]:
    """What an order of the session makes."""
    prefixes = [keys.order_prefix(kind, session, 1) for kind in (keys.OUTPUTS, keys.MEASUREMENTS)]
    return [*(f"{prefix}lights.json" for prefix in prefixes), keys.manifest_key(session, 1)]


@pytest.mark.parametrize("action", WRITES)
@pytest.mark.parametrize("key", made(OURS))
def test_a_processor_of_one_project_writes_and_compares_what_it_makes(action: str, key: str):
    assert is_allowed(action, key)


@pytest.mark.parametrize("action", [*WRITES, "s3:GetObjectVersion", "s3:DeleteObject"])
@pytest.mark.parametrize("key", [key for session in ELSEWHERE for key in made(session)])
def test_it_touches_nothing_of_another_project(action: str, key: str):
    assert not is_allowed(action, key)


@pytest.mark.parametrize("action", [*WRITES, "s3:GetObjectVersion", "s3:DeleteObject"])
@pytest.mark.parametrize("session", [OURS, *ELSEWHERE])
def test_it_touches_no_original_and_no_intermediate(action: str, session: SessionId):
    below = keys.order_prefix(keys.INTERMEDIATES, session, 1)

    assert not is_allowed(action, make_chapter().key(session))
    assert not is_allowed(action, f"{below}notes.txt")


@pytest.mark.parametrize("key", made(OURS))
def test_it_removes_nothing(key: str):
    assert not is_allowed("s3:DeleteObject", key)
    assert not is_allowed("s3:DeleteObjectVersion", key)


def test_every_statement_of_the_example_allows_and_names_what():
    assert [each["Effect"] for each in statements()] == ["Allow", "Allow"]
    assert not [each for each in statements() if "*" in each["Action"] or each["Resource"] == "*"]
