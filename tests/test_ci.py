"""CI runs `.ci/run`; the workflows of GitHub bring a machine to it, ask the network, and deploy."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.pythons import HOUSE

FOLDER = HOUSE / ".github" / "workflows"
CHECK, DEPLOY = FOLDER / "check.yml", FOLDER / "deploy.yml"
WORKFLOWS = (CHECK, DEPLOY)
OIDC = {"contents": "read", "id-token": "write"}


def read(workflow: Path) -> Any:
    return yaml.safe_load(workflow.read_text())


def jobs() -> list[tuple[str, Any]]:
    """Every job of every workflow."""
    return [(f"{path.stem}/{name}", job) for path in WORKFLOWS for name, job in read(path)["jobs"].items()]


@pytest.fixture
def steps() -> Any:
    return read(CHECK)["jobs"]["check"]["steps"]


def commands(steps: Any) -> list[str]:
    return [step["run"] for step in steps if "run" in step]


def test_the_checks_run_on_every_push_and_pull_request():
    # YAML 1.1 reads `on` as true.
    assert read(CHECK)[True] == {"push": None, "pull_request": None}


def test_the_workflow_installs_programs_and_then_calls_ci_run_alone(steps: Any):
    *before, last = commands(steps)

    assert last == ".ci/run"
    assert all(re.fullmatch(r"sudo apt-get update && sudo apt-get install [\w .-]+", each) for each in before)


def test_the_workflows_are_those_that_are_looked_at_here():
    assert sorted(FOLDER.iterdir()) == list(WORKFLOWS)
    assert [name for name, _ in jobs()] == [
        "check/check",
        "check/audit",
        "check/device",
        "deploy/plan",
        "deploy/deploy",
    ]


def test_what_asks_the_network_is_beside_the_checks_and_not_in_them():
    assert commands(read(CHECK)["jobs"]["audit"]["steps"]) == [
        "make audit",
        "make vulnerabilities",
        "make sbom",
    ]
    assert not re.search("audit|vulnerabilities|sbom", (HOUSE / ".ci" / "run").read_text())


def test_a_pull_request_is_planned_and_a_tag_is_deployed():
    workflow = read(DEPLOY)
    plan, deploy = workflow["jobs"]["plan"], workflow["jobs"]["deploy"]

    assert workflow[True]["push"] == {"tags": ["v*"]}
    assert plan["if"].startswith("github.event_name == 'pull_request' && ")
    assert deploy["if"] == "github.event_name == 'push'"
    assert commands(plan["steps"]) == ["make setup", "make plan STAGE=prod"]
    assert commands(deploy["steps"]) == ["make setup", "make plan STAGE=prod", "make deploy STAGE=prod"]


def test_the_code_of_a_fork_gets_no_role():
    condition = read(DEPLOY)["jobs"]["plan"]["if"]

    assert condition.endswith("github.event.pull_request.head.repo.full_name == github.repository")
    assert "pull_request_target" not in DEPLOY.read_text()


@pytest.mark.parametrize(("name", "environment"), [("plan", "plan"), ("deploy", "prod")])
def test_a_role_is_given_by_an_environment_after_everything_is_installed(name: str, environment: str):
    job = read(DEPLOY)["jobs"][name]
    order = [step.get("run") or step["uses"].partition("@")[0] for step in job["steps"]]

    assert job["environment"] == environment
    assert order.index("make setup") < order.index("aws-actions/configure-aws-credentials")
    assert "secrets." not in DEPLOY.read_text()


def test_what_the_workflow_calls_can_be_called():
    assert os.access(HOUSE / ".ci" / "run", os.X_OK)


def test_processes_that_make_starts_keep_what_python_compiled():
    told = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["make", "--silent", "--eval=shown: ; @env", "shown"]

    shown = subprocess.run(command, cwd=HOUSE, env=told, capture_output=True, text=True, check=True).stdout

    assert "PATH=" in shown
    assert "PYTHONDONTWRITEBYTECODE" not in shown


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_actions_are_pinned_to_a_commit_that_names_its_version(workflow: Path):
    used = re.findall(r"uses: *(.+)", workflow.read_text())

    assert used
    assert all(re.fullmatch(r"[a-z-]+/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each) for each in used)


@pytest.mark.parametrize(("name", "job"), jobs())
def test_no_credentials_stay_behind_in_a_checkout(name: str, job: Any):
    [checkout] = [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]

    assert checkout["with"]["persist-credentials"] is False


@pytest.mark.parametrize(("name", "job"), jobs())
def test_a_job_may_only_read_and_only_those_that_act_on_aws_have_an_identity(name: str, job: Any):
    assert job["permissions"] == (OIDC if name.startswith("deploy/") else {"contents": "read"})


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_may_do_nothing_by_itself(workflow: Path):
    assert read(workflow)["permissions"] == {}


def test_the_checks_run_on_the_oldest_python_of_the_coordinator_with_a_newer_one_next_to_it(steps: Any):
    [versions] = [
        step["with"]["python-version"].split() for step in steps if "python" in step.get("uses", "")
    ]
    newer, default = versions

    assert f"Needs Python {default} or newer" in (HOUSE / "README.md").read_text()
    assert tuple(map(int, newer.split("."))) > tuple(map(int, default.split(".")))
