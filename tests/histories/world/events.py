"""What S3 tells the coordinator's functions of new objects: `BucketEvents`.

    events = BucketEvents(now_s, chance)
    bucket.on_created = events.arise
    while delivery := events.take():           what is due now, in the order of its arrival
        try: s3_events.settle_created(ports, delivery.event, delivery.actor)
        except …: events.fail(delivery)        Lambda tries twice more, and then keeps it among events.dead_letters
    events.next_at_s()                         when something is due next, None when nothing is on its way

Every write to the bucket makes one, whoever wrote. Faults, by the names that `chance` is asked for: `event lost`,
`event doubled`, `event late` (up to `LATEST_S`). Events whose delays differ arrive out of order. An event that was
taken and whose function dies without a word is for the history to `fail`.
Source: docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html (at least once, seconds, minutes or
longer, in no order), docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote_plus

from chalicelib.core import keys
from chalicelib.core.settle import Actor
from chalicelib.core.upload import StoredObject
from infra.aws.deploy import RETRIES
from tests.histories.world.chance import Chance

ACTORS: Mapping[str, Actor] = {
    keys.ORIGINALS: Actor.EVENT,
    keys.OUTPUTS: Actor.MADE_EVENT,
    keys.MEASUREMENTS: Actor.MADE_EVENT,
}
"""Who acts on the events of each prefix, as `app.py` says; of other keys nobody hears."""

USUALLY_S = 2.0
LATEST_S = 3600.0
WAITS_S = (60.0, 120.0)
"""Before Lambda's second and third attempt."""


@dataclass(frozen=True, order=True)
class Delivery:
    """An event that reaches its function at `at_s`."""

    at_s: float
    number: int
    event: dict[str, Any] = field(compare=False)
    actor: Actor = field(compare=False)
    attempt: int = field(default=1, compare=False)


class BucketEvents:
    """The events that are on their way, and the `dead_letters`: those that no attempt ended."""

    def __init__(self, now_s: Callable[[], float], chance: Chance) -> None:
        self._now_s = now_s
        self._chance = chance
        self._numbers = itertools.count(1)
        self._waiting: list[Delivery] = []
        self.dead_letters: list[Delivery] = []

    def arise(self, name: str, stored: StoredObject) -> None:
        """An object was made, in the way `name`: `MemoryObjectStore.on_created`."""
        prefix = stored.key.partition("/")[0] + "/"
        if prefix not in ACTORS or self._chance.strikes("event lost"):
            return
        event = _event(name, stored, next(self._numbers))
        for _ in range(2 if self._chance.strikes("event doubled") else 1):
            latest = LATEST_S if self._chance.strikes("event late") else USUALLY_S
            at_s = self._now_s() + self._chance.between(0.0, latest)
            self._send(Delivery(at_s, next(self._numbers), event, ACTORS[prefix]))

    def next_at_s(self) -> float | None:
        return self._waiting[0].at_s if self._waiting else None

    def take(self) -> Delivery | None:
        """The event that is due longest, which is no longer on its way; None when none is due."""
        if self._waiting and self._waiting[0].at_s <= self._now_s():
            return heapq.heappop(self._waiting)
        return None

    def fail(self, delivery: Delivery) -> None:
        """Its function failed or died."""
        if delivery.attempt > RETRIES:
            self.dead_letters.append(delivery)
            return
        at_s = self._now_s() + WAITS_S[delivery.attempt - 1]
        self._send(replace(delivery, at_s=at_s, attempt=delivery.attempt + 1))

    def _send(self, delivery: Delivery) -> None:
        heapq.heappush(self._waiting, delivery)


def _event(name: str, stored: StoredObject, sequencer: int) -> dict[str, Any]:
    """As S3 writes it, as far as it is of the object."""
    told = {
        "key": quote_plus(stored.key, safe="/"),
        "size": stored.size_bytes,
        "eTag": stored.etag.strip('"'),
        "versionId": stored.version_id,
        "sequencer": f"{sequencer:018X}",
    }
    return {"Records": [{"eventSource": "aws:s3", "eventName": name, "s3": {"object": told}}]}
