"""Chalice in `cloud/` itself, and the command that prepares a stage without deploying it."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from infra.aws import deploy, prepare
from tests.infra.test_deploy import LAYER, OUTPUTS, config, layers

CHALICE = Path(sys.executable).with_name("chalice")
PATIENCE_S = 60


def chalice(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(CHALICE), *arguments]
    return subprocess.run(
        command,
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def answer_of(outputs: dict[str, str]) -> str:
    """The answer of `aws cloudformation describe-stacks` for a stack with these outputs."""
    listed = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
    return json.dumps({"Stacks": [{"StackName": "reelhaul-prod", "Outputs": listed}]})


@pytest.mark.parametrize(
    "command",
    [["deploy", "--stage", "prod"], ["package", "/dev/null/out"], ["local"]],
)
def test_chalice_in_the_source_folder_ends_with_one_line_that_helps(command: list[str]):
    done = chalice(deploy.CLOUD, *command)

    [line] = (done.stdout + done.stderr).splitlines()
    assert "`make deploy STAGE=prod`" in line
    assert "`make stage STAGE=prod`" in line
    assert "build/prod" in line


def test_a_stage_is_prepared_from_the_answer_in_a_file_without_asking_aws(tmp_path: Path):
    said: list[str] = []
    answer = tmp_path / "the stack.json"
    answer.write_text(answer_of(OUTPUTS))

    code = prepare.run(["--stage", "prod", "--outputs", str(answer)], said.append, tmp_path / "a build")

    assert code == 0
    assert config(tmp_path / "a build" / "prod")["environment_variables"]["BUCKET"] == OUTPUTS["Bucket"]
    assert "none can index" in said[1]
    assert shlex.split(said[2])[-1] == str(tmp_path / "a build" / "prod")
    assert not (tmp_path / "a build" / "prod" / ".chalice" / "deployed").exists()


def test_a_stage_is_prepared_with_the_layer_that_is_named(tmp_path: Path):
    said: list[str] = []
    answer = tmp_path / "stack.json"
    answer.write_text(answer_of(OUTPUTS))
    named = ["--stage", "prod", "--outputs", str(answer), "--arrow-layer", LAYER]

    assert prepare.run(named, said.append, tmp_path / "build") == 0

    assert layers(tmp_path / "build" / "prod")["on_measurements"] == [LAYER]
    assert not any("none can index" in line for line in said)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"Stacks": []}', '{"Stacks": [{}]}', '{"Stacks": [{"Outputs": 1}]}']
)
def test_a_file_without_the_outputs_of_one_stack_prepares_nothing(tmp_path: Path, text: str):
    said: list[str] = []
    answer = tmp_path / "stack.json"
    answer.write_text(text)

    assert prepare.run(["--stage", "prod", "--outputs", str(answer)], said.append, tmp_path / "build") == 1

    assert "describe-stacks" in said[0]
    assert not (tmp_path / "build").exists()


def test_outputs_that_lack_one_prepare_nothing(tmp_path: Path):
    said: list[str] = []
    answer = tmp_path / "stack.json"
    answer.write_text(answer_of({"Bucket": "footage"}))

    assert prepare.run(["--stage", "prod", "--outputs", str(answer)], said.append, tmp_path / "build") == 1

    assert said[0].startswith("not prepared: ")


def test_without_a_region_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    said: list[str] = []
    monkeypatch.delenv("AWS_DEFAULT_REGION")

    assert prepare.run(["--stage", "prod"], said.append, tmp_path) == 1

    assert "region" in said[0]
    assert list(tmp_path.iterdir()) == []
