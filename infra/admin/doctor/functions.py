"""The functions: whether they are those of the checkout, and are woken by what shall wake them."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.admin.doctor.finding import Finding, found, problem, unknown, warning
from infra.admin.doctor.stage import Lacking, Source, Stage
from infra.aws import capacity, deploy, plan, project

_CONFIG = "cloud/.chalice/config.json"
_TEMPLATE = "infra/aws/storage.yaml"

_PLACES = {
    "memory": f"{_CONFIG}: lambda_functions.{{name}}.lambda_memory_size",
    "time-out": f"{_CONFIG}: lambda_functions.{{name}}.lambda_timeout",
    "runtime": "the Python that runs the deploy",
    "tracing": f"{_TEMPLATE}: parameter Tracing",
    "reserved concurrency": f"{_TEMPLATE}: parameter EventConcurrency",
    "layers": "argument --arrow-layer of the deploy",
    "may": "cloud/.chalice/policy-{name}.json",
    "its role's policy": "cloud/.chalice/policy-{name}.json",
}
"""Where the checkout says it, by the words with which the plan begins."""


def settings(stage: Stage) -> Iterator[Finding]:
    """What a deploy of the same layer would change of the functions: the difference is drift."""
    functions, iam = stage.client("lambda"), stage.client("iam")
    for name, of_project in stage.wanted.items():
        present = plan.deployed_function(functions, iam, stage.name, name)
        wanted = _with_what_is_on_record(stage, name, present, of_project) if present else of_project
        for line in plan.of_function(name, present, wanted):
            yield _drift(stage, name, line)


def _with_what_is_on_record(
    stage: Stage, name: str, present: plan.Function, wanted: plan.Function
) -> plan.Function:
    """`wanted` with what a deploy takes from its surroundings, and not from the checkout."""
    known = stage.last_deploy
    if known is None:
        url = present.environment.get(project.PUSH_URL, "")
        wanted = replace(wanted, environment={**wanted.environment, project.PUSH_URL: url})
    if known is None and wanted.layers and present.layers:
        wanted = replace(wanted, layers=present.layers)
    python = f"python{known.python}" if known else present.python
    return replace(wanted, python=python, reserved=_reserved(stage, name, present, wanted))


def _reserved(stage: Stage, name: str, present: plan.Function, wanted: plan.Function) -> int | None:
    if wanted.reserved is None or present.reserved is not None:
        return wanted.reserved
    try:
        can_have = capacity.affordable(
            stage.client("lambda"),
            stage.name,
            project.reserving_functions_of(stage.account.source),
            stage.outputs,
            lambda _: None,
        )
    except (ClientError, BotoCoreError):
        return None  # the check of the quota says that nobody knows
    return capacity.reserved(name, int(can_have.get(capacity.OUTPUT, 0)))


def _drift(stage: Stage, name: str, line: str) -> Finding:
    said = line.strip()
    if not said.startswith("changes"):
        return problem(
            f"function {stage.function(name)} is not there" if said.startswith("adds") else said,
            "what it does, nobody does",
            stage.deploy_again,
        )
    what = said.removeprefix("changes").strip()
    about = what.removeprefix(f"{name}: ")
    places = [place for word, place in _PLACES.items() if about.startswith((f"{word} ", f"{word},"))]
    place = places[0].format(name=name) if places else _variable_place(about)
    return problem(
        f"the function is not what the project says; a deploy would change {what}",
        "somebody changed it by hand, or the checkout is not what is deployed",
        f"{stage.deploy_again} ({place})",
    )


def _variable_place(about: str) -> str:
    return f"{_CONFIG}: environment_variables.{about.split(' ')[0]}"


def code(stage: Stage) -> Iterator[Finding]:
    """That the functions run the package of the last deploy, and that it was made of this checkout."""
    known = stage.last_deploy
    if known is None:
        yield unknown("no complete deploy is on record", stage.deploy_again)
        return
    differing = [
        path
        for path, digest in project.digests(stage.account.source).items()
        if known.files.get(path) != digest
    ]
    differing += sorted(known.files.keys() - project.digests(stage.account.source).keys())
    if differing:
        yield warning(
            f"deploy {known.number} ({known.source or 'outside of git'}) is of other sources: "
            + ", ".join(differing[:5])
            + (f" and {len(differing) - 5} more" if len(differing) > 5 else ""),
            "what this checkout says need not be true of the stage",
            f"git checkout {known.source}, or {stage.deploy_again}" if known.source else stage.deploy_again,
        )
    package = stage.account.book(stage.outputs).kept(known.number, deploy.PACKAGE)
    digest = base64.b64encode(hashlib.sha256(package).digest()).decode()
    for name, configuration in stage.configurations.items():
        if configuration["CodeSha256"] != digest:
            yield problem(
                f"{name} runs code with the SHA-256 {configuration['CodeSha256']}, "
                f"and deploy {known.number} brought {digest}",
                "somebody replaced its code past the deploys",
                stage.deploy_again,
            )


def events(stage: Stage) -> Iterator[Finding]:
    """That S3 wakes the functions that the project declares, for what it declares, and may call them."""
    answer = stage.client("s3").get_bucket_notification_configuration(Bucket=stage.bucket)
    present = [_notification(each) for each in answer.get("LambdaFunctionConfigurations", [])]
    left = list(present)
    for source in [each for each in stage.sources if each.is_of_s3]:
        wanted = (stage.arn(source.name), source.prefix, source.suffix, tuple(sorted(source.events)))
        place = f"{stage.deploy_again} (cloud/app.py: @app.on_s3_event, name {source.name})"
        if wanted in left:
            left.remove(wanted)
        else:
            yield problem(
                f"S3 does not call {source.name} for {', '.join(source.events)} below {source.prefix}",
                "what arrives there waits for the reconciler",
                place,
            )
        if not _may_call(stage, source.name, "s3.amazonaws.com"):
            yield problem(f"S3 may not call {source.name}", "what arrives waits for the reconciler", place)
    for arn, prefix, _, names in left:
        yield warning(
            f"S3 calls {arn.rpartition(':')[2]} for {', '.join(names)} below {prefix or 'everything'}, "
            "which the project does not declare",
            "a function gets events that it does not expect, and each call is paid for",
            f"aws s3api put-bucket-notification-configuration --bucket {stage.bucket} … without it, then "
            f"{stage.deploy_again}",
        )


def _notification(said: Mapping[str, Any]) -> tuple[str, str, str, tuple[str, ...]]:
    rules = said.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    filters = {each["Name"].lower(): each["Value"] for each in rules}
    return (
        said["LambdaFunctionArn"],
        filters.get("prefix", ""),
        filters.get("suffix", ""),
        tuple(sorted(said["Events"])),
    )


def _may_call(stage: Stage, name: str, service: str) -> bool:
    answer = found(
        lambda: stage.client("lambda").get_policy(FunctionName=stage.function(name)),
        "ResourceNotFoundException",
    )
    statements = json.loads(answer["Policy"])["Statement"] if answer else []
    return any(
        each["Effect"] == "Allow" and each.get("Principal") in (service, {"Service": service})
        for each in statements
    )


def schedules(stage: Stage) -> Iterator[Finding]:
    """That the clock wakes the functions that the project declares, at their rates."""
    for source in [each for each in stage.sources if each.is_scheduled]:
        yield from _schedule(stage, source)


def _schedule(stage: Stage, source: Source) -> Iterator[Finding]:
    rules, name = stage.client("events"), f"reelhaul-{stage.name}-{source.name}-event"
    place = f"{stage.deploy_again} (cloud/app.py: @app.schedule, name {source.name})"
    why = (
        "what waits for it never ends" if source.name == capacity.RECONCILER else "what it does, nobody does"
    )
    rule = found(lambda: rules.describe_rule(Name=name), "ResourceNotFoundException")
    if rule is None:
        yield problem(f"schedule {name} is not there", why, place)
        return
    if rule["State"] != "ENABLED":
        yield problem(f"schedule {name} is {rule['State']}", why, f"aws events enable-rule --name {name}")
    if rule.get("ScheduleExpression") != source.schedule:
        yield problem(
            f"schedule {name} runs at {rule.get('ScheduleExpression')}, not {source.schedule}", why, place
        )
    targets = [each["Arn"] for each in rules.list_targets_by_rule(Rule=name)["Targets"]]
    if stage.arn(source.name) not in targets:
        yield problem(f"schedule {name} does not call {source.name}", why, place)
    if not _may_call(stage, source.name, "events.amazonaws.com"):
        yield problem(f"EventBridge may not call {source.name}", why, place)


def failures(stage: Stage) -> Iterator[Finding]:
    """That every event that fails for good becomes a dead letter."""
    functions = stage.client("lambda")
    for name in stage.configurations:
        if name in project.ANSWERING:
            continue  # a caller waits for its answer
        said = found(
            lambda name=name: functions.get_function_event_invoke_config(FunctionName=stage.function(name)),  # type: ignore[misc]
            "ResourceNotFoundException",
        )
        destination = (said or {}).get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
        retries = (said or {}).get("MaximumRetryAttempts", deploy.RETRIES)
        if destination != stage.output("DeadLettersArn") or retries != deploy.RETRIES:
            yield problem(
                f"an event on which {name} fails goes to {destination or 'nobody'} after {retries} retries, not to the "
                f"dead letters after {deploy.RETRIES}",
                "the event is lost, and nobody learns of it",
                f"aws lambda put-function-event-invoke-config --function-name {stage.function(name)} "
                f"--maximum-retry-attempts {deploy.RETRIES} --destination-config "
                f'\'{{"OnFailure":{{"Destination":"{stage.output("DeadLettersArn")}"}}}}\'',
            )


def mappings(stage: Stage) -> Iterator[Finding]:
    """That no queue or stream wakes a function that the project declares none for."""
    declared = {each.name for each in stage.sources if not each.is_of_s3 and not each.is_scheduled}
    for name in stage.configurations:
        answer = stage.client("lambda").list_event_source_mappings(FunctionName=stage.function(name))
        for each in answer["EventSourceMappings"]:
            if name not in declared:
                yield warning(
                    f"{each['EventSourceArn']} wakes {name}, which the project does not declare",
                    "the function takes messages that are somebody else's, and removes them",
                    f"aws lambda delete-event-source-mapping --uuid {each['UUID']}",
                )


def credentials(stage: Stage) -> Iterator[Finding]:
    """That the credentials that sign an address, and the bucket, let it live as long as it says."""
    configuration = stage.configuration(project.API_FUNCTION)
    variables = configuration.get("Environment", {}).get("Variables", {})
    if "PART_URL_TTL_S" not in variables:
        raise Lacking(f"function {stage.function(project.API_FUNCTION)} has no PART_URL_TTL_S")
    ttl_s, role = int(variables["PART_URL_TTL_S"]), configuration["Role"].rpartition("/")[2]
    life_s = stage.client("iam").get_role(RoleName=role)["Role"]["MaxSessionDuration"]
    if life_s < ttl_s:
        yield problem(
            f"addresses live for {ttl_s} s, and the credentials of role {role} for {life_s} s",
            "S3 refuses an address once the credentials that signed it are over",
            f"aws iam update-role --role-name {role} --max-session-duration 3600, or {_CONFIG}: "
            f"environment_variables.PART_URL_TTL_S at most {life_s}",
        )
    most_s = _oldest_signature_s(stage)
    if most_s < ttl_s:
        yield problem(
            f"addresses live for {ttl_s} s, and the bucket takes signatures of {most_s} s",
            "S3 refuses older ones, and devices ask again for addresses that they have",
            f"{_CONFIG}: environment_variables.PART_URL_TTL_S at most {most_s} ({_TEMPLATE}: OnlyYoungSignatures)",
        )


def _oldest_signature_s(stage: Stage) -> int:
    statements = stage.declared("BucketPolicy")["PolicyDocument"]["Statement"]
    [young] = [each for each in statements if each["Sid"] == "OnlyYoungSignatures"]
    return int(young["Condition"]["NumericGreaterThan"]["s3:signatureAge"]) // 1000


def quotas(stage: Stage) -> Iterator[Finding]:
    """That Lambda's quota has room for what the stage reserves. Other quotas cannot be read by what doctor asks."""
    limits = stage.client("lambda").get_account_settings()["AccountLimit"]
    told: list[str] = []
    capacity.affordable(
        stage.client("lambda"),
        stage.name,
        project.reserving_functions_of(stage.account.source),
        stage.outputs,
        told.append,
    )
    for line in told:
        yield warning(
            line,
            "a flood of calls to the API can stop the functions of S3's events",
            "aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
            f"--desired-value 1000 (today {limits['ConcurrentExecutions']})",
        )


def logs(stage: Stage) -> Iterator[Finding]:
    """That each log group is there, and ends as the stack says."""
    days = int(stage.output("LogRetentionDays"))
    groups = {f"/aws/lambda/{stage.function(name)}" for name in stage.configurations}
    if "ApiLogArn" in stage.outputs or not stage.is_partial:
        groups.add(stage.declared("ApiLog")["LogGroupName"])
    for group in sorted(groups):
        answer = stage.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        present = [each for each in answer if each["logGroupName"] == group]
        command = f"aws logs put-retention-policy --log-group-name {group} --retention-in-days {days}"
        if not present and stage.is_partial:
            yield unknown(f"the local AWS has no log group {group}", "deploy a trial stage")
        elif not present:
            yield warning(
                f"log group {group} is not there",
                "the first line makes one that never ends, or the function has never run",
                f"aws logs create-log-group --log-group-name {group}; {command}",
            )
        elif present[0].get("retentionInDays") != days:
            yield warning(
                f"log group {group} keeps lines for {present[0].get('retentionInDays') or 'all'} days, not {days}",
                "lines are gone before somebody reads them, or are paid for without an end",
                f"{command} ({_TEMPLATE}: parameter LogRetentionDays)",
            )
