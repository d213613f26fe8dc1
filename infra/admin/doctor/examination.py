"""All checks of a stage, and what they found."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.errors import ReelhaulError
from chalicelib.logs import without_secrets
from infra.admin.doctor import bucket, functions, stacks, table, watching
from infra.admin.doctor.finding import Finding, Findings, Severity, unknown
from infra.admin.doctor.stage import Lacking, NotDeclared, Stage
from infra.aws.ledger import LedgerUnreadable
from infra.aws.project import UnknownPlaceholder
from infra.aws.template import UnknownIntrinsic

Check = Callable[[Stage], Findings]

CHECKS: Mapping[str, Check] = {
    "stack": stacks.stack,
    "record": stacks.record,
    "versioning": bucket.versioning,
    "lifecycle": bucket.lifecycle,
    "cors": bucket.cors,
    "policy": bucket.policy,
    "public-access": bucket.public_access,
    "encryption": bucket.encryption,
    "addresses": bucket.addresses,
    "credentials": functions.credentials,
    "recovery": table.recovery,
    "protection": table.protection,
    "expiry": table.expiry,
    "indexes": table.indexes,
    "queues": table.queues,
    "settings": functions.settings,
    "code": functions.code,
    "events": functions.events,
    "schedules": functions.schedules,
    "failures": functions.failures,
    "mappings": functions.mappings,
    "quotas": functions.quotas,
    "logs": functions.logs,
    "api": stacks.api,
    "alarms": watching.alarms,
    "subscriptions": watching.subscriptions,
    "dead-letters": watching.dead_letters,
    "reconciler": watching.reconciler,
    "cleanup": watching.cleanup,
    "clock": watching.clock,
    "lake": stacks.lake,
}
"""Every check by its name."""

_UNANSWERED = (
    BotoCoreError,
    ClientError,
    Lacking,
    LedgerUnreadable,
    NotDeclared,
    ReelhaulError,
    UnknownIntrinsic,
    UnknownPlaceholder,
)


@dataclass(frozen=True)
class Found:
    """A finding with the check that has it."""

    check: str
    finding: Finding


def examine(stage: Stage, checks: Mapping[str, Check] = CHECKS) -> list[Found]:
    """What all checks found, worst first. Raises Refused where the stage is not there."""
    try:
        stage.outputs  # noqa: B018 -- without them no check knows what to ask
    except _UNANSWERED as error:
        return [Found(name, _unanswered(error)) for name in checks]
    found = [Found(name, each) for name, check in checks.items() for each in _findings(check, stage)]
    order = list(Severity)
    return sorted(found, key=lambda each: order.index(each.finding.severity))


def _findings(check: Check, stage: Stage) -> list[Finding]:
    """What the check finds; a check that breaks off keeps what it found until then, and says that it broke off."""
    made: list[Finding] = []
    try:
        made.extend(check(stage))
    except _UNANSWERED as error:
        made.append(_unanswered(error))
    return made


def _unanswered(error: Exception) -> Finding:
    text = " ".join(without_secrets(str(error)).split())
    return unknown(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…", _remedy(error))


_LONGEST = 200
"""Characters of an error: some services answer with a page."""


def _is_denied(error: ClientError) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return status == 403 or "AccessDenied" in error.response["Error"]["Code"]


def _remedy(error: Exception) -> str:
    if isinstance(error, ClientError) and _is_denied(error):
        return f"give the caller the right to {error.operation_name}, then doctor again"
    if isinstance(error, Lacking | UnknownIntrinsic | UnknownPlaceholder):
        return "deploy the stage from this checkout, or run doctor in the checkout that was deployed"
    return "end its cause, then doctor again"
