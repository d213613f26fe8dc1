"""`doctor`: what keeps this device from hauling, and the one next step for each finding. It changes nothing."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from edge_client.base.exit import ExitCode, code_of_findings
from edge_client.commands.command import Command, describe_camera, describe_coordinator, describe_work
from edge_client.commands.output import say_result
from edge_client.config import LOOK_PATIENCE_S, Parsed, Value, Values
from edge_client.doctor.examination import Found, examine
from edge_client.doctor.finding import Severity
from edge_client.doctor.machine import Machine
from edge_client.doctor.subject import Settings, Subject

EXAMPLES = """\
examples:
  sudo reelhaul-at enxd43260ddac87 doctor
  reelhaul doctor --interface enxd43260ddac87 --json

Looks at the camera, the network, the disk, the clock and the coordinator, and changes nothing. It
sends the coordinator a megabyte of blanks, to measure the uplink. A check that cannot be made says
why, and keeps no other.

Ends with 0 when everything is fine, with 1 when there is a problem, with 3 when there are only
warnings, and with 75 when something could not be checked and nothing else was found.
"""


@dataclass(frozen=True)
class DoctorSettings:
    """One run of `doctor`; each setting may have faults, which are findings."""

    settings: Settings
    as_json: bool


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `doctor`."""
    describe_camera(parser)
    describe_coordinator(parser)
    describe_work(parser, "2m")


def settings_of(values: Values) -> Settings:
    """The settings of the device, each with its own faults."""
    budget = values.spool_budget_bytes()
    return Settings(
        device=values.device(LOOK_PATIENCE_S),
        camera=values.camera(),
        coordinator=values.coordinator(),
        token=values.token(),
        token_file=values.token_file_name(),
        spool=values.spool(),
        spool_budget_bytes=budget.value if isinstance(budget, Value) else None,
    )


def read(values: Values) -> Parsed[DoctorSettings]:
    """The settings, which cannot keep a doctor from looking."""
    return Value(DoctorSettings(settings_of(values), values.arguments.json))


def run(settings: DoctorSettings, _stop: threading.Event) -> ExitCode:
    """Say what all checks found."""
    found = examine(Subject(settings.settings, Machine(), version("reelhaul")))
    say_result(doctor_lines(found), doctor_json(found), settings.as_json)
    return code_of(found)


DOCTOR = Command(
    name="doctor",
    purpose="check what this device needs to haul, and say the next step for each fault",
    examples=EXAMPLES,
    describe=describe,
    read=read,
    run=run,
)


def code_of(found: Sequence[Found]) -> ExitCode:
    """How the command ends."""
    severities = {each.finding.severity for each in found}
    return code_of_findings(
        Severity.PROBLEM in severities, Severity.WARNING in severities, Severity.NOT_CHECKED not in severities
    )


def doctor_lines(found: Sequence[Found]) -> list[str]:
    """The findings for a person, worst first, each with its next step."""
    lines = []
    for each in found:
        between = " " if each.finding.severity is Severity.NOT_CHECKED else ": "
        lines.append(f"{each.finding.severity.value}: {each.check}{between}{each.finding.what}")
        if each.finding.next_step:
            lines.append(f"  next: {each.finding.next_step}")
    kinds = [each.finding.severity for each in found]
    checks = len({each.check for each in found})
    lines.append(
        f"{counted(checks, 'check')}: {counted(kinds.count(Severity.PROBLEM), 'problem')}, "
        f"{counted(kinds.count(Severity.WARNING), 'warning')}, {kinds.count(Severity.NOT_CHECKED)} not checked"
    )
    return lines


def counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def doctor_json(found: Sequence[Found]) -> dict[str, object]:
    """The same as one document."""
    return {
        "fine": all(each.finding.severity is Severity.FINE for each in found),
        "findings": [
            {
                "severity": each.finding.severity.value,
                "check": each.check,
                "what": each.finding.what,
                "next_step": each.finding.next_step,
            }
            for each in found
        ],
    }
