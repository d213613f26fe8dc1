"""The CloudFormation stack: bring it to what the template says, and wait until it is there."""

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.aws.template import Template, as_text

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.literals import CapabilityType
    from mypy_boto3_cloudformation.type_defs import ParameterTypeDef, StackTypeDef

Progress = Callable[[str], None]

_DONE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
CAPABILITIES: "list[CapabilityType]" = ["CAPABILITY_IAM"]
"""What the template may make beside plain resources: the role with which API Gateway writes its log."""

_MUST_GO_FIRST = "ROLLBACK_COMPLETE"


class StackFailed(Exception):
    """The stack did not reach what the template says; the message names the first failed resource."""


def bring_up(
    cloudformation: "CloudFormationClient",
    name: str,
    template: Template,
    parameters: Mapping[str, str],
    *,
    poll_s: float,
    progress: Progress,
) -> dict[str, str]:
    """The outputs of stack `name`, created or updated to `template`; an update without a change is a success.

    Parameters that are not given keep the value that the stack has, or else their default. Raises StackFailed.
    """
    found = _stack(cloudformation, name)
    body = as_text(template)
    if found is None:
        progress(f"creating stack {name}")
        cloudformation.create_stack(
            StackName=name, TemplateBody=body, Parameters=_given(parameters), Capabilities=CAPABILITIES
        )
    elif found["StackStatus"] == _MUST_GO_FIRST:
        raise StackFailed(
            f"stack {name} was never created completely: delete it in CloudFormation, then deploy again"
        )
    else:
        progress(f"updating stack {name}")
        _update(cloudformation, name, body, _all(found, template, parameters), progress)
    return _outputs(_settled(cloudformation, name, poll_s, progress))


def bring_down(
    cloudformation: "CloudFormationClient", name: str, *, poll_s: float, progress: Progress
) -> None:
    """Delete stack `name` and wait until it is gone; what it retains stays. Raises StackFailed."""
    found = _stack(cloudformation, name)
    if found is None:
        return
    progress(f"deleting stack {name}")
    # By its id, under which a deleted stack can still be asked for.
    cloudformation.delete_stack(StackName=found["StackId"])
    while True:
        left = _stack(cloudformation, found["StackId"])
        if left is None or left["StackStatus"] == "DELETE_COMPLETE":
            return
        if not left["StackStatus"].endswith("_IN_PROGRESS"):
            reason = _first_failure(cloudformation, found["StackId"])
            raise StackFailed(f"stack {name} ended as {left['StackStatus']}: {reason}")
        time.sleep(poll_s)


def parameters_of(cloudformation: "CloudFormationClient", name: str) -> dict[str, str]:
    """The parameters with which stack `name` was deployed last; none for one that is not there."""
    found = _stack(cloudformation, name)
    listed = found.get("Parameters", []) if found else []
    return {each["ParameterKey"]: each["ParameterValue"] for each in listed if "ParameterValue" in each}


def outputs_of(cloudformation: "CloudFormationClient", name: str) -> dict[str, str]:
    """The outputs of stack `name`; none for one that is not there."""
    found = _stack(cloudformation, name)
    return _outputs(found) if found else {}


def is_there(cloudformation: "CloudFormationClient", name: str) -> bool:
    """Whether there is a stack `name`, also one that failed."""
    return _stack(cloudformation, name) is not None


def changed_parameters(
    cloudformation: "CloudFormationClient", name: str, template: Template, parameters: Mapping[str, str]
) -> "list[ParameterTypeDef]":
    """The parameters of an update of stack `name`, which is there: those given, and its own for the others."""
    found = _stack(cloudformation, name)
    return _all(found, template, parameters) if found else _given(parameters)


def template_of(cloudformation: "CloudFormationClient", name: str) -> Template:
    """The template that stack `name` has."""
    body: Any = cloudformation.get_template(StackName=name)["TemplateBody"]
    template: Template = json.loads(body) if isinstance(body, str) else body
    return template


def _stack(cloudformation: "CloudFormationClient", name: str) -> "StackTypeDef | None":
    try:
        return cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationError" and "does not exist" in str(error):
            return None
        raise


def _update(
    cloudformation: "CloudFormationClient",
    name: str,
    body: str,
    parameters: "list[ParameterTypeDef]",
    progress: Progress,
) -> None:
    try:
        cloudformation.update_stack(
            StackName=name, TemplateBody=body, Parameters=parameters, Capabilities=CAPABILITIES
        )
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise
        progress("the stack already matches the template")


def _all(
    found: "StackTypeDef", template: Template, parameters: Mapping[str, str]
) -> "list[ParameterTypeDef]":
    return _given(parameters) + _kept(found, template, parameters)


def _given(parameters: Mapping[str, str]) -> "list[ParameterTypeDef]":
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]


def _kept(
    found: "StackTypeDef", template: Template, parameters: Mapping[str, str]
) -> "list[ParameterTypeDef]":
    present = {parameter["ParameterKey"] for parameter in found.get("Parameters", [])}
    names = sorted(present & template["Parameters"].keys() - parameters.keys())
    return [{"ParameterKey": name, "UsePreviousValue": True} for name in names]


def _settled(
    cloudformation: "CloudFormationClient", name: str, poll_s: float, progress: Progress
) -> "StackTypeDef":
    shown = ""
    while True:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        if stack["StackStatus"] != shown:
            shown = stack["StackStatus"]
            progress(f"stack {name}: {shown}")
        if not shown.endswith("_IN_PROGRESS"):
            break
        time.sleep(poll_s)
    if shown not in _DONE:
        raise StackFailed(f"stack {name} ended as {shown}: {_first_failure(cloudformation, name)}")
    return stack


def _first_failure(cloudformation: "CloudFormationClient", name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [event for event in reversed(events) if event.get("ResourceStatus", "").endswith("_FAILED")]
    if not failed:
        return "CloudFormation names no failed resource"
    return f"{failed[0]['LogicalResourceId']}: {failed[0].get('ResourceStatusReason', 'no reason given')}"


def _outputs(stack: "StackTypeDef") -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
