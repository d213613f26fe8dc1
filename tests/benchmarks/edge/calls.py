"""How many calls of the coordinator a part costs: as parts come from a slow camera, and as they wait in the spool."""

from __future__ import annotations

from collections.abc import Mapping

from infra.local.link import MBIT
from tests.benchmarks.edge.bench import Bench
from tests.benchmarks.edge.chapter import Chapter
from tests.benchmarks.edge.stage import MIB, Stage, staged
from tests.benchmarks.figures import Figure

NAMES = ("api_calls_per_part_camera", "api_calls_per_part_backlog")
PARTS = 96
CHAPTER = Chapter(PARTS * MIB)
HEARTBEAT = "progress"
SLOW_CAMERA = 100 * MBIT


def measured(bench: Bench) -> list[Figure]:
    camera, backlog = _from_camera(bench), _from_spool(bench)
    note = f"{PARTS} parts of 1 MiB; every call of one haul but heartbeats"
    return [
        Figure(
            NAMES[0],
            _calls(camera) / PARTS,
            "calls",
            1.1,
            f"{note}; camera paced to 100 Mbit/s, S3 unpaced",
            _shown(camera),
        ),
        Figure(
            NAMES[1],
            _calls(backlog) / PARTS,
            "calls",
            0.2,
            f"{note}; every part in the spool before",
            _shown(backlog),
        ),
    ]


def _from_camera(bench: Bench) -> Mapping[str, int]:
    with staged(bench.certificate, CHAPTER, down_bytes_s=SLOW_CAMERA, part_size_bytes=MIB) as stage:
        return _hauled(bench, stage)


def _from_spool(bench: Bench) -> Mapping[str, int]:
    with staged(bench.certificate, CHAPTER, part_size_bytes=MIB) as stage:
        bench.fetch_only(stage, "calls", PARTS)
        return _hauled(bench, stage)


def _hauled(bench: Bench, stage: Stage) -> Mapping[str, int]:
    stage.cloud.calls()
    bench.run(bench.client.haul(stage, "calls", "1TiB"))
    calls = stage.cloud.calls()
    bench.demand_home(stage, "calls", CHAPTER.crc())
    bench.forget()
    return calls


def _calls(calls: Mapping[str, int]) -> int:
    return sum(count for kind, count in calls.items() if kind != HEARTBEAT)


def _shown(calls: Mapping[str, int]) -> Mapping[str, float]:
    """Kind by kind; a haul that signed each part alone and did nothing else would have `one_a_part` calls a part."""
    return {**{f"{kind}_calls": float(count) for kind, count in calls.items()}, "one_a_part": 1.0}
