"""The guide for crews explains what the client says, and says nothing that the client does not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from edge_client.base import errors
from edge_client.cli import parser
from edge_client.model.haul_state import HaulState

HOUSE = Path(__file__).parents[1]
GUIDE = (HOUSE / "docs" / "device.md").read_text()
MESSAGES = GUIDE.split("## What it says, and what to do")[1]
BETWEEN = "…"
# No crew sees these: what only a fault of the client would ask, what ends a round inside.
UNSEEN_KINDS = {"RequestForbidden", "GivesWay"}
# And what is a chapter, with an answer of the coordinator after it: ANSWERS has that.
UNSEEN = {"everything is sent", "…: …. …"}


def texts(node: ast.AST) -> str | None:
    """A literal as the guide writes it, `…` for what is filled in."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(texts(part) or BETWEEN for part in node.values)
    return None


def parsed() -> Iterator[ast.AST]:
    for path in sorted((HOUSE / "edge_client").rglob("*.py")):
        yield from ast.walk(ast.parse(path.read_text()))


@cache
def said() -> set[str]:
    """Everything that the client may say."""
    return {text for node in parsed() if (text := texts(node))}


@cache
def raised() -> set[str]:
    """What its errors say to a person."""
    found: set[str] = set()
    for node in parsed():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            kind = getattr(errors, node.func.id, None)
            is_error = isinstance(kind, type) and issubclass(kind, errors.EdgeError)
            first = texts(node.args[0])
            if is_error and first and node.func.id not in UNSEEN_KINDS:
                found.add(first)
    return found - UNSEEN


def explained() -> list[str]:
    """The messages of the tables, as the guide writes them."""
    rows = re.findall(r"^\| (.+?) \| .+ \|$", MESSAGES, re.MULTILINE)
    return [text for row in rows for text in re.findall(r"`([^`]+(?: `[^`]+`)*)`", row)]


def is_said(explanation: str, message: str) -> bool:
    """Whether a message begins, ends or goes on as it is explained."""
    pattern = ".*".join(re.escape(part) for part in explanation.split(BETWEEN))
    return re.search(pattern, message) is not None


# Made of what the coordinator and S3 answer, so that no literal of the client has them whole.
ANSWERS = {"the coordinator answers … …", "…: the coordinator answers … …. …", "S3 answered … …", "5… …"}


@pytest.mark.parametrize("explanation", [text for text in explained() if len(text) > 6])
def test_what_the_guide_explains_is_something_that_the_client_says(explanation: str):
    known = re.sub(r"answers \d+ …", "answers … …", explanation)

    assert any(is_said(known, message) for message in said() | ANSWERS)


@pytest.mark.parametrize("message", sorted(raised()))
def test_every_error_has_its_row_in_the_guide(message: str):
    enough = [text for text in explained() if len(text.replace(BETWEEN, "")) >= 6]

    assert any(is_said(text, message) for text in enough), "docs/device.md does not explain it"


def test_the_tables_are_read():
    assert len(explained()) > 60
    assert len(raised()) > 60


def test_every_standing_has_its_row():
    rows = set(re.findall(r"^\| `([a-z ,]+)` \|", GUIDE, re.MULTILINE))

    assert {state.value for state in HaulState} <= rows


def commands() -> set[str]:
    """The client's commands in the guide, by hand in its transcripts and in its sentences."""
    by_hand = re.findall(r"^\$ sudo reelhaul-at \S+ (.+)$", GUIDE, re.MULTILINE)
    told = re.findall(r"`((?:haul|audit|list|status)(?: [^`]+)?)`", GUIDE)
    return {*by_hand, *told}


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_of_the_guide_is_one_that_the_client_takes(command: str):
    assert parser().parse_args(command.split()).command == command.split()[0]


def test_the_commands_are_found():
    assert len(commands()) > 10
