"""The stack, the record of deploys, the API's stage and the lake's catalog."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.admin.doctor.finding import Finding, found, problem, unknown, warning
from infra.admin.doctor.stage import Lacking, Stage
from infra.aws import api_stage, deploy, ledger
from infra.aws import stack as stacks

_DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


def stack(stage: Stage) -> Iterator[Finding]:
    """That the stack was brought to the checkout's template."""
    cloudformation, name = stage.client("cloudformation"), deploy.stack_name(stage.name)
    status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
    if status not in _DONE:
        yield problem(
            f"stack {name} is {status}",
            "it is not what any template says as a whole",
            f"aws cloudformation describe-stack-events --stack-name {name}, then {stage.deploy_again}",
        )
    present, wanted = stacks.template_of(cloudformation, name), stage.account.storage
    for part in ("Parameters", "Resources", "Outputs"):
        yield from _part(stage, part, present.get(part, {}), wanted[part])


def _part(
    stage: Stage, part: str, present: Mapping[str, Any], wanted: Mapping[str, Any]
) -> Iterator[Finding]:
    for name in sorted({*present, *wanted}):
        if name not in present and stage.is_partial:
            continue
        if present.get(name) == wanted.get(name):
            continue
        how = (
            "differs"
            if name in present and name in wanted
            else "is absent"
            if name in wanted
            else "is not the checkout's"
        )
        yield warning(
            f"{part} {name} of the stack's template {how}",
            "the stage was deployed from another version of the template",
            f"make plan STAGE={stage.name}, then {stage.deploy_again} (infra/aws/storage.yaml: {part}.{name})",
        )


def record(stage: Stage) -> Iterator[Finding]:
    """That the bucket has the ledger, with a complete deploy."""
    try:
        page = stage.page
    except ledger.LedgerUnreadable as error:
        why = "nobody can deploy or roll back, and the next deploy might make a second API"
        yield problem(
            str(error), why, f"aws s3api list-object-versions --bucket {stage.bucket} --prefix {ledger.KEY}"
        )
        return
    if page.current is None:
        yield (
            unknown("the local stack keeps no ledger of deploys", "deploy a trial stage")
            if stage.is_partial
            else problem(
                f"{ledger.KEY} has no complete deploy",
                "the next deploy would make a second API, and nothing can be rolled back to",
                stage.deploy_again,
            )
        )
    if page.failed is not None:
        yield problem(
            f"deploy {page.failed} failed",
            "stack and functions may be of two versions",
            f"{stage.deploy_again}, or make rollback STAGE={stage.name}",
        )
    if page.holder is not None:
        yield warning(
            f"{page.holder.by} deploys since {page.holder.at}",
            "what is found now may change, and nobody else can deploy",
            f"wait for it; if it is dead: python -m infra.aws.deploy --stage {stage.name} --take-over",
        )


def api(stage: Stage) -> Iterator[Finding]:
    """That the API's stage takes as many calls, and logs them, as the stack says."""
    said = stage.api_stage
    every = said.get("methodSettings", {}).get("*/*", {})
    rate = int(stage.output("ApiCallsPerSecond"))
    limits = (every.get("throttlingRateLimit"), every.get("throttlingBurstLimit"))
    if limits != (rate, rate * api_stage.BURST_S):
        yield problem(
            f"the API takes {limits[0]} calls a second and {limits[1]} at once, "
            f"not {rate} and {rate * api_stage.BURST_S}",
            "a flood of calls reaches the functions, or devices are refused",
            f"{stage.deploy_again} (infra/aws/storage.yaml: parameter ApiCallsPerSecond)",
        )
    wanted = stage.output("ApiLogArn").removesuffix(":*")
    present = said.get("accessLogSettings", {})
    if present.get("destinationArn") != wanted or present.get("format") != api_stage.FORMAT:
        yield warning(
            f"calls are logged to {present.get('destinationArn') or 'nowhere'}, not to {wanted} in the stack's form",
            "a call that never reached a function leaves no trace",
            f"{stage.deploy_again} (infra/aws/api_stage.py: FORMAT)",
        )


def lake(stage: Stage) -> Iterator[Finding]:
    """The lake's database, tables and workgroup."""
    if "LakeDatabase" not in stage.outputs:
        raise Lacking("the stack has no output LakeDatabase")
    glue, database = stage.client("glue"), stage.declared("LakeDatabase")["DatabaseInput"]["Name"]
    again = f"{stage.deploy_again} (infra/aws/storage.yaml: LakeDatabase)"
    why = "questions to the lake fail, or leave out measurements"
    if found(lambda: glue.get_database(Name=database), "EntityNotFoundException") is None:
        yield problem(f"database {database} of the lake is not there", why, again)
        return
    pages = glue.get_paginator("get_tables").paginate(DatabaseName=database)
    present = {each["Name"]: each for page in pages for each in page["TableList"]}
    for name, body in stage.account.storage["Resources"].items():
        if body["Type"] != "AWS::Glue::Table":
            continue
        wanted = stage.declared(name)["TableInput"]
        place = f"{stage.deploy_again} (infra/aws/catalog.py: {wanted['Name']})"
        if wanted["Name"] not in present:
            yield problem(f"table {wanted['Name']} of the lake is not there", why, place)
        elif differing := [key for key in wanted if not _says(present[wanted["Name"]].get(key), wanted[key])]:
            yield problem(f"table {wanted['Name']} of the lake differs in {', '.join(differing)}", why, place)
    yield from _workgroup(stage)


def _workgroup(stage: Stage) -> Iterator[Finding]:
    said = stage.declared("LakeWorkGroup")
    name = said["Name"]
    place = f"{stage.deploy_again} (infra/aws/storage.yaml: LakeWorkGroup)"
    answer = found(lambda: stage.client("athena").get_work_group(WorkGroup=name), "InvalidRequestException")
    if answer is None:
        yield problem(f"workgroup {name} is not there", "the lake cannot be asked", place)
        return
    present = answer["WorkGroup"]
    configuration = present.get("Configuration", {})
    wanted = {key: said["WorkGroupConfiguration"][key] for key in _BOUNDS}
    differing = [key for key in wanted if not _says(configuration.get(key), wanted[key])]
    if present.get("State", "ENABLED") != "ENABLED" or differing:
        yield problem(
            f"workgroup {name} is {present.get('State')}"
            + (f" and differs in {', '.join(differing)}" if differing else ""),
            "a question may read, and cost, more than ScanLimitBytes, or its answers lie where nobody expires them",
            place,
        )


_BOUNDS = ("EnforceWorkGroupConfiguration", "BytesScannedCutoffPerQuery", "ResultConfiguration")


def _says(present: Any, wanted: Any) -> bool:
    """Whether `present` has all that `wanted` has; AWS adds what it knows itself."""
    if isinstance(wanted, Mapping):
        return isinstance(present, Mapping) and all(
            _says(present.get(key), value) or (not value and key not in present)
            for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(present or [], list)
            and len(present or []) == len(wanted)
            and all(_says(one, other) for one, other in zip(present or [], wanted, strict=True))
        )
    return str(present).lower() == str(wanted).lower()
