"""Schedules: who is told, with what, and when."""

import time
from datetime import UTC, datetime

import pytest

from infra.local.aws.events.schedule import Rule, Schedule, UnknownRule
from infra.local.aws.moto.state import UnknownSchedule, rate_s
from tests.infra.deployed_functions import eventually

NOON = datetime(2026, 9, 21, 12, tzinfo=UTC)
RULE = Rule("reconcile", "arn:aws:events:us-east-1:123456789012:rule/reconcile", 300.0, ("first", "second"))


class Sent:
    def __init__(self) -> None:
        self.targets: list[str] = []
        self.at: list[float] = []

    def __call__(self, target: str, event: object) -> None:
        self.targets.append(target)
        self.at.append(time.monotonic())


def of(*rules: Rule, send: Sent) -> Schedule:
    return Schedule(rules, send, now=lambda: NOON)


def test_a_tick_reaches_every_target_of_the_rule_and_no_other():
    sent = Sent()
    other = Rule("report", RULE.arn, 60.0, ("third",))

    of(RULE, other, send=sent).tick("reconcile")

    assert sent.targets == ["first", "second"]


def test_the_event_is_that_of_a_scheduled_rule():
    (_, event), _ = of(RULE, send=Sent()).events("reconcile")

    assert event.pop("id")
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "time": "2026-09-21T12:00:00Z",
        "region": "us-east-1",
        "resources": [RULE.arn],
        "detail": {},
    }


def test_a_rule_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(UnknownRule, match="recncile: there is reconcile"):
        of(RULE, send=Sent()).tick("recncile")


def test_rules_fire_at_their_own_rates_the_first_time_after_one_period():
    sent = Sent()
    quick, slow = Rule("quick", RULE.arn, 0.05, ("quick",)), Rule("slow", RULE.arn, 60.0, ("slow",))
    started_at = time.monotonic()
    schedule = of(quick, slow, send=sent).start()
    assert eventually(lambda: len(sent.targets) >= 3)
    schedule.close()

    assert set(sent.targets) == {"quick"}
    assert [at - started_at >= 0.05 * number for number, at in enumerate(sent.at, 1)] == [True] * len(sent.at)


def test_closing_does_not_wait_for_the_next_tick():
    schedule = of(RULE, send=Sent()).start()
    started_at = time.monotonic()
    schedule.close()

    assert time.monotonic() - started_at < 5


def test_nothing_fires_after_closing():
    sent = Sent()
    schedule = of(Rule("quick", RULE.arn, 0.01, ("quick",)), send=sent).start()
    assert eventually(lambda: bool(sent.targets))
    schedule.close()
    fired = len(sent.targets)

    assert not eventually(lambda: len(sent.targets) > fired, patience_s=0.05)


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [("rate(1 minute)", 60), ("rate(5 minutes)", 300), ("rate(2 hours)", 7_200), ("rate(1 day)", 86_400)],
)
def test_rates_are_read_in_seconds(expression: str, seconds: int):
    assert rate_s(expression) == seconds


@pytest.mark.parametrize("expression", ["cron(0 12 * * ? *)", "rate(5 weeks)", "rate(five minutes)"])
def test_other_schedules_are_refused(expression: str):
    with pytest.raises(UnknownSchedule):
        rate_s(expression)
