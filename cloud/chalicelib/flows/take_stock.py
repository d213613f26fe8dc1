"""Every hour: measure what waits on the devices; on Mondays sum up the week of each project."""

import logging
from datetime import datetime, timedelta

from chalicelib.core.events import Event, Measure
from chalicelib.core.statistics.contribution import WAITING_BYTES
from chalicelib.core.statistics.counts import Counts
from chalicelib.core.summary import DAYS, summary, week_to_sum_up
from chalicelib.flows.silence import silences
from chalicelib.ports import Ports

log = logging.getLogger(__name__)


def take_stock(ports: Ports) -> None:
    """Measure the backlog of all projects, and record the summaries that are due and not recorded yet."""
    now = ports.clock.now()
    counts = {
        project: ports.records.counts(project, None, None, None) for project in ports.records.projects()
    }
    backlog = sum(each.get(WAITING_BYTES, 0) for each in counts.values())
    ports.metrics.measure(Measure.BACKLOG, backlog)
    log.info("stock taken", extra={"projects": len(counts), "backlog_bytes": backlog})
    week = week_to_sum_up(now)
    if week and ports.notifier:
        for project, of_all in counts.items():
            _sum_up(ports, project, week, of_all, now)


def _sum_up(ports: Ports, project: str, week: str, of_all: Counts, now: datetime) -> None:
    today = now.date()
    first, last = today - timedelta(days=DAYS), today - timedelta(days=1)
    of_the_week = ports.records.counts(project, None, first, last)
    silent = [
        each
        for each in silences(ports, project)
        if each.is_hauling and each.silent_s >= ports.policy.device_silent_s
    ]
    notice = summary(project, week, of_the_week, of_all, len(silent), now)
    if ports.records.put_summary(week, notice):
        log.info("week summed up", extra={"project": project, "week": week})
        ports.metrics.count(Event.WEEK_SUMMED_UP)
