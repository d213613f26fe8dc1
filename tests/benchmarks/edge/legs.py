"""What each leg of the client costs in CPU beside curl and the SDKs: 512 MiB down to disk, 1 GiB up over TLS."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

from tests.benchmarks.edge.bench import Bench, Subject, cpu_s, in_turn
from tests.benchmarks.edge.chapter import Chapter
from tests.benchmarks.edge.peers import BOTO3_CRC64NVME, PINNED, Upload, curl_download, curl_upload, durable
from tests.benchmarks.edge.running import Cost, Failed
from tests.benchmarks.edge.stage import MIB, Stage, staged
from tests.benchmarks.figures import RUNS, Figure

UP = ("upload_cpu_vs_curl_tls", "upload_cpu_vs_best_sdk_tls", "upload_cpu_vs_boto3_crc64nvme_tls")
DOWN = ("download_cpu_vs_curl",)
SENT = Chapter(1024 * MIB)
# Measured: with a GiB a run, a virtual machine that gives free memory back to its host makes each cost up to twice that
# of the one before, whoever it is.
FETCHED = Chapter(512 * MIB)
PART_BYTES = 16 * MIB
# Measured: whoever sends over loopback takes one of two costs, a third apart, for no reason of its own; so more runs.
SENDING_RUNS = 9


def sending(bench: Bench) -> list[Figure]:
    """The upload leg, from the spool. Raises Failed when there is no SDK to be had."""
    if not set(PINNED) & set(bench.peers.uploads):
        raise Failed(f"no SDK{bench.peers.note()}")
    loaded = os.getloadavg()[0]
    with staged(bench.certificate, SENT, part_size_bytes=PART_BYTES) as stage:
        legs = Pipeline(bench, stage)
        file = SENT.write(bench.folder / "chapter")
        (bench.folder / "byte").write_bytes(b"x")
        uploads = {"curl": curl_upload(bench.certificate), **bench.peers.uploads}
        subjects: list[Subject] = [legs.up, legs.start]
        subjects += [partial(legs.peer_up, name, upload, file) for name, upload in uploads.items()]
        cpu = _cpu_s_per_gib(subjects, SENT, SENDING_RUNS)
        ciphers = ", ".join(stage.cloud.negotiated())
    file.unlink()
    note = f"CPU s/GiB less each program's start; {ciphers}; 16 MiB parts; load average before: {loaded:.1f}"
    return sending_figures(cpu, note, bench.peers.note())


def fetching(bench: Bench) -> list[Figure]:
    """The download leg, to the disk."""
    loaded = os.getloadavg()[0]
    with staged(bench.certificate, FETCHED, part_size_bytes=PART_BYTES) as stage:
        legs = Pipeline(bench, stage)
        cpu = _cpu_s_per_gib([legs.down, legs.start, legs.curl_down], FETCHED, RUNS)
    down = cpu["down"] - cpu["start"]
    return [
        Figure(
            DOWN[0],
            down / cpu["curl_down"],
            "ratio",
            0.8,
            f"CPU s/GiB of {FETCHED.size_bytes // MIB} MiB less our start; the real command gets no part URL and is "
            "killed when all parts are spooled, each with fsync; curl -o, then sync -f; "
            f"load average before: {loaded:.1f}",
            {
                "ours_s_per_gib": down,
                "curl_sync_s_per_gib": cpu["curl_down"],
                "ours_start_s_per_gib": cpu["start"],
            },
        )
    ]


def _cpu_s_per_gib(subjects: Sequence[Subject], chapter: Chapter, runs: int) -> dict[str, float]:
    """The medians by name, after a run to warm up; a start's seconds too are per GiB, so that they can be taken off."""
    in_turn(subjects, 1)
    gib = chapter.size_bytes / 1024 / MIB
    return {name: cpu_s(found) / gib for name, found in in_turn(subjects, runs).items()}


@dataclass
class Pipeline:
    """The subjects, each checked for having done the whole work."""

    bench: Bench
    stage: Stage
    sessions: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.size_bytes = self.stage.chapter.size_bytes
        self.crc = self.stage.chapter.crc()

    def up(self) -> Mapping[str, Cost]:
        """The client's second leg, from the disk to S3."""
        session_id = self._fetched()[0]
        cost = self.bench.run(self.bench.client.haul(self.stage, session_id, "1TiB"))
        self.bench.demand_home(self.stage, session_id, self.crc)
        self.bench.forget()
        return {"up": cost}

    def down(self) -> Mapping[str, Cost]:
        """The client's first leg, from the camera to the disk."""
        cost = self._fetched()[1]
        self.bench.forget()
        return {"down": cost}

    def _fetched(self) -> tuple[str, Cost]:
        session_id = f"leg-{next(self.sessions)}"
        self._warm()
        return session_id, self.bench.fetch_only(self.stage, session_id, self.size_bytes // PART_BYTES)

    def _warm(self) -> None:
        self.bench.warm(self.size_bytes * 3 // 2)

    def start(self) -> Mapping[str, Cost]:
        return {"start": self.bench.run(self.bench.client.nothing())}

    def curl_down(self) -> Mapping[str, Cost]:
        path = self.bench.folder / "down"
        self._warm()
        address = f"{self.stage.camera.url()}/videos/DCIM/{self.stage.chapter.path}"
        cost = self.bench.run(durable(curl_download(address, path), path))
        self._refuse_unless("curl", path.stat().st_size, self.size_bytes)
        path.unlink()
        return {"curl_down": cost}

    def peer_up(self, name: str, upload: Upload, file: Path) -> Mapping[str, Cost]:
        """A whole upload, and one of a single byte: what the program costs before it does anything."""
        return {
            f"{name}_start": self._uploaded(name, upload, self.bench.folder / "byte"),
            name: self._uploaded(name, upload, file),
        }

    def _uploaded(self, name: str, upload: Upload, file: Path) -> Cost:
        cost = self.bench.run_peer(upload(self.stage.cloud.storage_url(), file))
        self._refuse_unless(name, self.stage.cloud.size_of(name), file.stat().st_size)
        return cost

    def _refuse_unless(self, name: str, size_bytes: int | None, wanted_bytes: int) -> None:
        if size_bytes != wanted_bytes:
            raise Failed(f"{name} moved {size_bytes} of {wanted_bytes} bytes: nothing here means anything")


def sending_figures(cpu: Mapping[str, float], note: str, absent: str) -> list[Figure]:
    """The upload's figures from CPU s/GiB by name; `{name}_start` is what a program costs before it sends."""
    up = cpu["up"] - cpu["start"]
    ours = {"ours_s_per_gib": up, "ours_start_s_per_gib": cpu["start"]}
    peers = {
        name: cpu[name] - cpu[f"{name}_start"] for name in ("curl", *PINNED, BOTO3_CRC64NVME) if name in cpu
    }
    sdks = {name: peers[name] for name in PINNED if name in peers}
    best = min(sdks, key=lambda name: sdks[name])
    trust = "from the spool, the client trusts the certificate by a certifi of the benchmark's own"

    def over(name: str, bar: float, peer: str, beside: Mapping[str, float], more: str) -> Figure:
        seconds = {f"{other}_s_per_gib": value for other, value in beside.items()}
        return Figure(name, up / peers[peer], "ratio", bar, f"{note}; {more}", {**ours, **seconds})

    return [
        over(UP[0], 1.4, "curl", {"curl": peers["curl"]}, trust),
        over(UP[1], 0.8, best, sdks, f"best: {best}{absent}"),
        over(UP[2], 1.0, BOTO3_CRC64NVME, {BOTO3_CRC64NVME: peers[BOTO3_CRC64NVME]}, "CRC64NVME by awscrt"),
    ]
