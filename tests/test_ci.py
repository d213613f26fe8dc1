"""CI runs `.ci/run` and nothing else; the workflow of GitHub only brings a machine to it."""

import os
import re
import subprocess
from typing import Any

import pytest
import yaml

from tests.pythons import HOUSE

WORKFLOW = HOUSE / ".github" / "workflows" / "check.yml"


@pytest.fixture
def workflow() -> Any:
    return yaml.safe_load(WORKFLOW.read_text())


@pytest.fixture
def steps(workflow: Any) -> Any:
    return workflow["jobs"]["check"]["steps"]


def test_the_workflow_runs_on_every_push_and_pull_request(workflow: Any):
    # YAML 1.1 reads `on` as true.
    assert workflow[True] == {"push": None, "pull_request": None}


def test_the_workflow_installs_programs_and_then_calls_ci_run_alone(steps: Any):
    commands = [step["run"] for step in steps if "run" in step]

    assert commands[-1] == ".ci/run"
    assert all(
        re.fullmatch(r"sudo apt-get update && sudo apt-get install [\w .-]+", each) for each in commands[:-1]
    )


def test_there_is_one_job_in_one_workflow(workflow: Any):
    assert list(workflow["jobs"]) == ["check"]
    assert [path.name for path in WORKFLOW.parent.iterdir()] == [WORKFLOW.name]


def test_what_the_workflow_calls_can_be_called():
    assert os.access(HOUSE / ".ci" / "run", os.X_OK)


def test_processes_that_make_starts_keep_what_python_compiled():
    told = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    command = ["make", "--silent", "--eval=shown: ; @env", "shown"]

    shown = subprocess.run(command, cwd=HOUSE, env=told, capture_output=True, text=True, check=True).stdout

    assert "PATH=" in shown
    assert "PYTHONDONTWRITEBYTECODE" not in shown


def test_actions_are_pinned_to_a_commit_that_names_its_version():
    used = re.findall(r"uses: *(.+)", WORKFLOW.read_text())

    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each) for each in used)


def test_no_credentials_stay_behind_in_a_checkout(steps: Any):
    [checkout] = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]

    assert checkout["with"] == {"persist-credentials": False}


def test_the_workflow_may_only_read(workflow: Any):
    assert workflow["permissions"] == {"contents": "read"}


def test_the_checks_run_on_the_oldest_python_of_the_coordinator_with_a_newer_one_next_to_it(steps: Any):
    [versions] = [
        step["with"]["python-version"].split() for step in steps if "python" in step.get("uses", "")
    ]
    newer, default = versions

    assert f"Needs Python {default} or newer" in (HOUSE / "README.md").read_text()
    assert tuple(map(int, newer.split("."))) > tuple(map(int, default.split(".")))
