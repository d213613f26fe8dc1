"""Where a deployment is: its table for who may call, and all of it, with the very policy that its functions have."""

import argparse
import getpass
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
from botocore.exceptions import ClientError
from msgspec.structs import replace

from chalicelib import wiring
from chalicelib.aws.records import DynamoRecords
from chalicelib.core.acting import Acting
from chalicelib.core.events import Event, Measure
from chalicelib.core.order import Wish
from chalicelib.ports import Clock, Ids, Ports, Records
from chalicelib.settings import SettingsFaults, settings

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient


class Refused(Exception):
    """The command cannot be followed as it was given."""


@dataclass(frozen=True)
class TableRegistry:
    """What enrolment needs of a deployment: its table, with the chance and the time of this machine."""

    records: Records
    ids: Ids
    clock: Clock
    acting: Acting


@dataclass(frozen=True)
class Deployment:
    """All of a deployed stage; `default_wish` is what a session is ordered with that nobody orders otherwise."""

    ports: Ports
    default_wish: Wish | None


class Unheard:
    """Metrics of a command: what CloudWatch hears comes from the functions alone."""

    def count(self, event: Event, value: int = 1) -> None:
        """Nobody counts."""

    def measure(self, measure: Measure, value: float) -> None:
        """Nobody measures."""


def registry(dynamodb: "DynamoDBClient", table: str) -> TableRegistry:
    """The registry in `table`."""
    return TableRegistry(DynamoRecords(dynamodb, table), wiring.RandomIds(), wiring.SystemClock(), acting())


def acting() -> Acting:
    """Who acts by this command: the machine's user. CloudTrail knows the AWS role."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        user = str(os.getuid())
    return Acting.of_function(f"reelhaul-admin of {user}@{socket.gethostname()}")


def deployed(given: argparse.Namespace) -> TableRegistry:
    """The registry of the stage or the table that the arguments name."""
    session = boto3.Session(region_name=given.region)
    table = given.table
    if table is None:
        table = table_of(session.client("cloudformation", endpoint_url=given.endpoint_url), given.stage)
    return registry(session.client("dynamodb", endpoint_url=given.endpoint_url), table)


def table_of(cloudformation: "CloudFormationClient", stage: str) -> str:
    """The table of a deployed stage. Raises Refused when its stack has none."""
    return output_of(cloudformation, stage, "Table")


def output_of(cloudformation: "CloudFormationClient", stage: str, key: str) -> str:
    """An output of the stack of a deployed stage. Raises Refused when there is no such stage, or it has none."""
    name = f"reelhaul-{stage}"
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" not in str(error):
            raise
        raise Refused(
            f"stage {stage} is not deployed in {cloudformation.meta.region_name}: there is no stack {name}; "
            f"look at --stage and --region, or deploy it"
        ) from error
    for output in stack.get("Outputs", []):
        if output["OutputKey"] == key:
            return output["OutputValue"]
    raise Refused(f"stack {name} has no output {key!r}; deploy the stage first")


def reached(given: argparse.Namespace) -> Deployment:
    """The stage that the arguments name, reached with the caller's own credentials. Raises Refused."""
    session = boto3.Session(region_name=given.region)
    functions = session.client("lambda", endpoint_url=given.endpoint_url)
    # boto3 takes the variable by itself; presigned addresses must lead to the same place.
    endpoint_url = given.endpoint_url or os.environ.get("AWS_ENDPOINT_URL")
    return deployment(variables_of(functions, given.stage), functions.meta.region_name, endpoint_url)


def variables_of(functions: "LambdaClient", stage: str) -> Mapping[str, str]:
    """The environment variables of the stage's reconciler. Raises Refused when the stage is not deployed."""
    name = f"reelhaul-{stage}-reconcile"
    try:
        found = functions.get_function_configuration(FunctionName=name)
    except functions.exceptions.ResourceNotFoundException as error:
        where = functions.meta.region_name
        raise Refused(
            f"stage {stage} is not deployed in {where}: there is no function {name}; "
            f"look at --stage and --region, or deploy it"
        ) from error
    variables = found.get("Environment", {}).get("Variables")
    if not variables:
        raise Refused(f"function {name} shows no environment variables; may these credentials decrypt them?")
    return variables


def deployment(variables: Mapping[str, str], region: str, endpoint_url: str | None) -> Deployment:
    """The deployment whose functions have these `variables`. Raises Refused for what this version cannot read."""
    # Lambda adds the region itself, so it is none of the function's own variables.
    local = {"AWS_REGION": region, **({"AWS_ENDPOINT_URL": endpoint_url} if endpoint_url else {})}
    try:
        made = settings({**variables, **local})
    except SettingsFaults as faults:
        raise Refused(
            "this version of the command cannot read the deployed settings; install the version that is deployed, "
            f"or deploy this one:\n{faults}"
        ) from faults
    return Deployment(replace(wiring.ports(made), acting=acting(), metrics=Unheard()), made.default_wish)
