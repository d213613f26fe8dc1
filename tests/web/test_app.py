"""The doors, imported as the machine that deploys imports them: with the stage's variables and without AWS."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from chalice.app import Chalice

from chalicelib.web import api, companion, page
from tests.support.builders import memory_ports
from tests.web.client import Deployment, app_over

CLOUD = Path(__file__).parents[2] / "cloud"

DESCRIBE = """
import json, sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise PermissionError(f"importing the doors must not need {event}")

sys.addaudithook(refuse)
from app import app

print(json.dumps({
    "routes": sorted(f"{method} {path}" for path, methods in app.routes.items() for method in methods),
    "events": [vars(source) for source in app.event_sources if hasattr(source, "bucket")],
    "schedules": [
        {"name": source.name, "handler": source.handler_string, "every": source.schedule_expression.to_string()}
        for source in app.event_sources if hasattr(source, "schedule_expression")
    ],
    "binary_types": app.api.binary_types,
    "debug": app.debug,
}))
"""


@pytest.fixture(scope="module")
def doors() -> Any:
    said = json.loads((CLOUD / ".chalice" / "config.json").read_text())["environment_variables"]
    ours = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    environment = {
        **said,
        **ours,  # the test's keys, and nobody's files
        "STAGE": "prod",
        "BUCKET": "footage-prod",
        "TABLE": "records",
        "ORDER_QUEUE_URL": "https://sqs.example.org/orders",
        "DEAD_LETTER_QUEUE_URL": "https://sqs.example.org/dead",
        "NOTIFICATION_TOPIC": "arn:aws:sns:us-east-1:123456789012:notices",
        "CDN": "",
        "PUSH_URL": "",
        "BROWSER_ORIGINS": "",
        "RESTORABLE_DAYS": "14",
        "AWS_REGION": "eu-west-1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-c", DESCRIBE]
    done = subprocess.run(
        command, check=False, cwd=CLOUD, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_every_route_of_the_contract_has_a_door(doors: Any):
    contract = (CLOUD.parent / "docs" / "api.md").read_text()
    told = [line.removeprefix("### ") for line in contract.splitlines() if line.startswith("### ")]

    others = {f"{route.method} {route.path}" for route in (*page.ROUTES, *companion.ROUTES)}
    others |= {f"OPTIONS {route.path}" for route in companion.ROUTES}
    assert [each for each in doors["routes"] if each not in others] == sorted(told)
    assert others <= set(doors["routes"])


@pytest.mark.parametrize(
    ("function", "prefix"),
    [("on_original", "originals/"), ("on_output", "outputs/"), ("on_measurements", "measurements/")],
)
def test_every_new_object_of_the_stages_bucket_is_an_event_of_its_kind(
    doors: Any, function: str, prefix: str
):
    [event] = [each for each in doors["events"] if each["prefix"] == prefix]

    assert event == {
        "name": function,
        "handler_string": f"app.{function}",
        "bucket": "footage-prod",
        "events": ["s3:ObjectCreated:*"],
        "prefix": prefix,
        "suffix": None,
    }


def test_s3_takes_the_notifications_of_the_one_bucket_because_no_prefix_holds_another(doors: Any):
    prefixes = [event["prefix"] for event in doors["events"]]

    assert len(prefixes) == 3
    assert [
        (one, other) for one in prefixes for other in prefixes if one is not other and one.startswith(other)
    ] == []


def test_the_index_that_a_handler_writes_is_no_event_of_its_own(doors: Any):
    assert [event for event in doors["events"] if "index/".startswith(event["prefix"])] == []


def test_the_reconciler_runs_every_five_minutes_and_stock_is_taken_every_hour(doors: Any):
    assert doors["schedules"] == [
        {"name": "take_stock", "handler": "app.take_stock", "every": "rate(1 hour)"},
        {"name": "reconcile", "handler": "app.reconcile", "every": "rate(5 minutes)"},
    ]


def test_no_kind_of_body_is_taken_for_binary(doors: Any):
    assert doors["binary_types"] == []


def test_no_caller_is_shown_a_traceback(doors: Any):
    assert doors["debug"] is False


def test_an_app_of_the_tests_has_the_doors_of_the_products():
    ports, deployment = memory_ports(), Deployment()
    product = Chalice("reelhaul", configure_logs=False, env={})
    for blueprint in api.blueprints(ports, deployment):
        product.register_blueprint(blueprint)

    of_tests = app_over(ports, deployment)

    assert {path: sorted(product.routes[path]) for path in product.routes} == {
        path: sorted(of_tests.routes[path]) for path in of_tests.routes
    }


def test_an_app_of_the_tests_leaves_the_environment_as_it_was():
    before = dict(os.environ)

    app_over(memory_ports())

    assert dict(os.environ) == before
