"""A deployed stage as the checks see it, and clients that cannot change it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from infra.admin.deployment import Refused
from infra.aws import deploy, ledger, plan, project, stack, template, watch
from infra.aws.api_stage import NAME as API_STAGE

_READS = ("Get", "List", "Describe", "Head")
_PATIENCE = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3})

_SOURCES = """
import json
from app import app

def text(schedule):
    return schedule.to_string() if hasattr(schedule, "to_string") else schedule

print(json.dumps([
    {
        "kind": type(each).__name__,
        "name": each.name,
        "events": list(getattr(each, "events", None) or []),
        "prefix": getattr(each, "prefix", None) or "",
        "suffix": getattr(each, "suffix", None) or "",
        "schedule": text(getattr(each, "schedule_expression", "")),
    }
    for each in app.event_sources
]))
"""


class NotARead(Exception):
    """A call was refused because it might change something."""


class NotDeclared(Exception):
    """The project of the checkout does not say which events wake its functions; the text is its error."""


class Lacking(Exception):
    """The stage lacks what a check starts from; the text says what."""


def read_only(session: boto3.Session) -> boto3.Session:
    """`session`, whose clients refuse every call but reads from now on."""
    session.events.register_first("provide-client-params", _demand_read)
    return session


def _demand_read(model: Any, **_: Any) -> None:
    if not model.name.startswith(_READS):
        raise NotARead(f"{model.service_model.service_name} {model.name} is no read: doctor changes nothing")


@dataclass(frozen=True)
class Source:
    """What wakes a function, as `cloud/app.py` declares it. `schedule` is empty for events of S3."""

    kind: str
    name: str
    events: tuple[str, ...]
    prefix: str
    suffix: str
    schedule: str

    @property
    def is_of_s3(self) -> bool:
        return self.kind == "S3EventConfig"

    @property
    def is_scheduled(self) -> bool:
        return self.kind == "ScheduledEventConfig"


@dataclass(frozen=True)
class Stage:
    """A deployed stage beside the checkout of `account`. Each answer of AWS is asked for once.

    `is_partial` is true for the local AWS, which lacks services: what is absent there is unknown, and no fault.
    """

    name: str
    account: deploy.Account
    now: Callable[[], datetime]
    is_partial: bool = False

    def client(self, service: str) -> Any:
        return self.account.client(service)

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """The outputs of the stack. Raises Refused where it is not there."""
        cloudformation, name = self.client("cloudformation"), deploy.stack_name(self.name)
        if not stack.is_there(cloudformation, name):
            raise Refused(
                f"stage {self.name} is not deployed in {cloudformation.meta.region_name}: there is no stack {name}; "
                "look at --stage and --region, or deploy it"
            )
        return stack.outputs_of(cloudformation, name)

    def output(self, name: str) -> str:
        """One output of the stack. Raises Lacking."""
        if name not in self.outputs:
            raise Lacking(f"stack {deploy.stack_name(self.name)} has no output {name}")
        return self.outputs[name]

    @cached_property
    def parameters(self) -> Mapping[str, str]:
        """The parameters of the stack."""
        return stack.parameters_of(self.client("cloudformation"), deploy.stack_name(self.name))

    @property
    def bucket(self) -> str:
        return self.output("Bucket")

    @property
    def table(self) -> str:
        return self.output("Table")

    @property
    def region(self) -> str:
        return self.output("TableArn").split(":")[3]

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What the names in the stack's template mean in this stage."""
        _, partition, _, region, account, *_ = self.output("TableArn").split(":")
        return {
            **template.defaults(self.account.storage),
            **self.parameters,
            **self._physical_ids(),
            **self.outputs,
            "Stage": self.name,
            "Bucket.Arn": self.output("BucketArn"),
            "DeadLetters.Arn": self.output("DeadLettersArn"),
            "AWS::Partition": partition,
            "AWS::Region": region,
            "AWS::AccountId": account,
        }

    def _physical_ids(self) -> dict[str, str]:
        pages = self.client("cloudformation").get_paginator("list_stack_resources")
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages.paginate(StackName=deploy.stack_name(self.name))
            for each in page["StackResourceSummaries"]
            if "PhysicalResourceId" in each
        }

    def declared(self, resource: str) -> Any:
        """The properties of a resource as the template says them for this stage."""
        body = self.account.storage["Resources"][resource]["Properties"]
        return template.resolved(body, self.account.storage, self.names)

    @cached_property
    def page(self) -> ledger.Page:
        """What the ledger in the bucket says. Raises ledger.LedgerUnreadable."""
        return self.account.book(self.outputs).read().page

    @cached_property
    def last_deploy(self) -> ledger.Deploy | None:
        """The deploy that the stage has; None where none is on record."""
        current = self.page.current
        return None if current is None else self.account.book(self.outputs).deploy(current)

    @cached_property
    def wanted(self) -> Mapping[str, plan.Function]:
        """The functions as a deploy would make them, with the layer that is on record."""
        known = self.last_deploy
        layer = known.layer if known else _SOME_LAYER
        of_deploy = {project.ARROW_LAYER: layer, project.PUSH_URL: project.push_url(self.page.chalice)}
        return plan.wanted_functions(self.account.source, self.name, {**self.outputs, **of_deploy})

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """What wakes the functions, as the project declares it. Raises NotDeclared."""
        variables = {
            **self.wanted[project.API_FUNCTION].environment,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        }
        return _declared(self.account.source, tuple(sorted(variables.items())))

    @cached_property
    def configurations(self) -> Mapping[str, Mapping[str, Any]]:
        """Lambda's configuration of each function of the project that is there, by its name in the project."""
        functions = self.client("lambda")
        made: dict[str, Mapping[str, Any]] = {}
        for name in self.wanted:
            try:
                made[name] = functions.get_function_configuration(FunctionName=self.function(name))
            except functions.exceptions.ResourceNotFoundException:
                continue
        return made

    def configuration(self, name: str) -> Mapping[str, Any]:
        """Lambda's configuration of a function. Raises Lacking where it is not there."""
        if name not in self.configurations:
            raise Lacking(f"function {self.function(name)} is not there")
        return self.configurations[name]

    def arn(self, name: str) -> str:
        """The ARN of a function. Raises Lacking where it is not there."""
        arn: str = self.configuration(name)["FunctionArn"]
        return arn

    def function(self, name: str) -> str:
        """The name in Lambda of a function of the project."""
        return plan.deployed_name(self.name, name)

    @property
    def deploy_again(self) -> str:
        """The command that deploys the checkout."""
        return f"make deploy STAGE={self.name}"

    def watch_names(self) -> Mapping[str, str]:
        """What the names in the template of the alarms mean in this stage."""
        known = self.names
        of_aws = {name: known[name] for name in ("AWS::Partition", "AWS::Region", "AWS::AccountId")}
        return {**watch.parameters(self.name, self.outputs), **of_aws}

    @property
    def api_stage(self) -> Any:
        """The API's stage as API Gateway has it. Raises Lacking where the ledger does not say which API it is."""
        resources = (self.page.chalice or {}).get("resources", [])
        for each in resources:
            if each["name"] == "rest_api":
                return self.client("apigateway").get_stage(restApiId=each["rest_api_id"], stageName=API_STAGE)
        raise Lacking(f"{ledger.KEY} does not say which API the stage has")


_SOME_LAYER = "arn:aws:lambda:us-east-1:123456789012:layer:unknown:1"
"""Stands for the layer that nobody recorded; the functions' own is then taken as right."""


_OF_NOBODY = {"AWS_ACCESS_KEY_ID": "nobody", "AWS_SECRET_ACCESS_KEY": "nobody"}
"""Importing the project signs nothing, and asks for credentials."""


@cache
def _declared(source: Path, variables: tuple[tuple[str, str], ...]) -> tuple[Source, ...]:
    """In a process of its own, as Chalice imports the project, because its settings are the process's environment."""
    done = subprocess.run(
        [sys.executable, "-c", _SOURCES],
        cwd=source,
        env={**os.environ, **dict(variables), **_OF_NOBODY, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotDeclared((done.stderr.strip().splitlines() or ["app.py ended with an error"])[-1])
    said = json.loads(done.stdout.splitlines()[-1])
    return tuple(Source(**{**each, "events": tuple(each["events"])}) for each in said)


def reached(
    name: str, region: str | None, endpoint_url: str | None, now: Callable[[], datetime], *, is_partial: bool
) -> Stage:
    """The stage as this machine's credentials reach it, read-only. Raises Refused without a region."""
    session: Any = read_only(boto3.Session(region_name=region))
    if not session.region_name:
        raise Refused("no region: give --region or set AWS_DEFAULT_REGION")
    made: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in made:
            made[service] = session.client(service, endpoint_url=endpoint_url, config=_PATIENCE)
        return made[service]

    account = deploy.Account(client, template.load(), watch.template(), deploy.BUILD, {})
    return Stage(name, account, now, is_partial)
