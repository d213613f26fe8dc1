"""Demo footage: a recording of three chapters, structurally as a GoPro writes them, that a browser can play."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import av
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from infra.local import gopro_file as gopro_file_module
from infra.local.footage import scene as scene_module
from infra.local.footage import truth as truth_module
from infra.local.footage.scene import draw
from infra.local.footage.truth import LIGHTS, Film, FrameTruth, LightTruth, Status, truth
from infra.local.gopro_file import GproHeader, from_plain_mp4

__all__ = [
    "DEMO_FOLDER",
    "LIGHTS",
    "Film",
    "FrameTruth",
    "LightTruth",
    "Progress",
    "Status",
    "chapter_bytes",
    "chapter_files",
    "make_footage",
    "truth",
    "twins",
]

DEMO_FOLDER = Path("build/footage")
RECORDING = 38
HEADER = GproHeader(
    serial="C3501324500711", firmware="H23.01.02.32.00", model="HERO12 Black", lens_serial="LXR2110500712643"
)
KEY_FILE = "footage.json"
PROXY_SHARE = 4
CODEC_OPTIONS = {
    "libx264": {"profile": "baseline"},
    "libx265": {"x265-params": "log-level=none:pools=none:frame-threads=1"},
}

Progress = Callable[[int, int], None]


def make_footage(folder: Path, progress: Progress, film: Film = Film()) -> list[Path]:  # noqa: B008 - a frozen value
    """The chapters GX010038.MP4, … in `folder`, made now unless they are there already and whole.

    Beside each are its proxy and its thumbnail, under a camera's names. `progress` gets the frames done and all frames,
    once for every second of film.
    """
    paths = [folder / f"GX{chapter:02}{RECORDING:04}.MP4" for chapter in range(1, film.chapters + 1)]
    made = [beside for path in paths for beside in (path, *twins(path))]
    if _is_made(folder, made, film):
        return paths
    folder.mkdir(parents=True, exist_ok=True)
    for chapter, path in enumerate(paths, start=1):
        for name, data in zip((path, *twins(path)), chapter_files(film, chapter, progress), strict=True):
            _put(name, data)
    _put(folder / KEY_FILE, json.dumps(_record(made, film)).encode())
    return paths


def twins(path: Path) -> tuple[Path, Path]:
    """Where a camera keeps the proxy and the thumbnail of a chapter."""
    return path.with_name(f"GL{path.stem[2:]}.LRV"), path.with_suffix(".THM")


def chapter_bytes(film: Film, chapter: int, progress: Progress = lambda _done, _total: None) -> bytes:
    """One whole chapter, 1-based: after a GPRO header, `moov` last; in H.264 any browser plays it."""
    original = _Encoder(film, film.codec, film.width, film.height, film.bit_rate)
    for frame in _frames(film, chapter, progress):
        original.add(frame)
    return original.finish()


def chapter_files(
    film: Film, chapter: int, progress: Progress = lambda _done, _total: None
) -> tuple[bytes, bytes, bytes]:
    """One whole chapter with its proxy, H.264 of a quarter of the width and height, and its thumbnail, a JPEG."""
    width, height = _even(film.width // PROXY_SHARE), _even(film.height // PROXY_SHARE)
    original = _Encoder(film, film.codec, film.width, film.height, film.bit_rate)
    proxy = _Encoder(film, "libx264", width, height, film.bit_rate // PROXY_SHARE**2)
    thumbnail = b""
    for frame in _frames(film, chapter, progress):
        small = frame.reformat(width, height, "yuv420p")
        thumbnail = thumbnail or _jpeg(small)
        original.add(frame)
        proxy.add(small)
    return original.finish(), proxy.finish(), thumbnail


def _even(pixels: int) -> int:
    return max(2, pixels // 2 * 2)


def _jpeg(frame: av.VideoFrame) -> bytes:
    codec = av.CodecContext.create("mjpeg", "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = frame.width, frame.height, "yuvj420p"
    codec.time_base = Fraction(1, 1)
    codec.thread_count = 1
    picture = frame.reformat(format="yuvj420p")
    return b"".join(bytes(packet) for packet in [*codec.encode(picture), *codec.encode(None)])


class _Encoder:
    """One file of a chapter on its way, in the form that a camera gives it."""

    def __init__(self, film: Film, codec: str, width: int, height: int, bit_rate: int) -> None:
        self._plain = io.BytesIO()
        self._container = av.open(self._plain, "w", format="mp4", options={"fflags": "+bitexact"})
        # The number of threads changes the bytes, so it is fixed; a key frame a second lets a player jump.
        options = {"preset": "ultrafast", "threads": "1", "g": str(film.fps)}
        stream = self._container.add_stream(codec, rate=film.fps, options=options | CODEC_OPTIONS[codec])
        assert isinstance(stream, VideoStream)
        self._stream = stream
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        self._stream.bit_rate = bit_rate
        if codec == "libx265":
            # As cameras mark HEVC, and the only mark that Apple's players take.
            self._stream.codec_context.codec_tag = "hvc1"

    def add(self, frame: av.VideoFrame) -> None:
        """One more frame."""
        self._container.mux(self._stream.encode(frame))

    def finish(self) -> bytes:
        """The file; no frame comes after it."""
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return from_plain_mp4(self._plain.getvalue(), HEADER)


def _frames(film: Film, chapter: int, progress: Progress) -> Iterator[av.VideoFrame]:
    first = (chapter - 1) * film.frames_per_chapter
    for number in range(film.frames_per_chapter):
        frame = av.VideoFrame.from_ndarray(draw(first + number, film), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, film.fps)
        yield frame
        if (number + 1) % film.fps == 0 or number + 1 == film.frames_per_chapter:
            progress(first + number + 1, film.frames)


def _is_made(folder: Path, paths: list[Path], film: Film) -> bool:
    try:
        return bool(json.loads((folder / KEY_FILE).read_bytes()) == _record(paths, film))
    except (OSError, ValueError):
        return False


def _record(paths: list[Path], film: Film) -> dict[str, object]:
    return {"key": _key(film), "sizes": {path.name: path.stat().st_size for path in paths}}


def _key(film: Film) -> str:
    """Changes with all that the bytes depend on: film, drawing, header, libraries."""
    modules = (__file__, scene_module.__file__, truth_module.__file__, gopro_file_module.__file__)
    sources = [Path(module).read_bytes() for module in modules if module]
    text = json.dumps([asdict(film), asdict(HEADER), av.__version__, str(av.library_versions)])
    return hashlib.sha256(b"".join([*sources, text.encode()])).hexdigest()


def _put(path: Path, data: bytes) -> None:
    """Writes a file whole or not at all, so that two makers cannot spoil each other's."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    Path(name).replace(path)
