"""Indexing six hours of frames, the lake included, beside json.loads of the whole and a Parquet by pyarrow."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.figures import Figure
from tests.benchmarks.measurements.documents import LONG, SHORT, chunks, document
from tests.benchmarks.measurements.processes import Run, demand_same, medians_of, peak_mib, run

RUNS = 3
MIB = 2**20


def figures() -> list[Figure]:
    """Time beside the peer, and memory."""
    ours: list[Run] = []
    theirs: list[Run] = []
    for _ in range(RUNS):
        ours.append(run("index", document(LONG)))
        theirs.append(run("peer", document(LONG)))
    demand_same(*({**each.answer, "peak_mib": None} for each in (*ours, *theirs)))
    short = [run("index", document(SHORT)) for _ in range(RUNS)]
    started = [run("start") for _ in range(RUNS)]
    return [_time(ours, theirs), *_memory(ours, short, theirs, started)]


def _time(ours: list[Run], theirs: list[Run]) -> Figure:
    our_cpu_s, our_wall_s, _ = medians_of(ours)
    their_cpu_s, their_wall_s, _ = medians_of(theirs)
    ratios = {"cpu_ratio": our_cpu_s / their_cpu_s, "wall_ratio": our_wall_s / their_wall_s}
    peers = {
        **ratios,
        "ours_cpu_s": our_cpu_s,
        "ours_wall_s": our_wall_s,
        "peer_cpu_s": their_cpu_s,
        "peer_wall_s": their_wall_s,
    }
    note = f"{LONG} frames; whole processes, medians of {RUNS} in turns; the larger of both ratios"
    return Figure("index_time_vs_json_pyarrow_648k", max(ratios.values()), "ratio", 1.2, note, peers)


def _memory(ours: list[Run], short: list[Run], theirs: list[Run], started: list[Run]) -> list[Figure]:
    long_mib, short_mib, peer_mib = (medians_of(runs)[2] for runs in (ours, short, theirs))
    start_mib, bare_mib = medians_of(started)[2], started[0].answer["bare_mib"]
    own_mib, own_short_mib = (each - (start_mib - bare_mib) for each in (long_mib, short_mib))
    peers = {
        "with_pyarrow_mib": long_mib,
        "pyarrow_start_mib": start_mib - bare_mib,
        "short_mib": own_short_mib,
        "peer_mib": peer_mib,
    }
    note = "less what a process holds more that has imported pyarrow and made one array"
    return [
        Figure("index_648k_rss_mib", own_mib, "MiB", 250, note, peers),
        Figure(
            "index_rss_growth_648k_over_108k",
            own_mib / own_short_mib,
            "ratio",
            1.2,
            note,
            {"long_mib": own_mib, "short_mib": own_short_mib},
        ),
    ]


def index(source: str) -> dict[str, Any]:
    """In a process of its own: index a file as the function does, and say what the lake has of it."""
    from tests.support.indexes import make_index

    with tempfile.TemporaryDirectory() as folder:
        made = make_index(lambda: chunks(Path(source)), Path(folder))
        if made.record.quarantine:
            raise SystemExit(made.record.quarantine)
        peak = peak_mib()
        return {**_facts(Path(folder) / "papi.parquet", "papi_a_angle", "papi_d_rgb_r"), "peak_mib": peak}


def peer(source: str) -> dict[str, Any]:
    """In a process of its own: decode the whole document and write it with what pyarrow brings."""
    import pyarrow
    import pyarrow.parquet

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "peer.parquet"
        table = pyarrow.Table.from_pylist(json.loads(gzip.decompress(Path(source).read_bytes()))["frames"])
        pyarrow.parquet.write_table(table, path, compression="snappy")
        peak = peak_mib()
        return {**_facts(path, "papi_a.angle", "papi_d.rgb.r"), "peak_mib": peak}


def start() -> dict[str, Any]:
    """In a process of its own: what pyarrow holds before it has done anything."""
    bare_mib = peak_mib()
    import pyarrow
    import pyarrow.parquet

    # The first array imports pandas, where there is one.
    pyarrow.array([1.0, None], pyarrow.float64())
    return {"bare_mib": bare_mib, "peak_mib": peak_mib()}


def _facts(path: Path, angle: str, red: str) -> dict[str, Any]:
    """What a Parquet file has of the frames: the same for ours and for theirs, or one of them lost something."""
    import pyarrow.parquet

    file = pyarrow.parquet.ParquetFile(path)
    sums = {"frames": 0, "angles": 0.0, "reds": 0.0, "last": 0}
    for batch in file.iter_batches(columns=["frame_number", angle, red]):
        rows = pyarrow.Table.from_batches([batch]).flatten().flatten().to_pydict()
        numbers, angles, reds = (list(each) for each in rows.values())
        sums["frames"] += len(numbers)
        sums["last"] = numbers[-1]
        sums["angles"] += sum(angles)
        sums["reds"] += sum(reds)
    return {**sums, "angles": round(sums["angles"], 3)}
