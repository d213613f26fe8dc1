"""The CloudFormation stack: bring it to what the template says, and wait until it is there."""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from infra.aws.template import LARGEST_BYTES, Template, as_text

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
    address: str | None = None,
) -> dict[str, str]:
    """The outputs of stack `name`, created or updated to `template`; an update without a change is a success.

    `address` is where S3 holds `template` as text: CloudFormation reads it there when it is too large for a call.
    Parameters that are not given keep the value that the stack has, or else their default. Raises StackFailed.
    """
    found = _stack(cloudformation, name)
    body = body_of(template, address)
    if found is None:
        progress(f"creating stack {name}")
        cloudformation.create_stack(
            StackName=name, **body, Parameters=_given(parameters), Capabilities=CAPABILITIES
        )
    elif found["StackStatus"] == _MUST_GO_FIRST:
        raise StackFailed(
            f"stack {name} was never created completely: delete it in CloudFormation, then deploy again"
        )
    else:
        progress(f"updating stack {name}")
        _update(cloudformation, name, body, _all(found, template, parameters), progress)
    return _outputs(_settled(cloudformation, name, poll_s, progress))


def parameters_of(cloudformation: "CloudFormationClient", name: str) -> dict[str, str]:
    """The parameters with which stack `name` was deployed last; none for one that is not there."""
    found = _stack(cloudformation, name)
    listed = found.get("Parameters", []) if found else []
    return {each["ParameterKey"]: each["ParameterValue"] for each in listed if "ParameterValue" in each}


def outputs_of(cloudformation: "CloudFormationClient", name: str) -> dict[str, str]:
    """The outputs of stack `name`; none for one that is not there."""
    found = _stack(cloudformation, name)
    return _outputs(found) if found else {}


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
    body: Mapping[str, Any],
    parameters: "list[ParameterTypeDef]",
    progress: Progress,
) -> None:
    try:
        cloudformation.update_stack(StackName=name, **body, Parameters=parameters, Capabilities=CAPABILITIES)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise
        progress("the stack already matches the template")


def body_of(template: Template, address: str | None) -> dict[str, Any]:
    """`template` as an argument of CloudFormation's calls: itself, or its address where it is too large."""
    text = as_text(template)
    if address is None or len(text.encode()) <= LARGEST_BYTES:
        return {"TemplateBody": text}
    return {"TemplateURL": address}


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
