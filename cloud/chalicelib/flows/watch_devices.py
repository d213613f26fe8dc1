"""The dead-man's switch: a device that was hauling and is silent is named once, and again when it is heard."""

import logging
from datetime import datetime

from chalicelib.core.events import Event
from chalicelib.core.notices import Notice
from chalicelib.core.silence import Watch, look_at, return_notice, silence_notice
from chalicelib.flows.deadline import Deadline
from chalicelib.ports import Ports, Watched

log = logging.getLogger(__name__)

MOST_DEVICES = 200
"""How many a round looks at; the next one continues with the longest due."""


def hear(ports: Ports, watch: Watch) -> None:
    """A device sent a heartbeat: the reconciler looks for its next one when that is due."""
    ports.records.put_watch(watch, look_at(watch.heard_at, ports.policy.device_silent_s))


def watch_devices(ports: Ports, now: datetime, end: Deadline) -> None:
    """Look at the devices whose next heartbeat is overdue, and at those that are heard again; at no others."""
    for watched in ports.records.watched(now, MOST_DEVICES):
        if end.is_over():
            return
        try:
            _look_at(ports, watched, now)
        except Exception:  # a door for each device
            log.exception("device not looked at", extra={"device_id": watched.device_id})


def _look_at(ports: Ports, watched: Watched, now: datetime) -> None:
    watch = ports.records.watch(watched.project, watched.device_id)
    if watch is None:
        return
    if watch.is_heard_again:
        next_at = look_at(watch.heard_at, ports.policy.device_silent_s)
        notices = _told(ports, return_notice(watch, now))
        if ports.records.replace_watch(watch, watch.heard_again(), next_at, notices):
            _report(ports, watch, Event.DEVICE_HEARD, logging.INFO)
    elif watch.is_silent(now, ports.policy.device_silent_s):
        _end_watch(ports, watch, now)


def _end_watch(ports: Ports, watch: Watch, now: datetime) -> None:
    """Name the device if it was hauling; in any case look at it no more until it is heard again.

    What an operator lets another device finish, it hauls no longer.
    """
    picture = ports.records.picture(watch.session_id)
    if picture is None or not picture.missing or picture.session.former_device(watch.device_id):
        ports.records.replace_watch(watch, watch, None, ())
        return
    notices = _told(ports, silence_notice(watch, picture, now))
    if ports.records.replace_watch(watch, watch.silenced(), None, notices):
        _report(ports, watch, Event.DEVICE_SILENT, logging.ERROR)


def _told(ports: Ports, notice: Notice) -> tuple[Notice, ...]:
    return (notice,) if ports.notifier else ()


def _report(ports: Ports, watch: Watch, event: Event, level: int) -> None:
    about = {
        "device_id": watch.device_id,
        "session_id": watch.session_id,
        "heard_at": watch.heard_at.isoformat(),
    }
    log.log(level, event.sentence, extra=about)
    ports.metrics.count(event)
