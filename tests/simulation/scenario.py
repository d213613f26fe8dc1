"""The story's legs: each begins in a world, is played by actors who go on by themselves, and has a right end."""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.core.attention import needs
from chalicelib.core.statistics.contribution import counting
from chalicelib.flows import operations
from chalicelib.ports import Change
from tests.simulation.actors import (
    POISON,
    copies,
    grace_passes,
    hauls,
    hears,
    hears_nothing,
    reconciles,
    uploads_outputs,
    writes_outputs,
    writes_outputs_without_crc64nvme,
)
from tests.simulation.ends import (
    BYSTANDER,
    demand_cleaned,
    demand_guarded,
    demand_poisoned,
    demand_restored,
)
from tests.simulation.stage import Stage
from tests.support import story
from tests.support.builders import SESSION_ID, MemoryPorts

ROUNDS = 3
"""How many rounds of the reconciler the design grants after the last fault."""

Play = Callable[[Stage], None]
Demand = Callable[[MemoryPorts], None]


@dataclass(frozen=True)
class Leg:
    """`begin` makes of an empty world the leg's own; `play` may be struck by a fault.

    Then faults are off, and after ROUNDS of `go_on` `right_end` must hold.
    """

    begin: Demand
    play: Play
    go_on: Play
    right_end: Demand

    def endure(self, stage: Stage) -> None:
        """All of it with the fault of `stage`, which must strike, to the right end."""
        self.play(stage)
        assert stage.happened
        for _ in range(ROUNDS):
            self.go_on(stage)
        self.right_end(stage.plain)


def cleaning(processes: Play, tells: Play) -> Leg:
    """From nothing to CLEANED."""

    def play(stage: Stage) -> None:
        hauls(stage)
        tells(stage)
        reconciles(stage)
        processes(stage)
        tells(stage)
        reconciles(stage)
        grace_passes(stage)

    def go_on(stage: Stage) -> None:
        processes(stage)
        reconciles(stage, stage.plain.policy.grace_s + stage.plain.policy.cleanup_patience_s)

    return Leg(armed, play, go_on, demand_cleaned)


def ordering_again() -> Leg:
    """A processor gives up, an operator orders again; then as ever, to CLEANED."""

    def play(stage: Stage) -> None:
        stage.insist(lambda ports: operations.fail(ports, story.PROCESSOR, SESSION_ID, "no light", 1))
        stage.insist(lambda ports: operations.order(ports, story.OPERATOR, SESSION_ID, story.WISH))
        reconciles(stage)
        go_on(stage)
        go_on(stage)

    def go_on(stage: Stage) -> None:
        if len(stage.plain.orders.sent) > 1:
            writes_outputs(stage)
        reconciles(stage, stage.plain.policy.grace_s + stage.plain.policy.cleanup_patience_s)

    return Leg(ordered, play, go_on, demand_cleaned)


def ordered(ports: MemoryPorts) -> None:
    """A session that waits for its first processor."""
    armed(ports)
    story.haul(ports)
    story.let_pass(ports)


def poisoning() -> Leg:
    """The processor's measurements cannot be indexed: FAILED, and no grace ever ends (S10)."""

    def play(stage: Stage) -> None:
        hauls(stage)
        reconciles(stage)
        go_on(stage)
        grace_passes(stage)

    def go_on(stage: Stage) -> None:
        for message in stage.plain.orders.sent:
            story.process(stage.plain, POISON, message["order"])
        hears(stage)
        # Not another grace: six days after the haul its originals are looked at again, and that is a write.
        reconciles(stage, stage.plain.policy.cleanup_patience_s)

    return Leg(armed, play, go_on, demand_poisoned)


def armed(ports: MemoryPorts) -> None:
    """Nothing but a bystander: another session, processed long ago, which an operator holds."""
    told = Change(
        BYSTANDER.session, chapters=BYSTANDER.chapters, counting=counting(BYSTANDER), needs=needs(BYSTANDER)
    )
    ports.records.write(told)
    ports.objects.put_object(BYSTANDER.key(BYSTANDER.chapters[0].artifact_id), b"theirs")
    story.arm(ports)


def cleaned(ports: MemoryPorts) -> None:
    """A session that is CLEANED."""
    _play(CLEANING, ports)


def restored(ports: MemoryPorts) -> None:
    """A session that was cleaned, restored, and is held."""
    _play(RESTORING, ports)


def _play(leg: Leg, ports: MemoryPorts) -> None:
    leg.begin(ports)
    leg.play(Stage(ports, _Nobody()))
    leg.right_end(ports)


def guarding() -> Leg:
    """The last look before S3 purges."""

    def play(stage: Stage) -> None:
        reconciles(stage, stage.plain.policy.last_look_s)

    return Leg(cleaned, play, reconciles, demand_guarded)


def recalling() -> Leg:
    """The last look finds an output gone: everything comes back."""

    def begin(ports: MemoryPorts) -> None:
        cleaned(ports)
        ports.objects.mark_deleted(story.key_of(story.VIDEO))

    def play(stage: Stage) -> None:
        reconciles(stage, stage.plain.policy.last_look_s)
        copies(stage)

    return Leg(begin, play, copies, demand_restored)


def restoring() -> Leg:
    """An operator wants everything back."""

    def play(stage: Stage) -> None:
        stage.insist(lambda ports: operations.restore(ports, story.OPERATOR, SESSION_ID, None, "a test"))
        copies(stage)

    return Leg(cleaned, play, copies, demand_restored)


def cleaning_again() -> Leg:
    """What was restored is released; after another grace it is cleaned again."""

    def play(stage: Stage) -> None:
        stage.insist(lambda ports: operations.hold(ports, story.OPERATOR, SESSION_ID, None))
        grace_passes(stage)

    def go_on(stage: Stage) -> None:
        reconciles(stage, stage.plain.policy.grace_s + stage.plain.policy.cleanup_patience_s)

    return Leg(restored, play, go_on, demand_cleaned)


class _Nobody:
    """A watcher for what is only a way to a world; its leg is watched when it is played itself."""

    def before(self, method: str, arguments: tuple[object, ...]) -> None: ...

    def after(self, method: str, arguments: tuple[object, ...]) -> None: ...


CLEANING = cleaning(writes_outputs, hears)
RESTORING = restoring()
LEGS = {
    "cleaning, outputs written": CLEANING,
    "cleaning, outputs written, all events lost": cleaning(writes_outputs, hears_nothing),
    "cleaning, outputs uploaded": cleaning(uploads_outputs, hears),
    "cleaning, outputs uploaded, all events lost": cleaning(uploads_outputs, hears_nothing),
    "cleaning, outputs without CRC64NVME": cleaning(writes_outputs_without_crc64nvme, hears),
    "cleaning, ordered again": ordering_again(),
    "poison": poisoning(),
    "guarding": guarding(),
    "recalling": recalling(),
    "restoring": RESTORING,
    "cleaning again": cleaning_again(),
}
