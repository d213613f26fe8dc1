"""`doctor`: what is wrong with a deployed stage, why it matters, and the line to change. It changes nothing."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any

from infra.admin.console import DONE, OWED, REFUSED, Arguments, Console, at_a_stage, command, tell
from infra.admin.deployment import Refused
from infra.admin.formats import columns, counted
from infra.stages import LOCAL_STAGE

if TYPE_CHECKING:
    from infra.admin.doctor.examination import Found

_EXAMPLES = """  reelhaul-admin doctor --stage prod
  reelhaul-admin doctor --stage prod --region eu-west-1 --json"""


def describe(commands: Any) -> None:
    """The command `doctor`."""
    made = command(
        commands,
        "doctor",
        "compare a deployed stage with the checkout that deploys it, and change nothing",
        _EXAMPLES,
        _doctor,
    )
    at_a_stage(made)


def _doctor(given: Arguments, desk: Console) -> int:
    try:
        # Templates and project are in a checkout alone, with chalice and PyYAML; no other command needs them.
        from infra.admin.doctor.examination import CHECKS, examine
        from infra.admin.doctor.stage import reached
    except ModuleNotFoundError as error:
        raise Refused(
            f"doctor compares a stage with the checkout that deploys it ({error.name} is not here): run "
            "`python -m infra.admin doctor` in a checkout of the release that is deployed"
        ) from error
    stage = reached(
        given.stage,
        given.region,
        given.endpoint_url,
        lambda: datetime.now(UTC),
        is_partial=given.stage == LOCAL_STAGE,
    )
    found = examine(stage)
    tell(given, desk, _document(given.stage, found), lambda: list(lines(given.stage, len(CHECKS), found)))
    return exit_code(found)


def exit_code(found: "Sequence[Found]") -> int:
    """How the command ends: a fault counts more than what could not be checked, and nothing unknown is clean."""
    severities = {each.finding.severity.value for each in found}
    if severities & {"problem", "warning"}:
        return REFUSED
    return OWED if severities else DONE


def _document(stage: str, found: "Sequence[Found]") -> dict[str, Any]:
    return {
        "stage": stage,
        "clean": not found,
        "findings": [
            {
                "severity": each.finding.severity.value,
                "check": each.check,
                "what": each.finding.what,
                "why": each.finding.why,
                "change": each.finding.change,
            }
            for each in found
        ],
    }


def lines(stage: str, checks: int, found: "Sequence[Found]") -> Iterator[str]:
    """The findings for people, in the order in which they are; what several checks say alike is said once."""
    for finding, alike in groupby(found, key=lambda each: each.finding):
        names = ", ".join(each.check for each in alike)
        yield f"{finding.severity.value}: {names}: {finding.what}"
        yield from columns([("why", finding.why), ("change", finding.change)], indent=2)
    kinds = [each.finding.severity.value for each in found]
    broken = {each.check for each in found}
    yield (
        f"{stage}: {counted(checks, 'check')}, {checks - len(broken)} of them clean; "
        f"{counted(kinds.count('problem'), 'problem')}, {counted(kinds.count('warning'), 'warning')}, "
        f"{kinds.count('unknown')} not known"
    )
