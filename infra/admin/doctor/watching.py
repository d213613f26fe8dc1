"""Who would notice: alarms, their subscribers, dead letters, the reconciler, the cleanup, the clock."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from chalicelib.aws.records import DynamoRecords
from chalicelib.core.times import DAY_S
from infra.admin.doctor.finding import Finding, problem, unknown, warning
from infra.admin.doctor.stage import Stage
from infra.admin.formats import moment
from infra.aws import template, watch

REFUSED_S = 900
"""S3 refuses a signature whose time is further from its own.

Source: docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html#RESTAuthenticationTimeStamp
"""

WARNED_S = 60
"""From here on the clock is not merely slow to answer."""

_PENDING = ("PendingConfirmation", "Deleted")


def alarms(stage: Stage) -> Iterator[Finding]:
    """Each alarm of the checkout, as it says, with its way to the topic."""
    wanted = stage.account.watch or {"Resources": {}}
    present = _present_alarms(stage)
    if not present and stage.is_partial:
        yield unknown("the local AWS has no alarms", "deploy a trial stage")
        return
    for body in wanted["Resources"].values():
        if body["Type"] != "AWS::CloudWatch::Alarm":
            continue
        said = template.resolved(body["Properties"], wanted, stage.watch_names())
        name = said["AlarmName"]
        if name not in present:
            yield problem(
                f"alarm {name} is not there",
                said["AlarmDescription"],
                f"{stage.deploy_again} (stack {watch.stack_name(stage.name)})",
            )
            continue
        if not present[name].get("ActionsEnabled", True):
            yield problem(
                f"the actions of alarm {name} are disabled",
                "it is raised, and nobody hears of it",
                f"aws cloudwatch enable-alarm-actions --alarm-names {name}",
            )
        differing = [key for key in said if _plain(present[name].get(key)) != _plain(said[key])]
        if differing:
            yield problem(
                f"alarm {name} differs in {', '.join(differing)}",
                "it is raised for something else, or tells nobody",
                f"{stage.deploy_again} (infra/aws/watch.py: {name.removeprefix(f'reelhaul-{stage.name}-')})",
            )


def _present_alarms(stage: Stage) -> dict[str, Mapping[str, Any]]:
    pages = stage.client("cloudwatch").get_paginator("describe_alarms")
    found = pages.paginate(AlarmNamePrefix=f"reelhaul-{stage.name}-", AlarmTypes=["MetricAlarm"])
    return {each["AlarmName"]: each for page in found for each in page["MetricAlarms"]}


def _plain(value: Any) -> Any:
    """A value of an alarm in one form."""
    if isinstance(value, list):
        return sorted(str(_plain(each)) for each in value)
    if isinstance(value, Mapping):
        return sorted((key, str(each)) for key, each in value.items())
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def subscriptions(stage: Stage) -> Iterator[Finding]:
    """That somebody hears of alarms, and of sessions where an address was given."""
    if not _confirmed(stage, stage.output("Alarms")):
        if stage.is_partial:
            yield unknown("the local AWS subscribes no address", "deploy a trial stage with AlarmAddress")
        else:
            yield problem(
                "nobody is subscribed to the alarms, or nobody has confirmed it",
                "an alarm is raised, and no one hears of it",
                f"{stage.deploy_again} PARAMETERS='AlarmAddress=…', then follow the link in SNS's mail "
                "(infra/aws/storage.yaml: parameter AlarmAddress)",
            )
    address = stage.parameters.get("NotificationAddress")
    if address and not _confirmed(stage, stage.output("Notifications")):
        yield problem(
            f"{address} has not confirmed the notifications",
            "sessions that fail or are held are told to nobody",
            f"aws sns subscribe --topic-arn {stage.output('Notifications')} --protocol email "
            f"--notification-endpoint {address}, then follow the link in SNS's mail",
        )


def _confirmed(stage: Stage, topic: str) -> bool:
    pages = stage.client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    return any(each["SubscriptionArn"] not in _PENDING for page in pages for each in page["Subscriptions"])


def dead_letters(stage: Stage) -> Iterator[Finding]:
    """That nothing failed for good."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = stage.output("DeadLetters")
    answer = stage.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    number = sum(int(answer[name]) for name in names)
    if number:
        yield problem(
            f"{number} dead letters wait{_age(stage)}",
            "an event, a scheduled run or an order failed for good, and SQS deletes it after 14 days",
            f"aws sqs receive-message --queue-url {url} --visibility-timeout 0 shows it; end its cause, then "
            f"reelhaul-admin ensure --stage {stage.name} (docs/operations.md: DeadLettersNotEmpty)",
        )


def _age(stage: Stage) -> str:
    """How long the oldest has waited, where CloudWatch says it."""
    until = stage.now()
    answer = stage.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": stage.output("DeadLettersName")}],
        StartTime=until - timedelta(hours=1),
        EndTime=until,
        Period=300,
        Statistics=["Maximum"],
    )
    points = sorted(answer["Datapoints"], key=lambda each: each["Timestamp"])
    if not points:
        return ", nobody knows for how long"
    return f", the oldest for {points[-1]['Maximum'] / DAY_S:.1f} days"


def reconciler(stage: Stage) -> Iterator[Finding]:
    """That a round has ended lately, and had a turn for every session."""
    last = _records(stage).last_round()
    log = f"aws logs tail /aws/lambda/reelhaul-{stage.name}-reconcile (docs/operations.md: ReconcilerSilent)"
    if last is None:
        text = "no round of the reconciler has ended yet"
        yield (
            unknown(text, log) if stage.is_partial else problem(text, "nothing unfinished is finished", log)
        )
    elif last.is_silent(stage.now()):
        yield problem(
            f"the reconciler's last round ended at {moment(last.ended_at)}",
            "nothing unfinished is finished",
            log,
        )
    elif last.failed:
        yield warning(
            f"settling {last.failed} sessions failed in the reconciler's last round",
            "they stay as they are until their cause ends",
            f"reelhaul-admin ensure --stage {stage.name} names them",
        )


def cleanup(stage: Stage) -> Iterator[Finding]:
    """That nobody pulled the kill switch and forgot it."""
    arming = _records(stage).arming()
    if arming is not None and not arming.is_armed:
        yield warning(
            f"the cleanup is disarmed since {moment(arming.changed_at)}: {arming.reason}",
            "everything is kept, and paid for",
            f"reelhaul-admin cleanup --stage {stage.name} --arm --reason '…', once that reason is over",
        )


def _records(stage: Stage) -> DynamoRecords:
    return DynamoRecords(stage.client("dynamodb"), stage.table)


def clock(stage: Stage) -> Iterator[Finding]:
    """That this machine's clock is S3's."""
    before = stage.now()
    answer = stage.client("s3").head_bucket(Bucket=stage.bucket)
    said = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    if said is None:
        yield unknown(
            "S3's answer had no date", f"curl -sI https://{stage.bucket}.s3.amazonaws.com | grep -i date"
        )
        return
    yield from judged_clock(parsedate_to_datetime(said), before, stage.now())


def judged_clock(theirs: datetime, before: datetime, after: datetime) -> Iterator[Finding]:
    """What to say of S3's time, which it told between `before` and `after` of this machine."""
    off_s = max((theirs - after).total_seconds(), (before - theirs).total_seconds() - 1, 0.0)
    why = f"S3 refuses signatures that are {REFUSED_S} s off, and dates of orders and tokens are wrong"
    change = "timedatectl set-ntp true on this machine"
    if off_s >= REFUSED_S:
        yield problem(f"this machine's clock is {off_s:.0f} s off that of S3", why, change)
    elif off_s >= WARNED_S:
        yield warning(f"this machine's clock is {off_s:.0f} s off that of S3", why, change)
