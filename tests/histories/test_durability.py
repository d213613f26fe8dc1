"""What a history says of a device that relies on what its disk may lose."""

import itertools
import random
from collections.abc import Callable

import pytest

from tests.edge.memory.disk import Mount
from tests.histories.cloud import Cloud
from tests.histories.device import Device
from tests.histories.faults import EVERYTHING, Faults
from tests.histories.history import POLICY
from tests.histories.outcome import Broken
from tests.histories.scheduler import Process, Scheduler
from tests.histories.setting import Where


def test_a_device_that_goes_on_before_a_name_is_safe_breaks_a_rule() -> None:
    def live(mount: Mount) -> None:
        mount.make_folder("/session")
        mount.create("/session/plan.json.writing")

    with pytest.raises(Broken, match="session is not safe, and its writer goes on to create"):
        _let_live(live)


def test_a_device_whose_name_is_safe_may_go_on() -> None:
    def live(mount: Mount) -> None:
        mount.make_folder("/session")
        mount.fsync_folder("/")
        mount.create("/session/plan.json.writing")

    _let_live(live)


def _let_live(act: Callable[[Mount], None]) -> None:
    scheduler = Scheduler(random.Random(0), 0.0)
    faults = Faults(random.Random(0), dict.fromkeys(Where, 0.0), None, EVERYTHING)
    device = Device(Cloud(scheduler, faults, POLICY, records_steps=False), 1, (56,), itertools.repeat(1), 0.0)
    mount: Mount = device.disk.mount()
    mount.at_each_call = device.durability.before
    scheduler.start(Process("device 1"), "device 1", lambda: act(mount))
    scheduler.play()
