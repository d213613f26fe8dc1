"""Parts that are sent again after kill -9, beyond those that were in flight: the client, and boto3 beside it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from infra.local.link import MBIT
from tests.benchmarks.edge.bench import Bench
from tests.benchmarks.edge.chapter import Chapter
from tests.benchmarks.edge.running import Command, Running
from tests.benchmarks.edge.stage import MIB, Stage, staged
from tests.benchmarks.edge.storage import Ledger
from tests.benchmarks.figures import Figure

NAMES = ("parts_resent_per_kill",)
KILLS = 10
PEER_KILLS = 3
SEED = 20261121
PART_BYTES = 5 * MIB
PARTS = 64
CHAPTER = Chapter(PARTS * PART_BYTES)
# Whole, a haul takes four seconds: most kills find it at work.
DOWN, UP = 1000 * MBIT, 800 * MBIT
EARLIEST_MS, LATEST_MS = 300, 3000


@dataclass
class Killer:
    """Starts a command again and again and kills it at moments that chance has chosen."""

    bench: Bench
    stage: Stage
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    kills: int = 0
    in_flight: int = 0

    def ends_well(self, command: Command) -> bool:
        """Whether the command is at its end before its moment comes."""
        with Running(command, self.bench.log) as running:
            if running.is_over(self.chance.randint(EARLIEST_MS, LATEST_MS)):
                running.cost()
                return True
            running.kill()
        self.in_flight += self.stage.cloud.excuse_in_flight()
        self.kills += 1
        return False


def measured(bench: Bench) -> list[Figure]:
    with staged(bench.certificate, CHAPTER, DOWN, UP, PART_BYTES) as stage:
        ours = Killer(bench, stage)
        resent, again = _ours(ours)
        theirs = Killer(bench, stage)
        their_resent = _boto3(theirs)
    peers = {
        "kills": ours.kills,
        "in_flight_at_kills": ours.in_flight,
        "stored_after_kill_and_sent_again": again,
        "boto3_resent_per_kill": their_resent / theirs.kills,
    }
    note = f"{PARTS} parts of 5 MiB, seed {SEED}; resent: a PUT of a part that S3 had and no kill found in flight"
    return [Figure(NAMES[0], resent / ours.kills, "parts", 0, note, peers)]


def _ours(killer: Killer) -> tuple[int, int]:
    """Parts resent, and parts sent again that a kill had found in flight; each session is hauled to its end."""
    resent = again = number = 0
    while killer.kills < KILLS:
        number += 1
        ledger = _killed_home(killer, f"kill-{number}")
        resent, again = resent + ledger.resent, again + ledger.excused_again
    return resent, again


def _killed_home(killer: Killer, session_id: str) -> Ledger:
    """The ledger of a chapter that came home in spite of every kill."""
    command = killer.bench.client.haul(killer.stage, session_id, "1TiB")
    is_home = False
    while not is_home and killer.kills < KILLS:
        is_home = killer.ends_well(command)
    if not is_home:
        # Left to itself: a client that forgets would never end while it is killed.
        killer.bench.run(command)
    receipt = killer.bench.demand_home(killer.stage, session_id, CHAPTER.crc())
    killer.bench.forget()
    return killer.stage.cloud.ledger(receipt["key"])


def _boto3(killer: Killer) -> int:
    file = CHAPTER.write(killer.bench.folder / "chapter")
    command = killer.bench.peers.uploads["boto3"](killer.stage.cloud.storage_url(), file)
    while killer.kills < PEER_KILLS:
        killer.ends_well(command)
    return killer.stage.cloud.ledger("boto3").resent
