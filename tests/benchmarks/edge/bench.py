"""What every figure is measured with: a folder on a disk, the client, a certificate; and runs that take turns."""

from __future__ import annotations

import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.edge.certificate import Certificate, made
from tests.benchmarks.edge.client import Client, ready
from tests.benchmarks.edge.coordinator import crc_text
from tests.benchmarks.edge.peers import Peers, found
from tests.benchmarks.edge.running import Command, Cost, Failed, Running, run
from tests.benchmarks.edge.stage import Stage
from tests.benchmarks.figures import FOLDER

TOUCHING = "import mmap; taken = mmap.mmap(-1, {0})\nfor page in range(0, {0}, 4096): taken[page] = 1"

Subject = Callable[[], Mapping[str, Cost]]


@dataclass(frozen=True)
class Bench:
    """One run of the benchmark."""

    folder: Path
    certificate: Certificate
    client: Client
    peers: Peers

    @property
    def log(self) -> Path:
        """What the program that ran last has said."""
        return self.folder / "log"

    def run(self, command: Command) -> Cost:
        """The cost of a whole run that ends well, on a disk with nothing left to write."""
        self.settle()
        return run(command, self.log)

    def run_peer(self, command: Command) -> Cost:
        """The same of a peer, which may fail once: that is told, and not counted."""
        try:
            return self.run(command)
        except Failed as error:
            print(f"once more: {error}", file=sys.stderr, flush=True)
            return self.run(command)

    def settle(self) -> None:
        """Nothing of an earlier run is on its way to the disk."""
        subprocess.run(["sync", "-f", str(self.folder)], check=True)

    def warm(self, size_bytes: int) -> None:
        """So much memory is free and was in use just now.

        What a virtual machine gave back to its host costs whoever takes it first, and that must not be the turn's luck.
        """
        subprocess.run([sys.executable, "-c", TOUCHING.format(size_bytes)], check=True)

    def fetch_only(self, stage: Stage, session_id: str, part_count: int) -> Cost:
        """The client's download leg alone: nobody gets a part URL, and once all parts are in the spool it is killed."""
        self.settle()
        stage.cloud.hold_urls()
        with Running(self.client.haul(stage, session_id, "1TiB"), self.log) as running:
            while self.client.spooled_parts(session_id) < part_count:
                if running.is_over(10):
                    raise running.failure("ended before its spool was full")
            cost = running.kill()
        stage.cloud.give_urls()
        return cost

    def demand_home(self, stage: Stage, session_id: str, *crcs: int) -> Mapping[str, Any]:
        """The receipt of the session's first chapter. Raises Failed unless each is for exactly the card's bytes."""
        receipts = stage.cloud.receipts(session_id)
        due = {
            chapter.path: (chapter.size_bytes, crc_text(crc))
            for chapter, crc in zip(stage.chapters, crcs, strict=True)
        }
        if due != {path: (one["size_bytes"], one["crc64nvme"]) for path, one in receipts.items()}:
            raise Failed(f"session {session_id} is not home: nothing here means anything")
        return receipts[stage.chapter.path]

    def forget(self) -> None:
        """An empty spool."""
        shutil.rmtree(self.client.spool, ignore_errors=True)


@contextmanager
def opened() -> Iterator[Bench]:
    """Everything in a folder below build/benchmarks, which is a disk and no tmpfs; gone at the end."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER.resolve(), prefix="edge-") as name:
        folder = Path(name)
        certificate = made(folder)
        yield Bench(folder, certificate, ready(folder, certificate), found(certificate, folder))


def in_turn(subjects: Sequence[Subject], rounds: int) -> dict[str, list[Cost]]:
    """Each subject's costs by name, one a round; each round has an order of its own, so that nobody follows anybody."""
    costs = defaultdict[str, list[Cost]](list)
    for turn in range(rounds):
        for subject in random.Random(turn).sample(subjects, len(subjects)):
            for name, cost in subject().items():
                costs[name].append(cost)
    return costs


def cpu_s(costs: Sequence[Cost]) -> float:
    return statistics.median(cost.cpu_s for cost in costs)


def wall_s(costs: Sequence[Cost]) -> float:
    return statistics.median(cost.wall_s for cost in costs)
