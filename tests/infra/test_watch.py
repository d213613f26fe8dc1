"""The alarms and the dashboard of a stage: what they watch is reported, and each alarm has its entry in the runbook."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from chalicelib.core.events import Event, Measure
from chalicelib.logs import EmbeddedMetrics
from infra.aws import deploy, template, watch
from tests.support.local_aws import local_aws
from tests.support.memory import MovableClock

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

HOUSE = Path(__file__).resolve().parents[2]
WHOLE = watch.template()
ALARMS = watch.alarms()
STORAGE = {
    "Alarms": "arn:aws:sns:us-east-1:123456789012:alarms",
    "DeadLettersName": "dead",
    "OrderQueueName": "orders",
}
NAMES = {
    **watch.parameters("prod", STORAGE),
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
}
OF_AWS: set[tuple[str, str, tuple[str, ...]]] = {
    ("AWS/Lambda", metric, ("FunctionName",)) for metric in ("Invocations", "Errors", "Throttles", "Duration")
}
OF_AWS |= {
    ("AWS/SQS", metric, ("QueueName",))
    for metric in ("ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage")
}
OF_AWS |= {
    ("AWS/ApiGateway", metric, ("ApiName", "Stage"))
    for metric in ("Count", "4XXError", "5XXError", "Latency")
}
"""What AWS's own services report, as their user guides list it."""

each_alarm = pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.resource)


@dataclass(frozen=True)
class Reported:
    """A metric as CloudWatch makes it of a line of the functions' log."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    unit: str
    value: float

    @property
    def known_by(self) -> tuple[str, str, tuple[str, ...]]:
        return self.namespace, self.name, tuple(self.dimensions)


def read(line: str) -> Reported:
    """The one metric of a line in the embedded metric format."""
    said = json.loads(line)
    [directive] = said["_aws"]["CloudWatchMetrics"]
    [dimensions], [metric] = directive["Dimensions"], directive["Metrics"]
    return Reported(
        directive["Namespace"],
        metric["Name"],
        {name: said[name] for name in dimensions},
        metric["Unit"],
        said[metric["Name"]],
    )


def reported() -> list[Reported]:
    """All that the functions of the stage prod can report, each once."""
    lines = io.StringIO()
    metrics = EmbeddedMetrics("prod", MovableClock(), lines)
    for event in Event:
        metrics.count(event)
    for measure in Measure:
        metrics.measure(measure, 1.5)
    return [read(line) for line in lines.getvalue().splitlines()]


def properties(resource: str) -> Any:
    return template.resolved(WHOLE["Resources"][resource]["Properties"], WHOLE, NAMES)


def dashboard() -> Any:
    return json.loads(properties("Dashboard")["DashboardBody"])


def dimensions(alarm: watch.Alarm) -> dict[str, str]:
    return {each["Name"]: each["Value"] for each in properties(alarm.resource)["Dimensions"]}


@each_alarm
def test_an_alarm_watches_what_is_reported_under_the_same_dimensions(alarm: watch.Alarm):
    ours = {each.known_by: each.dimensions for each in reported()}
    watched = (alarm.namespace, alarm.metric, tuple(dimensions(alarm)))

    assert watched in ours.keys() | OF_AWS
    assert dimensions(alarm) == ours.get(watched, dimensions(alarm))


@each_alarm
def test_an_alarm_says_what_happened_and_what_to_do_next(alarm: watch.Alarm):
    said = properties(alarm.resource)["AlarmDescription"]

    assert len(re.findall(r"[.;:](?: |$)", said)) >= 2
    assert len(said) <= 1024


@each_alarm
def test_an_alarm_is_told_to_the_topic_when_it_begins_and_when_it_ends(alarm: watch.Alarm):
    said = properties(alarm.resource)

    assert said["AlarmActions"] == said["OKActions"] == [STORAGE["Alarms"]]


@each_alarm
def test_an_alarm_looks_no_further_back_than_cloudwatch_takes(alarm: watch.Alarm):
    said = properties(alarm.resource)
    most_s = 86_400 if said["Period"] < 3_600 else 7 * 86_400

    assert said["Period"] % 60 == 0
    assert said["Period"] * said["EvaluationPeriods"] <= most_s


def test_only_the_reconciler_that_reports_nothing_is_an_alarm_by_silence():
    assert [alarm.name for alarm in ALARMS if alarm.missing == "breaching"] == ["ReconcilerSilent"]


def test_each_function_has_its_alarms_under_the_name_that_chalice_gives_it():
    for kind in ("FunctionErrors", "FunctionThrottled", "FunctionSlow"):
        watched = {
            alarm.function: dimensions(alarm)["FunctionName"] for alarm in ALARMS if alarm.name == kind
        }

        assert watched == {name: log_group(name).replace("${Stage}", "prod") for name in watch.functions()}


def log_group(function: str) -> str:
    """The name of a function as its policy has it, which tests hold against a deploy."""
    policy = (deploy.CLOUD / ".chalice" / f"policy-{function}.json").read_text()
    [name] = re.findall(r"log-group:/aws/lambda/([^:]+):", policy)
    return str(name)


@pytest.mark.parametrize("function", watch.functions())
def test_a_function_is_slow_before_lambda_ends_it(function: str):
    [alarm] = [each for each in ALARMS if (each.name, each.function) == ("FunctionSlow", function)]

    assert alarm.threshold < watch.functions()[function] * 1000


def test_every_alarm_has_one_entry_in_the_runbook_and_every_entry_an_alarm():
    page = (HOUSE / "docs/operations.md").read_text()
    section = re.search(r"^## When an alarm is raised$(.*?)^## ", page, re.M | re.S)
    assert section
    entries = re.findall(r"^### (\w+)$", section[1], re.M)

    assert sorted(entries) == sorted({alarm.name for alarm in ALARMS})


def test_an_entry_of_the_runbook_says_what_it_means_how_to_look_what_to_do_and_what_not():
    page = (HOUSE / "docs/operations.md").read_text()
    section = page.split("## When an alarm is raised\n")[1].split("\n## ")[0]
    for entry in section.split("\n### ")[1:]:
        said = re.findall(r"^- \*\*(Means|Look|Do|Do not)\*\*: ", entry, re.M)

        assert said == ["Means", "Look", "Do", "Do not"], entry.splitlines()[0]


def test_no_two_alarms_have_a_name_in_common():
    assert (
        len({alarm.deployed_name for alarm in ALARMS})
        == len({alarm.resource for alarm in ALARMS})
        == len(ALARMS)
    )


def test_the_template_fits_into_one_call_of_cloudformation():
    assert len(template.as_text(WHOLE).encode()) <= template.LARGEST_BYTES


def test_the_template_takes_what_the_storage_gives():
    given = template.load()["Outputs"].keys() | {"Stage"}

    assert WHOLE["Parameters"].keys() <= given
    assert watch.parameters("prod", STORAGE).keys() == WHOLE["Parameters"].keys()


def test_the_dashboard_shows_every_alarm():
    [alarms] = [each for each in dashboard()["widgets"] if each["type"] == "alarm"]
    prefix = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"

    assert alarms["properties"]["alarms"] == [
        prefix + properties(alarm.resource)["AlarmName"] for alarm in ALARMS
    ]
    assert len(ALARMS) <= 100  # what one widget takes


def test_a_graph_shows_what_is_reported_under_the_same_dimensions():
    ours = {each.known_by: each.dimensions for each in reported()}
    graphs = [each["properties"] for each in dashboard()["widgets"] if each["type"] == "metric"]

    assert len(graphs) >= 15
    for namespace, metric, *others in (line for graph in graphs for line in graph["metrics"]):
        named = [each for each in others if isinstance(each, str)]
        told = dict(zip(named[::2], named[1::2], strict=True))
        known_by = (namespace, metric, tuple(told))
        assert known_by in ours.keys() | OF_AWS
        assert told == ours.get(known_by, told)


def test_the_graphs_fill_a_grid_of_24_columns_and_none_covers_another():
    covered = [
        (x, y)
        for each in dashboard()["widgets"]
        for x in range(each["x"], each["x"] + each["width"])
        for y in range(each["y"], each["y"] + each["height"])
    ]

    assert len(covered) == len(set(covered))
    assert max(x for x, _ in covered) == 23


@pytest.fixture(scope="module")
def cloudwatch() -> "Iterator[CloudWatchClient]":
    with local_aws() as endpoint_url:
        client = boto3.client(
            "cloudwatch",
            endpoint_url=endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        yield client
        client.close()


def test_cloudwatch_takes_the_dashboard(cloudwatch: "CloudWatchClient"):
    cloudwatch.put_dashboard(**properties("Dashboard"))

    taken = cloudwatch.get_dashboard(DashboardName="reelhaul-prod")
    assert json.loads(taken["DashboardBody"]) == dashboard()


@each_alarm
def test_cloudwatch_takes_the_alarm_as_it_is(cloudwatch: "CloudWatchClient", alarm: watch.Alarm):
    said = properties(alarm.resource)

    cloudwatch.put_metric_alarm(**said)

    [taken] = cloudwatch.describe_alarms(AlarmNames=[said["AlarmName"]])["MetricAlarms"]
    assert {name: taken.get(name) for name in said} == said


SUMS = [alarm for alarm in ALARMS if alarm.namespace == "reelhaul" and alarm.statistic == "Sum"]


@pytest.mark.parametrize("alarm", SUMS, ids=lambda alarm: alarm.resource)
def test_an_alarm_on_a_count_finds_what_the_functions_said_and_is_raised_by_one_more_than_its_threshold(
    cloudwatch: "CloudWatchClient", alarm: watch.Alarm
):
    assert not is_raised(cloudwatch, alarm)
    for count in (int(alarm.threshold), 1):
        was_raised = is_raised(cloudwatch, alarm)
        assert not was_raised
        lines = io.StringIO()
        EmbeddedMetrics("prod", MovableClock(), lines).count(Event(alarm.metric), count)
        tell(cloudwatch, read(lines.getvalue()))

    assert is_raised(cloudwatch, alarm)


def test_the_reconciler_is_silent_until_a_round_is_reported(cloudwatch: "CloudWatchClient"):
    [alarm] = [each for each in ALARMS if each.name == "ReconcilerSilent"]
    assert is_raised(cloudwatch, alarm)
    lines = io.StringIO()

    EmbeddedMetrics("prod", MovableClock(), lines).measure(Measure.ROUND_TIME, 0.4)
    tell(cloudwatch, read(lines.getvalue()))

    assert not is_raised(cloudwatch, alarm)


def tell(cloudwatch: "CloudWatchClient", metric: Reported) -> None:
    """What CloudWatch does with a line of the log."""
    datum: Any = {
        "MetricName": metric.name,
        "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions.items()],
        "Unit": metric.unit,
        "Value": metric.value,
    }
    cloudwatch.put_metric_data(Namespace=metric.namespace, MetricData=[datum])


def is_raised(cloudwatch: "CloudWatchClient", alarm: watch.Alarm) -> bool:
    """Whether what was told in the alarm's last period is past its threshold; moto itself raises no alarm."""
    said = properties(alarm.resource)
    now = datetime.now(UTC)
    asked: Any = cloudwatch
    found = asked.get_metric_statistics(
        Namespace=said["Namespace"],
        MetricName=said["MetricName"],
        Dimensions=said["Dimensions"],
        StartTime=now - timedelta(seconds=said["Period"]),
        EndTime=now + timedelta(seconds=60),
        Period=2 * said["Period"],
        Statistics=[said["Statistic"]],
    )["Datapoints"]
    if not found:
        return bool(said["TreatMissingData"] == "breaching")
    value: float = sum(each[said["Statistic"]] for each in found)
    if said["ComparisonOperator"] == "LessThanThreshold":
        return bool(value < said["Threshold"])
    return bool(value > said["Threshold"])
