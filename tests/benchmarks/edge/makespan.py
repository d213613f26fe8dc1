"""How long chapters take from camera to S3 over paced links, beside the slower of the two legs alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path

from infra.local.link import MBIT
from tests.benchmarks.edge.bench import Bench, Subject, in_turn, wall_s
from tests.benchmarks.edge.chapter import Chapter, recording
from tests.benchmarks.edge.peers import curl_downloads, curl_upload
from tests.benchmarks.edge.running import Cost
from tests.benchmarks.edge.stage import MIB, Stage, staged
from tests.benchmarks.figures import RUNS, Figure

FAST = ("makespan_fast_uplink",)
SLOW = ("makespan_slow_uplink",)
THREE = ("makespan_three_chapters", "makespan_three_chapters_fast_uplink")
CHAPTERS = (Chapter(256 * MIB),)
# Together so long that the first part, which is read before anything can be sent, is less than one in a hundred of it.
THREE_CHAPTERS = recording(3, 192 * MIB)
THREE_RUNS = 3
DOWN_MBIT = 100
BUDGET = "64MiB"
"""Four parts."""

NOTE = (
    "{count} x {size} MiB, camera {down} Mbit/s, S3 {up} Mbit/s over TLS; wall of the whole command less that of its "
    "start, over curl on the slower leg; medians of {runs}{budget}"
)


def fast(bench: Bench) -> list[Figure]:
    """The camera is the slower leg."""
    return [_figure(bench, FAST[0], Way(CHAPTERS, DOWN_MBIT, 1000), 1.02)]


def slow(bench: Bench) -> list[Figure]:
    """S3 is the slower leg, and the spool has room for four parts."""
    return [_figure(bench, SLOW[0], Way(CHAPTERS, DOWN_MBIT, 50, BUDGET), 1.045)]


def three(bench: Bench) -> list[Figure]:
    """A session of three chapters with room for all of them: S3 is the slower leg, and then the camera."""
    return [
        _figure(bench, THREE[0], Way(THREE_CHAPTERS, 400, 100, runs=THREE_RUNS), 1.03),
        _figure(bench, THREE[1], Way(THREE_CHAPTERS, DOWN_MBIT, 1000, runs=THREE_RUNS), 1.03),
    ]


@dataclass(frozen=True)
class Way:
    """What is hauled over which links; without a budget the spool has room for all."""

    chapters: tuple[Chapter, ...]
    down_mbit: int
    up_mbit: int
    budget: str | None = None
    runs: int = RUNS


def _figure(bench: Bench, name: str, way: Way, bar: float) -> Figure:
    first, *more = way.chapters
    down_bytes_s, up_bytes_s = way.down_mbit * MBIT, way.up_mbit * MBIT
    is_camera_slower = way.up_mbit > way.down_mbit
    with staged(bench.certificate, first, down_bytes_s, up_bytes_s, more=tuple(more)) as stage:
        links = Links(bench, stage, way.budget)
        slower: Subject = links.down if is_camera_slower else links.up
        other: Subject = links.up if is_camera_slower else links.down
        costs = in_turn([links.whole, slower, links.start], way.runs) | in_turn([other], 1)
    wall = {name: wall_s(found) for name, found in costs.items()}
    leg, after = ("down", "up") if is_camera_slower else ("up", "down")
    told = f"; spool budget {way.budget}" if way.budget else ""
    return Figure(
        name,
        (wall["whole"] - wall["start"]) / wall[leg],
        "ratio",
        bar,
        NOTE.format(
            count=len(way.chapters),
            size=first.size_bytes // MIB,
            down=way.down_mbit,
            up=way.up_mbit,
            runs=way.runs,
            budget=told,
        ),
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
    sessions: count[int] = field(default_factory=count)

    @cached_property
    def crcs(self) -> list[int]:
        return [chapter.crc() for chapter in self.stage.chapters]

    def whole(self) -> Mapping[str, Cost]:
        session_id = f"way-{next(self.sessions)}"
        cost = self.bench.run(self.bench.client.haul(self.stage, session_id, self.budget))
        self.bench.demand_home(self.stage, session_id, *self.crcs)
        self.bench.forget()
        return {"whole": cost}

    def start(self) -> Mapping[str, Cost]:
        return {"start": self.bench.run(self.bench.client.nothing())}

    def down(self) -> Mapping[str, Cost]:
        card = f"{self.stage.camera.url()}/videos/DCIM"
        addresses = [f"{card}/{chapter.path}" for chapter in self.stage.chapters]
        return {"down": self.bench.run(curl_downloads(addresses, self._file("down")))}

    def up(self) -> Mapping[str, Cost]:
        file = self._file("chapter")
        if not file.exists():
            # All chapters in one: a connection for each would be curl's loss.
            Chapter(self._size_bytes).write(file)
        upload = curl_upload(self.bench.certificate)
        return {"up": self.bench.run(upload(self.stage.cloud.storage_url(), file))}

    def _file(self, name: str) -> Path:
        return self.bench.folder / f"{name}-{self._size_bytes}"

    @property
    def _size_bytes(self) -> int:
        return sum(chapter.size_bytes for chapter in self.stage.chapters)
