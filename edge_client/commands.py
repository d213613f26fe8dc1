"""The commands: what each does, what it prints, and the exit code that it ends with."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TypeVar

from edge_client import saying
from edge_client.advice import helps, tried
from edge_client.choice import New
from edge_client.coordinator import Coordinator
from edge_client.errors import EdgeError
from edge_client.forget import forget_session
from edge_client.haul import Each, Haul, Report
from edge_client.plan import SessionPlan
from edge_client.settings import AuditSettings, ForgetSettings, HaulSettings, ListSettings, StatusSettings
from edge_client.status import statuses
from edge_client.survey import Survey, audited, lengths_s, surveyed
from edge_client.terminal import say
from edge_client.visit import CameraTools, Visit
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
        survey = _visiting(tools.at_camera, lambda visit: audited(visit, tools))
        if settings.haul:
            survey = replace(survey, recordings=tried(survey.recordings))
        found = helps(survey.recordings, survey.taken, settings.called)
        for silence in survey.witnesses.silences:
            log.debug("the list cannot be compared", extra={"reason": silence})
        _say(saying.audit_lines(survey, found), saying.audit_json(survey, found), settings.as_json)
        return code or (DONE if survey.all_home else REFUSED)


def listing(settings: ListSettings, stop: threading.Event) -> int:
    """Say what recordings a card has."""
    with camera_tools_of(settings.camera, settings.give_up_after_s, stop) as tools, ExitStack() as stack:
        coordinator: Coordinator | None = None
        if settings.service:
            coordinator = stack.enter_context(coordinator_of(settings.service, tools.retry))
        survey, lengths = _visiting(tools, lambda visit: _measured(visit, coordinator))
        _say(saying.list_lines(survey, lengths), saying.list_json(survey, lengths), settings.as_json)
        return DONE


def _measured(visit: Visit, coordinator: Coordinator | None) -> tuple[Survey, dict[str, int | None]]:
    survey = surveyed(visit, coordinator)
    return survey, lengths_s(visit, survey)


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
        say((saying.line(saying.status_json(one)) for one in found), sys.stdout)
    else:
        say(saying.status_lines(found), sys.stdout)
    if plans.unreadable or any(one.cannot_end for one in found):
        return REFUSED
    return DONE if all(one.is_home for one in found) else TRY_LATER


def forget(settings: ForgetSettings, stop: threading.Event) -> int:
    """Drop a session from the spool, or with a dry run say what would be dropped."""
    with ExitStack() as stack:
        coordinator: Coordinator | None = None
        visit: Visit | None = None
        if settings.service:
            coordinator = stack.enter_context(coordinator_of(settings.service, one_try(stop)))
        if settings.camera:
            tools = camera_tools_of(settings.camera, settings.give_up_after_s, stop)
            visit = Visit(stack.enter_context(tools), stack)
        spool = spool_of(settings.spool)
        found = forget_session(spool, visit, coordinator, settings)
        _say(saying.forgotten_lines(found), saying.forgotten_json(found), settings.as_json)
        return DONE


def _visiting(tools: CameraTools, look: Callable[[Visit], T]) -> T:
    with ExitStack() as stack:
        return look(Visit(tools, stack))


def _say(lines: Sequence[str], document: dict[str, object], as_json: bool) -> None:
    say([saying.line(document)] if as_json else lines, sys.stdout)


def _say_plans(plans: Each[SessionPlan], as_json: bool) -> int:
    for plan in plans.done:
        _say(saying.plan_lines(plan), plan.document(), as_json)
    return _code(plans)


def _say_reports(reports: Each[Report], as_json: bool) -> int:
    for report in reports.done:
        _say(saying.report_lines(report), report.document(), as_json)
    return _code(reports) or (REFUSED if any(report.left_out for report in reports.done) else DONE)


def _code(each: Each[SessionPlan] | Each[Report]) -> int:
    """The exit code. Raises what ended the run before its end."""
    unfinished: EdgeError | None = each.unfinished
    if unfinished:
        raise unfinished
    return REFUSED if each.refusals else DONE
