"""The commands: what each does, what it prints, and the exit code that it ends with."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TypeVar

from edge_client.base.errors import EdgeError
from edge_client.base.terminal import say
from edge_client.camera.session import CameraSession, CameraTools
from edge_client.commands import output
from edge_client.config import (
    AuditSettings,
    ForgetSettings,
    HaulSettings,
    ListSettings,
    StatusSettings,
)
from edge_client.coordinator.client import Coordinator
from edge_client.haul.forget import forget_session
from edge_client.haul.sessions import Each, Haul, Report
from edge_client.haul.status import statuses
from edge_client.haul.survey import Survey, audited, lengths_s, surveyed
from edge_client.model.advice import helps, tried
from edge_client.model.plan import SessionPlan
from edge_client.model.selection import New
from edge_client.wiring import camera_tools_of, coordinator_of, one_try, spool_of, tools_of

log = logging.getLogger(__name__)

DONE, REFUSED, USAGE, TRY_LATER = 0, 1, 2, 75

T = TypeVar("T")


def haul(settings: HaulSettings, stop: threading.Event) -> int:
    """Bring home what is chosen, or say what would be. Raises what ended the run before its end."""
    with tools_of(settings.device, stop) as tools:
        walk = Haul(tools, settings.choice, settings.session_id)
        if settings.dry_run:
            return _say_plans(walk.plans(), settings.as_json)
        return _say_reports(walk.run(), settings.as_json)


def audit(settings: AuditSettings, stop: threading.Event) -> int:
    """Say how a card stands; with --haul bring home first what is missing."""
    with tools_of(settings.device, stop) as tools:
        code = _say_reports(Haul(tools, New(), None).run(), settings.as_json) if settings.haul else DONE
        survey = _visiting(tools.at_camera, lambda camera_session: audited(camera_session, tools))
        if settings.haul:
            survey = replace(survey, recordings=tried(survey.recordings))
        found = helps(survey.recordings, survey.taken, settings.called)
        for silence in survey.witnesses.silences:
            log.debug("the list cannot be compared", extra={"reason": silence})
        _say(output.audit_lines(survey, found), output.audit_json(survey, found), settings.as_json)
        return code or (DONE if survey.all_home else REFUSED)


def listing(settings: ListSettings, stop: threading.Event) -> int:
    """Say what recordings a card has."""
    with camera_tools_of(settings.camera, settings.give_up_after_s, stop) as tools, ExitStack() as stack:
        coordinator: Coordinator | None = None
        if settings.service:
            coordinator = stack.enter_context(coordinator_of(settings.service, tools.retry))
        survey, lengths = _visiting(tools, lambda camera_session: _measured(camera_session, coordinator))
        _say(output.list_lines(survey, lengths), output.list_json(survey, lengths), settings.as_json)
        return DONE


def _measured(
    camera_session: CameraSession, coordinator: Coordinator | None
) -> tuple[Survey, dict[str, int | None]]:
    survey = surveyed(camera_session, coordinator)
    return survey, lengths_s(camera_session, survey)


def status(settings: StatusSettings, stop: threading.Event) -> int:
    """Say how far the sessions of this device are; REFUSED where a person must look, else TRY_LATER until all are home.

    A person must look at a plan that cannot be read, and at a session that cannot end.
    """
    plans = spool_of(settings.spool).plans()
    for error in plans.unreadable:
        log.error("a session cannot be shown", extra={"reason": str(error)})
    with ExitStack() as stack:
        coordinator: Coordinator | None = None
        if settings.service:
            coordinator = stack.enter_context(coordinator_of(settings.service, one_try(stop)))
        found = statuses(plans, coordinator)
    if settings.as_json:
        say((output.line(output.status_json(one)) for one in found), sys.stdout)
    else:
        say(output.status_lines(found), sys.stdout)
    if plans.unreadable or any(one.cannot_end for one in found):
        return REFUSED
    return DONE if all(one.is_home for one in found) else TRY_LATER


def forget(settings: ForgetSettings, stop: threading.Event) -> int:
    """Drop a session from the spool, or with a dry run say what would be dropped."""
    with ExitStack() as stack:
        coordinator: Coordinator | None = None
        camera_session: CameraSession | None = None
        if settings.service:
            coordinator = stack.enter_context(coordinator_of(settings.service, one_try(stop)))
        if settings.camera:
            tools = camera_tools_of(settings.camera, settings.give_up_after_s, stop)
            camera_session = CameraSession(stack.enter_context(tools), stack)
        spool = spool_of(settings.spool)
        found = forget_session(spool, camera_session, coordinator, settings)
        _say(output.forgotten_lines(found), output.forgotten_json(found), settings.as_json)
        return DONE


def _visiting(tools: CameraTools, look: Callable[[CameraSession], T]) -> T:
    with ExitStack() as stack:
        return look(CameraSession(tools, stack))


def _say(lines: Sequence[str], document: dict[str, object], as_json: bool) -> None:
    say([output.line(document)] if as_json else lines, sys.stdout)


def _say_plans(plans: Each[SessionPlan], as_json: bool) -> int:
    for plan in plans.done:
        _say(output.plan_lines(plan), plan.document(), as_json)
    return _code(plans)


def _say_reports(reports: Each[Report], as_json: bool) -> int:
    for report in reports.done:
        _say(output.report_lines(report), report.document(), as_json)
    return _code(reports) or (REFUSED if any(report.left_out for report in reports.done) else DONE)


def _code(each: Each[SessionPlan] | Each[Report]) -> int:
    """The exit code. Raises what ended the run before its end."""
    unfinished: EdgeError | None = each.unfinished
    if unfinished:
        raise unfinished
    return REFUSED if each.refusals else DONE
