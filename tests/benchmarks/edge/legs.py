"""What each leg of the client costs in CPU beside curl and the SDKs: 1 GiB down to disk, 1 GiB up over TLS."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

from tests.benchmarks.edge.bench import Bench, Subject, cpu_s, in_turn
from tests.benchmarks.edge.card import Chapter
from tests.benchmarks.edge.peers import Upload, curl_download, curl_upload, durable
from tests.benchmarks.edge.running import Cost, Failed
from tests.benchmarks.edge.stage import MIB, Stage, staged
from tests.benchmarks.figures import RUNS, Figure

NAMES = ("upload_cpu_vs_curl_tls", "upload_cpu_vs_best_sdk_tls", "download_cpu_vs_curl")
CHAPTER = Chapter(1024 * MIB)
PARTS = 64
WARM_BYTES = CHAPTER.size_bytes * 3 // 2


def measured(bench: Bench) -> list[Figure]:
    loaded = os.getloadavg()[0]
    with staged(bench.certificate, CHAPTER) as stage:
        legs = Legs(bench, stage)
        file = CHAPTER.write(bench.folder / "chapter")
        (bench.folder / "byte").write_bytes(b"x")
        uploads = {"curl": curl_upload(bench.certificate), **bench.peers.uploads}
        subjects: list[Subject] = [legs.client, legs.start, legs.curl_down]
        subjects += [partial(legs.peer_up, name, upload, file) for name, upload in uploads.items()]
        in_turn(subjects, 1)  # warm
        costs = in_turn(subjects, RUNS)
        ciphers = ", ".join(stage.cloud.negotiated())
    file.unlink()
    cpu = {name: cpu_s(found) for name, found in costs.items()}
    return _figures(cpu, ciphers, bench.peers.note(), f"load average before: {loaded:.1f}")


@dataclass
class Legs:
    """The subjects, each checked for having done the whole work."""

    bench: Bench
    stage: Stage
    crc: int = CHAPTER.crc()
    sessions: count[int] = field(default_factory=count)

    def client(self) -> Mapping[str, Cost]:
        """Both legs of the client, the first from the camera to the disk, the second from there to S3."""
        session_id = f"leg-{next(self.sessions)}"
        self.bench.warm(WARM_BYTES)
        down = self.bench.fetch_only(self.stage, session_id, PARTS)
        up = self.bench.run(self.bench.client.haul(self.stage, session_id, "1TiB"))
        self.bench.refuse_unless_home(self.stage, session_id, self.crc)
        self.bench.forget()
        return {"down": down, "up": up}

    def start(self) -> Mapping[str, Cost]:
        return {"start": self.bench.run(self.bench.client.nothing())}

    def curl_down(self) -> Mapping[str, Cost]:
        path = self.bench.folder / "down"
        self.bench.warm(WARM_BYTES)
        address = f"{self.stage.camera.url()}/videos/DCIM/{CHAPTER.path}"
        cost = self.bench.run(durable(curl_download(address, path), path))
        self._refuse_unless("curl", path.stat().st_size, CHAPTER.size_bytes)
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


def _figures(cpu: Mapping[str, float], ciphers: str, absent: str, load: str) -> list[Figure]:
    """CPU seconds a GiB, as the chapter has one."""
    up, down = cpu["up"] - cpu["start"], cpu["down"] - cpu["start"]
    sdks = {name: cpu[name] - cpu[f"{name}_start"] for name in ("boto3", "aws-cli", "s5cmd") if name in cpu}
    curl = cpu["curl"] - cpu["curl_start"]
    best = min(sdks, key=lambda name: sdks[name])
    started = {"ours_start_s": cpu["start"]}
    peers = {f"{name}_s_per_gib": value for name, value in sdks.items()}
    note = f"CPU s/GiB less each program's start; {ciphers}; 16 MiB parts; {load}"
    return [
        Figure(
            "upload_cpu_vs_curl_tls",
            up / curl,
            "ratio",
            1.4,
            f"{note}; from the spool, the client trusts the certificate by a certifi of the benchmark's own",
            {"ours_s_per_gib": up, "curl_s_per_gib": curl, **started},
        ),
        Figure(
            "upload_cpu_vs_best_sdk_tls",
            up / sdks[best],
            "ratio",
            0.8,
            f"{note}; best: {best}{absent}",
            {"ours_s_per_gib": up, **peers, **started},
        ),
        Figure(
            "download_cpu_vs_curl",
            down / cpu["curl_down"],
            "ratio",
            0.8,
            "CPU s/GiB less our start; the real command gets no part URL and is killed when all parts are spooled, "
            f"each with fsync; curl -o, then sync -f; {load}",
            {"ours_s_per_gib": down, "curl_sync_s_per_gib": cpu["curl_down"], **started},
        ),
    ]
