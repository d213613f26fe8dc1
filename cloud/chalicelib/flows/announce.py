"""Send the notices that wait. A notice is recorded with what it tells of, and is forgotten once it was sent."""

import logging

from chalicelib.core.events import Event
from chalicelib.core.notices import Notice, announcement
from chalicelib.flows.deadline import Deadline
from chalicelib.ports import Notifier, Ports

log = logging.getLogger(__name__)

MOST_NOTICES = 100
"""How many a round sends at most; the next round continues with the oldest."""

MOST_FAILURES = 3
"""After so many that could not be sent, a round leaves the others to the next one."""


def announce(ports: Ports, end: Deadline) -> None:
    """Send what waits, oldest first, until `end`.

    Sent first and forgotten then: a notice whose reply is lost is sent twice, under the same id, and none is lost. One
    that cannot be sent waits for the next round, and holds no other back.
    """
    if ports.notifier is None:
        return
    failures = 0
    for notice in ports.records.notices(MOST_NOTICES):
        if end.is_over() or failures == MOST_FAILURES:
            break
        if not _send(ports, ports.notifier, notice):
            failures += 1


def _send(ports: Ports, notifier: Notifier, notice: Notice) -> bool:
    about = {"notice_id": notice.notice_id, "kind": notice.kind.value}
    try:
        device = ports.records.device(notice.device_id) if notice.device_id else None
        notifier.publish(announcement(notice, device.name if device else None))
        ports.records.forget_notice(notice)
    except Exception:  # a door for each notice
        log.exception("notice not sent", extra=about)
        ports.metrics.count(Event.NOTICE_FAILED)
        return False
    log.info("notice sent", extra=about)
    ports.metrics.count(Event.NOTICE_SENT)
    return True
