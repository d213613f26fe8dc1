"""The table and the queues: whether records outlive a mistake, and are found as the coordinator looks for them."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from infra.admin.doctor.finding import Finding, problem, warning
from infra.admin.doctor.stage import Stage

_TEMPLATE = "infra/aws/storage.yaml"


def recovery(stage: Stage) -> Iterator[Finding]:
    """Point-in-time recovery."""
    wanted = stage.declared("Table")["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    answer = stage.client("dynamodb").describe_continuous_backups(TableName=stage.table)
    present = answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    if (present["PointInTimeRecoveryStatus"] == "ENABLED") != wanted:
        yield problem(
            f"point-in-time recovery of {stage.table} is {present['PointInTimeRecoveryStatus']}",
            "records that a mistake changes can not be brought back, and without them footage is not found",
            f"aws dynamodb update-continuous-backups --table-name {stage.table} "
            "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true "
            f"({_TEMPLATE}: Table.PointInTimeRecoverySpecification)",
        )


def protection(stage: Stage) -> Iterator[Finding]:
    """That the table cannot be deleted by one call."""
    wanted = stage.declared("Table")["DeletionProtectionEnabled"]
    if bool(_table(stage).get("DeletionProtectionEnabled")) != wanted:
        yield problem(
            f"{stage.table} can be deleted by one call",
            "with its records nobody knows what is home",
            f"aws dynamodb update-table --table-name {stage.table} --deletion-protection-enabled "
            f"({_TEMPLATE}: Table.DeletionProtectionEnabled)",
        )


def expiry(stage: Stage) -> Iterator[Finding]:
    """The attribute by which DynamoDB deletes what is over."""
    wanted = stage.declared("Table")["TimeToLiveSpecification"]
    answer = stage.client("dynamodb").describe_time_to_live(TableName=stage.table)["TimeToLiveDescription"]
    status, attribute = answer["TimeToLiveStatus"], answer.get("AttributeName")
    if status not in ("ENABLED", "ENABLING") or attribute != wanted["AttributeName"]:
        yield problem(
            f"DynamoDB expires items of {stage.table} by {attribute or 'no attribute'} ({status}), "
            f"not by {wanted['AttributeName']}",
            "what is over stays for ever, or what counts is deleted",
            f"aws dynamodb update-time-to-live --table-name {stage.table} --time-to-live-specification "
            f"Enabled=true,AttributeName={wanted['AttributeName']} ({_TEMPLATE}: Table.TimeToLiveSpecification)",
        )


def indexes(stage: Stage) -> Iterator[Finding]:
    """Each index of the template, ready to be asked."""
    present = {each["IndexName"]: each for each in _table(stage).get("GlobalSecondaryIndexes", [])}
    for wanted in stage.declared("Table")["GlobalSecondaryIndexes"]:
        name = wanted["IndexName"]
        place = f"{stage.deploy_again} ({_TEMPLATE}: Table.GlobalSecondaryIndexes, IndexName {name})"
        if name not in present:
            yield problem(
                f"{stage.table} has no index {name}", "what the coordinator asks of it fails", place
            )
        elif _index(present[name]) != _index(wanted):
            yield problem(
                f"index {name} is {_index(present[name])}, not {_index(wanted)}",
                "the coordinator reads of it what it does not have",
                place,
            )
        elif present[name].get("IndexStatus", "ACTIVE") != "ACTIVE":
            yield warning(
                f"index {name} is {present[name]['IndexStatus']}",
                "until it is ACTIVE, lists and due work are not whole",
                f"aws dynamodb wait table-exists --table-name {stage.table}, then doctor again",
            )


def _table(stage: Stage) -> Mapping[str, Any]:
    described: Mapping[str, Any] = stage.client("dynamodb").describe_table(TableName=stage.table)["Table"]
    return described


def _index(said: Mapping[str, Any]) -> str:
    keys = {each["KeyType"]: each["AttributeName"] for each in said["KeySchema"]}
    projection = said["Projection"]
    attributes = sorted(projection.get("NonKeyAttributes") or [])
    return json.dumps([keys, projection["ProjectionType"], attributes], sort_keys=True)


QUEUES = {"DeadLetters": "DeadLetters", "OrderQueue": "OrderQueue"}
"""The queues of the template, each with the output that has its URL."""


def queues(stage: Stage) -> Iterator[Finding]:
    """What the template says of both queues."""
    for resource, output in QUEUES.items():
        url = stage.output(output)
        present = stage.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        for name, value in stage.declared(resource).items():
            is_now, wanted = _attribute(present.get(name)), _attribute(value)
            if is_now != wanted:
                yield problem(
                    f"{name} of queue {resource} is {is_now or 'absent'}, not {wanted}",
                    "orders or dead letters get lost before somebody reads them",
                    f"aws sqs set-queue-attributes --queue-url {url} --attributes "
                    f"'{json.dumps({name: wanted})}' ({_TEMPLATE}: {resource}.{name})",
                )


def _attribute(value: Any) -> str:
    """A queue's attribute in one form: SQS tells all of them as text."""
    if isinstance(value, str) and value.startswith("{"):
        value = json.loads(value)
    if isinstance(value, Mapping):
        return json.dumps({name: str(each) for name, each in value.items()}, sort_keys=True)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
