"""Each thing has one word, and each word one meaning: the glossary, and the names in the code."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from itertools import islice
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
GLOSSARY = HOUSE / "docs" / "glossary.md"
TREES = ("edge_client", "cloud/chalicelib", "infra", "examples")
MOST_WORDS = 50
WORTHWHILE = 3

# Words that only we understood. Each had a plain one: docs/glossary.md, or the names of the modules.
PRIVATE_CLASSES = {
    *(
        "Act",
        "Advance",
        "Beat",
        "BringBack",
        "Brought",
        "Chosen",
        "Desk",
        "Every",
        "Footage",
        "Guard",
        "Heart",
    ),
    *("Held", "Intend", "Lanes", "Leg", "Legs", "Pin", "Room", "Said", "Saying", "Standing", "Standings"),
    *("Told", "Tools", "Visit"),
}
PRIVATE_MODULES = {
    *("acts", "arrivals", "bodies_in", "callers", "choice", "chosen", "desk", "every", "finishing", "held"),
    *("helpers", "intake", "lanes", "legs", "looking", "opening", "ordering", "owed", "pace", "rehearsal"),
    *(
        "room",
        "said",
        "saying",
        "shapes",
        "standings",
        "strangers",
        "told",
        "tools",
        "utils",
        "visit",
        "walk",
    ),
}
# These once named several things at a time.
ONE_AT_MOST = {"Coordinator", "Tally"}


def rows() -> list[tuple[str, str, str]]:
    found = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", GLOSSARY.read_text(), re.M)
    return [row for row in found if row[0] != "word"]


def words() -> list[str]:
    return [word for word, _, _ in rows()]


@cache
def modules() -> tuple[Path, ...]:
    return tuple(sorted(path for tree in TREES for path in (HOUSE / tree).rglob("*.py")))


@cache
def classes() -> Counter[str]:
    """How many classes have a name; a port and its adapter are one thing and share theirs."""
    return Counter(
        node.name.lstrip("_")
        for path in modules()
        if path.name != "ports.py"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    )


@cache
def text_of_the_house() -> str:
    pages = [*HOUSE.glob("*.md"), *(page for page in HOUSE.glob("docs/*.md") if page != GLOSSARY)]
    return "\n".join(path.read_text() for path in (*modules(), *pages)).lower()


def test_the_glossary_is_short_and_sorted():
    assert 20 <= len(words()) <= MOST_WORDS
    assert words() == sorted(words())


def test_each_word_has_one_row():
    assert [word for word, count in Counter(words()).items() if count > 1] == []


@pytest.mark.parametrize("row", rows(), ids=words())
def test_a_word_has_one_meaning_of_one_to_three_sentences(row: tuple[str, str, str]):
    _, meaning, _ = row

    assert meaning.endswith(".")
    assert 1 <= len(re.findall(r"[a-z`)]\.(?: |$)", meaning)) <= 3
    assert not re.search(r"\b(?:or also|also means|1\.|2\.)", meaning)


@pytest.mark.parametrize("row", rows(), ids=words())
def test_a_word_lives_where_the_glossary_says(row: tuple[str, str, str]):
    _, _, where = row

    assert (HOUSE / where.strip("`")).exists()


@pytest.mark.parametrize("word", words())
def test_a_word_of_the_glossary_is_used(word: str):
    found = re.finditer(rf"\b{word.lower()}s?\b", text_of_the_house())

    assert len(list(islice(found, WORTHWHILE))) == WORTHWHILE


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/architecture.md"])
def test_the_glossary_is_found_from_the_pages_that_one_reads_first(page: str):
    assert "glossary.md)" in (HOUSE / page).read_text()


def test_no_class_has_a_private_word_for_its_name():
    assert classes()
    assert sorted(PRIVATE_CLASSES & set(classes())) == []


def test_no_module_has_a_private_word_for_its_name():
    named = {path.parent.name if path.stem == "__init__" else path.stem for path in modules()}

    assert sorted(PRIVATE_MODULES & named) == []


def test_a_word_that_named_several_things_names_one():
    assert {name: classes()[name] for name in ONE_AT_MOST if classes()[name] > 1} == {}


def test_nothing_that_acts_is_called_told():
    acting = [
        f"{path.relative_to(HOUSE)}: {node.name}"
        for path in modules()
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name in {"told", "held", "saying", "brought"}
    ]

    assert acting == []


def test_a_docstring_begins_with_what_the_caller_gets_or_what_is_done():
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    first_lines = [
        f"{path.relative_to(HOUSE)}: {text}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, documented) and (text := ast.get_docstring(node) or "")
        if re.match(r"Nothing(?:,| when| if)|Whoever|Whatever", text)
    ]

    assert first_lines == []
