"""All checks of a device, and what they found. Each runs beside the others and ends in time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from edge_client.base.errors import place_of
from edge_client.doctor import at_camera, network, service, storage
from edge_client.doctor.finding import Finding, NotChecked, Severity, first, not_checked, problem
from edge_client.doctor.subject import Subject

LIMIT_S = 25.0
AGAIN = "run doctor again; if it stays so, send the archive of `reelhaul report` to the operator"

MUTE_CAMERA = not_checked("the camera does not answer", first("camera"))

Look = Callable[[Subject], Iterable[Finding]]


@dataclass(frozen=True)
class Check:
    """One check; `when_late` is what it means that it does not end in time, where that is known."""

    look: Look
    when_late: Finding | None = None


CHECKS: Mapping[str, Check] = {
    "settings": Check(storage.settings),
    "usb": Check(at_camera.usb),
    "interface": Check(at_camera.interface),
    "addresses": Check(network.addresses),
    "docker": Check(network.docker),
    "camera": Check(
        at_camera.camera,
        problem("the camera takes the connection and does not answer", at_camera.RESTART),
    ),
    "power": Check(at_camera.power, MUTE_CAMERA),
    "card": Check(at_camera.card, MUTE_CAMERA),
    "firmware": Check(at_camera.firmware, MUTE_CAMERA),
    "camera-clock": Check(at_camera.camera_clock, MUTE_CAMERA),
    "spool": Check(storage.spool),
    "room": Check(storage.room),
    "mount": Check(storage.mount),
    "write": Check(
        storage.write,
        problem(f"the spool's disk does not keep 4 MiB in {LIMIT_S:.0f} s", "take another disk"),
    ),
    "route": Check(network.way_out),
    "dns": Check(
        service.dns,
        problem("no name server answers", "look at this device's name servers: `resolvectl status`"),
    ),
    "tls": Check(service.tls),
    "coordinator": Check(service.coordinator),
    "clock": Check(service.clock),
    "token": Check(service.token),
    "version": Check(service.versions),
    "s3": Check(service.s3),
    "uplink": Check(
        service.uplink,
        problem(
            f"a megabyte does not go out in {LIMIT_S:.0f} s: less than 40 kB/s",
            "use a faster uplink, or stop what else uses this one",
        ),
    ),
}
"""Every check by its name, from the camera to S3."""


@dataclass(frozen=True)
class Found:
    """A finding with the check that has it."""

    check: str
    finding: Finding


def examine(subject: Subject, checks: Mapping[str, Check] = CHECKS, limit_s: float = LIMIT_S) -> list[Found]:
    """What all checks found, worst first. A check that does not end within `limit_s` does not keep the others."""
    running = {name: _Running(name, check, subject) for name, check in checks.items()}
    until = subject.machine.monotonic() + limit_s
    for each in running.values():
        each.thread.join(max(0.0, until - subject.machine.monotonic()))
    found = [
        Found(name, finding)
        for name, each in running.items()
        for finding in each.findings(checks[name].when_late, limit_s)
    ]
    order = list(Severity)
    return sorted(found, key=lambda each: order.index(each.finding.severity))


class _Running:
    """A check under way."""

    def __init__(self, name: str, check: Check, subject: Subject) -> None:
        self._made: list[Finding] = []
        self._has_ended = threading.Event()
        self.thread = threading.Thread(
            target=self._run, args=(check.look, subject), name=f"doctor {name}", daemon=True
        )
        self.thread.start()

    def findings(self, when_late: Finding | None, limit_s: float) -> list[Finding]:
        """What it found; one that has not ended says so and nothing else."""
        if self._has_ended.is_set():
            return self._made
        return [when_late or not_checked(f"it did not end within {limit_s:.0f} s", AGAIN)]

    def _run(self, look: Look, subject: Subject) -> None:
        made: list[Finding] = []
        try:
            made.extend(look(subject))
        except NotChecked as error:
            made.append(not_checked(str(error), error.next_step))
        except Exception as error:  # noqa: BLE001  one check's fault must not hide what the others find
            made.append(
                not_checked(
                    f"of a fault of this program ({type(error).__name__} at {place_of(error)})", AGAIN
                )
            )
        self._made = made
        self._has_ended.set()
