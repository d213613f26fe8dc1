"""What S3 tells others: one event for each object created, shaped as S3 shapes it, delivered after the answer.

moto calls `moto.s3.notifications.send_event` from its model. `Tap` puts itself in that place, the only patch of moto
in this package: within `collected()` it gathers what happened instead of delivering it; outside, moto does as always.
Removals are told only where moto tells them: it is silent about delete markers.
"""

from __future__ import annotations

import itertools
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from infra.local.aws.strict_s3.wire import Request

PREFIX = "s3:"
COMPLETED = "s3:ObjectCreated:CompleteMultipartUpload"
PUT = "s3:ObjectCreated:Put"
POST = "s3:ObjectCreated:Post"
PRINCIPAL = "AWS:AIDATESTTESTTESTTEST"

Event = dict[str, Any]
OnEvent = Callable[[str, Event], None]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Happening:
    """Something that moto would tell: its own name of the event, its bucket and its key."""

    event_name: str
    bucket: Any
    key: Any

    def of_form(self) -> Happening:
        """The same, of a write that came as a browser's form."""
        return replace(self, event_name=POST) if self.event_name == PUT else self


_gathered: ContextVar[list[Happening] | None] = ContextVar("gathered", default=None)


class Tap:
    """moto's `send_event`, held by all layers of this process; the last one that closes gives it back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._original: Callable[..., None] = _nobody_told

    def hold(self) -> None:
        with self._lock:
            if self._holders == 0:
                self._original = _moto_notifications().send_event
                _moto_notifications().send_event = self._gather
            self._holders += 1

    def release(self) -> None:
        with self._lock:
            self._holders -= 1
            if self._holders == 0:
                _moto_notifications().send_event = self._original

    @contextmanager
    def collected(self) -> Iterator[list[Happening]]:
        """A list that holds, at the end of the block, what happened in it."""
        happenings: list[Happening] = []
        token = _gathered.set(happenings)
        try:
            yield happenings
        finally:
            _gathered.reset(token)

    def _gather(self, account_id: str, event_name: str, bucket: Any, key: Any) -> None:
        happenings = _gathered.get()
        if happenings is None:
            self._original(account_id, event_name, bucket, key)
        elif key is not None:
            happenings.append(Happening(str(getattr(event_name, "value", event_name)), bucket, key))


def _moto_notifications() -> Any:
    # Not at the head of the file: moto must not be imported before its settings are in the environment.
    from moto.s3 import notifications

    return notifications


def _nobody_told(*_: object) -> None:
    """What the tap lets through before it was ever held."""


TAP = Tap()


class Teller:
    """Makes the events of happenings and hands them to `on_event`, one after another, on a thread of its own."""

    def __init__(self, on_event: OnEvent, clock: Callable[[], datetime]) -> None:
        self._on_event = on_event
        self._clock = clock
        self._sequence = itertools.count(int(clock().timestamp() * 1_000_000))
        self._queue: queue.Queue[tuple[str, Event] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, name="s3-events", daemon=True)
        self._thread.start()

    def tell(self, happenings: list[Happening], request: Request, request_id: str) -> None:
        """Each happening goes, once, to every target that the bucket's notification configuration names for it."""
        for happening in _without_parts_of_completion(happenings):
            record = self._record(happening, request, request_id)
            for target, configuration in _targets(happening):
                told = {**record, "s3": {**record["s3"], "configurationId": configuration}}
                self._queue.put((target, {"Records": [told]}))

    def wait(self) -> None:
        """All that was told so far has been handed over."""
        self._queue.join()

    def close(self) -> None:
        """All that was told has been handed over; nothing more will be."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            try:
                self._on_event(*item)
            except Exception:  # the door of the thread; one bad target must not silence the others
                log.exception("event not handed over", extra={"target": item[0]})
            self._queue.task_done()

    def _record(self, happening: Happening, request: Request, request_id: str) -> Event:
        bucket = happening.bucket
        return {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": bucket.region_name,
            "eventTime": f"{self._clock():%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "eventName": happening.event_name.removeprefix(PREFIX),
            "userIdentity": {"principalId": PRINCIPAL},
            "requestParameters": {"sourceIPAddress": request.environ.get("REMOTE_ADDR", "127.0.0.1")},
            "responseElements": {"x-amz-request-id": request_id, "x-amz-id-2": request_id},
            "s3": {
                "s3SchemaVersion": "1.0",
                "bucket": {
                    "name": bucket.name,
                    "ownerIdentity": {"principalId": PRINCIPAL},
                    "arn": bucket.arn,
                },
                "object": self._object(happening),
            },
        }

    def _object(self, happening: Happening) -> Event:
        key = happening.key
        told: Event = {"key": quote_plus(key.name, safe="/"), "sequencer": f"{next(self._sequence):018X}"}
        if happening.event_name.startswith("s3:ObjectCreated:"):
            told |= {"size": key.size, "eTag": key.etag.strip('"')}
        if happening.bucket.is_versioned:
            told["versionId"] = key.version_id
        return told


def _without_parts_of_completion(happenings: list[Happening]) -> list[Happening]:
    """moto tells a completion twice, first as a Put; S3 tells it once."""
    names = {happening.event_name for happening in happenings}
    if COMPLETED not in names:
        return happenings
    return [happening for happening in happenings if happening.event_name != PUT]


def _targets(happening: Happening) -> list[tuple[str, str]]:
    """ARN and configuration id of the receiver that asked for this event of this key."""
    configuration = happening.bucket.notification_configuration
    if configuration is None:
        return []
    wishes = [*configuration.cloud_function, *configuration.queue, *configuration.topic]
    key = happening.key.name
    return [(wish.arn, wish.id) for wish in wishes if wish.matches(happening.event_name, key)]
