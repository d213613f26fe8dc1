"""How soon a chapter can be watched, and what its proxy costs the whole haul, beside curl on the same link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from infra.local.link import MBIT
from tests.benchmarks.edge.bench import Bench, Subject, in_turn, wall_s
from tests.benchmarks.edge.chapter import Chapter
from tests.benchmarks.edge.peers import curl_upload
from tests.benchmarks.edge.running import Cost, Failed, Running
from tests.benchmarks.edge.stage import MIB, Stage, staged
from tests.benchmarks.figures import Figure

PLAYABLE = ("proxy_playable_s_100mbit",)
WHOLE = ("originals_makespan_with_proxies",)
# As in issue 887 of gopro/OpenGoPro: a chapter of 11,536,686,945 bytes with a proxy of 398,932,276.
LARGE = Chapter(11_536_686_945, proxy_bytes=398_932_276)
# The same share of a chapter that a benchmark can send whole. Each file begins with a part that is read before anything
# can be sent, 0.6 s here: of a real chapter that is a thousandth.
SMALL = Chapter(2048 * MIB, proxy_bytes=72 * MIB)
UP_MBIT = 100
# A good USB link.
DOWN_MBIT = 240
RUNS = 3
LOOK_MS = 20


def playable(bench: Bench) -> list[Figure]:
    """From the start of the command to the proxy's receipt; the chapter itself has only begun by then."""
    with staged(bench.certificate, LARGE, DOWN_MBIT * MBIT, UP_MBIT * MBIT) as stage:
        proxy = Chapter(LARGE.proxy_bytes).write(bench.folder / "proxy")
        way = Proxies(bench, stage, proxy)
        subjects: list[Subject] = [way.until_playable, way.curl]
        costs = in_turn(subjects, RUNS)
        proxy.unlink()
    ours_s, curl_s = wall_s(costs["playable"]), wall_s(costs["curl"])
    note = (
        f"a proxy of {LARGE.proxy_bytes / 1e6:.0f} MB of a chapter of {LARGE.size_bytes / 1e9:.1f} GB, camera "
        f"{DOWN_MBIT} Mbit/s, S3 {UP_MBIT} Mbit/s over TLS; from the start of the command to the proxy's receipt, the "
        f"thumbnail's before it, over curl's PUT of the same bytes; medians of {RUNS}"
    )
    return [
        Figure(PLAYABLE[0], ours_s / curl_s, "ratio", 1.1, note, {"ours_s": ours_s, "curl_put_s": curl_s})
    ]


def whole(bench: Bench) -> list[Figure]:
    """The whole haul, proxy first, over the slower leg alone for all of its bytes."""
    with staged(bench.certificate, SMALL, DOWN_MBIT * MBIT, UP_MBIT * MBIT) as stage:
        everything = Chapter(SMALL.size_bytes + SMALL.proxy_bytes).write(bench.folder / "all")
        way = Proxies(bench, stage, everything, SMALL.crc())
        # Three minutes each: what varies from run to run is less than a second.
        subjects: list[Subject] = [way.whole, way.curl]
        costs = in_turn(subjects, 1) | in_turn([way.start], RUNS)
        everything.unlink()
    wall = {name: wall_s(found) for name, found in costs.items()}
    note = (
        f"{SMALL.size_bytes // MIB} MiB with a proxy of {SMALL.proxy_bytes // MIB} MiB and a thumbnail, camera "
        f"{DOWN_MBIT} Mbit/s, S3 {UP_MBIT} Mbit/s over TLS; wall of the whole command less that of its start, over "
        "curl's PUT of all the bytes; one run each"
    )
    peers = {
        "ours_with_start_s": wall["whole"],
        "ours_start_s": wall["start"],
        "slower_leg_s": wall["curl"],
    }
    return [Figure(WHOLE[0], (wall["whole"] - wall["start"]) / wall["curl"], "ratio", 1.03, note, peers)]


@dataclass
class Proxies:
    """Hauls of the stage's chapter, and curl with as many bytes."""

    bench: Bench
    stage: Stage
    file: Path
    crc: int = 0
    sessions: count[int] = field(default_factory=count)

    def until_playable(self) -> Mapping[str, Cost]:
        session_id = f"proxy-{next(self.sessions)}"
        self.bench.settle()
        with Running(self.bench.client.haul(self.stage, session_id), self.bench.log) as running:
            while not self.stage.cloud.has_proxy(session_id):
                if running.is_over(LOOK_MS):
                    raise running.failure("ended before its proxy was there")
            cost = running.kill()
        self._demand_proxy(session_id)
        self.bench.forget()
        return {"playable": cost}

    def whole(self) -> Mapping[str, Cost]:
        session_id = f"all-{next(self.sessions)}"
        cost = self.bench.run(self.bench.client.haul(self.stage, session_id))
        self.bench.demand_home(self.stage, session_id, self.crc)
        self._demand_proxy(session_id)
        self.bench.forget()
        return {"whole": cost}

    def start(self) -> Mapping[str, Cost]:
        return {"start": self.bench.run(self.bench.client.nothing())}

    def curl(self) -> Mapping[str, Cost]:
        upload = curl_upload(self.bench.certificate)
        return {"curl": self.bench.run(upload(self.stage.cloud.storage_url(), self.file))}

    def _demand_proxy(self, session_id: str) -> None:
        found = self.stage.cloud.proxy_bytes(session_id)
        if found != self.stage.chapter.proxy_bytes:
            raise Failed(f"session {session_id} has a proxy of {found} bytes: nothing here means anything")
