"""What a table of 100,000 sessions costs: the reads of a round with nothing due, and those of statistics."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chalicelib import wiring
from chalicelib.aws import items
from chalicelib.core import ids
from chalicelib.core.ids import DeviceId
from chalicelib.core.picture import Picture
from chalicelib.core.session import Camera, Session, SessionState
from chalicelib.core.statistics import counts
from chalicelib.core.statistics.contribution import contribution
from chalicelib.core.tokens import Role
from chalicelib.flows.reconcile import reconcile
from chalicelib.ports import Ports
from chalicelib.settings import settings
from infra.local.aws.moto import server
from infra.local.stack.local_aws import LocalAws
from tests.benchmarks.figures import Figure
from tests.benchmarks.measurements.imports import environment_of_function
from tests.support.builders import make_chapter
from tests.web.client import caller_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SESSIONS = 100_000
DAYS = 100
DEVICES = 50
READS = ("GetItem", "Query", "Scan", "BatchGetItem", "TransactGetItems")


class Reads:
    """WSGI middleware that counts what `app` is asked to read of a table."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self.counts: Counter[str] = Counter()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")[2]
        if operation in READS:
            self.counts[operation] += 1
        return self._app(environ, start_response)


def figures() -> list[Figure]:
    """Table reads as DynamoDB gets them, pages too."""
    with LocalAws.start(progress=lambda _line: None) as aws:
        now = datetime.now(UTC)
        _fill(aws, now)
        ports = _ports(aws)
        reads = Reads(aws.writes)
        aws.mounts.mount("/", reads)
        reconcile(ports, 60)  # the first round of a stage has records of its own to make
        reads.counts.clear()
        done = reconcile(ports, 60)
        if (done.settled, done.failed, done.finished) != (0, 0, True):
            raise SystemExit(f"something was due: {done}")
        idle = reads.counts.copy()
        reads.counts.clear()
        answer = caller_of(ports, Role.OPERATOR).call("GET", "/v1/statistics")
        told = answer.document["sessions"]
        asked = reads.counts.copy()
    if answer.status != 200 or str(SESSIONS) not in str(told):
        raise SystemExit(f"not the statistics of all sessions: {answer.status} {told}")
    note = f"{SESSIONS:,} processed sessions of {DEVICES} devices in {DAYS} days"
    return [
        Figure("reconcile_idle_reads_100k_sessions", idle.total(), "reads", 5, f"{note}; {dict(idle)}"),
        Figure(
            "statistics_reads_100k_sessions", asked.total(), "reads", 10, f"{note}, all days; {dict(asked)}"
        ),
    ]


def _ports(aws: LocalAws) -> Ports:
    told = {
        "TABLE": aws.table,
        "BUCKET": aws.bucket,
        "ORDER_QUEUE_URL": aws.outputs["OrderQueue"],
        "DEAD_LETTER_QUEUE_URL": aws.outputs["DeadLetters"],
        "AWS_REGION": server.REGION,
        "AWS_ENDPOINT_URL": aws.url,
    }
    environment = {**environment_of_function(), **told}
    os.environ |= {name: value for name, value in environment.items() if name.startswith("AWS_")}
    return wiring.ports(settings(environment))


def _fill(aws: LocalAws, now: datetime) -> None:
    """Put sessions and their counters into moto's table itself: by the API this would take an hour."""
    from moto.dynamodb.models import dynamodb_backends

    table: Any = next(
        backend["us-east-1"].tables[aws.table]
        for backend in dynamodb_backends.values()
        if aws.table in backend["us-east-1"].tables
    )
    counted: dict[counts.CounterKey, list[counts.Counts]] = {}
    for session in _sessions(now):
        table.put_item(items.session_item(session))
        picture = Picture(session, (make_chapter(1),))
        for key in counts.counter_keys(session):
            counted.setdefault(key, []).append(contribution(picture))
    for key, each in counted.items():
        table.put_item(items.counter_item(key, counts.Counter(counts.total(each), len(each))))


def _sessions(now: datetime) -> Iterator[Session]:
    devices = [DeviceId(f"d_{number:022}") for number in range(DEVICES)]
    for number, device in zip(range(SESSIONS), itertools.cycle(devices), strict=False):
        created = now - timedelta(days=DAYS * number / SESSIONS)
        session_id = ids.session_id("main", f"match-{number}")
        camera = Camera(f"C{number % DEVICES:013}")
        yield Session(session_id, device, camera, None, created, state=SessionState.PROCESSED)
