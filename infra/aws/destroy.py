"""End a stage that holds no footage: coordinator, alarms and stack go; bucket, policy and table stay.

It refuses while the bucket has a version, hidden or not, of anything that cannot be made again, or an upload under way.
It looks before it asks for the stage's name, and again when the coordinator is gone, from when nobody can upload.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import boto3

from chalicelib.core import keys
from infra import door
from infra.aws import deploy, ledger, stack, watch
from infra.aws.deploy import Account, Progress

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

QUERIES = "queries/"
PROOFS = "proofs/"

MADE_AGAIN = (*keys.REPLACED, QUERIES, PROOFS, ledger.PREFIX)
"""What may be in the bucket of a stage that ends: made of measurements, or of questions, or the ledger itself."""

_EXAMPLES = """examples:
  python -m infra.aws.destroy --stage trial --region eu-west-1

exit codes: 0 the stage is gone, 1 it was refused or failed and says why, 2 usage.
Before anything is removed you type the stage's name."""


class Refused(Exception):
    """The stage stays; the text says why."""


def destroy(
    stage: str, account: Account, ask: Callable[[str], str], *, take_over: bool, progress: Progress
) -> None:
    """Remove what is deployed of `stage`, but for bucket, policy and table. Raises Refused."""
    cloudformation, name = account.client("cloudformation"), deploy.stack_name(stage)
    outputs = stack.outputs_of(cloudformation, name)
    if "Bucket" not in outputs:
        raise Refused(f"nothing is deployed as {stage} here")
    bucket, s3 = outputs["Bucket"], account.client("s3")
    demand_no_footage(s3, bucket)
    for line in _consequences(stage, bucket, outputs["Table"]):
        progress(line)
    if ask("type the stage's name to remove it: ").strip() != stage:
        raise Refused("that is not the stage's name; nothing was removed")
    with account.turn(outputs, take_over=take_over) as turn:
        deploy.remove_coordinator(stage, account, outputs, turn, progress)
        try:
            demand_no_footage(s3, bucket)
        except Refused as found:
            raise Refused(
                f"the coordinator is gone, the stack stays: {found}. `make deploy STAGE={stage}` brings it back"
            ) from found
        if account.watch is not None:
            stack.bring_down(
                cloudformation, watch.stack_name(stage), poll_s=account.poll_s, progress=progress
            )
        stack.bring_down(cloudformation, name, poll_s=account.poll_s, progress=progress)
        turn.removed()
    progress(f"{stage} is gone; bucket {bucket} and table {outputs['Table']} stay")


def _consequences(stage: str, bucket: str, table: str) -> Iterator[str]:
    yield f"removed for good from {stage}: the API and its address, the functions with their roles, the queues with"
    yield "  what waits in them, the alarms, the dashboard, the topics, the lake's catalog and workgroup"
    yield f"staying, and costing what they cost: the bucket {bucket} with its policy, the table {table},"
    yield "  and the log groups"


def demand_no_footage(s3: "S3Client", bucket: str) -> None:
    """Raises Refused while the bucket holds anything that cannot be made again, also hidden or unfinished."""
    for prefix in _prefixes(s3, bucket):
        version = _any_version(s3, bucket, prefix)
        if version:
            raise Refused(
                f"the bucket {bucket} holds {version}: what is below {prefix or 'its root'} is kept"
            )
    unfinished = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=1).get("Uploads", [])
    if unfinished:
        raise Refused(f"{unfinished[0]['Key']} is being uploaded to {bucket}")


def _prefixes(s3: "S3Client", bucket: str) -> list[str]:
    """Where footage, or anything that is not known, may be: everywhere but below MADE_AGAIN."""
    found = {""} | set(keys.OF_SESSIONS)
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Delimiter="/"):
        found |= {each["Prefix"] for each in page.get("CommonPrefixes", [])}
    return sorted(found - set(MADE_AGAIN))


def _any_version(s3: "S3Client", bucket: str, prefix: str) -> str | None:
    """The key of a version directly below the root, or anywhere below another `prefix`; delete markers do not count."""
    where: Any = {"Prefix": prefix} if prefix else {"Delimiter": "/"}
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, **where)
    return next((version["Key"] for page in pages for version in page.get("Versions", [])), None)


def run(arguments: Sequence[str], progress: Progress, ask: Callable[[str], str]) -> int:
    """The command; its exit code."""
    given = _parser().parse_args(arguments)

    def act(session: boto3.Session) -> None:
        destroy(given.stage, Account.of(session), ask, take_over=given.take_over, progress=progress)

    return deploy.acted(given, act, "not destroyed", progress, Refused)


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m infra.aws.destroy",
        description="Remove a stage that holds no footage; its bucket and table stay.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    deploy.add_stage(made)
    deploy.add_take_over(made)
    return made


def _say(line: str) -> None:
    print(line, flush=True)


def _asked(question: str) -> str:
    """What somebody types; nothing where nobody can."""
    print(question, end="", flush=True)
    return sys.stdin.readline() if sys.stdin else ""


if __name__ == "__main__":
    sys.exit(door.ended(lambda: run(sys.argv[1:], _say, _asked)))
