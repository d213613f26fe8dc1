"""The measured file: frames of four lights as a zipped document, made once below build/."""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.figures import FOLDER
from tests.support import measurements
from tests.support.measurements import make_frame

LONG = 648_000
"""Six hours at 30 frames a second."""

SHORT = 108_000
_CHUNK_BYTES = 256 * 1024


def document(frames: int) -> Path:
    """A zipped document with so many frames; that of an older generator is not taken."""
    version = hashlib.sha256(Path(measurements.__file__).read_bytes()).hexdigest()[:8]
    path = FOLDER / f"frames-{frames}-{version}.json.gz"
    if not path.is_file():
        print(f"making {path}", flush=True)
        FOLDER.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.writelines(_zipped(_text(frames)))
        os.replace(part, path)
    return path


def chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, in pieces as large as those of S3."""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def _text(frames: int) -> Iterator[bytes]:
    yield b'{"frames": ['
    for number in range(frames):
        yield b", " * (number > 0) + json.dumps(make_frame(number)).encode()
    yield b'], "metadata": {"fps": 30}}'


def _zipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    deflater = zlib.compressobj(6, zlib.DEFLATED, 31)
    for piece in pieces:
        yield deflater.compress(piece)
    yield deflater.flush()
