"""The docs name what there is."""

import re
from pathlib import Path

import pytest
import yaml

from chalicelib import settings

HOUSE = Path(__file__).parents[1]
PAGES = sorted([*HOUSE.glob("*.md"), *HOUSE.glob("docs/**/*.md")])


def read(name: str) -> str:
    return (HOUSE / name).read_text()


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", read("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("variable", sorted(settings.VARIABLES))
def test_every_setting_of_the_coordinator_is_described(variable: str):
    assert f"`{variable}`" in read("docs/settings.md")


def test_every_parameter_of_the_stack_is_described():
    parameters = read("infra/storage.yaml").split("Parameters:\n")[1].split("\nConditions:")[0]
    described = read("docs/settings.md").split("## The stack")[1].split("## The device")[0]

    # The stage is `make deploy`'s own word.
    assert set(yaml.safe_load(parameters)) - {"Stage"} == set(re.findall(r"^\| `(\w+)`", described, re.M))


def test_every_variable_of_the_device_is_described():
    named = set(re.findall(r"\((REELHAUL_[A-Z_]+)\)", read("edge_client/arguments.py")))

    assert named
    assert named == set(re.findall(r"`(REELHAUL_[A-Z_]+)`", read("docs/settings.md")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOUSE)))
def test_every_make_target_that_a_page_names_exists(page: Path):
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE))

    assert named <= targets()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOUSE)))
def test_every_link_of_a_page_leads_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_target_says_what_it_does():
    silent = re.findall(r"^([a-z][a-z-]*):(?!.*##)", read("Makefile"), re.MULTILINE)

    assert silent == []
