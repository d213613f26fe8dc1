"""What kills cost: of one haul, and of all hauls together as a line for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.e2e.kills.noted import on_their_way, part_of, puts_by_run, reads_by_run
from tests.e2e.kills.story import Story

# The property of a test's report that has a haul's cost.
COST = "cost of kills"


@dataclass(frozen=True)
class Cost:
    """What the kills of one haul cost: parts that were on their way at a kill, and that were sent or read again."""

    kills: int
    too_late: int
    parts_on_their_way: int
    parts_sent_again: int
    parts_read_again: int


def cost(story: Story) -> Cost:
    by_run = puts_by_run(story)
    puts = [call for calls in by_run for call in calls]
    reads = [part for parts in reads_by_run(story) for part in parts]
    return Cost(
        kills=len(story.kills),
        too_late=len(story.case.kills) - len(story.kills),
        parts_on_their_way=sum(len(on_their_way(*each)) for each in zip(by_run, story.runs, strict=True)),
        parts_sent_again=len(puts) - len(set(map(part_of, puts))),
        parts_read_again=len(reads) - len(set(reads)),
    )


def told(costs: Sequence[Mapping[str, int]]) -> str:
    """All hauls together."""
    sums = {name: sum(each[name] for each in costs) for name in costs[0]}
    kills = sums["kills"]
    a_kill = {name: f"{count / max(1, kills):.2f}" for name, count in sums.items()}
    return (
        f"{len(costs)} hauls, {kills} kills, {sums['too_late']} moments that did not come; at each kill "
        f"{a_kill['parts_on_their_way']} parts were on their way to S3, {a_kill['parts_sent_again']} were sent again "
        f"and {a_kill['parts_read_again']} read again"
    )
