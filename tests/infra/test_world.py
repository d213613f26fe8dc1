"""A probe of a coordinator, deployed by `chalice deploy` into the local world; the command, from start to Ctrl-C."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.admin.commands.tokens import enroll
from infra.aws import deploy, project
from infra.local import wheels
from infra.local.aws.moto import server
from infra.local.camera import Camera, card_of_folder
from infra.local.stack import World
from infra.local.stack.__main__ import greeting
from infra.local.stack.world import WHEELS
from infra.stages import LOCAL_STAGE
from tests.support.surroundings import surrounded

PATIENCE_S = 20.0
SETTINGS = {"UNDO_S": "7"}
KEY = "originals/a-session/100GOPRO/GX010001.MP4"

PROBE = """
import os

import boto3
import msgspec
from chalice import Chalice, Rate

app = Chalice(app_name="reelhaul")


def note(kind, text):
    item = {"pk": {"S": "PROBE"}, "sk": {"S": f"{kind}#{text}"}}
    boto3.client("dynamodb").put_item(TableName=os.environ["TABLE"], Item=item)


@app.route("/environment")
def environment():
    return dict(os.environ)


@app.on_s3_event(
    bucket=os.environ["BUCKET"], events=["s3:ObjectCreated:*"], prefix="originals/", name="on_original"
)
def on_original(event):
    if event.key.endswith("poison"):
        raise ValueError("cannot read this")
    note("ARRIVED", event.key)


def writer():
    try:
        import pyarrow.parquet
    except ImportError as error:
        return str(error)
    return "pyarrow"


@app.route("/writer")
def writer_of_the_api():
    return writer()


@app.schedule(Rate(5, unit=Rate.MINUTES), name="reconcile")
def reconcile(event):
    note("RECONCILED", "once")
    note("WRITER", writer())
    return "done"
"""


def quiet(line: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The probe, with the true configuration, policies and requirements."""
    folder = tmp_path_factory.mktemp("probe")
    shutil.copytree(deploy.CLOUD / ".chalice", folder / ".chalice")
    shutil.copy(deploy.CLOUD / "requirements.txt", folder)
    (folder / "app.py").write_text(PROBE)
    return folder


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("world")


@pytest.fixture(scope="module")
def world(source: Path, workdir: Path) -> Iterator[World]:
    with World.start(workdir=workdir, source=source, progress=quiet, settings=SETTINGS) as started:
        yield started
        running = workers_below(workdir)
        assert running != []
    assert workers_below(workdir) == []
    assert list((workdir / "functions").iterdir()) == []


def workers_below(workdir: Path) -> list[str]:
    """The command lines of the running processes that name `workdir`."""
    found = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in found.splitlines() if str(workdir) in line]


def notes(world: World) -> list[str]:
    found = world.aws.client("dynamodb").query(
        TableName=world.table,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "PROBE"}},
    )
    return [item["sk"]["S"] for item in found["Items"]]


def put(world: World, key: str) -> None:
    world.aws.client("s3").put_object(Bucket=world.bucket, Key=key, Body=b"footage", IfNoneMatch="*")


def seen(world: World) -> dict[str, str]:
    """The environment of the deployed API function, as it says itself."""
    with urllib.request.urlopen(f"{world.coordinator_url}/environment") as answer:
        read: dict[str, str] = json.load(answer)
        return read


def test_the_deployed_api_answers_with_the_names_of_the_stack(world: World):
    environment = seen(world)

    assert (environment["BUCKET"], environment["TABLE"]) == (world.bucket, world.table)
    assert environment["STAGE"] == "local"


def test_settings_of_the_start_reach_the_functions(world: World):
    environment = seen(world)

    assert environment["UNDO_S"] == "7"
    assert environment["PART_SIZE_BYTES"] == "16777216"


def test_a_function_sees_no_credentials_but_those_of_its_role(world: World):
    environment = seen(world)

    role = world.aws.strict.principals[environment["AWS_ACCESS_KEY_ID"]]
    assert role == "arn:aws:iam::123456789012:role/reelhaul-local-api_handler"
    assert environment["AWS_ENDPOINT_URL"] == world.aws_url
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_an_object_wakes_its_function(world: World):
    put(world, KEY)

    # S3 tells of it on a thread of its own: right after the answer, the delivery may not have heard of it yet.
    assert eventually(lambda: f"ARRIVED#{KEY}" in notes(world))


def test_an_object_elsewhere_wakes_nobody(world: World):
    put(world, "outputs/a-session/result.json")

    assert world.settled(PATIENCE_S)
    assert [note for note in notes(world) if "result.json" in note] == []


def test_an_event_that_keeps_failing_becomes_a_dead_letter(world: World):
    put(world, "originals/a-session/poison")

    assert world.settled(PATIENCE_S)
    [letter] = [json.loads(body) for body in world.aws.dead_letters()]
    assert letter["requestContext"]["approximateInvokeCount"] == 3
    assert letter["responsePayload"]["errorMessage"] == "cannot read this"


def test_the_schedule_runs_when_it_is_asked_to(world: World):
    assert "RECONCILED#once" not in notes(world)

    outcome = world.run_schedule("reconcile")

    assert (outcome.value, outcome.error) == ("done", None)
    assert "RECONCILED#once" in notes(world)


def test_pyarrow_is_there_for_the_reconciler_and_cannot_be_imported_by_the_api(world: World):
    world.run_schedule("reconcile")
    with urllib.request.urlopen(f"{world.coordinator_url}/writer") as answer:
        of_the_api = answer.read().decode()

    assert "WRITER#pyarrow" in notes(world)
    assert of_the_api == "No module named 'pyarrow'"


def test_a_gateway_in_trouble_refuses_and_recovers(world: World):
    world.gateway.refuse()

    with pytest.raises(urllib.error.HTTPError, match="503"):
        seen(world)

    world.gateway.recover()
    assert seen(world)["STAGE"] == "local"


def test_a_device_can_be_enrolled(world: World):
    enrolment = enroll(world.registry, name="jetson-north")

    stored = world.registry.records.token(enrolment.token_id)
    assert stored is not None
    assert stored.device_id == enrolment.device_id


def test_a_second_deployment_onto_the_same_stage_changes_no_address(
    world: World, source: Path, workdir: Path
):
    target = workdir / "coordinator"
    before = project.api_url(project.deployed(target, LOCAL_STAGE))

    second = redeployed(world, source, target)

    assert second.api_url == before
    functions = world.aws.client("lambda").list_functions()["Functions"]
    assert len(functions) == len(second.event_functions) + 1


def redeployed(world: World, source: Path, target: Path) -> deploy.DeployedCoordinator:
    pip = wheels.pip_environment(source / "requirements.txt", WHEELS, quiet)
    return deploy.deploy_coordinator(
        source,
        target,
        LOCAL_STAGE,
        world.aws.outputs,
        settings=SETTINGS,
        environment={**server.environment(world.aws_url, os.environ), **pip},
        functions=world.aws.client("lambda"),
        progress=quiet,
    )


def command(tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "infra.local.stack", *arguments],
        cwd=deploy.HOUSE,
        env={**surrounded(os.environ), "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def lines_until(started: subprocess.Popen[str], is_last: Callable[[str], bool]) -> list[str]:
    lines: list[str] = []
    for line in started.stdout or ():
        lines.append(line.rstrip())
        if is_last(line):
            return lines
    raise AssertionError(f"the command ended early: {lines}")


def printed_command(word: str, lines: list[str]) -> str:
    """The printed command that begins with `word`, through all of its lines."""
    first = next(number for number, line in enumerate(lines) if line.split()[:1] == [word])
    last = next(number for number in range(first, len(lines)) if not lines[number].endswith("\\"))
    return "\n".join(lines[first : last + 1])


def word_after(option: str, lines: list[str]) -> str:
    """The argument of `option` in the printed command to haul, as a shell reads it."""
    words = shlex.split(printed_command(".venv/bin/reelhaul", lines))
    return words[words.index(option) + 1]


def in_a_shell(command: str) -> str:
    """What `command` prints in a shell of a machine that is set up for other work."""
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=deploy.HOUSE,
        env=surrounded(os.environ),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    return done.stdout


def ended(started: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    started.send_signal(number)
    rest, _ = started.communicate(timeout=PATIENCE_S)
    return started.returncode, rest


def descendants(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout
    parents = [tuple(map(int, line.split())) for line in found.splitlines()[1:]]
    children = [child for child, parent in parents if parent == pid]
    return children + [grandchild for child in children for grandchild in descendants(child)]


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_the_local_aws_alone_says_where_it_is_and_ends_without_a_trace_at_sigterm(tmp_path: Path):
    with command(tmp_path, "aws") as started:
        lines = lines_until(started, lambda line: line.startswith("Ctrl-C"))
        code, rest = ended(started, signal.SIGTERM)

    assert any("--endpoint-url http://127.0.0.1:" in line for line in lines)
    assert any("keys test/test" in line for line in lines)
    assert (code, rest) == (0, "stopped; nothing is left running\n")
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_told_and_nothing_starts(world: World, tmp_path: Path):
    with command(tmp_path, "aws", "--port", str(world.aws.port)) as started:
        told, _ = started.communicate(timeout=PATIENCE_S)

    assert started.returncode == 1
    assert f"port {world.aws.port} on 127.0.0.1 cannot be used: choose another with --port" in told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a folder with spaces", "it's", 'a "b" $HOME'])
def test_the_printed_commands_can_be_pasted_wherever_the_project_is(world: World, tmp_path: Path, name: str):
    token_file = tmp_path / name / "device.token"
    token_file.parent.mkdir()
    token_file.write_text("a token of nobody")
    with Camera(card_of_folder(footage_of_one(tmp_path))) as camera:
        lines = greeting(world, camera, token_file, tmp_path / "operator.token")

    assert word_after("--token-file", lines) == str(token_file)
    asked = in_a_shell(printed_command("curl", lines).replace("curl", "printf '%s\\n'", 1))
    assert "Authorization: Bearer a token of nobody" in asked.splitlines()


def footage_of_one(tmp_path: Path) -> Path:
    folder = tmp_path / "footage"
    folder.mkdir()
    (folder / "GX010042.MP4").write_bytes(b"not even a film" * 100)
    return folder


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_the_whole_of_it_can_be_used_by_hand_beside_another_and_ends_without_a_trace(
    world: World, tmp_path: Path
):
    footage, temporary = footage_of_one(tmp_path), tmp_path / "temporary"
    temporary.mkdir()

    with command(temporary, "up", "--footage", str(footage)) as started:
        lines = lines_until(started, lambda line: line.startswith("Ctrl-C"))
        token_file = Path(word_after("--token-file", lines))
        mode, token = token_file.stat().st_mode & 0o777, token_file.read_text()
        asked = in_a_shell(printed_command("curl", lines))
        processes = descendants(started.pid)
        code, _ = ended(started, signal.SIGINT)

    assert any("reelhaul haul by-hand --recording 0042" in line for line in lines)
    assert json.loads(asked)["status"] == 404  # the token was taken; there is no such session yet
    assert mode == 0o600
    assert token.strip() not in "\n".join(lines)
    assert code == 0
    # The API, and one of the functions with pyarrow: both were started before anybody asked.
    assert len(processes) >= 2
    assert eventually(lambda: not any(map(is_running, processes)))
    assert list(temporary.iterdir()) == []
    assert not token_file.exists()


def eventually(question: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if question():
            return True
        time.sleep(0.02)
    return False
