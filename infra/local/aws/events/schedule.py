"""EventBridge schedules: each rule's targets get their event at the rule's rate, or when a test says so."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Event = dict[str, Any]


class UnknownRule(Exception):
    """No rule has this name."""


@dataclass(frozen=True)
class Rule:
    """A schedule: every `every_s` seconds each target, given by ARN, gets an event."""

    name: str
    arn: str
    every_s: float
    targets: tuple[str, ...]


class Schedule:
    """`rules` at their rates, from `start` to `close`; as in AWS, a rule first fires when its time is over once."""

    def __init__(
        self, rules: Sequence[Rule], send: Callable[[str, object], None], *, now: Callable[[], datetime]
    ) -> None:
        self._rules = {rule.name: rule for rule in rules}
        self._send = send
        self._now = now
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="schedule", daemon=True)

    def start(self) -> Schedule:
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop at once: no rule fires any more."""
        self._closed.set()
        if self._thread.is_alive():
            self._thread.join()

    def tick(self, name: str) -> None:
        """Fires the rule now, in addition to its rate. Raises UnknownRule."""
        for target, event in self.events(name):
            self._send(target, event)

    def events(self, name: str) -> list[tuple[str, Event]]:
        """Each target of the rule with the event that it would get now. Raises UnknownRule."""
        if name not in self._rules:
            raise UnknownRule(f"{name}: there is {', '.join(sorted(self._rules)) or 'no rule'}")
        rule = self._rules[name]
        return [(target, scheduled_event(rule, self._now())) for target in rule.targets]

    def _run(self) -> None:
        started_at = time.monotonic()
        due = {name: started_at + rule.every_s for name, rule in self._rules.items()}
        while due and not self._closed.wait(max(0.0, min(due.values()) - time.monotonic())):
            name = min(due, key=due.__getitem__)
            self.tick(name)
            due[name] += self._rules[name].every_s


def scheduled_event(rule: Rule, now: datetime) -> Event:
    """The event of a schedule as EventBridge writes it."""
    region, account = rule.arn.split(":")[3:5]
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "region": region,
        "resources": [rule.arn],
        "detail": {},
    }
