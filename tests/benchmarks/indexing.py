"""Indexing an hour of frames beside json.loads of the whole, the older way to look at them. `make bench` runs it."""

import gzip
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from chalicelib.core.measurements import blocks
from chalicelib.core.measurements.indexing import Indexing
from chalicelib.core.measurements.ranges import Wanted, frames_of, span_of
from tests.benchmarks.figures import Figure, medians, write
from tests.support.measurements import FRAMES_A_SECOND, make_frame

FRAMES = 108_000
"""One hour at 30 a second."""

RUNS = 3
_CHUNK_BYTES = 256 * 1024


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        source, index = Path(folder) / "frames.json.gz", Path(folder) / "frames.jsonl.gz"
        _generate(source)
        ours, theirs = [], []
        for _ in range(RUNS):
            ours.append(_measured("index", source, index))
            theirs.append(_measured("load", source, index))
        figures = [*_pass(ours, theirs), _range(source, index)]
    return 0 if write("indexing", figures) else 1


def _pass(ours: list[tuple[float, float]], theirs: list[tuple[float, float]]) -> list[Figure]:
    (our_s, our_mb), (their_s, their_mb) = (
        [median(column) for column in zip(*runs, strict=True)] for runs in (ours, theirs)
    )
    note = f"{FRAMES} frames, zipped document; ours writes the index too; peers only load"
    return [
        Figure(
            "index_vs_json_loads",
            our_s / their_s,
            "ratio",
            3.0,
            note,
            {"ours_s": our_s, "json_loads_s": their_s},
        ),
        Figure("index_peak_rss_mb", our_mb, "MB", 64, "a process of its own", {"json_loads_mb": their_mb}),
    ]


def _range(source: Path, index: Path) -> Figure:
    """Ten seconds out of the middle: from the index as it was written, and from the whole document."""
    content = index.read_bytes()
    listed = blocks.decoded(index.with_suffix(".blocks").read_bytes())
    wanted = Wanted(from_s=1800, to_s=1810)

    def from_index() -> int:
        span = span_of(listed, wanted)
        if span is None:
            raise SystemExit("the range is empty: nothing here means anything")
        return len(frames_of(content[span.first_byte : span.last_byte + 1], span, wanted).frames)

    def from_document() -> int:
        frames = json.loads(gzip.decompress(source.read_bytes()))["frames"]
        return sum(1 for frame in frames if wanted.has(frame["frame_number"], frame["timestamp"]))

    if not from_index() == from_document() == 10 * FRAMES_A_SECOND:
        raise SystemExit("the two answers differ: nothing here means anything")
    ours, theirs = medians(from_index, from_document)
    peers = {"ours_s": ours, "json_loads_s": theirs}
    return Figure("range_10s_vs_json_loads", ours / theirs, "ratio", 0.05, "without the GETs", peers)


def _generate(path: Path) -> None:
    with gzip.open(path, "wb", compresslevel=6) as file:
        file.write(b'{"frames": [')
        for number in range(FRAMES):
            file.write(b", " * (number > 0) + json.dumps(make_frame(number)).encode())
        file.write(b'], "metadata": {"fps": 30}}')


def _measured(way: str, source: Path, index: Path) -> tuple[float, float]:
    """Seconds and peak megabytes of one way, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.indexing", way, str(source), str(index)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, megabytes = map(float, answer.stdout.split())
    return seconds, megabytes


def _index(source: Path, index: Path) -> None:
    indexing = Indexing("benchmark")
    with index.open("wb") as file:
        for block in indexing.blocks_of(_chunks(source)):
            file.write(block.member)
    index.with_suffix(".blocks").write_bytes(indexing.blocks())
    index.with_suffix(".summary").write_bytes(indexing.summary())
    if indexing.frames != FRAMES:
        raise SystemExit("frames are missing: nothing here means anything")


def _load(source: Path, _: Path) -> None:
    json.loads(gzip.decompress(source.read_bytes()))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _told(way: Callable[[Path, Path], None], source: str, index: str) -> None:
    start = time.perf_counter()
    way(Path(source), Path(index))
    # ru_maxrss counts KiB on Linux.
    print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _told({"index": _index, "load": _load}[sys.argv[1]], *sys.argv[2:])
    else:
        sys.exit(main())
