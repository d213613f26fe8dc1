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
    "make_footage",
    "truth",
]

DEMO_FOLDER = Path("build/footage")
RECORDING = 38
HEADER = GproHeader(
    serial="C3501324500711", firmware="H23.01.02.32.00", model="HERO12 Black", lens_serial="LXR2110500712643"
)
KEY_FILE = "footage.json"

Progress = Callable[[int, int], None]


def make_footage(folder: Path, progress: Progress, film: Film = Film()) -> list[Path]:  # noqa: B008 - a frozen value
    """The chapters GX010038.MP4, … in `folder`, made now unless they are there already and whole.

    `progress` gets the frames done and all frames, once for every second of film.
    """
    paths = [folder / f"GX{chapter:02}{RECORDING:04}.MP4" for chapter in range(1, film.chapters + 1)]
    if _is_made(folder, paths, film):
        return paths
    folder.mkdir(parents=True, exist_ok=True)
    for chapter, path in enumerate(paths, start=1):
        _put(path, chapter_bytes(film, chapter, progress))
    _put(folder / KEY_FILE, json.dumps(_record(paths, film)).encode())
    return paths


def chapter_bytes(film: Film, chapter: int, progress: Progress = lambda _done, _total: None) -> bytes:
    """One whole chapter, 1-based: H.264 that any browser plays, after a GPRO header, `moov` last."""
    plain = io.BytesIO()
    with av.open(plain, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=film.fps, options=_encoder(film))
        stream.width, stream.height, stream.pix_fmt = film.width, film.height, "yuv420p"
        stream.bit_rate = film.bit_rate
        for frame in _frames(film, chapter, progress):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return from_plain_mp4(plain.getvalue(), HEADER)


def _encoder(film: Film) -> dict[str, str]:
    # The number of threads changes the bytes, so it is fixed; a key frame a second lets a player jump.
    return {"preset": "ultrafast", "threads": "1", "g": str(film.fps), "profile": "baseline"}


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
