"""What a warm call costs over the same route of a bare Chalice app that reads one item, both called as by Lambda."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from chalicelib.aws.records import DynamoRecords
from chalicelib.core import ids
from chalicelib.core.session import Camera, Session
from chalicelib.core.tokens import Role
from chalicelib.flows.devices import enrol
from chalicelib.ports import Change
from infra.admin import deployment
from infra.local.stack.local_aws import LocalAws
from tests.benchmarks.figures import Figure
from tests.benchmarks.measurements.imports import environment_of_function
from tests.support.builders import make_chapter

CALLS = 400
WARM_UP = 50
ROUNDS = 3
CLOUD = Path(__file__).parents[3] / "cloud"
NAME = "match-17"

BARE = """
import os
import boto3
from chalice import Chalice

app = Chalice(app_name="bare")
dynamodb = boto3.client("dynamodb", endpoint_url=os.environ["AWS_ENDPOINT_URL"])

@app.route("/v1/sessions/{session_id}")
def get_session(session_id):
    key = {"pk": {"S": "SESSION#main/" + session_id}, "sk": {"S": "SESSION"}}
    return dynamodb.get_item(TableName=os.environ["TABLE"], Key=key, ConsistentRead=True)["Item"]
"""
OURS = "from app import app\n"

LOOP = """
import json, os, statistics, sys, time

path = "/v1/sessions/" + os.environ["NAME"]
headers = {
    "authorization": "Bearer " + os.environ["TOKEN"],
    "reelhaul-client-version": "0.1.0",
    "accept": "application/json",
}
event = {
    "resource": "/v1/sessions/{session_id}", "path": path, "httpMethod": "GET",
    "headers": headers, "multiValueHeaders": {name: [value] for name, value in headers.items()},
    "queryStringParameters": None, "multiValueQueryStringParameters": None,
    "pathParameters": {"session_id": os.environ["NAME"]}, "stageVariables": None,
    "requestContext": {
        "resourcePath": "/v1/sessions/{session_id}", "httpMethod": "GET", "path": "/api" + path,
        "stage": "api", "requestId": "bench", "identity": {"sourceIp": "127.0.0.1"},
    },
    "body": None, "isBase64Encoded": False,
}
sys.stdout = open(os.devnull, "w")
taken = []
for number in range(int(os.environ["CALLS"]) + int(os.environ["WARM_UP"])):
    start = time.perf_counter()
    answer = app(event, None)
    if number >= int(os.environ["WARM_UP"]):
        taken.append(time.perf_counter() - start)
    if answer["statusCode"] != 200:
        raise SystemExit(answer["body"])
sys.__stdout__.write(json.dumps(statistics.median(taken)))
"""


def figures() -> list[Figure]:
    """Medians of GET session in one process each, over the same table; ours proves the token and reads all items."""
    with LocalAws.start(progress=lambda _line: None) as aws:
        environment = _environment(aws, _prepare(aws))
        ours, bare = [], []
        for _ in range(ROUNDS):
            bare.append(_median_ms(BARE, environment))
            ours.append(_median_ms(OURS, environment))
    peers = {"ours_ms": median(ours), "bare_ms": median(bare)}
    note = f"medians of {CALLS} calls, {ROUNDS} rounds in turns; the table is the local one"
    return [Figure("warm_call_ms_p50_over_bare", median(ours) / median(bare), "ratio", 1.5, note, peers)]


def _prepare(aws: LocalAws) -> str:
    """A device's token, with a session of 14 chapters in the table."""
    registry = deployment.registry(aws.client("dynamodb"), aws.table)
    device, token = enrol(registry, Role.DEVICE, "main", "north")
    assert device is not None
    now = datetime.now(UTC)
    session = Session(ids.session_id("main", NAME), device.device_id, Camera("C0000000000001"), None, now)
    chapters = tuple(
        make_chapter(number=number, filename=f"GX{number:02}0038.MP4") for number in range(1, 15)
    )
    DynamoRecords(aws.client("dynamodb"), aws.table).write(Change(session, chapters=chapters))
    return token


def _environment(aws: LocalAws, token: str) -> dict[str, str]:
    told = {
        "AWS_ENDPOINT_URL": aws.url,
        "TABLE": aws.table,
        "BUCKET": aws.bucket,
        "TOKEN": token,
        "NAME": NAME,
        "CALLS": str(CALLS),
        "WARM_UP": str(WARM_UP),
        "PYTHONPATH": str(CLOUD),
    }
    return {**os.environ, **environment_of_function(), **told}


def _median_ms(app: str, environment: dict[str, str]) -> float:
    command = [sys.executable, "-c", app + LOOP]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout) * 1000
