"""The most memory that the client holds while it hauls one chapter of 12 GiB, and whether size matters to it."""

from __future__ import annotations

from collections.abc import Mapping

from tests.benchmarks.edge.bench import Bench
from tests.benchmarks.edge.chapter import Chapter
from tests.benchmarks.edge.client import report
from tests.benchmarks.edge.peers import curl_upload
from tests.benchmarks.edge.stage import MIB, staged
from tests.benchmarks.figures import Figure

NAMES = ("peak_rss_mib_12gib", "rss_growth_12_over_1")
SMALL = Chapter(1024 * MIB)
LARGE = Chapter(12 * 1024 * MIB)


def measured(bench: Bench) -> list[Figure]:
    """One run each: memory differs little from run to run, and 12 GiB take minutes."""
    small, large = _hauled(bench, SMALL), _hauled(bench, LARGE)
    peers = {"ours_12gib": large, "ours_1gib": small, **_peers(bench)}
    note = (
        "VmHWM of the whole command, camera to S3 over TLS, links unpaced, one run each; peers upload 1 GiB"
    )
    return [
        Figure(NAMES[0], large, "MiB", 100, note + bench.peers.note(), peers),
        Figure(NAMES[1], large / small, "ratio", 1.1, note, {"ours_12gib": large, "ours_1gib": small}),
    ]


def _hauled(bench: Bench, chapter: Chapter) -> float:
    """The larger of what was seen from outside, now and then, and what the client's report says of itself."""
    with staged(bench.certificate, chapter) as stage:
        cost = bench.run(bench.client.haul(stage, "memory"))
        bench.demand_home(stage, "memory", chapter.crc())
    bench.forget()
    return max(cost.peak_rss_mib, float(report(bench.log)["peak_rss_mib"]))


def _peers(bench: Bench) -> Mapping[str, float]:
    file = SMALL.write(bench.folder / "chapter")
    with staged(bench.certificate, SMALL) as stage:
        uploads = {"curl": curl_upload(bench.certificate), **bench.peers.uploads}
        found = {
            f"{name}_1gib": bench.run_peer(upload(stage.cloud.storage_url(), file)).peak_rss_mib
            for name, upload in uploads.items()
        }
    file.unlink()
    return found
