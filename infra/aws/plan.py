"""What a deploy would change, in plain words: both stacks, the functions, their rights, the code. Nothing is changed.

CloudFormation says itself what it would do, by a change set that is deleted again. What Chalice would do is the
difference between the project as it would be prepared and the functions as they are.
"""

import argparse
import json
import secrets
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError
from chalice.config import Config

from infra import door
from infra.aws import deploy, grace, ledger, project, stack, template, watch
from infra.aws.deploy import Account, Asked, Progress
from infra.aws.template import Template

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_lambda import LambdaClient

_EXAMPLES = """examples:
  python -m infra.aws.plan --stage prod --region eu-west-1
  python -m infra.aws.plan --stage prod --parameter GraceDays=30

exit codes: 0 the plan is whole, 1 it could not be made and says why, 2 usage."""

_NOTHING = ("didn't contain changes", "No updates are to be performed", "no changes to perform")
_ACTIONS = {
    "Add": "adds",
    "Modify": "changes",
    "Remove": "removes",
    "Import": "imports",
    "Dynamic": "may change",
}

Right = tuple[str, str, str]
"""An action, a resource, and the conditions as text."""


@dataclass(frozen=True)
class Function:
    """A function as it is, or as it would be. `rights` is None where its role's policy cannot be read."""

    memory_mib: int
    timeout_s: int
    python: str
    is_traced: bool
    reserved: int | None
    layers: tuple[str, ...]
    environment: Mapping[str, str]
    rights: frozenset[Right] | None


def plan(stage: str, account: Account, asked: Asked) -> Iterator[str]:
    """The lines of the plan. Raises grace.PromiseBroken where the deploy would."""
    cloudformation, name = account.client("cloudformation"), deploy.stack_name(stage)
    present = stack.parameters_of(cloudformation, name)
    told = grace.demand_promise(present, asked.parameters, asked.may_shorten)
    if told:
        yield told
    outputs = stack.outputs_of(cloudformation, name)
    given = {**asked.parameters, "Stage": stage}
    yield from _of_stack(account, name, account.storage, given)
    expected = expected_outputs(account.storage, outputs, {**present, **given})
    if account.watch is not None:
        # What the storage stack has yet to make is not known; its names are enough to compare.
        of_storage = {**dict.fromkeys(watch.PARAMETERS, "not known yet"), **expected}
        yield from _of_stack(
            account, watch.stack_name(stage), account.watch, watch.parameters(stage, of_storage)
        )
    page = account.book(outputs).read().page if "Bucket" in outputs else ledger.Page()
    of_deploy = {project.ARROW_LAYER: asked.arrow_layer, project.PUSH_URL: project.push_url(page.chalice)}
    yield from _of_functions(stage, account, {**expected, **of_deploy}, page)
    yield from _of_code(account, outputs, page)
    if page.holder:
        yield f"somebody deploys now: {page.holder.by}, since {page.holder.at}"


def _of_stack(account: Account, name: str, wanted: Template, parameters: Mapping[str, str]) -> Iterator[str]:
    cloudformation = account.client("cloudformation")
    present = stack.parameters_of(cloudformation, name)
    if not stack.is_there(cloudformation, name):
        kinds = Counter(body["Type"] for body in wanted["Resources"].values())
        yield f"stack {name}: is made, with {len(wanted['Resources'])} resources"
        yield from (f"  adds     {count} {kind}" for kind, count in sorted(kinds.items()))
        return
    lines = [
        *_of_parameters(present, {**template.defaults(wanted), **present, **parameters}),
        *_of_change_set(cloudformation, name, wanted, parameters, account.poll_s),
    ]
    yield f"stack {name}: {'changes' if lines else 'nothing changes'}"
    yield from lines


def _of_parameters(present: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(wanted):
        if name in present and present[name] != wanted[name]:
            yield f"  changes  parameter {name}: {present[name] or 'empty'} -> {wanted[name] or 'empty'}"
        if name not in present:
            yield f"  adds     parameter {name}: {wanted[name] or 'empty'}"


def _of_change_set(
    cloudformation: "CloudFormationClient",
    name: str,
    wanted: Template,
    parameters: Mapping[str, str],
    poll_s: float,
) -> list[str]:
    change_set = f"reelhaul-plan-{secrets.token_hex(4)}"
    try:
        cloudformation.create_change_set(
            StackName=name,
            ChangeSetName=change_set,
            ChangeSetType="UPDATE",
            TemplateBody=template.as_text(wanted),
            Parameters=stack.changed_parameters(cloudformation, name, wanted, parameters),
            Capabilities=stack.CAPABILITIES,
        )
    except ClientError as error:
        # AWS says it in the change set, moto at once.
        if not any(each in str(error) for each in _NOTHING):
            raise
        return []
    try:
        return [_of_change(change) for change in _changes(cloudformation, name, change_set, poll_s)]
    finally:
        cloudformation.delete_change_set(StackName=name, ChangeSetName=change_set)


def _changes(cloudformation: "CloudFormationClient", name: str, change_set: str, poll_s: float) -> list[Any]:
    """What a change set would do. Raises stack.StackFailed where CloudFormation cannot say."""
    while True:
        found = cloudformation.describe_change_set(StackName=name, ChangeSetName=change_set)
        status, reason = found["Status"], found.get("StatusReason", "")
        if status == "FAILED":
            if any(each in reason for each in _NOTHING):
                return []
            raise stack.StackFailed(f"CloudFormation makes no plan of {name}: {reason}")
        if status.endswith("_COMPLETE"):
            break
        time.sleep(poll_s)
    changes = list(found["Changes"])
    while "NextToken" in found:
        found = cloudformation.describe_change_set(
            StackName=name, ChangeSetName=change_set, NextToken=found["NextToken"]
        )
        changes += found["Changes"]
    return [change["ResourceChange"] for change in changes]


def _of_change(change: Mapping[str, Any]) -> str:
    """One resource in words: a replaced one is shouted, for what it holds does not come along."""
    verb = _ACTIONS[change["Action"]]
    if change.get("Replacement") == "True":
        verb = "REPLACES"
    elif change.get("Replacement") == "Conditional":
        verb = "MAY REPLACE"
    targets = {
        each.get("Target", {}) and each["Target"].get("Name", "") for each in change.get("Details", [])
    }
    what = ", ".join(sorted(name for name in targets if name))
    stays = "; it stays in the account" if change.get("PolicyAction") == "Retain" else ""
    line = f"  {verb:8} {change['LogicalResourceId']} ({change['ResourceType']})"
    return line + (f": {what}" if what else "") + stays


def expected_outputs(
    wanted: Template, present: Mapping[str, str], parameters: Mapping[str, str]
) -> dict[str, str]:
    """The outputs that the stack would have; what is not made yet has a text that says so."""
    names = {**template.defaults(wanted), **parameters}
    made: dict[str, str] = {}
    for name, body in wanted["Outputs"].items():
        condition = body.get("Condition")
        if condition and not template.resolved(wanted["Conditions"][condition], wanted, names):
            continue
        try:
            made[name] = template.resolved(body["Value"], wanted, names)
        except template.UnknownIntrinsic:
            made[name] = present.get(name, f"<{name}, once the stack has it>")
    return made


def _of_functions(
    stage: str, account: Account, outputs: Mapping[str, str], page: ledger.Page
) -> Iterator[str]:
    wanted = wanted_functions(account.source, stage, outputs)
    names = {*wanted, *_recorded(page)}
    present = {
        name: found
        for name in names
        if (found := deployed_function(account.client("lambda"), account.client("iam"), stage, name))
    }
    lines = [
        line for name in sorted(names) for line in of_function(name, present.get(name), wanted.get(name))
    ]
    yield f"functions: {'changes' if lines else 'nothing changes'}"
    yield from lines


def _recorded(page: ledger.Page) -> Iterator[str]:
    for each in (page.chalice or {}).get("resources", []):
        if each["resource_type"] == "lambda_function":
            yield each["name"]


def wanted_functions(source: Path, stage: str, outputs: Mapping[str, str]) -> dict[str, Function]:
    """The functions as Chalice would deploy them."""
    documents = project.documents(source, stage, outputs, {})
    config = documents["config.json"]
    return {
        name: _wanted(
            Config(chalice_stage=stage, function_name=name, config_from_disk=config),
            documents[body["iam_policy_file"]],
        )
        for name, body in config["lambda_functions"].items()
    }


def _wanted(config: Config, policy: Mapping[str, Any]) -> Function:
    return Function(
        memory_mib=config.lambda_memory_size,
        timeout_s=config.lambda_timeout,
        python=config.lambda_python_version,
        is_traced=bool(config.xray_enabled),
        reserved=config.reserved_concurrency,
        layers=tuple(config.layers or ()),
        environment=dict(config.environment_variables),
        rights=_rights(policy),
    )


def deployed_name(stage: str, name: str) -> str:
    """The name in Lambda of a function of the project."""
    return f"reelhaul-{stage}" + ("" if name == project.API_FUNCTION else f"-{name}")


def deployed_function(functions: "LambdaClient", iam: Any, stage: str, name: str) -> Function | None:
    """The function as it is; None when it is not there."""
    full = deployed_name(stage, name)
    try:
        found = functions.get_function_configuration(FunctionName=full)
    except functions.exceptions.ResourceNotFoundException:
        return None
    role = found["Role"].rpartition("/")[2]
    return Function(
        memory_mib=found["MemorySize"],
        timeout_s=found["Timeout"],
        python=found["Runtime"],
        is_traced=found.get("TracingConfig", {}).get("Mode") == "Active",
        reserved=functions.get_function_concurrency(FunctionName=full).get("ReservedConcurrentExecutions"),
        layers=tuple(layer["Arn"] for layer in found.get("Layers", [])),
        environment=found.get("Environment", {}).get("Variables", {}),
        rights=_rights_of_role(iam, role),
    )


def _rights_of_role(iam: Any, role: str) -> frozenset[Right] | None:
    try:
        # Chalice calls the one policy of a role as the role.
        document: Any = iam.get_role_policy(RoleName=role, PolicyName=role)["PolicyDocument"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        return None
    return _rights(json.loads(document) if isinstance(document, str) else document)


def _rights(policy: Mapping[str, Any]) -> frozenset[Right]:
    return frozenset(
        (action, resource, json.dumps(statement.get("Condition", {}), sort_keys=True))
        for statement in policy["Statement"]
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    )


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def of_function(name: str, present: Function | None, wanted: Function | None) -> Iterator[str]:
    """The lines about one function: what a deploy would make of it as it is."""
    if wanted is None:
        if present:
            yield f"  removes  {name}"
        return
    if present is None:
        yield f"  adds     {name}"
        return
    for what, before, after in (
        ("memory", f"{present.memory_mib} MiB", f"{wanted.memory_mib} MiB"),
        ("time-out", f"{present.timeout_s} s", f"{wanted.timeout_s} s"),
        ("runtime", present.python, wanted.python),
        ("tracing", _on(present.is_traced), _on(wanted.is_traced)),
        ("reserved concurrency", _number(present.reserved), _number(wanted.reserved)),
        ("layers", _texts(present.layers), _texts(wanted.layers)),
    ):
        if before != after:
            yield f"  changes  {name}: {what} {before} -> {after}"
    for variable, before, after in differences(present.environment, wanted.environment):
        yield f"  changes  {name}: {variable} {before} -> {after}"
    yield from _of_rights(name, present.rights, wanted.rights)


def _of_rights(name: str, present: frozenset[Right] | None, wanted: frozenset[Right] | None) -> Iterator[str]:
    if present is None or wanted is None:
        yield f"  changes  {name}: its role's policy, which cannot be read now"
        return
    for action, resource, condition in sorted(wanted - present):
        yield f"  changes  {name}: may {action} on {resource}{_when(condition)}"
    for action, resource, condition in sorted(present - wanted):
        yield f"  changes  {name}: may no longer {action} on {resource}{_when(condition)}"


def _when(condition: str) -> str:
    return "" if condition == "{}" else f" when {condition}"


def _on(yes: bool) -> str:
    return "on" if yes else "off"


def _number(value: int | None) -> str:
    return "none" if value is None else str(value)


def _texts(values: Iterable[str]) -> str:
    return ", ".join(values) or "none"


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Each name whose value differs, with both; `absent` where it has none."""
    for name in sorted({*before, *after}):
        pair = before.get(name, "absent"), after.get(name, "absent")
        if pair[0] != pair[1]:
            yield name, *pair


def _of_code(account: Account, outputs: Mapping[str, str], page: ledger.Page) -> Iterator[str]:
    if page.current is None or page.failed is not None:
        yield "code: what is deployed is not known whole, so all of it is deployed again"
        return
    known = account.book(outputs).deploy(page.current)
    lines = list(_of_files(known.files, project.digests(account.source)))
    since = f"since deploy {known.number} of {known.at}"
    yield f"code: {'changes' if lines else 'nothing changes'} {since} ({known.source or 'outside of git'})"
    yield from lines


def _of_files(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for path in sorted({*before, *after}):
        if path not in before:
            yield f"  adds     {path}"
        elif path not in after:
            yield f"  removes  {path}"
        elif before[path] != after[path]:
            yield f"  changes  {path}"


def run(arguments: Sequence[str], progress: Progress) -> int:
    """The command; its exit code."""
    given = _parser().parse_args(arguments)

    def act(session: boto3.Session) -> None:
        asked = Asked(
            dict(given.parameter),
            deploy.chosen_layer(session, given.arrow_layer),
            may_shorten=given.shorten_grace,
        )
        for line in plan(given.stage, Account.of(session), asked):
            progress(line)
        progress("nothing was changed")

    return deploy.acted(given, act, "no plan", progress)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m infra.aws.plan",
        description="Say what a deploy with the same arguments would change, and change nothing.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    deploy.add_stage(made)
    deploy.add_parameters(made)
    deploy.add_layer(made)
    return made


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(door.ended(lambda: run(sys.argv[1:], _say)))
