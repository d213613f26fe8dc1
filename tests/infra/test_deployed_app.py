"""A small application, deployed by an unmodified `chalice deploy` and run from its zips: HTTP, S3 events, schedule."""

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from infra.aws import deploy
from infra.local.aws.events.delivery import Delivery, What
from infra.local.aws.events.destinations import to_queues, to_targets
from infra.local.aws.events.schedule import Schedule
from infra.local.aws.gateway.gateway import Gateway
from infra.local.aws.lambdas.functions import UnknownFunction
from infra.local.aws.lambdas.lambdas import Lambdas
from infra.local.aws.lambdas.runtime import build_runtime
from infra.local.aws.moto import server
from infra.local.aws.moto.chalice_compat import ChaliceFront
from infra.local.aws.moto.state import moto_failure_policies, moto_functions, moto_rules
from infra.local.aws.strict_s3 import Chaos, StrictS3
from infra.local.aws.strict_s3.moto_app import moto_app
from infra.local.http_server import Server
from tests.infra.deployed_functions import eventually

BUCKET = "small-footage"
PATIENCE_S = 30.0
APP = """
import os
import pathlib
import time

import boto3
from chalice import Chalice, Rate

app = Chalice(app_name="small")


@app.route("/version")
def version():
    return {"version": VERSION, "stage": os.environ["STAGE"]}


@app.route("/things/{name}", methods=["POST"], cors=True)
def thing(name):
    return {"name": name, "body": app.current_request.json_body}


@app.route("/meetings", methods=["POST"])
def meet():
    folder = pathlib.Path(app.current_request.json_body["folder"])
    (folder / str(os.getpid())).touch()
    deadline = time.monotonic() + 15
    while len(list(folder.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    return {"met": len(list(folder.iterdir()))}


@app.lambda_function(name="hanging")
def hanging(event, context):
    time.sleep(30)


@app.on_s3_event(bucket=os.environ["BUCKET"], events=["s3:ObjectCreated:*"], prefix="in/", name="on_thing")
def on_thing(event):
    if event.key.endswith("bad"):
        raise ValueError("bad thing")
    boto3.client("s3").put_object(Bucket=event.bucket, Key=event.key.replace("in/", "out/"), Body=b"seen")


@app.on_s3_event(bucket=os.environ["BUCKET"], events=["s3:ObjectCreated:*"], prefix="made/", name="on_made")
def on_made(event):
    boto3.client("s3").put_object(Bucket=event.bucket, Key=event.key.replace("made/", "out/"), Body=b"made")


@app.schedule(Rate(5, unit=Rate.MINUTES), name="tidy")
def tidy(event):
    boto3.client("s3").put_object(Bucket=os.environ["BUCKET"], Key="tidied", Body=event.time.encode())
"""
CONFIGURATION = {
    "version": "2.0",
    "app_name": "small",
    "stages": {
        "dev": {"api_gateway_stage": "api", "environment_variables": {"STAGE": "dev", "BUCKET": BUCKET}}
    },
    "lambda_functions": {"api_handler": {"lambda_timeout": 20}, "hanging": {"lambda_timeout": 1}},
}


@dataclass
class World:
    """All the pieces, put together as the local stack does it."""

    aws_url: str
    api_url: str
    project: Path
    home: Path
    front: ChaliceFront
    lambdas: Lambdas
    delivery: Delivery

    def deploy(self, version: str) -> None:
        (self.project / "app.py").write_text(f"VERSION = {version!r}\n{APP}")
        inherited = {"PATH": os.environ["PATH"], "HOME": str(self.home)}
        said: list[str] = []
        deploy.run_chalice(self.project, "dev", server.environment(self.aws_url, inherited), said.append)

    def client(self, service: Any) -> Any:
        return server.session().client(service, endpoint_url=self.aws_url, config=server.ONE_TRY)

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        return requests.request(method, f"{self.api_url}{path}", timeout=PATIENCE_S, **more)

    def put(self, key: str) -> None:
        self.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"thing")

    def object_body(self, key: str) -> bytes:
        body: bytes = self.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def schedule(self) -> Schedule:
        rules = [rule for rule in moto_rules(server.REGION) if rule.name.startswith("small-")]
        return Schedule(rules, self.delivery.send, now=now)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with ExitStack() as running:
        made = assembled(tmp_path_factory.mktemp("deployed"), running)
        made.client("s3").create_bucket(Bucket=BUCKET)
        made.deploy("1")
        yield made


def assembled(home: Path, running: ExitStack) -> World:
    def on_event(target: str, event: object) -> None:
        tell(target, event)

    front = ChaliceFront(moto_app())
    keys = {server.KEY: server.SECRET}
    strict = running.enter_context(
        StrictS3(front, credentials=keys, clock=now, on_event=on_event, chaos=Chaos())
    )
    aws_url = running.enter_context(Server(strict)).url
    lambdas = Lambdas(
        functions=moto_functions(server.REGION),
        endpoint_url=aws_url,
        runtime=build_runtime(home / "runtime"),
        workdir=home / "work",
        log=lambda line: None,
    )
    queues = to_queues(server.session().client("sqs", endpoint_url=aws_url, config=server.ONE_TRY))
    policies = moto_failure_policies(server.REGION)
    delivery = Delivery(lambdas.invoke, policies, queues, now=now, waits_s=(0.01, 0.01))
    running.callback(delivery.close)
    tell = to_targets(delivery.send, queues)
    gateway = Gateway(front.documents, lambdas.invoke, mount="/api", now=now)
    running.callback(gateway.close)
    api_url = running.enter_context(Server(gateway)).url
    running.callback(lambdas.close)
    project = write_project(home / "small")
    return World(aws_url, f"{api_url}/api", project, home, front, lambdas, delivery)


def now() -> datetime:
    return datetime.now(UTC)


def write_project(folder: Path) -> Path:
    (folder / ".chalice").mkdir(parents=True)
    (folder / ".chalice" / "config.json").write_text(json.dumps(CONFIGURATION))
    (folder / "requirements.txt").touch()
    return folder


def test_a_route_is_answered_by_the_deployed_zip(world: World):
    answer = world.ask("GET", "/version")

    assert (answer.status_code, answer.json()["stage"]) == (200, "dev")


def test_a_path_parameter_and_a_body_reach_the_view(world: World):
    answer = world.ask("POST", "/things/a%20b", json={"sizes": [1, 2]})

    assert answer.json() == {"name": "a b", "body": {"sizes": [1, 2]}}


def test_a_body_that_is_not_utf_8_is_the_clients_fault(world: World):
    headers = {"Content-Type": "application/json"}

    assert world.ask("POST", "/things/a", data=b"\xff", headers=headers).status_code == 400


def test_a_preflight_request_is_answered(world: World):
    answer = world.ask("OPTIONS", "/things/a")

    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")


def test_an_unknown_route_never_reaches_the_application(world: World):
    answer = world.ask("GET", "/nowhere")

    assert (answer.status_code, answer.json()) == (403, {"message": "Missing Authentication Token"})


def test_two_requests_are_answered_at_the_same_time(world: World, tmp_path: Path):
    with ThreadPoolExecutor(2) as pool:
        asked = [
            pool.submit(world.ask, "POST", "/meetings", json={"folder": str(tmp_path)}) for _ in range(2)
        ]

    assert [answer.result().json() for answer in asked] == [{"met": 2}, {"met": 2}]


def test_a_function_is_ended_at_its_configured_time_out(world: World):
    error = world.lambdas.invoke("small-dev-hanging", {}).error

    assert error is not None
    assert error.message.endswith("Task timed out after 1.00 seconds")


def test_an_object_reaches_its_handler_which_writes_back(world: World):
    with ending(world, What.DONE):
        world.put("in/thing one")

    assert world.object_body("out/thing one") == b"seen"


def test_each_prefix_of_one_bucket_has_its_own_handler(world: World):
    with ending(world, What.DONE):
        world.put("in/of one")
    with ending(world, What.DONE):
        world.put("made/of another")

    assert (world.object_body("out/of one"), world.object_body("out/of another")) == (b"seen", b"made")


def test_an_object_under_another_prefix_reaches_nobody(world: World):
    before = len(world.delivery.log)
    with ending(world, What.DONE):
        world.put("elsewhere/thing")
        world.put("in/other")  # told after the first, if that were told

    assert len(world.delivery.log) == before + 1


def test_an_event_that_fails_for_good_ends_in_the_dead_letter_queue(world: World):
    sqs = world.client("sqs")
    url = sqs.create_queue(QueueName="small-dead-letters")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    world.client("lambda").put_function_event_invoke_config(
        FunctionName="small-dev-on_thing",
        MaximumRetryAttempts=2,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )
    with ending(world, What.DEAD_LETTER):
        world.put("in/bad")

    letter = json.loads(sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"])
    assert letter["requestPayload"]["Records"][0]["s3"]["object"]["key"] == "in/bad"
    assert letter["responsePayload"]["errorMessage"] == "bad thing"
    assert letter["requestContext"]["approximateInvokeCount"] == 3


def test_of_two_configurations_for_failures_the_last_one_counts(world: World):
    for retries in (2, 0):
        world.client("lambda").put_function_event_invoke_config(
            FunctionName="small-dev-tidy", MaximumRetryAttempts=retries
        )
    policy = moto_failure_policies(server.REGION)("small-dev-tidy")

    assert (policy.retries, policy.dead_letters_arn) == (0, None)
    assert policy.function_arn.endswith(":function:small-dev-tidy")


def test_the_schedule_is_found_and_runs_when_told(world: World):
    schedule = world.schedule()
    before = datetime.now(UTC).replace(microsecond=0)
    with ending(world, What.DONE):
        schedule.tick("small-dev-tidy-event")

    assert datetime.fromisoformat(world.object_body("tidied").decode()) >= before
    assert [rule.every_s for rule in moto_rules(server.REGION) if rule.name == "small-dev-tidy-event"] == [
        300.0
    ]


def test_a_schedule_can_be_run_and_waited_for(world: World):
    [(target, event)] = world.schedule().events("small-dev-tidy-event")

    assert world.lambdas.invoke(target, event).error is None


def test_a_function_that_is_not_deployed_is_unknown():
    with pytest.raises(UnknownFunction):
        moto_functions(server.REGION)("small-dev-nobody")
    with pytest.raises(UnknownFunction):
        moto_failure_policies(server.REGION)("arn:aws:lambda:us-east-1:123456789012:function:nobody")


def test_what_is_deployed_again_is_what_answers_at_the_same_address(world: World):
    apis = list(world.front.documents)
    world.deploy("2")

    assert world.ask("GET", "/version").json()["version"] == "2"
    assert list(world.front.documents) == apis


@contextmanager
def ending(world: World, what: What) -> Iterator[None]:
    """What is sent within comes, in good time, to such an end once."""

    def ends() -> int:
        return sum(entry.what is what for entry in world.delivery.log)

    before = ends()
    yield
    assert eventually(lambda: ends() > before, PATIENCE_S)
    assert world.delivery.settled(PATIENCE_S)
