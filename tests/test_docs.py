"""The docs name what there is."""

import json
import re
from datetime import date
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
import yaml

from chalicelib import settings
from chalicelib.aws import signer
from chalicelib.core.events import Event, Measure
from chalicelib.core.settle import actions, gates
from chalicelib.flows import proofs

HOUSE = Path(__file__).parents[1]
FOLDERS = ("docs", "examples", "infra", "requirements", "tests")
PAGES = sorted(
    [*HOUSE.glob("*.md"), *(page for folder in FOLDERS for page in HOUSE.glob(f"{folder}/**/*.md"))]
)
TREES = ("edge_client", "cloud/app.py", "cloud/chalicelib", "infra", "examples", "tests")
FILES_OF_CODE = sorted(
    file
    for root in TREES
    for file in [HOUSE / root, *(HOUSE / root).rglob("*")]
    if file.suffix in {".py", ".yaml"}
)
DECISIONS = sorted(HOUSE.glob("docs/decisions/[0-9]*.md"))

LONGEST_LINE = 130
FENCED = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
PAGE_IN_CODE = re.compile(r"\bdocs/[\w/-]+\.md\b")
DECISION = re.compile(
    r"Number (?P<number>\d{4}) · (?P<date>\d{4}-\d\d-\d\d) · Status: "
    r"(?:accepted|superseded by (?P<successor>\d{4}))(?:\. .*)?$"
)


def read(name: str) -> str:
    return (HOUSE / name).read_text()


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


@cache
def names_of_tests() -> set[str]:
    return {
        name
        for file in HOUSE.glob("tests/**/test_*.py")
        for name in re.findall(r"def (test_\w+)\(", file.read_text())
    }


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", read("Makefile"), re.MULTILINE))


def metrics_of(page: str) -> list[str]:
    """The metrics in the first column of the table below the page's heading "Metrics"."""
    section = re.search(r"^## Metrics$(.*?)^## ", page, re.M | re.S)
    assert section
    rows = re.findall(r"^\| (`[^|]*)\|", section[1], re.M)
    return [name for row in rows for name in re.findall(r"`([a-z.]+)`", row)]


def test_the_metrics_that_are_described_are_those_that_are_counted():
    reported = [*(event.value for event in Event), *(measure.metric for measure in Measure)]

    assert sorted(metrics_of(read("docs/operations.md"))) == sorted(reported)


def test_every_metric_has_its_place_in_a_flow():
    flows = "".join(file.read_text() for file in (HOUSE / "cloud/chalicelib/flows").rglob("*.py"))

    named = set(re.findall(r"\b(?:Event|Measure)\.[A-Z_]+\b", flows))

    assert {str(each) for each in (*Event, *Measure)} <= named


@pytest.mark.parametrize("variable", sorted(settings.VARIABLES))
def test_every_setting_of_the_coordinator_is_described(variable: str):
    assert f"`{variable}`" in read("docs/settings.md")


def test_the_default_that_is_described_is_the_one_that_is_deployed():
    described = read("docs/settings.md")
    deployed = json.loads(read("cloud/.chalice/config.json"))["environment_variables"]
    defaults = {name: text for name, text in deployed.items() if text and not text.startswith("${")}

    assert len(defaults) >= 10
    assert [
        name
        for name, text in defaults.items()
        if not re.search(rf"^\| `{name}` \| `?{re.escape(text)}`? \|", described, re.M)
    ] == []


def test_every_parameter_of_the_stack_is_described():
    parameters = read("infra/aws/storage.yaml").split("Parameters:\n")[1].split("\nConditions:")[0]
    described = read("docs/settings.md").split("## The stack")[1].split("## The device")[0]

    # The stage is `make deploy`'s own word.
    assert set(yaml.safe_load(parameters)) - {"Stage"} == set(re.findall(r"^\| `(\w+)`", described, re.M))


def test_every_variable_of_the_device_is_described():
    named = set(re.findall(r"\((REELHAUL_[A-Z_]+)\)", read("edge_client/commands/command.py")))

    assert named
    assert named == set(re.findall(r"`(REELHAUL_[A-Z_]+)`", read("docs/settings.md")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOUSE)))
def test_every_make_target_that_a_page_names_exists(page: Path):
    named = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE))

    assert named <= targets()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOUSE)))
def test_every_link_of_a_page_leads_somewhere(page: Path):
    for path, anchor in LINK.findall(CODE.sub("", page.read_text())):
        target = page.parent / path if path else page
        assert target.exists(), f"{page.name} links to {path}"
        assert not anchor or anchor in anchors(target), f"{path or page.name} has no heading #{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOUSE)))
def test_a_line_of_prose_can_be_read_in_a_terminal(page: Path):
    prose = FENCED.sub("", page.read_text()).split("\n")

    assert [line for line in prose if len(line) > LONGEST_LINE and not line.startswith("|")] == []


def test_every_page_that_code_names_exists():
    named = {(file, name) for file in FILES_OF_CODE for name in PAGE_IN_CODE.findall(file.read_text())}

    assert named
    assert [f"{file.name} names {name}" for file, name in sorted(named) if not (HOUSE / name).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOUSE)))
def test_every_test_that_a_page_names_exists(page: Path):
    named = set(re.findall(r"`(test_\w+)`", page.read_text()))

    assert named - names_of_tests() == set()


def test_every_file_that_the_guide_for_contributors_names_exists():
    named = {
        name for name in re.findall(r"`([\w.-]+/[\w./-]*)`", read("CONTRIBUTING.md")) if "NNNN" not in name
    }

    assert "tests/mutants/planted.py" in named
    assert {name for name in named if not (HOUSE / name).exists()} == set()


@pytest.mark.parametrize("gate", [*gates.RECORD, *gates.WORLD])
@pytest.mark.parametrize("page", ["docs/architecture.md", "docs/operations.md"])
def test_every_gate_has_a_row_where_engineers_and_operators_look(page: str, gate: str):
    rows = re.findall(r"^\| ((?:`?[a-z0-9-]+`?(?:, )?)+) \|", read(page), re.M)

    assert gate in {name.strip("`") for row in rows for name in row.split(", ")}


def test_the_architecture_names_every_action():
    text = read("docs/architecture.md")

    assert [
        one.__name__ for one in get_args(actions.Action) if not re.search(rf"\b{one.__name__}\b", text)
    ] == []


def test_the_threat_model_states_the_lifetimes_that_are_signed():
    model = read("SECURITY.md")

    assert f"`PART_URL_TTL_S`, at most {signer.LONGEST_TTL_S} s |" in model
    assert f"| GET, host, key, version, `range` | {proofs.PROOF_URL_TTL_S} s |" in model
    assert f's3:signatureAge: "{signer.LONGEST_TTL_S * 1000}"' in read("infra/aws/storage.yaml")


def test_the_threat_model_says_how_a_vulnerability_is_reported():
    assert "**Report a vulnerability** privately to the maintainers" in read("SECURITY.md")


def test_decisions_are_numbered_without_gaps():
    assert [page.name[:5] for page in DECISIONS] == [
        f"{number:04d}-" for number in range(1, len(DECISIONS) + 1)
    ]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_a_title_its_number_a_date_and_a_status(page: Path):
    title, _, line, *_ = page.read_text().split("\n")
    found = DECISION.match(line)

    assert title.startswith("# ")
    assert found, f"the third line must read 'Number NNNN · YYYY-MM-DD · Status: …', not {line!r}"
    assert found["number"] == page.name[:4]
    date.fromisoformat(found["date"])
    assert found["successor"] in {None, *(other.name[:4] for other in DECISIONS if other > page)}


def test_decisions_are_numbered_in_the_order_of_their_dates():
    dates = [re.findall(r"\d{4}-\d\d-\d\d", page.read_text())[0] for page in DECISIONS]

    assert dates == sorted(dates)


def test_the_index_of_decisions_has_a_line_for_each():
    listed = re.findall(r"^- .*$", read("docs/decisions/README.md"), re.M)

    assert listed == [
        f"- [{page.name[:4]}]({page.name}) {page.read_text().split(chr(10))[0].removeprefix('# ')}"
        for page in DECISIONS
    ]


def test_every_target_says_what_it_does():
    silent = re.findall(r"^([a-z][a-z-]*):(?!.*##)", read("Makefile"), re.MULTILINE)

    assert silent == []
