"""The stack `reelhaul-STAGE-watch`: the alarms of a stage, each with its next action, and the dashboard.

It is a stack of its own: with the storage it would be more than CloudFormation takes in a call, and it can be replaced
without a thought for what the storage keeps. `python -m infra.aws.watch` prints its template.
`docs/operations.md` has an entry for each alarm, under its name here.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from chalicelib.core.events import Event, Measure
from chalicelib.core.guarantee import WITHIN_S
from chalicelib.core.times import DAY_S
from infra.aws.project import API_FUNCTION, SOCKET_FUNCTIONS
from infra.aws.template import Template, as_text

CONFIG = Path(__file__).resolve().parents[2] / "cloud" / ".chalice" / "config.json"

BACKLOG_BYTES = 10**12
"""What may wait on the devices for hours before somebody should look."""

_OURS = "reelhaul"
_DEAD_LETTERS = {"QueueName": "${DeadLettersName}"}
_STAGE = {"stage": "${Stage}"}
_MINUTE_S, _HOUR_S = 60, 3_600

Widget = dict[str, Any]


@dataclass(frozen=True)
class Alarm:
    """One alarm: CloudWatch raises it when `statistic` of the metric is past `threshold` in `periods` periods in a row.

    Texts may have placeholders as `Fn::Sub` takes them. `function` is the function that it watches alone.
    """

    name: str
    says: str
    namespace: str
    metric: str
    dimensions: Mapping[str, str]
    statistic: str
    period_s: int
    threshold: float
    periods: int = 1
    comparison: Literal["GreaterThanThreshold", "GreaterThanOrEqualToThreshold", "LessThanThreshold"] = (
        "GreaterThanThreshold"
    )
    missing: Literal["notBreaching", "breaching"] = "notBreaching"
    function: str | None = None

    @property
    def resource(self) -> str:
        """Its name in the template."""
        return self.name + "".join(part.capitalize() for part in (self.function or "").split("_"))

    @property
    def deployed_name(self) -> str:
        """Its name in CloudWatch, with the stage's placeholder."""
        return f"reelhaul-${{Stage}}-{self.name}" + (f"-{self.function}" if self.function else "")


def functions() -> dict[str, int]:
    """The functions that have alarms, and the seconds after which Lambda ends a call of each.

    Those of sockets have none: a page whose socket does not open asks at intervals.
    """
    declared = json.loads(CONFIG.read_text())["lambda_functions"]
    return {name: each["lambda_timeout"] for name, each in declared.items() if name not in SOCKET_FUNCTIONS}


def alarms() -> tuple[Alarm, ...]:
    """All alarms of a stage."""
    return (
        *_of_functions(),
        *_of_the_api(),
        *_of_queues(),
        *_of_stored_bytes(),
        *_of_scans(),
        *_of_hauls(),
        *_of_the_cleanup(),
        *_of_the_reconciler(),
    )


def _of_functions() -> Iterator[Alarm]:
    for function, timeout_s in functions().items():
        watched = {"FunctionName": _function_name(function)}
        yield Alarm(
            "FunctionErrors",
            f"{function} ended three calls with an error in a quarter of an hour. Read its log for the exception; "
            "deploy the version before if it began with a deploy.",
            "AWS/Lambda",
            "Errors",
            watched,
            "Sum",
            900,
            3,
            comparison="GreaterThanOrEqualToThreshold",
            function=function,
        )
        yield Alarm(
            "FunctionThrottled",
            f"Lambda refused calls of {function} for a quarter of an hour. Compare the account's concurrency with its "
            "limit, and ask for more or lower what other functions reserve.",
            "AWS/Lambda",
            "Throttles",
            watched,
            "Sum",
            300,
            0,
            periods=3,
            function=function,
        )
        yield Alarm(
            "FunctionSlow",
            f"One of a hundred calls of {function} takes too long. See whether S3, DynamoDB or the work has grown; "
            "give the function more memory before its time-out ends calls.",
            "AWS/Lambda",
            "Duration",
            watched,
            "p99",
            900,
            _slow_ms(function, timeout_s),
            periods=2,
            function=function,
        )


def _function_name(function: str) -> str:
    return "reelhaul-${Stage}" if function == API_FUNCTION else f"reelhaul-${{Stage}}-{function}"


def _slow_ms(function: str, timeout_s: int) -> int:
    # A person or a device waits for the API; the others may use their time, and must not reach its end.
    return 3_000 if function == API_FUNCTION else timeout_s * 900


def _of_the_api() -> Iterator[Alarm]:
    yield Alarm(
        "ApiFails",
        "The API answered five calls with 5xx in five minutes. Devices repeat them and lose nothing; read the log of "
        "the API's function for the exception.",
        "AWS/ApiGateway",
        "5XXError",
        {"ApiName": "reelhaul", "Stage": "api"},
        "Sum",
        300,
        5,
        comparison="GreaterThanOrEqualToThreshold",
    )


def _of_queues() -> Iterator[Alarm]:
    yield Alarm(
        "DeadLettersNotEmpty",
        "An event, a scheduled run or an order failed for good; it waits 14 days in the dead-letter queue. Read the "
        "message, end its cause, then run `reelhaul-admin ensure`.",
        "AWS/SQS",
        "ApproximateNumberOfMessagesVisible",
        _DEAD_LETTERS,
        "Maximum",
        60,
        0,
    )
    yield Alarm(
        "DeadLettersOld",
        "A dead letter has waited for a week, and SQS deletes it after 14 days. Read it now.",
        "AWS/SQS",
        "ApproximateAgeOfOldestMessage",
        _DEAD_LETTERS,
        "Maximum",
        300,
        7 * DAY_S,
    )
    yield Alarm(
        "OrdersWait",
        "An order has waited for six hours, and no processor takes it. Start the processors, or see why they end.",
        "AWS/SQS",
        "ApproximateAgeOfOldestMessage",
        {"QueueName": "${OrderQueueName}"},
        "Maximum",
        300,
        6 * _HOUR_S,
    )


def _of_stored_bytes() -> Iterator[Alarm]:
    yield _counted(
        "OriginalsLost",
        Event.ORIGINAL_LOST,
        "An original that was verified is damaged in S3, or gone without a version to bring back. Keep the card and "
        "haul the session again.",
    )
    yield _counted(
        "ArtifactsLost",
        Event.ARTIFACT_LOST,
        "An output, measurements or an intermediate are damaged in S3. See in `reelhaul-admin ensure` what can make "
        "them again.",
    )
    yield _counted(
        "OriginalsDamaged",
        Event.ORIGINAL_DAMAGED,
        "An original was hidden or replaced past the coordinator; the coordinator brings it back and holds the "
        "session. Find who did it, then release the session.",
    )
    yield _counted(
        "ReadsDiffer",
        Event.EVIDENCE_DIFFERS,
        "A device read a card again, and it gave other bytes than the receipt has. Keep the card: it may be all that "
        "has the true ones. Read it a third time.",
    )
    yield _counted(
        "UploadsUnproven",
        Event.UPLOAD_UNPROVEN,
        "S3 does not tell the checksum of an object that was brought here. See whether the functions may use the "
        "bucket's key.",
    )
    yield _counted(
        "ProofsOverdue",
        Event.PROOF_OVERDUE,
        "Nobody has proven the bytes of a session at rest for 90 days. See whether the schedule of "
        "`reelhaul-admin verify` still runs, and run it.",
        period_s=_HOUR_S,
        periods=24,
    )


def _of_scans() -> Iterator[Alarm]:
    yield _counted(
        "ArtifactsInfected",
        Event.ARTIFACT_INFECTED,
        "The scan found a threat in what a processor or a browser brought. Its session is held and the bucket gives "
        "the object to nobody; find out where it came from.",
    )
    yield _counted(
        "ScansInconclusive",
        Event.SCAN_INCONCLUSIVE,
        "The scan of an output came to nothing, so that it counts for nothing. Look at it and accept it, or order the "
        "session again.",
    )


def _of_hauls() -> Iterator[Alarm]:
    yield _counted(
        "DevicesSilent",
        Event.DEVICE_SILENT,
        "A device that was hauling has sent no heartbeat for a while. The reconciler's log and the notification name "
        "it; see whether it has power, its uplink and its service.",
    )
    yield _counted(
        "OrphansAborted",
        Event.MULTIPART_ORPHANED,
        "The sweep aborted more than twenty multipart uploads in an hour that no record names. See in the log of the "
        "API what fails after it has created one.",
        period_s=_HOUR_S,
        threshold=20,
    )
    yield Alarm(
        "TimeToSafe",
        "One of ten sessions of the last hour was safe later than five minutes after its last chapter. See on the "
        "dashboard whether the backlog grows, then look at the uplink of the devices.",
        _OURS,
        Measure.TIME_TO_SAFE.metric,
        _STAGE,
        "p90",
        _HOUR_S,
        WITHIN_S,
    )
    yield Alarm(
        "BacklogLarge",
        "For six hours more than a terabyte has waited on the devices. See which are silent, paused or slow.",
        _OURS,
        Measure.BACKLOG.metric,
        _STAGE,
        "Minimum",
        _HOUR_S,
        BACKLOG_BYTES,
        periods=6,
    )


def _of_the_cleanup() -> Iterator[Alarm]:
    yield _counted(
        "CleanupLimited",
        Event.CLEANUP_LIMITED,
        "The day's limit stopped the cleanup. Look at `reelhaul-admin cleanup --plan`; disarm the cleanup if it would "
        "remove what it should not.",
        period_s=_HOUR_S,
    )
    yield _counted(
        "CleanupRefused",
        Event.CLEANUP_REFUSED,
        "S3 refused to hide a cleaned object. Compare the bucket's policy and the reconciler's rights with the stack.",
        period_s=_HOUR_S,
    )


def _of_the_reconciler() -> Iterator[Alarm]:
    yield Alarm(
        "ReconcilerSilent",
        "No round of the reconciler has ended for a quarter of an hour: nothing unfinished is finished. See whether "
        "its schedule is enabled and why the function ends.",
        _OURS,
        Measure.ROUND_TIME.metric,
        _STAGE,
        "SampleCount",
        900,
        1,
        comparison="LessThanThreshold",
        missing="breaching",
    )
    yield _counted(
        "SessionsNotSettled",
        Event.RECONCILE_FAILED,
        "Settling the same or other sessions has failed for an hour. Find `session not settled` in the reconciler's "
        "log; it has the session and the exception.",
        period_s=900,
        periods=4,
    )
    yield _counted(
        "NoticesUnsent",
        Event.NOTICE_FAILED,
        "SNS has not taken notifications for a quarter of an hour; they wait. See whether the topic is there and the "
        "reconciler may publish to it.",
        periods=3,
    )


def _counted(name: str, event: Event, says: str, **changes: Any) -> Alarm:
    """The alarm on the count of an event: raised by the first one in five minutes, unless `changes` say otherwise."""
    usual: dict[str, Any] = {"statistic": "Sum", "period_s": 300, "threshold": 0}
    return Alarm(name, says, _OURS, event.value, _STAGE, **{**usual, **changes})


@dataclass(frozen=True)
class _Graph:
    """A graph of the dashboard: each line is a namespace, a metric, its dimensions and what to say of it."""

    title: str
    lines: tuple[list[Any], ...]
    statistic: str = "Sum"
    period_s: int = 300
    axis: Mapping[str, Any] = field(default_factory=dict)


def dashboard() -> Widget:
    """The body of the dashboard, with placeholders."""
    graphs = [
        _Graph("Sessions", _counts("session.stored", "session.processed", "session.failed", "session.held")),
        _Graph(
            "Seconds until a session is safe",
            (
                _measured(Measure.TIME_TO_SAFE, stat="p50", label="half of them"),
                _measured(Measure.TIME_TO_SAFE, stat="p90", label="nine of ten"),
                _measured(Measure.TIME_TO_SAFE, stat="Maximum", label="the last one"),
            ),
            period_s=_HOUR_S,
            axis={"annotations": {"horizontal": [{"label": "guaranteed", "value": WITHIN_S}]}},
        ),
        _Graph("Bytes on the devices", (_measured(Measure.BACKLOG),), statistic="Maximum"),
        _Graph("Bytes verified", _counts("bytes.verified"), period_s=_HOUR_S),
        _Graph("Uploads", _counts("upload.verified", "upload.expired", "upload.rejected", "upload.unproven")),
        _Graph(
            "Originals",
            _counts(
                "originals.scrubbed", "original.damaged", "original.lost", "evidence.differs", "proof.overdue"
            ),
        ),
        _Graph("Rounds of the reconciler, seconds", (_measured(Measure.ROUND_TIME),), statistic="Maximum"),
        _Graph(
            "Sessions in a round", _counts("reconcile.settled", "reconcile.unfinished", "reconcile.failed")
        ),
        _Graph("Multipart uploads aborted", _counts("multipart.aborted", "multipart.orphaned")),
        _Graph(
            "Cleanup", _counts("object.cleaned", "cleanup.limited", "cleanup.refused", "cleanup.recalled")
        ),
        _Graph("Devices", _counts("device.silent", "device.heard")),
        _Graph("Notifications", _counts("notice.sent", "notice.failed")),
        _Graph("Measurements", _counts("measurements.indexed", "measurements.quarantined")),
        _Graph(
            "Queues",
            (
                _of_queue("DeadLettersName", "ApproximateNumberOfMessagesVisible", "dead letters"),
                _of_queue("OrderQueueName", "ApproximateNumberOfMessagesVisible", "orders"),
            ),
            statistic="Maximum",
        ),
        _Graph("Calls of functions", _of_each_function("Invocations")),
        _Graph("Errors of functions", _of_each_function("Errors")),
        _Graph("Calls refused by Lambda", _of_each_function("Throttles")),
        _Graph("Time of one of a hundred calls, ms", _of_each_function("Duration"), statistic="p99"),
        _Graph("Answers of the API", (_of_api("Count"), _of_api("4XXError"), _of_api("5XXError"))),
        _Graph("Time of an answer of the API, ms", (_of_api("Latency"),), statistic="p99"),
    ]
    return {"widgets": [_alarm_widget(), *(_widget(place, graph) for place, graph in enumerate(graphs))]}


def _counts(*names: str) -> tuple[list[Any], ...]:
    return tuple([_OURS, Event(name).value, "stage", "${Stage}"] for name in names)


def _measured(measure: Measure, **look: str) -> list[Any]:
    return [_OURS, measure.metric, "stage", "${Stage}", *([look] if look else [])]


def _of_each_function(metric: str) -> tuple[list[Any], ...]:
    return tuple(
        ["AWS/Lambda", metric, "FunctionName", _function_name(name), {"label": name}] for name in functions()
    )


def _of_queue(parameter: str, metric: str, label: str) -> list[Any]:
    return ["AWS/SQS", metric, "QueueName", f"${{{parameter}}}", {"label": label}]


def _of_api(metric: str) -> list[Any]:
    return ["AWS/ApiGateway", metric, "ApiName", "reelhaul", "Stage", "api"]


_COLUMNS, _WIDTH, _HEIGHT, _ALARMS_HEIGHT = 3, 8, 6, 3


def _alarm_widget() -> Widget:
    prefix = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:"
    return {
        "type": "alarm",
        "x": 0,
        "y": 0,
        "width": _COLUMNS * _WIDTH,
        "height": _ALARMS_HEIGHT,
        "properties": {"title": "Alarms", "alarms": [prefix + alarm.deployed_name for alarm in alarms()]},
    }


def _widget(place: int, graph: _Graph) -> Widget:
    row, column = divmod(place, _COLUMNS)
    return {
        "type": "metric",
        "x": column * _WIDTH,
        "y": _ALARMS_HEIGHT + row * _HEIGHT,
        "width": _WIDTH,
        "height": _HEIGHT,
        "properties": {
            "title": graph.title,
            "region": "${AWS::Region}",
            "view": "timeSeries",
            "stat": graph.statistic,
            "period": graph.period_s,
            "metrics": list(graph.lines),
            **graph.axis,
        },
    }


def template() -> Template:
    """The whole template."""
    resources = {alarm.resource: _resource(alarm) for alarm in alarms()}
    body = json.dumps(dashboard(), separators=(",", ":"))
    resources["Dashboard"] = {
        "Type": "AWS::CloudWatch::Dashboard",
        "Properties": {
            "DashboardName": {"Fn::Sub": "reelhaul-${Stage}"},
            "DashboardBody": {"Fn::Sub": body},
        },
    }
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "reelhaul: alarms and dashboard of one stage.",
        "Parameters": {name: {"Type": "String"} for name in ("Stage", *PARAMETERS)},
        "Resources": resources,
        "Outputs": {},
    }


PARAMETERS = ("Alarms", "DeadLettersName", "OrderQueueName")
"""Outputs of the storage stack that the template takes as parameters."""


def parameters(stage: str, storage: Mapping[str, str]) -> dict[str, str]:
    """The template's parameters, of the outputs of the stage's storage stack."""
    return {"Stage": stage, **{name: storage[name] for name in PARAMETERS}}


def stack_name(stage: str) -> str:
    """The stack that watches `stage`."""
    return f"reelhaul-{stage}-watch"


def _resource(alarm: Alarm) -> dict[str, Any]:
    is_percentile = alarm.statistic.startswith("p")
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmName": {"Fn::Sub": alarm.deployed_name},
            "AlarmDescription": alarm.says,
            "Namespace": alarm.namespace,
            "MetricName": alarm.metric,
            "Dimensions": [
                {"Name": name, "Value": {"Fn::Sub": value} if "$" in value else value}
                for name, value in alarm.dimensions.items()
            ],
            "ExtendedStatistic" if is_percentile else "Statistic": alarm.statistic,
            "Period": alarm.period_s,
            "EvaluationPeriods": alarm.periods,
            "Threshold": alarm.threshold,
            "ComparisonOperator": alarm.comparison,
            "TreatMissingData": alarm.missing,
            "AlarmActions": [{"Ref": "Alarms"}],
            "OKActions": [{"Ref": "Alarms"}],
        },
    }


if __name__ == "__main__":
    print(as_text(template()))
