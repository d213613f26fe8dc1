"""How long a chapter takes from camera to S3 over paced links, beside the slower of its two legs alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from infra.local.link import MBIT
from tests.benchmarks.edge.bench import Bench, Subject, in_turn, wall_s
from tests.benchmarks.edge.chapter import Chapter
from tests.benchmarks.edge.peers import curl_download, curl_upload
from tests.benchmarks.edge.running import Cost
from tests.benchmarks.edge.stage import MIB, Stage, staged
from tests.benchmarks.figures import RUNS, Figure

FAST = ("makespan_fast_uplink",)
SLOW = ("makespan_slow_uplink",)
CHAPTER = Chapter(256 * MIB)
DOWN_MBIT = 100
BUDGET = "64MiB"
"""Four parts."""

NOTE = (
    f"{CHAPTER.size_bytes // MIB} MiB, camera {DOWN_MBIT} Mbit/s, S3 {{up}} Mbit/s over TLS; wall of the whole "
    "command less that of its start, over curl on the slower leg; medians of {runs}{budget}"
)


def fast(bench: Bench) -> list[Figure]:
    """The camera is the slower leg."""
    return [_figure(bench, FAST[0], 1000, 1.02, None)]


def slow(bench: Bench) -> list[Figure]:
    """S3 is the slower leg, and the spool has room for four parts."""
    return [_figure(bench, SLOW[0], 50, 1.045, BUDGET)]


def _figure(bench: Bench, name: str, up_mbit: int, bar: float, budget: str | None) -> Figure:
    with staged(bench.certificate, CHAPTER, DOWN_MBIT * MBIT, up_mbit * MBIT) as stage:
        links = Links(bench, stage, budget)
        slower: Subject = links.down if up_mbit > DOWN_MBIT else links.up
        other: Subject = links.up if up_mbit > DOWN_MBIT else links.down
        costs = in_turn([links.whole, slower, links.start], RUNS) | in_turn([other], 1)
    wall = {name: wall_s(found) for name, found in costs.items()}
    leg, after = ("down", "up") if up_mbit > DOWN_MBIT else ("up", "down")
    told = f"; spool budget {budget}" if budget else ""
    return Figure(
        name,
        (wall["whole"] - wall["start"]) / wall[leg],
        "ratio",
        bar,
        NOTE.format(up=up_mbit, runs=RUNS, budget=told),
        {
            "ours_with_start_s": wall["whole"],
            "ours_start_s": wall["start"],
            "slower_leg_s": wall[leg],
            "one_leg_after_the_other_s": wall[leg] + wall[after],
        },
    )


@dataclass
class Links:
    """The whole way and each leg alone."""

    bench: Bench
    stage: Stage
    budget: str | None
    crc: int = CHAPTER.crc()
    sessions: count[int] = field(default_factory=count)

    def whole(self) -> Mapping[str, Cost]:
        session_id = f"way-{next(self.sessions)}"
        cost = self.bench.run(self.bench.client.haul(self.stage, session_id, self.budget))
        self.bench.demand_home(self.stage, session_id, self.crc)
        self.bench.forget()
        return {"whole": cost}

    def start(self) -> Mapping[str, Cost]:
        return {"start": self.bench.run(self.bench.client.nothing())}

    def down(self) -> Mapping[str, Cost]:
        address = f"{self.stage.camera.url()}/videos/DCIM/{CHAPTER.path}"
        return {"down": self.bench.run(curl_download(address, self._file("down")))}

    def up(self) -> Mapping[str, Cost]:
        file = self._file("chapter")
        if not file.exists():
            CHAPTER.write(file)
        upload = curl_upload(self.bench.certificate)
        return {"up": self.bench.run(upload(self.stage.cloud.storage_url(), file))}

    def _file(self, name: str) -> Path:
        return self.bench.folder / f"{name}-{CHAPTER.size_bytes}"
